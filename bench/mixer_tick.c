/* bench/mixer_tick - what a whole tick costs beside the libopus calls that it makes.
 *
 * Rooms of 4, 100 and 1000 in which 3 speak and all listen, each without his own voice, with RFC
 * 6464 levels: 3 decodes and 4 encodes a tick whatever the number. The bare calls on the same sound
 * are timed in the same run; best of several rounds. Pushing packets is [net]'s work: named apart.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <opus/opus.h>

#include "mcu/base/clock.h"
#include "mixer/mix.h"

enum { MOST = 1000, SPEAKERS = 3, ROUNDS = 5, TICKS = 100, CLIP = 50 };

static uint8_t loud[CLIP][1500], quiet[CLIP][1500];
static size_t loud_size[CLIP], quiet_size[CLIP];
static float sound[CLIP][MIX_TICK_FRAMES];

static OpusEncoder *make_encoder(void)
{
    int err;
    OpusEncoder *e = opus_encoder_create(MIX_RATE_HZ, 1, OPUS_APPLICATION_AUDIO, &err);
    if (!e)
        exit(1);
    opus_encoder_ctl(e, OPUS_SET_BITRATE(32000));
    opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(5));
    return e;
}

static void make_packets(void)
{
    static float silence[MIX_TICK_FRAMES];
    OpusEncoder *a = make_encoder();
    OpusEncoder *b = make_encoder();
    for (int k = 0; k < CLIP; k++) {
        for (int i = 0; i < MIX_TICK_FRAMES; i++) {
            const double t = (double)(k * MIX_TICK_FRAMES + i) / MIX_RATE_HZ;
            for (int h = 1; h < 20; h++)
                sound[k][i] += (float)(0.05 / h * sin(2 * M_PI * 150 * h * t));
        }
        loud_size[k] = (size_t)opus_encode_float(a, sound[k], MIX_TICK_FRAMES, loud[k], 1500);
        quiet_size[k] = (size_t)opus_encode_float(b, silence, MIX_TICK_FRAMES, quiet[k], 1500);
    }
    opus_encoder_destroy(a);
    opus_encoder_destroy(b);
}

/* 3 decodes and 4 encodes, TICKS times; us a tick. */
static double bare(void)
{
    OpusEncoder *encoders[SPEAKERS + 1];
    OpusDecoder *decoders[SPEAKERS];
    float pcm[MIX_TICK_FRAMES];
    uint8_t data[1500];
    int err;
    long sum = 0;
    for (int i = 0; i <= SPEAKERS; i++)
        encoders[i] = make_encoder();
    for (int i = 0; i < SPEAKERS; i++)
        decoders[i] = opus_decoder_create(MIX_RATE_HZ, 1, &err);
    const int64_t begin = mcu_now_us();
    for (int t = 0; t < TICKS; t++) {
        const int k = t % CLIP;
        for (int i = 0; i < SPEAKERS; i++)
            sum += opus_decode_float(decoders[i], loud[k], (opus_int32)loud_size[k], pcm,
                                     MIX_TICK_FRAMES, 0);
        for (int i = 0; i <= SPEAKERS; i++)
            sum += opus_encode_float(encoders[i], sound[k], MIX_TICK_FRAMES, data, 1500);
    }
    const double us = (double)(mcu_now_us() - begin) / TICKS;
    for (int i = 0; i <= SPEAKERS; i++)
        opus_encoder_destroy(encoders[i]);
    for (int i = 0; i < SPEAKERS; i++)
        opus_decoder_destroy(decoders[i]);
    return sum > 0 ? us : 0;
}

struct room {
    struct mix *m;
    struct mix_input *in[MOST];
    int people;
    int tick;
};

static void push(struct room *r)
{
    const int k = r->tick % CLIP;
    const int64_t now = r->tick * MIX_TICK_US;
    for (int i = 0; i < r->people; i++) {
        const bool is_loud = i < SPEAKERS;
        const struct mix_packet p = {.data = is_loud ? loud[k] : quiet[k],
                                     .size = is_loud ? loud_size[k] : quiet_size[k],
                                     .sequence = (uint64_t)r->tick,
                                     .pts_us = now,
                                     .arrival_us = now,
                                     .level_dbov = is_loud ? -20 : -127};
        mix_input_push(r->in[i], &p);
    }
}

/* Adds the time of pushing and of ticking, TICKS of each. */
static void run(struct room *r, double *push_us, double *tick_us)
{
    for (int t = 0; t < TICKS; t++, r->tick++) {
        const int64_t a = mcu_now_us();
        push(r);
        const int64_t b = mcu_now_us();
        mix_tick(r->m, r->tick * MIX_TICK_US);
        *tick_us += (double)(mcu_now_us() - b) / TICKS;
        *push_us += (double)(b - a) / TICKS;
    }
}

static int measure(int people)
{
    static struct room r;
    r = (struct room){.people = people};
    const struct mix_conf conf = {.channels = 1,
                                  .bitrate_bps = 32000,
                                  .complexity = 5,
                                  .min_delay_us = 20000,
                                  .max_delay_us = 300000};
    const struct mix_sink none = {0};
    const struct mix_input_conf ic = {.codec = MCU_CODEC_OPUS, .channels = 1, .rate_hz = 48000};
    if (mix_create(&r.m, &conf, &none))
        return 1;
    for (int i = 0; i < people; i++) {
        struct mix_listener *l;
        if (mix_input_add(r.m, &r.in[i], &ic) || mix_listener_add(r.m, &l, r.in[i], NULL))
            return 1;
    }
    double best_tick = 1e9, best_push = 1e9, best_bare = 1e9, warm[2] = {0};
    for (int i = 0; i < 7; i++) /* until who is silent rests */
        run(&r, &warm[0], &warm[1]);
    struct mix_stats before, after;
    mix_read_stats(r.m, &before);
    for (int i = 0; i < ROUNDS; i++) {
        double push_us = 0, tick_us = 0;
        run(&r, &push_us, &tick_us);
        best_push = fmin(best_push, push_us);
        best_tick = fmin(best_tick, tick_us);
        best_bare = fmin(best_bare, bare());
    }
    mix_read_stats(r.m, &after);
    const double ticks = (double)(after.ticks - before.ticks);
    printf("%5d people: %7.1f us a tick, bare libopus %6.1f us, ratio %.3f; %.2f encodes, %.2f "
           "decodes a tick, %u mixes; pushing %.0f ns a packet\n",
           people, best_tick, best_bare, best_tick / best_bare,
           (double)(after.encodes - before.encodes) / ticks,
           (double)(after.decodes - before.decodes) / ticks, after.mixes,
           1000 * best_push / people);
    mix_destroy(r.m);
    return 0;
}

int main(void)
{
    make_packets();
    return measure(4) || measure(100) || measure(1000);
}
