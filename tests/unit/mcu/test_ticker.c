/* mcu/ticker: absolute deadlines, catching up, leaving out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "mcu/base/clock.h"
#include "mcu/ticker.h"

enum { SEEN_MAX = 64 };

struct seen {
    int64_t due_us[SEEN_MAX];
    atomic_int count;
    int64_t sleep_us; /* what the third tick takes */
};

static void on_tick(void *ctx, int64_t due_us)
{
    struct seen *s = ctx;
    const int n = atomic_load(&s->count);
    if (n == 2 && s->sleep_us)
        mcu_sleep_until_us(mcu_now_us() + s->sleep_us);
    if (n < SEEN_MAX) {
        s->due_us[n] = due_us;
        atomic_store(&s->count, n + 1);
    }
}

static struct mcu_ticker *start(struct seen *s, int64_t skip_after_us)
{
    const struct mcu_ticker_conf conf = {
        .name = "test",
        .ticks = 300,
        .per_us = MCU_US_PER_S,
        .late_us = 2000,
        .skip_after_us = skip_after_us,
        .tick = on_tick,
        .ctx = s,
    };
    struct mcu_ticker *t = NULL;
    assert_int_equal(mcu_ticker_start(&t, &conf), 0);
    while (atomic_load(&s->count) < 40)
        mcu_sleep_until_us(mcu_now_us() + 1000);
    return t;
}

static void due_times_are_evenly_spaced(void **state)
{
    (void)state;
    struct seen s = {0};
    struct mcu_ticker *t = start(&s, 60 * MCU_US_PER_S);
    mcu_ticker_stop(t);
    for (int i = 1; i < 40; i++) {
        /* 1/300 s is no whole number of microseconds: the error must not add up. */
        const int64_t wanted_us = i * MCU_US_PER_S / 300;
        assert_true(llabs(s.due_us[i] - s.due_us[0] - wanted_us) <= 1);
    }
}

static void a_slow_tick_is_caught_up_without_losing_any(void **state)
{
    (void)state;
    struct seen s = {.sleep_us = 30000};
    struct mcu_ticker *t = start(&s, 60 * MCU_US_PER_S);
    struct mcu_ticker_stats stats;
    mcu_ticker_read_stats(t, &stats);
    mcu_ticker_stop(t);
    for (int i = 1; i < 40; i++)
        assert_true(s.due_us[i] - s.due_us[i - 1] <= 3334);
    assert_int_equal(stats.skipped, 0);
    assert_true(stats.late >= 1);
    assert_true(stats.max_busy_us >= 30000);
    assert_true(stats.max_late_us >= 20000);
}

static void a_ticker_far_behind_leaves_ticks_out(void **state)
{
    (void)state;
    struct seen s = {.sleep_us = 50000};
    struct mcu_ticker *t = start(&s, 10000);
    struct mcu_ticker_stats stats;
    mcu_ticker_read_stats(t, &stats);
    mcu_ticker_stop(t);
    assert_true(stats.skipped >= 10);
    const int64_t gap_us = s.due_us[3] - s.due_us[2];
    assert_true(gap_us >= 40000);
    /* Still on the grid of the first tick. */
    const int64_t since_us = s.due_us[3] - s.due_us[0];
    const int64_t nearest = (since_us * 300 + MCU_US_PER_S / 2) / MCU_US_PER_S;
    assert_true(llabs(since_us - nearest * MCU_US_PER_S / 300) <= 1);
}

static void stopping_null_is_fine(void **state)
{
    (void)state;
    mcu_ticker_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(due_times_are_evenly_spaced),
        cmocka_unit_test(a_slow_tick_is_caught_up_without_losing_any),
        cmocka_unit_test(a_ticker_far_behind_leaves_ticks_out),
        cmocka_unit_test(stopping_null_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
