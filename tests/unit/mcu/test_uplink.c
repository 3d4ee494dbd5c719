/* What participants are told to send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mcu/uplink.h"

#define MS INT64_C(1000)
#define S  INT64_C(1000000)

static const struct mcu_uplink_need nowhere = {0};

static struct mcu_uplink_need tile(uint32_t width, uint32_t height)
{
    return (struct mcu_uplink_need){.is_shown = true, .width = width, .height = height, .fps = 30};
}

/* The same for so long; whether anything was told in it. */
static bool run(struct mcu_uplink *u, struct mcu_uplink_need need, int64_t *now_us, int64_t us)
{
    bool has_told = false;
    for (int64_t at = 0; at < us; at += 100 * MS, *now_us += 100 * MS)
        has_told |= mcu_uplink_update(u, &need, *now_us);
    return has_told;
}

static void a_tile_asks_for_the_step_that_covers_it(void **state)
{
    (void)state;
    static const struct {
        struct mcu_uplink_need need;
        uint32_t width, height;
    } rows[] = {
        {{.width = 160, .height = 90}, 320, 180},
        {{.width = 426, .height = 240}, 640, 360},
        {{.width = 640, .height = 360}, 640, 360},
        {{.width = 704, .height = 396}, 640, 360}, /* a tenth too small is not seen */
        {{.width = 720, .height = 404}, 960, 540},
        {{.width = 1280, .height = 720}, 1280, 720},
        {{.width = 3840, .height = 2160}, 1920, 1080},
        {{.width = 640, .height = 720}, 1280, 720}, /* cropped at the sides */
        {{.width = 320, .height = 640}, 1280, 720},
        {{.width = 640, .height = 360, .source_width = 640, .source_height = 480}, 720, 540},
        {{.width = 360, .height = 640, .source_width = 720, .source_height = 1280}, 360, 640},
        {{.width = 640, .height = 360, .source_width = 720, .source_height = 1280}, 720, 1280},
        {{.width = 160, .height = 90, .source_width = 2560, .source_height = 1080}, 426, 180},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mcu_uplink u = {0};
        struct mcu_uplink_need need = rows[i].need;
        need.is_shown = true;
        need.fps = 25;
        assert_true(mcu_uplink_update(&u, &need, S));
        assert_int_equal(u.limit.width, rows[i].width);
        assert_int_equal(u.limit.height, rows[i].height);
        assert_int_equal(u.limit.fps, 25);
        assert_true(u.limit.bitrate_bps >= 100000);
    }
}

static void more_pixels_and_frames_and_text_get_more_bits(void **state)
{
    (void)state;
    struct mcu_uplink small = {0}, large = {0}, slow = {0}, screen = {0};
    int64_t now = S;
    struct mcu_uplink_need need = tile(640, 360);
    run(&small, tile(320, 180), &now, S);
    run(&large, need, &now, S);
    need.fps = 15;
    run(&slow, need, &now, S);
    need.fps = 30;
    need.is_screen = true;
    run(&screen, need, &now, S);
    assert_true(small.limit.bitrate_bps < large.limit.bitrate_bps);
    assert_true(slow.limit.bitrate_bps < large.limit.bitrate_bps);
    assert_true(slow.limit.bitrate_bps > large.limit.bitrate_bps / 2);
    assert_true(screen.limit.bitrate_bps > large.limit.bitrate_bps);
}

static void more_is_told_at_once_and_less_after_two_seconds(void **state)
{
    (void)state;
    struct mcu_uplink u = {0};
    int64_t now = S;
    assert_true(run(&u, tile(320, 180), &now, 100 * MS));
    assert_true(run(&u, tile(1280, 720), &now, 100 * MS));
    assert_int_equal(u.limit.height, 720);
    assert_false(run(&u, tile(320, 180), &now, 2 * S));
    assert_true(run(&u, tile(320, 180), &now, 100 * MS));
    assert_int_equal(u.limit.height, 180);
    assert_false(run(&u, tile(320, 180), &now, 10 * S));
}

static void what_was_needed_in_between_is_kept(void **state)
{
    (void)state;
    struct mcu_uplink u = {0};
    int64_t now = S;
    run(&u, tile(1280, 720), &now, S);
    assert_false(run(&u, tile(320, 180), &now, S));
    assert_false(run(&u, tile(640, 360), &now, 500 * MS));
    assert_true(run(&u, tile(320, 180), &now, S));
    assert_int_equal(u.limit.height, 360);
    assert_true(run(&u, tile(320, 180), &now, 3 * S));
    assert_int_equal(u.limit.height, 180);
}

/* Somebody speaks now and then: his tile is large and small by turns, his camera is not. */
static void a_tile_that_comes_and_goes_tells_nothing(void **state)
{
    (void)state;
    struct mcu_uplink u = {0};
    int64_t now = S;
    run(&u, tile(1280, 720), &now, S);
    for (int i = 0; i < 20; i++) {
        assert_false(run(&u, nowhere, &now, 1500 * MS));
        assert_false(run(&u, tile(1280, 720), &now, 500 * MS));
    }
}

static void who_is_shown_nowhere_is_paused_and_woken_at_once(void **state)
{
    (void)state;
    struct mcu_uplink u = {0};
    int64_t now = S;
    run(&u, tile(640, 360), &now, S);
    assert_true(run(&u, nowhere, &now, 3 * S));
    assert_int_equal(u.limit.bitrate_bps, 0);
    assert_int_equal(u.limit.width, 0);
    assert_true(run(&u, tile(320, 180), &now, 100 * MS));
    assert_int_equal(u.limit.height, 180);
    assert_true(u.limit.bitrate_bps > 0);
}

static void a_newcomer_is_not_paused_before_he_could_be_shown(void **state)
{
    (void)state;
    struct mcu_uplink u = {0};
    int64_t now = S;
    assert_false(run(&u, nowhere, &now, 2 * S));
    assert_true(run(&u, nowhere, &now, 100 * MS));
    assert_int_equal(u.limit.bitrate_bps, 0);
    struct mcu_uplink other = {0};
    assert_false(run(&other, nowhere, &now, 500 * MS));
    assert_true(run(&other, tile(640, 360), &now, 100 * MS));
    assert_int_equal(other.limit.height, 360);
}

/* A client that scales to what it was told sends pictures that differ by a few pixels. */
static void a_few_pixels_are_no_news_but_a_turned_phone_is(void **state)
{
    (void)state;
    struct mcu_uplink u = {0};
    int64_t now = S;
    struct mcu_uplink_need need = tile(640, 360);
    run(&u, need, &now, S);
    need.source_width = 636;
    need.source_height = 360;
    assert_false(run(&u, need, &now, 10 * S));
    need.source_width = 360;
    need.source_height = 640;
    assert_true(run(&u, need, &now, 100 * MS));
    assert_true(u.limit.height > u.limit.width);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tile_asks_for_the_step_that_covers_it),
        cmocka_unit_test(more_pixels_and_frames_and_text_get_more_bits),
        cmocka_unit_test(more_is_told_at_once_and_less_after_two_seconds),
        cmocka_unit_test(what_was_needed_in_between_is_kept),
        cmocka_unit_test(a_tile_that_comes_and_goes_tells_nothing),
        cmocka_unit_test(who_is_shown_nowhere_is_paused_and_woken_at_once),
        cmocka_unit_test(a_newcomer_is_not_paused_before_he_could_be_shown),
        cmocka_unit_test(a_few_pixels_are_no_news_but_a_turned_phone_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
