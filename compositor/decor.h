/* compositor/decor.h - what lies on a tile beside its picture: name label, avatar, "+N", the ring
 * of who speaks; inside this folder only.
 *
 *     look [ctl] ──▶ wanted [tick] ──▶ drawn by Pango [decor] ──▶ has [tick] ──▶ blended
 *
 * The tick never draws text: when what a tile should carry differs from what it has, it asks the
 * decorator's thread, and goes on with what it has until the answer is there. Offline (no
 * decorator) it is drawn at once, so that files come out the same every time. A person has one
 * decor in each view, for the tile that he has there. */
#ifndef COMPOSITOR_DECOR_H
#define COMPOSITOR_DECOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "compositor/canvas.h"
#include "compositor/comp.h"
#include "compositor/overlay.h"

struct comp_decorator; /* the thread; one per compositor */

/* All that the pictures on a tile depend on. */
struct comp_decor_want {
    uint32_t width, height; /* of the tile */
    uint32_t more;          /* "+N"; 0: none */
    uint32_t generation;    /* of the look */
    bool has_label;
    bool has_avatar; /* in place of a picture */
};

struct comp_decor_set {
    struct comp_decor_want want;
    struct comp_overlay *label, *avatar, *more; /* NULL: none, or no memory */
};

enum comp_decor_state {
    DECOR_IDLE,  /* the job is [tick]'s */
    DECOR_ASKED, /* the job is [decor]'s */
    DECOR_DONE,  /* the job is [tick]'s, with what it asked for */
};

/* Who a source is and what is told of him: one for all tiles that he has in any view. */
struct comp_person {
    char *user; /* fixed */

    pthread_mutex_t lock; /* protects the look, which is copied in and out */
    struct comp_look look;
    char name[COMP_NAME_BYTES];
    char role[COMP_NAME_BYTES];

    atomic_uint generation; /* of the look; rises with each change */
    atomic_bool is_speaking;
};

/* What lies on one tile. Zeroed but for the person it is ready. */
struct comp_decor {
    struct comp_person *person;

    _Atomic enum comp_decor_state state;
    struct comp_decor_set
        job; /* after DECOR_DONE: new; when asked again: what [decor] is to free */

    /* [tick] */
    struct comp_decor_set has;
    bool has_ring;
};

/* [ctl] Returns 0 or -ENOMEM. finish: when no tile has him any more; a zeroed one is fine. */
int comp_person_init(struct comp_person *p, const char *user);
void comp_person_finish(struct comp_person *p);

/* [ctl] */
void comp_person_set_look(struct comp_person *p, const struct comp_look *look);

/* [ctl] Only when no tick knows it and it was forgotten; zeroes it. */
void comp_decor_finish(struct comp_decor *d);

/* [tick] Asks for what is wanted if need be (at once when there is no decorator), takes what is
 * ready. Returns whether the tile looks different now. */
bool comp_decor_update(struct comp_decor *d, struct comp_decorator *decorator,
                       const struct comp_decor_want *want, bool has_ring);

/* [tick] The avatar, which fills the tile. False: there is none yet. */
bool comp_decor_draw_avatar(const struct comp_decor *d, struct comp_canvas *canvas,
                            const struct comp_rect *tile);

/* [tick] Label, "+N" and ring, over the picture. */
void comp_decor_draw(const struct comp_decor *d, struct comp_canvas *canvas,
                     const struct comp_rect *tile);

/* [tick] Whether anything lies on the tile that must not be blended twice. */
bool comp_decor_is_there(const struct comp_decor *d);

/* [ctl] The thread "decor". Returns 0 or a negative errno. NULL may be destroyed. */
int comp_decorator_create(struct comp_decorator **out);
void comp_decorator_destroy(struct comp_decorator *w);

/* [ctl] On return the thread does not know d any more, and never will. NULL decorator: nothing. */
void comp_decorator_forget(struct comp_decorator *w, struct comp_decor *d);

#endif
