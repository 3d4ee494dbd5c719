/* The canvas; see canvas.h. Rows are padded so that vector code may read past a row's end. */
#include "compositor/canvas.h"

#include <errno.h>
#include <stdlib.h>

#include <libyuv/planar_functions.h>

enum { ALIGNMENT = 64 };

int comp_canvas_init(struct comp_canvas *canvas, uint32_t width, uint32_t height)
{
    atomic_init(&canvas->readers, 0);
    canvas->picture = 0;
    return comp_canvas_make_memory(canvas, width, height);
}

int comp_canvas_make_memory(struct comp_canvas *canvas, uint32_t width, uint32_t height)
{
    size_t size = 0, offset[COMP_PLANES];
    int stride[COMP_PLANES];
    for (int p = 0; p < COMP_PLANES; p++) {
        const size_t row = p ? width / 2 : width;
        stride[p] = (int)((row + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
        offset[p] = size;
        size += (size_t)stride[p] * (p ? height / 2 : height);
    }
    uint8_t *memory = aligned_alloc(ALIGNMENT, size + ALIGNMENT);
    if (!memory)
        return -ENOMEM;
    canvas->memory = memory;
    canvas->width = width;
    canvas->height = height;
    for (int p = 0; p < COMP_PLANES; p++) {
        canvas->stride[p] = stride[p];
        canvas->plane[p] = memory + offset[p];
    }
    return 0;
}

void comp_canvas_finish(struct comp_canvas *canvas)
{
    free(canvas->memory);
    canvas->memory = NULL;
}

struct comp_colour comp_colour_from_rgb(uint32_t rgb)
{
    /* ITU-R BT.601-7, section 2.5, in 16.16 fixed point for 8 bits. */
    const int r = rgb >> 16 & 0xff, g = rgb >> 8 & 0xff, b = rgb & 0xff;
    const int half = 1 << 15;
    return (struct comp_colour){{
        (uint8_t)(16 + ((16829 * r + 33039 * g + 6416 * b + half) >> 16)),
        (uint8_t)(128 + ((-9714 * r - 19071 * g + 28784 * b + half) >> 16)),
        (uint8_t)(128 + ((28784 * r - 24103 * g - 4681 * b + half) >> 16)),
    }};
}

void comp_canvas_fill(struct comp_canvas *canvas, const struct comp_rect *rect,
                      const struct comp_colour *colour)
{
    for (int p = 0; p < COMP_PLANES; p++) {
        const int shift = p ? 1 : 0;
        uint8_t *at =
            canvas->plane[p] + (size_t)(rect->y >> shift) * canvas->stride[p] + (rect->x >> shift);
        SetPlane(at, canvas->stride[p], (int)(rect->width >> shift), (int)(rect->height >> shift),
                 colour->plane[p]);
    }
}

void comp_canvas_dim(struct comp_canvas *canvas, const struct comp_rect *rect)
{
    static const uint8_t dark[COMP_PLANES] = {16, 128, 128};
    for (int p = 0; p < COMP_PLANES; p++) {
        const int shift = p ? 1 : 0;
        for (uint32_t y = rect->y >> shift; y < (rect->y + rect->height) >> shift; y++) {
            uint8_t *row =
                canvas->plane[p] + (size_t)y * (size_t)canvas->stride[p] + (rect->x >> shift);
            for (uint32_t x = 0; x < rect->width >> shift; x++)
                row[x] = (uint8_t)((row[x] + dark[p]) / 2);
        }
    }
}

void comp_canvas_copy(struct comp_canvas *to, const struct comp_canvas *from)
{
    for (int p = 0; p < COMP_PLANES; p++) {
        const int shift = p ? 1 : 0;
        CopyPlane(from->plane[p], from->stride[p], to->plane[p], to->stride[p],
                  (int)(from->width >> shift), (int)(from->height >> shift));
    }
}

void comp_canvas_hold(struct comp_canvas *canvas)
{
    atomic_fetch_add_explicit(&canvas->readers, 1, memory_order_relaxed);
}

void comp_canvas_release(struct comp_canvas *canvas)
{
    atomic_fetch_sub_explicit(&canvas->readers, 1, memory_order_release);
}

bool comp_canvas_is_held(const struct comp_canvas *canvas)
{
    return atomic_load_explicit(&canvas->readers, memory_order_acquire) > 0;
}

bool comp_rects_meet(const struct comp_rect *a, const struct comp_rect *b)
{
    return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height &&
           b->y < a->y + a->height;
}
