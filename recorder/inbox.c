/* A ring of packets under one mutex, bounded in packets and in bytes. */
#include "recorder/inbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "mcu/base/clock.h"

struct rec_inbox {
    struct rec_inbox_conf conf;

    pthread_mutex_t lock; /* protects all below */
    pthread_cond_t filled;
    pthread_cond_t drained;
    struct rec_inbox_item *items;
    size_t first;
    size_t length;
    size_t bytes;
    uint64_t dropped;
    bool needs_key; /* video was lost; only a key frame may follow */
    bool is_woken;
    bool is_closed;
};

int rec_inbox_create(struct rec_inbox **out, const struct rec_inbox_conf *conf)
{
    if (conf->packets_max == 0 || conf->packets_max > 65536 || conf->bytes_max == 0)
        return -EINVAL;
    struct rec_inbox *b = calloc(1, sizeof(*b));
    if (!b)
        return -ENOMEM;
    b->conf = *conf;
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
    pthread_cond_init(&b->drained, &attr);
    pthread_condattr_destroy(&attr);
    *out = b;
    return 0;
}

static struct rec_inbox_item take_locked(struct rec_inbox *b)
{
    const struct rec_inbox_item item = b->items[b->first];
    b->first = (b->first + 1) % b->conf.packets_max;
    b->length--;
    b->bytes -= item.packet->size;
    return item;
}

static void empty_locked(struct rec_inbox *b)
{
    while (b->length > 0)
        mcu_packet_unref(take_locked(b).packet);
}

void rec_inbox_destroy(struct rec_inbox *b)
{
    if (!b)
        return;
    empty_locked(b);
    pthread_cond_destroy(&b->drained);
    pthread_cond_destroy(&b->filled);
    pthread_mutex_destroy(&b->lock);
    free(b->items);
    free(b);
}

static bool has_room_locked(const struct rec_inbox *b, size_t size)
{
    if (b->length == 0)
        return true;
    return b->length < b->conf.packets_max && size <= b->conf.bytes_max &&
           b->bytes <= b->conf.bytes_max - size;
}

static int put_locked(struct rec_inbox *b, struct mcu_packet *packet, enum mcu_kind kind)
{
    while (b->conf.may_block && !b->is_closed && !has_room_locked(b, packet->size))
        pthread_cond_wait(&b->drained, &b->lock);
    if (b->is_closed)
        return -EPIPE;
    const bool is_video = kind == MCU_VIDEO;
    if ((is_video && b->needs_key && !packet->is_key) || !has_room_locked(b, packet->size)) {
        b->needs_key |= is_video;
        b->dropped++;
        return -ENOBUFS;
    }
    if (is_video)
        b->needs_key = false;
    b->items[(b->first + b->length) % b->conf.packets_max] =
        (struct rec_inbox_item){.packet = mcu_packet_ref(packet), .kind = kind};
    b->length++;
    b->bytes += packet->size;
    pthread_cond_signal(&b->filled);
    return 0;
}

int rec_inbox_put(struct rec_inbox *b, struct mcu_packet *packet, enum mcu_kind kind)
{
    pthread_mutex_lock(&b->lock);
    const int err = put_locked(b, packet, kind);
    pthread_mutex_unlock(&b->lock);
    return err;
}

static void wait_locked(struct rec_inbox *b, int64_t timeout_us)
{
    const int64_t deadline_us = timeout_us < 0 ? 0 : mcu_now_us() + timeout_us;
    const struct timespec ts = {
        .tv_sec = (time_t)(deadline_us / MCU_US_PER_S),
        .tv_nsec = (long)(deadline_us % MCU_US_PER_S) * 1000,
    };
    int err = 0;
    while (b->length == 0 && !b->is_woken && err == 0) {
        if (timeout_us < 0)
            err = pthread_cond_wait(&b->filled, &b->lock);
        else
            err = pthread_cond_timedwait(&b->filled, &b->lock, &ts);
    }
}

bool rec_inbox_take(struct rec_inbox *b, struct rec_inbox_item *item, int64_t timeout_us)
{
    pthread_mutex_lock(&b->lock);
    wait_locked(b, timeout_us);
    const bool has_item = b->length > 0;
    if (has_item) {
        *item = take_locked(b);
        pthread_cond_broadcast(&b->drained);
    } else {
        b->is_woken = false;
    }
    pthread_mutex_unlock(&b->lock);
    return has_item;
}

void rec_inbox_wake(struct rec_inbox *b)
{
    pthread_mutex_lock(&b->lock);
    b->is_woken = true;
    pthread_cond_broadcast(&b->filled);
    pthread_mutex_unlock(&b->lock);
}

void rec_inbox_close(struct rec_inbox *b)
{
    pthread_mutex_lock(&b->lock);
    b->is_closed = true;
    b->is_woken = true;
    empty_locked(b);
    pthread_cond_broadcast(&b->filled);
    pthread_cond_broadcast(&b->drained);
    pthread_mutex_unlock(&b->lock);
}

uint64_t rec_inbox_dropped(struct rec_inbox *b)
{
    pthread_mutex_lock(&b->lock);
    const uint64_t n = b->dropped;
    pthread_mutex_unlock(&b->lock);
    return n;
}
