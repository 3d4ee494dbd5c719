/* compositor/overlay.h - a small picture with alpha that lies on the canvas: labels, badges, logos;
 * inside this folder only.
 *
 * Made once from RGB (Cairo's premultiplied ARGB32), kept as I420 with alpha at both resolutions,
 * blended by libyuv's vector code. Read-only and shared by reference. */
#ifndef COMPOSITOR_OVERLAY_H
#define COMPOSITOR_OVERLAY_H

#include <stddef.h>
#include <stdint.h>

#include "compositor/canvas.h"

struct comp_overlay; /* opaque */

/* [any] From width x height pixels, both even, `stride` bytes a row. The caller owns a reference.
 * Returns 0, -EINVAL (odd, empty or over 4096) or -ENOMEM. */
int comp_overlay_create(struct comp_overlay **out, const uint8_t *argb, size_t stride,
                        uint32_t width, uint32_t height);

/* [any] */
struct comp_overlay *comp_overlay_ref(struct comp_overlay *o);
void comp_overlay_unref(struct comp_overlay *o); /* NULL is fine */

uint32_t comp_overlay_width(const struct comp_overlay *o);
uint32_t comp_overlay_height(const struct comp_overlay *o);

/* [tick] Lays it on the canvas with its corner at x, y (even), as far as it is inside clip. */
void comp_overlay_blend(const struct comp_overlay *o, struct comp_canvas *canvas, uint32_t x,
                        uint32_t y, const struct comp_rect *clip);

/* [tick] Puts what an opaque one of the canvas' size has inside the clip there. */
void comp_overlay_copy(const struct comp_overlay *o, struct comp_canvas *canvas,
                       const struct comp_rect *clip);

#endif
