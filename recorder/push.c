/* A push's thread: connects, sends what the backlog has, and begins again when that fails.
 *
 * The tricky thing is time. An attempt may take conf.connect_us, a stalled one conf.stall_us; the
 * pause before the next attempt is counted from when this one began, so that who waited already
 * does not wait again, and a far side that returns is found within MAX_PAUSE. */
#include "recorder/push.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/base/thread.h"
#include "recorder/backlog.h"
#include "recorder/push_mux.h"

#define FIRST_PAUSE_US (500 * MCU_US_PER_MS)
#define MAX_PAUSE_US   (2 * MCU_US_PER_S)
#define STOP_US        (500 * MCU_US_PER_MS) /* for all that is left to do then */
#define STABLE_US      (10 * MCU_US_PER_S) /* what held so long begins with the first pause again */
#define LAG_MAX_US     (4 * MCU_US_PER_S)  /* what waits: two key frames' distance */
#define TAKE_US        (200 * MCU_US_PER_MS)

enum {
    PACKETS_MAX = 4096,
    SIDE_MAX = 16384,
    AUDIO_CONFIG_MAX = 64,
};

struct rec_live {
    struct rec_live_conf conf; /* its texts are ours */
    char *name, *url, *ca_file;
    uint8_t audio_config[AUDIO_CONFIG_MAX];
    struct guard_url parts;
    struct rec_backlog *backlog;
    struct push_deadline deadline;
    pthread_t thread;

    /* [push] */
    int64_t failing_since_us; /* 0: it is not */
    int64_t pause_us;
    uint64_t bytes_before; /* of earlier connections */

    pthread_mutex_t lock;
    pthread_cond_t stopping;
    struct rec_live_status status;
    bool is_stopping;
};

const char *rec_live_state_name(enum rec_live_state state)
{
    static const char *const names[] = {
        [REC_LIVE_CONNECTING] = "connecting", [REC_LIVE_ON] = "live",
        [REC_LIVE_RETRYING] = "retrying",     [REC_LIVE_FAILED] = "failed",
        [REC_LIVE_ENDED] = "ended",
    };
    return names[state];
}

const char *rec_live_error_text(int error)
{
    switch (error) {
    case 0:
        return "";
    case -EACCES:
        return "not allowed: the address is not one that pushes may go to, or the password is "
               "wrong";
    case -EHOSTUNREACH:
        return "the host is not known, or not reachable";
    case -ETIMEDOUT:
        return "no answer in time";
    case -ECONNREFUSED:
        return "refused by the server";
    case -ECONNRESET:
    case -EPIPE:
        return "the connection was lost";
    case -EIO:
        return "the connection failed";
    default: {
        const char *text = strerrordesc_np(-error);
        return text ? text : "it failed";
    }
    }
}

/* --- [push] ----------------------------------------------------------------------------------- */

static bool is_stopping(struct rec_live *l)
{
    pthread_mutex_lock(&l->lock);
    const bool is = l->is_stopping;
    pthread_mutex_unlock(&l->lock);
    return is;
}

static void set_state(struct rec_live *l, enum rec_live_state state)
{
    pthread_mutex_lock(&l->lock);
    const bool is_new = l->status.state != state;
    if (is_new)
        l->status.since_us = mcu_now_us();
    l->status.state = state;
    pthread_mutex_unlock(&l->lock);
    if (is_new && l->conf.on_state)
        l->conf.on_state(l->conf.ctx);
}

static void count_bytes(struct rec_live *l, const struct push_mux *m)
{
    pthread_mutex_lock(&l->lock);
    l->status.bytes = l->bytes_before + push_mux_bytes(m);
    pthread_mutex_unlock(&l->lock);
}

/* Sends until it fails or is stopped. */
static int send_all(struct rec_live *l, struct push_mux *m)
{
    int64_t on_us = 0;
    while (!is_stopping(l)) {
        struct rec_inbox_item item;
        if (!rec_backlog_take(l->backlog, &item, TAKE_US))
            continue;
        const int err = push_mux_write(m, item.packet, item.kind);
        mcu_packet_unref(item.packet);
        count_bytes(l, m);
        if (err)
            return err;
        if (!on_us) {
            on_us = mcu_now_us();
            l->failing_since_us = 0;
            set_state(l, REC_LIVE_ON);
        } else if (mcu_now_us() - on_us > STABLE_US) {
            l->pause_us = FIRST_PAUSE_US;
        }
    }
    return 0;
}

static int attempt(struct rec_live *l)
{
    const struct push_mux_conf conf = {
        .conf = &l->conf, .parts = &l->parts, .deadline = &l->deadline};
    struct push_mux *m = NULL;
    l->deadline.until_us = mcu_now_us() + l->conf.connect_us;
    int err = guard_enter(&l->conf.policy);
    if (err)
        return err;
    err = push_mux_open(&m, &conf);
    if (!err) {
        rec_backlog_begin(l->backlog);
        err = send_all(l, m);
        rec_backlog_end(l->backlog);
        push_mux_close(m);
        l->bytes_before = l->status.bytes; /* [push] is who writes it */
    }
    return guard_leave() && err ? -EACCES : err;
}

/* Waits until then, or for rec_live_stop(). */
static void pause_until(struct rec_live *l, int64_t until_us)
{
    const struct timespec ts = {
        .tv_sec = (time_t)(until_us / MCU_US_PER_S),
        .tv_nsec = (long)(until_us % MCU_US_PER_S) * 1000,
    };
    pthread_mutex_lock(&l->lock);
    while (!l->is_stopping && mcu_now_us() < until_us)
        pthread_cond_timedwait(&l->stopping, &l->lock, &ts);
    pthread_mutex_unlock(&l->lock);
}

static void wait_for_stop(struct rec_live *l)
{
    pthread_mutex_lock(&l->lock);
    while (!l->is_stopping)
        pthread_cond_wait(&l->stopping, &l->lock);
    pthread_mutex_unlock(&l->lock);
}

/* Returns false when it is given up. */
static bool note_failure(struct rec_live *l, int err)
{
    const int64_t now_us = mcu_now_us();
    pthread_mutex_lock(&l->lock);
    const int before = l->status.error;
    const bool is_first = l->failing_since_us == 0;
    l->status.error = err;
    l->status.retries++;
    pthread_mutex_unlock(&l->lock);
    if (is_first)
        l->failing_since_us = now_us;
    if (is_first || before != err)
        log_warn("push %s to %s: %s", l->name, l->parts.masked, rec_live_error_text(err));
    return !l->conf.give_up_us || now_us - l->failing_since_us < l->conf.give_up_us;
}

static void *run(void *arg)
{
    struct rec_live *l = arg;
    l->pause_us = FIRST_PAUSE_US;
    while (!is_stopping(l)) {
        const int64_t begun_us = mcu_now_us();
        const int err = attempt(l);
        if (is_stopping(l))
            break;
        if (!note_failure(l, err)) {
            log_error("push %s to %s: given up", l->name, l->parts.masked);
            set_state(l, REC_LIVE_FAILED);
            wait_for_stop(l);
            break;
        }
        set_state(l, REC_LIVE_RETRYING);
        pause_until(l, begun_us + l->pause_us);
        l->pause_us = l->pause_us * 2 < MAX_PAUSE_US ? l->pause_us * 2 : MAX_PAUSE_US;
    }
    set_state(l, REC_LIVE_ENDED);
    return NULL;
}

/* --- [ctl] ------------------------------------------------------------------------------------ */

static bool is_valid(const struct rec_live_conf *c)
{
    return c->width > 0 && c->width <= SIDE_MAX && c->height > 0 && c->height <= SIDE_MAX &&
           c->channels >= 1 && c->channels <= 2 && c->audio_config && c->audio_config_size >= 2 &&
           c->audio_config_size <= AUDIO_CONFIG_MAX && c->connect_us > 0 && c->stall_us > 0;
}

static int copy_conf(struct rec_live *l, const struct rec_live_conf *conf)
{
    l->conf = *conf;
    l->name = strdup(conf->name);
    l->url = strdup(conf->url);
    l->ca_file = strdup(conf->ca_file);
    if (!l->name || !l->url || !l->ca_file)
        return -ENOMEM;
    memcpy(l->audio_config, conf->audio_config, conf->audio_config_size);
    l->conf.name = l->name;
    l->conf.url = l->url;
    l->conf.ca_file = l->ca_file;
    l->conf.audio_config = l->audio_config;
    l->conf.policy.user_timeout_ms = (uint32_t)(conf->stall_us / MCU_US_PER_MS);
    return 0;
}

static void release(struct rec_live *l)
{
    rec_backlog_destroy(l->backlog);
    pthread_cond_destroy(&l->stopping);
    pthread_mutex_destroy(&l->lock);
    if (l->url)
        explicit_bzero(l->url, strlen(l->url));
    free(l->url);
    free(l->name);
    free(l->ca_file);
    free(l);
}

static void init_locks(struct rec_live *l)
{
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&l->stopping, &attr);
    pthread_condattr_destroy(&attr);
}

int rec_live_start(struct rec_live **out, const struct rec_live_conf *conf)
{
    const char *why;
    struct guard_url parts;
    if (!is_valid(conf) || guard_parse_url(&parts, conf->url, GUARD_PUSH, &why))
        return -EINVAL;
    struct rec_live *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    init_locks(l);
    l->parts = parts;
    l->status.since_us = mcu_now_us();
    atomic_store(&l->deadline.end_us, INT64_MAX);
    const struct rec_backlog_conf backlog = {.packets_max = PACKETS_MAX,
                                             .bytes_max = REC_LIVE_BYTES_MAX,
                                             .lag_max_us = LAG_MAX_US,
                                             .has_video = true};
    int err = copy_conf(l, conf);
    if (!err)
        err = rec_backlog_create(&l->backlog, &backlog);
    if (!err)
        err = mcu_thread_start(&l->thread, "push", run, l);
    if (err) {
        release(l);
        return err;
    }
    *out = l;
    return 0;
}

int rec_live_push_video(struct rec_live *l, struct mcu_packet *packet)
{
    return rec_backlog_put(l->backlog, packet, MCU_VIDEO);
}

int rec_live_push_audio(struct rec_live *l, struct mcu_packet *packet)
{
    return rec_backlog_put(l->backlog, packet, MCU_AUDIO);
}

void rec_live_read(struct rec_live *l, struct rec_live_status *out)
{
    pthread_mutex_lock(&l->lock);
    *out = l->status;
    pthread_mutex_unlock(&l->lock);
    out->dropped = rec_backlog_dropped(l->backlog);
}

void rec_live_stop(struct rec_live *l)
{
    pthread_mutex_lock(&l->lock);
    const bool is_first = !l->is_stopping;
    l->is_stopping = true;
    pthread_cond_broadcast(&l->stopping);
    pthread_mutex_unlock(&l->lock);
    if (is_first)
        atomic_store(&l->deadline.end_us, mcu_now_us() + STOP_US);
    rec_backlog_wake(l->backlog);
}

void rec_live_destroy(struct rec_live *l)
{
    if (!l)
        return;
    rec_live_stop(l);
    pthread_join(l->thread, NULL);
    release(l);
}
