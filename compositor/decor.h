/* compositor/decor.h - what lies on a tile beside its picture: name label, avatar, "+N", the ring
 * of who speaks; inside this folder only.
 *
 *     look [ctl] ──▶ wanted [tick] ──▶ drawn by Pango [decor] ──▶ has [tick] ──▶ blended
 *
 * The tick never draws text: when what a tile should carry differs from what it has, it asks the
 * decorator, and goes on with what it has until the answer is there. A person has one decor in each
 * view, for the tile that he has there. */
#ifndef COMPOSITOR_DECOR_H
#define COMPOSITOR_DECOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "compositor/canvas.h"
#include "compositor/comp.h"
#include "compositor/decorator.h"
#include "compositor/overlay.h"
#include "layouts/layout.h"

enum { DECOR_LEVELS = 3 }; /* of a voice, above silence */

/* Who a source is and what is told of him: one for all tiles that he has in any view. */
struct comp_person {
    char *user; /* fixed */

    pthread_mutex_t lock; /* protects the look, which is copied in and out */
    struct comp_look look;
    char name[COMP_NAME_BYTES];
    char role[COMP_NAME_BYTES];

    atomic_uint generation; /* of the look; rises with each change */
    atomic_bool is_speaking;
    atomic_uint level; /* of his voice, 0..DECOR_LEVELS */
};

/* All that the pictures on a tile depend on. */
struct comp_decor_want {
    uint32_t width, height; /* of the tile */
    uint32_t more;          /* "+N"; 0: none */
    uint32_t generation;    /* of the look */
    bool is_more_large;     /* over the whole tile; else a badge */
    bool has_label;
    bool has_avatar; /* in place of a picture */
    bool has_rings;  /* around the avatar, by level */
};

struct comp_decor_set {
    struct comp_decor_want want;
    struct comp_overlay *label, *avatar, *more; /* NULL: none, or no memory */
    struct comp_overlay *rings[DECOR_LEVELS];
};

/* What lies on one tile. */
struct comp_decor {
    struct comp_job job;
    struct comp_person *person;
    struct comp_decor_set
        asked; /* of the job: what was drawn; when asked again: what is to be freed */

    /* [tick] */
    struct comp_decor_set has;
    bool has_frame; /* who speaks, around the tile */
    uint32_t level; /* and around his avatar; 0: silent */
};

/* [ctl] Returns 0 or -ENOMEM. finish: when no tile has him any more; a zeroed one is fine. */
int comp_person_init(struct comp_person *p, const char *user);
void comp_person_finish(struct comp_person *p);

/* [ctl] */
void comp_person_set_look(struct comp_person *p, const struct comp_look *look);

/* [ctl] Of a zeroed one. finish: the decorator forgets it; only when no tick knows it. */
void comp_decor_init(struct comp_decor *d, struct comp_person *person);
void comp_decor_finish(struct comp_decor *d, struct comp_decorator *decorator);

/* [tick] Asks for what is wanted if need be (at once when there is no decorator), takes what is
 * ready, and looks who speaks, where has_ring. Returns whether the tile looks different now. */
bool comp_decor_update(struct comp_decor *d, struct comp_decorator *decorator,
                       const struct comp_decor_want *want, bool has_ring);

/* [tick] The avatar, which fills the tile, or the ground that it stands on while there is none. */
void comp_decor_draw_avatar(const struct comp_decor *d, struct comp_canvas *canvas,
                            const struct comp_rect *tile);

/* [tick] Label, "+N" and frame, over the picture. */
void comp_decor_draw(const struct comp_decor *d, struct comp_canvas *canvas,
                     const struct comp_rect *tile, const struct layout_style *style);

/* [tick] Whether anything lies on the tile that must not be blended twice. */
bool comp_decor_is_there(const struct comp_decor *d);

#endif
