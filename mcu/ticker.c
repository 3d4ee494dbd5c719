/* The ticker thread. */
#include "mcu/ticker.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "mcu/base/clock.h"
#include "mcu/base/thread.h"

struct mcu_ticker {
    struct mcu_ticker_conf conf;
    pthread_t thread;
    atomic_bool is_stopping;
    _Atomic uint64_t ticks;
    _Atomic uint64_t late;
    _Atomic uint64_t skipped;
    _Atomic int64_t max_late_us;
    _Atomic int64_t max_busy_us;
};

static void raise_to(_Atomic int64_t *max, int64_t value)
{
    if (value > atomic_load_explicit(max, memory_order_relaxed))
        atomic_store_explicit(max, value, memory_order_relaxed);
}

static int64_t due_us(const struct mcu_ticker *t, int64_t start_us, uint64_t tick)
{
    return start_us + (int64_t)(tick * (uint64_t)t->conf.per_us / t->conf.ticks);
}

/* How many ticks to leave out so that the next one is not in the past. */
static uint64_t ticks_behind(const struct mcu_ticker *t, int64_t behind_us)
{
    if (behind_us <= t->conf.skip_after_us)
        return 0;
    return (uint64_t)behind_us * t->conf.ticks / (uint64_t)t->conf.per_us;
}

static void *run(void *arg)
{
    struct mcu_ticker *t = arg;
    mcu_thread_ask_priority(t->conf.priority);
    const int64_t start_us = mcu_now_us();
    for (uint64_t tick = 0; !atomic_load(&t->is_stopping); tick++) {
        mcu_sleep_until_us(due_us(t, start_us, tick));
        const int64_t behind_us = mcu_now_us() - due_us(t, start_us, tick);
        const uint64_t skip = ticks_behind(t, behind_us);
        if (skip) {
            atomic_fetch_add(&t->skipped, skip);
            tick += skip;
        }
        if (behind_us > t->conf.late_us)
            atomic_fetch_add(&t->late, 1);
        raise_to(&t->max_late_us, behind_us);

        const int64_t before_us = mcu_now_us();
        t->conf.tick(t->conf.ctx, due_us(t, start_us, tick));
        raise_to(&t->max_busy_us, mcu_now_us() - before_us);
        atomic_fetch_add(&t->ticks, 1);
    }
    return NULL;
}

int mcu_ticker_start(struct mcu_ticker **out, const struct mcu_ticker_conf *conf)
{
    struct mcu_ticker *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->conf = *conf;
    const int err = mcu_thread_start(&t->thread, conf->name, run, t);
    if (err) {
        free(t);
        return err;
    }
    *out = t;
    return 0;
}

void mcu_ticker_stop(struct mcu_ticker *t)
{
    if (!t)
        return;
    atomic_store(&t->is_stopping, true);
    pthread_join(t->thread, NULL);
    free(t);
}

void mcu_ticker_read_counts(struct mcu_ticker *t, struct mcu_ticker_stats *stats)
{
    *stats = (struct mcu_ticker_stats){
        .ticks = atomic_load(&t->ticks),
        .late = atomic_load(&t->late),
        .skipped = atomic_load(&t->skipped),
    };
}

void mcu_ticker_read_stats(struct mcu_ticker *t, struct mcu_ticker_stats *stats)
{
    mcu_ticker_read_counts(t, stats);
    stats->max_late_us = atomic_exchange(&t->max_late_us, 0);
    stats->max_busy_us = atomic_exchange(&t->max_busy_us, 0);
}
