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
#include "compositor/layer.h"
#include "compositor/motion.h"
#include "compositor/roster.h"
#include "compositor/spot.h"
#include "layouts/layout.h"

struct comp_scene {
    /* fixed */
    uint32_t width, height;
    bool has_labels, has_avatars;
    const char *without_user; /* NULL: nobody */
    int64_t transition_us;    /* 0: at once */
    const struct comp_roster *roster;

    struct comp_spot spots[COMP_SOURCES_MAX]; /* by the slots of sources */
    struct comp_spot
        *visible[COMP_SOURCES_MAX]; /* those with a picture or avatar, as placed last */
    size_t visible_count;
    struct layout_tile tiles[LAYOUT_TILES_MAX]; /* in rising z */
    struct comp_spot *owners[LAYOUT_TILES_MAX]; /* of each tile; NULL: left since */
    size_t tile_count;
    struct comp_motion motions[LAYOUT_TILES_MAX]; /* of each tile */
    bool has_overlaps;
    bool has_open; /* a tile with round corners, or that shines through */

    struct comp_colour background;
    struct comp_rect cleared[LAYOUT_TILES_MAX]; /* by this tick */
    size_t cleared_count;
    bool is_all_dirty; /* the background changed: clear everything */
    bool must_place;
    bool has_drawn;
    struct comp_layers layers;

    int64_t now_us; /* of this tick */
    bool is_moving; /* a tile, or something fades away */
    bool must_keep_past;
    struct comp_rect gone[LAYOUT_TILES_MAX]; /* tiles that are no more, and fade away ... */
    size_t gone_count;
    int64_t gone_us; /* ... since then */
    uint8_t gone_alpha;
    struct comp_canvas under; /* what shines through a tile, while it is drawn */
    struct comp_canvas away;  /* tiles are drawn here that are scaled to where they are */
    struct comp_canvas past;  /* the picture as it was when the last tile went */
};

/* [ctl] The rest of a zeroed scene, whose fixed part is set. Returns 0 or -ENOMEM; then too it must
 * be finished. finish: no tick knows it any more. */
int comp_scene_init(struct comp_scene *scene, struct comp_images *images);
void comp_scene_finish(struct comp_scene *scene, struct comp_decorator *decorator);

/* The source of this spot is gone. */
void comp_scene_forget(struct comp_scene *scene, struct comp_spot *spot);

/* A colour behind everything, 0xRRGGBB. */
void comp_scene_set_background(struct comp_scene *scene, uint32_t rgb);

/* Looks at what the sources show now. Returns whether people must be placed anew. */
bool comp_scene_look(struct comp_scene *scene);

/* Places the visible. */
void comp_scene_place(struct comp_scene *scene, const struct layout *layout);

/* Sends tiles to new places, where transitions are wanted; before the new tiles are the scene's. */
void comp_scene_depart(struct comp_scene *scene, const struct layout_tile *tiles,
                       struct comp_spot *const *owners, size_t count);

/* Brings what is on its way to where it is at this tick. */
void comp_scene_move(struct comp_scene *scene);

/* Tile i where, and as large as, it is drawn before it is scaled to where it is: at the larger end
 * of its way. */
struct layout_tile comp_scene_drawn_tile(const struct comp_scene *scene, size_t i);

/* Brings what lies on and over the tiles up to date; a decorator of NULL draws at once. signs are
 * COMP_SIGN_*, unix_s is for clocks. */
void comp_scene_decorate(struct comp_scene *scene, struct comp_decorator *decorator, uint32_t signs,
                         int64_t unix_s);

/* Whether comp_scene_draw() has anything to do. */
bool comp_scene_is_dirty(const struct comp_scene *scene);

/* Brings the canvas up to date; returns how many tiles it drew. */
size_t comp_scene_draw(struct comp_scene *scene, struct comp_canvas *canvas);

/* Whether every tile shows what it is to show: pictures that were decoded since somebody looks, and
 * labels and avatars as they are. */
bool comp_scene_is_complete(const struct comp_scene *scene);

/* Whether s has a tile, or may get one when it has a picture. */
bool comp_scene_wants(const struct comp_scene *scene, const struct comp_source *s);

#endif
