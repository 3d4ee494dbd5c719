/* mixer/speakers.h - who is heard: the K loudest, with hysteresis, so that nobody flickers. Pure.
 *
 * As long as there are places everyone who may speak has one and keeps it: in a room of K voices
 * nobody is ever cut. When all are taken, who speaks displaces who has been silent longest, and of
 * those who speak only one who was clearly quieter for a while. In a room with more voices than
 * places a place is given up after MIX_SPEAKERS_REST_TICKS of silence, so that nobody is decoded
 * and nothing is encoded for it. Music keeps its place more stubbornly, but not for ever: five open
 * microphones in original sound must not lock all others out.
 *
 * A newcomer is first `candidate`: the core warms up an output for it (it must not hear itself) and
 * says with mix_speakers_admit() when that is done. [tick] */
#ifndef MIXER_SPEAKERS_H
#define MIXER_SPEAKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mixer/mix.h"

enum {
    MIX_SPEAKERS_HOLD_TICKS = 40,   /* nobody is displaced sooner after coming in or last speaking */
    MIX_SPEAKERS_LOUDER_TICKS = 10, /* so long louder than the quietest who speaks ... */
    MIX_SPEAKERS_LOUDER_DB = 6,     /* ... by so much */
    MIX_SPEAKERS_REST_TICKS = 500,
    MIX_SPEAKERS_MUSIC_REST_TICKS = 1500, /* music has long rests */
    MIX_SPEAKERS_MUSIC_DB = 12,           /* and stands its ground as if it were louder by so much */
};

/* One voice as the choice sees it; lives in the input. */
struct mix_speaker {
    /* in, each tick */
    bool is_eligible;   /* there, not muted, somebody could hear it */
    bool is_original;   /* music: its place is not lost to a short silence, nor to a little louder */
    bool is_speaking;
    float dbov;         /* smoothed */
    /* the choice's own */
    bool is_candidate;  /* chosen, not yet admitted */
    bool is_in;
    uint32_t in_ticks;     /* since it came in */
    uint32_t silent_ticks; /* since it last spoke */
    uint32_t louder_ticks;
};

struct mix_speakers {
    size_t places; /* K */
    struct mix_speaker *members[MIX_SPEAKERS_MAX]; /* in and candidates; who leaves makes room */
    size_t count;
};

void mix_speakers_init(struct mix_speakers *s, size_t places);

/* One tick over all voices, in any order: sets is_candidate and is_in. What was in and is no longer
 * has is_in false on return; the caller fades it out. */
void mix_speakers_choose(struct mix_speakers *s, struct mix_speaker *const *voices, size_t count);

/* A candidate comes in. */
void mix_speakers_admit(struct mix_speakers *s, struct mix_speaker *v);

/* The voice is about to be freed. */
void mix_speakers_forget(struct mix_speakers *s, struct mix_speaker *v);

#endif
