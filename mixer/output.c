/* Opus out. Application: AUDIO, made for mixtures of voices and music; VOIP (speech model,
 * high-pass) only below 24 kbit/s a channel, where it is clearer; the same for all qualities, since
 * the high-pass would be heard where a listener changes between them. With FEC the loss said to
 * libopus decides: from 8 % on it codes SILK or hybrid, which have in-band FEC, whatever the sound.
 * VBR is constrained, so that no packet is much larger than the rate says, DTX is off: everyone
 * gets a packet each tick. */
#include "mixer/output.h"

#include <errno.h>
#include <stdlib.h>

#include <opus/opus.h>

enum {
    PACKET_BYTES_MAX = 1275, /* RFC 6716: the largest frame of up to 20 ms */
    VOIP_BELOW_BPS = 24000,
    LOSS_PERCENT = 20, /* as far as FEC is concerned */
};

static int make_encoder(struct mix_output *o, const struct mix_conf *conf)
{
    const int application = conf->bitrate_bps < VOIP_BELOW_BPS * conf->channels
                                ? OPUS_APPLICATION_VOIP
                                : OPUS_APPLICATION_AUDIO;
    int err = OPUS_OK;
    o->opus = opus_encoder_create(MIX_RATE_HZ, (int)conf->channels, application, &err);
    if (!o->opus)
        return -ENOMEM;
    opus_encoder_ctl(o->opus, OPUS_SET_COMPLEXITY(conf->complexity));
    opus_encoder_ctl(o->opus, OPUS_SET_VBR(1));
    opus_encoder_ctl(o->opus, OPUS_SET_VBR_CONSTRAINT(1));
    opus_encoder_ctl(o->opus, OPUS_SET_DTX(0));
    mix_output_set_quality(o, MIX_CLEAN, conf);
    return 0;
}

void mix_output_set_quality(struct mix_output *o, enum mix_quality quality,
                            const struct mix_conf *conf)
{
    const bool is_low = quality == MIX_LOW;
    const bool has_fec = quality != MIX_CLEAN;
    const uint32_t bps = is_low ? conf->low_bitrate_bps : conf->bitrate_bps;
    opus_encoder_ctl(o->opus, OPUS_SET_BITRATE((opus_int32)bps));
    opus_encoder_ctl(o->opus, OPUS_SET_FORCE_CHANNELS(is_low ? 1 : OPUS_AUTO));
    opus_encoder_ctl(o->opus, OPUS_SET_INBAND_FEC(has_fec));
    opus_encoder_ctl(o->opus, OPUS_SET_PACKET_LOSS_PERC(has_fec ? LOSS_PERCENT : 0));
    opus_encoder_ctl(o->opus, OPUS_SET_SIGNAL(has_fec ? OPUS_SIGNAL_VOICE : OPUS_AUTO));
    o->quality = quality;
}

int mix_output_create(struct mix_output **out, uint32_t number, const struct mix_conf *conf)
{
    struct mix_output *o = calloc(1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    o->number = number;
    o->is_fresh = true;
    if (make_encoder(o, conf))
        goto fail;
    if (mix_blend_init(&o->blend, conf->channels))
        goto fail;
    for (int i = 0; i < MIX_OUTPUT_POOL; i++) {
        o->pool[i] = mcu_packet_create(PACKET_BYTES_MAX);
        if (!o->pool[i])
            goto fail;
    }
    *out = o;
    return 0;

fail:
    mix_output_destroy(o);
    return -ENOMEM;
}

void mix_output_destroy(struct mix_output *o)
{
    if (!o)
        return;
    for (int i = 0; i < MIX_OUTPUT_POOL; i++)
        mcu_packet_unref(o->pool[i]);
    if (o->opus)
        opus_encoder_destroy(o->opus);
    mix_blend_finish(&o->blend);
    free(o);
}

/* A packet that nobody else holds, with a reference for the caller. */
static struct mcu_packet *take_packet(struct mix_output *o, atomic_uint_least64_t *misses)
{
    struct mcu_packet *p = o->pool[o->pool_next];
    o->pool_next = (o->pool_next + 1) % MIX_OUTPUT_POOL;
    /* Acquire: who held it last is done reading. */
    if (atomic_load_explicit(&p->refs, memory_order_acquire) == 1)
        return mcu_packet_ref(p);
    atomic_fetch_add_explicit(misses, 1, memory_order_relaxed);
    return mcu_packet_create(PACKET_BYTES_MAX);
}

/* A packet without prediction. CELT (the clean quality) makes up with rate for what it loses. */
static void begin_anew(struct mix_output *o, const struct mix_conf *conf, bool is_begun)
{
    opus_encoder_ctl(o->opus, OPUS_SET_PREDICTION_DISABLED(is_begun));
    if (o->quality != MIX_CLEAN)
        return;
    const uint32_t bps = is_begun ? 2 * conf->bitrate_bps : conf->bitrate_bps;
    opus_encoder_ctl(o->opus, OPUS_SET_BITRATE((opus_int32)bps));
    opus_encoder_ctl(o->opus, OPUS_SET_VBR_CONSTRAINT(!is_begun));
}

struct mcu_packet *mix_output_encode(struct mix_output *o, int64_t now_us,
                                     const struct mix_conf *conf, atomic_uint_least64_t *misses)
{
    struct mcu_packet *p = take_packet(o, misses);
    if (!p)
        return NULL;
    if (o->is_first_after)
        begin_anew(o, conf, true);
    const opus_int32 size =
        opus_encode_float(o->opus, o->blend.pcm, MIX_TICK_FRAMES, p->data, PACKET_BYTES_MAX);
    if (o->is_first_after)
        begin_anew(o, conf, false);
    o->is_first_after = false;
    if (size <= 0) {
        mcu_packet_unref(p);
        return NULL;
    }
    o->is_fresh = false;
    p->codec = MCU_CODEC_OPUS;
    p->pts_us = now_us;
    p->dts_us = now_us;
    p->duration_us = MIX_TICK_US;
    p->is_key = true;
    p->size = (size_t)size;
    return p;
}

void mix_output_rest(struct mix_output *o, size_t channels)
{
    if (!o->is_fresh)
        opus_encoder_ctl(o->opus, OPUS_RESET_STATE);
    o->is_fresh = true;
    mix_blend_reset(&o->blend, channels);
    o->is_used = false;
    o->listeners = 0;
    o->from = NULL;
    o->into = NULL;
    o->same_ticks = 0;
    o->silent_ticks = 0;
    o->is_first_after = false;
}
