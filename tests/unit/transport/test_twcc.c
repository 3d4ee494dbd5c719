/* Transport-wide feedback: what is noted comes back from the bytes, with gaps, wraps, reordering,
 * large deltas and little room. */
#include <errno.h>

#include "tests/unit/transport/pure.h"
#include "transport/rtcp.h"
#include "transport/twcc.h"

enum { NUMBERS = 65536 };

/* What the far side would know; index is the sequence number. */
struct fates {
    int64_t arrival_us[NUMBERS];
    uint8_t told[NUMBERS]; /* times told */
    bool received[NUMBERS];
    size_t packets;
    size_t bytes;
    uint16_t first, last;
};

static void on_fate(void *ctx, uint16_t seq, bool is_received, int64_t arrival_us)
{
    struct fates *f = ctx;
    f->told[seq]++;
    f->received[seq] = is_received;
    f->arrival_us[seq] = arrival_us;
    f->last = seq;
}

static void on_twcc(void *ctx, uint32_t from, uint32_t media, const uint8_t *fci, size_t size)
{
    struct fates *f = ctx;
    uint8_t count = 0;
    assert_int_equal(from, 1);
    assert_int_equal(media, 2);
    uint8_t *copy = exact_copy(fci, size);
    assert_int_equal(rtc_twcc_parse(copy, size, &count, on_fate, f), 0);
    assert_int_equal(count, (uint8_t)f->packets);
    free(copy);
    f->packets++;
    f->bytes += size;
}

/* All that is due, through RTCP packets of at most room bytes. */
static void tell(struct rtc_twcc *t, struct fates *f, size_t room)
{
    const struct rtc_rtcp_sink sink = {.ctx = f, .on_twcc = on_twcc};
    uint8_t out[1500];
    while (rtc_twcc_is_due(t)) {
        struct mcu_writer w = mcu_writer(out, room);
        assert_int_equal(rtc_twcc_put(t, &w, 1, 2), 0);
        assert_int_equal(mcu_written(&w) % 4, 0);
        assert_int_equal(rtc_rtcp_parse(out, mcu_written(&w), &sink), 0);
    }
}

static struct rtc_twcc *create(void)
{
    struct rtc_twcc *t = NULL;
    assert_int_equal(rtc_twcc_create(&t), 0);
    return t;
}

static struct fates *fates_create(void)
{
    struct fates *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    return f;
}

static void assert_close(int64_t got_us, int64_t true_us)
{
    assert_in_range(true_us - got_us, 0, 249); /* rounded down to 250 us, never more */
}

static void test_nothing_to_tell(void **state)
{
    (void)state;
    struct rtc_twcc *t = create();
    uint8_t out[100];
    struct mcu_writer w = mcu_writer(out, sizeof(out));
    assert_false(rtc_twcc_is_due(t));
    assert_int_equal(rtc_twcc_put(t, &w, 1, 2), -ENODATA);
    rtc_twcc_note(t, 5, 1000);
    w = mcu_writer(out, RTC_TWCC_FEEDBACK_MIN - 1);
    assert_int_equal(rtc_twcc_put(t, &w, 1, 2), -ENOSPC);
    assert_int_equal(mcu_written(&w), 0);
    assert_false(w.failed);
    rtc_twcc_destroy(t);
    rtc_twcc_destroy(NULL);
}

static void test_bytes_of_one_packet(void **state)
{
    (void)state;
    /* 3 received, 4 lost, 5 received 1 ms later; 100 ms is 1 * 64 ms + 144 * 250 us */
    static const uint8_t expected[] = {0x8f, 205, 0, 5, 0, 0, 0, 1, 0,    0,    0,   2,
                                       0,    3,   0, 3, 0, 0, 1, 0, 0xa8, 0x00, 144, 4};
    struct rtc_twcc *t = create();
    uint8_t out[100];
    struct mcu_writer w = mcu_writer(out, sizeof(out));
    rtc_twcc_note(t, 3, 100000);
    rtc_twcc_note(t, 5, 101000);
    assert_int_equal(rtc_twcc_put(t, &w, 1, 2), 0);
    assert_int_equal(mcu_written(&w), sizeof(expected));
    assert_memory_equal(out, expected, sizeof(expected));
    rtc_twcc_destroy(t);
}

static void test_gaps_and_the_wrap(void **state)
{
    (void)state;
    struct rtc_twcc *t = create();
    struct fates *f = fates_create();
    rtc_twcc_note(t, 65530, 1000000);
    rtc_twcc_note(t, 65535, 1000300);
    rtc_twcc_note(t, 0, 1000600);
    rtc_twcc_note(t, 300, 1900000); /* 299 lost, and a delta of two bytes */
    tell(t, f, 1200);
    assert_int_equal(f->packets, 1);
    for (uint32_t i = 65530; i <= 65536 + 300; i++) {
        const uint16_t s = (uint16_t)i;
        assert_int_equal(f->told[s], 1);
        assert_int_equal(f->received[s], s == 65530 || s == 65535 || s == 0 || s == 300);
    }
    assert_close(f->arrival_us[65530], 1000000);
    assert_close(f->arrival_us[65535], 1000300);
    assert_close(f->arrival_us[0], 1000600);
    assert_close(f->arrival_us[300], 1900000);
    free(f);
    rtc_twcc_destroy(t);
}

static void test_long_pause_starts_another_packet(void **state)
{
    (void)state;
    struct rtc_twcc *t = create();
    struct fates *f = fates_create();
    rtc_twcc_note(t, 1, 1000000);
    rtc_twcc_note(t, 2, 10000000); /* 9 s: more than a delta can say */
    tell(t, f, 1200);
    assert_int_equal(f->packets, 2);
    assert_close(f->arrival_us[1], 1000000);
    assert_close(f->arrival_us[2], 10000000);
    free(f);
    rtc_twcc_destroy(t);
}

static void test_reordered_arrival_is_a_negative_delta(void **state)
{
    (void)state;
    struct rtc_twcc *t = create();
    struct fates *f = fates_create();
    rtc_twcc_note(t, 2, 1000000);
    rtc_twcc_note(t, 3, 1000500);
    rtc_twcc_note(t, 1, 1090000); /* was overtaken */
    tell(t, f, 1200);
    assert_close(f->arrival_us[1], 1090000);
    assert_close(f->arrival_us[2], 1000000);
    assert_close(f->arrival_us[3], 1000500);
    free(f);
    rtc_twcc_destroy(t);
}

static void test_late_after_it_was_told_lost(void **state)
{
    (void)state;
    struct rtc_twcc *t = create();
    struct fates *f = fates_create();
    rtc_twcc_note(t, 1, 1000);
    rtc_twcc_note(t, 3, 2000);
    tell(t, f, 1200);
    assert_false(f->received[2]);
    rtc_twcc_note(t, 3, 9000); /* a duplicate says nothing new */
    assert_false(rtc_twcc_is_due(t));
    rtc_twcc_note(t, 2, 5000);
    tell(t, f, 1200);
    assert_true(f->received[2]);
    assert_int_equal(f->told[1], 1);
    assert_int_equal(f->told[3], 2);
    assert_close(f->arrival_us[3], 2000);
    free(f);
    rtc_twcc_destroy(t);
}

static void test_leap_beyond_the_window(void **state)
{
    (void)state;
    struct rtc_twcc *t = create();
    struct fates *f = fates_create();
    rtc_twcc_note(t, 1, 1000);
    rtc_twcc_note(t, 1 + RTC_TWCC_WINDOW, 2000);
    rtc_twcc_note(t, 1, 3000); /* older than the window now */
    tell(t, f, 1200);
    assert_int_equal(f->told[1], 0);
    assert_int_equal(f->told[1 + RTC_TWCC_WINDOW], 1);
    free(f);
    rtc_twcc_destroy(t);
}

static void test_window_without_feedback_forgets_the_oldest(void **state)
{
    (void)state;
    struct rtc_twcc *t = create();
    struct fates *f = fates_create();
    for (uint16_t s = 0; s < 3000; s++)
        rtc_twcc_note(t, s, 1000 * s);
    tell(t, f, 1200);
    assert_int_equal(f->told[3000 - RTC_TWCC_WINDOW - 1], 0);
    for (uint16_t s = 3000 - RTC_TWCC_WINDOW; s < 3000; s++) {
        assert_int_equal(f->told[s], 1);
        assert_close(f->arrival_us[s], 1000 * s);
    }
    assert_true(f->packets > 1); /* 2048 deltas do not fit one */
    free(f);
    rtc_twcc_destroy(t);
}

static void test_run_of_losses_is_short(void **state)
{
    (void)state;
    struct rtc_twcc *t = create();
    struct fates *f = fates_create();
    rtc_twcc_note(t, 0, 1000);
    rtc_twcc_note(t, 2000, 2000);
    tell(t, f, 1200);
    assert_int_equal(f->packets, 1);
    assert_true(f->bytes < 24); /* not one bit for each */
    free(f);
    rtc_twcc_destroy(t);
}

/* One random journey: loss, bursts, pauses and reordering, told every now and then. */
static void run_random(uint64_t seed, size_t room)
{
    struct rtc_twcc *t = create();
    struct fates *f = fates_create();
    int64_t *truth = calloc(NUMBERS, sizeof(*truth));
    uint64_t r = seed;
    const uint16_t base = (uint16_t)rnd(&r);
    int64_t now_us = (int64_t)rnd_below(&r, UINT64_C(1) << 40);
    const int64_t cycle_us = (INT64_C(1) << 24) * 64000;

    for (uint32_t i = 0; i < 20000; i++) {
        const uint64_t chance = rnd_below(&r, 1000);
        const uint16_t s = (uint16_t)(base + i);
        now_us += (int64_t)rnd_below(&r, chance < 5 ? 9000000 : chance < 100 ? 80000 : 900);
        if (i > 0 && chance % 7 == 0 && (i / 500) % 2)
            continue; /* lost */
        truth[s] = now_us + (chance % 11 == 0 ? -(int64_t)rnd_below(&r, 30000) : 0);
        if (truth[s] < 0)
            truth[s] = 0;
        rtc_twcc_note(t, s, truth[s]);
        if (chance % 50 == 0)
            tell(t, f, room);
    }
    tell(t, f, room);
    for (uint32_t i = 0; i < 20000; i++) {
        const uint16_t s = (uint16_t)(base + i);
        if (!f->told[s] && i > 19900)
            continue; /* the last ones may be lost, and nothing came after */
        assert_int_equal(f->told[s], 1);
        assert_int_equal(f->received[s], truth[s] != 0);
        if (truth[s])
            assert_close(f->arrival_us[s], truth[s] % cycle_us);
    }
    free(truth);
    free(f);
    rtc_twcc_destroy(t);
}

static void test_random_journeys(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        run_random(seed, 1200);
        run_random(seed, RTC_TWCC_FEEDBACK_MIN + seed);
    }
}

static void count_fate(void *ctx, uint16_t seq, bool is_received, int64_t arrival_us)
{
    (void)seq;
    (void)is_received;
    (void)arrival_us;
    ++*(size_t *)ctx;
}

static void test_parser_at_every_length(void **state)
{
    (void)state;
    /* base 10, 22 statuses: a run of 1 lost, a vector of 14 bits, a vector of 7 times 2 bits */
    static const uint8_t fci[] = {0,    10,   0,    22,   0, 0, 1, 7,    0x00, 0x01,
                                  0xa0, 0x01, 0xd8, 0x00, 4, 8, 1, 0xff, 0xf0};
    size_t calls = 0;
    uint8_t count = 0;
    assert_int_equal(rtc_twcc_parse(fci, sizeof(fci), &count, count_fate, &calls), 0);
    assert_int_equal(calls, 22);
    assert_int_equal(count, 7);
    for (size_t n = 0; n < sizeof(fci); n++) {
        uint8_t *cut = exact_copy(fci, n);
        calls = 0;
        assert_int_equal(rtc_twcc_parse(cut, n, &count, count_fate, &calls), -EBADMSG);
        assert_int_equal(calls, 0);
        free(cut);
    }
}

static void test_parser_is_strict(void **state)
{
    (void)state;
    static const uint8_t none[] = {0, 10, 0, 0, 0, 0, 1, 7};
    static const uint8_t reserved[] = {0, 10, 0, 1, 0, 0, 1, 7, 0x60, 0x01};
    static const uint8_t too_long[] = {0, 10, 0, 1, 0, 0, 1, 7, 0x20, 0x01, 5, 0, 0, 0, 0};
    static const uint8_t empty_runs[] = {0, 10, 0, 1, 0, 0, 1, 7, 0, 0, 0, 0, 0x20, 0x01, 5};
    static const uint8_t most[] = {0,    10,   0xff, 0xff, 0,    0,    1,    7,    0x1f,
                                   0xff, 0x1f, 0xff, 0x1f, 0xff, 0x1f, 0xff, 0x1f, 0xff,
                                   0x1f, 0xff, 0x1f, 0xff, 0x1f, 0xff, 0x1f, 0xff};
    size_t calls = 0;
    assert_int_equal(rtc_twcc_parse(none, sizeof(none), NULL, count_fate, &calls), -EBADMSG);
    assert_int_equal(rtc_twcc_parse(reserved, sizeof(reserved), NULL, count_fate, &calls),
                     -EBADMSG);
    assert_int_equal(rtc_twcc_parse(too_long, sizeof(too_long), NULL, count_fate, &calls),
                     -EBADMSG);
    assert_int_equal(calls, 0);
    assert_int_equal(rtc_twcc_parse(empty_runs, sizeof(empty_runs), NULL, count_fate, &calls), 0);
    assert_int_equal(calls, 1);
    calls = 0;
    assert_int_equal(rtc_twcc_parse(most, sizeof(most), NULL, count_fate, &calls), 0);
    assert_int_equal(calls, 65535);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_tell),
        cmocka_unit_test(test_bytes_of_one_packet),
        cmocka_unit_test(test_gaps_and_the_wrap),
        cmocka_unit_test(test_long_pause_starts_another_packet),
        cmocka_unit_test(test_reordered_arrival_is_a_negative_delta),
        cmocka_unit_test(test_late_after_it_was_told_lost),
        cmocka_unit_test(test_leap_beyond_the_window),
        cmocka_unit_test(test_window_without_feedback_forgets_the_oldest),
        cmocka_unit_test(test_run_of_losses_is_short),
        cmocka_unit_test(test_random_journeys),
        cmocka_unit_test(test_parser_at_every_length),
        cmocka_unit_test(test_parser_is_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
