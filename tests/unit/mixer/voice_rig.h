/* One voice without a mix on a virtual clock: packets in, the sound of each tick out. */
#ifndef TESTS_UNIT_MIXER_VOICE_RIG_H
#define TESTS_UNIT_MIXER_VOICE_RIG_H

#include "rig.h"

#include "mixer/input.h"

struct voice_rig {
    struct mix_input *in;
    int64_t now_us; /* of the next tick */
    uint32_t channels;
    struct recording heard; /* of ticks that were asked for, silence included */
};

static inline void voice_open(struct voice_rig *r, uint32_t channels, int64_t min_us,
                              int64_t max_us)
{
    const struct mix_conf mix = {.channels = channels,
                                 .bitrate_bps = 64000,
                                 .low_bitrate_bps = 16000,
                                 .complexity = 5,
                                 .speakers = 5,
                                 .min_delay_us = min_us,
                                 .max_delay_us = max_us};
    const struct mix_input_conf conf = {
        .codec = MCU_CODEC_OPUS, .channels = channels, .rate_hz = 48000};
    *r = (struct voice_rig){.channels = channels};
    assert_int_equal(mix_input_create(&r->in, &mix, &conf), 0);
}

static inline void voice_close(struct voice_rig *r)
{
    mix_input_destroy(r->in);
    forget(&r->heard);
}

enum voice_do { VOICE_MIXED, VOICE_UNMIXED, VOICE_SKIPPED };

/* One tick. Records the first channel of what the mix would take. */
static inline const float *voice_tick(struct voice_rig *r, enum voice_do what)
{
    const int64_t tick = mix_frames(r->now_us);
    mix_input_observe(r->in, tick);
    if (what == VOICE_SKIPPED)
        mix_input_skip(r->in, tick);
    else
        mix_input_render(r->in, tick, what == VOICE_MIXED);
    r->now_us += MIX_TICK_US;
    float mono[MIX_TICK_FRAMES] = {0};
    for (size_t i = 0; r->in->played && i < MIX_TICK_FRAMES; i++)
        mono[i] = r->in->played[i * r->channels];
    if (r->heard.frames < (size_t)(RIG_TICKS_MAX - 1) * MIX_TICK_FRAMES)
        record(&r->heard, mono, MIX_TICK_FRAMES);
    return r->in->played;
}

static inline void voice_push(struct voice_rig *r, const struct clip *clip, size_t k,
                              int level_dbov, int64_t late_us)
{
    const struct mix_packet p = {.data = clip->packets[k].data,
                                 .size = clip->packets[k].size,
                                 .sequence = 1000 + k,
                                 .pts_us = (int64_t)k * MIX_TICK_US,
                                 .arrival_us = (int64_t)k * MIX_TICK_US + late_us,
                                 .level_dbov = level_dbov};
    assert_int_equal(mix_input_push(r->in, &p), 0);
}

#endif
