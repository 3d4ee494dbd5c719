/* A view; see view.h. [ctl] makes and ends it, [tick] draws it. */
#include "compositor/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compositor/comp_internal.h"
#include "compositor/reduce.h"
#include "compositor/source.h"
#include "compositor/stream.h"
#include "layouts/layout.h"
#include "mcu/base/clock.h"

enum {
    TRANSITION_MAX_US = 10000000,
    UNSEEN_WIDTH = 160,
    UNSEEN_HEIGHT = 90,
};

/* --- [ctl] ---------------------------------------------------------------------------------------
 */

int comp_view_make_canvases(struct comp_view *v, size_t streams)
{
    /* Inline nobody reads while it is drawn on. */
    const size_t wanted = v->comp->conf.workers ? 2 + 2 * streams : 1;
    for (size_t n = atomic_load(&v->canvas_count); n < wanted; n++) {
        const int err = comp_canvas_init(&v->canvases[n], v->conf.width, v->conf.height);
        if (err)
            return err;
        atomic_store_explicit(&v->canvas_count, n + 1, memory_order_release);
    }
    return 0;
}

int comp_view_find_reduction(struct comp_view *v, struct comp_reduction **out, uint32_t width,
                             uint32_t height)
{
    *out = NULL;
    if (width == v->conf.width && height == v->conf.height)
        return 0;
    for (size_t i = 0; i < v->reduction_count; i++) {
        struct comp_reduction *r = v->reductions[i];
        if (comp_reduction_width(r) == width && comp_reduction_height(r) == height) {
            *out = r;
            return 0;
        }
    }
    if (v->reduction_count == COMP_STREAMS_MAX)
        return -ENOSPC;
    const int err = comp_reduction_create(out, width, height);
    if (!err)
        v->reductions[v->reduction_count++] = *out;
    return err;
}

static bool is_sane(const struct comp_view_conf *conf, const struct comp *c)
{
    return comp_is_side(conf->width) && comp_is_side(conf->height) && conf->fps <= c->conf.fps &&
           conf->layout && conf->transition_us >= 0 && conf->transition_us <= TRANSITION_MAX_US;
}

static int copy_conf(struct comp_view *v, const struct comp_view_conf *conf)
{
    v->conf = *conf;
    if (!conf->fps)
        v->conf.fps = v->comp->conf.fps;
    v->conf.without_user = conf->without_user ? strdup(conf->without_user) : NULL;
    return conf->without_user && !v->conf.without_user ? -ENOMEM : 0;
}

static int init_scene(struct comp_view *v)
{
    v->scene.width = v->conf.width;
    v->scene.height = v->conf.height;
    v->scene.has_labels = v->conf.has_labels;
    v->scene.has_avatars = v->conf.has_avatars;
    v->scene.without_user = v->conf.without_user;
    v->scene.transition_us = v->conf.transition_us;
    v->scene.roster = &v->comp->roster;
    for (size_t i = 0; i < COMP_SOURCES_MAX; i++) {
        if (v->comp->members[i])
            comp_spot_init(&v->scene.spots[i], v->comp->members[i]);
    }
    return comp_scene_init(&v->scene, &v->comp->images);
}

static int make(struct comp_view *v, const struct comp_view_conf *conf)
{
    int err = copy_conf(v, conf);
    if (!err)
        err = comp_view_make_canvases(v, 0);
    if (err)
        return err;
    v->tiles = calloc(LAYOUT_TILES_MAX, sizeof(*v->tiles));
    if (!v->tiles)
        return -ENOMEM;
    struct comp *c = v->comp;
    if (c->conf.workers && !c->decorator)
        err = comp_decorator_create(&c->decorator);
    if (err)
        return err;
    v->decorator = c->decorator;
    v->canvas = &v->canvases[0];
    v->phase = c->conf.fps - v->conf.fps; /* due at once */
    v->layout = conf->layout;
    v->has_new_layout = true;
    v->woken_us = INT64_MAX;
    return init_scene(v);
}

int comp_view_create(struct comp *c, struct comp_view **out, const struct comp_view_conf *conf)
{
    if (!is_sane(conf, c))
        return -EINVAL;
    comp_free_spent(c);
    if (c->view_count == COMP_VIEWS_MAX)
        return -ENOSPC;
    struct comp_view *v = calloc(1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    v->comp = c;
    v->join = (struct comp_order){COMP_VIEW_JOIN, v};
    v->leave = (struct comp_order){COMP_VIEW_LEAVE, v};
    pthread_mutex_init(&v->layout_lock, NULL);
    pthread_mutex_init(&v->tiles_lock, NULL);
    const int err = make(v, conf);
    if (err) {
        comp_view_free(v);
        return err;
    }
    c->views[c->view_count++] = v;
    comp_post(c, &v->join);
    *out = v;
    return 0;
}

void comp_view_destroy(struct comp_view *v)
{
    if (!v)
        return;
    struct comp *c = v->comp;
    pthread_mutex_lock(&v->layout_lock);
    v->layout = NULL;
    pthread_mutex_unlock(&v->layout_lock);
    while (v->member_count > 0 && c->conf.workers == 0)
        comp_stream_destroy(v->members[0]); /* one thread: freed at once */
    for (size_t i = 0; i < v->member_count; i++)
        comp_stream_retire(v->members[i]);
    comp_post(c, &v->leave);
    comp_free_spent(c);
}

void comp_view_free(struct comp_view *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->member_count; i++)
        comp_stream_free(v->members[i]);
    for (size_t i = 0; i < v->reduction_count; i++)
        comp_reduction_destroy(v->reductions[i]);
    comp_scene_finish(&v->scene, v->decorator);
    for (size_t i = 0; i < v->canvas_count; i++)
        comp_canvas_finish(&v->canvases[i]);
    pthread_mutex_destroy(&v->layout_lock);
    pthread_mutex_destroy(&v->tiles_lock);
    free(v->tiles);
    free((char *)v->conf.without_user);
    free(v);
}

int comp_view_set_layout(struct comp_view *v, const struct layout *layout)
{
    if (!layout)
        return -EINVAL;
    pthread_mutex_lock(&v->layout_lock);
    v->layout = layout;
    v->has_new_layout = true;
    pthread_mutex_unlock(&v->layout_lock);
    return 0;
}

void comp_view_set_signs(struct comp_view *v, uint32_t signs)
{
    atomic_store_explicit(&v->signs, signs, memory_order_relaxed);
}

/* --- [any] ---------------------------------------------------------------------------------------
 */

size_t comp_view_read_tiles(struct comp_view *v, struct comp_tile *tiles, size_t max,
                            uint32_t *serial)
{
    pthread_mutex_lock(&v->tiles_lock);
    const size_t count = v->tile_count;
    memcpy(tiles, v->tiles, (count < max ? count : max) * sizeof(*tiles));
    if (serial)
        *serial = v->tiles_serial;
    pthread_mutex_unlock(&v->tiles_lock);
    return count;
}

/* --- [tick] --------------------------------------------------------------------------------------
 */

static void measure_streams(struct comp_view *v)
{
    v->most = (struct comp_need){0};
    for (size_t i = 0; i < v->stream_count; i++) {
        const struct comp_stream_conf *conf = &v->streams[i]->conf;
        v->most.width = conf->width > v->most.width ? conf->width : v->most.width;
        v->most.height = conf->height > v->most.height ? conf->height : v->most.height;
        v->most.fps = conf->fps > v->most.fps ? conf->fps : v->most.fps;
    }
}

void comp_view_join(struct comp_view *v, struct comp_stream *s)
{
    v->streams[v->stream_count++] = s;
    measure_streams(v);
}

void comp_view_leave(struct comp_view *v, struct comp_stream *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->stream_count; i++) {
        if (v->streams[i] != s)
            v->streams[kept++] = v->streams[i];
    }
    v->stream_count = kept;
    measure_streams(v);
}

bool comp_view_is_active(const struct comp_view *v)
{
    return v->stream_count > 0 || atomic_load_explicit(&v->is_snapshot_asked, memory_order_acquire);
}

/* A canvas that may be drawn on, with the picture so far. */
static struct comp_canvas *writable(struct comp_view *v)
{
    if (!comp_canvas_is_held(v->canvas))
        return v->canvas;
    const size_t count = atomic_load_explicit(&v->canvas_count, memory_order_acquire);
    for (size_t i = 0; i < count; i++) {
        struct comp_canvas *next = &v->canvases[i];
        if (next == v->canvas || comp_canvas_is_held(next))
            continue;
        comp_canvas_copy(next, v->canvas);
        v->canvas = next;
        return next;
    }
    return NULL; /* cannot be: see COMP_CANVASES_MAX */
}

static void tell_tile(struct comp_tile *tile, const struct layout_tile *t,
                      const struct comp_source *s)
{
    tile->source_ctx = s->source_ctx;
    tile->is_screen = s->is_screen;
    tile->x = t->x;
    tile->y = t->y;
    tile->width = t->width;
    tile->height = t->height;
    tile->z = t->z;
    tile->more = t->more;
    const size_t length = strnlen(s->person.user, sizeof(tile->user) - 1);
    memcpy(tile->user, s->person.user, length);
    tile->user[length] = '\0';
}

static void tell_tiles(struct comp_view *v)
{
    pthread_mutex_lock(&v->tiles_lock);
    for (size_t i = 0; i < v->scene.tile_count; i++)
        tell_tile(&v->tiles[i], &v->scene.tiles[i], v->scene.owners[i]->source);
    v->tile_count = v->scene.tile_count;
    v->tiles_serial++;
    pthread_mutex_unlock(&v->tiles_lock);
}

/* False: it is being destroyed. */
static bool place(struct comp_view *v, bool has_moved)
{
    pthread_mutex_lock(&v->layout_lock);
    const bool is_there = v->layout != NULL;
    const bool must_place = is_there && (has_moved || v->has_new_layout);
    if (must_place) {
        v->has_new_layout = false;
        uint32_t background = v->conf.background;
        layout_background(v->layout, &background);
        comp_scene_set_background(&v->scene, background);
        comp_layers_set(&v->scene.layers, v->layout, background);
        comp_scene_place(&v->scene, v->layout);
    }
    pthread_mutex_unlock(&v->layout_lock);
    if (must_place)
        tell_tiles(v);
    return is_there;
}

/* Returns whether the canvas changed. */
static bool compose(struct comp_view *v)
{
    if (!place(v, comp_scene_look(&v->scene)))
        return false;
    comp_scene_move(&v->scene);
    comp_scene_decorate(&v->scene, v->decorator,
                        atomic_load_explicit(&v->signs, memory_order_relaxed),
                        (v->scene.now_us + v->conf.wall_offset_us) / MCU_US_PER_S);
    struct comp_canvas *canvas = comp_scene_is_dirty(&v->scene) ? writable(v) : NULL;
    if (!canvas)
        return false;
    const size_t drawn = comp_scene_draw(&v->scene, canvas);
    canvas->picture = ++v->picture;
    struct comp_counters *counters = &v->comp->counters;
    atomic_fetch_add_explicit(&counters->composed, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->tiles_drawn, drawn, memory_order_relaxed);
    return true;
}

static bool is_due(struct comp_view *v)
{
    v->phase += v->conf.fps;
    if (v->phase < v->comp->conf.fps)
        return false;
    v->phase -= v->comp->conf.fps;
    return true;
}

void comp_view_tick(struct comp_view *v, int64_t now_us)
{
    if (!is_due(v) || !comp_view_is_active(v))
        return;
    v->scene.now_us = now_us;
    const bool has_changed = compose(v);
    for (size_t i = 0; i < v->stream_count; i++)
        comp_stream_offer(v->streams[i], v->canvas, now_us, has_changed, v->conf.fps);
    comp_view_serve_snapshot(v, now_us);
}

void comp_view_draw_now(struct comp_view *v)
{
    compose(v);
}

/* A snapshot is as large as the canvas. */
static struct comp_need most_of(const struct comp_view *v)
{
    const struct comp_need snapshot = {v->conf.width, v->conf.height, 1};
    return v->stream_count > 0 ? v->most : snapshot;
}

static uint32_t scaled(uint32_t tile, uint32_t most, uint32_t canvas)
{
    return (uint32_t)(((uint64_t)tile * most + canvas - 1) / canvas);
}

bool comp_view_raise_need(const struct comp_view *v, const struct comp_source *s,
                          struct comp_need *need)
{
    if (!comp_view_is_active(v) || !comp_scene_wants(&v->scene, s))
        return false;
    const struct comp_need most = most_of(v);
    const struct comp_spot *spot = &v->scene.spots[s->slot];
    const bool is_placed = spot->is_placed; /* else it is wanted to see whether there is anything */
    const uint32_t width =
        is_placed ? scaled(spot->tile_width, most.width, v->conf.width) : UNSEEN_WIDTH;
    const uint32_t height =
        is_placed ? scaled(spot->tile_height, most.height, v->conf.height) : UNSEEN_HEIGHT;
    need->width = width > need->width ? width : need->width;
    need->height = height > need->height ? height : need->height;
    need->fps = most.fps > need->fps ? most.fps : need->fps;
    return true;
}
