/* The estimate and what follows from it, over feedback that Chromium gave through the rig
 * (tests/unit/transport/traces): what left and what was said of it, at the times of then.
 *
 *     "TWCC1\n", then records: 'S' or 'F', 3 bytes of microseconds since the one before;
 *     S: a packet left: its number, its bytes, 2 bytes each
 *     F: feedback came: round trip in ms (65535: not known), size, 2 bytes each, and its FCI
 *
 * The packets are those that an estimate of then let go, so today's does not change what comes. */
#include <stdio.h>

#include "mcu/ladder.h"
#include "tests/unit/transport/pure.h"
#include "transport/estimate.h"

enum { SECONDS_MAX = 90, TICK_US = 10 * 1000, TRACE_MAX = 128 * 1024, RTT_UNKNOWN = 65535 };

struct replay {
    uint8_t data[TRACE_MAX];
    struct rtc_estimator *estimator;
    int64_t now_us, ticked_us;
    size_t seconds;
    uint64_t least_bps[SECONDS_MAX], most_bps[SECONDS_MAX];
    /* what a receiver would be sent by it */
    struct mcu_ladder ladder;
    struct mcu_chooser chooser;
    struct mcu_choice choice;
    unsigned changes[SECONDS_MAX];
    enum mcu_tier tier[SECONDS_MAX];
};

static size_t load(struct replay *r, const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "tests/unit/transport/traces/%s", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    const size_t size = fread(r->data, 1, sizeof(r->data), f);
    fclose(f);
    assert_true(size > 6 && size < sizeof(r->data));
    assert_memory_equal(r->data, "TWCC1\n", 6);
    return size;
}

static void choose(struct replay *r, size_t second)
{
    struct rtc_estimator_state s;
    rtc_estimator_read(r->estimator, &s);
    const struct mcu_offer offer = {.estimate_bps = s.has_feedback ? s.bitrate_bps : 0,
                                    .is_probing = s.is_probing,
                                    .audio_bps = 56000,
                                    .audio_low_bps = 40000,
                                    .tiers = r->ladder.tiers};
    const enum mcu_tier before = r->choice.tier;
    mcu_choose(&r->chooser, &r->ladder, &offer, r->now_us, &r->choice);
    rtc_estimator_set_useful(r->estimator, r->choice.useful_bps);
    r->changes[second] += r->choice.tier != before;
    r->tier[second] = r->choice.tier;
    if (r->seconds <= second) {
        r->seconds = second + 1;
        r->least_bps[second] = UINT64_MAX;
    }
    if (s.bitrate_bps < r->least_bps[second])
        r->least_bps[second] = s.bitrate_bps;
    if (s.bitrate_bps > r->most_bps[second])
        r->most_bps[second] = s.bitrate_bps;
}

static void tick(struct replay *r)
{
    for (; r->ticked_us + TICK_US <= r->now_us; r->ticked_us += TICK_US)
        rtc_estimator_tick(r->estimator, r->ticked_us);
}

static struct replay *replay(const char *name)
{
    struct replay *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    const struct mcu_ladder_conf conf = {.width = 1280,
                                         .height = 720,
                                         .fps = 30,
                                         .bitrate_bps = 1500000,
                                         .codec = MCU_CODEC_VP8,
                                         .layered = MCU_TIERS_ALL};
    mcu_ladder_init(&r->ladder, &conf);
    assert_int_equal(rtc_estimator_create(&r->estimator), 0);
    const size_t size = load(r, name);
    const int64_t start_us = r->now_us = r->ticked_us = 1000 * 1000;
    for (size_t at = 6; at + 8 <= size;) {
        const uint8_t *p = r->data + at;
        const unsigned a = p[4] << 8 | p[5], b = p[6] << 8 | p[7];
        r->now_us += p[1] << 16 | p[2] << 8 | p[3];
        tick(r);
        at += 8;
        if (p[0] == 'S') {
            rtc_estimator_sent(r->estimator, (uint16_t)a, b, r->now_us);
            continue;
        }
        assert_int_equal(p[0], 'F');
        assert_true(at + b <= size);
        assert_int_equal(rtc_estimator_feedback(r->estimator, r->data + at, b, r->now_us,
                                                a == RTT_UNKNOWN ? -1 : (int64_t)a * 1000, NULL),
                         0);
        at += b;
        const size_t second = (size_t)((r->now_us - start_us) / 1000000);
        assert_true(second < SECONDS_MAX);
        choose(r, second);
    }
    return r;
}

static void end(struct replay *r)
{
    rtc_estimator_destroy(r->estimator);
    free(r);
}

/* Of the seconds in [from, to). */
static void is_within(const struct replay *r, size_t from, size_t to, uint64_t least_kbps,
                      uint64_t most_kbps)
{
    for (size_t s = from; s < to; s++) {
        if (r->least_bps[s] < least_kbps * 1000 || r->most_bps[s] > most_kbps * 1000)
            fail_msg("second %zu: %u to %u kbit/s", s, (unsigned)(r->least_bps[s] / 1000),
                     (unsigned)(r->most_bps[s] / 1000));
    }
}

static void is_watched(const struct replay *r, size_t from, size_t to, enum mcu_tier tier)
{
    for (size_t s = from; s < to; s++) {
        if (r->tier[s] != tier || (s > from && r->changes[s]))
            fail_msg("second %zu: %s", s, mcu_tier_name(r->tier[s]));
    }
}

/* All, and 700 kbit/s from the 7th second to the 25th. */
static void a_fall_and_a_rise(void **state)
{
    (void)state;
    struct replay *r = replay("700k.twcc");
    assert_true(r->seconds >= 40);
    is_within(r, 0, 6, 300, 3000);
    is_within(r, 7, 25, 400, 700);
    is_within(r, 27, 40, 700, 3000);
    is_watched(r, 1, 40, MCU_TIER_360);
    end(r);
}

/* From the 7th second on. */
static void a_hundred_kbit_far_away_with_loss(void **state)
{
    (void)state;
    struct replay *r = replay("100k-300ms-5.twcc");
    assert_true(r->seconds >= 31);
    is_within(r, 8, 31, 20, 105);
    is_within(r, 18, 31, 55, 105);
    is_watched(r, 8, 17, MCU_TIER_NONE);
    is_watched(r, 19, 31, MCU_TIER_SLIDES);
    end(r);
}

static void thirty_percent_lost_and_no_limit(void **state)
{
    (void)state;
    struct replay *r = replay("loss-30.twcc");
    assert_true(r->seconds >= 24);
    is_within(r, 7, 24, 500, 1500);
    is_watched(r, 7, 24, MCU_TIER_360);
    end(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fall_and_a_rise),
        cmocka_unit_test(a_hundred_kbit_far_away_with_loss),
        cmocka_unit_test(thirty_percent_lost_and_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
