/* libavcodec, kept to one thread per decoder: the room has as many decoders as people, and spreads
 * them over its own workers. Payloads are not copied: libavcodec holds a reference to the packet.
 */
#include "compositor/decoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>

enum {
    PACKET_MAX_BYTES = 16 * 1024 * 1024,
    EXTRADATA_MAX_BYTES = 64 * 1024,
    PIXELS_MAX = 4096 * 4096,
    HD_HEIGHT_PX = 720,
    QUIET = 100, /* added to the level of libavcodec's messages: what peers send is no news */
};

struct comp_decoder {
    AVCodecContext *codec;
    AVPacket *packet;
    bool is_live;
    struct mcu_colours colours; /* said beside the stream */
};

static const AVCodec *find_codec(enum mcu_codec codec)
{
    switch (codec) {
    case MCU_CODEC_H264:
        return avcodec_find_decoder_by_name("h264");
    case MCU_CODEC_VP8:
        return avcodec_find_decoder_by_name("vp8");
    case MCU_CODEC_VP9:
        return avcodec_find_decoder_by_name("vp9");
    case MCU_CODEC_AV1:
        return avcodec_find_decoder_by_name("libdav1d");
    default:
        return NULL;
    }
}

static int set_extradata(AVCodecContext *codec, const uint8_t *extradata, size_t size)
{
    if (!extradata || size == 0)
        return 0;
    if (size > EXTRADATA_MAX_BYTES)
        return -EINVAL;
    codec->extradata = av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!codec->extradata)
        return -ENOMEM;
    memcpy(codec->extradata, extradata, size);
    codec->extradata_size = (int)size;
    return 0;
}

static int open_codec(struct comp_decoder *d, const AVCodec *codec, const uint8_t *extradata,
                      size_t extradata_size)
{
    d->codec = avcodec_alloc_context3(codec);
    d->packet = av_packet_alloc();
    if (!d->codec || !d->packet)
        return -ENOMEM;
    const int err = set_extradata(d->codec, extradata, extradata_size);
    if (err)
        return err;
    d->codec->thread_count = 1;
    d->codec->max_pixels = PIXELS_MAX;
    d->codec->log_level_offset = QUIET;
    d->codec->pkt_timebase = (AVRational){1, 1000000};
    if (d->is_live)
        d->codec->flags |= AV_CODEC_FLAG_LOW_DELAY;
    /* Concealment stays on, also where its results are dropped: it is what notices lost slices. */
    return avcodec_open2(d->codec, codec, NULL) < 0 ? -EINVAL : 0;
}

int comp_decoder_create(struct comp_decoder **out, enum mcu_codec codec, const uint8_t *extradata,
                        size_t extradata_size, bool is_live)
{
    const AVCodec *found = find_codec(codec);
    if (!found)
        return -ENOTSUP;
    struct comp_decoder *d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    d->is_live = is_live;
    const int err = open_codec(d, found, extradata, extradata_size);
    if (err) {
        comp_decoder_destroy(d);
        return err;
    }
    *out = d;
    return 0;
}

void comp_decoder_destroy(struct comp_decoder *d)
{
    if (!d)
        return;
    av_packet_free(&d->packet);
    avcodec_free_context(&d->codec);
    free(d);
}

static void give_back(void *opaque, uint8_t *data)
{
    (void)data;
    mcu_packet_unref(opaque);
}

/* An AVPacket over our payload; its 64 zero bytes are libavcodec's padding. */
static int wrap(AVPacket *packet, struct mcu_packet *p)
{
    packet->buf = av_buffer_create(p->data, p->size + AV_INPUT_BUFFER_PADDING_SIZE, give_back, p,
                                   AV_BUFFER_FLAG_READONLY);
    if (!packet->buf)
        return -ENOMEM;
    mcu_packet_ref(p);
    packet->data = p->data;
    packet->size = (int)p->size;
    packet->pts = p->pts_us;
    packet->dts = p->dts_us;
    packet->flags = p->is_key ? AV_PKT_FLAG_KEY : 0;
    return 0;
}

_Static_assert(AV_INPUT_BUFFER_PADDING_SIZE <= 64, "mcu_packet pads with 64 bytes");

int comp_decoder_send(struct comp_decoder *d, struct mcu_packet *packet)
{
    if (packet) {
        if (packet->size == 0 || packet->size > PACKET_MAX_BYTES)
            return -EBADMSG;
        const int err = wrap(d->packet, packet);
        if (err)
            return err;
        if (packet->is_key || packet->colours.is_said)
            d->colours = packet->colours;
    }
    const int err = avcodec_send_packet(d->codec, packet ? d->packet : NULL);
    av_packet_unref(d->packet);
    if (err == AVERROR(EAGAIN))
        return -EAGAIN;
    if (err == AVERROR(ENOMEM))
        return -ENOMEM;
    return err < 0 ? -EBADMSG : 0;
}

/* Files are made for players, and those take untagged H264 of this height for BT.709. Live senders
 * that say nothing converted with libyuv: BT.601 at any size. */
static bool is_silently_709(const struct comp_decoder *d, const AVFrame *frame)
{
    return !d->is_live && d->codec->codec_id == AV_CODEC_ID_H264 &&
           frame->colorspace == AVCOL_SPC_UNSPECIFIED && frame->height >= HD_HEIGHT_PX;
}

/* AVColorSpace is numbered as H.273. */
static void recolour(AVFrame *frame, const struct mcu_colours *said)
{
    frame->colorspace = said->matrix < AVCOL_SPC_NB ? said->matrix : AVCOL_SPC_UNSPECIFIED;
    frame->color_range = said->is_full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
}

int comp_decoder_receive(struct comp_decoder *d, AVFrame *frame)
{
    const int err = avcodec_receive_frame(d->codec, frame);
    if (err == AVERROR(EAGAIN))
        return -EAGAIN;
    if (err == AVERROR_EOF)
        return -EPIPE;
    if (err < 0)
        return -EBADMSG;
    if (frame->pts == AV_NOPTS_VALUE)
        frame->pts = frame->best_effort_timestamp;
    const bool is_broken = (frame->flags & AV_FRAME_FLAG_CORRUPT) || frame->decode_error_flags;
    if (frame->pts == AV_NOPTS_VALUE || (is_broken && d->is_live)) {
        av_frame_unref(frame);
        return -EBADMSG;
    }
    if (is_silently_709(d, frame))
        frame->colorspace = AVCOL_SPC_BT709;
    if (d->colours.is_said)
        recolour(frame, &d->colours);
    return 0;
}

void comp_decoder_flush(struct comp_decoder *d)
{
    avcodec_flush_buffers(d->codec);
}
