/* Overlays; see overlay.h. A pixel's colour is what it is without its alpha; the colour of a chroma
 * sample is the mean of its four pixels weighted by their alpha, so that nothing dark creeps in
 * from pixels that are not seen. */
#include "compositor/overlay.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <libyuv/planar_functions.h>

enum { SIDE_MAX = 4096 };

struct comp_overlay {
    atomic_int refs;
    uint32_t width, height;
    uint8_t *plane[COMP_PLANES]; /* rows without padding */
    uint8_t *alpha[2];           /* full and half resolution */
    uint8_t memory[];
};

struct sums {
    uint32_t r, g, b, a; /* premultiplied, over some pixels */
};

static void add_pixel(struct sums *s, const uint8_t *argb)
{
    uint32_t pixel; /* native endian, as Cairo has it */
    __builtin_memcpy(&pixel, argb, sizeof(pixel));
    s->a += pixel >> 24;
    s->r += pixel >> 16 & 0xff;
    s->g += pixel >> 8 & 0xff;
    s->b += pixel & 0xff;
}

static uint32_t unmultiply(uint32_t sum, uint32_t alpha)
{
    const uint32_t value = alpha ? (sum * 255 + alpha / 2) / alpha : 0;
    return value < 255 ? value : 255;
}

static struct comp_colour colour_of(const struct sums *s)
{
    return comp_colour_from_rgb(unmultiply(s->r, s->a) << 16 | unmultiply(s->g, s->a) << 8 |
                                unmultiply(s->b, s->a));
}

static void convert_luma(struct comp_overlay *o, const uint8_t *argb, size_t stride)
{
    for (uint32_t y = 0; y < o->height; y++) {
        for (uint32_t x = 0; x < o->width; x++) {
            struct sums s = {0};
            add_pixel(&s, argb + y * stride + (size_t)x * 4);
            const size_t at = (size_t)y * o->width + x;
            o->plane[0][at] = colour_of(&s).plane[0];
            o->alpha[0][at] = (uint8_t)s.a;
        }
    }
}

static void convert_chroma(struct comp_overlay *o, const uint8_t *argb, size_t stride)
{
    for (uint32_t y = 0; y < o->height; y += 2) {
        for (uint32_t x = 0; x < o->width; x += 2) {
            struct sums s = {0};
            const uint8_t *block = argb + y * stride + (size_t)x * 4;
            add_pixel(&s, block);
            add_pixel(&s, block + 4);
            add_pixel(&s, block + stride);
            add_pixel(&s, block + stride + 4);
            const struct comp_colour colour = colour_of(&s);
            const size_t at = (size_t)(y / 2) * (o->width / 2) + x / 2;
            o->plane[1][at] = colour.plane[1];
            o->plane[2][at] = colour.plane[2];
            o->alpha[1][at] = (uint8_t)((s.a + 2) / 4);
        }
    }
}

int comp_overlay_create(struct comp_overlay **out, const uint8_t *argb, size_t stride,
                        uint32_t width, uint32_t height)
{
    if (width == 0 || height == 0 || width > SIDE_MAX || height > SIDE_MAX ||
        ((width | height) & 1))
        return -EINVAL;
    const size_t full = (size_t)width * height, half = full / 4;
    struct comp_overlay *o = malloc(sizeof(*o) + 2 * full + 3 * half);
    if (!o)
        return -ENOMEM;
    atomic_init(&o->refs, 1);
    o->width = width;
    o->height = height;
    o->plane[0] = o->memory;
    o->alpha[0] = o->plane[0] + full;
    o->plane[1] = o->alpha[0] + full;
    o->plane[2] = o->plane[1] + half;
    o->alpha[1] = o->plane[2] + half;
    convert_luma(o, argb, stride);
    convert_chroma(o, argb, stride);
    *out = o;
    return 0;
}

struct comp_overlay *comp_overlay_ref(struct comp_overlay *o)
{
    atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
    return o;
}

void comp_overlay_unref(struct comp_overlay *o)
{
    if (o && atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) == 1)
        free(o);
}

uint32_t comp_overlay_width(const struct comp_overlay *o)
{
    return o->width;
}

uint32_t comp_overlay_height(const struct comp_overlay *o)
{
    return o->height;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void comp_overlay_blend(const struct comp_overlay *o, struct comp_canvas *canvas, uint32_t x,
                        uint32_t y, const struct comp_rect *clip)
{
    const uint32_t left = larger(x, clip->x), top = larger(y, clip->y);
    const uint32_t right = smaller(smaller(x + o->width, clip->x + clip->width), canvas->width);
    const uint32_t bottom = smaller(smaller(y + o->height, clip->y + clip->height), canvas->height);
    if (left >= right || top >= bottom)
        return;
    for (int p = 0; p < COMP_PLANES; p++) {
        const int shift = p ? 1 : 0;
        const int own_stride = (int)(o->width >> shift);
        const size_t from =
            (size_t)((top - y) >> shift) * (size_t)own_stride + ((left - x) >> shift);
        uint8_t *to =
            canvas->plane[p] + (size_t)(top >> shift) * (size_t)canvas->stride[p] + (left >> shift);
        BlendPlane(o->plane[p] + from, own_stride, to, canvas->stride[p], o->alpha[shift] + from,
                   own_stride, to, canvas->stride[p], (int)((right - left) >> shift),
                   (int)((bottom - top) >> shift));
    }
}

void comp_overlay_copy(const struct comp_overlay *o, struct comp_canvas *canvas,
                       const struct comp_rect *clip)
{
    for (int p = 0; p < COMP_PLANES; p++) {
        const int shift = p ? 1 : 0;
        const size_t own_stride = o->width >> shift, stride = (size_t)canvas->stride[p];
        const uint32_t x = clip->x >> shift, y = clip->y >> shift;
        CopyPlane(o->plane[p] + y * own_stride + x, (int)own_stride,
                  canvas->plane[p] + y * stride + x, (int)stride, (int)(clip->width >> shift),
                  (int)(clip->height >> shift));
    }
}
