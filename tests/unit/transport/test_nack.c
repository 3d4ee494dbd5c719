/* When missing numbers are asked for, and when no more. */
#include <errno.h>

#include "tests/unit/transport/pure.h"
#include "transport/nack.h"

enum { MS = 1000 };

static struct rtc_nack *create(void)
{
    struct rtc_nack *n = NULL;
    assert_int_equal(rtc_nack_create(&n, NULL), 0);
    return n;
}

static size_t due(struct rtc_nack *n, int64_t now_us, uint16_t *out)
{
    return rtc_nack_due(n, now_us, 40 * MS, out, 2000);
}

static void test_conf_is_checked(void **state)
{
    (void)state;
    struct rtc_nack *n = NULL;
    assert_int_equal(rtc_nack_create(&n, &(struct rtc_nack_conf){-1, 1, 1}), -EINVAL);
    assert_int_equal(rtc_nack_create(&n, &(struct rtc_nack_conf){0, 0, 1}), -EINVAL);
    assert_int_equal(rtc_nack_create(&n, &(struct rtc_nack_conf){0, 1, 0}), -EINVAL);
    assert_null(n);
    rtc_nack_destroy(NULL);
}

static void test_in_order_asks_for_nothing(void **state)
{
    (void)state;
    struct rtc_nack *n = create();
    uint16_t out[2000];
    for (uint64_t s = 100; s < 5000; s++)
        assert_false(rtc_nack_received(n, s, (int64_t)s));
    assert_int_equal(rtc_nack_outstanding(n), 0);
    assert_int_equal(due(n, 1000 * MS, out), 0);
    rtc_nack_destroy(n);
}

static void test_reordered_is_not_asked_for(void **state)
{
    (void)state;
    struct rtc_nack *n = create();
    uint16_t out[2000];
    rtc_nack_received(n, 65536, 0);
    rtc_nack_received(n, 65538, 1 * MS);
    assert_int_equal(rtc_nack_outstanding(n), 1);
    assert_int_equal(due(n, 10 * MS, out), 0); /* 9 ms: may be on its way */
    rtc_nack_received(n, 65537, 10 * MS);
    assert_int_equal(rtc_nack_outstanding(n), 0);
    assert_int_equal(due(n, 100 * MS, out), 0);
    rtc_nack_destroy(n);
}

static void test_asked_again_each_round_trip_until_it_comes(void **state)
{
    (void)state;
    struct rtc_nack *n = create();
    uint16_t out[2000];
    rtc_nack_received(n, 65534, 0);
    rtc_nack_received(n, 65537, 0);
    assert_int_equal(due(n, 10 * MS, out), 2);
    assert_int_equal(out[0], 65535);
    assert_int_equal(out[1], 0); /* over the wrap */
    assert_int_equal(due(n, 10 * MS, out), 0);
    assert_int_equal(due(n, 50 * MS, out), 0); /* a round trip, but the answer may be late */
    rtc_nack_received(n, 65535, 60 * MS);
    assert_int_equal(due(n, 65 * MS, out), 1);
    assert_int_equal(out[0], 0);
    rtc_nack_received(n, 65536, 100 * MS);
    assert_int_equal(due(n, 900 * MS, out), 0);
    assert_int_equal(rtc_nack_given_up(n), 0);
    rtc_nack_destroy(n);
}

static void test_unknown_round_trip_waits_100_ms(void **state)
{
    (void)state;
    struct rtc_nack *n = create();
    uint16_t out[4];
    rtc_nack_received(n, 1, 0);
    rtc_nack_received(n, 3, 0);
    assert_int_equal(rtc_nack_due(n, 10 * MS, -1, out, 4), 1);
    assert_int_equal(rtc_nack_due(n, 109 * MS, -1, out, 4), 0);
    assert_int_equal(rtc_nack_due(n, 110 * MS, -1, out, 4), 1);
    rtc_nack_destroy(n);
}

static void test_given_up_after_tries(void **state)
{
    (void)state;
    const struct rtc_nack_conf conf = {.reorder_us = 0, .max_age_us = 60000 * MS, .max_tries = 3};
    struct rtc_nack *n = NULL;
    uint16_t out[4];
    size_t asked = 0;
    assert_int_equal(rtc_nack_create(&n, &conf), 0);
    rtc_nack_received(n, 1, 0);
    rtc_nack_received(n, 3, 0);
    for (int64_t t = 0; t < 5000 * MS; t += 5 * MS)
        asked += rtc_nack_due(n, t, 40 * MS, out, 4);
    assert_int_equal(asked, 3);
    assert_int_equal(rtc_nack_outstanding(n), 0);
    assert_int_equal(rtc_nack_given_up(n), 1);
    rtc_nack_destroy(n);
}

static void test_given_up_by_age(void **state)
{
    (void)state;
    struct rtc_nack *n = create();
    uint16_t out[2000];
    rtc_nack_received(n, 1, 0);
    rtc_nack_received(n, 3, 0);
    assert_int_equal(due(n, 1001 * MS, out), 0);
    assert_int_equal(rtc_nack_outstanding(n), 0);
    assert_int_equal(rtc_nack_given_up(n), 1);
    rtc_nack_destroy(n);
}

static void test_too_many_missing_wants_a_key_frame(void **state)
{
    (void)state;
    struct rtc_nack *n = create();
    uint16_t out[2000];
    rtc_nack_received(n, 1, 0);
    assert_false(rtc_nack_received(n, 2 + RTC_NACK_MAX, 0));
    assert_int_equal(rtc_nack_outstanding(n), RTC_NACK_MAX);
    assert_int_equal(due(n, 10 * MS, out), RTC_NACK_MAX);
    assert_true(rtc_nack_received(n, 4 + RTC_NACK_MAX, 0)); /* one too many */
    assert_int_equal(rtc_nack_outstanding(n), 0);
    assert_int_equal(rtc_nack_given_up(n), RTC_NACK_MAX);
    assert_true(rtc_nack_received(n, UINT64_C(1) << 40, 0));
    assert_int_equal(due(n, 100 * MS, out), 0);
    assert_false(rtc_nack_received(n, (UINT64_C(1) << 40) + 2, 100 * MS)); /* goes on from there */
    assert_int_equal(due(n, 200 * MS, out), 1);
    rtc_nack_destroy(n);
}

static void test_capacity_takes_the_oldest_first(void **state)
{
    (void)state;
    struct rtc_nack *n = create();
    uint16_t out[3];
    rtc_nack_received(n, 10, 0);
    rtc_nack_received(n, 16, 0);
    assert_int_equal(rtc_nack_due(n, 10 * MS, 0, out, 3), 3);
    assert_int_equal(out[0], 11);
    assert_int_equal(out[2], 13);
    assert_int_equal(rtc_nack_due(n, 10 * MS, 0, out, 3), 2);
    assert_int_equal(out[0], 14);
    rtc_nack_destroy(n);
}

static void test_forgotten_below(void **state)
{
    (void)state;
    struct rtc_nack *n = create();
    uint16_t out[2000];
    rtc_nack_received(n, 10, 0);
    rtc_nack_received(n, 20, 0);
    rtc_nack_forget_below(n, 18);
    assert_int_equal(rtc_nack_outstanding(n), 2);
    assert_int_equal(due(n, 10 * MS, out), 2);
    assert_int_equal(out[0], 18);
    rtc_nack_forget_below(n, 1000);
    assert_int_equal(rtc_nack_outstanding(n), 0);
    assert_int_equal(rtc_nack_given_up(n), 0);
    rtc_nack_destroy(n);
}

static void test_what_the_ring_cannot_hold_is_given_up(void **state)
{
    (void)state;
    struct rtc_nack *n = create();
    uint16_t out[2000];
    rtc_nack_received(n, 1, 0);
    rtc_nack_received(n, 3, 0);
    for (uint64_t s = 4; s < 3000; s += s == 2000 ? 2 : 1)
        rtc_nack_received(n, s, 1 * MS);
    assert_int_equal(due(n, 20 * MS, out), 1);
    assert_int_equal(out[0], 2001);
    assert_true(rtc_nack_outstanding(n) <= 2);
    rtc_nack_destroy(n);
}

static void test_random_against_a_plain_set(void **state)
{
    (void)state;
    enum { N = 4000 };
    struct rtc_nack *n = create();
    static uint8_t missing[N];
    uint64_t r = 11;
    uint64_t highest = 0;
    rtc_nack_received(n, 0x10000, 0);
    for (uint64_t i = 1; i < N; i++) {
        const uint64_t s = rnd_below(&r, 4) == 0 && highest > 100 ? highest - rnd_below(&r, 100)
                                                                  : highest + 1 + rnd_below(&r, 4);
        if (s >= N)
            break;
        for (uint64_t k = highest + 1; k < s; k++)
            missing[k] = 1;
        missing[s] = 0;
        highest = s > highest ? s : highest;
        assert_false(rtc_nack_received(n, 0x10000 + s, 0));
        size_t count = 0, recent = highest > 900 ? highest - 900 : 0;
        for (uint64_t k = 0; k < highest; k++) {
            count += missing[k];
            if (missing[k] && k < recent) { /* stays well inside the ring */
                rtc_nack_forget_below(n, 0x10000 + k + 1);
                missing[k] = 0;
                count--;
            }
        }
        assert_int_equal(rtc_nack_outstanding(n), count);
    }
    static uint16_t out[N];
    const size_t asked = rtc_nack_due(n, 20 * MS, 0, out, N);
    size_t at = 0;
    for (uint64_t k = 0; k < N; k++)
        if (missing[k])
            assert_int_equal(out[at++], (uint16_t)k);
    assert_int_equal(asked, at);
    assert_true(at > 50);
    rtc_nack_destroy(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conf_is_checked),
        cmocka_unit_test(test_in_order_asks_for_nothing),
        cmocka_unit_test(test_reordered_is_not_asked_for),
        cmocka_unit_test(test_asked_again_each_round_trip_until_it_comes),
        cmocka_unit_test(test_unknown_round_trip_waits_100_ms),
        cmocka_unit_test(test_given_up_after_tries),
        cmocka_unit_test(test_given_up_by_age),
        cmocka_unit_test(test_too_many_missing_wants_a_key_frame),
        cmocka_unit_test(test_capacity_takes_the_oldest_first),
        cmocka_unit_test(test_forgotten_below),
        cmocka_unit_test(test_what_the_ring_cannot_hold_is_given_up),
        cmocka_unit_test(test_random_against_a_plain_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
