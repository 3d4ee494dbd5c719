/* compositor/canvas.h - the I420 picture that tiles are drawn on and encoders read; inside this
 * folder only.
 *
 * [tick] owns all canvases and writes one of them, the current one. Handing it to an encoder thread
 * takes a reference; from then on it is read-only until the encoder gives that back, and [tick]
 * goes on in a copy. Colours are BT.601, limited range. */
#ifndef COMPOSITOR_CANVAS_H
#define COMPOSITOR_CANVAS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { COMP_PLANES = 3 };

struct comp_rect {
    uint32_t x, y, width, height; /* all even */
};

struct comp_colour {
    uint8_t plane[COMP_PLANES]; /* Y, Cb, Cr */
};

struct comp_canvas {
    atomic_int readers;
    uint64_t picture; /* number of what is drawn on it; the view's own, rising */
    uint32_t width, height;
    int stride[COMP_PLANES];
    uint8_t *plane[COMP_PLANES];
    uint8_t *memory;
};

/* [ctl] Returns 0 or -ENOMEM. */
int comp_canvas_init(struct comp_canvas *canvas, uint32_t width, uint32_t height);

/* The same for a zeroed canvas that may be held already. */
int comp_canvas_make_memory(struct comp_canvas *canvas, uint32_t width, uint32_t height);

/* [ctl] A zeroed canvas is fine. */
void comp_canvas_finish(struct comp_canvas *canvas);

/* [any] 0xRRGGBB in BT.601, limited range. */
struct comp_colour comp_colour_from_rgb(uint32_t rgb);

/* [tick] */
void comp_canvas_fill(struct comp_canvas *canvas, const struct comp_rect *rect,
                      const struct comp_colour *colour);

/* [tick] Halves light and colour of what is there. */
void comp_canvas_dim(struct comp_canvas *canvas, const struct comp_rect *rect);
void comp_canvas_copy(struct comp_canvas *to, const struct comp_canvas *from);

/* [tick] One more reader; [enc] one less. Nobody writes while there are readers. */
void comp_canvas_hold(struct comp_canvas *canvas);
void comp_canvas_release(struct comp_canvas *canvas);
bool comp_canvas_is_held(const struct comp_canvas *canvas);

bool comp_rects_meet(const struct comp_rect *a, const struct comp_rect *b);

#endif
