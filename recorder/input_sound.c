/* Sound by libavcodec and libswresample. The resampler is made anew when the format changes, which
 * a stranger's stream may do at any frame. A hole in the packets' times is left as one: what was
 * begun before it is thrown away, at most 20 ms. */
#include "recorder/input_sound.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

#include "mcu/base/clock.h"

enum {
    PIECE_FRAMES = REC_INPUT_RATE_HZ / 50,
    PIECE_BYTES = PIECE_FRAMES * REC_INPUT_CHANNELS * 2,
    PCM_FRAMES_MAX = REC_INPUT_RATE_HZ, /* out of one frame */
    RATE_MIN = 4000,
    RATE_MAX = 192000,
    CHANNELS_MAX = 8,
};

#define HOLE_US (30 * MCU_US_PER_MS) /* less is rounding of a container's clock */

struct rec_input_sound {
    AVCodecContext *codec;
    AVFrame *frame;
    struct SwrContext *swr;
    int rate_hz; /* what swr was made for */
    int format;
    AVChannelLayout layout;
    int16_t *pcm;    /* PCM_FRAMES_MAX and what is left of a piece before */
    size_t held;     /* frames in it */
    int64_t held_us; /* when the first of them is heard */
    bool has_time;
};

/* What a file or a camera may have. Others are decoders more to be attacked. */
static bool is_known(enum AVCodecID id)
{
    static const enum AVCodecID known[] = {
        AV_CODEC_ID_AAC,       AV_CODEC_ID_OPUS,      AV_CODEC_ID_VORBIS,    AV_CODEC_ID_MP3,
        AV_CODEC_ID_MP2,       AV_CODEC_ID_AC3,       AV_CODEC_ID_FLAC,      AV_CODEC_ID_PCM_ALAW,
        AV_CODEC_ID_PCM_MULAW, AV_CODEC_ID_PCM_S16LE, AV_CODEC_ID_PCM_S16BE, AV_CODEC_ID_ADPCM_G722,
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i] == id)
            return true;
    }
    return false;
}

static int open_codec(struct rec_input_sound *s, const AVCodecParameters *par)
{
    const AVCodec *codec = is_known(par->codec_id) ? avcodec_find_decoder(par->codec_id) : NULL;
    if (!codec)
        return -ENOTSUP;
    s->codec = avcodec_alloc_context3(codec);
    s->frame = av_frame_alloc();
    s->pcm = calloc((size_t)(PCM_FRAMES_MAX + PIECE_FRAMES) * REC_INPUT_CHANNELS, sizeof(*s->pcm));
    if (!s->codec || !s->frame || !s->pcm || avcodec_parameters_to_context(s->codec, par) < 0)
        return -ENOMEM;
    s->codec->thread_count = 1;
    return avcodec_open2(s->codec, codec, NULL) < 0 ? -EINVAL : 0;
}

int rec_input_sound_create(struct rec_input_sound **out, const AVCodecParameters *par)
{
    struct rec_input_sound *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    const int err = open_codec(s, par);
    if (err)
        rec_input_sound_destroy(s);
    else
        *out = s;
    return err;
}

void rec_input_sound_destroy(struct rec_input_sound *s)
{
    if (!s)
        return;
    swr_free(&s->swr);
    av_channel_layout_uninit(&s->layout);
    av_frame_free(&s->frame);
    avcodec_free_context(&s->codec);
    free(s->pcm);
    free(s);
}

void rec_input_sound_reset(struct rec_input_sound *s)
{
    avcodec_flush_buffers(s->codec);
    swr_free(&s->swr);
    s->held = 0;
    s->has_time = false;
}

static bool fits(const struct rec_input_sound *s)
{
    const AVFrame *f = s->frame;
    return s->swr && s->rate_hz == f->sample_rate && s->format == f->format &&
           av_channel_layout_compare(&s->layout, &f->ch_layout) == 0;
}

static int make_resampler(struct rec_input_sound *s)
{
    AVFrame *f = s->frame;
    AVChannelLayout stereo = AV_CHANNEL_LAYOUT_STEREO;
    static const double both_sides[] = {1.0, 1.0};
    swr_free(&s->swr);
    if (swr_alloc_set_opts2(&s->swr, &stereo, AV_SAMPLE_FMT_S16, REC_INPUT_RATE_HZ, &f->ch_layout,
                            f->format, f->sample_rate, 0, NULL) < 0)
        return -ENOMEM;
    /* One voice on both sides keeps its loudness, as in the mixer. */
    if (f->ch_layout.nb_channels == 1 && swr_set_matrix(s->swr, both_sides, 1) < 0)
        return -ENOMEM;
    if (swr_init(s->swr) < 0 || av_channel_layout_copy(&s->layout, &f->ch_layout) < 0) {
        swr_free(&s->swr);
        return -EBADMSG;
    }
    s->rate_hz = f->sample_rate;
    s->format = f->format;
    return 0;
}

static bool is_sane(const AVFrame *f)
{
    return f->sample_rate >= RATE_MIN && f->sample_rate <= RATE_MAX &&
           f->ch_layout.nb_channels >= 1 && f->ch_layout.nb_channels <= CHANNELS_MAX &&
           f->nb_samples > 0;
}

/* Behind what is held; where it does not follow on that, in its place. */
static int append(struct rec_input_sound *s, int64_t pts_us)
{
    const int64_t begins_us = pts_us - (s->swr ? swr_get_delay(s->swr, MCU_US_PER_S) : 0);
    const int64_t end_us = s->held_us + (int64_t)s->held * MCU_US_PER_S / REC_INPUT_RATE_HZ;
    const int64_t off_us = begins_us - end_us;
    if (!s->has_time || off_us > HOLE_US || off_us < -HOLE_US) {
        s->held = 0;
        s->held_us = begins_us;
        s->has_time = true;
    }
    if (swr_get_out_samples(s->swr, s->frame->nb_samples) > PCM_FRAMES_MAX)
        return -EBADMSG;
    uint8_t *out[] = {(uint8_t *)(s->pcm + s->held * REC_INPUT_CHANNELS)};
    const int made = swr_convert(s->swr, out, PCM_FRAMES_MAX,
                                 (const uint8_t **)s->frame->extended_data, s->frame->nb_samples);
    if (made < 0)
        return -EBADMSG;
    s->held += (size_t)made;
    return 0;
}

static struct mcu_packet *cut(struct rec_input_sound *s, size_t from)
{
    struct mcu_packet *p = mcu_packet_copy(s->pcm + from * REC_INPUT_CHANNELS, PIECE_BYTES);
    if (!p)
        return NULL;
    p->codec = MCU_CODEC_PCM;
    p->pts_us = s->held_us + (int64_t)from * MCU_US_PER_S / REC_INPUT_RATE_HZ;
    p->dts_us = p->pts_us;
    p->duration_us = REC_INPUT_PIECE_US;
    p->is_key = true;
    return p;
}

static int give_out(struct rec_input_sound *s, void (*take)(void *, struct mcu_packet *), void *ctx)
{
    size_t from = 0;
    for (; s->held - from >= PIECE_FRAMES; from += PIECE_FRAMES) {
        struct mcu_packet *p = cut(s, from);
        if (!p)
            return -ENOMEM;
        take(ctx, p);
    }
    s->held -= from;
    s->held_us += (int64_t)from * MCU_US_PER_S / REC_INPUT_RATE_HZ;
    memmove(s->pcm, s->pcm + from * REC_INPUT_CHANNELS,
            s->held * REC_INPUT_CHANNELS * sizeof(*s->pcm));
    return 0;
}

int rec_input_sound_feed(struct rec_input_sound *s, const AVPacket *packet, int64_t pts_us,
                         void (*take)(void *ctx, struct mcu_packet *piece), void *ctx)
{
    const int sent = avcodec_send_packet(s->codec, packet);
    if (sent < 0)
        return sent == AVERROR(ENOMEM) ? -ENOMEM : 0;
    int err = 0;
    while (avcodec_receive_frame(s->codec, s->frame) == 0) {
        const int64_t frame_us = (int64_t)s->frame->nb_samples * MCU_US_PER_S /
                                 (s->frame->sample_rate > 0 ? s->frame->sample_rate : 1);
        if (!err && is_sane(s->frame))
            err = fits(s) ? 0 : make_resampler(s);
        if (!err && is_sane(s->frame) && append(s, pts_us) == 0)
            err = give_out(s, take, ctx);
        pts_us += frame_us;
        av_frame_unref(s->frame);
    }
    return err == -ENOMEM ? err : 0;
}
