/* mixer/blend.h - one distinct sum of the sources of a mix: gains that glide, then a limiter.
 * [tick]
 *
 * Sources are voices and sounds in fixed places. What a blend wants is a list of gains, one for
 * each place, and a duck gain for all voices; what is in force follows it within a tick, ducking
 * within five. A source that is not sounding follows at once. */
#ifndef MIXER_BLEND_H
#define MIXER_BLEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mixer/limiter.h"
#include "mixer/mix.h"

enum {
    MIX_VOICES_MAX = 2 * MIX_SPEAKERS_MAX, /* those who leave fade while others are in already */
    MIX_SOURCES_MAX = MIX_VOICES_MAX + MIX_SOUNDS_MAX,
};

/* What is there to be summed in this tick. */
struct mix_sources {
    const float *pcm[MIX_SOURCES_MAX]; /* NULL: silent; voices first, then sounds */
    bool was_there[MIX_SOURCES_MAX];   /* it sounded in the tick before */
    float *total;                      /* of all voices, as they are */
    bool has_total;                    /* it was made in this tick */
    size_t channels;
};

struct mix_gains {
    float of[MIX_SOURCES_MAX];
    float duck; /* of voices */
};

struct mix_blend {
    struct mix_gains wanted;
    struct mix_gains now;
    struct mix_limiter limiter;
    float *pcm; /* the tick's sound, limited */
};

/* [ctl] Returns 0 or -ENOMEM. */
int mix_blend_init(struct mix_blend *b, size_t channels);
void mix_blend_finish(struct mix_blend *b);

/* From here on as if it had never sounded. */
void mix_blend_reset(struct mix_blend *b, size_t channels);

/* It is what the other one is now, its limiter too; the sound is copied. */
void mix_blend_copy(struct mix_blend *b, const struct mix_blend *from, size_t channels);

/* What is wanted is in force at once. */
void mix_blend_snap(struct mix_blend *b);
/* Whether everything wanted is in force. */
bool mix_blend_is_steady(const struct mix_blend *b);

/* Makes pcm. */
void mix_blend_run(struct mix_blend *b, struct mix_sources *sources);

/* Whether both sounded the same in the last tick, or nearly so (-80 dB of full scale). */
bool mix_blend_is_same(const struct mix_blend *a, const struct mix_blend *b, size_t channels);

#endif
