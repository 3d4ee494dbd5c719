/* Made-up sound and plain measures of it, for tests of what needs no mix. */
#ifndef TESTS_UNIT_MIXER_PCM_H
#define TESTS_UNIT_MIXER_PCM_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PCM_RATE_HZ = 48000 };

/* -1..1, the same after each start with the same seed. */
static inline float pcm_noise(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (float)(int32_t)*seed / 2147483648.0f;
}

static inline float pcm_sine(double hz, size_t frame)
{
    return (float)sin(2 * M_PI * hz * (double)frame / PCM_RATE_HZ);
}

static inline double pcm_peak(const float *x, size_t samples)
{
    double most = 0;
    for (size_t i = 0; i < samples; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

static inline double pcm_rms(const float *x, size_t samples)
{
    double sum = 0;
    for (size_t i = 0; i < samples; i++)
        sum += (double)x[i] * x[i];
    return samples ? sqrt(sum / (double)samples) : 0;
}

static inline double pcm_db(double ratio)
{
    return 20 * log10(ratio + 1e-12);
}

/* The largest difference of neighbouring frames of one channel. */
static inline double pcm_step(const float *x, size_t frames, size_t channels)
{
    double most = 0;
    for (size_t i = channels; i < frames * channels; i++)
        most = fmax(most, fabs((double)x[i] - x[i - channels]));
    return most;
}

#endif
