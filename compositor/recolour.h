/* compositor/recolour.h - from a source's matrix and range to the canvas's: BT.601, limited; inside
 * this folder only. [tick]
 *
 * Works on planes that are scaled already: a tile has fewer pixels than what was sent, and one pass
 * of 16-bit integers over them costs a tenth of libswscale's way through RGB. */
#ifndef COMPOSITOR_RECOLOUR_H
#define COMPOSITOR_RECOLOUR_H

#include <stdbool.h>
#include <stdint.h>

#include <libavutil/frame.h>

#include "compositor/canvas.h"

/* What a frame's numbers mean. */
struct comp_colours {
    enum AVColorSpace matrix;
    bool is_full_range;
};

/* Streams that do not say their matrix are taken for BT.601 (why: docs/decisions.md). */
struct comp_colours comp_colours_of(const AVFrame *frame);

/* The canvas's own; nothing is to be done. */
bool comp_colours_are_plain(const struct comp_colours *colours);

/* In place, I420 of 8 bits. width and height are even, width at most COMP_RECOLOUR_WIDTH_MAX. */
enum { COMP_RECOLOUR_WIDTH_MAX = 16384 };
void comp_recolour(const struct comp_colours *from, uint8_t *const plane[COMP_PLANES],
                   const int stride[COMP_PLANES], uint32_t width, uint32_t height);

#endif
