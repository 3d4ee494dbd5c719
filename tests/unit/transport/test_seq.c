/* Wide numbers: wraps, reordering and leaps. */
#include "tests/unit/transport/pure.h"
#include "transport/seq.h"

static void test_after_is_modulo(void **state)
{
    (void)state;
    assert_true(rtc_seq_after(1, 0));
    assert_true(rtc_seq_after(0, 65535));
    assert_true(rtc_seq_after(10, 65500));
    assert_false(rtc_seq_after(0, 0));
    assert_false(rtc_seq_after(65535, 0));
    assert_false(rtc_seq_after(0x8000, 0)); /* exactly half: neither is after */
    assert_false(rtc_seq_after(0, 0x8000));
}

static void test_wraps_forward_and_back(void **state)
{
    (void)state;
    struct rtc_unwrap u = {0};
    assert_int_equal(rtc_unwrap16(&u, 65534), 0x10000 + 65534);
    assert_int_equal(rtc_unwrap16(&u, 1), 0x20001);
    assert_int_equal(rtc_unwrap16(&u, 65535), 0x1ffff); /* late, from before the wrap */
    assert_int_equal(u.highest, 0x20001);
    assert_int_equal(rtc_unwrap16(&u, 0x8000), 0x28000);
}

static void test_before_the_first_stays_positive(void **state)
{
    (void)state;
    struct rtc_unwrap u = {0};
    assert_int_equal(rtc_unwrap16(&u, 0), 0x10000);
    assert_int_equal(rtc_unwrap16(&u, 65535), 0xffff);
    assert_int_equal(rtc_unwrap16(&u, 0x8000), 0x8000); /* as far back as it goes */
}

static void test_peek_changes_nothing(void **state)
{
    (void)state;
    struct rtc_unwrap u = {0};
    rtc_unwrap32(&u, 0xfffffff0);
    assert_int_equal(rtc_unwrap32_peek(&u, 16), UINT64_C(0x200000010));
    assert_int_equal(u.highest, UINT64_C(0x1fffffff0));
    assert_int_equal(rtc_unwrap32(&u, 16), UINT64_C(0x200000010));
}

static void test_random_walk_against_true_numbers(void **state)
{
    (void)state;
    uint64_t r = 42;
    struct rtc_unwrap u16 = {0}, u32 = {0};
    uint64_t t16 = 0x10000 + 77, t32 = UINT64_C(0x100000000) + 99;
    uint64_t high16 = t16, high32 = t32;
    rtc_unwrap16(&u16, 77);
    rtc_unwrap32(&u32, 99);
    for (int i = 0; i < 100000; i++) {
        t16 = high16 + rnd_below(&r, 2000) - 1000;
        t32 = high32 + rnd_below(&r, 0x70000000) - 0x20000000;
        if (t16 < 0x8000 || t32 < 0x80000000)
            continue;
        assert_int_equal(rtc_unwrap16(&u16, (uint16_t)t16), t16);
        assert_int_equal(rtc_unwrap32(&u32, (uint32_t)t32), t32);
        high16 = t16 > high16 ? t16 : high16;
        high32 = t32 > high32 ? t32 : high32;
    }
    assert_true(high16 > 20 * 0x10000); /* it did wrap, often */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_after_is_modulo),
        cmocka_unit_test(test_wraps_forward_and_back),
        cmocka_unit_test(test_before_the_first_stays_positive),
        cmocka_unit_test(test_peek_changes_nothing),
        cmocka_unit_test(test_random_walk_against_true_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
