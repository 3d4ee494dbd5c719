/* Tiles on their way; see motion.h. Edges move, not corners and sizes, so that two tiles whose
 * edges meet at both ends meet all the way. */
#include "compositor/motion.h"

#include <string.h>

#include <libyuv/planar_functions.h>

enum {
    WHOLE = 256,     /* of a way */
    OPAQUE = 255,    /* alpha */
    ROW_BYTES = 4096 /* the widest canvas */
};

static bool is_same(const struct comp_rect *a, const struct comp_rect *b)
{
    return a->x == b->x && a->y == b->y && a->width == b->width && a->height == b->height;
}

void comp_motion_put(struct comp_motion *m, const struct comp_rect *to)
{
    *m = (struct comp_motion){.from = *to, .to = *to, .now = *to, .alpha = OPAQUE};
}

static void start(struct comp_motion *m, int64_t now_us, int64_t length_us)
{
    m->start_us = now_us;
    m->length_us = length_us;
    m->is_moving = length_us > 0 && (m->alpha < OPAQUE || !is_same(&m->now, &m->to));
    if (!m->is_moving)
        comp_motion_put(m, &m->to);
}

void comp_motion_appear(struct comp_motion *m, const struct comp_rect *to, int64_t now_us,
                        int64_t length_us)
{
    *m = (struct comp_motion){.from = *to, .to = *to, .now = *to};
    start(m, now_us, length_us);
}

void comp_motion_go(struct comp_motion *m, const struct comp_rect *to, int64_t now_us,
                    int64_t length_us)
{
    if (m->is_moving && is_same(to, &m->to))
        return; /* it is on its way there */
    m->from = m->now;
    m->from_alpha = m->alpha;
    m->to = *to;
    start(m, now_us, length_us);
}

const struct comp_rect *comp_motion_large_end(const struct comp_motion *m)
{
    const uint64_t from = (uint64_t)m->from.width * m->from.height;
    const uint64_t to = (uint64_t)m->to.width * m->to.height;
    return m->is_moving && from > to ? &m->from : &m->to;
}

uint32_t comp_motion_part(int64_t passed_us, int64_t length_us)
{
    if (passed_us <= 0 || length_us <= 0)
        return passed_us < 0 || length_us > 0 ? 0 : WHOLE;
    if (passed_us >= length_us)
        return WHOLE;
    const int64_t t = passed_us * 4096 / length_us; /* 3t^2 - 2t^3, of 4096 */
    return (uint32_t)(t * t * (3 * 4096 - 2 * t) / 4096 / 4096 / 16);
}

/* An edge on its way, even. */
static uint32_t edge(uint32_t from, uint32_t to, uint32_t part)
{
    return ((from * (WHOLE - part) + to * part) / WHOLE) & ~1u;
}

static struct comp_rect between(const struct comp_rect *a, const struct comp_rect *b, uint32_t part)
{
    const uint32_t left = edge(a->x, b->x, part), top = edge(a->y, b->y, part);
    const uint32_t right = edge(a->x + a->width, b->x + b->width, part);
    const uint32_t bottom = edge(a->y + a->height, b->y + b->height, part);
    return (struct comp_rect){left, top, right - left, bottom - top};
}

bool comp_motion_step(struct comp_motion *m, int64_t now_us)
{
    if (!m->is_moving)
        return false;
    const struct comp_rect was = m->now;
    const uint8_t was_alpha = m->alpha;
    const uint32_t part = comp_motion_part(now_us - m->start_us, m->length_us);
    m->now = between(&m->from, &m->to, part);
    m->alpha = (uint8_t)((m->from_alpha * (WHOLE - part) + OPAQUE * part) / WHOLE);
    m->is_moving = part < WHOLE;
    return m->alpha != was_alpha || !is_same(&m->now, &was);
}

/* --- scaling -------------------------------------------------------------------------------------
 */

struct plane {
    const uint8_t *from;
    int from_stride;
    uint32_t from_width, from_height;
    uint8_t *to;
    int to_stride;
    uint32_t to_width, to_height;
};

/* 16.16 steps whose first and last samples lie as far inside as the pixels' middles do. */
static int64_t step_of(uint32_t from, uint32_t to)
{
    return ((int64_t)from << 16) / to;
}

static int64_t clamp_at(int64_t at, uint32_t size)
{
    const int64_t last = (int64_t)(size - 1) << 16;
    return at < 0 ? 0 : at > last ? last : at;
}

/* Two rows become one, by their distance. */
static void mix_rows(const struct plane *p, int64_t at, uint8_t *row)
{
    const uint32_t y = (uint32_t)(at >> 16);
    const int part = (int)(at >> 8 & 0xff);
    const uint8_t *above = p->from + (size_t)y * (size_t)p->from_stride;
    const uint8_t *below = y + 1 < p->from_height ? above + p->from_stride : above;
    InterpolatePlane(above, p->from_stride, below, p->from_stride, row, ROW_BYTES,
                     (int)p->from_width, 1, part);
    row[p->from_width] = row[p->from_width - 1];
}

/* Where each sample of a row comes from: the left one of a pair, and how far to the right of it. */
struct steps {
    uint16_t left[ROW_BYTES];
    uint16_t part[ROW_BYTES]; /* of 256 */
};

static void find_steps(const struct plane *p, struct steps *steps)
{
    const int64_t step = step_of(p->from_width, p->to_width);
    int64_t at = step / 2 - (1 << 15);
    for (uint32_t x = 0; x < p->to_width; x++, at += step) {
        const uint32_t here = (uint32_t)clamp_at(at, p->from_width);
        steps->left[x] = (uint16_t)(here >> 16);
        steps->part[x] = (uint16_t)(here >> 8 & 0xff);
    }
}

static void stretch_row(const struct steps *steps, const uint8_t *row, uint32_t width,
                        uint8_t *restrict to)
{
    for (uint32_t x = 0; x < width; x++) {
        const uint8_t *pair = row + steps->left[x];
        const int part = steps->part[x];
        to[x] = (uint8_t)(pair[0] + (((pair[1] - pair[0]) * part + 128) >> 8));
    }
}

static void scale_plane(const struct plane *p)
{
    uint8_t row[ROW_BYTES + 1];
    struct steps steps;
    if (p->from_width != p->to_width)
        find_steps(p, &steps);
    const int64_t step = step_of(p->from_height, p->to_height);
    int64_t at = step / 2 - (1 << 15);
    for (uint32_t y = 0; y < p->to_height; y++, at += step) {
        uint8_t *to = p->to + (size_t)y * (size_t)p->to_stride;
        mix_rows(p, clamp_at(at, p->from_height), row);
        if (p->from_width == p->to_width)
            memcpy(to, row, p->to_width);
        else
            stretch_row(&steps, row, p->to_width, to);
    }
}

void comp_motion_scale(const struct comp_canvas *source, const struct comp_rect *from,
                       struct comp_canvas *canvas, const struct comp_rect *to)
{
    for (int i = 0; i < COMP_PLANES; i++) {
        const int shift = i ? 1 : 0;
        const struct plane p = {
            .from = source->plane[i] + (size_t)(from->y >> shift) * (size_t)source->stride[i] +
                    (from->x >> shift),
            .from_stride = source->stride[i],
            .from_width = from->width >> shift,
            .from_height = from->height >> shift,
            .to = canvas->plane[i] + (size_t)(to->y >> shift) * (size_t)canvas->stride[i] +
                  (to->x >> shift),
            .to_stride = canvas->stride[i],
            .to_width = to->width >> shift,
            .to_height = to->height >> shift,
        };
        if (p.to_width > 0 && p.to_height > 0)
            scale_plane(&p);
    }
}
