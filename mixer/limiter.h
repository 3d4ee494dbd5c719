/* mixer/limiter.h - keeps a sum of voices below full scale without distorting it. Pure. [tick]
 *
 * A look-ahead peak limiter: the sound is delayed by MIX_LIMITER_FRAMES, so that the gain is down
 * before the peak comes; one gain for all channels. Below the ceiling it changes nothing but the
 * delay: out[n] == in[n - MIX_LIMITER_FRAMES], bit by bit. */
#ifndef MIXER_LIMITER_H
#define MIXER_LIMITER_H

#include <stddef.h>
#include <stdint.h>

enum {
    MIX_LIMITER_FRAMES = 240, /* 5 ms: the delay */
    MIX_LIMITER_HOLD = 480,   /* 10 ms: a gain is kept so long, so a deep voice does not ripple */
    MIX_LIMITER_QUEUE = 512,  /* a power of two above MIX_LIMITER_HOLD */
};

#define MIX_LIMITER_CEILING 0.977f /* -0.2 dBFS */

/* Gains are whole numbers, 1 << 24 is 1: their running sum is exact for ever. */
struct mix_limiter {
    size_t channels;
    float past[2 * MIX_LIMITER_FRAMES];     /* what is delayed, interleaved, oldest first */
    uint32_t glide[MIX_LIMITER_FRAMES + 1]; /* the last gains, whose mean is in force */
    uint32_t glide_at;                      /* the oldest of them */
    uint32_t glide_sum;
    uint32_t clock;                         /* frames, wraps; stands still while at rest */
    uint32_t need[MIX_LIMITER_QUEUE];       /* gains below 1 that recent frames need, rising */
    uint32_t need_clock[MIX_LIMITER_QUEUE]; /* and when they came */
    uint32_t need_first, need_end;          /* counts; modulo MIX_LIMITER_QUEUE */
};

void mix_limiter_init(struct mix_limiter *l, size_t channels);

/* In place, any number of frames; samples are finite. None comes out above MIX_LIMITER_CEILING.
 * Returns the lowest gain that was in force, 1: none was needed. */
float mix_limiter_run(struct mix_limiter *l, float *pcm, size_t frames);

#endif
