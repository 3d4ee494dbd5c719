/* Whether one more fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mcu/admission.h"

#define S INT64_C(1000000)

struct room {
    struct mcu_load l;
    uint64_t cpu_us, ticks, late;
    int64_t now_us;
};

/* Two seconds in which the room used so many cores. */
static void measure(struct room *r, double cores, uint64_t late)
{
    r->now_us += 2 * S;
    r->cpu_us += (uint64_t)(cores * 2 * S);
    r->ticks += 200;
    r->late += late;
    mcu_load_measure(&r->l, r->cpu_us, r->ticks, r->late, r->now_us);
}

static struct room fresh(uint32_t publishers)
{
    struct room r = {.now_us = 1000 * S};
    mcu_load_add(&r.l, MCU_LOAD_ROOM);
    for (uint32_t i = 0; i < publishers; i++)
        mcu_load_add(&r.l, MCU_LOAD_PUBLISHER);
    return r;
}

static void before_anything_is_measured_the_usual_costs_hold(void **state)
{
    (void)state;
    struct room r = fresh(16);
    assert_true(mcu_load_cores(&r.l) > 0.40 && mcu_load_cores(&r.l) < 0.50);
    assert_true(mcu_load_cost(&r.l, MCU_LOAD_VIEWER) < mcu_load_cost(&r.l, MCU_LOAD_PUBLISHER));
    assert_true(mcu_load_cost(&r.l, MCU_LOAD_PUBLISHER) < mcu_load_cost(&r.l, MCU_LOAD_VIEW));
}

static void measuring_takes_the_place_of_expecting(void **state)
{
    (void)state;
    struct room r = fresh(16);
    for (int i = 0; i < 10; i++)
        measure(&r, 0.9, 0);
    assert_true(mcu_load_cores(&r.l) > 0.89 && mcu_load_cores(&r.l) < 0.91);
    /* Twice as dear as expected: so is the next one. */
    assert_true(mcu_load_cost(&r.l, MCU_LOAD_PUBLISHER) > 1.8 * 0.016);
    assert_true(mcu_load_cost(&r.l, MCU_LOAD_PUBLISHER) < 2.2 * 0.016);
}

static void who_was_let_in_just_now_counts_before_it_is_measured(void **state)
{
    (void)state;
    struct room r = fresh(0);
    for (int i = 0; i < 5; i++)
        measure(&r, 0.2, 0);
    const double before = mcu_load_cores(&r.l);
    for (int i = 0; i < 10; i++)
        mcu_load_add(&r.l, MCU_LOAD_PUBLISHER);
    assert_true(mcu_load_cores(&r.l) > before + 0.15);
    measure(&r, 0.2, 0); /* they are still connecting */
    assert_true(mcu_load_cores(&r.l) > before + 0.15);
    measure(&r, 0.36, 0);
    measure(&r, 0.36, 0);
    assert_true(mcu_load_cores(&r.l) < 0.40);
}

static void an_idle_room_is_not_taken_for_a_cheap_one(void **state)
{
    (void)state;
    struct room r = fresh(10); /* they are there, but nobody sends or watches */
    for (int i = 0; i < 50; i++)
        measure(&r, 0.001, 0);
    assert_true(mcu_load_cost(&r.l, MCU_LOAD_PUBLISHER) >= 0.5 * 0.016);
    assert_true(mcu_load_cores(&r.l) < 0.05);
}

static void it_believes_more_sooner_than_less(void **state)
{
    (void)state;
    struct room r = fresh(4);
    measure(&r, 0.2, 0);
    measure(&r, 0.2, 0);
    measure(&r, 1.0, 0);
    const double up = mcu_load_cores(&r.l);
    measure(&r, 0.2, 0);
    assert_true(up > 0.7);
    assert_true(mcu_load_cores(&r.l) > 0.5);
}

static void a_room_that_was_run_again_does_not_upset_it(void **state)
{
    (void)state;
    struct room r = fresh(4);
    for (int i = 0; i < 5; i++)
        measure(&r, 0.5, 0);
    const double before = mcu_load_cores(&r.l);
    r.cpu_us = r.ticks = r.late = 0;
    measure(&r, 0.0, 0);
    assert_true(mcu_load_cores(&r.l) > before * 0.99 && mcu_load_cores(&r.l) < before * 1.01);
    assert_false(r.l.is_late);
    measure(&r, 0.5, 0);
    assert_true(mcu_load_cores(&r.l) < 0.51);
}

static void two_figures_at_nearly_one_time_are_no_measurement(void **state)
{
    (void)state;
    struct room r = fresh(4);
    for (int i = 0; i < 5; i++)
        measure(&r, 0.5, 0);
    mcu_load_measure(&r.l, r.cpu_us + 50000, r.ticks + 1, r.late, r.now_us + 1000);
    assert_true(mcu_load_cores(&r.l) < 0.51);
}

static void late_sound_is_noticed_and_forgotten(void **state)
{
    (void)state;
    struct room r = fresh(4);
    measure(&r, 0.5, 0);
    measure(&r, 0.5, 10); /* of 200 */
    assert_false(r.l.is_late);
    measure(&r, 0.5, 11);
    assert_true(r.l.is_late);
    measure(&r, 0.5, 0);
    assert_false(r.l.is_late);
}

static void who_leaves_is_not_counted_on(void **state)
{
    (void)state;
    struct room r = fresh(10);
    r.l.counts[MCU_LOAD_PUBLISHER] = 0;
    for (int i = 0; i < 20; i++)
        measure(&r, 0.2, 0);
    assert_true(mcu_load_cost(&r.l, MCU_LOAD_ROOM) > 0.19 &&
                mcu_load_cost(&r.l, MCU_LOAD_ROOM) < 0.21);
}

static void it_fits_up_to_the_limit_and_not_beyond(void **state)
{
    (void)state;
    assert_true(mcu_load_fits(1.5, 0.19, 2, 85));
    assert_false(mcu_load_fits(1.5, 0.21, 2, 85));
    assert_true(mcu_load_fits(1.5, 0.21, 4, 85));
    assert_true(mcu_load_fits(100.0, 10.0, 2, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_anything_is_measured_the_usual_costs_hold),
        cmocka_unit_test(measuring_takes_the_place_of_expecting),
        cmocka_unit_test(who_was_let_in_just_now_counts_before_it_is_measured),
        cmocka_unit_test(an_idle_room_is_not_taken_for_a_cheap_one),
        cmocka_unit_test(it_believes_more_sooner_than_less),
        cmocka_unit_test(a_room_that_was_run_again_does_not_upset_it),
        cmocka_unit_test(two_figures_at_nearly_one_time_are_no_measurement),
        cmocka_unit_test(late_sound_is_noticed_and_forgotten),
        cmocka_unit_test(who_leaves_is_not_counted_on),
        cmocka_unit_test(it_fits_up_to_the_limit_and_not_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
