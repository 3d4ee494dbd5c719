/* The compositor: sources, views and streams come and go by orders from [ctl] to [tick], left ones
 * go back by another queue and are freed by [ctl]. Without workers there is one thread, and orders
 * are carried out at once.
 *
 *     [ctl] ── orders ──▶ [tick] ── canvas ──▶ [enc] ──▶ sink
 *       ◀──── spent ──────┘
 */
#include "compositor/comp.h"

#include <errno.h>
#include <stdlib.h>

#include "compositor/comp_internal.h"
#include "compositor/source.h"
#include "compositor/stream.h"
#include "compositor/view.h"

enum {
    FREEZE_MAX_US = 60000000,
    /* Each thing gives at most two orders and is given back once, so puts never fail. */
    THINGS_MAX = COMP_SOURCES_MAX + COMP_VIEWS_MAX * (1 + COMP_STREAMS_MAX),
};

/* --- [ctl]: making and ending --------------------------------------------------------------------
 */

static bool is_sane(const struct comp_conf *conf)
{
    return conf->fps >= 1 && conf->fps <= COMP_FPS_MAX && conf->workers <= COMP_WORKERS_MAX &&
           conf->freeze_us >= 0 && conf->freeze_us <= FREEZE_MAX_US;
}

static int make_workers(struct comp *c)
{
    while (c->worker_count < c->conf.workers) {
        const int err = comp_worker_create(&c->workers[c->worker_count], (unsigned)c->worker_count);
        if (err)
            return err;
        c->worker_count++;
    }
    return 0;
}

int comp_create(struct comp **out, const struct comp_conf *conf, const struct comp_sink *sink)
{
    if (!is_sane(conf))
        return -EINVAL;
    struct comp *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->conf = *conf;
    c->sink = *sink;
    comp_images_init(&c->images);
    c->roster.is_offline = conf->is_offline;
    c->roster.freeze_us = conf->is_offline ? 0 : conf->freeze_us;
    int err = mcu_queue_create(&c->orders, 2 * THINGS_MAX);
    if (!err)
        err = mcu_queue_create(&c->spent, THINGS_MAX);
    if (!err)
        err = make_workers(c);
    if (err) {
        comp_destroy(c); /* accepts a half-built one */
        return err;
    }
    *out = c;
    return 0;
}

static void stop_streams(struct comp *c)
{
    for (size_t i = 0; i < c->view_count; i++) {
        for (size_t k = 0; k < c->views[i]->member_count; k++)
            comp_stream_stop(c->views[i]->members[k]);
    }
}

void comp_destroy(struct comp *c)
{
    if (!c)
        return;
    stop_streams(c);
    for (size_t i = 0; i < COMP_SOURCES_MAX; i++) {
        if (c->members[i] && c->members[i]->worker)
            comp_worker_remove(c->members[i]->worker, c->members[i]);
    }
    for (size_t i = 0; i < c->worker_count; i++)
        comp_worker_destroy(c->workers[i]);
    for (size_t i = 0; i < c->view_count; i++)
        comp_view_free(c->views[i]);
    comp_decorator_destroy(c->decorator);
    for (size_t i = 0; i < COMP_SOURCES_MAX; i++)
        comp_source_destroy(c->members[i]);
    comp_images_finish(&c->images);
    mcu_queue_destroy(c->orders, NULL);
    mcu_queue_destroy(c->spent, NULL);
    free(c);
}

int comp_set_image(struct comp *c, const char *name, const uint8_t *bytes, size_t size)
{
    struct comp_image *image = NULL;
    const int err = bytes ? comp_image_create(&image, bytes, size) : 0;
    return err ? err : comp_images_put(&c->images, name, image);
}

/* --- orders --------------------------------------------------------------------------------------
 */

static void leave_source(struct comp *c, struct comp_source *s)
{
    comp_roster_leave(&c->roster, s);
    for (size_t i = 0; i < c->shown_count; i++)
        comp_scene_forget(&c->shown[i]->scene, &c->shown[i]->scene.spots[s->slot]);
}

static void leave_view(struct comp *c, const struct comp_view *v)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->shown_count; i++) {
        if (c->shown[i] != v)
            c->shown[kept++] = c->shown[i];
    }
    c->shown_count = kept;
}

/* [tick] */
static void carry_out(struct comp *c, struct comp_order *order)
{
    struct comp_stream *stream = order->about;
    switch (order->kind) {
    case COMP_SOURCE_JOIN:
        comp_roster_join(&c->roster, order->about);
        return;
    case COMP_VIEW_JOIN:
        c->shown[c->shown_count++] = order->about;
        return;
    case COMP_STREAM_JOIN:
        comp_view_join(stream->view, stream);
        return;
    case COMP_SOURCE_LEAVE:
        leave_source(c, order->about);
        break;
    case COMP_VIEW_LEAVE:
        leave_view(c, order->about);
        break;
    case COMP_STREAM_LEAVE:
        comp_view_leave(stream->view, stream);
        break;
    }
    mcu_queue_put(c->spent, order);
}

static void take_orders(struct comp *c)
{
    for (struct comp_order *o; (o = mcu_queue_try_take(c->orders));)
        carry_out(c, o);
}

void comp_post(struct comp *c, struct comp_order *order)
{
    mcu_queue_put(c->orders, order);
    if (c->conf.workers == 0)
        take_orders(c); /* one thread: [ctl] is [tick] */
}

static void free_source(struct comp *c, struct comp_source *s)
{
    c->members[s->slot] = NULL;
    for (size_t i = 0; i < c->view_count; i++)
        comp_spot_finish(&c->views[i]->scene.spots[s->slot], c->views[i]->decorator);
    comp_source_destroy(s);
}

static void free_view(struct comp *c, struct comp_view *v)
{
    for (size_t i = 0; i < c->view_count; i++) {
        if (c->views[i] == v)
            c->views[i] = c->views[--c->view_count];
    }
    comp_view_free(v);
}

static void free_stream(struct comp_stream *s)
{
    struct comp_view *v = s->view;
    for (size_t i = 0; i < v->member_count; i++) {
        if (v->members[i] == s)
            v->members[i] = v->members[--v->member_count];
    }
    comp_stream_free(s);
}

void comp_free_spent(struct comp *c)
{
    for (struct comp_order *o; (o = mcu_queue_try_take(c->spent));) {
        if (o->kind == COMP_SOURCE_LEAVE)
            free_source(c, o->about);
        else if (o->kind == COMP_VIEW_LEAVE)
            free_view(c, o->about);
        else
            free_stream(o->about);
    }
}

/* --- sources -------------------------------------------------------------------------------------
 */

static struct comp_worker *least_loaded(const struct comp *c)
{
    struct comp_worker *best = NULL;
    for (size_t i = 0; i < c->worker_count; i++) {
        if (!best || comp_worker_load(c->workers[i]) < comp_worker_load(best))
            best = c->workers[i];
    }
    return best;
}

static size_t free_slot(const struct comp *c)
{
    size_t slot = 0;
    while (slot < COMP_SOURCES_MAX && c->members[slot])
        slot++;
    return slot;
}

int comp_source_add(struct comp *c, struct comp_source **out, const struct comp_source_conf *conf)
{
    comp_free_spent(c);
    const size_t slot = free_slot(c);
    if (slot == COMP_SOURCES_MAX)
        return -ENOSPC;
    struct comp_source *s;
    int err = comp_source_create(&s, conf, &c->sink, c->conf.workers == 0, c->conf.is_offline);
    if (err)
        return err;
    s->slot = slot;
    s->worker = conf->codec == MCU_CODEC_NONE ? NULL : least_loaded(c);
    if (s->worker)
        err = comp_worker_add(s->worker, s);
    if (err) {
        comp_source_destroy(s);
        return err;
    }
    c->members[slot] = s;
    for (size_t i = 0; i < c->view_count; i++)
        comp_spot_init(&c->views[i]->scene.spots[slot], s);
    comp_post(c, &s->join);
    *out = s;
    return 0;
}

void comp_source_remove(struct comp *c, struct comp_source *s)
{
    if (!s)
        return;
    if (s->worker)
        comp_worker_remove(s->worker, s);
    comp_source_stop(s);
    comp_post(c, &s->leave);
    comp_free_spent(c);
}

/* --- [tick] --------------------------------------------------------------------------------------
 */

/* What no view shows is not decoded. */
static void tell_source(const struct comp *c, struct comp_source *s)
{
    struct comp_need need = {0};
    bool is_wanted = false;
    for (size_t i = 0; i < c->shown_count; i++)
        is_wanted |= comp_view_raise_need(c->shown[i], s, &need);
    atomic_store_explicit(&s->is_wanted, is_wanted, memory_order_relaxed);
    comp_source_set_need(s, need.width ? &need : NULL);

    /* Voices may be placed where people are seen. */
    const struct comp_spot *first = c->shown_count ? &c->shown[0]->scene.spots[s->slot] : NULL;
    atomic_store_explicit(&s->centre, first && first->is_placed ? first->centre : 0.0f,
                          memory_order_relaxed);
}

static void tell_sources(const struct comp *c)
{
    for (size_t i = 0; i < c->roster.count; i++)
        tell_source(c, c->roster.sources[i]);
}

void comp_tick(struct comp *c, int64_t now_us)
{
    atomic_fetch_add_explicit(&c->counters.ticks, 1, memory_order_relaxed);
    take_orders(c);
    tell_sources(c);
    if (comp_roster_advance(&c->roster, now_us)) {
        for (size_t i = 0; i < c->shown_count; i++)
            c->shown[i]->scene.must_place = true;
    }
    for (size_t i = 0; i < c->shown_count; i++)
        comp_view_tick(c->shown[i], now_us);
    tell_sources(c);
}

void comp_flush(struct comp *c)
{
    for (size_t i = 0; i < c->shown_count; i++) {
        for (size_t k = 0; k < c->shown[i]->stream_count; k++)
            comp_stream_flush(c->shown[i]->streams[k]);
    }
}

void comp_read_stats(const struct comp *c, struct comp_stats *stats)
{
    const struct comp_counters *n = &c->counters;
    *stats = (struct comp_stats){
        .ticks = atomic_load_explicit(&n->ticks, memory_order_relaxed),
        .composed = atomic_load_explicit(&n->composed, memory_order_relaxed),
        .tiles_drawn = atomic_load_explicit(&n->tiles_drawn, memory_order_relaxed),
        .encoded = atomic_load_explicit(&n->encoded, memory_order_relaxed),
        .skipped = atomic_load_explicit(&n->skipped, memory_order_relaxed),
        .reduced = atomic_load_explicit(&n->reduced, memory_order_relaxed),
    };
}
