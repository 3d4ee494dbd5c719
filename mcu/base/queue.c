/* The bounded queue: a ring under a mutex, with a condition for blocking takers and an eventfd for
 * polling ones. */
#include "mcu/base/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "mcu/base/clock.h"

struct mcu_queue {
    int event_fd;
    size_t capacity;

    pthread_mutex_t lock; /* protects all below */
    pthread_cond_t filled;
    void **items;
    size_t first;
    size_t length;
    uint64_t refused;
    bool is_closed;
};

int mcu_queue_create(struct mcu_queue **out, size_t capacity)
{
    if (capacity == 0 || capacity > SIZE_MAX / sizeof(void *))
        return -EINVAL;
    struct mcu_queue *q = calloc(1, sizeof(*q));
    if (!q)
        return -ENOMEM;
    q->items = calloc(capacity, sizeof(*q->items));
    if (!q->items) {
        free(q);
        return -ENOMEM;
    }
    q->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (q->event_fd < 0) {
        const int err = -errno;
        free(q->items);
        free(q);
        return err;
    }
    q->capacity = capacity;
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&q->filled, &attr);
    pthread_condattr_destroy(&attr);
    *out = q;
    return 0;
}

void mcu_queue_destroy(struct mcu_queue *q, void (*drop)(void *item))
{
    if (!q)
        return;
    for (void *item; drop && (item = mcu_queue_try_take(q));)
        drop(item);
    close(q->event_fd);
    pthread_cond_destroy(&q->filled);
    pthread_mutex_destroy(&q->lock);
    free(q->items);
    free(q);
}

int mcu_queue_put(struct mcu_queue *q, void *item)
{
    int err = 0;
    bool was_empty = false;
    pthread_mutex_lock(&q->lock);
    if (q->is_closed) {
        err = -EPIPE;
    } else if (q->length == q->capacity) {
        q->refused++;
        err = -ENOBUFS;
    } else {
        was_empty = q->length == 0;
        q->items[(q->first + q->length) % q->capacity] = item;
        q->length++;
        pthread_cond_signal(&q->filled);
    }
    pthread_mutex_unlock(&q->lock);
    /* A taker that polls reads the eventfd before it empties the ring, so only the put that fills
     * an empty ring needs to wake it. */
    if (was_empty)
        eventfd_write(q->event_fd, 1);
    return err;
}

static void *take_locked(struct mcu_queue *q)
{
    if (q->length == 0)
        return NULL;
    void *item = q->items[q->first];
    q->first = (q->first + 1) % q->capacity;
    q->length--;
    return item;
}

void *mcu_queue_try_take(struct mcu_queue *q)
{
    pthread_mutex_lock(&q->lock);
    void *item = take_locked(q);
    pthread_mutex_unlock(&q->lock);
    return item;
}

void *mcu_queue_take(struct mcu_queue *q, int64_t timeout_us)
{
    const int64_t deadline_us = mcu_now_us() + timeout_us;
    const struct timespec ts = {
        .tv_sec = (time_t)(deadline_us / MCU_US_PER_S),
        .tv_nsec = (long)(deadline_us % MCU_US_PER_S) * 1000,
    };
    pthread_mutex_lock(&q->lock);
    int err = 0;
    while (q->length == 0 && !q->is_closed && err == 0) {
        if (timeout_us < 0)
            err = pthread_cond_wait(&q->filled, &q->lock);
        else
            err = pthread_cond_timedwait(&q->filled, &q->lock, &ts);
    }
    void *item = take_locked(q);
    pthread_mutex_unlock(&q->lock);
    return item;
}

void mcu_queue_close(struct mcu_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->is_closed = true;
    pthread_cond_broadcast(&q->filled);
    pthread_mutex_unlock(&q->lock);
    eventfd_write(q->event_fd, 1);
}

int mcu_queue_fd(const struct mcu_queue *q)
{
    return q->event_fd;
}

size_t mcu_queue_length(struct mcu_queue *q)
{
    pthread_mutex_lock(&q->lock);
    const size_t n = q->length;
    pthread_mutex_unlock(&q->lock);
    return n;
}

uint64_t mcu_queue_refused(struct mcu_queue *q)
{
    pthread_mutex_lock(&q->lock);
    const uint64_t n = q->refused;
    pthread_mutex_unlock(&q->lock);
    return n;
}
