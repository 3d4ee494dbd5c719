/* The outline of a tile; see shape.h. A corner is a quarter disc in a square of radius x radius:
 *
 *     +---------      covered: how much of a pixel is inside the circle around the square's inner
 *     |   . '         corner, from its distance to it; 0 outside, 255 inside, between on the edge.
 *     | .             The four corners are alike, so each pixel is worked out once.
 *     |.        o
 */
#include "compositor/shape.h"

#include <math.h>

#include <libyuv/planar_functions.h>

enum { WHOLE = 255 };

struct comp_shape comp_shape_of(const struct layout_style *style, const struct comp_rect *tile)
{
    const uint32_t side = tile->width < tile->height ? tile->width : tile->height;
    const uint32_t most = (side / 2) & ~1u;
    return (struct comp_shape){
        .radius_px = style->radius_px < most ? style->radius_px : most,
        .alpha = style->alpha,
    };
}

bool comp_shape_is_open(const struct comp_shape *shape)
{
    return shape->radius_px > 0 || shape->alpha < WHOLE;
}

static uint8_t *at(const struct comp_canvas *canvas, int plane, uint32_t x, uint32_t y)
{
    return canvas->plane[plane] + (size_t)y * (size_t)canvas->stride[plane] + x;
}

static void copy(const struct comp_canvas *from, struct comp_canvas *to,
                 const struct comp_rect *rect)
{
    for (int p = 0; p < COMP_PLANES; p++) {
        const int shift = p ? 1 : 0;
        const uint32_t x = rect->x >> shift, y = rect->y >> shift;
        CopyPlane(at(from, p, x, y), from->stride[p], at(to, p, x, y), to->stride[p],
                  (int)(rect->width >> shift), (int)(rect->height >> shift));
    }
}

void comp_shape_save(const struct comp_shape *shape, const struct comp_canvas *canvas,
                     struct comp_canvas *under, const struct comp_rect *tile)
{
    if (shape->alpha < WHOLE) {
        copy(canvas, under, tile);
        return;
    }
    const uint32_t r = shape->radius_px;
    const uint32_t right = tile->x + tile->width - r, bottom = tile->y + tile->height - r;
    const struct comp_rect corners[] = {
        {tile->x, tile->y, r, r},
        {right, tile->y, r, r},
        {tile->x, bottom, r, r},
        {right, bottom, r, r},
    };
    for (int i = 0; i < 4 && r > 0; i++)
        copy(canvas, under, &corners[i]);
}

static uint8_t mix(uint8_t below, uint8_t above, uint32_t alpha)
{
    return (uint8_t)((below * (WHOLE - alpha) + above * alpha + WHOLE / 2) / WHOLE);
}

/* The whole tile, faint. */
static void fade(struct comp_canvas *canvas, const struct comp_canvas *under,
                 const struct comp_rect *tile, uint8_t alpha)
{
    for (int p = 0; p < COMP_PLANES; p++) {
        const int shift = p ? 1 : 0;
        const uint32_t x = tile->x >> shift, y = tile->y >> shift;
        uint8_t *above = at(canvas, p, x, y);
        InterpolatePlane(at(under, p, x, y), under->stride[p], above, canvas->stride[p], above,
                         canvas->stride[p], (int)(tile->width >> shift),
                         (int)(tile->height >> shift), alpha);
    }
}

void comp_shape_lay(struct comp_canvas *canvas, const struct comp_canvas *from,
                    const struct comp_rect *rect, uint8_t alpha)
{
    for (int p = 0; p < COMP_PLANES; p++) {
        const int shift = p ? 1 : 0;
        const uint32_t x = rect->x >> shift, y = rect->y >> shift;
        uint8_t *to = at(canvas, p, x, y);
        InterpolatePlane(to, canvas->stride[p], at(from, p, x, y), from->stride[p], to,
                         canvas->stride[p], (int)(rect->width >> shift),
                         (int)(rect->height >> shift), alpha);
    }
}

/* How much of a pixel whose middle is dx, dy from the centre of a disc lies inside it, for pixels
 * of `size` (1: luma, 2: chroma, in luma pixels). */
static uint32_t covered(float dx, float dy, float radius, float size)
{
    const float inside = (radius - sqrtf(dx * dx + dy * dy)) / size + 0.5f;
    if (inside <= 0.0f)
        return 0;
    return inside >= 1.0f ? WHOLE : (uint32_t)(inside * WHOLE + 0.5f);
}

/* What a corner does to its pixel: a cut shows what is below, a frame brings its colour. */
struct corner {
    uint32_t radius_px; /* of the square */
    float disc_px;      /* radius of the disc whose inside stays */
    const struct comp_canvas *under;
    const struct comp_colour *colour; /* NULL: cut */
};

static void touch(const struct corner *c, struct comp_canvas *canvas, int p, uint32_t x, uint32_t y,
                  uint32_t kept)
{
    uint8_t *pixel = at(canvas, p, x, y);
    *pixel = mix(c->colour ? c->colour->plane[p] : *at(c->under, p, x, y), *pixel, kept);
}

static void draw_corners(const struct corner *c, struct comp_canvas *canvas,
                         const struct comp_rect *tile, int p)
{
    const int shift = p ? 1 : 0;
    const float size = p ? 2.0f : 1.0f, r = (float)c->radius_px;
    const uint32_t n = c->radius_px >> shift;
    const uint32_t left = tile->x >> shift, top = tile->y >> shift;
    const uint32_t right = left + (tile->width >> shift) - 1;
    const uint32_t bottom = top + (tile->height >> shift) - 1;
    for (uint32_t y = 0; y < n; y++) {
        for (uint32_t x = 0; x < n; x++) {
            const float dx = r - ((float)x + 0.5f) * size, dy = r - ((float)y + 0.5f) * size;
            const uint32_t kept = covered(dx, dy, c->disc_px, size);
            if (kept == WHOLE)
                break; /* so is the rest of the row */
            touch(c, canvas, p, left + x, top + y, kept);
            touch(c, canvas, p, right - x, top + y, kept);
            touch(c, canvas, p, left + x, bottom - y, kept);
            touch(c, canvas, p, right - x, bottom - y, kept);
        }
    }
}

void comp_shape_apply(const struct comp_shape *shape, struct comp_canvas *canvas,
                      const struct comp_canvas *under, const struct comp_rect *tile)
{
    if (shape->alpha < WHOLE)
        fade(canvas, under, tile, shape->alpha);
    const struct corner cut = {
        .radius_px = shape->radius_px,
        .disc_px = (float)shape->radius_px,
        .under = under,
    };
    for (int p = 0; p < COMP_PLANES && cut.radius_px > 0; p++)
        draw_corners(&cut, canvas, tile, p);
}

void comp_shape_frame(struct comp_canvas *canvas, const struct comp_rect *tile, uint32_t radius_px,
                      uint32_t px, const struct comp_colour *colour)
{
    const struct comp_rect *t = tile;
    if (px == 0 || t->width < 2 * px || t->height < 2 * px)
        return;
    const uint32_t r = radius_px;
    const struct comp_rect sides[] = {
        {t->x + r, t->y, t->width - 2 * r, px},
        {t->x + r, t->y + t->height - px, t->width - 2 * r, px},
        {t->x, t->y + r, px, t->height - 2 * r},
        {t->x + t->width - px, t->y + r, px, t->height - 2 * r},
    };
    for (int i = 0; i < 4; i++) {
        if (sides[i].width > 0 && sides[i].height > 0)
            comp_canvas_fill(canvas, &sides[i], colour);
    }
    const struct corner round = {
        .radius_px = r,
        .disc_px = r > px ? (float)(r - px) : 0.0f,
        .colour = colour,
    };
    for (int p = 0; p < COMP_PLANES && r > 0; p++)
        draw_corners(&round, canvas, tile, p);
}
