/* compositor/comp_internal.h - what comp.c, view.c and stream.c share; inside this folder only. */
#ifndef COMPOSITOR_COMP_INTERNAL_H
#define COMPOSITOR_COMP_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "compositor/comp.h"
#include "compositor/decorator.h"
#include "compositor/images.h"
#include "compositor/order.h"
#include "compositor/roster.h"
#include "compositor/worker.h"
#include "mcu/base/queue.h"

enum {
    COMP_WORKERS_MAX = 16,
    COMP_SIDE_MIN = 16,
    COMP_SIDE_MAX = 4096,
    COMP_FPS_MAX = 60,
};

/* Sums over all that ever was; any thread. */
struct comp_counters {
    atomic_uint_fast64_t ticks, composed, tiles_drawn, encoded, skipped, reduced;
};

struct comp {
    /* fixed */
    struct comp_conf conf;
    struct comp_sink sink;
    struct mcu_queue *orders; /* struct comp_order, [ctl] to [tick] */
    struct mcu_queue *spent;  /* those to leave, back from [tick] to [ctl] */

    struct comp_counters counters;
    struct comp_images images; /* [ctl] and the decorator */

    /* [ctl] */
    struct comp_decorator *decorator; /* from the first view that needs one; NULL offline */
    struct comp_worker *workers[COMP_WORKERS_MAX];
    size_t worker_count;
    struct comp_source *members[COMP_SOURCES_MAX]; /* by slot: added and not yet freed */
    struct comp_view *views[COMP_VIEWS_MAX];       /* made and not yet freed */
    size_t view_count;

    /* [tick] */
    struct comp_roster roster;
    struct comp_view *shown[COMP_VIEWS_MAX]; /* as they were made */
    size_t shown_count;
};

/* [ctl] Tells [tick]; carried out at once when there is one thread. */
void comp_post(struct comp *c, struct comp_order *order);

/* [ctl] Frees what [tick] has given back. */
void comp_free_spent(struct comp *c);

/* [any] */
static inline bool comp_is_side(uint32_t px)
{
    return px >= COMP_SIDE_MIN && px <= COMP_SIDE_MAX && px % 2 == 0;
}

#endif
