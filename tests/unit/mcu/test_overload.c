/* What a room gives way in when it is late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mcu/ladder.h"
#include "mcu/overload.h"

#define S INT64_C(1000000)

/* A room whose ticks are late by so many permille. */
struct room {
    struct mcu_overload o;
    struct mcu_overload_counts counts;
    int64_t now_us;
};

enum { AUDIO_TICKS = 100, VIDEO_TICKS = 30 };

static void second(struct room *r, uint32_t audio_late, uint32_t video_late, uint32_t skipped)
{
    r->counts.audio_ticks += AUDIO_TICKS;
    r->counts.audio_late += audio_late;
    r->counts.video_ticks += VIDEO_TICKS;
    r->counts.video_late += video_late;
    r->counts.encoded += VIDEO_TICKS - skipped;
    r->counts.encode_skipped += skipped;
    r->now_us += S;
    mcu_overload_update(&r->o, &r->counts, r->now_us);
}

static void seconds(struct room *r, int n, uint32_t audio_late, uint32_t video_late,
                    uint32_t skipped)
{
    for (int i = 0; i < n; i++)
        second(r, audio_late, video_late, skipped);
}

static struct room fresh(void)
{
    struct room r = {.now_us = 1000 * S};
    second(&r, 0, 0, 0);
    return r;
}

static void a_room_that_is_in_time_changes_nothing(void **state)
{
    (void)state;
    struct room r = fresh();
    seconds(&r, 600, 0, 0, 0);
    assert_int_equal(r.o.step, MCU_OVERLOAD_NONE);
    seconds(&r, 600, 4, 2, 2); /* a little late now and then is no overload */
    assert_int_equal(r.o.step, MCU_OVERLOAD_NONE);
}

static void what_counted_before_the_first_look_is_not_held_against_it(void **state)
{
    (void)state;
    struct room r = {.counts = {.audio_ticks = 1000, .audio_late = 1000}};
    seconds(&r, 5, 0, 0, 0);
    assert_int_equal(r.o.step, MCU_OVERLOAD_NONE);
}

static void each_kind_of_lateness_is_a_step_down(void **state)
{
    (void)state;
    static const struct {
        uint32_t audio, video, skipped;
        const char *reason;
    } rows[] = {{6, 0, 0, "audio"}, {0, 4, 0, "video"}, {0, 0, 4, "encoder"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct room r = fresh();
        second(&r, rows[i].audio, rows[i].video, rows[i].skipped);
        assert_int_equal(r.o.step, MCU_OVERLOAD_FPS);
        assert_string_equal(r.o.reason, rows[i].reason);
    }
}

static void late_sound_counts_twice(void **state)
{
    (void)state;
    struct room r = fresh();
    second(&r, 5, 0, 0); /* of 100 */
    assert_int_equal(r.o.step, MCU_OVERLOAD_FPS);
    struct room other = fresh();
    second(&other, 0, 2, 0); /* of 30: more of them, but pictures */
    assert_int_equal(other.o.step, MCU_OVERLOAD_NONE);
}

static void it_steps_down_every_two_seconds_until_it_is_in_time(void **state)
{
    (void)state;
    struct room r = fresh();
    seconds(&r, 5, 0, 6, 0);
    assert_int_equal(r.o.step, MCU_OVERLOAD_PRESET);
    seconds(&r, 60, 0, 6, 0);
    assert_int_equal(r.o.step, MCU_OVERLOAD_SMALL);
}

static void when_hardly_anything_is_in_time_it_takes_two_at_once(void **state)
{
    (void)state;
    struct room r = fresh();
    second(&r, 0, 20, 0);
    assert_int_equal(r.o.step, MCU_OVERLOAD_FPS_HALF);
}

static void it_comes_back_slowly_step_by_step(void **state)
{
    (void)state;
    struct room r = fresh();
    seconds(&r, 3, 0, 6, 0);
    assert_int_equal(r.o.step, MCU_OVERLOAD_FPS_HALF);
    seconds(&r, 9, 0, 0, 0);
    assert_int_equal(r.o.step, MCU_OVERLOAD_FPS_HALF);
    seconds(&r, 3, 0, 0, 0);
    assert_int_equal(r.o.step, MCU_OVERLOAD_FPS);
    second(&r, 0, 2, 0); /* not calm: the time begins anew */
    seconds(&r, 9, 0, 0, 0);
    assert_int_equal(r.o.step, MCU_OVERLOAD_FPS);
    seconds(&r, 3, 0, 0, 0);
    assert_int_equal(r.o.step, MCU_OVERLOAD_NONE);
}

/* A machine that carries FPS and no more: how often is it tried in so long? */
static int tries_in(struct room *r, int n)
{
    int tries = 0;
    for (int i = 0; i < n; i++) {
        const enum mcu_overload_step before = r->o.step;
        second(r, 0, r->o.step == MCU_OVERLOAD_NONE ? 6 : 0, 0);
        tries += r->o.step < before;
    }
    return tries;
}

static void a_step_up_that_fails_is_tried_less_often(void **state)
{
    (void)state;
    struct room r = fresh();
    second(&r, 0, 6, 0);
    const int first = tries_in(&r, 160);
    assert_in_range(first, 3, 6);
    const int later = tries_in(&r, 1600);
    assert_in_range(later, 8, 11); /* every 160 s */
    seconds(&r, 400, 0, 0, 0);
    assert_int_equal(r.o.step, MCU_OVERLOAD_NONE);
    assert_int_equal(r.o.failures, 0);
}

static void steps_say_what_they_mean(void **state)
{
    (void)state;
    const uint32_t all = MCU_TIERS_ALL;
    uint32_t fps = 30;
    uint32_t area = UINT32_MAX;
    for (int s = 0; s < MCU_OVERLOAD_STEPS; s++) {
        const enum mcu_overload_step step = (enum mcu_overload_step)s;
        assert_true(mcu_overload_fps(step, 30) <= fps);
        fps = mcu_overload_fps(step, 30);
        assert_true(mcu_overload_fps(step, 1) == 1);
        assert_true(strlen(mcu_overload_name(step)) > 2);
        for (uint32_t tiers = 1; tiers <= all; tiers++) {
            const uint32_t open = mcu_overload_tiers(step, tiers);
            assert_true(open != 0 && (open & ~tiers) == 0);
        }
        uint32_t pixels = 0;
        static const uint32_t areas[] = {2073600, 921600, 230400, 57600, 129600};
        for (int t = 0; t < MCU_TIERS; t++)
            pixels += mcu_overload_tiers(step, all) & (1u << t) ? areas[t] : 0;
        assert_true(pixels <= area);
        area = pixels;
    }
    assert_int_equal(mcu_overload_fps(MCU_OVERLOAD_FPS, 30), 20);
    assert_int_equal(mcu_overload_fps(MCU_OVERLOAD_SMALL, 30), 15);
    assert_false(mcu_overload_is_fast(MCU_OVERLOAD_FPS_HALF));
    assert_true(mcu_overload_is_fast(MCU_OVERLOAD_SIZE));
    assert_false(mcu_overload_tiers(MCU_OVERLOAD_SIZE, all) & 1u << MCU_TIER_720);
    assert_true(mcu_overload_tiers(MCU_OVERLOAD_TIERS, all) & 1u << MCU_TIER_1080);
    assert_false(mcu_overload_tiers(MCU_OVERLOAD_TIERS, all) & 1u << MCU_TIER_360);
    assert_false(mcu_overload_tiers(MCU_OVERLOAD_SMALL, all) & 1u << MCU_TIER_360);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_room_that_is_in_time_changes_nothing),
        cmocka_unit_test(what_counted_before_the_first_look_is_not_held_against_it),
        cmocka_unit_test(each_kind_of_lateness_is_a_step_down),
        cmocka_unit_test(late_sound_counts_twice),
        cmocka_unit_test(it_steps_down_every_two_seconds_until_it_is_in_time),
        cmocka_unit_test(when_hardly_anything_is_in_time_it_takes_two_at_once),
        cmocka_unit_test(it_comes_back_slowly_step_by_step),
        cmocka_unit_test(a_step_up_that_fails_is_tried_less_often),
        cmocka_unit_test(steps_say_what_they_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
