/* Uploaded pictures; see image.h. Decoded by libavcodec into Cairo's premultiplied ARGB32, which
 * keeps the colours of what is transparent out of the scaled edges. */
#include "compositor/image.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/frame.h>
#include <libavutil/intreadwrite.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include "compositor/paint.h"

struct comp_image {
    atomic_int refs;
    uint32_t width, height;
    size_t stride; /* bytes */
    uint8_t *argb; /* premultiplied, native endian */
};

/* --- headers -------------------------------------------------------------------------------------
 */

static int probe_png(const uint8_t *b, size_t size, uint32_t *width, uint32_t *height)
{
    static const uint8_t start[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n',
                                    0,    0,   0,   13,  'I',  'H',  'D',  'R'};
    if (size < sizeof(start) + 8 || memcmp(b, start, sizeof(start)) != 0)
        return -EINVAL;
    *width = AV_RB32(b + 16);
    *height = AV_RB32(b + 20);
    return 0;
}

/* SOF0..SOF15 but for DHT, JPG and DAC, which lie between them (ITU-T T.81, table B.1). */
static bool is_frame_header(uint8_t marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/* Goes from marker segment to marker segment up to the frame header. */
static int probe_jpeg(const uint8_t *b, size_t size, uint32_t *width, uint32_t *height)
{
    if (size < 4 || b[0] != 0xff || b[1] != 0xd8)
        return -EINVAL;
    size_t at = 2;
    while (at + 9 <= size && b[at] == 0xff) {
        const uint8_t marker = b[at + 1];
        if (marker == 0xff) { /* fill bytes */
            at++;
            continue;
        }
        const size_t length = AV_RB16(b + at + 2);
        if (marker == 0xd9 || marker == 0xda || length < 2)
            return -EINVAL; /* no picture before the end or the scan */
        if (is_frame_header(marker)) {
            *height = AV_RB16(b + at + 5);
            *width = AV_RB16(b + at + 7);
            return 0;
        }
        at += 2 + length;
    }
    return -EINVAL;
}

int comp_image_probe(const uint8_t *bytes, size_t size, enum comp_image_kind *kind, uint32_t *width,
                     uint32_t *height)
{
    uint32_t w = 0, h = 0;
    enum comp_image_kind which = COMP_IMAGE_PNG;
    int err = probe_png(bytes, size, &w, &h);
    if (err) {
        which = COMP_IMAGE_JPEG;
        err = probe_jpeg(bytes, size, &w, &h);
    }
    if (err || w == 0 || h == 0)
        return -EINVAL;
    if (size > COMP_IMAGE_BYTES_MAX || w > COMP_IMAGE_SIDE_MAX || h > COMP_IMAGE_SIDE_MAX ||
        w * h > COMP_IMAGE_PIXELS_MAX)
        return -EFBIG;
    *kind = which;
    *width = w;
    *height = h;
    return 0;
}

/* --- decoding ------------------------------------------------------------------------------------
 */

static AVCodecContext *open_codec(enum comp_image_kind kind, uint32_t width, uint32_t height)
{
    const AVCodec *codec =
        avcodec_find_decoder(kind == COMP_IMAGE_PNG ? AV_CODEC_ID_PNG : AV_CODEC_ID_MJPEG);
    AVCodecContext *ctx = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!ctx)
        return NULL;
    ctx->thread_count = 1;
    /* not more than the header said, and what decoders round it up to */
    ctx->max_pixels = (int64_t)(width + 128) * (height + 128);
    ctx->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK;
    if (avcodec_open2(ctx, codec, NULL) < 0)
        avcodec_free_context(&ctx);
    return ctx;
}

static int decode_packet(AVCodecContext *ctx, const AVPacket *packet, AVFrame *frame)
{
    if (avcodec_send_packet(ctx, packet) < 0 || avcodec_send_packet(ctx, NULL) < 0 ||
        avcodec_receive_frame(ctx, frame) < 0)
        return -EINVAL;
    const bool is_broken = frame->decode_error_flags || (frame->flags & AV_FRAME_FLAG_CORRUPT);
    return is_broken || frame->width < 1 || frame->height < 1 ? -EINVAL : 0;
}

static int decode(const uint8_t *bytes, size_t size, enum comp_image_kind kind, uint32_t width,
                  uint32_t height, AVFrame **out)
{
    AVCodecContext *ctx = open_codec(kind, width, height);
    AVFrame *frame = av_frame_alloc();
    AVPacket *packet = av_packet_alloc();
    int err = ctx && frame && packet ? 0 : -ENOMEM;
    if (!err && av_new_packet(packet, (int)size) < 0) /* padded, as decoders want it */
        err = -ENOMEM;
    if (!err) {
        memcpy(packet->data, bytes, size);
        err = decode_packet(ctx, packet, frame);
    }
    if (!err && (frame->width != (int)width || frame->height != (int)height))
        err = -EINVAL;
    av_packet_free(&packet);
    avcodec_free_context(&ctx);
    if (err)
        av_frame_free(&frame);
    else
        *out = frame;
    return err;
}

static uint32_t premultiply(const uint8_t *bgra)
{
    const uint32_t a = bgra[3];
    const uint32_t b = (bgra[0] * a + 127) / 255, g = (bgra[1] * a + 127) / 255,
                   r = (bgra[2] * a + 127) / 255;
    return a << 24 | r << 16 | g << 8 | b;
}

/* Into ARGB32, in place: a pixel has four bytes before and after. */
static void premultiply_all(struct comp_image *image)
{
    for (uint32_t y = 0; y < image->height; y++) {
        uint8_t *row = image->argb + y * image->stride;
        for (uint32_t x = 0; x < image->width; x++) {
            const uint32_t pixel = premultiply(row + (size_t)x * 4);
            memcpy(row + (size_t)x * 4, &pixel, sizeof(pixel));
        }
    }
}

/* The same without the range in it, which libswscale is told apart. */
static int plain_format(int format)
{
    switch (format) {
    case AV_PIX_FMT_YUVJ420P:
        return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
        return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
        return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P:
        return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P:
        return AV_PIX_FMT_YUV411P;
    default:
        return format;
    }
}

static int convert(struct comp_image *image, const AVFrame *frame)
{
    struct SwsContext *sws = sws_getContext(
        frame->width, frame->height, plain_format(frame->format), frame->width, frame->height,
        AV_PIX_FMT_BGRA, SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, NULL, NULL, NULL);
    if (!sws)
        return -EINVAL;
    if (!(av_pix_fmt_desc_get(frame->format)->flags &
          AV_PIX_FMT_FLAG_RGB)) { /* JFIF: BT.601, full */
        const int *bt601 = sws_getCoefficients(SWS_CS_ITU601);
        sws_setColorspaceDetails(sws, bt601, 1, bt601, 1, 0, 1 << 16, 1 << 16);
    }
    uint8_t *const to[4] = {image->argb, NULL, NULL, NULL};
    const int strides[4] = {(int)image->stride, 0, 0, 0};
    const int rows = sws_scale(sws, (const uint8_t *const *)frame->data, frame->linesize, 0,
                               frame->height, to, strides);
    sws_freeContext(sws);
    if (rows != frame->height)
        return -EINVAL;
    premultiply_all(image);
    return 0;
}

int comp_image_create(struct comp_image **out, const uint8_t *bytes, size_t size)
{
    enum comp_image_kind kind;
    uint32_t width, height;
    AVFrame *frame = NULL;
    int err = comp_image_probe(bytes, size, &kind, &width, &height);
    if (!err)
        err = decode(bytes, size, kind, width, height, &frame);
    if (err)
        return err;
    struct comp_image *image = calloc(1, sizeof(*image));
    if (image) {
        atomic_init(&image->refs, 1);
        image->width = (uint32_t)frame->width;
        image->height = (uint32_t)frame->height;
        image->stride = (size_t)image->width * 4;
        /* swscale may write a few pixels past the end of a row */
        image->argb = malloc(image->stride * image->height + 64);
    }
    err = image && image->argb ? convert(image, frame) : -ENOMEM;
    av_frame_free(&frame);
    if (err)
        comp_image_unref(image);
    else
        *out = image;
    return err;
}

struct comp_image *comp_image_ref(struct comp_image *image)
{
    atomic_fetch_add_explicit(&image->refs, 1, memory_order_relaxed);
    return image;
}

void comp_image_unref(struct comp_image *image)
{
    if (!image || atomic_fetch_sub_explicit(&image->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(image->argb);
    free(image);
}

uint32_t comp_image_width(const struct comp_image *image)
{
    return image->width;
}

uint32_t comp_image_height(const struct comp_image *image)
{
    return image->height;
}

/* --- drawing -------------------------------------------------------------------------------------
 */

uint32_t comp_image_height_for(const struct comp_image *image, uint32_t width, uint32_t max)
{
    const uint64_t exact = (uint64_t)width * image->height / image->width;
    const uint32_t even = exact < max ? ((uint32_t)exact + 1) & ~1u : max;
    return even < 2 ? 2 : even < max ? even : max;
}

/* Scales the picture so that it covers the box, or lies in it, and puts it in the middle. */
static void place(cairo_t *cr, const struct comp_image *image, uint32_t width, uint32_t height,
                  enum layout_fit fit)
{
    double sx = (double)width / image->width, sy = (double)height / image->height;
    if (fit != LAYOUT_FILL) {
        const bool is_wider = sx > sy;
        const double both = (fit == LAYOUT_COVER) == is_wider ? sx : sy;
        sx = sy = both;
    }
    cairo_translate(cr, (width - image->width * sx) / 2, (height - image->height * sy) / 2);
    cairo_scale(cr, sx, sy);
}

int comp_image_render(struct comp_overlay **out, const struct comp_image *image, uint32_t width,
                      uint32_t height, enum layout_fit fit, uint8_t alpha, const uint32_t *ground)
{
    if (!comp_paint_is_side(width) || !comp_paint_is_side(height) || ((width | height) & 1))
        return -EINVAL;
    cairo_t *cr;
    const int err = comp_paint_begin(&cr, width, height);
    if (err)
        return err;
    if (ground) {
        const struct comp_paint_colour colour = comp_paint_rgb(*ground);
        comp_paint_use(cr, &colour);
        cairo_paint(cr);
    }
    cairo_surface_t *surface =
        cairo_image_surface_create_for_data(image->argb, CAIRO_FORMAT_ARGB32, (int)image->width,
                                            (int)image->height, (int)image->stride);
    place(cr, image, width, height, fit);
    cairo_set_source_surface(cr, surface, 0, 0);
    cairo_pattern_set_filter(cairo_get_source(cr), CAIRO_FILTER_GOOD);
    cairo_pattern_set_extend(cairo_get_source(cr), CAIRO_EXTEND_PAD);
    cairo_rectangle(cr, 0, 0, image->width, image->height);
    cairo_clip(cr);
    cairo_paint_with_alpha(cr, alpha / 255.0);
    cairo_surface_destroy(surface);
    return comp_paint_end(cr, out);
}
