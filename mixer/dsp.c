/* The hot loops of the mixer. Most go in blocks of eight with a fixed inner loop, which gcc -O2
 * and clang both turn into vector code without pragmas or intrinsics; sums keep eight partial sums,
 * so the result does not depend on the vector width. */
#include "mixer/dsp.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 8 };

static const float knee = 0.8f;
static const float loudest_input = 4.0f;

void mix_dsp_add(float *restrict sum, const float *restrict x, size_t samples)
{
    size_t i = 0;
    for (; i + BLOCK <= samples; i += BLOCK) {
        for (size_t j = 0; j < BLOCK; j++)
            sum[i + j] += x[i + j];
    }
    for (; i < samples; i++)
        sum[i] += x[i];
}

void mix_dsp_subtract(float *restrict out, const float *restrict sum, const float *restrict own,
                      size_t samples)
{
    size_t i = 0;
    for (; i + BLOCK <= samples; i += BLOCK) {
        for (size_t j = 0; j < BLOCK; j++)
            out[i + j] = sum[i + j] - own[i + j];
    }
    for (; i < samples; i++)
        out[i] = sum[i] - own[i];
}

/* From here to pop_options gcc needs -O3 to make vector code, as the number of rounds is not known
 * (bench/mixer: half to a seventh of the time); the loops in blocks get slower by it. */
#if defined(__GNUC__) && !defined(__clang__)
#define IS_GCC 1
#pragma GCC push_options
#pragma GCC optimize("O3")
#endif

void mix_dsp_clean(float *x, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        float v = x[i] == x[i] ? x[i] : 0.0f;
        v = v > loudest_input ? loudest_input : v;
        x[i] = v < -loudest_input ? -loudest_input : v;
    }
}

/* Made twice, so that the number of channels is a constant in the loop. */
static inline void ramp(float *restrict out, const float *restrict x, size_t frames,
                        const size_t channels, float gain, float step)
{
    for (size_t i = 0; i < frames; i++) {
        const float g = gain + step * (float)(int)i;
        for (size_t c = 0; c < channels; c++)
            out[i * channels + c] = x[i * channels + c] * g;
    }
}

void mix_dsp_ramp(float *restrict out, const float *restrict x, size_t frames, size_t channels,
                  float gain, float step)
{
    if (channels == 1)
        ramp(out, x, frames, 1, gain, step);
    else
        ramp(out, x, frames, 2, gain, step);
}

static inline void scale(float *x, size_t frames, const size_t channels, const float *from,
                         const float *to)
{
    const float share = frames ? 1.0f / (float)frames : 0.0f;
    const float step[2] = {(to[0] - from[0]) * share,
                           (to[channels - 1] - from[channels - 1]) * share};
    const float begin[2] = {from[0], from[channels - 1]};
    for (size_t i = 0; i < frames; i++) {
        for (size_t c = 0; c < channels; c++)
            x[i * channels + c] *= begin[c] + step[c] * (float)(int)i;
    }
}

void mix_dsp_scale(float *x, size_t frames, size_t channels, const float *from, const float *to)
{
    if (channels == 1)
        scale(x, frames, 1, from, to);
    else
        scale(x, frames, 2, from, to);
}

static inline void take_s16(int16_t *restrict out, const float *restrict x, size_t frames,
                            const size_t stride)
{
    for (size_t i = 0; i < frames; i++) {
        float v = x[i * stride] * 32768.0f;
        v = v > 32767.0f ? 32767.0f : v;
        v = v < -32768.0f ? -32768.0f : v;
        out[i] = (int16_t)(int)(v + copysignf(0.5f, v));
    }
}

void mix_dsp_take_s16(int16_t *restrict out, const float *restrict x, size_t frames, size_t stride)
{
    if (stride == 1)
        take_s16(out, x, frames, 1);
    else
        take_s16(out, x, frames, stride);
}

void mix_dsp_put_s16(float *restrict x, const int16_t *restrict from, size_t frames, size_t stride)
{
    for (size_t i = 0; i < frames; i++)
        x[i * stride] = (float)from[i] * (1.0f / 32768);
}

bool mix_dsp_is_twin(const float *x, size_t frames)
{
    size_t i = 0;
    for (; i + BLOCK <= frames; i += BLOCK) {
        int differ = 0;
        for (size_t j = 0; j < BLOCK; j++)
            differ |= x[2 * (i + j)] != x[2 * (i + j) + 1];
        if (differ)
            return false;
    }
    for (; i < frames; i++) {
        if (x[2 * i] != x[2 * i + 1])
            return false;
    }
    return true;
}

static inline void crossfade(float *restrict x, const float *restrict from, size_t frames,
                             const size_t channels, size_t at, size_t length)
{
    const float step = 1.0f / (float)length;
    const int first = (int)at + 1;
    for (size_t i = 0; i < frames; i++) {
        const float w = (float)((int)i + first) * step;
        for (size_t c = 0; c < channels; c++) {
            const size_t k = i * channels + c;
            x[k] = from[k] * (1.0f - w) + x[k] * w;
        }
    }
}

void mix_dsp_crossfade(float *restrict x, const float *restrict from, size_t frames,
                       size_t channels, size_t at, size_t length)
{
    if (channels == 1)
        crossfade(x, from, frames, 1, at, length);
    else
        crossfade(x, from, frames, 2, at, length);
}

#ifdef IS_GCC
#pragma GCC pop_options
#endif

float mix_dsp_peak(const float *x, size_t samples)
{
    float most[BLOCK] = {0};
    size_t i = 0;
    for (; i + BLOCK <= samples; i += BLOCK) {
        for (size_t j = 0; j < BLOCK; j++) {
            const float a = fabsf(x[i + j]);
            most[j] = a > most[j] ? a : most[j];
        }
    }
    float peak = 0;
    for (; i < samples; i++)
        peak = fmaxf(peak, fabsf(x[i]));
    for (size_t j = 0; j < BLOCK; j++)
        peak = fmaxf(peak, most[j]);
    return peak;
}

/* Above the knee k the excess e = (|x| - k) / (1 - k) becomes e / (1 + e): same slope at the knee,
 * never reaching 1. */
void mix_dsp_protect(float *x, size_t samples)
{
    if (mix_dsp_peak(x, samples) <= knee)
        return;
    for (size_t i = 0; i < samples; i++) {
        const float a = fabsf(x[i]);
        const float over = a > knee ? (a - knee) / (1.0f - knee) : 0.0f;
        const float base = a > knee ? knee : a;
        x[i] = copysignf(base + (1.0f - knee) * (over / (1.0f + over)), x[i]);
    }
}

/* The sum of a * b. */
static float dot(const float *a, const float *b, size_t samples)
{
    float part[BLOCK] = {0};
    size_t i = 0;
    for (; i + BLOCK <= samples; i += BLOCK) {
        for (size_t j = 0; j < BLOCK; j++)
            part[j] += a[i + j] * b[i + j];
    }
    float sum = 0;
    for (; i < samples; i++)
        sum += a[i] * b[i];
    for (size_t j = 0; j < BLOCK; j++)
        sum += part[j];
    return sum;
}

float mix_dsp_energy(const float *x, size_t samples)
{
    return dot(x, x, samples);
}

size_t mix_dsp_best_lag(const float *x, size_t channels, size_t window, size_t min, size_t max,
                        float *similarity)
{
    const size_t samples = window * channels;
    const float own = dot(x, x, samples);
    size_t best = min;
    *similarity = -1.0f;
    for (size_t lag = min; lag <= max; lag++) {
        const float *y = x + lag * channels;
        const float like = dot(x, y, samples) / sqrtf(own * dot(y, y, samples) + 1e-12f);
        if (like > *similarity) {
            *similarity = like;
            best = lag;
        }
    }
    return best;
}

/* x[i] = x[i] fading into x[i + lag]; nothing is written before it was read for the last time. */
static void fade_ahead(float *x, size_t channels, size_t lag, size_t window, int is_reversed)
{
    const float step = 1.0f / (float)window;
    for (size_t i = 0; i < window; i++) {
        const float up = (float)(i + 1) * step;
        const float w = is_reversed ? 1.0f - up : up;
        for (size_t k = i * channels; k < (i + 1) * channels; k++)
            x[k] = x[k] * (1.0f - w) + x[k + lag * channels] * w;
    }
}

size_t mix_dsp_shrink(float *x, size_t length, size_t channels, size_t lag, size_t window)
{
    fade_ahead(x, channels, lag, window, 0);
    memmove(x + window * channels, x + (lag + window) * channels,
            (length - lag - window) * channels * sizeof(*x));
    return length - lag;
}

/* After moving, the second beginning lies at lag, and what would have followed the first at
 * 2 * lag: that fades out while the second beginning fades in. */
size_t mix_dsp_grow(float *x, size_t length, size_t channels, size_t lag, size_t window)
{
    memmove(x + lag * channels, x, length * channels * sizeof(*x));
    fade_ahead(x + lag * channels, channels, lag, window, 1);
    return length + lag;
}
