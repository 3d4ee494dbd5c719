/* tests/lib/scenes.h - pictures to encode, for tests and benches: a grid of people who move, with
 * the grain that cameras leave, and a page of text. Deterministic; any even size. */
#ifndef TESTS_LIB_SCENES_H
#define TESTS_LIB_SCENES_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cairo.h>

#include "compositor/canvas.h"

enum { SCENE_NOISE = 1 << 16, SCENE_TEXT_BYTES = 96 };

struct scene {
    uint32_t cols;   /* and rows of people */
    uint8_t grain;   /* largest deviation of a pixel */
    uint32_t movers; /* how many of them move; the others stand still, without grain */
    int8_t noise[SCENE_NOISE];
    uint8_t cloth[SCENE_NOISE]; /* 256 x 256, smooth on a scale of some pixels */
};

static inline uint32_t scene_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static inline void scene_init(struct scene *s, uint32_t cols, uint8_t grain)
{
    uint32_t seed = 1;
    s->cols = cols;
    s->grain = grain;
    s->movers = cols * cols;
    for (size_t i = 0; i < SCENE_NOISE; i++)
        s->noise[i] = (int8_t)(grain ? (int)(scene_random(&seed) % (2u * grain + 1)) - grain : 0);
    for (size_t i = 0; i < SCENE_NOISE; i++) {
        const double x = (double)(i % 256) * M_PI / 128, y = (double)(i / 256) * M_PI / 128;
        const double wave = sin(9 * x + 3 * sin(5 * y)) + cos(13 * y + 2 * sin(7 * x)) +
                            0.6 * sin(31 * x) * cos(29 * y);
        s->cloth[i] = (uint8_t)(128 + 34 * wave + (double)(scene_random(&seed) % 9) - 4);
    }
}

/* One person in a tile: a head over shoulders that sways before a wall. */
static inline void scene_person(const struct scene *s, struct comp_canvas *c,
                                const struct comp_rect *t, uint32_t who, int n, uint32_t at)
{
    const double phase = n * 0.07 + who * 1.3;
    const double cx = t->x + t->width * (0.5 + 0.12 * sin(phase));
    const double cy = t->y + t->height * (0.42 + 0.05 * sin(1.7 * phase));
    const double rx = t->width * 0.14, ry = t->height * 0.26;
    const int shift_x = (int)lrint(cx), shift_y = (int)lrint(cy);
    for (uint32_t y = t->y; y < t->y + t->height; y++) {
        const double dy = (y - cy) / ry;
        for (uint32_t x = t->x; x < t->x + t->width; x++) {
            const double dx = (x - cx) / rx;
            const bool is_head = dx * dx + dy * dy < 1;
            const bool is_body = !is_head && dy > 0.8 && fabs(dx) < 1.2 + 0.4 * dy;
            const uint32_t u = is_head || is_body ? x - (uint32_t)shift_x + 77 * who : x + 31 * who;
            const uint32_t v = is_head || is_body ? y - (uint32_t)shift_y : y;
            const int texture = s->cloth[(v & 255) * 256 + (u & 255)];
            const int value = is_head   ? 150 + (texture - 128) / 3
                              : is_body ? 70 + (texture - 128) / 2
                                        : 110 + (texture - 128) / 4;
            const int grain = s->noise[(at + y * 271 + x) % SCENE_NOISE];
            c->plane[0][y * (uint32_t)c->stride[0] + x] = (uint8_t)(value + grain);
            if (!(x & 1) && !(y & 1)) {
                const size_t k = y / 2 * (uint32_t)c->stride[1] + x / 2;
                c->plane[1][k] = is_head ? 110 : is_body ? (uint8_t)(100 + who * 13 % 60) : 126;
                c->plane[2][k] = is_head ? 150 : is_body ? (uint8_t)(150 - who * 7 % 50) : 130;
            }
        }
    }
}

/* Picture n. */
static inline void scene_paint(const struct scene *s, struct comp_canvas *c, int n)
{
    const uint32_t w = c->width / s->cols & ~1u, h = c->height / s->cols & ~1u;
    for (uint32_t i = 0; i < s->cols * s->cols; i++) {
        const struct comp_rect tile = {i % s->cols * w, i / s->cols * h, w, h};
        const bool is_mover = i < s->movers;
        scene_person(s, c, &tile, i, is_mover ? n : 0, is_mover ? (uint32_t)n * 7919u : 0);
    }
}

static inline void scene_text_line(cairo_t *cr, uint32_t *seed, double y)
{
    char line[SCENE_TEXT_BYTES];
    for (size_t i = 0; i < sizeof(line) - 1; i++) {
        const uint32_t r = scene_random(seed);
        line[i] = (char)(r % 6 == 0 ? ' ' : r % 11 == 0 ? '0' + r / 11 % 10 : 'a' + r / 6 % 26);
    }
    line[sizeof(line) - 1] = '\0';
    const double colours[][3] = {{0, 0, 0}, {0.8, 0, 0}, {0, 0, 0.8}, {0, 0.4, 0}};
    const double *colour = colours[scene_random(seed) % 8 < 5 ? 0 : scene_random(seed) % 4];
    cairo_set_source_rgb(cr, colour[0], colour[1], colour[2]);
    cairo_move_to(cr, 8, y);
    cairo_show_text(cr, line);
}

/* BT.601, limited range. */
static inline void scene_from_rgb(struct comp_canvas *c, const uint8_t *rgb, int stride)
{
    for (uint32_t y = 0; y < c->height; y++) {
        for (uint32_t x = 0; x < c->width; x++) {
            uint32_t p;
            memcpy(&p, rgb + (size_t)y * (size_t)stride + x * 4, 4);
            const struct comp_colour k = comp_colour_from_rgb(p & 0xffffff);
            c->plane[0][y * (uint32_t)c->stride[0] + x] = k.plane[0];
            if (!(x & 1) && !(y & 1)) {
                c->plane[1][y / 2 * (uint32_t)c->stride[1] + x / 2] = k.plane[1];
                c->plane[2][y / 2 * (uint32_t)c->stride[2] + x / 2] = k.plane[2];
            }
        }
    }
}

/* A page of text in several colours, scrolled by as many pixels. */
static inline void scene_paint_text(struct comp_canvas *c, int scrolled_px)
{
    cairo_surface_t *page =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)c->width, (int)c->height);
    cairo_t *cr = cairo_create(page);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    cairo_select_font_face(cr, "monospace", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, 13);
    uint32_t seed = 5;
    for (int y = 16 - scrolled_px; y < (int)c->height + 16; y += 17)
        scene_text_line(cr, &seed, y);
    cairo_destroy(cr);
    cairo_surface_flush(page);
    scene_from_rgb(c, cairo_image_surface_get_data(page), cairo_image_surface_get_stride(page));
    cairo_surface_destroy(page);
}

/* Squared error of luma against planes of the same size. */
static inline double scene_squared_error(const struct comp_canvas *c, const uint8_t *luma,
                                         int stride)
{
    double sum = 0;
    for (uint32_t y = 0; y < c->height; y++) {
        const uint8_t *a = c->plane[0] + y * (uint32_t)c->stride[0];
        const uint8_t *b = luma + (ptrdiff_t)y * stride;
        uint64_t row = 0;
        for (uint32_t x = 0; x < c->width; x++)
            row += (uint64_t)((a[x] - b[x]) * (a[x] - b[x]));
        sum += (double)row;
    }
    return sum;
}

static inline double scene_psnr_db(double squared_error, double pixels)
{
    return squared_error > 0 ? 10 * log10(255.0 * 255.0 * pixels / squared_error) : 99;
}

#endif
