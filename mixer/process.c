/* The chain of one voice. All gains (of the room, of levelling, of the place) come together as one
 * factor for each channel, which glides from the last tick's over 10 ms; at 1 nothing is touched.
 */
#include "mixer/process.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "mixer/denoise.h"
#include "mixer/dsp.h"
#include "mixer/loudness.h"

enum { GLIDE_FRAMES = MIX_RATE_HZ / 100 };

_Static_assert((int)GLIDE_FRAMES <= (int)MIX_TICK_FRAMES, "a glide ends within its tick");

struct mix_process {
    uint32_t channels;
    _Atomic(struct mix_denoise *) denoise; /* NULL until it was wanted */
    /* [tick] */
    struct mix_loudness loudness;
    float gain[2];     /* in force, left and right */
    bool is_denoising; /* at the last tick */
    bool is_fresh;     /* nothing to glide from */
};

int mix_process_create(struct mix_process **out, uint32_t channels)
{
    struct mix_process *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->channels = channels;
    atomic_init(&p->denoise, NULL);
    mix_loudness_init(&p->loudness, channels);
    p->is_fresh = true;
    *out = p;
    return 0;
}

void mix_process_destroy(struct mix_process *p)
{
    if (!p)
        return;
    mix_denoise_destroy(atomic_load_explicit(&p->denoise, memory_order_relaxed));
    free(p);
}

static bool wants_denoise(const struct mix_treatment *t)
{
    return t->is_denoised && !t->is_original;
}

int mix_process_prepare(struct mix_process *p, const struct mix_treatment *treatment)
{
    if (!wants_denoise(treatment) || atomic_load_explicit(&p->denoise, memory_order_relaxed))
        return 0;
    struct mix_denoise *made = mix_denoise_create(p->channels);
    struct mix_denoise *none = NULL;
    if (!made)
        return -ENOMEM;
    /* Two threads may want it at once: the first one's stays. */
    if (!atomic_compare_exchange_strong_explicit(&p->denoise, &none, made, memory_order_release,
                                                 memory_order_relaxed))
        mix_denoise_destroy(made);
    return 0;
}

int64_t mix_process_delay(const struct mix_process *p, const struct mix_treatment *treatment)
{
    const bool is_there = atomic_load_explicit(&p->denoise, memory_order_relaxed) != NULL;
    return is_there && wants_denoise(treatment) ? MIX_DENOISE_FRAMES : 0;
}

/* Switching on or off is a cross-fade between the sound as it came and as it was cleaned. */
static void denoise(struct mix_process *p, float *pcm, bool is_wanted)
{
    struct mix_denoise *d = atomic_load_explicit(&p->denoise, memory_order_acquire);
    const bool was = p->is_denoising;
    p->is_denoising = is_wanted && d;
    if (!d || (!was && !is_wanted))
        return;
    float other[2 * MIX_TICK_FRAMES];
    const size_t size = MIX_TICK_FRAMES * p->channels * sizeof(*pcm);
    if (was != is_wanted)
        memcpy(other, pcm, size);
    if (!was)
        mix_denoise_restart(d);
    mix_denoise_run(d, was && !is_wanted ? other : pcm);
    if (was != is_wanted)
        mix_dsp_crossfade(pcm, other, GLIDE_FRAMES, p->channels, 0, GLIDE_FRAMES);
}

static float level(struct mix_process *p, const float *pcm, bool is_wanted, bool is_speech)
{
    if (!is_wanted)
        return 1.0f;
    if (is_speech)
        mix_loudness_learn(&p->loudness, pcm);
    const float db = mix_loudness_step(&p->loudness, is_speech);
    return db == 0 ? 1.0f : powf(10.0f, db / 20);
}

/* Constant power, and 1 on both sides in the middle: sqrt 2 on the one side at its end. */
static void place(const struct mix_process *p, float gain, float pan, float to[2])
{
    to[0] = gain;
    to[1] = gain;
    if (p->channels != 2 || !(pan != 0)) /* not a number is the middle too */
        return;
    const float angle = (fminf(fmaxf(pan, -1), 1) + 1) * (float)(M_PI / 4);
    to[0] = gain * (float)M_SQRT2 * cosf(angle);
    to[1] = gain * (float)M_SQRT2 * sinf(angle);
}

static void apply(struct mix_process *p, float *pcm, const float to[2])
{
    const float *from = p->is_fresh ? to : p->gain;
    const size_t channels = p->channels;
    size_t done = 0;
    if (from[0] != to[0] || from[1] != to[1]) {
        mix_dsp_scale(pcm, GLIDE_FRAMES, channels, from, to);
        done = GLIDE_FRAMES;
    }
    if (to[0] != 1 || to[1] != 1)
        mix_dsp_scale(pcm + done * channels, MIX_TICK_FRAMES - done, channels, to, to);
    p->gain[0] = to[0];
    p->gain[1] = to[1];
    p->is_fresh = false;
}

void mix_process_run(struct mix_process *p, float *pcm, const struct mix_process_want *want,
                     bool is_speech)
{
    const struct mix_treatment *t = &want->treatment;
    denoise(p, pcm, wants_denoise(t));
    const float levelling = level(p, pcm, t->is_levelled && !t->is_original, is_speech);
    const float gain = want->gain > 0 ? fminf(want->gain, MIX_GAIN_MAX) : 0;
    float to[2];
    place(p, gain * levelling, want->pan, to);
    apply(p, pcm, to);
}

void mix_process_rest(struct mix_process *p)
{
    mix_loudness_rest(&p->loudness);
    p->is_denoising = false;
    p->is_fresh = true;
}

float mix_process_gain_db(const struct mix_process *p)
{
    return p->loudness.gain_db;
}
