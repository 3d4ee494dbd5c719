/* From a decoded frame to a tile. Microseconds here for I420, by the best of twelve runs:
 *
 *     640x360 to   320x180 (1:2)   426x240 (2:3)   212x120 (1:3)   1280x720 (2:1)
 *     libyuv                 6       155 to 233             110               157
 *     libswscale           103              147              76               499
 *
 * So: equal sizes are copied, ratios of two and more are halved by libyuv as often as that goes (a
 * box filter, exact), exact doubling is libyuv's, and libswscale (area) does the rest and
 * everything that is not I420 in BT.601, limited range.
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

enum {
    SIDE_MAX = 16384,
    PIXEL_ASPECT_MAX = 16,
    PADDING = 64,
};

/* Planes somewhere, and what their numbers mean. */
struct picture {
    uint8_t *plane[4];
    int stride[4];
    uint32_t width, height;
    int format;
    bool is_full_range;
    int colorspace; /* SWS_CS_... */
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
static int plain_format(int format, bool *is_full_range)
{
    static const int pairs[][2] = {
        {AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUV420P}, {AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV422P},
        {AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUV444P}, {AV_PIX_FMT_YUVJ440P, AV_PIX_FMT_YUV440P},
        {AV_PIX_FMT_YUVJ411P, AV_PIX_FMT_YUV411P},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (pairs[i][0] == format) {
            *is_full_range = true;
            return pairs[i][1];
        }
    }
    return format;
}

/* Streams that do not say are taken for BT.601: it is what browsers' cameras and VP8 are. */
static int swscale_colorspace(const AVFrame *frame)
{
    switch (frame->colorspace) {
    case AVCOL_SPC_BT709:
        return SWS_CS_ITU709;
    case AVCOL_SPC_SMPTE240M:
        return SWS_CS_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
        return SWS_CS_BT2020;
    default:
        return SWS_CS_ITU601;
    }
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
        .is_full_range = frame->color_range == AVCOL_RANGE_JPEG,
        .colorspace = swscale_colorspace(frame),
    };
    out->format = plain_format(frame->format, &out->is_full_range);
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
        .colorspace = SWS_CS_ITU601,
    };
}

static bool is_canvas_like(const struct picture *p)
{
    return p->format == AV_PIX_FMT_YUV420P && !p->is_full_range && p->colorspace == SWS_CS_ITU601;
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

/* The range must be known before the context is initialised, the matrix after. */
static struct SwsContext *make_sws(const struct comp_scaler_key *key)
{
    struct SwsContext *sws = sws_alloc_context();
    if (!sws)
        return NULL;
    av_opt_set_int(sws, "srcw", key->from_width, 0);
    av_opt_set_int(sws, "srch", key->from_height, 0);
    av_opt_set_int(sws, "src_format", key->format, 0);
    av_opt_set_int(sws, "src_range", key->is_full_range, 0);
    av_opt_set_int(sws, "dstw", key->to_width, 0);
    av_opt_set_int(sws, "dsth", key->to_height, 0);
    av_opt_set_int(sws, "dst_format", AV_PIX_FMT_YUV420P, 0);
    av_opt_set_int(sws, "sws_flags", SWS_AREA, 0);
    if (sws_init_context(sws, NULL, NULL) < 0) {
        sws_freeContext(sws);
        return NULL;
    }
    sws_setColorspaceDetails(sws, sws_getCoefficients(key->colorspace), key->is_full_range,
                             sws_getCoefficients(SWS_CS_ITU601), 0, 0, 1 << 16, 1 << 16);
    return sws;
}

static int prepare_sws(struct comp_scaler *s, const struct comp_scaler_key *key)
{
    const struct comp_scaler_key *old = &s->key;
    if (s->sws && old->format == key->format && old->is_full_range == key->is_full_range &&
        old->colorspace == key->colorspace && old->from_width == key->from_width &&
        old->from_height == key->from_height && old->to_width == key->to_width &&
        old->to_height == key->to_height)
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
        .is_full_range = from->is_full_range,
        .colorspace = from->colorspace,
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

/* A BT.601 I420 picture: halve while that goes, then finish. */
static int scale_i420(struct comp_scaler *s, struct picture from, const struct picture *to,
                      const struct picture *own)
{
    while (from.width >= 2 * to->width && from.height >= 2 * to->height) {
        from.width &= ~3u; /* so that chroma halves too; at most two pixels of the edge */
        from.height &= ~3u;
        if (from.width == 2 * to->width && from.height == 2 * to->height) {
            scale_by_libyuv(&from, to);
            return 0;
        }
        /* In place after the first time: a row is written after the two it comes from are read. */
        struct picture half = lay_out(s->memory, from.width / 2, from.height / 2);
        scale_by_libyuv(&from, &half);
        from = half;
    }
    if (from.width == to->width && from.height == to->height) {
        copy(&from, to);
        return 0;
    }
    if (2 * from.width == to->width && 2 * from.height == to->height) {
        scale_by_libyuv(&from, to);
        return 0;
    }
    return scale_by_swscale(s, &from, to, own);
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
    return is_canvas_like(&from) ? scale_i420(s, from, &to, &own)
                                 : scale_by_swscale(s, &from, &to, &own);
}
