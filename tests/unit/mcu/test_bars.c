/* A network in bars: which figures cost which, and that what is shown does not flicker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mcu/bars.h"
#include "mcu/base/clock.h"

#define SECOND MCU_US_PER_S

static void the_worst_figure_counts(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct mcu_network n;
        int bars;
    } rows[] = {
        {"calm", {.rtt_us = 40000, .jitter_us = 3000}, 5},
        {"nothing known", {.rtt_us = -1}, 5},
        {"just not fifth by loss in", {.loss_in_permille = 10}, 4},
        {"just fifth by loss in", {.loss_in_permille = 9}, 5},
        {"by loss out", {.loss_out_permille = 30}, 3},
        {"by round trip", {.rtt_us = 400000}, 2},
        {"by jitter", {.jitter_us = 200000}, 1},
        {"by what is made up", {.concealed_permille = 60}, 2},
        {"half is lost", {.loss_in_permille = 500, .rtt_us = 10}, 1},
        {"silence", {.is_suspect = true}, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct mcu_network n = rows[i].n;
        n.is_connected = true;
        if (mcu_bars_of(&n) != rows[i].bars)
            fail_msg("%s: %d bars, not %d", rows[i].name, mcu_bars_of(&n), rows[i].bars);
        n.is_connected = false;
        assert_int_equal(mcu_bars_of(&n), 0);
    }
}

static void the_first_figures_are_shown_at_once(void **state)
{
    (void)state;
    struct mcu_bars b;
    mcu_bars_init(&b);
    assert_int_equal(b.shown, MCU_BARS_UNKNOWN);
    assert_int_equal(mcu_bars_follow(&b, 4, SECOND), 4);
    assert_false(mcu_bars_are_poor(&b, 100 * SECOND));
}

static void down_it_goes_after_two_seconds_and_up_by_steps(void **state)
{
    (void)state;
    struct mcu_bars b;
    int64_t now_us = SECOND;
    mcu_bars_init(&b);
    mcu_bars_follow(&b, 5, now_us);
    assert_int_equal(mcu_bars_follow(&b, 1, now_us += SECOND), 5);
    assert_int_equal(mcu_bars_follow(&b, 5, now_us += SECOND), 5); /* a hiccup */
    assert_int_equal(mcu_bars_follow(&b, 2, now_us += SECOND), 5);
    assert_int_equal(mcu_bars_follow(&b, 3, now_us += SECOND), 5);
    assert_int_equal(mcu_bars_follow(&b, 1, now_us += SECOND), 1);
    assert_int_equal(mcu_bars_follow(&b, 5, now_us += SECOND), 1);
    for (int bars = 1; bars < 5; bars++) {
        assert_int_equal(mcu_bars_follow(&b, 5, now_us += 3 * SECOND), bars);
        assert_int_equal(mcu_bars_follow(&b, 5, now_us += SECOND), bars + 1);
    }
}

static void who_is_gone_is_gone_at_once_and_back_at_once(void **state)
{
    (void)state;
    struct mcu_bars b;
    mcu_bars_init(&b);
    mcu_bars_follow(&b, 5, SECOND);
    assert_int_equal(mcu_bars_follow(&b, 0, SECOND + 1), 0);
    assert_int_equal(mcu_bars_follow(&b, 4, SECOND + 2), 1);
    assert_int_equal(mcu_bars_follow(&b, 4, SECOND + 3), 1);
}

static void poor_is_who_has_been_poor_for_three_seconds(void **state)
{
    (void)state;
    struct mcu_bars b;
    mcu_bars_init(&b);
    mcu_bars_follow(&b, 2, 10 * SECOND);
    assert_false(mcu_bars_are_poor(&b, 12 * SECOND));
    mcu_bars_follow(&b, 1, 11 * SECOND);
    mcu_bars_follow(&b, 1, 13 * SECOND); /* worse does not begin anew */
    assert_true(mcu_bars_are_poor(&b, 13 * SECOND));
    mcu_bars_follow(&b, 5, 14 * SECOND);
    mcu_bars_follow(&b, 5, 18 * SECOND);
    mcu_bars_follow(&b, 5, 22 * SECOND);
    assert_int_equal(b.shown, 3);
    assert_false(mcu_bars_are_poor(&b, 22 * SECOND));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worst_figure_counts),
        cmocka_unit_test(the_first_figures_are_shown_at_once),
        cmocka_unit_test(down_it_goes_after_two_seconds_and_up_by_steps),
        cmocka_unit_test(who_is_gone_is_gone_at_once_and_back_at_once),
        cmocka_unit_test(poor_is_who_has_been_poor_for_three_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
