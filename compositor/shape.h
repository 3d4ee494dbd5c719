/* compositor/shape.h - the outline of a tile: rounded corners, a border, and how much shines
 * through; inside this folder only. All [tick]; nothing allocates.
 *
 * A tile with round corners or alpha is drawn like any other, over its whole rectangle, between
 *
 *     comp_shape_save()   what lies under it goes into a second canvas, as far as it will be seen
 *     comp_shape_apply()  and comes back where the tile is cut, or shines through
 *
 * What lies under it must be whole at that time: whoever draws such a tile again has cleared its
 * rectangle and drawn what is below. */
#ifndef COMPOSITOR_SHAPE_H
#define COMPOSITOR_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "compositor/canvas.h"
#include "layouts/layout.h"

struct comp_shape {
    uint32_t radius_px; /* even, at most half the shorter side */
    uint8_t alpha;      /* 255: opaque */
};

/* The shape that a style gives a tile of this size. */
struct comp_shape comp_shape_of(const struct layout_style *style, const struct comp_rect *tile);

/* Whether anything of what lies under the tile is seen. */
bool comp_shape_is_open(const struct comp_shape *shape);

/* `under` has the size of the canvas; only the tile's rectangle of it is touched. */
void comp_shape_save(const struct comp_shape *shape, const struct comp_canvas *canvas,
                     struct comp_canvas *under, const struct comp_rect *tile);
void comp_shape_apply(const struct comp_shape *shape, struct comp_canvas *canvas,
                      const struct comp_canvas *under, const struct comp_rect *tile);

/* Lays a rectangle of another canvas of the same size over the same place of this one. */
void comp_shape_lay(struct comp_canvas *canvas, const struct comp_canvas *from,
                    const struct comp_rect *rect, uint8_t alpha);

/* A frame of `px` (even) pixels inside the tile, which follows its round corners. */
void comp_shape_frame(struct comp_canvas *canvas, const struct comp_rect *tile, uint32_t radius_px,
                      uint32_t px, const struct comp_colour *colour);

#endif
