/* The floor: taken at once when free, held, claimed by speaking on, kept in silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mcu/floor.h"

enum { STEP_MS = 100, HOLD_MS = 2000 };

/* Says who is loudest for so long; returns who has the floor at the end. */
static uint32_t speak(struct mcu_floor *f, int64_t *now_us, uint32_t loudest, int ms)
{
    uint32_t holder = f->holder;
    for (int at = 0; at < ms; at += STEP_MS) {
        holder = mcu_floor_update(f, loudest, *now_us, HOLD_MS * INT64_C(1000));
        *now_us += STEP_MS * INT64_C(1000);
    }
    return holder;
}

static void the_first_who_speaks_takes_it_at_once_and_silence_leaves_it(void **state)
{
    (void)state;
    struct mcu_floor f = {0};
    int64_t now = 0;
    assert_int_equal(speak(&f, &now, 0, 1000), 0);
    assert_int_equal(speak(&f, &now, 7, 100), 7);
    assert_int_equal(speak(&f, &now, 0, 60000), 7);
}

static void it_is_held_for_its_time_and_then_given_to_who_speaks_on(void **state)
{
    (void)state;
    struct mcu_floor f = {0};
    int64_t now = 0;
    speak(&f, &now, 7, 100);
    assert_int_equal(speak(&f, &now, 8, 1800), 7);
    assert_int_equal(speak(&f, &now, 8, 300), 8);
}

static void a_cough_moves_nobody(void **state)
{
    (void)state;
    struct mcu_floor f = {0};
    int64_t now = 0;
    speak(&f, &now, 7, 5000);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(speak(&f, &now, 8, 300), 7);
        assert_int_equal(speak(&f, &now, 0, 200), 7);
        assert_int_equal(speak(&f, &now, 9, 300), 7);
        assert_int_equal(speak(&f, &now, 7, 100), 7);
    }
}

static void who_leaves_leaves_it_free(void **state)
{
    (void)state;
    struct mcu_floor f = {0};
    int64_t now = 0;
    speak(&f, &now, 7, 5000);
    mcu_floor_leave(&f, 8);
    assert_int_equal(speak(&f, &now, 0, 100), 7);
    mcu_floor_leave(&f, 7);
    assert_int_equal(speak(&f, &now, 0, 100), 0);
    assert_int_equal(speak(&f, &now, 8, 100), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_who_speaks_takes_it_at_once_and_silence_leaves_it),
        cmocka_unit_test(it_is_held_for_its_time_and_then_given_to_who_speaks_on),
        cmocka_unit_test(a_cough_moves_nobody),
        cmocka_unit_test(who_leaves_leaves_it_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
