/* Decodes a file into a clip. What comes in is hostile: only a few containers and codecs are tried,
 * nothing that a file names is opened, and rate, length, streams and the work itself are bounded.
 *
 * The file is opened here and read through our own callbacks, so that libavformat sees bytes and
 * never a name or a protocol. */
#include "mixer/clip.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

#include "mixer/clip_priv.h"
#include "mixer/mix.h"

enum {
    FRAMES_MAX = MIX_CLIP_SECONDS_MAX * MIX_RATE_HZ,
    RATE_MIN = 4000,
    RATE_MAX = 192000,
    CHANNELS_MAX = 8,
    STREAMS_MAX = 8,
    SAMPLES_MAX = 1 << 20, /* in one decoded frame */
    IO_BYTES = 32 * 1024,
    PROBE_BYTES = 1024 * 1024,
};

/* Reading more than this over and above the file means that a demuxer goes in circles. */
static const int64_t spare_reading_bytes = INT64_C(64) << 20;

static const char formats[] = "wav,ogg,mp3,mov,flac,matroska";
static const char codecs[] = "pcm_u8,pcm_s16le,pcm_s24le,pcm_s32le,pcm_f32le,pcm_alaw,pcm_mulaw,"
                             "opus,vorbis,mp3,mp3float,aac,alac,flac";

struct load {
    /* where the bytes come from: fd, or data when fd is negative */
    int fd;
    const uint8_t *data;
    int64_t size;
    int64_t at;
    int64_t may_read; /* bytes */
    /* how they are taken apart */
    AVIOContext *io;
    AVFormatContext *format;
    AVCodecContext *codec;
    struct SwrContext *swr;
    AVPacket *packet;
    AVFrame *frame;
    int stream;
    /* what swr was made for */
    int rate_hz;
    int sample_format;
    AVChannelLayout layout;

    struct mix_clip *clip;
};

static int translate(int err)
{
    return err == AVERROR(ENOMEM) ? -ENOMEM : err == AVERROR(EIO) ? -EIO : -EBADMSG;
}

/* --- bytes ---------------------------------------------------------------------------------------
 */

static int read_some(void *opaque, uint8_t *to, int room)
{
    struct load *l = opaque;
    const int64_t left = l->at < l->size ? l->size - l->at : 0;
    int64_t n = room < left ? room : left;
    if (n <= 0 || l->may_read <= 0)
        return AVERROR_EOF;
    if (l->fd >= 0) {
        n = pread(l->fd, to, (size_t)n, l->at);
        if (n <= 0)
            return n == 0 ? AVERROR_EOF : AVERROR(EIO);
    } else {
        memcpy(to, l->data + l->at, (size_t)n);
    }
    l->at += n;
    l->may_read -= n;
    return (int)n;
}

static int64_t seek_to(void *opaque, int64_t offset, int whence)
{
    struct load *l = opaque;
    whence &= ~AVSEEK_FORCE;
    if (whence == AVSEEK_SIZE)
        return l->size;
    const int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? l->at : l->size;
    if (offset < -base || offset > l->size - base)
        return AVERROR(EINVAL);
    l->at = base + offset;
    return l->at;
}

/* Regular files only; a FIFO would wait for its writer, so nothing is waited for. */
static int open_file(struct load *l, const char *path)
{
    struct stat st;
    l->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (l->fd < 0)
        return -errno;
    if (fstat(l->fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EBADMSG;
    l->size = st.st_size;
    return 0;
}

/* --- container -----------------------------------------------------------------------------------
 */

/* Called when a container names another file. */
static int refuse_to_open(AVFormatContext *format, AVIOContext **io, const char *url, int flags,
                          AVDictionary **options)
{
    (void)format;
    (void)io;
    (void)url;
    (void)flags;
    (void)options;
    return AVERROR(EPERM);
}

static int bound(AVFormatContext *f)
{
    f->io_open = refuse_to_open;
    f->probesize = PROBE_BYTES;
    f->format_probesize = PROBE_BYTES / 4;
    f->max_streams = STREAMS_MAX;
    f->format_whitelist = av_strdup(formats);
    f->codec_whitelist = av_strdup(codecs);
    f->protocol_whitelist = av_strdup("none");
    return f->format_whitelist && f->codec_whitelist && f->protocol_whitelist ? 0 : -ENOMEM;
}

static int open_container(struct load *l)
{
    uint8_t *buffer = av_malloc(IO_BYTES);
    if (!buffer)
        return -ENOMEM;
    l->io = avio_alloc_context(buffer, IO_BYTES, 0, l, read_some, NULL, seek_to);
    l->format = avformat_alloc_context();
    if (!l->io)
        av_free(buffer);
    if (!l->io || !l->format || bound(l->format))
        return -ENOMEM;
    l->format->pb = l->io;
    int err = avformat_open_input(&l->format, NULL, NULL, NULL); /* frees l->format on error */
    if (err < 0)
        return translate(err);
    err = avformat_find_stream_info(l->format, NULL);
    if (err < 0)
        return translate(err);
    /* Duration is a claim: a long one is refused at once, a short one is not believed. */
    const int64_t most_us = INT64_C(1000000) * MIX_CLIP_SECONDS_MAX;
    return l->format->duration != AV_NOPTS_VALUE && l->format->duration > most_us ? -EFBIG : 0;
}

static int open_codec(struct load *l)
{
    const AVCodec *codec = NULL;
    l->stream = av_find_best_stream(l->format, AVMEDIA_TYPE_AUDIO, -1, -1, &codec, 0);
    if (l->stream < 0 || !codec)
        return -EBADMSG;
    for (unsigned i = 0; i < l->format->nb_streams; i++) {
        if ((int)i != l->stream)
            l->format->streams[i]->discard = AVDISCARD_ALL;
    }
    l->codec = avcodec_alloc_context3(codec);
    if (!l->codec)
        return -ENOMEM;
    int err = avcodec_parameters_to_context(l->codec, l->format->streams[l->stream]->codecpar);
    if (err < 0)
        return translate(err);
    l->codec->thread_count = 1;
    l->codec->pkt_timebase = l->format->streams[l->stream]->time_base;
    l->codec->codec_whitelist = av_strdup(codecs);
    if (!l->codec->codec_whitelist)
        return -ENOMEM;
    err = avcodec_open2(l->codec, codec, NULL);
    return err < 0 ? translate(err) : 0;
}

/* --- samples -------------------------------------------------------------------------------------
 */

static int set_mixing(struct load *l)
{
    /* One voice on both sides is as loud on each as it was, not 3 dB lower. */
    static const double both_sides[] = {1.0, 1.0};
    if (l->layout.nb_channels == 1 && l->clip->channels == 2)
        return swr_set_matrix(l->swr, both_sides, 1) < 0 ? -ENOMEM : 0;
    return av_opt_set_double(l->swr, "rematrix_maxval", 1.0, 0) < 0 ? -EBADMSG : 0;
}

static int make_resampler(struct load *l)
{
    const AVFrame *f = l->frame;
    AVChannelLayout out;
    av_channel_layout_default(&out, (int)l->clip->channels);
    swr_free(&l->swr);
    /* A layout that says no more than a number of channels cannot be mixed down. */
    av_channel_layout_uninit(&l->layout);
    if (f->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&l->layout, f->ch_layout.nb_channels);
    else if (av_channel_layout_copy(&l->layout, &f->ch_layout) < 0)
        return -ENOMEM;
    l->rate_hz = f->sample_rate;
    l->sample_format = f->format;
    if (swr_alloc_set_opts2(&l->swr, &out, AV_SAMPLE_FMT_S16, MIX_RATE_HZ, &l->layout, f->format,
                            f->sample_rate, 0, NULL) < 0)
        return -ENOMEM;
    const int err = set_mixing(l);
    return err ? err : swr_init(l->swr) < 0 ? -EBADMSG : 0;
}

static bool fits_resampler(const struct load *l)
{
    const AVFrame *f = l->frame;
    return l->swr && l->rate_hz == f->sample_rate && l->sample_format == f->format &&
           l->layout.nb_channels == f->ch_layout.nb_channels;
}

/* Appends n samples of data; NULL: what the resampler still holds. */
static int convert(struct load *l, const uint8_t **data, int n)
{
    struct mix_clip *clip = l->clip;
    const int most = swr_get_out_samples(l->swr, n);
    if (most < 0)
        return -EBADMSG;
    if (mix_clip_reserve(clip, (size_t)most))
        return -ENOMEM;
    uint8_t *to = (uint8_t *)(clip->pcm + clip->frames * clip->channels);
    const int got = swr_convert(l->swr, &to, most, data, n);
    if (got < 0)
        return -EBADMSG;
    clip->frames += (size_t)got;
    return clip->frames > FRAMES_MAX ? -EFBIG : 0;
}

static int take_frame(struct load *l)
{
    const AVFrame *f = l->frame;
    if (f->sample_rate < RATE_MIN || f->sample_rate > RATE_MAX || f->ch_layout.nb_channels < 1 ||
        f->ch_layout.nb_channels > CHANNELS_MAX || f->nb_samples > SAMPLES_MAX)
        return -EBADMSG;
    if (!fits_resampler(l)) {
        int err = l->swr ? convert(l, NULL, 0) : 0;
        if (!err)
            err = make_resampler(l);
        if (err)
            return err;
    }
    return convert(l, (const uint8_t **)f->extended_data, f->nb_samples);
}

/* One packet, NULL at the end, and all frames that come of it. A packet that is refused is left
 * out: one broken frame in a song is a short gap. */
static int decode(struct load *l, const AVPacket *packet)
{
    const int sent = avcodec_send_packet(l->codec, packet);
    if (sent == AVERROR(ENOMEM))
        return -ENOMEM;
    while (avcodec_receive_frame(l->codec, l->frame) == 0) {
        const int err = take_frame(l);
        av_frame_unref(l->frame);
        if (err)
            return err;
    }
    return 0;
}

static int decode_all(struct load *l)
{
    int err = 0;
    while (!err && av_read_frame(l->format, l->packet) == 0) {
        if (l->packet->stream_index == l->stream)
            err = decode(l, l->packet);
        av_packet_unref(l->packet);
    }
    if (!err)
        err = decode(l, NULL);
    if (!err && l->swr)
        err = convert(l, NULL, 0);
    return err ? err : l->clip->frames == 0 ? -EBADMSG : 0;
}

/* --- all of it -----------------------------------------------------------------------------------
 */

static int run(struct load *l, const char *path, uint32_t channels)
{
    int err = path ? open_file(l, path) : 0;
    if (err)
        return err;
    l->may_read = l->size + spare_reading_bytes;
    l->clip = mix_clip_new(channels);
    l->packet = av_packet_alloc();
    l->frame = av_frame_alloc();
    if (!l->clip || !l->packet || !l->frame)
        return -ENOMEM;
    err = open_container(l);
    if (!err)
        err = open_codec(l);
    if (!err)
        err = decode_all(l);
    if (!err)
        mix_clip_trim(l->clip);
    return err;
}

static void finish(struct load *l)
{
    avcodec_free_context(&l->codec);
    avformat_close_input(&l->format);
    if (l->io)
        av_freep(&l->io->buffer); /* libavformat may have put another in its place */
    avio_context_free(&l->io);
    swr_free(&l->swr);
    av_channel_layout_uninit(&l->layout);
    av_packet_free(&l->packet);
    av_frame_free(&l->frame);
    mix_clip_unref(l->clip);
    if (l->fd >= 0)
        close(l->fd);
}

int mix_clip_load(struct mix_clip **out, const char *path, const void *data, size_t size,
                  uint32_t channels)
{
    if (channels < 1 || channels > 2 || (!path && (!data || size > INT64_MAX)))
        return -EINVAL;
    struct load l = {.fd = -1, .data = data, .size = path ? 0 : (int64_t)size};
    const int err = run(&l, path, channels);
    if (!err) {
        *out = l.clip;
        l.clip = NULL;
    }
    finish(&l);
    return err;
}
