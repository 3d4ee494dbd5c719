/* A mix on a virtual clock for tests: tones as Opus packets in, sound of each output out. */
#ifndef TESTS_UNIT_MIXER_RIG_H
#define TESTS_UNIT_MIXER_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <opus/opus.h>

#include "mixer/frames.h"
#include "mixer/mix.h"
#include "mixer/mix_priv.h"

enum { RIG_TICKS_MAX = 4000 };

/* --- sound --- */

struct recording { /* mono */
    float *pcm;
    size_t frames;
};

static inline void record(struct recording *r, const float *pcm, size_t frames)
{
    if (!r->pcm)
        r->pcm = calloc((size_t)RIG_TICKS_MAX * MIX_TICK_FRAMES, sizeof(float));
    assert_non_null(r->pcm);
    assert_true(r->frames + frames <= (size_t)RIG_TICKS_MAX * MIX_TICK_FRAMES);
    memcpy(r->pcm + r->frames, pcm, frames * sizeof(float));
    r->frames += frames;
}

static inline void forget(struct recording *r)
{
    free(r->pcm);
    *r = (struct recording){0};
}

/* Amplitude of one frequency over n frames (n a whole number of its cycles). */
static inline double amplitude(const float *x, size_t n, double hz)
{
    double re = 0;
    double im = 0;
    for (size_t i = 0; i < n; i++) {
        re += x[i] * cos(2 * M_PI * hz * (double)i / MIX_RATE_HZ);
        im += x[i] * sin(2 * M_PI * hz * (double)i / MIX_RATE_HZ);
    }
    return 2 * sqrt(re * re + im * im) / (double)n;
}

static inline double to_db(double ratio)
{
    return 20 * log10(ratio + 1e-12);
}

static inline double rms(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sqrt(sum / (double)n);
}

static inline double largest_step(const float *x, size_t n)
{
    double most = 0;
    for (size_t i = 1; i < n; i++)
        most = fmax(most, fabs((double)x[i] - x[i - 1]));
    return most;
}

/* The first frame louder than the threshold; n when there is none. */
static inline size_t onset(const float *x, size_t n, float threshold)
{
    size_t i = 0;
    while (i < n && fabsf(x[i]) < threshold)
        i++;
    return i;
}

/* --- packets --- */

struct clip { /* Opus packets of 20 ms, mono */
    size_t count;
    struct {
        uint8_t data[1500];
        size_t size;
    } * packets;
};

/* Encodes count packets of a tone; its amplitude is zero before packet `from`. */
static inline struct clip make_clip_from(double hz, double level, size_t count, size_t from,
                                         int application)
{
    struct clip clip = {.count = count, .packets = calloc(count, sizeof(*clip.packets))};
    int err;
    OpusEncoder *opus = opus_encoder_create(MIX_RATE_HZ, 1, application, &err);
    assert_non_null(opus);
    assert_non_null(clip.packets);
    opus_encoder_ctl(opus, OPUS_SET_BITRATE(96000));
    opus_encoder_ctl(opus, OPUS_SET_INBAND_FEC(1));
    opus_encoder_ctl(opus, OPUS_SET_PACKET_LOSS_PERC(10));
    for (size_t k = 0; k < count; k++) {
        float pcm[MIX_TICK_FRAMES];
        for (size_t i = 0; i < MIX_TICK_FRAMES; i++) {
            const double t = (double)(k * MIX_TICK_FRAMES + i) / MIX_RATE_HZ;
            pcm[i] = k < from ? 0.0f : (float)(level * sin(2 * M_PI * hz * t));
        }
        const int size = opus_encode_float(opus, pcm, MIX_TICK_FRAMES, clip.packets[k].data, 1500);
        assert_true(size > 0);
        clip.packets[k].size = (size_t)size;
    }
    opus_encoder_destroy(opus);
    return clip;
}

static inline struct clip make_clip(double hz, double level, size_t count)
{
    return make_clip_from(hz, level, count, 0, OPUS_APPLICATION_AUDIO);
}

static inline void free_clip(struct clip *clip)
{
    free(clip->packets);
    *clip = (struct clip){0};
}

static inline int push_clip(struct mix_input *in, const struct clip *clip, size_t k,
                            uint64_t sequence, int64_t pts_us, int64_t arrival_us)
{
    const struct mix_packet p = {.level_dbov = 1,
                                 .data = clip->packets[k].data,
                                 .size = clip->packets[k].size,
                                 .sequence = sequence,
                                 .pts_us = pts_us,
                                 .arrival_us = arrival_us};
    return mix_input_push(in, &p);
}

/* --- the mix --- */

struct rig {
    struct mix *m;
    int64_t start_us;
    int64_t now_us; /* of the next tick */
    uint32_t channels;
    struct recording everyone;               /* on_pcm */
    struct recording raw[MIX_OUTPUTS_MAX];   /* before Opus, while encoded */
    struct recording heard[MIX_OUTPUTS_MAX]; /* after Opus */
    OpusDecoder *decoders[MIX_OUTPUTS_MAX];
    bool records_outputs;
    uint32_t packets[MIX_OUTPUTS_MAX];
    uint32_t assigns;
    int64_t last_pts_us;
    uint64_t encodes_at_first; /* packets made when the tick's first was handed over */
};

struct ear { /* a listener's context */
    struct mix_listener *l;
    uint32_t output;
    uint32_t told;
};

static inline void rig_on_packet(void *ctx, uint32_t output, struct mcu_packet *packet)
{
    struct rig *r = ctx;
    r->packets[output]++;
    if (packet->pts_us != r->last_pts_us) {
        struct mix_stats stats;
        mix_read_stats(r->m, &stats);
        r->encodes_at_first = stats.encodes;
    }
    r->last_pts_us = packet->pts_us;
    if (!r->records_outputs)
        return;
    record(&r->raw[output], r->m->known_outputs[output]->blend.pcm, MIX_TICK_FRAMES);
    if (!r->decoders[output]) {
        int err;
        r->decoders[output] = opus_decoder_create(MIX_RATE_HZ, 1, &err);
    }
    float pcm[MIX_TICK_FRAMES];
    assert_int_equal(opus_decode_float(r->decoders[output], packet->data, (opus_int32)packet->size,
                                       pcm, MIX_TICK_FRAMES, 0),
                     MIX_TICK_FRAMES);
    record(&r->heard[output], pcm, MIX_TICK_FRAMES);
}

static inline void rig_on_assign(void *ctx, void *listener_ctx, int32_t output)
{
    struct rig *r = ctx;
    struct ear *ear = listener_ctx;
    r->assigns++;
    ear->told++;
    ear->output = (uint32_t)output;
}

static inline void rig_on_pcm(void *ctx, const float *pcm, size_t frames, int64_t pts_us)
{
    struct rig *r = ctx;
    assert_int_equal(frames, MIX_TICK_FRAMES);
    assert_int_equal(pts_us, r->now_us);
    const size_t late = r->everyone.pcm ? 0 : MIX_LIMITER_FRAMES; /* so that it is on time */
    record(&r->everyone, pcm + late * r->channels, (frames - late) * r->channels);
}

static inline void rig_open_conf(struct rig *r, const struct mix_conf *conf, int64_t start_us)
{
    *r = (struct rig){.start_us = start_us, .now_us = start_us, .channels = conf->channels};
    const struct mix_sink sink = {
        .ctx = r, .on_packet = rig_on_packet, .on_assign = rig_on_assign, .on_pcm = rig_on_pcm};
    assert_int_equal(mix_create(&r->m, conf, &sink), 0);
    mix_want_pcm(r->m, true);
}

/* Mono; delays equal: pinned. */
static inline void rig_open(struct rig *r, int64_t min_delay_us, int64_t max_delay_us,
                            int64_t start_us)
{
    const struct mix_conf conf = {.channels = 1,
                                  .bitrate_bps = 64000,
                                  .complexity = 5,
                                  .min_delay_us = min_delay_us,
                                  .max_delay_us = max_delay_us};
    rig_open_conf(r, &conf, start_us);
}

static inline void rig_close(struct rig *r)
{
    mix_destroy(r->m);
    forget(&r->everyone);
    for (int i = 0; i < MIX_OUTPUTS_MAX; i++) {
        forget(&r->raw[i]);
        forget(&r->heard[i]);
        if (r->decoders[i])
            opus_decoder_destroy(r->decoders[i]);
    }
}

static inline void rig_tick(struct rig *r)
{
    mix_tick(r->m, r->now_us);
    r->now_us += MIX_TICK_US;
}

static inline struct mix_input *rig_input(struct rig *r)
{
    const struct mix_input_conf conf = {.codec = MCU_CODEC_OPUS, .channels = 1, .rate_hz = 48000};
    struct mix_input *in = NULL;
    assert_int_equal(mix_input_add(r->m, &in, &conf), 0);
    return in;
}

static inline void rig_listen(struct rig *r, struct ear *ear, struct mix_input *own)
{
    *ear = (struct ear){.output = UINT32_MAX};
    assert_int_equal(mix_listener_add(r->m, &ear->l, own, ear), 0);
}

static inline struct mix_input_stats rig_stats(const struct mix_input *in)
{
    struct mix_input_stats stats;
    mix_input_read_stats(in, &stats);
    return stats;
}

/* 0..n-1, the same in every run. */
static inline uint32_t rig_random(uint32_t *state, uint32_t n)
{
    *state = *state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(*state >> 8) * n) >> 24);
}

#endif
