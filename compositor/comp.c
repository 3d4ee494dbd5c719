/* The compositor: sources come and go by orders from [ctl] to [tick], left ones go back by another
 * queue and are freed by [ctl]. Without workers there is one thread, and orders are carried out at
 * once.
 *
 *     [ctl] ── orders ──▶ [tick] ── canvas ──▶ [enc] ──▶ sink
 *       ◀──── spent ──────┘
 *
 * The tricky thing: the canvas. It is one buffer as long as nobody reads it while it must be drawn
 * on; when an encoder still does, the tick goes on in a copy. */
#include "compositor/comp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <x264.h>

#include "compositor/canvas.h"
#include "compositor/encoder.h"
#include "compositor/picture.h"
#include "compositor/scene.h"
#include "compositor/source.h"
#include "compositor/worker.h"
#include "layouts/layout.h"
#include "mcu/base/clock.h"
#include "mcu/base/queue.h"

enum {
    WORKERS_MAX = 16,
    SIDE_MIN = 16,
    SIDE_MAX = 4096,
    FPS_MAX = 60,
    VP8_SPEED_MIN = -16,
    ENCODER_THREADS_MAX = 16,
    BITRATE_MIN_BPS = 16000,
    BITRATE_MAX_BPS = 200000000,
    ENCODERS = 2,
    CANVASES =
        2 +
        2 * ENCODERS, /* drawn on, a snapshot's, and for each encoder one in hand, one waiting */
    SNAPSHOT_PATIENCE_MS = 1000,
    FREEZE_MAX_US = 60000000,
};

struct comp {
    struct comp_conf conf;
    struct comp_sink sink;
    struct mcu_queue *orders; /* struct comp_order, [ctl] to [tick] */
    struct mcu_queue *spent;  /* struct comp_source, [tick] to [ctl] */
    struct comp_encoder encoders[ENCODERS];
    struct comp_decorator *decorator; /* NULL offline */

    /* [ctl] */
    struct comp_worker *workers[WORKERS_MAX];
    size_t worker_count;
    struct comp_source *members[COMP_SOURCES_MAX]; /* added and not yet destroyed */
    size_t member_count;

    pthread_mutex_t layout_lock; /* protects the next two; held while people are placed */
    const struct layout *layout;
    bool has_new_layout;

    /* any thread */
    atomic_uint_fast64_t ticks, composed, tiles_drawn;

    pthread_mutex_t snapshot_lock; /* one at a time */
    atomic_bool is_snapshot_asked;
    struct comp_canvas *_Atomic snapshot; /* held for [ctl], which releases it */

    /* [tick] */
    struct comp_scene scene;
    struct comp_canvas canvases[CANVASES];
    size_t canvas_count;
    struct comp_canvas *canvas;
};

/* --- [ctl]: making and ending --------------------------------------------------------------------
 */

static bool is_preset(const char *name)
{
    for (size_t i = 0; x264_preset_names[i]; i++) {
        if (strcmp(x264_preset_names[i], name) == 0)
            return true;
    }
    return false;
}

static bool is_side(uint32_t px)
{
    return px >= SIDE_MIN && px <= SIDE_MAX && px % 2 == 0;
}

static bool is_sane(const struct comp_conf *conf)
{
    const bool has_rate =
        conf->bitrate_bps >= BITRATE_MIN_BPS && conf->bitrate_bps <= BITRATE_MAX_BPS;
    return is_side(conf->width) && is_side(conf->height) && conf->fps >= 1 &&
           conf->fps <= FPS_MAX && conf->workers <= WORKERS_MAX &&
           (has_rate || (conf->is_offline && conf->bitrate_bps == 0)) &&
           memchr(conf->preset, '\0', sizeof(conf->preset)) && is_preset(conf->preset) &&
           conf->vp8_speed >= VP8_SPEED_MIN && conf->vp8_speed <= -1 &&
           conf->encoder_threads <= ENCODER_THREADS_MAX && conf->freeze_us >= 0 &&
           conf->freeze_us <= FREEZE_MAX_US;
}

static int make_canvases(struct comp *c)
{
    const size_t wanted =
        c->conf.workers ? CANVASES : 1; /* inline nobody reads while it is drawn on */
    while (c->canvas_count < wanted) {
        const int err =
            comp_canvas_init(&c->canvases[c->canvas_count], c->conf.width, c->conf.height);
        if (err)
            return err;
        c->canvas_count++;
    }
    c->canvas = &c->canvases[0];
    return 0;
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

int comp_create(struct comp **out, const struct comp_conf *conf, const struct layout *layout,
                const struct comp_sink *sink)
{
    if (!is_sane(conf) || !layout)
        return -EINVAL;
    struct comp *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->conf = *conf;
    c->sink = *sink;
    c->layout = layout;
    c->has_new_layout = true;
    pthread_mutex_init(&c->layout_lock, NULL);
    pthread_mutex_init(&c->snapshot_lock, NULL);
    comp_scene_init(&c->scene, conf->width, conf->height);
    c->scene.has_labels = conf->has_labels;
    c->scene.has_avatars = conf->has_avatars;
    c->scene.freeze_us = conf->is_offline ? 0 : conf->freeze_us;
    comp_encoder_init(&c->encoders[0], &comp_codec_h264, &c->conf, &c->sink);
    comp_encoder_init(&c->encoders[1], &comp_codec_vp8, &c->conf, &c->sink);
    /* Each member gives at most two orders and is given back once, so puts never fail. */
    int err = mcu_queue_create(&c->orders, 2 * COMP_SOURCES_MAX);
    if (!err)
        err = mcu_queue_create(&c->spent, COMP_SOURCES_MAX);
    if (!err)
        err = make_canvases(c);
    if (!err)
        err = make_workers(c);
    if (!err && conf->workers && (conf->has_labels || conf->has_avatars))
        err = comp_decorator_create(&c->decorator);
    if (err) {
        comp_destroy(c); /* accepts a half-built one */
        return err;
    }
    *out = c;
    return 0;
}

void comp_destroy(struct comp *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < ENCODERS; i++)
        comp_encoder_finish(&c->encoders[i]);
    for (size_t i = 0; i < c->member_count; i++) {
        if (c->members[i]->worker)
            comp_worker_remove(c->members[i]->worker, c->members[i]);
    }
    for (size_t i = 0; i < c->worker_count; i++)
        comp_worker_destroy(c->workers[i]);
    comp_decorator_destroy(c->decorator);
    for (size_t i = 0; i < c->member_count; i++)
        comp_source_destroy(c->members[i]);
    mcu_queue_destroy(c->orders, NULL);
    mcu_queue_destroy(c->spent, NULL);
    for (size_t i = 0; i < c->canvas_count; i++)
        comp_canvas_finish(&c->canvases[i]);
    pthread_mutex_destroy(&c->layout_lock);
    pthread_mutex_destroy(&c->snapshot_lock);
    free(c);
}

int comp_set_layout(struct comp *c, const struct layout *layout)
{
    if (!layout)
        return -EINVAL;
    pthread_mutex_lock(&c->layout_lock);
    c->layout = layout;
    c->has_new_layout = true;
    pthread_mutex_unlock(&c->layout_lock);
    return 0;
}

/* --- sources -------------------------------------------------------------------------------------
 */

/* [tick] */
static void take_orders(struct comp *c)
{
    for (struct comp_order *o; (o = mcu_queue_try_take(c->orders));) {
        if (o->kind == COMP_JOIN) {
            comp_scene_join(&c->scene, o->source);
        } else {
            comp_scene_leave(&c->scene, o->source);
            mcu_queue_put(c->spent, o->source);
        }
    }
}

/* [ctl] */
static void post(struct comp *c, struct comp_order *order)
{
    mcu_queue_put(c->orders, order);
    if (c->conf.workers == 0)
        take_orders(c); /* one thread: [ctl] is [tick] */
}

static void free_spent(struct comp *c)
{
    for (struct comp_source *s; (s = mcu_queue_try_take(c->spent));) {
        for (size_t i = 0; i < c->member_count; i++) {
            if (c->members[i] == s)
                c->members[i] = c->members[--c->member_count];
        }
        comp_decorator_forget(c->decorator, &s->decor);
        comp_source_destroy(s);
    }
}

static struct comp_worker *least_loaded(const struct comp *c)
{
    struct comp_worker *best = NULL;
    for (size_t i = 0; i < c->worker_count; i++) {
        if (!best || comp_worker_load(c->workers[i]) < comp_worker_load(best))
            best = c->workers[i];
    }
    return best;
}

int comp_source_add(struct comp *c, struct comp_source **out, const struct comp_source_conf *conf)
{
    free_spent(c);
    if (c->member_count == COMP_SOURCES_MAX)
        return -ENOSPC;
    struct comp_source *s;
    int err = comp_source_create(&s, conf, &c->sink, c->conf.workers == 0, c->conf.is_offline);
    if (err)
        return err;
    s->worker = conf->codec == MCU_CODEC_NONE ? NULL : least_loaded(c);
    if (s->worker)
        err = comp_worker_add(s->worker, s);
    if (err) {
        comp_source_destroy(s);
        return err;
    }
    c->members[c->member_count++] = s;
    post(c, &s->join);
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
    post(c, &s->leave);
    free_spent(c);
}

/* --- snapshots -----------------------------------------------------------------------------------
 */

/* Puts the canvas (or NULL) in the place of one that nobody came for in time. */
static void drop_snapshot(struct comp *c, struct comp_canvas *next)
{
    struct comp_canvas *old = atomic_exchange_explicit(&c->snapshot, next, memory_order_acq_rel);
    if (old)
        comp_canvas_release(old);
}

static int copy_canvas(const struct comp_canvas *canvas, AVFrame **out)
{
    AVFrame *f = av_frame_alloc();
    if (!f)
        return -ENOMEM;
    f->format = AV_PIX_FMT_YUV420P;
    f->width = (int)canvas->width;
    f->height = (int)canvas->height;
    f->colorspace = AVCOL_SPC_SMPTE170M;
    f->color_range = AVCOL_RANGE_MPEG;
    if (av_frame_get_buffer(f, 0) < 0) {
        av_frame_free(&f);
        return -ENOMEM;
    }
    const uint8_t *from[4] = {canvas->plane[0], canvas->plane[1], canvas->plane[2], NULL};
    const int strides[4] = {canvas->stride[0], canvas->stride[1], canvas->stride[2], 0};
    av_image_copy(f->data, f->linesize, from, strides, f->format, f->width, f->height);
    *out = f;
    return 0;
}

/* The canvas after the next tick, held for us; NULL: none came in time. */
static struct comp_canvas *await_canvas(struct comp *c)
{
    drop_snapshot(c, NULL);
    atomic_store_explicit(&c->is_snapshot_asked, true, memory_order_release);
    struct comp_canvas *canvas = NULL;
    const int64_t until_us = mcu_now_us() + SNAPSHOT_PATIENCE_MS * MCU_US_PER_MS;
    while (!(canvas = atomic_exchange_explicit(&c->snapshot, NULL, memory_order_acquire)) &&
           mcu_now_us() < until_us)
        mcu_sleep_until_us(mcu_now_us() + MCU_US_PER_MS);
    return canvas;
}

int comp_snapshot(struct comp *c, AVFrame **out)
{
    if (c->conf.workers == 0)
        return copy_canvas(c->canvas, out);
    pthread_mutex_lock(&c->snapshot_lock);
    struct comp_canvas *canvas = await_canvas(c);
    const int err = canvas ? copy_canvas(canvas, out) : -ETIMEDOUT;
    if (canvas)
        comp_canvas_release(canvas);
    pthread_mutex_unlock(&c->snapshot_lock);
    return err;
}

/* --- encoders ------------------------------------------------------------------------------------
 */

static struct comp_encoder *encoder_of(struct comp *c, enum mcu_codec codec)
{
    for (size_t i = 0; i < ENCODERS; i++) {
        if (c->encoders[i].codec->codec == codec)
            return &c->encoders[i];
    }
    return NULL;
}

int comp_encoder_retain(struct comp *c, enum mcu_codec codec)
{
    struct comp_encoder *e = encoder_of(c, codec);
    return e ? comp_encoder_enter(e) : -ENOTSUP;
}

void comp_encoder_release(struct comp *c, enum mcu_codec codec)
{
    struct comp_encoder *e = encoder_of(c, codec);
    if (e)
        comp_encoder_leave(e);
}

void comp_encoder_request_key(struct comp *c, enum mcu_codec codec, bool is_urgent)
{
    struct comp_encoder *e = encoder_of(c, codec);
    if (e)
        comp_encoder_want_key(e, is_urgent);
}

/* --- [tick] --------------------------------------------------------------------------------------
 */

/* A canvas that may be drawn on, with the picture so far. */
static struct comp_canvas *writable(struct comp *c)
{
    if (!comp_canvas_is_held(c->canvas))
        return c->canvas;
    for (size_t i = 0; i < c->canvas_count; i++) {
        struct comp_canvas *next = &c->canvases[i];
        if (next == c->canvas || comp_canvas_is_held(next))
            continue;
        comp_canvas_copy(next, c->canvas);
        c->canvas = next;
        return next;
    }
    return NULL; /* cannot be: see CANVASES */
}

static void place(struct comp *c)
{
    pthread_mutex_lock(&c->layout_lock);
    c->has_new_layout = false;
    uint32_t background = c->conf.background;
    layout_background(c->layout, &background);
    comp_scene_set_background(&c->scene, background);
    comp_scene_place(&c->scene, c->layout);
    pthread_mutex_unlock(&c->layout_lock);
}

static bool take_new_layout(struct comp *c)
{
    pthread_mutex_lock(&c->layout_lock);
    const bool is_new = c->has_new_layout;
    pthread_mutex_unlock(&c->layout_lock);
    return is_new;
}

/* Returns whether the canvas changed. */
static bool compose(struct comp *c)
{
    struct comp_canvas *canvas = comp_scene_is_dirty(&c->scene) ? writable(c) : NULL;
    if (!canvas)
        return false;
    const size_t drawn = comp_scene_draw(&c->scene, canvas);
    atomic_fetch_add_explicit(&c->composed, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->tiles_drawn, drawn, memory_order_relaxed);
    return true;
}

static void serve_snapshot(struct comp *c)
{
    if (!atomic_load_explicit(&c->is_snapshot_asked, memory_order_acquire))
        return;
    atomic_store_explicit(&c->is_snapshot_asked, false, memory_order_relaxed);
    comp_canvas_hold(c->canvas);
    drop_snapshot(c, c->canvas);
}

void comp_tick(struct comp *c, int64_t now_us)
{
    atomic_fetch_add_explicit(&c->ticks, 1, memory_order_relaxed);
    take_orders(c);
    const bool has_moved = comp_scene_advance(&c->scene, now_us);
    if (has_moved || take_new_layout(c))
        place(c);
    comp_scene_decorate(&c->scene, c->decorator);
    const bool has_changed = compose(c);
    for (size_t i = 0; i < ENCODERS; i++)
        comp_encoder_offer(&c->encoders[i], c->canvas, now_us, has_changed);
    serve_snapshot(c);
}

void comp_flush(struct comp *c)
{
    for (size_t i = 0; i < ENCODERS; i++)
        comp_encoder_flush(&c->encoders[i]);
}

void comp_read_stats(const struct comp *c, struct comp_stats *stats)
{
    *stats = (struct comp_stats){
        .ticks = atomic_load_explicit(&c->ticks, memory_order_relaxed),
        .composed = atomic_load_explicit(&c->composed, memory_order_relaxed),
        .tiles_drawn = atomic_load_explicit(&c->tiles_drawn, memory_order_relaxed),
    };
    for (size_t i = 0; i < ENCODERS; i++) {
        stats->encoded += atomic_load_explicit(&c->encoders[i].encoded, memory_order_relaxed);
        stats->skipped += atomic_load_explicit(&c->encoders[i].skipped, memory_order_relaxed);
    }
}
