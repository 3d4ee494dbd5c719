/* The thread and the mailbox around a codec; see encoder.h. When a key frame is due is decided on
 * the tick's clock, so that a file comes out the same every time. */
#include "compositor/encoder.h"

#include <errno.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/base/thread.h"

enum {
    KEY_EVERY_US = 500000,       /* at most, on request */
    FILE_KEY_EVERY_US = 2000000, /* at least, in files */
    STILL_EVERY_US = 1000000,    /* a picture that does not change */
};

enum key_wish {
    KEY_NONE,
    KEY_SOON,
    KEY_NOW,
};

void comp_encoder_init(struct comp_encoder *e, const struct comp_codec *codec,
                       const struct comp_conf *conf, const struct comp_sink *sink)
{
    memset(e, 0, sizeof(*e));
    e->codec = codec;
    e->conf = conf;
    e->sink = sink;
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->changed, NULL);
}

static bool has_thread(const struct comp_encoder *e)
{
    return e->conf->workers > 0;
}

static void emit(void *ctx, struct mcu_packet *packet)
{
    struct comp_encoder *e = ctx;
    atomic_fetch_add_explicit(&e->encoded, 1, memory_order_relaxed);
    if (e->sink->on_packet)
        e->sink->on_packet(e->sink->ctx, e->codec->codec, packet);
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
static bool wait_for_job(struct comp_encoder *e, struct job *job)
{
    pthread_mutex_lock(&e->lock);
    while (!e->waiting && !e->is_flushing && !e->is_stopping)
        pthread_cond_wait(&e->changed, &e->lock);
    const bool has_job = e->waiting || e->is_flushing;
    *job = (struct job){e->waiting, e->waiting_pts_us, e->is_waiting_key};
    e->waiting = NULL;
    e->is_waiting_key = false;
    pthread_mutex_unlock(&e->lock);
    return has_job;
}

static void end_flush(struct comp_encoder *e)
{
    pthread_mutex_lock(&e->lock);
    e->is_flushing = false;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

/* Failures are told once, until it works again. */
static void encode(struct comp_encoder *e, const struct job *job)
{
    const int err = e->codec->encode(e->impl, job->canvas, job->pts_us, job->is_key, emit, e);
    if (err && !e->has_failed)
        log_error("%s: encoding failed: %s", e->codec->thread_name, strerror(-err));
    e->has_failed = err != 0;
}

static void *run(void *arg)
{
    struct comp_encoder *e = arg;
    for (struct job job; wait_for_job(e, &job);) {
        if (job.canvas) {
            encode(e, &job);
            comp_canvas_release(job.canvas);
        } else {
            e->codec->flush(e->impl, emit, e);
            end_flush(e);
        }
    }
    return NULL;
}

/* --- [ctl] ---------------------------------------------------------------------------------------
 */

static struct comp_codec_conf codec_conf(const struct comp_encoder *e)
{
    const struct comp_conf *from = e->conf;
    struct comp_codec_conf conf = {
        .width = from->width,
        .height = from->height,
        .fps = from->fps,
        .bitrate_bps = from->bitrate_bps,
        .speed = from->vp8_speed,
        .threads = from->encoder_threads,
        .temporal_layers = 1,
        .is_offline = from->is_offline,
    };
    memcpy(conf.preset, from->preset, sizeof(conf.preset));
    return conf;
}

static int start(struct comp_encoder *e)
{
    const struct comp_codec_conf conf = codec_conf(e);
    int err = e->codec->create(&e->impl, &conf);
    if (err)
        return err;
    pthread_mutex_lock(&e->lock);
    e->is_stopping = false;
    pthread_mutex_unlock(&e->lock);
    e->has_failed = false;
    if (has_thread(e))
        err = mcu_thread_start(&e->thread, e->codec->thread_name, run, e);
    if (err) {
        e->codec->destroy(e->impl);
        return err;
    }
    atomic_store(&e->key_wanted, KEY_NONE);
    atomic_store(&e->is_fresh, true);
    atomic_store(&e->is_on, true);
    return 0;
}

static void stop(struct comp_encoder *e)
{
    pthread_mutex_lock(&e->lock);
    atomic_store(&e->is_on, false);
    e->is_stopping = true; /* from here on nothing is put into the mailbox */
    if (e->waiting)
        comp_canvas_release(e->waiting);
    e->waiting = NULL;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
    if (has_thread(e))
        pthread_join(e->thread, NULL);
    e->codec->destroy(e->impl);
    e->impl = NULL;
}

int comp_encoder_enter(struct comp_encoder *e)
{
    if (e->users == 0) {
        const int err = start(e);
        if (err)
            return err;
    }
    e->users++;
    return 0;
}

void comp_encoder_leave(struct comp_encoder *e)
{
    if (e->users == 0)
        return;
    e->users--;
    if (e->users == 0)
        stop(e);
}

void comp_encoder_finish(struct comp_encoder *e)
{
    if (!e->codec)
        return;
    if (e->users > 0)
        stop(e);
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->lock);
}

void comp_encoder_want_key(struct comp_encoder *e, bool is_urgent)
{
    int old = atomic_load(&e->key_wanted);
    const int wish = is_urgent ? KEY_NOW : KEY_SOON;
    while (old < wish && !atomic_compare_exchange_weak(&e->key_wanted, &old, wish))
        ;
}

/* --- [tick] --------------------------------------------------------------------------------------
 */

static bool is_key_due(struct comp_encoder *e, int64_t now_us)
{
    if (!e->has_offered)
        return true;
    const int64_t age_us = now_us - e->keyed_us;
    const int wish = atomic_load(&e->key_wanted);
    if (wish == KEY_NOW || (wish == KEY_SOON && age_us >= KEY_EVERY_US))
        return true;
    return e->conf->is_offline && age_us >= FILE_KEY_EVERY_US;
}

static void hand_over(struct comp_encoder *e, struct comp_canvas *canvas, int64_t now_us,
                      bool is_key)
{
    pthread_mutex_lock(&e->lock);
    if (!e->is_stopping) {
        if (e->waiting) {
            comp_canvas_release(e->waiting);
            atomic_fetch_add_explicit(&e->skipped, 1, memory_order_relaxed);
        }
        comp_canvas_hold(canvas);
        e->waiting = canvas;
        e->waiting_pts_us = now_us;
        e->is_waiting_key |= is_key; /* also when the picture it was for is skipped */
        pthread_cond_broadcast(&e->changed);
    }
    pthread_mutex_unlock(&e->lock);
}

void comp_encoder_offer(struct comp_encoder *e, struct comp_canvas *canvas, int64_t now_us,
                        bool has_changed)
{
    if (!atomic_load(&e->is_on))
        return;
    if (atomic_exchange(&e->is_fresh, false))
        e->has_offered = false;
    if (e->has_offered && now_us <= e->offered_us)
        return; /* encoders need rising times */
    const bool is_key = is_key_due(e, now_us);
    if (!is_key && !has_changed && now_us - e->offered_us < STILL_EVERY_US)
        return;
    if (is_key) {
        atomic_store(&e->key_wanted, KEY_NONE);
        e->keyed_us = now_us;
    }
    e->offered_us = now_us;
    e->has_offered = true;
    if (has_thread(e))
        hand_over(e, canvas, now_us, is_key);
    else
        encode(e, &(struct job){canvas, now_us, is_key});
}

void comp_encoder_flush(struct comp_encoder *e)
{
    if (!atomic_load(&e->is_on))
        return;
    if (!has_thread(e)) {
        e->codec->flush(e->impl, emit, e);
        return;
    }
    pthread_mutex_lock(&e->lock);
    e->is_flushing = true;
    pthread_cond_broadcast(&e->changed);
    while (e->is_flushing)
        pthread_cond_wait(&e->changed, &e->lock);
    pthread_mutex_unlock(&e->lock);
}
