/* One voice in the tick: what is known of it before anything is decoded, then its sound, processed
 * and faded, or nothing. */
#include "mixer/input.h"

#include <math.h>
#include <string.h>

#include "mixer/dsp.h"
#include "mixer/frames.h"
#include "mixer/process.h"

static bool is_silenced(const struct mix_input *in)
{
    return in->is_leaving || atomic_load_explicit(&in->is_muted, memory_order_relaxed);
}

static void publish(struct mix_input *in)
{
    const struct mix_voice *v = &in->voice;
    const int64_t delay = v->is_anchored ? v->delay : v->target;
    const int64_t resampler = v->is_resampling ? MIX_RESAMPLE_AHEAD : 0;
    const int64_t held = mix_input_held_frames(in) + resampler;
    atomic_store_explicit(&in->delay_us, mix_frames_to_us(delay), memory_order_relaxed);
    atomic_store_explicit(&in->latency_us, mix_frames_to_us(delay + held), memory_order_relaxed);
    atomic_store_explicit(&in->dbov, in->speaker.dbov, memory_order_relaxed);
    atomic_store_explicit(&in->is_speaking, in->speaker.is_speaking, memory_order_relaxed);
    atomic_store_explicit(&in->counters.drift_ppm, (int)lrintf(v->drift.ppm), memory_order_relaxed);
}

void mix_input_observe(struct mix_input *in, int64_t tick)
{
    mix_voice_observe(&in->voice, tick, atomic_load_explicit(&in->floor_us, memory_order_relaxed));
    mix_level_tick(&in->level);
    const bool is_out = is_silenced(in);
    in->speaker.is_eligible =
        !is_out && atomic_load_explicit(&in->buses, memory_order_relaxed) != 0;
    in->speaker.is_original = atomic_load_explicit(&in->is_original, memory_order_relaxed);
    in->speaker.is_speaking = in->level.is_speaking && !is_out;
    in->speaker.dbov = is_out ? MIX_LEVEL_SILENT_DBOV : in->level.dbov;
    publish(in);
}

bool mix_input_must_decode(const struct mix_input *in)
{
    return !in->level.is_told || in->speaker.is_original;
}

/* Takes the gain to `wanted` over 10 ms, a part of this tick. */
static void fade(struct mix_input *in, float wanted)
{
    const float from[2] = {in->gain, in->gain};
    const float to[2] = {wanted, wanted};
    const size_t n = (size_t)MIX_FADE_FRAMES * in->channels;
    const size_t all = (size_t)MIX_TICK_FRAMES * in->channels;
    mix_dsp_scale(in->sound, MIX_FADE_FRAMES, in->channels, from, to);
    if (wanted == 0.0f)
        memset(in->sound + n, 0, (all - n) * sizeof(float));
}

static struct mix_process_want want_of(const struct mix_input *in)
{
    return (struct mix_process_want){
        .treatment = {.is_levelled = atomic_load_explicit(&in->is_levelled, memory_order_relaxed),
                      .is_denoised = atomic_load_explicit(&in->is_denoised, memory_order_relaxed),
                      .is_original = in->speaker.is_original},
        .gain = atomic_load_explicit(&in->wanted_gain, memory_order_relaxed),
        .pan = atomic_load_explicit(&in->pan, memory_order_relaxed),
    };
}

/* What the mix takes of the voice's sound: treated, then faded. Noise suppression holds some back,
 * so one tick of silence after the sound is treated too. */
static void play(struct mix_input *in, const float *pcm, float wanted)
{
    in->played = NULL;
    if (!pcm && !in->has_tail)
        return;
    const size_t bytes = (size_t)MIX_TICK_FRAMES * in->channels * sizeof(float);
    if (pcm)
        memcpy(in->sound, pcm, bytes);
    else
        memset(in->sound, 0, bytes);
    in->has_tail = pcm != NULL;
    const struct mix_process_want want = want_of(in);
    mix_process_run(in->process, in->sound, &want, in->speaker.is_speaking);
    if (in->gain != wanted)
        fade(in, wanted);
    in->played = in->sound;
}

/* It is out of the mix. */
static void rest(struct mix_input *in)
{
    if (in->has_tail)
        mix_process_rest(in->process);
    in->has_tail = false;
    in->played = NULL;
}

/* The level of what was decoded, before any gain; what packets say is known sooner. */
static void measure(struct mix_input *in, const float *pcm)
{
    if (in->level.is_told)
        return;
    const size_t samples = (size_t)MIX_TICK_FRAMES * in->channels;
    const float energy = pcm && !is_silenced(in) ? mix_dsp_energy(pcm, samples) : 0.0f;
    mix_level_update(&in->level, energy / (float)samples);
}

void mix_input_render(struct mix_input *in, int64_t tick, bool is_mixed)
{
    const bool may_rest = !mix_input_must_decode(in);
    const bool is_heard =
        is_mixed && !is_silenced(in) && !(may_rest && mix_voice_is_silent(&in->voice));
    const float wanted = is_heard ? 1.0f : 0.0f;
    if (in->gain < 0.0f) /* how it begins is no change, so no fade */
        in->gain = wanted;
    if (may_rest && wanted == 0.0f && in->gain == 0.0f) {
        mix_input_skip(in, tick);
        return;
    }
    const float *pcm = mix_voice_render(&in->voice);
    measure(in, pcm);
    if (wanted > 0.0f || in->gain > 0.0f)
        play(in, pcm, wanted);
    else
        rest(in);
    in->gain = wanted;
}

void mix_input_skip(struct mix_input *in, int64_t tick)
{
    (void)tick; /* observe has told it */
    mix_voice_skip(&in->voice);
    in->gain = 0.0f;
    rest(in);
}

bool mix_input_is_gone(const struct mix_input *in)
{
    return in->is_leaving && in->gain == 0.0f;
}
