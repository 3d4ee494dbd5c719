/* bench/mixer - what mixing costs beside its codecs.
 *
 * First each hot loop against the plainest C that does the same; then whole ticks of a room where
 * everyone speaks, divided by the bare libopus calls (a decode a voice, an encode an output) that
 * no mixer can do without. Ratios of one run; best of several rounds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <opus/opus.h>

#include "mcu/base/clock.h"
#include "mixer/dsp.h"
#include "mixer/mix.h"

enum { SAMPLES = MIX_TICK_FRAMES * 2, REPEATS = 4000, ROUNDS = 7, TICKS = 100, VOICES_MAX = 64 };

static float a[SAMPLES], b[SAMPLES], out[SAMPLES];
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
    const struct mix_packet p = {.level_dbov = 1, .data = packets[t],
                                 .size = (size_t)sizes[t],
                                 .sequence = (uint64_t)t,
                                 .pts_us = now,
                                 .arrival_us = now};
    mix_input_push(in, &p);
}

static int64_t run_mix(int voices)
{
    const struct mix_conf conf = {.channels = 1, .bitrate_bps = 32000, .complexity = 5};
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
    for (int t = 0; t < TICKS; t++) {
        float pcm[MIX_TICK_FRAMES];
        if (opus_decode_float(d, packets[t], sizes[t], pcm, MIX_TICK_FRAMES, 0) < 0)
            exit(1);
        for (int i = 0; i < MIX_TICK_FRAMES; i++) {
            others[t][i] = pcm[i] * (float)(voices - 1);
            everyone[t][i] = pcm[i] * (float)voices;
        }
        mix_dsp_protect(others[t], MIX_TICK_FRAMES);
        mix_dsp_protect(everyone[t], MIX_TICK_FRAMES);
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
        for (int i = 0; i <= voices; i++)
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
    make_packets();
    bench_ticks(1);
    bench_ticks(4);
    bench_ticks(16);
    bench_ticks(VOICES_MAX);
    return 0;
}
