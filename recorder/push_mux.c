/* A connection by libavformat. RTMP is its own protocol, with an interrupt callback for time; SRT
 * is ours (push_srt.c) below its MPEG-TS.
 *
 * Every packet is copied once, into libavformat's interleaver and with its filler; so much is
 * nothing beside the encode. */
#include "recorder/push_mux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "recorder/annexb.h"
#include "recorder/averr.h"
#include "recorder/fill.h"

enum {
    PARAMETERS_MAX = 4096,
    AUDIO_HZ = 48000,
    AAC_SAMPLES = 1024,
    INTERLEAVE_US = 300 * 1000, /* one stream waits so long for the other */
    TS_DELAY_US = 200 * 1000,   /* from a picture's clock reference to its time */
    GOODBYE_US = 500 * 1000,
};

struct push_mux {
    const struct rec_live_conf *conf;
    const struct guard_url *parts;
    struct push_deadline *deadline;
    AVFormatContext *mux;
    struct push_srt *srt;
    AVPacket *packet;
    int streams[2]; /* by enum mcu_kind; -1: none */
    bool has_begun;
    bool has_failed;
    int64_t base_us;
    int64_t last_us[2]; /* times rise, whatever comes */
    struct rec_fill fill;
};

int push_is_over(void *arg)
{
    const struct push_deadline *d = arg;
    const int64_t now_us = mcu_now_us();
    return now_us >= d->until_us || now_us >= atomic_load(&d->end_us);
}

static int error_of(int av)
{
    switch (av) {
    case AVERROR_EXIT: /* the interrupt callback said so */
        return -ETIMEDOUT;
    case AVERROR_EOF:
        return -ECONNRESET;
    case AVERROR_UNKNOWN: /* RTMP: the server has said no */
        return -ECONNREFUSED;
    default:
        return rec_averr(av);
    }
}

/* --- opening ---------------------------------------------------------------------------------- */

/* Only what an RTMP push needs is there for the protocol to open. */
static int open_rtmp(struct push_mux *m)
{
    const bool is_tls = m->parts->scheme == GUARD_RTMPS;
    const AVIOInterruptCB interrupt = {push_is_over, m->deadline};
    AVDictionary *options = NULL;
    av_dict_set(&options, "protocol_whitelist", is_tls ? "rtmps,tls,tcp" : "rtmp,tcp", 0);
    av_dict_set(&options, "rtmp_live", "live", 0);
    av_dict_set(&options, "tcp_nodelay", "1", 0);
    if (is_tls)
        av_dict_set(&options, "tls_verify", "1", 0);
    if (is_tls && m->conf->ca_file[0])
        av_dict_set(&options, "ca_file", m->conf->ca_file, 0);
    const int err = avio_open2(&m->mux->pb, m->conf->url, AVIO_FLAG_WRITE, &interrupt, &options);
    av_dict_free(&options);
    return err < 0 ? error_of(err) : 0;
}

static int open_srt(struct push_mux *m)
{
    const struct push_srt_conf conf = {.url = m->conf->url,
                                       .parts = m->parts,
                                       .stall_us = m->conf->stall_us,
                                       .deadline = m->deadline};
    const int err = push_srt_open(&m->srt, &conf);
    if (err)
        return err;
    uint8_t *buffer = av_malloc(PUSH_SRT_MESSAGE);
    if (!buffer)
        return -ENOMEM;
    m->mux->pb =
        avio_alloc_context(buffer, PUSH_SRT_MESSAGE, 1, m->srt, NULL, push_srt_write, NULL);
    if (!m->mux->pb) {
        av_free(buffer);
        return -ENOMEM;
    }
    m->mux->pb->max_packet_size = PUSH_SRT_MESSAGE;
    return 0;
}

static int open_connection(struct push_mux *m)
{
    const bool is_srt = m->parts->scheme == GUARD_SRT;
    const int err =
        error_of(avformat_alloc_output_context2(&m->mux, NULL, is_srt ? "mpegts" : "flv", NULL));
    if (err)
        return err;
    m->mux->flags |= AVFMT_FLAG_FLUSH_PACKETS;
    m->mux->max_interleave_delta = INTERLEAVE_US;
    m->mux->max_delay = TS_DELAY_US;
    return is_srt ? open_srt(m) : open_rtmp(m);
}

int push_mux_open(struct push_mux **out, const struct push_mux_conf *conf)
{
    struct push_mux *m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    m->conf = conf->conf;
    m->parts = conf->parts;
    m->deadline = conf->deadline;
    m->has_failed = true; /* no goodbye to who is not there */
    rec_fill_init(&m->fill, m->conf->fill_bps);
    m->packet = av_packet_alloc();
    const int err = m->packet ? open_connection(m) : -ENOMEM;
    if (err) {
        push_mux_close(m);
        return err;
    }
    m->has_failed = false;
    *out = m;
    return 0;
}

/* --- the beginning ---------------------------------------------------------------------------- */

static int set_extradata(AVCodecParameters *par, const uint8_t *data, size_t size)
{
    par->extradata = av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!par->extradata)
        return -ENOMEM;
    memcpy(par->extradata, data, size);
    par->extradata_size = (int)size;
    return 0;
}

static int add_video(struct push_mux *m, const struct mcu_packet *key)
{
    uint8_t parameters[PARAMETERS_MAX];
    size_t size = 0;
    const int err =
        rec_annexb_parameters(key->data, key->size, parameters, sizeof(parameters), &size);
    AVStream *st = err ? NULL : avformat_new_stream(m->mux, NULL);
    if (!st)
        return err ? err : -ENOMEM;
    st->time_base = (AVRational){1, 1000};
    st->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
    st->codecpar->codec_id = AV_CODEC_ID_H264;
    st->codecpar->width = (int)m->conf->width;
    st->codecpar->height = (int)m->conf->height;
    m->streams[MCU_VIDEO] = st->index;
    return set_extradata(st->codecpar, parameters, size);
}

static int add_audio(struct push_mux *m)
{
    AVStream *st = avformat_new_stream(m->mux, NULL);
    if (!st)
        return -ENOMEM;
    st->time_base = (AVRational){1, AUDIO_HZ};
    st->codecpar->codec_type = AVMEDIA_TYPE_AUDIO;
    st->codecpar->codec_id = AV_CODEC_ID_AAC;
    st->codecpar->sample_rate = AUDIO_HZ;
    st->codecpar->frame_size = AAC_SAMPLES;
    av_channel_layout_default(&st->codecpar->ch_layout, (int)m->conf->channels);
    m->streams[MCU_AUDIO] = st->index;
    return set_extradata(st->codecpar, m->conf->audio_config, m->conf->audio_config_size);
}

static int begin(struct push_mux *m, const struct mcu_packet *first)
{
    m->streams[MCU_VIDEO] = m->streams[MCU_AUDIO] = -1;
    int err = add_video(m, first);
    if (!err)
        err = add_audio(m);
    AVDictionary *options = NULL;
    av_dict_set(&options, "flvflags", "no_duration_filesize", 0);
    if (!err)
        err = error_of(avformat_write_header(m->mux, &options));
    av_dict_free(&options);
    m->base_us = first->dts_us;
    m->last_us[MCU_VIDEO] = m->last_us[MCU_AUDIO] = -1;
    m->has_begun = !err;
    return err;
}

/* --- packets ---------------------------------------------------------------------------------- */

static int fill_packet(struct push_mux *m, const struct mcu_packet *packet, size_t filler)
{
    if (packet->size + filler > INT32_MAX - AV_INPUT_BUFFER_PADDING_SIZE ||
        av_new_packet(m->packet, (int)(packet->size + filler)) < 0)
        return -ENOMEM;
    memcpy(m->packet->data, packet->data, packet->size);
    if (filler)
        rec_fill_write(m->packet->data + packet->size, filler);
    return 0;
}

static int write_packet(struct push_mux *m, const struct mcu_packet *packet, enum mcu_kind kind)
{
    int64_t dts_us = packet->dts_us - m->base_us;
    if (dts_us < 0)
        return 0;
    if (dts_us <= m->last_us[kind])
        dts_us = m->last_us[kind] + MCU_US_PER_MS;
    m->last_us[kind] = dts_us;
    const size_t filler = kind == MCU_VIDEO ? rec_fill_next(&m->fill, dts_us, packet->size) : 0;
    const int err = fill_packet(m, packet, filler);
    if (err)
        return err;
    AVPacket *p = m->packet;
    const AVRational us = {1, MCU_US_PER_S};
    const int64_t late_us = packet->pts_us - packet->dts_us;
    p->stream_index = m->streams[kind];
    p->dts = dts_us;
    p->pts = dts_us + (late_us > 0 ? late_us : 0);
    p->flags = packet->is_key ? AV_PKT_FLAG_KEY : 0;
    av_packet_rescale_ts(p, us, m->mux->streams[p->stream_index]->time_base);
    return error_of(av_interleaved_write_frame(m->mux, p)); /* takes its bytes over */
}

int push_mux_write(struct push_mux *m, const struct mcu_packet *packet, enum mcu_kind kind)
{
    m->deadline->until_us = mcu_now_us() + m->conf->stall_us;
    int err = 0;
    if (!m->has_begun && (kind != MCU_VIDEO || !packet->is_key))
        return 0;
    if (!m->has_begun)
        err = begin(m, packet);
    if (!err)
        err = write_packet(m, packet, kind);
    if (err)
        m->has_failed = true;
    return err;
}

uint64_t push_mux_bytes(const struct push_mux *m)
{
    const int64_t at = m->mux && m->mux->pb ? avio_tell(m->mux->pb) : 0;
    return at > 0 ? (uint64_t)at : 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void close_io(struct push_mux *m)
{
    if (!m->mux || !m->mux->pb)
        return;
    if (m->srt) {
        av_freep(&m->mux->pb->buffer);
        avio_context_free(&m->mux->pb);
    } else {
        avio_closep(&m->mux->pb); /* RTMP says that the stream ends */
    }
}

void push_mux_close(struct push_mux *m)
{
    if (!m)
        return;
    m->deadline->until_us = m->has_failed ? 0 : mcu_now_us() + GOODBYE_US;
    if (m->has_begun && !m->has_failed)
        av_write_trailer(m->mux);
    close_io(m);
    push_srt_close(m->srt);
    avformat_free_context(m->mux);
    av_packet_free(&m->packet);
    free(m);
}
