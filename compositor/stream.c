/* The thread and the mailbox around a codec; see stream.h. When a key frame is due is decided on
 * the tick's clock, so that a file comes out the same every time. */
#include "compositor/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <x264.h>

#include "compositor/comp_internal.h"
#include "compositor/reduce.h"
#include "compositor/view.h"
#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/base/thread.h"

enum {
    FILE_KEY_EVERY_US = 2000000, /* at least, in files */
    STILL_EVERY_US = 1000000,    /* a picture that does not change */
    B_FRAMES_MAX = 3,
    SPEED_MIN = -16,
    THREADS_MAX = 16,
    KEY_EVERY_MAX_US = 60000000,
};

enum key_wish {
    KEY_NONE,
    KEY_SOON,
    KEY_NOW,
};

static void emit(void *ctx, struct mcu_packet *packet)
{
    struct comp_stream *s = ctx;
    atomic_fetch_add_explicit(&s->counters->encoded, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->encoded, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->keys, packet->is_key, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->bytes, packet->size, memory_order_relaxed);
    if (s->sink->on_packet)
        s->sink->on_packet(s->sink->ctx, s->conf.stream_ctx, packet);
    mcu_packet_unref(packet);
}

struct job {
    struct comp_canvas *canvas; /* NULL: flush */
    int64_t pts_us;
    bool is_key;
};

/* --- [enc] ---------------------------------------------------------------------------------------
 */

/* The next thing to do; false: stop. */
static bool wait_for_job(struct comp_stream *s, struct job *job)
{
    pthread_mutex_lock(&s->lock);
    while (!s->waiting && !s->is_flushing && !s->is_stopping)
        pthread_cond_wait(&s->changed, &s->lock);
    const bool has_job = s->waiting || s->is_flushing;
    *job = (struct job){s->waiting, s->waiting_pts_us, s->is_waiting_key};
    s->waiting = NULL;
    s->is_waiting_key = false;
    pthread_mutex_unlock(&s->lock);
    return has_job;
}

static void end_flush(struct comp_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_flushing = false;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void take_new_rate(struct comp_stream *s)
{
    const uint64_t rate = atomic_exchange(&s->new_rate, 0);
    const int err = rate ? s->codec->set_rate(s->impl, (uint32_t)(rate >> 8), rate & 0xff) : 0;
    if (err)
        log_error("%s: the rate stays: %s", s->codec->thread_name, strerror(-err));
}

/* The picture to encode, held: the canvas itself, or a smaller one, and the canvas is free. */
static struct comp_canvas *reduce(struct comp_stream *s, struct comp_canvas *canvas)
{
    if (!s->reduction)
        return canvas;
    bool was_made;
    struct comp_canvas *smaller = comp_reduction_get(s->reduction, canvas, &was_made);
    atomic_fetch_add_explicit(&s->counters->reduced, was_made, memory_order_relaxed);
    comp_canvas_release(canvas);
    return smaller;
}

/* Takes over the job's hold on the canvas. Failures are told once, until it works again. */
static void encode(struct comp_stream *s, const struct job *job)
{
    take_new_rate(s);
    struct comp_canvas *canvas = reduce(s, job->canvas);
    const int err =
        canvas ? s->codec->encode(s->impl, canvas, job->pts_us, job->is_key, emit, s) : -ENOMEM;
    if (canvas)
        comp_canvas_release(canvas);
    if (err && !s->has_failed)
        log_error("%s: encoding failed: %s", s->codec->thread_name, strerror(-err));
    s->has_failed = err != 0;
}

static void *run(void *arg)
{
    struct comp_stream *s = arg;
    for (struct job job; wait_for_job(s, &job);) {
        if (job.canvas) {
            encode(s, &job);
        } else {
            s->codec->flush(s->impl, emit, s);
            end_flush(s);
        }
    }
    return NULL;
}

/* --- [ctl] ---------------------------------------------------------------------------------------
 */

static struct comp_codec_conf codec_conf(const struct comp_stream *s)
{
    const struct comp_stream_conf *from = &s->conf;
    struct comp_codec_conf conf = {
        .width = from->width,
        .height = from->height,
        .fps = from->fps,
        .bitrate_bps = from->bitrate_bps,
        .speed = from->speed,
        .threads = from->threads,
        .temporal_layers = from->temporal_layers,
        .b_frames = from->b_frames,
        .is_offline = s->is_offline,
        .is_screen = from->is_screen,
    };
    memcpy(conf.preset, from->preset, sizeof(conf.preset));
    return conf;
}

static int start(struct comp_stream *s)
{
    const struct comp_codec_conf conf = codec_conf(s);
    int err = s->codec->create(&s->impl, &conf);
    if (err)
        return err;
    if (s->has_thread)
        err = mcu_thread_start(&s->thread, s->codec->thread_name, run, s);
    if (err) {
        s->codec->destroy(s->impl);
        return err;
    }
    s->is_running = true;
    return 0;
}

int comp_stream_open(struct comp_stream **out, struct comp_view *v,
                     const struct comp_stream_conf *conf)
{
    const struct comp_codec *codec = comp_codec_find(conf->codec, conf->engine);
    if (!codec)
        return -ENOTSUP;
    struct comp_stream *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->codec = codec;
    s->conf = *conf;
    s->view = v;
    s->sink = &v->comp->sink;
    s->counters = &v->comp->counters;
    s->has_thread = v->comp->conf.workers > 0;
    s->is_offline = v->comp->conf.is_offline;
    s->join = (struct comp_order){COMP_STREAM_JOIN, s};
    s->leave = (struct comp_order){COMP_STREAM_LEAVE, s};
    atomic_init(&s->fps, conf->fps);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    int err = comp_view_find_reduction(v, &s->reduction, conf->width, conf->height);
    if (!err)
        err = start(s);
    if (err) {
        comp_stream_free(s);
        return err;
    }
    *out = s;
    return 0;
}

void comp_stream_stop(struct comp_stream *s)
{
    if (!s->is_running)
        return;
    pthread_mutex_lock(&s->lock);
    s->is_stopping = true; /* from here on nothing is put into the mailbox */
    if (s->waiting)
        comp_canvas_release(s->waiting);
    s->waiting = NULL;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (s->has_thread)
        pthread_join(s->thread, NULL);
    s->codec->destroy(s->impl);
    s->impl = NULL;
    s->is_running = false;
}

void comp_stream_free(struct comp_stream *s)
{
    if (!s)
        return;
    comp_stream_stop(s);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static bool is_preset(const char preset[16])
{
    if (!memchr(preset, '\0', 16))
        return false;
    for (size_t i = 0; x264_preset_names[i]; i++) {
        if (strcmp(x264_preset_names[i], preset) == 0)
            return true;
    }
    return false;
}

static bool is_rate(uint32_t bps)
{
    return bps >= COMP_BITRATE_MIN_BPS && bps <= COMP_BITRATE_MAX_BPS;
}

static bool is_sane(const struct comp_stream_conf *conf, const struct comp_view *v)
{
    const bool may_be_free = v->comp->conf.is_offline && conf->bitrate_bps == 0;
    return comp_is_side(conf->width) && conf->width <= v->conf.width &&
           comp_is_side(conf->height) && conf->height <= v->conf.height &&
           conf->fps <= v->conf.fps && (is_rate(conf->bitrate_bps) || may_be_free) &&
           is_preset(conf->preset) && conf->speed >= SPEED_MIN && conf->speed <= -1 &&
           conf->threads <= THREADS_MAX && conf->b_frames <= B_FRAMES_MAX && conf->temporal_layers <= COMP_TEMPORAL_LAYERS_MAX &&
           conf->key_every_us >= 0 && conf->key_every_us <= KEY_EVERY_MAX_US;
}

static struct comp_stream_conf complete(const struct comp_stream_conf *conf,
                                        const struct comp_view *v)
{
    struct comp_stream_conf full = *conf;
    full.width = conf->width ? conf->width : v->conf.width;
    full.height = conf->height ? conf->height : v->conf.height;
    full.fps = conf->fps ? conf->fps : v->conf.fps;
    full.temporal_layers = conf->temporal_layers ? conf->temporal_layers : 1;
    return full;
}

int comp_stream_create(struct comp_view *v, struct comp_stream **out,
                       const struct comp_stream_conf *conf)
{
    const struct comp_stream_conf full = complete(conf, v);
    if (!is_sane(&full, v))
        return -EINVAL;
    comp_free_spent(v->comp);
    if (v->member_count == COMP_STREAMS_MAX)
        return -ENOSPC;
    struct comp_stream *s;
    int err = comp_view_make_canvases(v, v->member_count + 1);
    if (!err)
        err = comp_stream_open(&s, v, &full);
    if (err)
        return err;
    v->members[v->member_count++] = s;
    comp_post(v->comp, &s->join);
    *out = s;
    return 0;
}

void comp_stream_retire(struct comp_stream *s)
{
    comp_stream_stop(s);
    if (!s->is_leaving)
        comp_post(s->view->comp, &s->leave);
    s->is_leaving = true;
}

void comp_stream_destroy(struct comp_stream *s)
{
    if (!s)
        return;
    struct comp *c = s->view->comp;
    comp_stream_retire(s);
    comp_free_spent(c);
}

/* --- [any] ---------------------------------------------------------------------------------------
 */

void comp_stream_request_key(struct comp_stream *s, bool is_urgent)
{
    int old = atomic_load(&s->key_wanted);
    const int wish = is_urgent ? KEY_NOW : KEY_SOON;
    while (old < wish && !atomic_compare_exchange_weak(&s->key_wanted, &old, wish))
        ;
}

void comp_stream_set_rate(struct comp_stream *s, uint32_t bitrate_bps, uint32_t fps)
{
    const uint32_t most = s->view->conf.fps;
    const uint32_t now = fps == 0 ? atomic_load(&s->fps) : fps > most ? most : fps;
    const uint64_t bps = bitrate_bps < COMP_BITRATE_MIN_BPS   ? COMP_BITRATE_MIN_BPS
                         : bitrate_bps > COMP_BITRATE_MAX_BPS ? COMP_BITRATE_MAX_BPS
                                                              : bitrate_bps;
    atomic_store(&s->fps, now);
    atomic_store(&s->new_rate, bps << 8 | now);
}

void comp_stream_read_stats(const struct comp_stream *s, struct comp_stream_stats *stats)
{
    *stats = (struct comp_stream_stats){
        .encoded = atomic_load_explicit(&s->encoded, memory_order_relaxed),
        .keys = atomic_load_explicit(&s->keys, memory_order_relaxed),
        .skipped = atomic_load_explicit(&s->skipped, memory_order_relaxed),
        .bytes = atomic_load_explicit(&s->bytes, memory_order_relaxed),
    };
}

/* --- [tick] --------------------------------------------------------------------------------------
 */

static bool is_key_due(struct comp_stream *s, int64_t now_us)
{
    if (!s->has_offered)
        return true;
    const int64_t age_us = now_us - s->keyed_us;
    const int wish = atomic_load(&s->key_wanted);
    if (wish == KEY_NOW || (wish == KEY_SOON && age_us >= s->conf.key_every_us))
        return true;
    return s->is_offline && age_us >= FILE_KEY_EVERY_US;
}

/* A stream of 20 frames a second in a view of 30 takes two changes of three: each tick of the view
 * gives 20 credits, a frame costs 30. A rate that is rarely used saves up one frame. */
static bool is_frame_due(struct comp_stream *s, bool has_changed, uint32_t view_fps)
{
    const uint32_t fps = atomic_load_explicit(&s->fps, memory_order_relaxed);
    s->has_pending |= has_changed;
    s->credit += fps;
    if (s->credit > view_fps + fps - 1)
        s->credit = view_fps + fps - 1;
    return s->has_pending && s->credit >= view_fps;
}

static void hand_over(struct comp_stream *s, struct comp_canvas *canvas, int64_t now_us,
                      bool is_key)
{
    pthread_mutex_lock(&s->lock);
    if (!s->is_stopping) {
        if (s->waiting) {
            comp_canvas_release(s->waiting);
            atomic_fetch_add_explicit(&s->skipped, 1, memory_order_relaxed);
            atomic_fetch_add_explicit(&s->counters->skipped, 1, memory_order_relaxed);
        }
        comp_canvas_hold(canvas);
        s->waiting = canvas;
        s->waiting_pts_us = now_us;
        s->is_waiting_key |= is_key; /* also when the picture it was for is skipped */
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
}

void comp_stream_offer(struct comp_stream *s, struct comp_canvas *canvas, int64_t now_us,
                       bool has_changed, uint32_t view_fps)
{
    /* What waits in a look-ahead comes out when more goes in, so more has to come. */
    const bool is_new = has_changed || (s->conf.b_frames > 0 && !s->is_offline);
    const bool is_due = is_frame_due(s, is_new, view_fps);
    if (s->has_offered && now_us <= s->offered_us)
        return; /* encoders need rising times */
    const bool is_key = is_key_due(s, now_us);
    if (!is_key && !is_due && now_us - s->offered_us < STILL_EVERY_US)
        return;
    if (is_key) {
        atomic_store(&s->key_wanted, KEY_NONE);
        s->keyed_us = now_us;
    }
    s->credit -= s->credit < view_fps ? s->credit : view_fps;
    s->has_pending = false;
    s->offered_us = now_us;
    s->has_offered = true;
    if (s->has_thread) {
        hand_over(s, canvas, now_us, is_key);
    } else {
        comp_canvas_hold(canvas);
        encode(s, &(struct job){canvas, now_us, is_key});
    }
}

void comp_stream_flush(struct comp_stream *s)
{
    if (!s->has_thread) {
        s->codec->flush(s->impl, emit, s);
        return;
    }
    pthread_mutex_lock(&s->lock);
    s->is_flushing = true;
    pthread_cond_broadcast(&s->changed);
    while (s->is_flushing && !s->is_stopping)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}
