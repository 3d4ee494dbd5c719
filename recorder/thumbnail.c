/* Pictures at a few moments are decoded until one is worth showing: with more in it than one dark
 * colour. The file is one of ours, read through "file:" alone. */
#include "recorder/thumbnail.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>

#include "mcu/base/clock.h"
#include "recorder/averr.h"

enum {
    PACKETS_MAX = 512,   /* read for one picture */
    CONTRAST_ENOUGH = 8, /* mean distance from the mean, of 255 */
    QUALITY = 4,         /* of MJPEG: 2 best to 31 */
};

struct thumbnail {
    AVFormatContext *in;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    AVFrame *best;
    int best_contrast;
    int stream;
};

static void release(struct thumbnail *t)
{
    av_frame_free(&t->best);
    av_frame_free(&t->frame);
    av_packet_free(&t->packet);
    avcodec_free_context(&t->decoder);
    avformat_close_input(&t->in);
}

static int open_file(struct thumbnail *t, const char *path)
{
    char *url = malloc(strlen(path) + sizeof("file:"));
    if (!url)
        return -ENOMEM;
    strcpy(url, "file:");
    strcat(url, path);
    AVDictionary *options = NULL;
    av_dict_set(&options, "protocol_whitelist", "file", 0);
    const int err = avformat_open_input(&t->in, url, av_find_input_format("mov"), &options);
    av_dict_free(&options);
    free(url);
    if (err < 0)
        return rec_averr(err);
    t->stream = av_find_best_stream(t->in, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    return t->stream < 0 ? -ENODATA : 0;
}

static int open_decoder(struct thumbnail *t)
{
    const AVCodecParameters *from = t->in->streams[t->stream]->codecpar;
    const AVCodec *codec = avcodec_find_decoder(from->codec_id);
    t->decoder = codec ? avcodec_alloc_context3(codec) : NULL;
    t->packet = av_packet_alloc();
    t->frame = av_frame_alloc();
    t->best = av_frame_alloc();
    if (!codec)
        return -ENOTSUP;
    if (!t->decoder || !t->packet || !t->frame || !t->best)
        return -ENOMEM;
    int err = rec_averr(avcodec_parameters_to_context(t->decoder, from));
    t->decoder->thread_count = 1;
    if (!err)
        err = rec_averr(avcodec_open2(t->decoder, codec, NULL));
    return err;
}

/* The first picture from where the file stands. */
static int decode_one(struct thumbnail *t)
{
    avcodec_flush_buffers(t->decoder);
    for (int i = 0; i < PACKETS_MAX; i++) {
        const int err = av_read_frame(t->in, t->packet);
        if (err >= 0 && t->packet->stream_index != t->stream) {
            av_packet_unref(t->packet);
            continue;
        }
        avcodec_send_packet(t->decoder, err < 0 ? NULL : t->packet); /* NULL: give out all */
        av_packet_unref(t->packet);
        if (avcodec_receive_frame(t->decoder, t->frame) >= 0)
            return 0;
        if (err < 0)
            return -ENODATA;
    }
    return -ENODATA;
}

/* How far the brightness of points is from their mean, in the mean. */
static int contrast(const AVFrame *f)
{
    int64_t sum = 0;
    int64_t distance = 0;
    int64_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        const int64_t mean = count ? sum / count : 0;
        for (int y = 0; y < f->height; y += 4) {
            const uint8_t *row = f->data[0] + (ptrdiff_t)y * f->linesize[0];
            for (int x = 0; x < f->width; x += 4) {
                sum += pass ? 0 : row[x];
                count += pass ? 0 : 1;
                distance += pass ? llabs(row[x] - mean) : 0;
            }
        }
    }
    return count ? (int)(distance / count) : 0;
}

/* True: it is good enough. */
static bool look_at(struct thumbnail *t, int64_t at_us)
{
    const int64_t at = av_rescale_q(at_us, AV_TIME_BASE_Q, t->in->streams[t->stream]->time_base);
    if (av_seek_frame(t->in, t->stream, at, AVSEEK_FLAG_BACKWARD) < 0 || decode_one(t) != 0)
        return false;
    const int found = contrast(t->frame);
    if (found > t->best_contrast || !t->best->data[0]) {
        av_frame_unref(t->best);
        av_frame_move_ref(t->best, t->frame);
        t->best_contrast = found;
    }
    av_frame_unref(t->frame);
    return found >= CONTRAST_ENOUGH;
}

static int choose(struct thumbnail *t, int64_t duration_us)
{
    const int64_t some_s = 10 * MCU_US_PER_S;
    const int64_t first_us = duration_us / 3 < some_s ? duration_us / 3 : some_s;
    const int64_t at_us[] = {first_us, duration_us / 2, duration_us / 4, duration_us * 3 / 4, 0};
    for (size_t i = 0; i < sizeof(at_us) / sizeof(at_us[0]); i++) {
        if (look_at(t, at_us[i]))
            break;
    }
    return t->best->data[0] ? 0 : -ENODATA;
}

/* --- out ----------------------------------------------------------------------------------------- */

static int scale(AVFrame **out, const AVFrame *from)
{
    AVFrame *to = av_frame_alloc();
    if (!to)
        return -ENOMEM;
    const int width = from->width < REC_THUMBNAIL_WIDTH ? from->width : REC_THUMBNAIL_WIDTH;
    to->format = AV_PIX_FMT_YUVJ420P;
    to->width = width & ~1;
    to->height = (int)((int64_t)from->height * width / from->width) & ~1;
    int err = to->width < 2 || to->height < 2 ? -EINVAL : rec_averr(av_frame_get_buffer(to, 0));
    struct SwsContext *sws =
        err ? NULL
            : sws_getContext(from->width, from->height, (enum AVPixelFormat)from->format, to->width,
                             to->height, AV_PIX_FMT_YUVJ420P, SWS_AREA, NULL, NULL, NULL);
    if (sws)
        sws_scale(sws, (const uint8_t *const *)from->data, from->linesize, 0, from->height,
                  to->data, to->linesize);
    else if (!err)
        err = -ENOTSUP;
    sws_freeContext(sws);
    if (err)
        av_frame_free(&to);
    else
        *out = to;
    return err;
}

static int open_jpeg(AVCodecContext **out, const AVFrame *picture)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!c)
        return codec ? -ENOMEM : -ENOTSUP;
    c->width = picture->width;
    c->height = picture->height;
    c->pix_fmt = AV_PIX_FMT_YUVJ420P;
    c->time_base = (AVRational){1, 1};
    c->flags |= AV_CODEC_FLAG_QSCALE;
    c->global_quality = QUALITY * FF_QP2LAMBDA;
    c->thread_count = 1;
    const int err = rec_averr(avcodec_open2(c, codec, NULL));
    if (err)
        avcodec_free_context(&c);
    else
        *out = c;
    return err;
}

static int encode(AVFrame *picture, AVPacket *packet, uint8_t **jpeg, size_t *size)
{
    AVCodecContext *c = NULL;
    int err = open_jpeg(&c, picture);
    picture->quality = QUALITY * FF_QP2LAMBDA;
    if (!err)
        err = rec_averr(avcodec_send_frame(c, picture));
    if (!err)
        err = rec_averr(avcodec_receive_packet(c, packet));
    uint8_t *copy = err ? NULL : malloc((size_t)packet->size);
    if (!err && !copy)
        err = -ENOMEM;
    if (!err) {
        memcpy(copy, packet->data, (size_t)packet->size);
        *jpeg = copy;
        *size = (size_t)packet->size;
    }
    av_packet_unref(packet);
    avcodec_free_context(&c);
    return err;
}

int rec_thumbnail_make(const char *path, int64_t duration_us, uint8_t **jpeg, size_t *size)
{
    struct thumbnail t = {.best_contrast = -1};
    AVFrame *picture = NULL;
    int err = open_file(&t, path);
    if (!err)
        err = open_decoder(&t);
    if (!err)
        err = choose(&t, duration_us);
    if (!err)
        err = scale(&picture, t.best);
    if (!err)
        err = encode(picture, t.packet, jpeg, size);
    av_frame_free(&picture);
    release(&t);
    return err;
}
