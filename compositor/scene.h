/* compositor/scene.h - which pictures are on one view's canvas, where, and what of it must be
 * drawn; inside this folder only. All [tick].
 *
 * The canvas persists. A tile is drawn when its source has a new frame or its rectangle changed; a
 * rectangle that nobody has any more is cleared, and what lies over or under a drawn one is drawn
 * again in the order of z. */
#ifndef COMPOSITOR_SCENE_H
#define COMPOSITOR_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compositor/canvas.h"
#include "compositor/comp.h"
#include "compositor/roster.h"
#include "compositor/spot.h"
#include "layouts/layout.h"

struct comp_scene {
    /* fixed */
    uint32_t width, height;
    bool has_labels, has_avatars;
    const char *without_user; /* NULL: nobody */
    const struct comp_roster *roster;

    struct comp_spot spots[COMP_SOURCES_MAX]; /* by the slots of sources */
    struct comp_spot
        *visible[COMP_SOURCES_MAX]; /* those with a picture or avatar, as placed last */
    size_t visible_count;
    struct layout_tile tiles[LAYOUT_TILES_MAX]; /* in rising z */
    struct comp_spot *owners[LAYOUT_TILES_MAX]; /* of each tile; NULL: left since */
    size_t tile_count;
    bool has_overlaps;

    struct comp_colour background;
    struct comp_rect cleared[LAYOUT_TILES_MAX]; /* by this tick */
    size_t cleared_count;
    bool is_all_dirty; /* the background changed: clear everything */
    bool must_place;
};

/* [ctl] The rest of a zeroed scene, whose fixed part is set. */
void comp_scene_init(struct comp_scene *scene);

/* The source of this spot is gone. */
void comp_scene_forget(struct comp_scene *scene, struct comp_spot *spot);

/* A colour behind everything, 0xRRGGBB. */
void comp_scene_set_background(struct comp_scene *scene, uint32_t rgb);

/* Looks at what the sources show now. Returns whether people must be placed anew. */
bool comp_scene_look(struct comp_scene *scene);

/* Places the visible. */
void comp_scene_place(struct comp_scene *scene, const struct layout *layout);

/* Brings what lies on the tiles up to date; a decorator of NULL draws at once. */
void comp_scene_decorate(struct comp_scene *scene, struct comp_decorator *decorator);

/* Whether comp_scene_draw() has anything to do. */
bool comp_scene_is_dirty(const struct comp_scene *scene);

/* Brings the canvas up to date; returns how many tiles it drew. */
size_t comp_scene_draw(struct comp_scene *scene, struct comp_canvas *canvas);

/* Whether s has a tile, or may get one when it has a picture. */
bool comp_scene_wants(const struct comp_scene *scene, const struct comp_source *s);

#endif
