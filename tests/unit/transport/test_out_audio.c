/* Outgoing audio: copies of what was sent before, and the same bytes when it is sent again. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "pure.h"
#include "transport/feed.h"
#include "transport/out_audio.h"
#include "transport/red.h"

enum { RED = 63, OPUS = 111, SSRC = 77 };

static const int64_t start_us = 1000000;

/* A payload whose bytes tell its number. */
static struct rtc_payloads *make(uint32_t n, size_t size)
{
    struct mcu_packet *packet = mcu_packet_create(size);
    struct rtc_payloads *p;
    memset(packet->data, (int)n, size);
    packet->size = size;
    packet->codec = MCU_CODEC_OPUS;
    assert_int_equal(rtc_payloads_create(&p, packet, 2000), 0);
    mcu_packet_unref(packet);
    return p;
}

struct sent {
    uint8_t bytes[1500];
    int size;
    uint32_t taken;
};

static void send_size(struct rtc_out_audio *a, uint32_t n, uint32_t copies, uint32_t timestamp,
                      size_t size, struct sent *out)
{
    uint8_t header[RTC_RTP_HEADER_MAX];
    const struct rtc_rtp_header h = {.pt = copies ? RED : OPUS,
                                     .seq = (uint16_t)(65530 + n),
                                     .timestamp = timestamp,
                                     .ssrc = SSRC,
                                     .level_dbov = 1};
    struct rtc_payloads *payloads = make(n, size);
    const struct rtc_out_audio_packet p = {.seq = h.seq,
                                           .header = header,
                                           .header_size =
                                               (size_t)rtc_rtp_write(header, sizeof(header), &h),
                                           .media_pt = OPUS,
                                           .copies = copies,
                                           .payloads = payloads,
                                           .now_us = start_us + 20000 * (int64_t)n};
    out->size = rtc_out_audio_put(a, &p, out->bytes, sizeof(out->bytes), &out->taken);
    rtc_payloads_unref(payloads);
    assert_true(out->size > 0);
}

static void send_next(struct rtc_out_audio *a, uint32_t n, uint32_t copies, struct sent *out)
{
    send_size(a, n, copies, n * 960, 40, out);
}

static void read_red(const struct sent *s, struct rtc_red *red)
{
    struct rtc_rtp rtp;
    assert_int_equal(rtc_rtp_parse(&rtp, s->bytes, (size_t)s->size), 0);
    assert_int_equal(rtp.pt, RED);
    assert_int_equal(rtc_red_parse(red, rtp.payload, rtp.payload_size), 0);
    assert_int_equal(red->count, s->taken);
}

static void copies_are_of_the_packets_before(void **state)
{
    (void)state;
    struct rtc_out_audio *a;
    static struct sent s;
    struct rtc_red red;
    assert_int_equal(rtc_out_audio_create(&a), 0);
    send_next(a, 0, 0, &s); /* plain */
    struct rtc_rtp rtp;
    assert_int_equal(rtc_rtp_parse(&rtp, s.bytes, (size_t)s.size), 0);
    assert_int_equal(rtp.pt, OPUS);
    assert_int_equal(rtp.payload_size, 40);
    for (uint32_t n = 1; n < 80; n++) { /* over the wrap of the numbers and of the ring */
        const uint32_t depth = 1 + n % 4;
        send_next(a, n, depth, &s);
        read_red(&s, &red);
        assert_int_equal(red.count, depth < n ? depth : n);
        assert_int_equal(red.primary.data[0], n);
        for (size_t i = 0; i < red.count; i++) {
            const size_t back = red.count - i;
            assert_int_equal(red.copies[i].offset_rtp, 960 * back);
            assert_int_equal(red.copies[i].data[0], n - back);
            assert_int_equal(red.copies[i].pt, OPUS);
        }
    }
    rtc_out_audio_destroy(a);
}

static void a_pause_or_a_leap_back_has_no_copies(void **state)
{
    (void)state;
    struct rtc_out_audio *a;
    static struct sent s;
    assert_int_equal(rtc_out_audio_create(&a), 0);
    send_size(a, 0, 4, 1000, 40, &s);
    send_size(a, 1, 4, 1000 + 16384, 40, &s);
    assert_int_equal(s.taken, 0);
    send_size(a, 2, 4, 1000 + 16384 + 960, 40, &s);
    assert_int_equal(s.taken, 1);
    send_size(a, 3, 4, 500, 40, &s);
    assert_int_equal(s.taken, 0);
    send_size(a, 4, 4, 500 + 65536 + 960, 40, &s); /* 960 in 16 bits */
    assert_int_equal(s.taken, 0);
    rtc_out_audio_destroy(a);
}

static void a_packet_keeps_within_its_size(void **state)
{
    (void)state;
    struct rtc_out_audio *a;
    static struct sent s;
    assert_int_equal(rtc_out_audio_create(&a), 0);
    for (uint32_t n = 0; n < 6; n++)
        send_size(a, n, 4, n * 960, 320, &s);
    assert_int_equal(s.taken, 2); /* 128 kbit/s */
    assert_true(s.size <= RTC_RTP_HEADER_SIZE + RTC_FEED_PAYLOAD_MAX);
    struct rtc_payloads *longest = make(1, RTC_FEED_PAYLOAD_MAX);
    struct rtc_payloads *shorter = make(1, RTC_FEED_PAYLOAD_MAX - RTC_RED_PRIMARY_HEADER);
    assert_false(rtc_out_audio_fits_red(longest));
    assert_true(rtc_out_audio_fits_red(shorter));
    rtc_payloads_unref(longest);
    rtc_payloads_unref(shorter);
    rtc_out_audio_destroy(a);
}

static void what_is_sent_again_is_the_same_or_nothing(void **state)
{
    (void)state;
    struct rtc_out_audio *a;
    static struct sent s[100];
    uint8_t again[1500];
    uint64_t seed = 5;
    assert_int_equal(rtc_out_audio_create(&a), 0);
    size_t same = 0;
    for (uint32_t n = 0; n < 100; n++) {
        send_next(a, n, (uint32_t)rnd_below(&seed, 5), &s[n]);
        const int64_t now_us = start_us + 20000 * (int64_t)n;
        for (uint32_t back = 0; back <= n && back < 40; back++) {
            const int size = rtc_out_audio_again(a, (uint16_t)(65530 + n - back), NULL, now_us, 0,
                                                 again, sizeof(again));
            assert_true(size == -ENOENT || size == s[n - back].size);
            assert_true(size > 0 || back >= RTC_OUT_AUDIO_PACKETS - RTC_RED_COPIES_MAX);
            if (size < 0)
                continue;
            assert_memory_equal(again, s[n - back].bytes, (size_t)size);
            same++;
        }
    }
    assert_true(same > 2000);
    rtc_out_audio_destroy(a);
}

static void it_is_sent_again_once_a_round_trip(void **state)
{
    (void)state;
    struct rtc_out_audio *a;
    static struct sent s;
    uint8_t out[1500];
    assert_int_equal(rtc_out_audio_create(&a), 0);
    send_next(a, 0, 0, &s);
    const uint16_t seq = 65530;
    const int64_t t = start_us + 1000;
    assert_int_equal(rtc_out_audio_again(a, seq, NULL, t, 50000, out, sizeof(out)), s.size);
    assert_int_equal(rtc_out_audio_again(a, seq, NULL, t + 39000, 60000, out, sizeof(out)),
                     -EALREADY);
    assert_int_equal(rtc_out_audio_again(a, seq, NULL, t + 50000, 60000, out, sizeof(out)), s.size);
    assert_int_equal(rtc_out_audio_again(a, (uint16_t)(seq + 1), NULL, t, 50000, out, sizeof(out)),
                     -ENOENT);
    assert_int_equal(
        rtc_out_audio_again(a, seq, NULL, start_us + RTC_OUT_AUDIO_US + 1, 0, out, sizeof(out)),
        -ENOENT);
    assert_int_equal(rtc_out_audio_again(a, seq, NULL, t + 200000, 0, out, 20), -ENOSPC);
    rtc_out_audio_destroy(a);
}

static void by_rtx_the_primary_comes_alone(void **state)
{
    (void)state;
    struct rtc_out_audio *a;
    static struct sent s;
    uint8_t out[1500];
    struct rtc_rtx rtx = {.pt = 120, .ssrc = 99, .seq = 7};
    struct rtc_rtp rtp;
    assert_int_equal(rtc_out_audio_create(&a), 0);
    send_next(a, 0, 2, &s);
    send_next(a, 1, 2, &s);
    const int n =
        rtc_out_audio_again(a, (uint16_t)65531, &rtx, start_us + 30000, 0, out, sizeof(out));
    assert_true(n > 0);
    assert_int_equal(rtx.seq, 8);
    assert_int_equal(rtc_rtp_parse(&rtp, out, (size_t)n), 0);
    assert_int_equal(rtp.pt, 120);
    assert_int_equal(rtp.ssrc, 99);
    assert_int_equal(rtp.seq, 7);
    assert_int_equal(rtc_rtx_unwrap(&rtp, OPUS, SSRC), 0);
    assert_int_equal(rtp.seq, 65531);
    assert_int_equal(rtp.timestamp, 960);
    assert_int_equal(rtp.payload_size, 40);
    assert_int_equal(rtp.payload[0], 1);
    rtc_out_audio_destroy(a);
}

/* The mixer's packets go round in a ring: a stream that stopped must not hold them. */
static void what_is_old_is_given_back(void **state)
{
    (void)state;
    struct rtc_out_audio *a;
    struct mcu_packet *packet = mcu_packet_create(40);
    struct rtc_payloads *p;
    uint8_t header[12] = {0x80}, out[1500];
    uint32_t taken;
    packet->size = 40;
    assert_int_equal(rtc_payloads_create(&p, packet, 1000), 0);
    assert_int_equal(rtc_out_audio_create(&a), 0);
    for (uint16_t i = 0; i < 50; i++) {
        const struct rtc_out_audio_packet sent = {
            .seq = i, .header = header, .header_size = 12, .payloads = p, .now_us = start_us};
        assert_true(rtc_out_audio_put(a, &sent, out, sizeof(out), &taken) > 0);
    }
    assert_int_equal(atomic_load(&p->refs), 1 + RTC_OUT_AUDIO_PACKETS);
    for (int i = 0; i < RTC_OUT_AUDIO_PACKETS; i++)
        rtc_out_audio_tick(a, start_us + RTC_OUT_AUDIO_US);
    assert_int_equal(atomic_load(&p->refs), 1 + RTC_OUT_AUDIO_PACKETS);
    for (int i = 0; i < RTC_OUT_AUDIO_PACKETS; i++)
        rtc_out_audio_tick(a, start_us + RTC_OUT_AUDIO_US + 1);
    assert_int_equal(atomic_load(&p->refs), 1);
    rtc_out_audio_destroy(a);
    rtc_payloads_unref(p);
    mcu_packet_unref(packet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_of_the_packets_before),
        cmocka_unit_test(a_pause_or_a_leap_back_has_no_copies),
        cmocka_unit_test(a_packet_keeps_within_its_size),
        cmocka_unit_test(what_is_sent_again_is_the_same_or_nothing),
        cmocka_unit_test(it_is_sent_again_once_a_round_trip),
        cmocka_unit_test(by_rtx_the_primary_comes_alone),
        cmocka_unit_test(what_is_old_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
