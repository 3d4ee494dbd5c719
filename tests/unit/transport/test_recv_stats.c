/* Receiver statistics against RFC 3550's own words, and the round trip. */
#include "tests/unit/transport/pure.h"
#include "transport/recv_stats.h"
#include "transport/seq.h"

enum { MS = 1000 };

static struct rtc_rtcp_block block_at(struct rtc_recv_stats *s, int64_t now_us)
{
    struct rtc_rtcp_block b;
    rtc_recv_stats_block(s, now_us, &b);
    return b;
}

static void test_nothing_received(void **state)
{
    (void)state;
    struct rtc_recv_stats s;
    rtc_recv_stats_init(&s, 9, 90000);
    const struct rtc_rtcp_block b = block_at(&s, 1000);
    assert_int_equal(b.ssrc, 9);
    assert_int_equal(b.fraction, 0);
    assert_int_equal(b.lost, 0);
    assert_int_equal(b.highest, 0);
    assert_int_equal(b.lsr, 0);
    assert_int_equal(b.dlsr, 0);
    assert_int_equal(rtc_recv_stats_lost(&s), 0);
}

static void test_loss_wraps_and_late_packets(void **state)
{
    (void)state;
    struct rtc_recv_stats s;
    struct rtc_unwrap u = {0};
    rtc_recv_stats_init(&s, 9, 48000);
    for (uint32_t i = 65526; i < 65546; i++) /* 20 numbers over the wrap, every fourth lost */
        if (i % 4)
            rtc_recv_stats_packet(&s, rtc_unwrap16(&u, (uint16_t)i), i * 960, 100, i * 20 * MS);
    struct rtc_rtcp_block b = block_at(&s, 0);
    assert_int_equal(b.highest, 0x10000 + 9);
    assert_int_equal(b.lost, 5);
    assert_int_equal(b.fraction, 5 * 256 / 20);
    assert_int_equal(s.bytes, 1500);
    rtc_recv_stats_packet(&s, rtc_unwrap16(&u, 65528), 65528u * 960, 100, 0); /* late */
    b = block_at(&s, 0);
    assert_int_equal(b.lost, 4);
    assert_int_equal(b.fraction, 0); /* nothing was expected since */
    assert_int_equal(b.highest, 0x10000 + 9);
}

static void test_fraction_is_of_the_last_interval(void **state)
{
    (void)state;
    struct rtc_recv_stats s;
    rtc_recv_stats_init(&s, 9, 48000);
    for (uint64_t i = 0; i < 100; i++)
        rtc_recv_stats_packet(&s, 0x10000 + i, 0, 0, 0);
    assert_int_equal(block_at(&s, 0).fraction, 0);
    rtc_recv_stats_packet(&s, 0x10000 + 199, 0, 0, 0); /* 99 of 100 lost */
    assert_int_equal(block_at(&s, 0).fraction, 253);
    assert_int_equal(rtc_recv_stats_lost(&s), 99);
}

static void test_duplicates_make_loss_negative(void **state)
{
    (void)state;
    struct rtc_recv_stats s;
    rtc_recv_stats_init(&s, 9, 48000);
    for (int i = 0; i < 5; i++)
        rtc_recv_stats_packet(&s, 0x10000, 0, 0, 0);
    const struct rtc_rtcp_block b = block_at(&s, 0);
    assert_int_equal(b.lost, -4);
    assert_int_equal(b.fraction, 0);
    assert_int_equal(rtc_recv_stats_lost(&s), 0);
}

static void test_first_packets_out_of_order(void **state)
{
    (void)state;
    struct rtc_recv_stats s;
    rtc_recv_stats_init(&s, 9, 48000);
    rtc_recv_stats_packet(&s, 0x10002, 0, 0, 0);
    rtc_recv_stats_packet(&s, 0x10000, 0, 0, 0);
    assert_int_equal(block_at(&s, 0).lost, 1);
}

static void test_loss_is_bounded_to_24_bits(void **state)
{
    (void)state;
    struct rtc_recv_stats s;
    rtc_recv_stats_init(&s, 9, 48000);
    rtc_recv_stats_packet(&s, 0x10000, 0, 0, 0);
    rtc_recv_stats_packet(&s, UINT64_C(1) << 40, 0, 0, 0);
    const struct rtc_rtcp_block b = block_at(&s, 0);
    assert_int_equal(b.lost, 0x7fffff);
    assert_int_equal(b.fraction, 255);
}

static void test_jitter(void **state)
{
    (void)state;
    struct rtc_recv_stats s;
    rtc_recv_stats_init(&s, 9, 48000);
    int64_t reference_16 = 0;
    for (uint32_t i = 0; i < 500; i++) { /* every other packet is 5 ms late: D is 240 ticks */
        const int64_t late_us = i % 2 ? 5 * MS : 0;
        rtc_recv_stats_packet(&s, 0x10000 + i, 0xffff0000 + i * 960, 0, i * 20 * MS + late_us);
        if (i > 0)
            reference_16 += 240 - ((reference_16 + 8) >> 4);
    }
    assert_int_equal(block_at(&s, 0).jitter_rtp, reference_16 >> 4);
    assert_in_range(rtc_recv_stats_jitter_us(&s), 4600, 5000);
}

static void test_jitter_of_video_bursts_is_none(void **state)
{
    (void)state;
    struct rtc_recv_stats s;
    rtc_recv_stats_init(&s, 9, 90000);
    uint64_t seq = 0x10000;
    for (uint32_t frame = 0; frame < 100; frame++)
        for (int i = 0; i < 5; i++) /* one frame spread over 10 ms */
            rtc_recv_stats_packet(&s, seq++, frame * 3000, 0, frame * 33333 + i * 2 * MS);
    assert_in_range(rtc_recv_stats_jitter_us(&s), 0, 20);
}

static void test_leap_of_timestamps_is_no_jitter(void **state)
{
    (void)state;
    struct rtc_recv_stats s;
    rtc_recv_stats_init(&s, 9, 90000);
    rtc_recv_stats_packet(&s, 0x10000, 0, 0, 0);
    rtc_recv_stats_packet(&s, 0x10001, 0x70000000, 0, 33 * MS);
    rtc_recv_stats_packet(&s, 0x10002, 0x70000000 + 2970, 0, 66 * MS);
    assert_int_equal(rtc_recv_stats_jitter_us(&s), 0);
}

static void test_round_trip(void **state)
{
    (void)state;
    /* We send a report at ntp; it takes 30 ms there, stays 1.5 s, takes 50 ms back. */
    const uint64_t ntp = UINT64_C(0xabcd1234) << 32 | 0x80000000;
    struct rtc_recv_stats far;
    rtc_recv_stats_init(&far, 1, 48000);
    rtc_recv_stats_report(&far, ntp, 1000 * MS);
    const struct rtc_rtcp_block b = block_at(&far, 2500 * MS);
    assert_int_equal(b.lsr, 0x12348000);
    assert_int_equal(b.dlsr, 65536 * 3 / 2);
    const uint64_t now = ntp + (UINT64_C(1580) << 32) / 1000;
    assert_in_range(rtc_rtt_us(now, &b), 79900, 80100);

    assert_int_equal(rtc_rtt_us(ntp + (UINT64_C(1500) << 32) / 1000 - 100000, &b),
                     0);                       /* rounding */
    assert_int_equal(rtc_rtt_us(ntp, &b), -1); /* answered before it was sent */
    assert_int_equal(rtc_rtt_us(ntp + (UINT64_C(70) << 32), &b), -1); /* nobody waits a minute */
    assert_int_equal(rtc_rtt_us(now, &(struct rtc_rtcp_block){.dlsr = 5}), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_received),
        cmocka_unit_test(test_loss_wraps_and_late_packets),
        cmocka_unit_test(test_fraction_is_of_the_last_interval),
        cmocka_unit_test(test_duplicates_make_loss_negative),
        cmocka_unit_test(test_first_packets_out_of_order),
        cmocka_unit_test(test_loss_is_bounded_to_24_bits),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_jitter_of_video_bursts_is_none),
        cmocka_unit_test(test_leap_of_timestamps_is_no_jitter),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
