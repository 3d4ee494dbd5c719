/* mixer/line.h - the sound of one voice: decoded frames that wait, and the tick being filled.
 *
 *      fifo (decoded, waiting)          ticks (history, then the tick in hand)
 *      [ at ... at+length )   ──play──▶ [ 480 before | 960 being filled ]
 *
 * Whatever does not continue what was played last (silence, a packet after a pause, a cut) is faded
 * in over 10 ms, while the last 10 ms played, mirrored in time, fade out: the mirror begins with
 * the very sample that ended, so there is no step and nothing had to be known ahead. All [tick],
 * save init and finish. */
#ifndef MIXER_LINE_H
#define MIXER_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mixer/mix.h"

enum {
    MIX_FADE_FRAMES = 480, /* 10 ms */
    MIX_FIFO_FRAMES = 8192,
};

struct mix_line {
    size_t channels;
    float *memory; /* of the three buffers; untouched before the voice is heard */
    float *fifo;   /* MIX_FIFO_FRAMES */
    size_t at;
    size_t length;
    float *ticks;   /* MIX_FADE_FRAMES of history, then MIX_TICK_FRAMES */
    size_t filled;  /* of the tick */
    float *tail;    /* what fades out, MIX_FADE_FRAMES */
    size_t fade_at; /* position in the fade; MIX_FADE_FRAMES: none */
    bool is_used;   /* there is a past to forget */
    size_t zeros;   /* frames of plain silence put last, in a row */
    bool is_smooth; /* what comes next continues what was played */
};

/* [ctl] Returns 0 or -ENOMEM; finish takes a half-made one. */
int mix_line_init(struct mix_line *line, size_t channels);
void mix_line_finish(struct mix_line *line);

/* Forgets everything, as if nothing had ever been played. */
void mix_line_rest(struct mix_line *line);

/* Begins a tick. */
void mix_line_begin(struct mix_line *line);

/* Frames that the tick still lacks. */
size_t mix_line_left(const struct mix_line *line);

/* Where the next `frames` decoded frames go, or NULL when there is no room for so many. */
float *mix_line_space(struct mix_line *line, size_t frames);
void mix_line_added(struct mix_line *line, size_t frames);

/* Leaves out frames at the front of the fifo. */
void mix_line_skip(struct mix_line *line, size_t frames);

/* The next sound does not continue the last. */
void mix_line_break(struct mix_line *line);

/* Moves from the fifo into the tick, until either is done; returns frames. */
size_t mix_line_play(struct mix_line *line);

/* The last `frames` played, at most MIX_FADE_FRAMES; they end where the next one goes. */
const float *mix_line_past(const struct mix_line *line, size_t frames);

/* Puts silence into the tick. */
void mix_line_silence(struct mix_line *line, size_t frames);

/* Nothing waits and all that can still be heard of the past has faded. */
bool mix_line_is_idle(const struct mix_line *line);

/* The tick, when it is full. */
const float *mix_line_pcm(const struct mix_line *line);

#endif
