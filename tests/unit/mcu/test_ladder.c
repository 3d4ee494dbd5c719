/* The ladder of a canvas, and how a receiver goes up and down on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mcu/ladder.h"

#define MS INT64_C(1000)
#define S  INT64_C(1000000)

static const struct mcu_ladder_conf hd = {1280, 720, 30, 1500000, MCU_CODEC_VP8, MCU_TIERS_ALL};

/* --- the ladder ------------------------------------------------------------------------------- */

static void sizes_follow_the_shape_of_the_canvas(void **state)
{
    (void)state;
    static const struct {
        uint32_t width, height;
        uint32_t sizes[MCU_TIERS][2]; /* 0: there is none */
    } rows[] = {
        {1280, 720, {{0, 0}, {1280, 720}, {640, 360}, {320, 180}, {480, 270}}},
        {1920, 1080, {{1920, 1080}, {1280, 720}, {640, 360}, {320, 180}, {480, 270}}},
        {720, 1280, {{0, 0}, {720, 1280}, {360, 640}, {180, 320}, {270, 480}}},
        {3840, 2160, {{3840, 2160}, {1280, 720}, {640, 360}, {320, 180}, {480, 270}}},
        {960, 540, {{0, 0}, {960, 540}, {640, 360}, {320, 180}, {480, 270}}},
        {640, 480, {{0, 0}, {640, 480}, {0, 0}, {240, 180}, {360, 270}}},
        {160, 90, {{0, 0}, {0, 0}, {0, 0}, {160, 90}, {160, 90}}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mcu_ladder l;
        struct mcu_ladder_conf conf = hd;
        conf.width = rows[i].width;
        conf.height = rows[i].height;
        mcu_ladder_init(&l, &conf);
        for (int t = 0; t < MCU_TIERS; t++) {
            assert_int_equal(l.rungs[t].width, rows[i].sizes[t][0]);
            assert_int_equal(l.rungs[t].height, rows[i].sizes[t][1]);
            assert_int_equal((l.tiers >> t) & 1, rows[i].sizes[t][0] != 0);
        }
    }
}

static void check_steps(const struct mcu_ladder_conf *conf)
{
    struct mcu_ladder l;
    mcu_ladder_init(&l, conf);
    assert_true(l.step_count >= 3 && l.step_count <= MCU_STEPS_MAX);
    assert_int_equal(l.rungs[mcu_ladder_top(&l)].width, conf->width);
    assert_int_equal(l.rungs[mcu_ladder_top(&l)].height, conf->height);
    for (uint32_t i = 0; i + 1 < l.step_count; i++) {
        assert_true(l.steps[i].need_bps > l.steps[i + 1].need_bps);
        assert_true(l.steps[i].tier <= l.steps[i + 1].tier);
    }
    assert_int_equal(l.steps[l.step_count - 1].tier, MCU_TIER_NONE);
    assert_int_equal(l.steps[l.step_count - 1].layers, 0);
    for (int t = 0; t < MCU_TIERS; t++) {
        assert_true(l.rungs[t].width % 2 == 0 && l.rungs[t].height % 2 == 0);
        assert_true(l.rungs[t].width <= conf->width && l.rungs[t].height <= conf->height);
    }
}

/* Whatever is configured: each step costs less than the one before, nothing is larger than the
 * canvas. */
static void every_step_is_cheaper_than_the_one_before(void **state)
{
    (void)state;
    static const uint32_t heights[] = {90,  180, 182, 240,  270,  360, 400,
                                       480, 540, 720, 1080, 1440, 2160};
    static const uint32_t rates[] = {100000, 500000, 1500000, 20000000};
    for (size_t h = 0; h < sizeof(heights) / sizeof(heights[0]); h++) {
        for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
            for (int layers = 0; layers < 2; layers++) {
                const uint32_t other = heights[h] * 16 / 9 / 2 * 2;
                check_steps(&(struct mcu_ladder_conf){other, heights[h], 30, rates[r],
                                                      MCU_CODEC_VP8, layers ? MCU_TIERS_ALL : 0});
                check_steps(&(struct mcu_ladder_conf){heights[h], other, 5, rates[r],
                                                      MCU_CODEC_H264, layers ? MCU_TIERS_ALL : 0});
            }
        }
    }
}

static void slides_are_few_and_cheap_and_small_pictures_may_be_keyed_often(void **state)
{
    (void)state;
    struct mcu_ladder l;
    mcu_ladder_init(&l, &hd);
    assert_in_range(l.rungs[MCU_TIER_SLIDES].fps, 1, 5);
    assert_true(l.rungs[MCU_TIER_SLIDES].bitrate_bps < 60000);
    assert_int_equal(l.rungs[MCU_TIER_720].key_every_us, 2 * S);
    assert_int_equal(l.rungs[MCU_TIER_360].key_every_us, 500 * MS);
    assert_int_equal(l.rungs[MCU_TIER_180].key_every_us, 500 * MS);
}

static void h264_keeps_to_level_31_where_it_can(void **state)
{
    (void)state;
    struct mcu_ladder l;
    mcu_ladder_init(&l, &(struct mcu_ladder_conf){1920, 1080, 60, 3000000, MCU_CODEC_H264, 0});
    assert_true(l.rungs[MCU_TIER_1080].needs_level_4);
    assert_int_equal(l.rungs[MCU_TIER_1080].fps, 60);
    assert_false(l.rungs[MCU_TIER_720].needs_level_4);
    assert_int_equal(l.rungs[MCU_TIER_720].fps, 30);
    assert_int_equal(l.rungs[MCU_TIER_360].fps, 60);
    mcu_ladder_init(&l, &(struct mcu_ladder_conf){1280, 960, 30, 3000000, MCU_CODEC_H264, 0});
    assert_true(l.rungs[MCU_TIER_1080].needs_level_4); /* 4800 blocks */
    mcu_ladder_init(
        &l, &(struct mcu_ladder_conf){1920, 1080, 60, 3000000, MCU_CODEC_VP8, MCU_TIERS_ALL});
    assert_false(l.rungs[MCU_TIER_1080].needs_level_4);
    assert_int_equal(l.rungs[MCU_TIER_720].fps, 60);
}

static void names_go_both_ways(void **state)
{
    (void)state;
    enum mcu_tier tier = MCU_TIER_NONE;
    for (int t = 0; t <= MCU_TIER_NONE; t++) {
        assert_true(mcu_tier_from_name(mcu_tier_name((enum mcu_tier)t), &tier));
        assert_int_equal(tier, t);
    }
    assert_false(mcu_tier_from_name("auto", &tier));
    assert_int_equal(mcu_tiers_upto(MCU_TIER_1080), MCU_TIERS_ALL);
    assert_int_equal(mcu_tiers_upto(MCU_TIER_SLIDES), 1 << MCU_TIER_SLIDES);
    assert_int_equal(mcu_tiers_upto(MCU_TIER_NONE), 0);
}

/* --- a receiver ------------------------------------------------------------------------------- */

struct receiver {
    struct mcu_ladder l;
    struct mcu_chooser c;
    struct mcu_offer offer;
    struct mcu_choice choice;
    int64_t now_us;
    int changes;
};

static void begin(struct receiver *r, const struct mcu_ladder_conf *conf)
{
    *r = (struct receiver){.now_us = 1000 * S};
    mcu_ladder_init(&r->l, conf);
    r->offer =
        (struct mcu_offer){.audio_bps = 90000, .audio_low_bps = 30000, .tiers = MCU_TIERS_ALL};
}

/* The estimate is told ten times a second for so long; returns the step. */
static uint32_t run(struct receiver *r, uint64_t estimate_bps, int64_t us)
{
    for (int64_t at = 0; at < us; at += 100 * MS, r->now_us += 100 * MS) {
        const uint32_t before = r->c.step;
        r->offer.estimate_bps = estimate_bps;
        mcu_choose(&r->c, &r->l, &r->offer, r->now_us, &r->choice);
        r->changes += r->c.step != before;
    }
    return r->c.step;
}

/* What is sent fits into what there is. */
static void assert_fits(const struct receiver *r)
{
    const uint32_t audio = r->choice.is_audio_low ? r->offer.audio_low_bps : r->offer.audio_bps;
    assert_true(r->l.steps[r->c.step].need_bps + audio + r->choice.redundancy_bps ==
                    r->offer.estimate_bps ||
                r->choice.tier == MCU_TIER_NONE);
}

static void without_an_estimate_the_best_that_is_allowed_is_sent(void **state)
{
    (void)state;
    struct receiver r;
    begin(&r, &hd);
    run(&r, 0, S);
    assert_int_equal(r.choice.tier, MCU_TIER_720);
    assert_int_equal(r.choice.layers, 2);
    r.offer.tiers = mcu_tiers_upto(MCU_TIER_360);
    run(&r, 0, S);
    assert_int_equal(r.choice.tier, MCU_TIER_360);
    r.offer.tiers = 0;
    run(&r, 0, S);
    assert_int_equal(r.choice.tier, MCU_TIER_NONE);
}

/* The whole way down, one estimate each: layers go before tiers, pictures before sound. */
static void each_estimate_gets_what_fits(void **state)
{
    (void)state;
    static const struct {
        uint64_t bps;
        enum mcu_tier tier;
        uint8_t layers;
        bool is_audio_low;
    } rows[] = {
        {2000000, MCU_TIER_720, 2, false}, {1100000, MCU_TIER_720, 1, false},
        {700000, MCU_TIER_360, 2, false},  {450000, MCU_TIER_360, 1, false},
        {300000, MCU_TIER_180, 3, false},  {215000, MCU_TIER_180, 2, false},
        {180000, MCU_TIER_180, 1, false},  {140000, MCU_TIER_SLIDES, 2, false},
        {55000, MCU_TIER_SLIDES, 2, true}, {45000, MCU_TIER_SLIDES, 1, true},
        {40000, MCU_TIER_NONE, 0, true},   {19000, MCU_TIER_NONE, 0, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct receiver r;
        begin(&r, &hd);
        run(&r, rows[i].bps, 100 * MS);
        assert_int_equal(r.choice.tier, rows[i].tier);
        assert_int_equal(r.choice.layers, rows[i].layers);
        assert_int_equal(r.choice.is_audio_low, rows[i].is_audio_low);
        assert_fits(&r);
    }
}

static void under_60_kbit_there_are_slides_and_low_sound(void **state)
{
    (void)state;
    struct receiver r;
    begin(&r, &hd);
    r.offer.audio_low_bps = 40000; /* as rooms have it: 16 kbit/s and the headers of 50 packets */
    run(&r, 59000, S);
    assert_int_equal(r.choice.tier, MCU_TIER_SLIDES);
    assert_true(r.choice.is_audio_low);
    run(&r, 19000, 100 * MS);
    assert_int_equal(r.choice.tier, MCU_TIER_NONE);
}

static void it_goes_down_with_one_estimate(void **state)
{
    (void)state;
    struct receiver r;
    begin(&r, &hd);
    run(&r, 3000000, 20 * S);
    assert_int_equal(r.choice.tier, MCU_TIER_720);
    run(&r, 300000, 100 * MS);
    assert_int_equal(r.choice.tier, MCU_TIER_180);
    assert_fits(&r);
}

static void it_goes_up_when_more_has_fitted_for_three_seconds(void **state)
{
    (void)state;
    struct receiver r;
    begin(&r, &hd);
    run(&r, 300000, 20 * S);
    assert_int_equal(r.choice.tier, MCU_TIER_180);
    run(&r, 3000000, 2900 * MS);
    assert_int_equal(r.choice.tier, MCU_TIER_180);
    run(&r, 3000000, 300 * MS);
    assert_int_equal(r.choice.tier, MCU_TIER_720); /* the whole way at once */
    assert_int_equal(r.choice.layers, 2);
}

static void a_dip_begins_the_three_seconds_anew_and_the_least_of_them_counts(void **state)
{
    (void)state;
    struct receiver r;
    begin(&r, &hd);
    run(&r, 300000, 20 * S);
    run(&r, 3000000, 2 * S);
    run(&r, 300000, 100 * MS);
    run(&r, 3000000, 2 * S);
    assert_int_equal(r.choice.tier, MCU_TIER_180);
    run(&r, 600000, 200 * MS); /* enough for more than is sent, not for all */
    run(&r, 3000000, S);
    assert_int_equal(r.choice.tier, MCU_TIER_360);
    assert_int_equal(r.choice.layers, 1);
}

static void just_enough_is_enough_to_stay_but_not_to_go_up(void **state)
{
    (void)state;
    struct receiver r;
    begin(&r, &hd);
    run(&r, 3000000, 20 * S);
    const uint64_t just = r.offer.audio_bps + r.l.steps[0].need_bps;
    assert_int_equal(run(&r, just, 60 * S), 0);
    run(&r, just - 1, 100 * MS);
    assert_int_equal(r.c.step, 1);
    run(&r, just, 60 * S);
    assert_int_equal(r.c.step, 1);
}

static void at_the_start_it_is_not_slow(void **state)
{
    (void)state;
    struct receiver r;
    begin(&r, &hd);
    run(&r, 300000, 500 * MS);
    assert_int_equal(r.choice.tier, MCU_TIER_180);
    run(&r, 3000000, 700 * MS);
    assert_int_equal(r.choice.tier, MCU_TIER_720);
}

static void a_first_guess_is_not_taken_for_a_poor_network(void **state)
{
    (void)state;
    struct receiver r;
    begin(&r, &hd);
    run(&r, 0, S);
    r.offer.is_probing = true;
    run(&r, 300000, 500 * MS);
    assert_int_equal(r.choice.tier, MCU_TIER_720);
    assert_int_equal(r.changes, 0);
    r.offer.is_probing = false;
    run(&r, 3000000, S);
    assert_int_equal(r.changes, 0);

    begin(&r, &hd); /* but not for ever, */
    r.offer.is_probing = true;
    run(&r, 300000, 1200 * MS);
    assert_int_equal(r.choice.tier, MCU_TIER_180);

    begin(&r, &hd); /* and only the first */
    run(&r, 3000000, 20 * S);
    r.offer.is_probing = true;
    run(&r, 300000, 100 * MS);
    assert_int_equal(r.choice.tier, MCU_TIER_180);
}

/* The link carries 800 kbit/s; what is asked of it beyond breaks down two seconds later. */
static int ups_in(struct receiver *r, int64_t us)
{
    int ups = 0;
    for (int64_t at = 0; at < us; at += 100 * MS) {
        const uint32_t before = r->c.step;
        const bool is_too_much = r->choice.tier == MCU_TIER_720;
        const bool has_broken = is_too_much && r->now_us - r->c.raised_us > 2 * S;
        run(r, has_broken ? 700000 : 3000000, 100 * MS);
        ups += r->c.step < before;
    }
    return ups;
}

static void a_step_up_that_fails_is_tried_less_and_less(void **state)
{
    (void)state;
    struct receiver r;
    begin(&r, &hd);
    run(&r, 700000, 20 * S);
    assert_int_equal(r.choice.tier, MCU_TIER_360);
    const int first = ups_in(&r, 60 * S);
    assert_in_range(first, 2, 5);
    const int later = ups_in(&r, 120 * S);
    assert_in_range(later, 1, 3);
    const int much_later = ups_in(&r, 600 * S);
    assert_in_range(much_later, 8, 11); /* once a minute, and no rarer */
    run(&r, 3000000, 80 * S);           /* the link is good now, and that heals */
    assert_int_equal(r.choice.tier, MCU_TIER_720);
    assert_int_equal(r.c.failures, 0);
}

/* The estimate swings by a fifth around what a step needs. */
static void a_swinging_estimate_does_not_swing_the_picture(void **state)
{
    (void)state;
    struct receiver r;
    begin(&r, &hd);
    const uint64_t need = r.offer.audio_bps + r.l.steps[0].need_bps;
    run(&r, need, 10 * S);
    r.changes = 0;
    for (int i = 0; i < 60; i++)
        run(&r, i % 2 ? need * 11 / 10 : need * 9 / 10, 2 * S);
    assert_true(r.changes <= 1);
}

static void a_ceiling_acts_at_once_both_ways(void **state)
{
    (void)state;
    struct receiver r;
    begin(&r, &hd);
    run(&r, 3000000, 20 * S);
    r.offer.tiers = mcu_tiers_upto(MCU_TIER_180);
    run(&r, 3000000, 100 * MS);
    assert_int_equal(r.choice.tier, MCU_TIER_180);
    r.offer.tiers = 0;
    run(&r, 3000000, 100 * MS);
    assert_int_equal(r.choice.tier, MCU_TIER_NONE);
    r.offer.tiers = MCU_TIERS_ALL;
    run(&r, 3000000, 100 * MS);
    assert_int_equal(r.choice.tier, MCU_TIER_720);
    assert_int_equal(r.c.failures, 0);
}

/* Some tiers are closed under overload: what is played on goes to one that is open. */
static void a_closed_tier_in_the_middle_is_left(void **state)
{
    (void)state;
    struct receiver r;
    begin(&r, &hd);
    run(&r, 700000, 20 * S);
    assert_int_equal(r.choice.tier, MCU_TIER_360);
    r.offer.tiers = MCU_TIERS_ALL & ~(1u << MCU_TIER_360);
    run(&r, 700000, 10 * S);
    assert_int_equal(r.choice.tier, MCU_TIER_180);
    run(&r, 10000000, 10 * S);
    assert_int_equal(r.choice.tier, MCU_TIER_720);
}

/* More is not looked for; so it has to do. */
static void what_is_called_useful_reaches_the_best_that_is_allowed(void **state)
{
    (void)state;
    for (int ceiling = MCU_TIER_720; ceiling < MCU_TIER_NONE; ceiling++) {
        struct receiver r;
        begin(&r, &hd);
        r.offer.tiers = mcu_tiers_upto((enum mcu_tier)ceiling);
        run(&r, 40000, 10 * S);
        const uint64_t useful_bps = r.choice.useful_bps;
        run(&r, useful_bps, 10 * S);
        const uint32_t step = r.c.step;
        assert_true(r.l.steps[step].tier >= (enum mcu_tier)ceiling);
        assert_int_equal(run(&r, 100 * useful_bps, 10 * S), step);
    }
}

static void full_sound_comes_back_with_room_to_spare(void **state)
{
    (void)state;
    struct receiver r;
    begin(&r, &hd);
    run(&r, 100000, S);
    assert_true(r.choice.is_audio_low);
    run(&r, 120000, 20 * S);
    assert_true(r.choice.is_audio_low);
    run(&r, 200000, 100 * MS);
    assert_false(r.choice.is_audio_low);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_follow_the_shape_of_the_canvas),
        cmocka_unit_test(every_step_is_cheaper_than_the_one_before),
        cmocka_unit_test(slides_are_few_and_cheap_and_small_pictures_may_be_keyed_often),
        cmocka_unit_test(h264_keeps_to_level_31_where_it_can),
        cmocka_unit_test(names_go_both_ways),
        cmocka_unit_test(without_an_estimate_the_best_that_is_allowed_is_sent),
        cmocka_unit_test(each_estimate_gets_what_fits),
        cmocka_unit_test(under_60_kbit_there_are_slides_and_low_sound),
        cmocka_unit_test(it_goes_down_with_one_estimate),
        cmocka_unit_test(it_goes_up_when_more_has_fitted_for_three_seconds),
        cmocka_unit_test(a_dip_begins_the_three_seconds_anew_and_the_least_of_them_counts),
        cmocka_unit_test(just_enough_is_enough_to_stay_but_not_to_go_up),
        cmocka_unit_test(at_the_start_it_is_not_slow),
        cmocka_unit_test(a_first_guess_is_not_taken_for_a_poor_network),
        cmocka_unit_test(a_step_up_that_fails_is_tried_less_and_less),
        cmocka_unit_test(a_swinging_estimate_does_not_swing_the_picture),
        cmocka_unit_test(a_ceiling_acts_at_once_both_ways),
        cmocka_unit_test(a_closed_tier_in_the_middle_is_left),
        cmocka_unit_test(what_is_called_useful_reaches_the_best_that_is_allowed),
        cmocka_unit_test(full_sound_comes_back_with_room_to_spare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
