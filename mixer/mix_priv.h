/* mixer/mix_priv.h - the inside of a mix, for its parts and their tests.
 *
 *     mix.c       made, freed; the tick
 *     listeners.c listeners and their profiles: [ctl]'s side, and what [tick] takes of it
 *     sound_play.c  sounds, the same way
 *     wish.c      what each listener should hear now                        [tick]
 *     switch.c    how he gets there without a click, and never hears himself  [tick] */
#ifndef MIXER_MIX_PRIV_H
#define MIXER_MIX_PRIV_H

#include "mixer/blend.h"
#include "mixer/input.h"
#include "mixer/mix.h"
#include "mixer/output.h"
#include "mixer/post.h"
#include "mixer/sound.h"
#include "mixer/speakers.h"

enum {
    MIX_WISHES_MAX = 512,
    MIX_GROUPS_MAX = 2048,
    MIX_PERSONAL_MAX = 64, /* gains of one listener */
    MIX_NO_WISH = UINT16_MAX,
};

/* What one listener asked for. Immutable; a change is a new one. */
struct mix_profile {
    struct mix_node retired;
    struct mix_input *own; /* NULL: hears everyone; [tick] clears it */
    bool is_deaf;
    bool is_plain; /* bus 0 alone, no gains of his own, not deaf */
    float buses[MIX_BUSES_MAX];
    size_t gain_count;
    struct mix_personal {
        uint64_t input; /* its id: inputs that are gone match nobody */
        float gain;
    } gains[];
};

struct mix_listener {
    /* fixed */
    struct mix *mix;
    void *ctx;
    struct mix_node add, remove, retired;
    /* [any] to [tick] */
    _Atomic int quality;
    /* [ctl] to [tick]: the newest profile, until it is taken */
    _Atomic(struct mix_profile *) posted;
    /* [ctl] */
    struct mix_listener *prev_known, *next_known;
    struct mix_input *own;
    struct mix_profile *newest; /* posted or the tick's; replaced before it is freed */
    bool is_removed;
    /* [tick], from its add message on */
    struct mix_listener *prev, *next;
    struct mix_listener *prev_ear, *next_ear; /* who has the same voice as his own */
    struct mix_profile *profile;
    struct mix_output *hears;       /* NULL: nothing */
    struct mix_output *next_output; /* warming up for him */
    uint16_t wish;
    bool was_told;  /* on_assign() named it */
    bool has_heard; /* his decoder has a past */
};

/* What somebody should hear. */
struct mix_wish {
    struct mix_gains gains;
    enum mix_quality quality;
    bool is_nothing;          /* not even packets */
    uint64_t hash;            /* of gains */
    struct mix_output *home;  /* the output on its own for it with the most listeners, or NULL */
    struct mix_output *fresh; /* made in this review out of silence */
};

/* Listeners of one output with one wish. */
struct mix_group {
    struct mix_output *output;
    uint32_t count;
    uint16_t wish;
    uint16_t next;              /* of the same output, or MIX_NO_WISH */
    struct mix_output *warming; /* for them */
};

struct mix_switch {
    struct mix_wish wishes[MIX_WISHES_MAX];
    uint32_t wish_count;
    uint16_t plain[MIX_QUALITIES][MIX_VOICES_MAX + 1]; /* of plain profiles, by place of own + 1 */
    struct mix_group groups[MIX_GROUPS_MAX];
    uint32_t group_count;
    bool must_review;
    bool is_moving; /* something waits for a tick to come */
};

struct mix {
    struct mix_conf conf;
    struct mix_sink sink;
    /* [ctl] everything there is, until it is freed */
    struct mix_input *known_inputs[MIX_INPUTS_MAX];
    struct mix_listener *known_listeners;
    struct mix_sound *known_sounds[MIX_SOUNDS_MAX];
    struct mix_output *known_outputs[MIX_OUTPUTS_MAX];
    uint32_t known_output_count;
    uint32_t known_listener_count;
    uint32_t special_count; /* listeners whose profile is not plain */
    uint64_t next_id;
    /* crossings */
    struct mix_post to_tick;
    struct mix_post to_ctl;
    atomic_bool must_look; /* at posted profiles and qualities */
    atomic_int pcm_wanted;
    atomic_uint_least64_t ticks, encodes, decodes, switches, pool_misses, starved;
    atomic_uint outputs_used, mixes, speakers_in;
    /* [tick] */
    struct mix_input *inputs[MIX_INPUTS_MAX];
    struct mix_speaker *voices[MIX_INPUTS_MAX]; /* of inputs, at the same index */
    size_t input_count;
    struct mix_speakers speakers;
    struct mix_input *places[MIX_VOICES_MAX]; /* voices that are summed, or will be */
    struct mix_sound *sounds[MIX_SOUNDS_MAX];
    float *sound_pcm; /* a tick for each */
    struct mix_sources sources;
    struct mix_blend everyone; /* for on_pcm() */
    struct mix_listener *listeners;
    struct mix_output *pool[MIX_OUTPUTS_MAX]; /* not in use; the last is taken next */
    size_t pool_count;
    struct mix_output *used[MIX_OUTPUTS_MAX];
    size_t used_count;
    struct mix_switch sw;
};

/* --- mix.c: [ctl] --- */

/* Frees what the tick has let go of. */
void mix_reap(struct mix *m);
/* Outputs for this many listeners, of whom some hear in their own way. Returns 0 or -ENOMEM. */
int mix_make_outputs(struct mix *m, uint32_t listeners, uint32_t special);

/* --- listeners.c --- */

/* [ctl] */
void mix_listener_free(struct mix *m, struct mix_listener *l);
/* [tick] */
void mix_listener_enter(struct mix *m, struct mix_listener *l);
void mix_listener_leave(struct mix *m, struct mix_listener *l);
void mix_listeners_look(struct mix *m);                         /* at what was posted */
void mix_listeners_forget(struct mix *m, struct mix_input *in); /* it was the own of some */

/* --- sound_play.c --- */

/* [ctl] */
void mix_sound_free(struct mix *m, struct mix_sound *s);
/* [tick] */
void mix_sounds_enter(struct mix *m, struct mix_sound *s);
void mix_sounds_stop(struct mix *m, struct mix_sound *s);
void mix_sounds_forget(struct mix *m, const struct mix_listener *to);
void mix_sounds_render(struct mix *m);
void mix_sounds_end(struct mix *m); /* after the sums: those that are over */

/* --- wish.c: [tick] --- */

/* The gains of bus 0 and the sounds for everyone there. */
void mix_wish_everyone(const struct mix *m, struct mix_gains *gains);
/* Sets l->wish of every listener. */
void mix_wishes_make(struct mix *m);

/* --- switch.c: [tick] --- */

/* Before the sums: who should hear something else gets nearer to it. */
void mix_switch_review(struct mix *m);
/* Lets in candidates that nobody would hear of himself, and puts out who would be. */
void mix_switch_admit(struct mix *m);
/* After the sums. */
void mix_switch_count(struct mix *m);

#endif
