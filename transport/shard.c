/* A [net] thread; see shard.h.
 *
 * Three GLib sources: the item queue's eventfd, the eventfd of the calls, and a timer that is a
 * ready time only. Calls are on the list only while somebody waits for them, so the list is no
 * longer than there are callers; one that timed out before it began is taken off again by its
 * caller, so that fn never runs late on a stack that is gone. */
#include "transport/shard.h"

#include <errno.h>
#include <glib-unix.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/queue.h"
#include "mcu/base/thread.h"

enum {
    STOP_GRACE_US = 1000 * 1000,
    /* Below the audio ticks', above all that makes pictures: a mix in time is of no use to anybody
     * while the thread that carries it waits for encoders. */
    PRIORITY = 5,
};

enum call_state {
    CALL_WAITING,
    CALL_RUNNING,
    CALL_DONE,
};

struct call {
    int (*fn)(void *arg);
    void *arg;
    int result;
    enum call_state state;
    struct call *next;
};

struct rtc_shard {
    struct rtc_shard_hooks hooks;
    pthread_t thread;
    GMainContext *context;
    struct mcu_queue *queue;
    GSource *sources[3]; /* items, calls, timer */
    int calls_fd;

    /* [net] */
    int64_t due_us; /* -1: no tick wanted */
    unsigned holds;
    bool is_stopping;
    int64_t stop_by_us;

    pthread_mutex_t lock; /* protects the calls */
    pthread_cond_t done;
    struct call *first;
};

struct timer {
    GSource base;
    struct rtc_shard *shard;
};

static void clear_eventfd(int fd)
{
    eventfd_t count;
    eventfd_read(fd, &count); /* EAGAIN: nobody wrote, which is as good */
}

static gboolean on_items(gint fd, GIOCondition condition, gpointer data)
{
    (void)condition;
    struct rtc_shard *s = data;
    clear_eventfd(fd);
    const int64_t end_us = mcu_now_us() + RTC_SHARD_ITEMS_US;
    for (int n = 0; n < RTC_SHARD_ITEMS_PER_TURN && mcu_now_us() < end_us; n++) {
        void *item = mcu_queue_try_take(s->queue);
        if (!item)
            return G_SOURCE_CONTINUE;
        s->hooks.on_item(s->hooks.ctx, item);
    }
    eventfd_write(fd, 1); /* there may be more: the sockets first, then come again */
    return G_SOURCE_CONTINUE;
}

static struct call *take_call(struct rtc_shard *s)
{
    pthread_mutex_lock(&s->lock);
    struct call *c = s->first;
    if (c) {
        s->first = c->next;
        c->state = CALL_RUNNING;
    }
    pthread_mutex_unlock(&s->lock);
    return c;
}

static gboolean on_calls(gint fd, GIOCondition condition, gpointer data)
{
    (void)condition;
    struct rtc_shard *s = data;
    clear_eventfd(fd);
    for (struct call *c; (c = take_call(s));) {
        const int result = c->fn(c->arg);
        pthread_mutex_lock(&s->lock);
        c->result = result;
        c->state = CALL_DONE;
        pthread_cond_broadcast(&s->done);
        pthread_mutex_unlock(&s->lock);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean on_timer(GSource *base, GSourceFunc fn, gpointer data)
{
    (void)fn;
    (void)data;
    struct rtc_shard *s = ((struct timer *)base)->shard;
    const int64_t now_us = mcu_now_us();
    s->due_us = -1;
    g_source_set_ready_time(base, -1);
    const int64_t wait_us = s->hooks.on_tick(s->hooks.ctx, now_us);
    if (wait_us >= 0)
        rtc_shard_wake(s, now_us + wait_us);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs timer_funcs = {.dispatch = on_timer};

static void *run(void *arg)
{
    struct rtc_shard *s = arg;
    mcu_thread_ask_priority(PRIORITY);
    g_main_context_push_thread_default(s->context);
    while (!s->is_stopping || (s->holds > 0 && mcu_now_us() < s->stop_by_us)) {
        g_main_context_iteration(s->context, TRUE);
        s->hooks.on_turn(s->hooks.ctx);
    }
    g_main_context_pop_thread_default(s->context);
    return NULL;
}

static GSource *watch_fd(struct rtc_shard *s, int fd, GUnixFDSourceFunc fn, int priority)
{
    GSource *source = g_unix_fd_source_new(fd, G_IO_IN);
    g_source_set_callback(source, G_SOURCE_FUNC(fn), s, NULL);
    g_source_set_priority(source, priority);
    g_source_attach(source, s->context);
    return source;
}

static void attach_sources(struct rtc_shard *s)
{
    s->context = g_main_context_new();
    s->sources[0] = watch_fd(s, mcu_queue_fd(s->queue), on_items, G_PRIORITY_DEFAULT);
    s->sources[1] = watch_fd(s, s->calls_fd, on_calls, G_PRIORITY_DEFAULT);
    struct timer *timer = (struct timer *)g_source_new(&timer_funcs, sizeof(*timer));
    timer->shard = s;
    s->sources[2] = &timer->base;
    g_source_attach(s->sources[2], s->context);
}

static void free_shard(struct rtc_shard *s)
{
    for (size_t i = 0; i < 3; i++) {
        if (!s->sources[i])
            continue;
        g_source_destroy(s->sources[i]);
        g_source_unref(s->sources[i]);
    }
    if (s->context)
        g_main_context_unref(s->context);
    mcu_queue_destroy(s->queue, s->hooks.drop_item);
    if (s->calls_fd >= 0)
        close(s->calls_fd);
    pthread_cond_destroy(&s->done);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int rtc_shard_start(struct rtc_shard **out, unsigned index, const struct rtc_shard_hooks *hooks)
{
    struct rtc_shard *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->hooks = *hooks;
    s->due_us = -1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->done, &attr);
    pthread_condattr_destroy(&attr);

    int err = 0;
    s->calls_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->calls_fd < 0)
        err = -errno;
    if (!err)
        err = mcu_queue_create(&s->queue, RTC_SHARD_QUEUE_ITEMS);
    if (err)
        goto fail;
    attach_sources(s);
    char name[16];
    snprintf(name, sizeof(name), "net-%u", index % 1000);
    err = mcu_thread_start(&s->thread, name, run, s);
    if (err)
        goto fail;
    *out = s;
    return 0;

fail:
    free_shard(s);
    return err;
}

static int begin_stop(void *arg)
{
    struct rtc_shard *s = arg;
    s->is_stopping = true;
    s->stop_by_us = mcu_now_us() + STOP_GRACE_US;
    rtc_shard_wake(s, s->stop_by_us);
    return 0;
}

void rtc_shard_stop(struct rtc_shard *s)
{
    if (!s)
        return;
    rtc_shard_call(s, begin_stop, s, -1);
    pthread_join(s->thread, NULL);
    free_shard(s);
}

static void append_call(struct rtc_shard *s, struct call *c)
{
    struct call **at = &s->first;
    while (*at)
        at = &(*at)->next;
    *at = c;
}

static void remove_call(struct rtc_shard *s, const struct call *c)
{
    struct call **at = &s->first;
    while (*at && *at != c)
        at = &(*at)->next;
    if (*at)
        *at = c->next;
}

int rtc_shard_call(struct rtc_shard *s, int (*fn)(void *arg), void *arg, int64_t timeout_us)
{
    struct call c = {.fn = fn, .arg = arg, .result = -ETIMEDOUT};
    const int64_t by_us = mcu_now_us() + timeout_us;
    const struct timespec ts = {.tv_sec = (time_t)(by_us / MCU_US_PER_S),
                                .tv_nsec = (long)(by_us % MCU_US_PER_S) * 1000};
    pthread_mutex_lock(&s->lock);
    append_call(s, &c);
    eventfd_write(s->calls_fd, 1);
    int late = 0;
    while (c.state != CALL_DONE && !(late && c.state == CALL_WAITING)) {
        if (timeout_us < 0 || c.state == CALL_RUNNING)
            pthread_cond_wait(&s->done, &s->lock);
        else
            late = pthread_cond_timedwait(&s->done, &s->lock, &ts);
    }
    if (c.state == CALL_WAITING)
        remove_call(s, &c);
    pthread_mutex_unlock(&s->lock);
    return c.result;
}

int rtc_shard_put(struct rtc_shard *s, void *item)
{
    return mcu_queue_put(s->queue, item);
}

GMainContext *rtc_shard_context(struct rtc_shard *s)
{
    return s->context;
}

void rtc_shard_wake(struct rtc_shard *s, int64_t due_us)
{
    if (s->due_us >= 0 && s->due_us <= due_us)
        return;
    s->due_us = due_us;
    g_source_set_ready_time(s->sources[2], due_us); /* g_get_monotonic_time() is our clock too */
}

void rtc_shard_hold(struct rtc_shard *s)
{
    s->holds++;
}

void rtc_shard_release(struct rtc_shard *s)
{
    if (s->holds > 0)
        s->holds--;
}
