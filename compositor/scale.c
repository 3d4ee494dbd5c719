/* From a decoded frame to a tile. What is fastest differs by ratio; microseconds for I420 by
 * bench/scale, and luma in dB against a Lanczos filter:
 *
 *     640x360 to     4:3        3:2        2:1        3:1         4:1      up 3:2     up 2:1
 *     libyuv box    16 (48)   129 (50)    4 (50)    86 (41)     4 (46)   193 (48)   35 (48)
 *     sws area     119 (50)   106 (50)   75 (50)    55 (47)    41 (46)   111 (49)   90 (48)
 *     sws bicubic  195 (56)   173 (56)  126 (54)   170 (51)   119 (52)   124 (55)  103 (55)
 *
 * So: what libyuv has a short way for (1:1, 4:3, 2:1, 8:3, 4:1 and exactly up 2:1, box filter) is
 * its; pictures of four times the size and more are halved first; the rest is libswscale's, by
 * area, as is every pixel format but I420. Text is worth the bicubic filter. Colours are put right
 * in the small picture that comes out (recolour.h).
 *
 * The tricky thing: libswscale writes up to a vector past the right edge of each row when the
 * rectangle does not end on one. That would paint over the neighbouring tile, so it works in memory
 * of its own and the result is copied. */
#include "compositor/scale.h"

#include <errno.h>
#include <stdlib.h>

#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <libyuv/convert.h>
#include <libyuv/planar_functions.h>
#include <libyuv/scale.h>

#include "compositor/recolour.h"

enum {
    SIDE_MAX = 16384,
    PIXEL_ASPECT_MAX = 16,
    PADDING = 64,
};

/* Planes somewhere. */
struct picture {
    uint8_t *plane[4];
    int stride[4];
    uint32_t width, height;
    int format;
};

void comp_scaler_finish(struct comp_scaler *s)
{
    sws_freeContext(s->sws);
    free(s->memory);
    *s = (struct comp_scaler){0};
}

static uint32_t even(uint64_t value)
{
    return value < 2 ? 2 : (uint32_t)value & ~1u;
}

int comp_fit(enum layout_fit fit, uint32_t width, uint32_t height, AVRational pixel,
             const struct comp_rect *tile, struct comp_rect *crop, struct comp_rect *inner)
{
    if (width < 2 || height < 2 || width > SIDE_MAX || height > SIDE_MAX)
        return -EINVAL;
    /* Only shapes of pixels that exist; 0 is "not known", and a peer may claim anything. */
    const bool is_sane =
        pixel.num > 0 && pixel.den > 0 && pixel.num / pixel.den < PIXEL_ASPECT_MAX &&
        pixel.den / pixel.num < PIXEL_ASPECT_MAX && pixel.num <= SIDE_MAX && pixel.den <= SIDE_MAX;
    const uint64_t num = is_sane ? (uint64_t)pixel.num : 1, den = is_sane ? (uint64_t)pixel.den : 1;

    *crop = (struct comp_rect){.width = even(width), .height = even(height)};
    *inner = *tile;
    /* The frame is wider than the tile when frame_w / frame_h > tile_w / tile_h. */
    const uint64_t frame_w = width * num, frame_h = height * den;
    const bool is_wider = frame_w * tile->height > frame_h * tile->width;
    if (fit == LAYOUT_COVER && is_wider)
        crop->width = even(frame_h * tile->width / (tile->height * num));
    else if (fit == LAYOUT_COVER)
        crop->height = even(frame_w * tile->height / (tile->width * den));
    else if (fit == LAYOUT_CONTAIN && is_wider)
        inner->height = even(frame_h * tile->width / frame_w);
    else if (fit == LAYOUT_CONTAIN)
        inner->width = even(frame_w * tile->height / frame_h);
    crop->x = (even(width) - crop->width) / 2 & ~1u;
    crop->y = (even(height) - crop->height) / 2 & ~1u;
    inner->x += (tile->width - inner->width) / 2 & ~1u;
    inner->y += (tile->height - inner->height) / 2 & ~1u;
    return 0;
}

/* yuvj formats are the old way to say full range. */
static int plain_format(int format)
{
    static const int pairs[][2] = {
        {AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUV420P}, {AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV422P},
        {AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUV444P}, {AV_PIX_FMT_YUVJ440P, AV_PIX_FMT_YUV440P},
        {AV_PIX_FMT_YUVJ411P, AV_PIX_FMT_YUV411P},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (pairs[i][0] == format)
            return pairs[i][1];
    }
    return format;
}

/* The cropped part of a frame of any format that libavutil knows. */
static int crop_frame(const AVFrame *frame, const struct comp_rect *crop, struct picture *out)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(frame->format);
    if (!desc || (desc->flags & (AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_PAL)))
        return -ENOTSUP;
    *out = (struct picture){
        .width = crop->width,
        .height = crop->height,
        .format = plain_format(frame->format),
    };
    for (int i = 0; i < desc->nb_components; i++) {
        const int p = desc->comp[i].plane;
        const bool is_chroma = (i == 1 || i == 2) && !(desc->flags & AV_PIX_FMT_FLAG_RGB);
        const uint32_t x = crop->x >> (is_chroma ? desc->log2_chroma_w : 0);
        const uint32_t y = crop->y >> (is_chroma ? desc->log2_chroma_h : 0);
        if (out->plane[p] || !frame->data[p])
            continue;
        out->plane[p] =
            frame->data[p] + (ptrdiff_t)y * frame->linesize[p] + (ptrdiff_t)x * desc->comp[i].step;
        out->stride[p] = frame->linesize[p];
    }
    return out->plane[0] ? 0 : -ENOTSUP;
}

static size_t picture_bytes(uint32_t width, uint32_t height)
{
    const size_t stride = (width + PADDING - 1) / PADDING * PADDING;
    return stride * (height + 1) * 2 +
           PADDING; /* luma, two times half of it for chroma, to spare */
}

/* An I420 picture in our own memory. */
static struct picture lay_out(uint8_t *memory, uint32_t width, uint32_t height)
{
    const size_t stride = (width + PADDING - 1) / PADDING * PADDING;
    uint8_t *cb = memory + stride * height;
    return (struct picture){
        .plane = {memory, cb, cb + stride * (height / 2)},
        .stride = {(int)stride, (int)stride, (int)stride},
        .width = width,
        .height = height,
        .format = AV_PIX_FMT_YUV420P,
    };
}

static int reserve(struct comp_scaler *s, size_t bytes)
{
    if (bytes <= s->capacity)
        return 0;
    uint8_t *memory = aligned_alloc(PADDING, (bytes + PADDING - 1) / PADDING * PADDING);
    if (!memory)
        return -ENOMEM;
    free(s->memory);
    s->memory = memory;
    s->capacity = bytes;
    return 0;
}

static struct picture part_of(const struct comp_canvas *canvas, const struct comp_rect *r)
{
    struct picture part = {.width = r->width, .height = r->height};
    for (int p = 0; p < COMP_PLANES; p++) {
        const int shift = p ? 1 : 0;
        part.plane[p] =
            canvas->plane[p] + (size_t)(r->y >> shift) * canvas->stride[p] + (r->x >> shift);
        part.stride[p] = canvas->stride[p];
    }
    return part;
}

static void copy(const struct picture *from, const struct picture *to)
{
    I420Copy(from->plane[0], from->stride[0], from->plane[1], from->stride[1], from->plane[2],
             from->stride[2], to->plane[0], to->stride[0], to->plane[1], to->stride[1],
             to->plane[2], to->stride[2], (int)to->width, (int)to->height);
}

static void scale_by_libyuv(const struct picture *from, const struct picture *to)
{
    I420Scale(from->plane[0], from->stride[0], from->plane[1], from->stride[1], from->plane[2],
              from->stride[2], (int)from->width, (int)from->height, to->plane[0], to->stride[0],
              to->plane[1], to->stride[1], to->plane[2], to->stride[2], (int)to->width,
              (int)to->height, kFilterBox);
}

/* The numbers are left as they are: both sides are told the same matrix and range. Only RGB becomes
 * what the canvas is. */
static struct SwsContext *make_sws(const struct comp_scaler_key *key)
{
    struct SwsContext *sws = sws_alloc_context();
    if (!sws)
        return NULL;
    av_opt_set_int(sws, "srcw", key->from_width, 0);
    av_opt_set_int(sws, "srch", key->from_height, 0);
    av_opt_set_int(sws, "src_format", key->format, 0);
    av_opt_set_int(sws, "dstw", key->to_width, 0);
    av_opt_set_int(sws, "dsth", key->to_height, 0);
    av_opt_set_int(sws, "dst_format", AV_PIX_FMT_YUV420P, 0);
    av_opt_set_int(sws, "sws_flags", key->is_sharp ? SWS_BICUBIC : SWS_AREA, 0);
    if (sws_init_context(sws, NULL, NULL) < 0) {
        sws_freeContext(sws);
        return NULL;
    }
    const int *matrix = sws_getCoefficients(SWS_CS_ITU601);
    sws_setColorspaceDetails(sws, matrix, 0, matrix, 0, 0, 1 << 16, 1 << 16);
    return sws;
}

static int prepare_sws(struct comp_scaler *s, const struct comp_scaler_key *key)
{
    const struct comp_scaler_key *old = &s->key;
    if (s->sws && old->format == key->format && old->is_sharp == key->is_sharp &&
        old->from_width == key->from_width && old->from_height == key->from_height &&
        old->to_width == key->to_width && old->to_height == key->to_height)
        return 0;
    if (!sws_isSupportedInput(key->format))
        return -ENOTSUP;
    sws_freeContext(s->sws);
    s->sws = make_sws(key);
    if (!s->sws)
        return -ENOMEM;
    s->key = *key;
    return 0;
}

static int scale_by_swscale(struct comp_scaler *s, const struct picture *from,
                            const struct picture *to, const struct picture *own)
{
    const struct comp_scaler_key key = {
        .format = from->format,
        .is_sharp = s->is_sharp,
        .from_width = from->width,
        .from_height = from->height,
        .to_width = to->width,
        .to_height = to->height,
    };
    const int err = prepare_sws(s, &key);
    if (err)
        return err;
    sws_scale(s->sws, (const uint8_t *const *)from->plane, from->stride, 0, (int)from->height,
              own->plane, own->stride);
    copy(own, to);
    return 0;
}

/* from is num/den of to, both ways. */
static bool is_ratio(const struct picture *from, const struct picture *to, uint32_t num,
                     uint32_t den)
{
    return from->width * den == to->width * num && from->height * den == to->height * num;
}

/* Ratios that libyuv has a short way for. */
static bool is_quick(const struct picture *from, const struct picture *to)
{
    return is_ratio(from, to, 2, 1) || is_ratio(from, to, 4, 1) || is_ratio(from, to, 4, 3) ||
           is_ratio(from, to, 8, 3) || is_ratio(from, to, 1, 2);
}

/* Halved until a quick way, or less than a quarter, is left. */
static struct picture shrink(const struct comp_scaler *s, struct picture from,
                             const struct picture *to)
{
    while (from.width >= 4 * to->width && from.height >= 4 * to->height && !is_quick(&from, to)) {
        from.width &= ~3u; /* so that chroma halves too; at most two pixels of the edge */
        from.height &= ~3u;
        if (is_quick(&from, to))
            break;
        /* In place after the first time: a row is written after the two it comes from are read. */
        const struct picture half = lay_out(s->memory, from.width / 2, from.height / 2);
        scale_by_libyuv(&from, &half);
        from = half;
    }
    return from;
}

static int scale_i420(struct comp_scaler *s, const struct picture *whole, const struct picture *to,
                      const struct picture *own)
{
    if (is_ratio(whole, to, 1, 1)) {
        copy(whole, to);
        return 0;
    }
    if (s->is_sharp)
        return scale_by_swscale(s, whole, to, own);
    const struct picture from = shrink(s, *whole, to);
    if (!is_quick(&from, to))
        return scale_by_swscale(s, &from, to, own);
    scale_by_libyuv(&from, to);
    return 0;
}

static bool is_rgb(const AVFrame *frame)
{
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(frame->format);
    return desc && (desc->flags & AV_PIX_FMT_FLAG_RGB);
}

int comp_scale(struct comp_scaler *s, const AVFrame *frame, const struct comp_rect *crop,
               struct comp_canvas *canvas, const struct comp_rect *inner)
{
    struct picture from;
    int err = crop_frame(frame, crop, &from);
    if (err)
        return err;
    const size_t half_bytes = picture_bytes(crop->width / 2, crop->height / 2);
    err = reserve(s, half_bytes + picture_bytes(inner->width, inner->height));
    if (err)
        return err;

    const struct picture to = part_of(canvas, inner);
    const struct picture own = lay_out(s->memory + half_bytes, inner->width, inner->height);
    err = from.format == AV_PIX_FMT_YUV420P ? scale_i420(s, &from, &to, &own)
                                            : scale_by_swscale(s, &from, &to, &own);
    const struct comp_colours colours = comp_colours_of(frame);
    if (!err && !is_rgb(frame) && !comp_colours_are_plain(&colours))
        comp_recolour(&colours, to.plane, to.stride, to.width, to.height);
    return err;
}
