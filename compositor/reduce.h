/* compositor/reduce.h - a view's canvas at a smaller size, made once for all streams of that size;
 * inside this folder only.
 *
 * [ctl] makes and ends it; each [enc] of that size asks for the picture that it is to encode. Who
 * asks first scales, with no lock held; who asks meanwhile waits for him. Pictures stay until newer
 * ones need the room, so an unchanged canvas is not scaled again. */
#ifndef COMPOSITOR_REDUCE_H
#define COMPOSITOR_REDUCE_H

#include <stdbool.h>
#include <stdint.h>

#include "compositor/canvas.h"

struct comp_reduction; /* opaque */

/* [ctl] To width x height, both even. The caller owns *out. Returns 0 or -ENOMEM. */
int comp_reduction_create(struct comp_reduction **out, uint32_t width, uint32_t height);

/* [ctl] Nobody holds one of its pictures any more. NULL is fine. */
void comp_reduction_destroy(struct comp_reduction *r);

uint32_t comp_reduction_width(const struct comp_reduction *r);
uint32_t comp_reduction_height(const struct comp_reduction *r);

/* [enc] The canvas (which the caller holds) at this size, held for the caller, who gives it back by
 * comp_canvas_release(); at most COMP_STREAMS_MAX callers at a time. *was_made says whether it was
 * scaled for this call. NULL: no memory. */
struct comp_canvas *comp_reduction_get(struct comp_reduction *r, const struct comp_canvas *canvas,
                                       bool *was_made);

#endif
