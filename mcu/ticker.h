/* mcu/ticker.h - a thread that calls a function at absolute deadlines of the monotonic clock.
 *
 * Tick k is due at start + k * period, whatever earlier ticks took; the function gets the due time,
 * so what it stamps is evenly spaced. Late ticks are counted and made up for one after the other;
 * a ticker that is more than skip_after_us behind leaves out whole periods, and counts them.
 * priority asks for SCHED_RR at that level; where it is not granted the thread runs as others do. */
#ifndef MCU_TICKER_H
#define MCU_TICKER_H

#include <stdint.h>

struct mcu_ticker;

struct mcu_ticker_conf {
    const char *name;      /* of the thread */
    uint32_t ticks;        /* this many ticks ... */
    int64_t per_us;        /* ... in this time: 30 in 1000000 */
    int64_t late_us;       /* a tick that starts later than this counts as late */
    int64_t skip_after_us; /* see above */
    int priority;          /* 0: none; 1..99 */
    void (*tick)(void *ctx, int64_t due_us);
    void *ctx;
};

struct mcu_ticker_stats {
    uint64_t ticks;
    uint64_t late;
    uint64_t skipped;
    int64_t max_late_us; /* since the last read */
    int64_t max_busy_us; /* the longest tick since the last read */
};

/* [ctl] Starts the thread; the first tick is due at once. Returns 0, -ENOMEM or what
 * mcu_thread_start() does. */
int mcu_ticker_start(struct mcu_ticker **out, const struct mcu_ticker_conf *conf);

/* [ctl] Waits for the tick that runs, ends the thread, frees. NULL is fine. */
void mcu_ticker_stop(struct mcu_ticker *t);

/* [any] The counters only; the maxima stay as they are. */
void mcu_ticker_read_counts(struct mcu_ticker *t, struct mcu_ticker_stats *stats);

/* [any] Reads the counters; the maxima start again. */
void mcu_ticker_read_stats(struct mcu_ticker *t, struct mcu_ticker_stats *stats);

#endif
