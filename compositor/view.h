/* compositor/view.h - a canvas with a layout, its streams and its snapshots; inside this folder
 * only.
 *
 * The tricky thing: the canvas. It is one buffer as long as nobody reads it while it must be drawn
 * on; when a stream still does, the tick goes on in a copy. */
#ifndef COMPOSITOR_VIEW_H
#define COMPOSITOR_VIEW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "compositor/canvas.h"
#include "compositor/comp.h"
#include "compositor/order.h"
#include "compositor/scene.h"

struct comp_counters;

enum {
    /* Drawn on, a snapshot's, and for each stream one in hand and one waiting. */
    COMP_CANVASES_MAX = 2 + 2 * COMP_STREAMS_MAX,
};

struct comp_view {
    /* fixed */
    struct comp *comp;
    struct comp_view_conf conf; /* without_user is its own */
    struct comp_decorator *decorator;
    struct comp_order join, leave;

    /* [ctl] */
    struct comp_stream *members[COMP_STREAMS_MAX]; /* made and not yet freed */
    size_t member_count;
    struct comp_reduction *reductions[COMP_STREAMS_MAX]; /* kept until the view ends */
    size_t reduction_count;

    pthread_mutex_t layout_lock; /* protects the next two; held while people are placed */
    const struct layout *layout; /* NULL: it is being destroyed */
    bool has_new_layout;

    pthread_mutex_t tiles_lock; /* protects the next three: what is placed, for others to read */
    struct comp_tile *tiles;
    size_t tile_count;
    uint32_t tiles_serial;

    /* any thread */
    atomic_uint signs;             /* COMP_SIGN_* */
    atomic_bool is_snapshot_asked;
    struct comp_canvas *_Atomic snapshot; /* held for [ctl], which releases it */
    atomic_size_t canvas_count;           /* [ctl] makes more, at the end */

    /* [tick] */
    struct comp_scene scene;
    struct comp_canvas canvases[COMP_CANVASES_MAX];
    struct comp_canvas *canvas;
    struct comp_stream *streams[COMP_STREAMS_MAX];
    size_t stream_count;
    uint64_t picture;      /* number of what is on the canvas */
    uint32_t phase;        /* of its rate in the compositor's; due at 0 and beyond */
    struct comp_need most; /* the largest size and rate of its streams */
    int64_t woken_us;      /* when a snapshot woke it; INT64_MAX: it is not awake for one */
};

/* [ctl] Nobody knows it any more. NULL is fine. */
void comp_view_free(struct comp_view *v);

/* [ctl] Room for the canvases of so many streams. Returns 0 or -ENOMEM. */
int comp_view_make_canvases(struct comp_view *v, size_t streams);

/* [ctl] The canvas at this size; NULL when that is its own. Returns 0, -ENOSPC or -ENOMEM. */
int comp_view_find_reduction(struct comp_view *v, struct comp_reduction **out, uint32_t width,
                             uint32_t height);

/* [tick] A stream came or left. */
void comp_view_join(struct comp_view *v, struct comp_stream *s);
void comp_view_leave(struct comp_view *v, struct comp_stream *s);

/* [tick] Whether anybody looks: else it is not drawn. */
bool comp_view_is_active(const struct comp_view *v);

/* [tick] Draws what changed, if its rate has it due now, and hands it to its streams. */
void comp_view_tick(struct comp_view *v, int64_t now_us);

/* [tick] Raises *need to what this view needs of s. False: it needs nothing of it. */
bool comp_view_raise_need(const struct comp_view *v, const struct comp_source *s,
                          struct comp_need *need);

/* [tick] What the canvas is now, for whoever asked for a snapshot. A view that nobody watched was
 * not drawn and its sources were not decoded: it stays awake until its pictures have come. */
void comp_view_serve_snapshot(struct comp_view *v, int64_t now_us);

/* [tick] Without threads: as at the time of the last tick. */
void comp_view_draw_now(struct comp_view *v);

#endif
