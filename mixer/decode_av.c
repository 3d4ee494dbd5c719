/* AAC, Vorbis and PCM in, by libavcodec and libswresample, on the thread that pushes. Hostile input may
 * change its rate, layout or format at any frame: the resampler is then made anew. */
#include "mixer/decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

#include "mixer/dsp.h"
#include "mixer/inbox.h"
#include "mixer/mix.h"

enum {
    RATE_MIN = 7350,
    RATE_MAX = 192000,
    CHANNELS_MAX = 8,
    EXTRADATA_MAX = 64 * 1024,    /* a Vorbis set-up is a few kilobytes */
    PCM_FRAMES_MAX = MIX_RATE_HZ, /* out of one packet */
};

struct mix_av {
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    struct SwrContext *swr;
    AVChannelLayout out_layout;
    /* what swr was made for */
    int rate_hz;
    int format;
    AVChannelLayout layout;
    float *pcm; /* PCM_FRAMES_MAX */
    uint8_t padded[MIX_PACKET_MAX + MIX_PACKET_PADDING];
};

_Static_assert(MIX_PACKET_PADDING >= AV_INPUT_BUFFER_PADDING_SIZE, "padding");

static int set_up(AVCodecContext *codec, const struct mix_input_conf *conf)
{
    codec->sample_rate = (int)conf->rate_hz;
    codec->thread_count = 1;
    av_channel_layout_default(&codec->ch_layout, (int)conf->channels);
    if (conf->extradata_size == 0)
        return 0;
    codec->extradata = av_mallocz(conf->extradata_size + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!codec->extradata)
        return -ENOMEM;
    memcpy(codec->extradata, conf->extradata, conf->extradata_size);
    codec->extradata_size = (int)conf->extradata_size;
    return 0;
}

static enum AVCodecID id_of(enum mcu_codec codec)
{
    switch (codec) {
    case MCU_CODEC_AAC:
        return AV_CODEC_ID_AAC;
    case MCU_CODEC_PCM:
        return AV_NE(AV_CODEC_ID_PCM_S16BE, AV_CODEC_ID_PCM_S16LE);
    default:
        return AV_CODEC_ID_VORBIS;
    }
}

static int open_codec(struct mix_av *av, const struct mix_input_conf *conf)
{
    const AVCodec *codec = avcodec_find_decoder(id_of(conf->codec));
    if (!codec)
        return -EINVAL;
    av->codec = avcodec_alloc_context3(codec);
    if (!av->codec)
        return -ENOMEM;
    const int err = set_up(av->codec, conf);
    if (err)
        return err;
    const int opened = avcodec_open2(av->codec, codec, NULL);
    return opened == 0 ? 0 : opened == AVERROR(ENOMEM) ? -ENOMEM : -EINVAL;
}

int mix_av_create(struct mix_av **out, const struct mix_input_conf *conf, uint32_t channels)
{
    if (conf->channels < 1 || conf->channels > CHANNELS_MAX || conf->rate_hz < RATE_MIN ||
        conf->rate_hz > RATE_MAX || conf->extradata_size > EXTRADATA_MAX ||
        (conf->extradata_size && !conf->extradata))
        return -EINVAL;
    struct mix_av *av = calloc(1, sizeof(*av));
    if (!av)
        return -ENOMEM;
    av_channel_layout_default(&av->out_layout, (int)channels);
    int err = open_codec(av, conf);
    if (err)
        goto fail;
    err = -ENOMEM;
    av->packet = av_packet_alloc();
    av->frame = av_frame_alloc();
    av->pcm = calloc((size_t)PCM_FRAMES_MAX * channels, sizeof(*av->pcm));
    if (!av->packet || !av->frame || !av->pcm)
        goto fail;
    *out = av;
    return 0;

fail:
    mix_av_destroy(av);
    return err;
}

void mix_av_destroy(struct mix_av *av)
{
    if (!av)
        return;
    swr_free(&av->swr);
    av_channel_layout_uninit(&av->layout);
    av_channel_layout_uninit(&av->out_layout);
    av_frame_free(&av->frame);
    av_packet_free(&av->packet);
    avcodec_free_context(&av->codec);
    free(av->pcm);
    free(av);
}

static int make_resampler(struct mix_av *av)
{
    AVFrame *f = av->frame;
    swr_free(&av->swr);
    if (swr_alloc_set_opts2(&av->swr, &av->out_layout, AV_SAMPLE_FMT_FLT, MIX_RATE_HZ,
                            &f->ch_layout, f->format, f->sample_rate, 0, NULL) < 0)
        return -ENOMEM;
    /* One voice on both sides is as loud as Opus decodes it, not 3 dB lower. */
    static const double both_sides[] = {1.0, 1.0};
    if (f->ch_layout.nb_channels == 1 && swr_set_matrix(av->swr, both_sides, 1) < 0)
        return -ENOMEM;
    /* Down-mixing adds up to at most 1, as Opus does it; by default float may grow by 3 dB. */
    av_opt_set_double(av->swr, "rematrix_maxval", 1.0, 0);
    if (swr_init(av->swr) < 0 || av_channel_layout_copy(&av->layout, &f->ch_layout) < 0) {
        swr_free(&av->swr);
        return -EBADMSG;
    }
    av->rate_hz = f->sample_rate;
    av->format = f->format;
    return 0;
}

static bool fits_resampler(const struct mix_av *av)
{
    const AVFrame *f = av->frame;
    return av->swr && av->rate_hz == f->sample_rate && av->format == f->format &&
           av_channel_layout_compare(&av->layout, &f->ch_layout) == 0;
}

/* Appends the frame to pcm after `done` frames; returns the new count. */
static int take_frame(struct mix_av *av, int done, int64_t *early_us)
{
    const AVFrame *f = av->frame;
    if (f->sample_rate < RATE_MIN || f->sample_rate > RATE_MAX || f->ch_layout.nb_channels < 1 ||
        f->ch_layout.nb_channels > CHANNELS_MAX)
        return -EBADMSG;
    const int err = fits_resampler(av) ? 0 : make_resampler(av);
    if (err)
        return err;
    if (done == 0)
        *early_us = swr_get_delay(av->swr, 1000000);
    if (swr_get_out_samples(av->swr, f->nb_samples) > PCM_FRAMES_MAX - done)
        return -EBADMSG;
    float *at = av->pcm + (size_t)done * (size_t)av->out_layout.nb_channels;
    uint8_t *planes[1] = {(uint8_t *)at};
    const int made = swr_convert(av->swr, planes, PCM_FRAMES_MAX - done,
                                 (const uint8_t **)f->extended_data, f->nb_samples);
    if (made < 0)
        return -EBADMSG;
    mix_dsp_clean(at, (size_t)made * (size_t)av->out_layout.nb_channels);
    return done + made;
}

int mix_av_decode(struct mix_av *av, const uint8_t *data, size_t size, const float **pcm,
                  int64_t *early_us)
{
    if (size == 0 || size > MIX_PACKET_MAX)
        return -EBADMSG;
    memcpy(av->padded, data, size);
    memset(av->padded + size, 0, MIX_PACKET_PADDING);
    av->packet->data = av->padded;
    av->packet->size = (int)size;
    const int sent = avcodec_send_packet(av->codec, av->packet);
    if (sent < 0)
        return sent == AVERROR(ENOMEM) ? -ENOMEM : -EBADMSG;

    int done = 0;
    *early_us = 0;
    while (avcodec_receive_frame(av->codec, av->frame) == 0) {
        if (done >= 0) /* after an error the rest is read too, or the decoder takes no more */
            done = take_frame(av, done, early_us);
        av_frame_unref(av->frame);
    }
    *pcm = av->pcm;
    return done;
}
