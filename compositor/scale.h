/* compositor/scale.h - from a decoded frame to a tile on the canvas; inside this folder only.
 * [tick]
 *
 * What is fastest was measured per ratio (figures in scale.c, `make bench` scale): libyuv does the
 * simple ratios, libswscale what is between and every other pixel format. */
#ifndef COMPOSITOR_SCALE_H
#define COMPOSITOR_SCALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libavutil/frame.h>

#include "compositor/canvas.h"
#include "layouts/layout.h"

struct SwsContext;

/* Everything that a libswscale context depends on. */
struct comp_scaler_key {
    int format;
    bool is_sharp;
    uint32_t from_width, from_height, to_width, to_height;
};

/* A zeroed one is ready. Holds what only changes with sizes. */
struct comp_scaler {
    bool is_sharp; /* the owner's to set: text, a filter for it at twice the cost */
    struct SwsContext *sws;
    struct comp_scaler_key key;
    uint8_t *memory; /* one picture between two steps, and one before the canvas */
    size_t capacity;
};

void comp_scaler_finish(struct comp_scaler *s);

/* Which part of a frame of width x height, with pixels of the given shape (0/x or x/0: square), is
 * seen and where in the tile it goes: all even. Returns 0, or -EINVAL for frames under 2x2. */
int comp_fit(enum layout_fit fit, uint32_t width, uint32_t height, AVRational pixel,
             const struct comp_rect *tile, struct comp_rect *crop, struct comp_rect *inner);

/* Draws crop of the frame into the rectangle inner. Allocates only when sizes changed. Returns 0,
 * -ENOTSUP (a pixel format that cannot be converted) or -ENOMEM; then the canvas is as it was. */
int comp_scale(struct comp_scaler *s, const AVFrame *frame, const struct comp_rect *crop,
               struct comp_canvas *canvas, const struct comp_rect *inner);

#endif
