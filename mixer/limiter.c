/* The limiter in three steps, each of which can only lower what the step before allows:
 *
 *     needed   ceiling / peak of the frame, 1 when it is below
 *     held     the least needed in the last MIX_LIMITER_HOLD frames; rises back slowly
 *     in force the mean of the last MIX_LIMITER_FRAMES + 1 held gains: a straight glide
 *
 * A frame leaves MIX_LIMITER_FRAMES after it came. By then every term of the mean was held since
 * the frame came, so none is above what the frame needs, nor is their mean.
 *
 *     held   ────────┐_______________╱───    peak comes at ┐, leaves at the end of the glide
 *     gain   ────────╲___________╱───────    └─ 5 ms ─┘
 *
 * The least of the window is the front of a queue of rising gains: each new one removes those
 * before it that are not lower, as they can never be the least again. */
#include "mixer/limiter.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "mixer/dsp.h"

enum {
    ONE = 1 << 24,
    GLIDE = MIX_LIMITER_FRAMES + 1,
    RELEASE_SHIFT = 12, /* time constant 2^12 frames, 85 ms: 90 % back after 200 ms */
    MASK = MIX_LIMITER_QUEUE - 1,
};

static const uint32_t glide_full = (uint32_t)GLIDE * ONE; /* below 2^32 */

/* Rounding in the mean and the product stays below this share, so that it never lifts a sample
 * over the ceiling. */
static const float safety = 1.0f - 1.0f / (1 << 20);

void mix_limiter_init(struct mix_limiter *l, size_t channels)
{
    *l = (struct mix_limiter){.channels = channels, .glide_sum = glide_full};
    for (size_t i = 0; i < GLIDE; i++)
        l->glide[i] = ONE;
}

static uint32_t needed(float peak)
{
    if (!(peak > MIX_LIMITER_CEILING))
        return ONE;
    return (uint32_t)(MIX_LIMITER_CEILING / peak * safety * (float)ONE);
}

/* The least gain needed in the last MIX_LIMITER_HOLD frames, this one included. */
static uint32_t least(struct mix_limiter *l, uint32_t need)
{
    if (l->need_first != l->need_end &&
        l->clock - l->need_clock[l->need_first & MASK] >= MIX_LIMITER_HOLD)
        l->need_first++;
    if (need < ONE) {
        while (l->need_end != l->need_first && l->need[(l->need_end - 1) & MASK] >= need)
            l->need_end--;
        l->need[l->need_end & MASK] = need;
        l->need_clock[l->need_end & MASK] = l->clock;
        l->need_end++;
    }
    l->clock++;
    return l->need_first != l->need_end ? l->need[l->need_first & MASK] : ONE;
}

/* The gain for the frame that leaves now. */
static float next_gain(struct mix_limiter *l, float peak)
{
    const uint32_t most = least(l, needed(peak));
    const uint32_t newest = l->glide[l->glide_at ? l->glide_at - 1 : GLIDE - 1];
    const uint32_t risen = newest < ONE ? newest + ((ONE - newest) >> RELEASE_SHIFT) + 1 : ONE;
    const uint32_t held = risen < most ? risen : most;
    l->glide_sum += held - l->glide[l->glide_at];
    l->glide[l->glide_at] = held;
    l->glide_at = l->glide_at + 1 < GLIDE ? l->glide_at + 1 : 0;
    return (float)l->glide_sum / (float)glide_full;
}

static void take_peaks(float *restrict peaks, const float *restrict pcm, size_t frames,
                       size_t channels)
{
    if (channels == 1) {
        for (size_t i = 0; i < frames; i++)
            peaks[i] = fabsf(pcm[i]);
        return;
    }
    for (size_t i = 0; i < frames; i++) {
        const float left = fabsf(pcm[2 * i]);
        const float right = fabsf(pcm[2 * i + 1]);
        peaks[i] = left > right ? left : right;
    }
}

/* frames <= MIX_LIMITER_FRAMES; pcm becomes what leaves, past takes what came. */
static void delay(struct mix_limiter *l, float *pcm, size_t frames)
{
    float came[2 * MIX_LIMITER_FRAMES];
    const size_t n = frames * l->channels;
    const size_t rest = MIX_LIMITER_FRAMES * l->channels - n;
    memcpy(came, pcm, n * sizeof(*pcm));
    memcpy(pcm, l->past, n * sizeof(*pcm));
    memmove(l->past, l->past + n, rest * sizeof(*pcm));
    memcpy(l->past + rest, came, n * sizeof(*pcm));
}

/* Nothing that still lowers the gain, and nothing new that would. */
static bool is_at_rest(const struct mix_limiter *l, const float *pcm, size_t frames)
{
    return l->glide_sum == glide_full && l->need_first == l->need_end &&
           mix_dsp_peak(pcm, frames * l->channels) <= MIX_LIMITER_CEILING;
}

static void apply(float *restrict pcm, const float *restrict gains, size_t frames, size_t channels)
{
    if (channels == 1) {
        for (size_t i = 0; i < frames; i++)
            pcm[i] *= gains[i];
        return;
    }
    for (size_t i = 0; i < frames; i++) {
        pcm[2 * i] *= gains[i];
        pcm[2 * i + 1] *= gains[i];
    }
}

static float run_part(struct mix_limiter *l, float *pcm, size_t frames)
{
    float gains[MIX_LIMITER_FRAMES];
    float lowest = 1.0f;
    if (is_at_rest(l, pcm, frames)) {
        delay(l, pcm, frames);
        return lowest;
    }
    take_peaks(gains, pcm, frames, l->channels);
    for (size_t i = 0; i < frames; i++) {
        gains[i] = next_gain(l, gains[i]);
        lowest = gains[i] < lowest ? gains[i] : lowest;
    }
    delay(l, pcm, frames);
    apply(pcm, gains, frames, l->channels);
    return lowest;
}

float mix_limiter_run(struct mix_limiter *l, float *pcm, size_t frames)
{
    float lowest = 1.0f;
    while (frames > 0) {
        const size_t n = frames < MIX_LIMITER_FRAMES ? frames : MIX_LIMITER_FRAMES;
        const float gain = run_part(l, pcm, n);
        lowest = gain < lowest ? gain : lowest;
        pcm += n * l->channels;
        frames -= n;
    }
    return lowest;
}
