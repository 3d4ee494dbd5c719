/* compositor/spot.h - a source in one view: its tile and what was drawn there; inside this folder
 * only.
 *
 * A view has one for each source, by its slot. [ctl] makes it before [tick] hears of source or
 * view, and empties it after [tick] has given either back. */
#ifndef COMPOSITOR_SPOT_H
#define COMPOSITOR_SPOT_H

#include <stdbool.h>
#include <stdint.h>

#include "compositor/decor.h"
#include "compositor/scale.h"

struct comp_source;

struct comp_spot {
    struct comp_source *source; /* [ctl] fixed while it is used; NULL: free */

    /* [tick] */
    bool is_visible;        /* has a picture or avatar, as placed last */
    bool is_placed;         /* has a tile */
    bool is_avatar;         /* which shows his avatar for good */
    bool is_dirty;          /* which must be drawn */
    bool has_bars_dirty;    /* and what the picture leaves free of it */
    bool is_dim;            /* as drawn last */
    uint64_t drawn_picture; /* number of the source's picture that was drawn last */
    uint32_t drawn_width, drawn_height;
    uint32_t tile_width, tile_height;
    float centre; /* of the tile: -1 at the left edge of the canvas .. 1 at the right */
    struct comp_decor decor;
    struct comp_scaler scaler;
};

/* [ctl] A zeroed spot is free, and free again after finish. */
void comp_spot_init(struct comp_spot *spot, struct comp_source *source);
void comp_spot_finish(struct comp_spot *spot, struct comp_decorator *decorator);

#endif
