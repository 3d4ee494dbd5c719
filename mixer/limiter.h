/* mixer/limiter.h - keeps a sum of voices below full scale without distorting it. Pure. [tick]
 *
 * A look-ahead peak limiter: the sound is delayed by MIX_LIMITER_FRAMES, so that the gain is down
 * before the peak comes; one gain for all channels. Below the ceiling it changes nothing but the
 * delay: out[n] == in[n - MIX_LIMITER_FRAMES], bit by bit. */
#ifndef MIXER_LIMITER_H
#define MIXER_LIMITER_H

#include <stddef.h>
#include <stdint.h>

enum { MIX_LIMITER_FRAMES = 240 }; /* 5 ms */

#define MIX_LIMITER_CEILING 0.977f /* -0.2 dBFS */

struct mix_limiter {
    size_t channels;
    float gain;                           /* in force */
    float past[2 * MIX_LIMITER_FRAMES];   /* what is delayed, interleaved */
    float lowest[MIX_LIMITER_FRAMES];     /* gains that the delayed frames need; see limiter.c */
    size_t at;
};

void mix_limiter_init(struct mix_limiter *l, size_t channels);

/* In place, any number of frames. Returns the lowest gain that was in force, 1: none was needed. */
float mix_limiter_run(struct mix_limiter *l, float *pcm, size_t frames);

#endif
