/* compositor/paint.h - the brushes that labels, captions and pictures are drawn with: Cairo
 * surfaces that become overlays, lines of text by Pango; inside this folder only. Never on [tick]:
 * all of it allocates and takes its time. All [any]. */
#ifndef COMPOSITOR_PAINT_H
#define COMPOSITOR_PAINT_H

#include <stdbool.h>
#include <stdint.h>

#include <pango/pangocairo.h>

#include "compositor/overlay.h"

enum {
    PAINT_SIDE_MAX = 4096,
    PAINT_TEXT_BYTES = 256,
};

struct comp_paint_colour {
    double r, g, b, a;
};

/* 0xRRGGBB, opaque. */
struct comp_paint_colour comp_paint_rgb(uint32_t rgb);
void comp_paint_use(cairo_t *cr, const struct comp_paint_colour *c);

/* 2..PAINT_SIDE_MAX */
bool comp_paint_is_side(uint32_t px);

/* To the next even whole number. */
uint32_t comp_paint_even_up(double px);

/* An empty picture. Returns 0 or -ENOMEM. comp_paint_end() takes cr, also on error, and returns 0,
 * -EINVAL (odd sides) or -ENOMEM. */
int comp_paint_begin(cairo_t **cr, uint32_t width, uint32_t height);
int comp_paint_end(cairo_t *cr, struct comp_overlay **out);

/* A line of text of a size in pixels, shortened to width_px if that is not negative. The caller
 * unrefs it. */
PangoLayout *comp_paint_line(cairo_t *cr, const char *text, double size_px, double width_px,
                             PangoWeight weight);

/* Copies a text without bytes that are no UTF-8 and without control characters, cut at a character.
 */
void comp_paint_clean(const char *text, char out[PAINT_TEXT_BYTES]);

/* A filled rectangle with round corners, at the origin. */
void comp_paint_plate(cairo_t *cr, double width, double height, double radius,
                      const struct comp_paint_colour *c);

#endif
