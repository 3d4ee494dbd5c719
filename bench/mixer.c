/* bench/mixer - what mixing costs beside its codecs.
 *
 * First each hot loop against the plainest C that does the same; then what one tick of one voice's
 * chain and of one mix's limiter take; then whole ticks of a room where everyone speaks, divided by
 * the bare libopus calls (a decode a voice, an encode for each of the K speakers and one for the
 * rest) that no mixer can do without. Ratios of one run; best of several rounds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <opus/opus.h>

#include "mcu/base/clock.h"
#include "mixer/dsp.h"
#include "mixer/limiter.h"
#include "mixer/mix.h"
#include "mixer/process.h"

enum { SAMPLES = MIX_TICK_FRAMES * 2, REPEATS = 4000, ROUNDS = 7, TICKS = 100, VOICES_MAX = 64 };

static float a[SAMPLES], b[SAMPLES], out[SAMPLES];
static int16_t samples16[SAMPLES];
static volatile float sink_value;

#define PLAIN static __attribute__((noinline)) void

PLAIN plain_add(void)
{
    for (int i = 0; i < SAMPLES; i++)
        out[i] += a[i];
}

PLAIN plain_subtract(void)
{
    for (int i = 0; i < SAMPLES; i++)
        out[i] = a[i] - b[i];
}

PLAIN plain_peak(void)
{
    float most = 0;
    for (int i = 0; i < SAMPLES; i++)
        most = fmaxf(most, fabsf(a[i]));
    sink_value = most;
}

PLAIN plain_energy(void)
{
    float sum = 0;
    for (int i = 0; i < SAMPLES; i++)
        sum += a[i] * a[i];
    sink_value = sum;
}

PLAIN plain_protect(void)
{
    for (int i = 0; i < SAMPLES; i++) {
        const float x = fabsf(out[i]);
        if (x > 0.8f) {
            const float over = (x - 0.8f) / 0.2f;
            out[i] = copysignf(0.8f + 0.2f * (over / (1 + over)), out[i]);
        }
    }
}

PLAIN plain_ramp(void)
{
    for (int i = 0; i < MIX_TICK_FRAMES; i++) {
        out[2 * i] = a[2 * i] * (0.1f + 0.001f * (float)i);
        out[2 * i + 1] = a[2 * i + 1] * (0.1f + 0.001f * (float)i);
    }
}

PLAIN plain_crossfade(void)
{
    for (int i = 0; i < MIX_TICK_FRAMES; i++) {
        const float w = (float)(i + 1) / MIX_TICK_FRAMES;
        for (int c = 0; c < 2; c++)
            out[2 * i + c] = a[2 * i + c] * (1 - w) + out[2 * i + c] * w;
    }
}

PLAIN plain_clean(void)
{
    for (int i = 0; i < SAMPLES; i++)
        out[i] = isnan(out[i]) ? 0 : fminf(fmaxf(out[i], -4), 4);
}

PLAIN plain_scale(void)
{
    for (int i = 0; i < MIX_TICK_FRAMES; i++) {
        out[2 * i] *= 0.1f + (0.9f - 0.1f) * (float)i / MIX_TICK_FRAMES;
        out[2 * i + 1] *= 0.9f + (0.1f - 0.9f) * (float)i / MIX_TICK_FRAMES;
    }
}

PLAIN plain_take16(void)
{
    for (int i = 0; i < SAMPLES; i++)
        samples16[i] = (int16_t)lrintf(fminf(fmaxf(a[i] * 32768, -32768), 32767));
}

PLAIN plain_put16(void)
{
    for (int i = 0; i < SAMPLES; i++)
        out[i] = (float)samples16[i] / 32768;
}

static void fast_crossfade(void)
{
    mix_dsp_crossfade(out, a, MIX_TICK_FRAMES, 2, 0, MIX_TICK_FRAMES);
}

static void fast_clean(void)
{
    mix_dsp_clean(out, SAMPLES);
}

static void fast_scale(void)
{
    const float from[2] = {0.1f, 0.9f};
    const float to[2] = {0.9f, 0.1f};
    mix_dsp_scale(out, MIX_TICK_FRAMES, 2, from, to);
}

static void fast_take16(void)
{
    mix_dsp_take_s16(samples16, a, SAMPLES, 1);
}

static void fast_put16(void)
{
    mix_dsp_put_s16(out, samples16, SAMPLES, 1);
}

static void fast_add(void)
{
    mix_dsp_add(out, a, SAMPLES);
}

static void fast_subtract(void)
{
    mix_dsp_subtract(out, a, b, SAMPLES);
}

static void fast_peak(void)
{
    sink_value = mix_dsp_peak(a, SAMPLES);
}

static void fast_energy(void)
{
    sink_value = mix_dsp_energy(a, SAMPLES);
}

static void fast_protect(void)
{
    mix_dsp_protect(out, SAMPLES);
}

static void fast_ramp(void)
{
    mix_dsp_ramp(out, a, MIX_TICK_FRAMES, 2, 0.1f, 0.001f);
}

static double best_ns(void (*fn)(void))
{
    int64_t best = INT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        memset(out, 0, sizeof(out));
        const int64_t start = mcu_cpu_us();
        for (int i = 0; i < REPEATS; i++) {
            fn();
            __asm__ volatile("" ::: "memory");
        }
        const int64_t took = mcu_cpu_us() - start;
        best = took < best ? took : best;
    }
    return (double)best * 1000 / REPEATS;
}

static void compare(const char *name, void (*plain)(void), void (*fast)(void))
{
    const double p = best_ns(plain);
    const double f = best_ns(fast);
    printf("mixer loop %-9s plain %7.0f ns  ours %7.0f ns  ours/plain %.2f\n", name, p, f,
           p > 0 ? f / p : 0);
}

/* --- one tick of one voice, of one mix ----------------------------------------------------------
 */

static struct mix_process *process;
static struct mix_process_want want;
static struct mix_limiter limiter;
static float loudness_of_mix;

static void one_process(void)
{
    memcpy(out, a, sizeof(out));
    mix_process_run(process, out, &want, true);
}

static void one_limiter(void)
{
    for (size_t i = 0; i < MIX_TICK_FRAMES * limiter.channels; i++)
        out[i] = a[i] * loudness_of_mix;
    sink_value = mix_limiter_run(&limiter, out, MIX_TICK_FRAMES);
}

static void bench_process(const char *name, uint32_t channels, struct mix_treatment treatment)
{
    want = (struct mix_process_want){.treatment = treatment, .gain = 0.8f, .pan = 0.3f};
    if (mix_process_create(&process, channels) || mix_process_prepare(process, &treatment))
        exit(1);
    printf("mixer voice %-9s %u channels %7.2f us a tick\n", name, channels,
           best_ns(one_process) / 1000);
    mix_process_destroy(process);
}

static void bench_limiter(const char *name, uint32_t channels, float loudness)
{
    loudness_of_mix = loudness;
    mix_limiter_init(&limiter, channels);
    printf("mixer limiter %-7s %u channels %7.2f us a tick\n", name, channels,
           best_ns(one_limiter) / 1000);
}

static void bench_chains(void)
{
    for (uint32_t channels = 1; channels <= 2; channels++) {
        bench_process("gain", channels, (struct mix_treatment){0});
        bench_process("levelled", channels, (struct mix_treatment){.is_levelled = true});
        bench_process("denoised", channels, (struct mix_treatment){.is_denoised = true});
        bench_process("both", channels,
                      (struct mix_treatment){.is_levelled = true, .is_denoised = true});
        bench_limiter("resting", channels, 1);
        bench_limiter("busy", channels, 10);
    }
}

/* --- whole ticks ------------------------------------------------------------------------------ */

static uint8_t packets[TICKS][1500];
static opus_int32 sizes[TICKS];

static void make_packets(void)
{
    int err;
    OpusEncoder *e = opus_encoder_create(MIX_RATE_HZ, 1, OPUS_APPLICATION_AUDIO, &err);
    opus_encoder_ctl(e, OPUS_SET_BITRATE(32000));
    unsigned seed = 1;
    for (int t = 0; t < TICKS; t++) {
        float pcm[MIX_TICK_FRAMES];
        for (int i = 0; i < MIX_TICK_FRAMES; i++) {
            seed = seed * 1664525u + 1013904223u;
            const double at = (double)(t * MIX_TICK_FRAMES + i) / MIX_RATE_HZ;
            pcm[i] = (float)(0.02 * sin(2 * M_PI * 180 * at) + 0.01 * sin(2 * M_PI * 1900 * at)) +
                     (float)(seed >> 16) / 65536 * 0.004f;
        }
        sizes[t] = opus_encode_float(e, pcm, MIX_TICK_FRAMES, packets[t], 1500);
    }
    opus_encoder_destroy(e);
}

static void push(struct mix_input *in, int t)
{
    const int64_t now = t * MIX_TICK_US;
    const struct mix_packet p = {.level_dbov = 1,
                                 .data = packets[t],
                                 .size = (size_t)sizes[t],
                                 .sequence = (uint64_t)t,
                                 .pts_us = now,
                                 .arrival_us = now};
    mix_input_push(in, &p);
}

/* Of so many voices, how many are in the mix. */
static int mixed(int voices)
{
    return voices < MIX_SPEAKERS_MAX ? voices : MIX_SPEAKERS_MAX;
}

static int64_t run_mix(int voices)
{
    const struct mix_conf conf = {.channels = 1,
                                  .bitrate_bps = 32000,
                                  .low_bitrate_bps = 16000,
                                  .complexity = 5,
                                  .speakers = (uint32_t)mixed(voices)};
    const struct mix_sink none = {0};
    const struct mix_input_conf ic = {.codec = MCU_CODEC_OPUS, .channels = 1, .rate_hz = 48000};
    struct mix *m;
    struct mix_input *in[VOICES_MAX];
    struct mix_listener *l;
    if (mix_create(&m, &conf, &none))
        exit(1);
    for (int i = 0; i < voices; i++) {
        if (mix_input_add(m, &in[i], &ic) || mix_listener_add(m, &l, in[i], NULL))
            exit(1);
    }
    if (mix_listener_add(m, &l, NULL, NULL))
        exit(1);
    const int64_t start = mcu_cpu_us();
    for (int t = 0; t < TICKS; t++) {
        for (int i = 0; i < voices; i++)
            push(in[i], t);
        mix_tick(m, t * MIX_TICK_US);
    }
    const int64_t took = mcu_cpu_us() - start;
    mix_destroy(m);
    return took;
}

/* What each output of that mix sounds like (all voices are the same one), made beforehand. */
static float others[TICKS][MIX_TICK_FRAMES], everyone[TICKS][MIX_TICK_FRAMES];

static void make_sums(int voices)
{
    int err;
    OpusDecoder *d = opus_decoder_create(MIX_RATE_HZ, 1, &err);
    struct mix_limiter of_others, of_everyone;
    mix_limiter_init(&of_others, 1);
    mix_limiter_init(&of_everyone, 1);
    for (int t = 0; t < TICKS; t++) {
        float pcm[MIX_TICK_FRAMES];
        if (opus_decode_float(d, packets[t], sizes[t], pcm, MIX_TICK_FRAMES, 0) < 0)
            exit(1);
        for (int i = 0; i < MIX_TICK_FRAMES; i++) {
            others[t][i] = pcm[i] * (float)(mixed(voices) - 1);
            everyone[t][i] = pcm[i] * (float)mixed(voices);
        }
        mix_limiter_run(&of_others, others[t], MIX_TICK_FRAMES);
        mix_limiter_run(&of_everyone, everyone[t], MIX_TICK_FRAMES);
    }
    opus_decoder_destroy(d);
}

/* The same decodes and encodes of the same sounds, with nothing in between. */
static int64_t run_bare(int voices)
{
    int err;
    make_sums(voices);
    OpusDecoder *d[VOICES_MAX];
    OpusEncoder *e[VOICES_MAX + 1];
    for (int i = 0; i <= voices; i++) {
        e[i] = opus_encoder_create(MIX_RATE_HZ, 1, OPUS_APPLICATION_AUDIO, &err);
        opus_encoder_ctl(e[i], OPUS_SET_BITRATE(32000));
        opus_encoder_ctl(e[i], OPUS_SET_COMPLEXITY(5));
        if (i < voices)
            d[i] = opus_decoder_create(MIX_RATE_HZ, 1, &err);
    }
    float pcm[MIX_TICK_FRAMES];
    uint8_t data[1500];
    int64_t bytes = 0;
    const int64_t start = mcu_cpu_us();
    for (int t = 0; t < TICKS; t++) {
        for (int i = 0; i < voices; i++)
            bytes += opus_decode_float(d[i], packets[t], sizes[t], pcm, MIX_TICK_FRAMES, 0);
        for (int i = 0; i <= mixed(voices); i++)
            bytes += opus_encode_float(e[i], i ? others[t] : everyone[t], MIX_TICK_FRAMES, data,
                                       sizeof(data));
    }
    const int64_t took = mcu_cpu_us() - start;
    sink_value = (float)bytes;
    for (int i = 0; i <= voices; i++) {
        opus_encoder_destroy(e[i]);
        if (i < voices)
            opus_decoder_destroy(d[i]);
    }
    return took;
}

static void bench_ticks(int voices)
{
    int64_t mix = INT64_MAX;
    int64_t bare = INT64_MAX;
    for (int round = 0; round < 5; round++) {
        const int64_t m = run_mix(voices);
        const int64_t f = run_bare(voices);
        mix = m < mix ? m : mix;
        bare = f < bare ? f : bare;
    }
    printf("mixer tick %2d voices  bare libopus %6.0f us  mixer %6.0f us  mixer/bare %.3f\n",
           voices, (double)bare / TICKS, (double)mix / TICKS, (double)mix / (double)bare);
}

int main(void)
{
    for (int i = 0; i < SAMPLES; i++) {
        a[i] = 0.3f * sinf((float)i * 0.01f);
        b[i] = 0.2f * sinf((float)i * 0.013f);
    }
    compare("add", plain_add, fast_add);
    compare("subtract", plain_subtract, fast_subtract);
    compare("peak", plain_peak, fast_peak);
    compare("energy", plain_energy, fast_energy);
    compare("protect", plain_protect, fast_protect);
    compare("ramp", plain_ramp, fast_ramp);
    compare("crossfade", plain_crossfade, fast_crossfade);
    compare("clean", plain_clean, fast_clean);
    compare("scale", plain_scale, fast_scale);
    compare("take16", plain_take16, fast_take16);
    compare("put16", plain_put16, fast_put16);
    bench_chains();
    make_packets();
    bench_ticks(1);
    bench_ticks(4);
    bench_ticks(16);
    bench_ticks(VOICES_MAX);
    return 0;
}
