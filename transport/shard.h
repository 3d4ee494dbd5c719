/* transport/shard.h - one [net] thread: a GLib main context, a queue of items, a timer.
 *
 * libnice agents live on the context. Others reach the thread in two ways: rtc_shard_call() runs a
 * function on it and waits, rtc_shard_put() hands it an item and does not. */
#ifndef TRANSPORT_SHARD_H
#define TRANSPORT_SHARD_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

struct rtc_shard; /* opaque */

enum {
    RTC_SHARD_QUEUE_ITEMS = 512,
    RTC_SHARD_ITEMS_PER_TURN = 64, /* then sockets get their turn; or when so much time is over, */
    RTC_SHARD_ITEMS_US = 5 * 1000, /* since one item may be a thousand packets */
    RTC_SHARD_CALL_US = 10 * 1000 * 1000,
};

struct rtc_shard_hooks {
    void *ctx;
    void (*on_item)(void *ctx, void *item); /* takes it over */
    void (*drop_item)(void *item);          /* one that was left at the end */
    /* Called when due; returns the microseconds until it wants to be called again, or -1: when
     * rtc_shard_wake() says so. */
    int64_t (*on_tick)(void *ctx, int64_t now_us);
    /* At the end of each turn of the loop, after all that was ready: what was gathered goes out. */
    void (*on_turn)(void *ctx);
};

/* [ctl] Starts the thread, called "net-<index>". The caller owns *out. Returns 0 or a negative
 * errno. */
int rtc_shard_start(struct rtc_shard **out, unsigned index, const struct rtc_shard_hooks *hooks);

/* [ctl] Ends the thread; the context runs until rtc_shard_release() was called for every
 * rtc_shard_hold(), for a second at most. NULL is fine. */
void rtc_shard_stop(struct rtc_shard *s);

/* [any but net] Runs fn(arg) on the thread and returns what it returns. -ETIMEDOUT: the thread did
 * not come to it within timeout_us, and fn will not run (negative: waits without limit). */
int rtc_shard_call(struct rtc_shard *s, int (*fn)(void *arg), void *arg, int64_t timeout_us);

/* [any] Queues an item for on_item(). Returns 0, or -ENOBUFS: full, the item stays the caller's. */
int rtc_shard_put(struct rtc_shard *s, void *item);

/* [net] */
GMainContext *rtc_shard_context(struct rtc_shard *s);

/* [net] on_tick() is called at due_us, or earlier if it was due earlier. */
void rtc_shard_wake(struct rtc_shard *s, int64_t due_us);

/* [net] Something on the context (an agent that is closing) has to end before the thread may. */
void rtc_shard_hold(struct rtc_shard *s);
void rtc_shard_release(struct rtc_shard *s);

#endif
