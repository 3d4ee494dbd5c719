/* mixer/dsp.h - the hot loops: pure functions over arrays of float, no state, no flags.
 *
 * Samples are interleaved; "samples" counts floats, "frames" counts one sample of each channel.
 * Pointers of one call do not overlap unless it is said. All [any]. */
#ifndef MIXER_DSP_H
#define MIXER_DSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* sum += x */
void mix_dsp_add(float *sum, const float *x, size_t samples);

/* out = sum - own */
void mix_dsp_subtract(float *out, const float *sum, const float *own, size_t samples);

/* One or two channels: out = x * gain, where the gain of frame i is gain + i * step */
void mix_dsp_ramp(float *out, const float *x, size_t frames, size_t channels, float gain,
                  float step);

/* In place, one or two channels, a gain for each: of frame i it is from + (to - from) * i / frames.
 */
void mix_dsp_scale(float *x, size_t frames, size_t channels, const float *from, const float *to);

/* One channel as 16-bit samples, rounded and held within their range: out[i] = x[i * stride]. */
void mix_dsp_take_s16(int16_t *out, const float *x, size_t frames, size_t stride);

/* And back: x[i * stride] = from[i] / 32768. */
void mix_dsp_put_s16(float *x, const int16_t *from, size_t frames, size_t stride);

/* Two channels: whether both are the same. */
bool mix_dsp_is_twin(const float *x, size_t frames);

/* x = from * (1 - w) + x * w, with w = (at + i + 1) / length for frame i: one part, beginning at
 * frame `at`, of a cross-fade over `length` frames. */
void mix_dsp_crossfade(float *x, const float *from, size_t frames, size_t channels, size_t at,
                       size_t length);

/* Guards the output: unchanged up to 0.8, above that bent smoothly so that it stays below 1. */
void mix_dsp_protect(float *x, size_t samples);

/* Guards the input: not-a-number becomes 0, everything else is held within +-4. */
void mix_dsp_clean(float *x, size_t samples);

/* The largest magnitude. */
float mix_dsp_peak(const float *x, size_t samples);

/* The sum of squares. */
float mix_dsp_energy(const float *x, size_t samples);

/* The lag in [min, max] frames at which x looks most like its own beginning over `window` frames;
 * reads window + max frames. *similarity is the normalised correlation there, -1..1. */
size_t mix_dsp_best_lag(const float *x, size_t channels, size_t window, size_t min, size_t max,
                        float *similarity);

/* Leaves out `lag` frames: the first `window` frames fade into what follows `lag` later. In place;
 * returns the new length. Needs length >= lag + window. */
size_t mix_dsp_shrink(float *x, size_t length, size_t channels, size_t lag, size_t window);

/* Plays the first `lag` frames twice, fading over `window` frames. In place; x has room for length
 * + lag; returns the new length. Needs length >= lag + window. */
size_t mix_dsp_grow(float *x, size_t length, size_t channels, size_t lag, size_t window);

#endif
