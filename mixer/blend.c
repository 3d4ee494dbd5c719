/* Sums. Most blends are everyone, or everyone less one: where that costs less they are made from
 * the total by adding what is different. */
#include "mixer/blend.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mixer/dsp.h"

static const float duck_step = 0.2f; /* a tick: 100 ms from 1 to 0 */
static const float same_peak = 1e-4f;

int mix_blend_init(struct mix_blend *b, size_t channels)
{
    b->pcm = calloc(MIX_TICK_FRAMES * channels, sizeof(float));
    if (!b->pcm)
        return -ENOMEM;
    mix_blend_reset(b, channels);
    return 0;
}

void mix_blend_finish(struct mix_blend *b)
{
    free(b->pcm);
    b->pcm = NULL;
}

void mix_blend_reset(struct mix_blend *b, size_t channels)
{
    b->wanted = (struct mix_gains){.duck = 1.0f};
    b->now = b->wanted;
    mix_limiter_init(&b->limiter, channels);
    memset(b->pcm, 0, MIX_TICK_FRAMES * channels * sizeof(float));
}

void mix_blend_copy(struct mix_blend *b, const struct mix_blend *from, size_t channels)
{
    b->wanted = from->wanted;
    b->now = from->now;
    b->limiter = from->limiter;
    memcpy(b->pcm, from->pcm, MIX_TICK_FRAMES * channels * sizeof(float));
}

void mix_blend_snap(struct mix_blend *b)
{
    b->now = b->wanted;
}

bool mix_blend_is_steady(const struct mix_blend *b)
{
    for (size_t i = 0; i < MIX_SOURCES_MAX; i++) {
        if (b->now.of[i] != b->wanted.of[i])
            return false;
    }
    return b->now.duck == b->wanted.duck;
}

static float towards(float now, float wanted, float most)
{
    return wanted > now ? fminf(now + most, wanted) : fmaxf(now - most, wanted);
}

/* sum += x * gain, where the gain of frame i is from + (i + 1) / MIX_TICK_FRAMES of the way to
 * `to`. */
static void add_scaled(float *sum, const float *x, size_t channels, float from, float to)
{
    const float step = (to - from) / MIX_TICK_FRAMES;
    if (step == 0.0f) {
        for (size_t i = 0; i < MIX_TICK_FRAMES * channels; i++)
            sum[i] += x[i] * to;
        return;
    }
    for (size_t i = 0; i < MIX_TICK_FRAMES; i++) {
        const float gain = from + step * (float)(i + 1);
        for (size_t c = 0; c < channels; c++)
            sum[i * channels + c] += x[i * channels + c] * gain;
    }
}

/* The gain of each place at the beginning and at the end of this tick. */
static void glide(struct mix_blend *b, const struct mix_sources *s, struct mix_gains *from,
                  struct mix_gains *to)
{
    const float duck = towards(b->now.duck, b->wanted.duck, duck_step);
    for (size_t i = 0; i < MIX_SOURCES_MAX; i++) {
        if (!s->was_there[i])
            b->now.of[i] = b->wanted.of[i];
        if (!s->pcm[i])
            continue;
        const bool is_voice = i < MIX_VOICES_MAX;
        from->of[i] = b->now.of[i] * (is_voice ? b->now.duck : 1.0f);
        b->now.of[i] = b->wanted.of[i];
        to->of[i] = b->now.of[i] * (is_voice ? duck : 1.0f);
    }
    b->now.duck = duck;
}

static void make_total(struct mix_sources *s)
{
    const size_t samples = MIX_TICK_FRAMES * s->channels;
    memset(s->total, 0, samples * sizeof(float));
    for (size_t i = 0; i < MIX_VOICES_MAX; i++) {
        if (s->pcm[i])
            mix_dsp_add(s->total, s->pcm[i], samples);
    }
    s->has_total = true;
}

/* How many more voices are at 1 throughout than are at something else but 0. */
static bool is_nearly_total(const struct mix_sources *s, const struct mix_gains *from,
                            const struct mix_gains *to)
{
    size_t whole = 0;
    size_t other = 0;
    for (size_t i = 0; i < MIX_VOICES_MAX; i++) {
        if (!s->pcm[i])
            continue;
        if (from->of[i] == 1.0f && to->of[i] == 1.0f)
            whole++;
        else
            other++;
    }
    return whole > other + 2; /* else the plain sum is as cheap, and exact */
}

void mix_blend_run(struct mix_blend *b, struct mix_sources *s)
{
    struct mix_gains from = {.duck = 1.0f};
    struct mix_gains to = {.duck = 1.0f};
    const size_t samples = MIX_TICK_FRAMES * s->channels;
    glide(b, s, &from, &to);
    const float base = is_nearly_total(s, &from, &to) ? 1.0f : 0.0f;
    if (base > 0.0f && !s->has_total)
        make_total(s);
    if (base > 0.0f)
        memcpy(b->pcm, s->total, samples * sizeof(float));
    else
        memset(b->pcm, 0, samples * sizeof(float));
    for (size_t i = 0; i < MIX_SOURCES_MAX; i++) {
        const float less = i < MIX_VOICES_MAX ? base : 0.0f;
        if (s->pcm[i] && (from.of[i] != less || to.of[i] != less))
            add_scaled(b->pcm, s->pcm[i], s->channels, from.of[i] - less, to.of[i] - less);
    }
    mix_limiter_run(&b->limiter, b->pcm, MIX_TICK_FRAMES);
}

bool mix_blend_is_same(const struct mix_blend *a, const struct mix_blend *b, size_t channels)
{
    float most = 0.0f;
    for (size_t i = 0; i < MIX_TICK_FRAMES * channels; i++)
        most = fmaxf(most, fabsf(a->pcm[i] - b->pcm[i]));
    return most <= same_peak;
}
