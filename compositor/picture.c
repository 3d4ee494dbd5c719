/* Still pictures by libavcodec; see picture.h. */
#include "compositor/picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/frame.h>
#include <libswscale/swscale.h>

enum { JPEG_QUALITY = 4 }; /* of 2 (best) to 31 */

static int scale(const AVFrame *from, AVFrame *to)
{
    struct SwsContext *sws = sws_getContext(
        from->width, from->height, AV_PIX_FMT_YUV420P, to->width, to->height, to->format,
        SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, NULL, NULL, NULL);
    if (!sws)
        return -ENOMEM;
    const int *bt601 = sws_getCoefficients(SWS_CS_ITU601);
    const int is_full = to->color_range == AVCOL_RANGE_JPEG;
    sws_setColorspaceDetails(sws, bt601, 0, bt601, is_full, 0, 1 << 16, 1 << 16);
    const int rows = sws_scale(sws, (const uint8_t *const *)from->data, from->linesize, 0,
                               from->height, to->data, to->linesize);
    sws_freeContext(sws);
    return rows == to->height ? 0 : -EIO;
}

static AVFrame *make_frame(const AVFrame *picture, enum comp_picture_format format,
                           uint32_t max_width)
{
    AVFrame *f = av_frame_alloc();
    if (!f)
        return NULL;
    f->width = picture->width;
    f->height = picture->height;
    if (max_width && (int)max_width < f->width) {
        f->width = (int)max_width & ~1;
        f->height = (int)((int64_t)picture->height * f->width / picture->width) & ~1;
    }
    f->height = f->height < 2 ? 2 : f->height;
    f->format = format == COMP_PNG ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_YUVJ420P;
    f->color_range = AVCOL_RANGE_JPEG;
    if (av_frame_get_buffer(f, 0) < 0)
        av_frame_free(&f);
    return f;
}

static int encode(AVCodecContext *codec, const AVFrame *frame, AVPacket *packet)
{
    if (avcodec_open2(codec, NULL, NULL) < 0 || avcodec_send_frame(codec, frame) < 0 ||
        avcodec_receive_packet(codec, packet) < 0)
        return -EIO;
    return 0;
}

static AVCodecContext *make_codec(const AVFrame *frame, enum comp_picture_format format)
{
    const AVCodec *kind =
        avcodec_find_encoder(format == COMP_PNG ? AV_CODEC_ID_PNG : AV_CODEC_ID_MJPEG);
    AVCodecContext *codec = kind ? avcodec_alloc_context3(kind) : NULL;
    if (!codec)
        return NULL;
    codec->width = frame->width;
    codec->height = frame->height;
    codec->pix_fmt = frame->format;
    codec->color_range = frame->color_range;
    codec->time_base = (AVRational){1, 25};
    codec->thread_count = 1;
    codec->flags |= AV_CODEC_FLAG_QSCALE;
    codec->global_quality = JPEG_QUALITY * FF_QP2LAMBDA;
    return codec;
}

static int give(const AVPacket *packet, uint8_t **data, size_t *size)
{
    uint8_t *copy = malloc((size_t)packet->size);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, packet->data, (size_t)packet->size);
    *data = copy;
    *size = (size_t)packet->size;
    return 0;
}

int comp_picture_encode(const AVFrame *picture, enum comp_picture_format format, uint32_t max_width,
                        uint8_t **data, size_t *size)
{
    if (picture->width < 2 || picture->height < 2 || max_width == 1)
        return -EINVAL;
    AVFrame *frame = make_frame(picture, format, max_width);
    AVCodecContext *codec = frame ? make_codec(frame, format) : NULL;
    AVPacket *packet = av_packet_alloc();
    int err = frame && codec && packet ? 0 : -ENOMEM;
    if (!err)
        err = scale(picture, frame);
    if (!err) {
        frame->quality = codec->global_quality;
        err = encode(codec, frame, packet);
    }
    if (!err)
        err = give(packet, data, size);
    av_packet_free(&packet);
    avcodec_free_context(&codec);
    av_frame_free(&frame);
    return err;
}
