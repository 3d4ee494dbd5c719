/* The Opus encode. It looks 6.5 ms ahead: OpusHead of the file says so (recorder/ogg.h), and times
 * are those of what goes in. */
#include "recorder/opus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/mathematics.h>
#include <opus/opus.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"

enum {
    RATE_HZ = 48000,
    FRAME_SAMPLES = 960,
    PACKET_MAX = 1500,
    BITRATE_MAX_BPS = 510000,
};

struct rec_opus {
    struct rec_opus_conf conf;
    OpusEncoder *encoder;
    float frame[FRAME_SAMPLES * 2];
    size_t fill;      /* samples per channel in `frame` */
    int64_t frame_us; /* when the first of them was heard */
    bool has_failed;
};

int rec_opus_create(struct rec_opus **out, const struct rec_opus_conf *conf)
{
    if (conf->channels < 1 || conf->channels > 2 || !conf->on_packet)
        return -EINVAL;
    struct rec_opus *o = calloc(1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    int err = 0;
    o->conf = *conf;
    o->encoder = opus_encoder_create(RATE_HZ, (int)conf->channels, OPUS_APPLICATION_AUDIO, &err);
    if (!o->encoder) {
        free(o);
        return -ENOMEM;
    }
    const uint32_t bitrate_bps =
        conf->bitrate_bps < BITRATE_MAX_BPS ? conf->bitrate_bps : BITRATE_MAX_BPS;
    opus_encoder_ctl(o->encoder, OPUS_SET_BITRATE((opus_int32)bitrate_bps));
    *out = o;
    return 0;
}

void rec_opus_destroy(struct rec_opus *o)
{
    if (!o)
        return;
    opus_encoder_destroy(o->encoder);
    free(o);
}

static void give_out(struct rec_opus *o, const uint8_t *data, size_t size)
{
    struct mcu_packet *p = mcu_packet_copy(data, size);
    if (!p)
        return;
    p->codec = MCU_CODEC_OPUS;
    p->pts_us = p->dts_us = o->frame_us;
    p->duration_us = av_rescale(FRAME_SAMPLES, MCU_US_PER_S, RATE_HZ);
    p->is_key = true;
    o->conf.on_packet(o->conf.ctx, p);
    mcu_packet_unref(p);
}

static void encode(struct rec_opus *o)
{
    uint8_t data[PACKET_MAX];
    const int size = opus_encode_float(o->encoder, o->frame, FRAME_SAMPLES, data, sizeof(data));
    o->fill = 0;
    if (size > 0) {
        give_out(o, data, (size_t)size);
    } else if (!o->has_failed) {
        o->has_failed = true;
        log_error("opus: encoding failed: %s", opus_strerror(size));
    }
}

void rec_opus_put(struct rec_opus *o, const float *pcm, size_t samples, int64_t at_us)
{
    const size_t channels = o->conf.channels;
    for (size_t done = 0; done < samples;) {
        const size_t left = samples - done;
        const size_t n = left < FRAME_SAMPLES - o->fill ? left : FRAME_SAMPLES - o->fill;
        float *to = o->frame + o->fill * channels;
        if (o->fill == 0)
            o->frame_us = at_us + av_rescale((int64_t)done, MCU_US_PER_S, RATE_HZ);
        if (pcm)
            memcpy(to, pcm + done * channels, n * channels * sizeof(*to));
        else
            memset(to, 0, n * channels * sizeof(*to));
        o->fill += n;
        done += n;
        if (o->fill == FRAME_SAMPLES)
            encode(o);
    }
}

void rec_opus_flush(struct rec_opus *o)
{
    opus_int32 ahead = 0;
    opus_encoder_ctl(o->encoder, OPUS_GET_LOOKAHEAD(&ahead));
    const size_t fill = o->fill;
    if (fill > 0)
        rec_opus_put(o, NULL, FRAME_SAMPLES - fill, 0);
    if (fill == 0 || FRAME_SAMPLES - fill < (size_t)ahead) /* its end is still inside */
        rec_opus_put(o, NULL, FRAME_SAMPLES,
                     o->frame_us + av_rescale(FRAME_SAMPLES, MCU_US_PER_S, RATE_HZ));
}
