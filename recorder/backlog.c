/* A ring of packets under one mutex. `key` is how far from its head the newest key frame lies. */
#include "recorder/backlog.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "mcu/base/clock.h"

enum { PACKETS_MAX = 65536, NO_KEY = -1 };

struct rec_backlog {
    struct rec_backlog_conf conf;

    pthread_mutex_t lock; /* protects all below */
    pthread_cond_t filled;
    struct rec_inbox_item *items;
    size_t first;
    size_t length;
    size_t bytes;
    ptrdiff_t key; /* of the newest key frame, from first; NO_KEY: none is inside */
    uint64_t dropped;
    bool needs_key; /* only a key frame may follow */
    bool is_taken;
    bool is_woken;
};

int rec_backlog_create(struct rec_backlog **out, const struct rec_backlog_conf *conf)
{
    if (conf->packets_max == 0 || conf->packets_max > PACKETS_MAX || conf->bytes_max == 0 ||
        conf->lag_max_us <= 0)
        return -EINVAL;
    struct rec_backlog *b = calloc(1, sizeof(*b));
    if (!b)
        return -ENOMEM;
    b->conf = *conf;
    b->key = NO_KEY;
    b->needs_key = true;
    b->items = calloc(conf->packets_max, sizeof(*b->items));
    if (!b->items) {
        free(b);
        return -ENOMEM;
    }
    pthread_mutex_init(&b->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&b->filled, &attr);
    pthread_condattr_destroy(&attr);
    *out = b;
    return 0;
}

static struct rec_inbox_item take_locked(struct rec_backlog *b)
{
    const struct rec_inbox_item item = b->items[b->first];
    b->first = (b->first + 1) % b->conf.packets_max;
    b->length--;
    b->bytes -= item.packet->size;
    if (b->key != NO_KEY)
        b->key--; /* NO_KEY after 0 */
    return item;
}

static void drop_locked(struct rec_backlog *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mcu_packet_unref(take_locked(b).packet);
    b->dropped += b->is_taken ? count : 0;
}

void rec_backlog_destroy(struct rec_backlog *b)
{
    if (!b)
        return;
    drop_locked(b, b->length);
    pthread_cond_destroy(&b->filled);
    pthread_mutex_destroy(&b->lock);
    free(b->items);
    free(b);
}

static bool is_beginning(const struct rec_backlog *b, const struct mcu_packet *p,
                         enum mcu_kind kind)
{
    return kind == MCU_VIDEO ? p->is_key : !b->conf.has_video;
}

static bool is_too_much(const struct rec_backlog *b, const struct mcu_packet *next)
{
    if (b->length == 0)
        return false;
    return b->length == b->conf.packets_max || b->bytes + next->size > b->conf.bytes_max ||
           next->pts_us - b->items[b->first].packet->pts_us > b->conf.lag_max_us;
}

/* Up to the newest key frame, or all where that is the oldest packet already. */
static void give_way(struct rec_backlog *b)
{
    if (b->key > 0) {
        drop_locked(b, (size_t)b->key);
        return;
    }
    drop_locked(b, b->length);
    b->needs_key = true;
}

static int put_locked(struct rec_backlog *b, struct mcu_packet *packet, enum mcu_kind kind)
{
    const bool begins = is_beginning(b, packet, kind);
    if (begins && !b->is_taken)
        drop_locked(b, b->length);
    if (begins)
        b->needs_key = false;
    while (is_too_much(b, packet))
        give_way(b);
    if (b->needs_key && !begins) {
        b->dropped += b->is_taken;
        return kind == MCU_VIDEO ? -ENOBUFS : 0;
    }
    if (begins) {
        b->needs_key = false; /* giving way may have asked for it */
        b->key = (ptrdiff_t)b->length;
    }
    b->items[(b->first + b->length) % b->conf.packets_max] =
        (struct rec_inbox_item){.packet = mcu_packet_ref(packet), .kind = kind};
    b->length++;
    b->bytes += packet->size;
    pthread_cond_signal(&b->filled);
    return 0;
}

int rec_backlog_put(struct rec_backlog *b, struct mcu_packet *packet, enum mcu_kind kind)
{
    if (packet->size > b->conf.bytes_max)
        return -ENOBUFS;
    pthread_mutex_lock(&b->lock);
    const int err = put_locked(b, packet, kind);
    pthread_mutex_unlock(&b->lock);
    return err;
}

void rec_backlog_begin(struct rec_backlog *b)
{
    pthread_mutex_lock(&b->lock);
    drop_locked(b, b->key > 0 ? (size_t)b->key : 0);
    b->is_taken = true;
    pthread_mutex_unlock(&b->lock);
}

void rec_backlog_end(struct rec_backlog *b)
{
    pthread_mutex_lock(&b->lock);
    b->is_taken = false;
    if (b->key == NO_KEY) { /* its key frame is gone: what is left cannot be begun with */
        drop_locked(b, b->length);
        b->needs_key = true;
    }
    pthread_mutex_unlock(&b->lock);
}

static void wait_locked(struct rec_backlog *b, int64_t timeout_us)
{
    const int64_t deadline_us = mcu_now_us() + timeout_us;
    const struct timespec ts = {
        .tv_sec = (time_t)(deadline_us / MCU_US_PER_S),
        .tv_nsec = (long)(deadline_us % MCU_US_PER_S) * 1000,
    };
    int err = 0;
    while (b->length == 0 && !b->is_woken && err == 0)
        err = pthread_cond_timedwait(&b->filled, &b->lock, &ts);
}

bool rec_backlog_take(struct rec_backlog *b, struct rec_inbox_item *item, int64_t timeout_us)
{
    pthread_mutex_lock(&b->lock);
    wait_locked(b, timeout_us);
    const bool has_item = b->length > 0;
    if (has_item)
        *item = take_locked(b);
    else
        b->is_woken = false;
    pthread_mutex_unlock(&b->lock);
    return has_item;
}

void rec_backlog_wake(struct rec_backlog *b)
{
    pthread_mutex_lock(&b->lock);
    b->is_woken = true;
    pthread_cond_broadcast(&b->filled);
    pthread_mutex_unlock(&b->lock);
}

uint64_t rec_backlog_dropped(struct rec_backlog *b)
{
    pthread_mutex_lock(&b->lock);
    const uint64_t n = b->dropped;
    pthread_mutex_unlock(&b->lock);
    return n;
}
