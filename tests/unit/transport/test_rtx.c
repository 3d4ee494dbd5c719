/* The send history, and RTX packets there and back. */
#include <errno.h>

#include "tests/unit/transport/pure.h"
#include "transport/rtx.h"

enum { MS = 1000 };

/* What was sent, in full, to compare with. */
struct sent_packet {
    uint8_t data[RTC_MTU];
    size_t size;
    size_t header_size;
};

static struct rtc_history *create(void)
{
    struct rtc_history *h = NULL;
    assert_int_equal(rtc_history_create(&h), 0);
    return h;
}

static struct rtc_payloads *payloads_of(size_t size, uint64_t *r)
{
    struct mcu_packet *packet = mcu_packet_create(size);
    struct rtc_payloads *p = NULL;
    assert_non_null(packet);
    packet->codec = MCU_CODEC_VP8;
    packet->size = size;
    for (size_t i = 0; i < size; i++)
        packet->data[i] = (uint8_t)rnd(r);
    assert_int_equal(rtc_payloads_create(&p, packet, 1000), 0);
    mcu_packet_unref(packet);
    return p;
}

/* Sends one slice: header with a transport-wide number, six bytes of descriptor, data. */
static void send_slice(struct rtc_history *h, uint16_t seq, struct rtc_payloads *p, size_t slice,
                       int64_t now_us, struct sent_packet *out)
{
    const struct rtc_rtp_header header = {
        .marker = p->slices[slice].is_last,
        .pt = 96,
        .seq = seq,
        .timestamp = 0x12345678,
        .ssrc = 1,
        .ext = {.transport_cc = 5},
        .transport_seq = (uint16_t)(seq + 7),
    };
    const int n = rtc_rtp_write(out->data, sizeof(out->data), &header);
    assert_true(n > 0);
    out->header_size = (size_t)n;
    memcpy(out->data + n, "descr.", 6);
    memcpy(out->data + n + 6, p->slices[slice].data, p->slices[slice].size);
    out->size = out->header_size + 6 + p->slices[slice].size;
    assert_int_equal(rtc_history_put(h, seq, out->data, out->header_size + 6, out->header_size, p,
                                     slice, now_us),
                     0);
}

static void test_rtx_there_and_back(void **state)
{
    (void)state;
    uint64_t r = 21;
    struct rtc_history *h = create();
    struct rtc_payloads *p = payloads_of(2500, &r);
    struct rtc_rtx rtx = {.pt = 97, .ssrc = 2, .seq = 65535};
    struct sent_packet sent[3];
    assert_int_equal(p->count, 3);
    for (size_t i = 0; i < 3; i++)
        send_slice(h, (uint16_t)(65534 + i), p, i, 0, &sent[i]);
    rtc_payloads_unref(p); /* the history holds it */

    for (size_t i = 0; i < 3; i++) {
        uint8_t out[RTC_MTU];
        struct rtc_rtp got, was;
        uint16_t transport_seq;
        const uint16_t seq = (uint16_t)(65534 + i);
        const int n = rtc_history_build_rtx(h, seq, &rtx, 10 * MS, 50 * MS, out, sizeof(out));
        assert_int_equal(n, sent[i].size + RTC_RTX_OVERHEAD);
        assert_int_equal(rtc_rtp_parse(&got, out, (size_t)n), 0);
        assert_int_equal(rtc_rtp_parse(&was, sent[i].data, sent[i].size), 0);
        assert_int_equal(got.pt, 97);
        assert_int_equal(got.ssrc, 2);
        assert_int_equal(got.seq, (uint16_t)(65535 + i));
        assert_int_equal(rtc_rtp_get_transport_seq(&got, 5, &transport_seq), 0);

        assert_int_equal(rtc_rtx_unwrap(&got, 96, 1), 0);
        assert_int_equal(got.seq, seq);
        assert_int_equal(got.pt, 96);
        assert_int_equal(got.ssrc, 1);
        assert_int_equal(got.timestamp, was.timestamp);
        assert_int_equal(got.marker, was.marker);
        assert_int_equal(got.payload_size, was.payload_size);
        assert_memory_equal(got.payload, was.payload, was.payload_size);
    }
    assert_int_equal(rtx.seq, 2);
    rtc_history_destroy(h);
    rtc_history_destroy(NULL);
}

static void test_plain_is_byte_for_byte_the_same(void **state)
{
    (void)state;
    uint64_t r = 22;
    struct rtc_history *h = create();
    struct rtc_payloads *p = payloads_of(300, &r);
    struct sent_packet sent;
    uint8_t out[RTC_MTU];
    send_slice(h, 5, p, 0, 0, &sent);
    assert_int_equal(rtc_history_build_plain(h, 5, 1, 0, out, sizeof(out)), sent.size);
    assert_memory_equal(out, sent.data, sent.size);
    rtc_payloads_unref(p);
    rtc_history_destroy(h);
}

static void test_once_per_round_trip(void **state)
{
    (void)state;
    uint64_t r = 23;
    struct rtc_history *h = create();
    struct rtc_payloads *p = payloads_of(300, &r);
    struct rtc_rtx rtx = {.pt = 97, .ssrc = 2};
    struct sent_packet sent;
    uint8_t out[RTC_MTU];
    send_slice(h, 5, p, 0, 0, &sent);
    assert_true(rtc_history_build_rtx(h, 5, &rtx, 0, 50 * MS, out, sizeof(out)) > 0);
    assert_int_equal(rtc_history_build_rtx(h, 5, &rtx, 39 * MS, 60 * MS, out, sizeof(out)),
                     -EALREADY);
    /* Asked for a little early, by another reckoning of the round trip. */
    assert_true(rtc_history_build_rtx(h, 5, &rtx, 50 * MS, 60 * MS, out, sizeof(out)) > 0);
    assert_int_equal(rtc_history_build_rtx(h, 5, &rtx, 60 * MS, -1, out, sizeof(out)), -EALREADY);
    assert_true(rtc_history_build_rtx(h, 5, &rtx, 70 * MS, -1, out, sizeof(out)) > 0);
    assert_int_equal(rtx.seq, 3);
    rtc_payloads_unref(p);
    rtc_history_destroy(h);
}

static void test_too_little_room_is_not_a_resend(void **state)
{
    (void)state;
    uint64_t r = 24;
    struct rtc_history *h = create();
    struct rtc_payloads *p = payloads_of(100, &r);
    struct rtc_rtx rtx = {.pt = 97, .ssrc = 2};
    struct sent_packet sent;
    send_slice(h, 5, p, 0, 0, &sent);
    for (size_t n = 0; n < sent.size + RTC_RTX_OVERHEAD; n++) {
        uint8_t *small = exact_copy(sent.data, n < sent.size ? n : sent.size);
        small = realloc(small, n ? n : 1);
        assert_int_equal(rtc_history_build_rtx(h, 5, &rtx, 0, 50 * MS, small, n), -ENOSPC);
        free(small);
    }
    assert_int_equal(rtx.seq, 0);
    rtc_payloads_unref(p);
    rtc_history_destroy(h);
}

static void test_misses(void **state)
{
    (void)state;
    uint64_t r = 25;
    struct rtc_history *h = create();
    struct rtc_payloads *p = payloads_of(100, &r);
    struct rtc_rtx rtx = {.pt = 97, .ssrc = 2};
    struct sent_packet sent;
    uint8_t out[RTC_MTU];
    assert_int_equal(rtc_history_build_rtx(h, 0, &rtx, 0, 0, out, sizeof(out)), -ENOENT);
    send_slice(h, 5, p, 0, 0, &sent);
    assert_int_equal(rtc_history_build_rtx(h, 4, &rtx, 0, 0, out, sizeof(out)), -ENOENT);
    assert_int_equal(
        rtc_history_build_rtx(h, 5 + RTC_HISTORY_PACKETS, &rtx, 0, 0, out, sizeof(out)), -ENOENT);
    assert_int_equal(rtc_history_build_rtx(h, 5, &rtx, RTC_HISTORY_US + 1, 0, out, sizeof(out)),
                     -ENOENT);
    assert_int_equal(rtc_history_put(h, 6, sent.data, 11, 11, p, 0, 0), -EINVAL);
    assert_int_equal(rtc_history_put(h, 6, sent.data, RTC_HISTORY_HEAD_MAX + 1, 12, p, 0, 0),
                     -EINVAL);
    assert_int_equal(rtc_history_put(h, 6, sent.data, 12, 13, p, 0, 0), -EINVAL);
    assert_int_equal(rtc_history_put(h, 6, sent.data, 12, 12, p, 1, 0), -EINVAL);
    rtc_payloads_unref(p);
    rtc_history_destroy(h);
}

static int refs(const struct rtc_payloads *p)
{
    return atomic_load(&p->refs);
}

static void test_references_are_given_back_in_time(void **state)
{
    (void)state;
    uint64_t r = 26;
    struct rtc_history *h = create();
    struct rtc_payloads *old = payloads_of(100, &r);
    struct rtc_payloads *p = payloads_of(100, &r);
    struct sent_packet sent;
    send_slice(h, 1, old, 0, 0, &sent);
    send_slice(h, 2, old, 0, 1, &sent);
    assert_int_equal(refs(old), 3);
    send_slice(h, 3, p, 0, RTC_HISTORY_US + 1, &sent);
    assert_int_equal(refs(old), 2); /* 1 is too old, 2 just not */
    send_slice(h, 4, p, 0, RTC_HISTORY_US + 2, &sent);
    assert_int_equal(refs(old), 1);
    for (uint16_t s = 5; s < 3000; s++) /* full: the oldest gives way */
        send_slice(h, s, p, 0, RTC_HISTORY_US + 2, &sent);
    assert_int_equal(refs(p), 1 + RTC_HISTORY_PACKETS);
    send_slice(h, 2999 + 100, p, 0, RTC_HISTORY_US + 2, &sent); /* numbers left out */
    assert_int_equal(refs(p), 1 + RTC_HISTORY_PACKETS - 99);
    send_slice(h, 60000, p, 0, RTC_HISTORY_US + 2, &sent); /* a leap */
    assert_int_equal(refs(p), 2);
    rtc_history_clear(h);
    assert_int_equal(refs(p), 1);
    rtc_payloads_unref(p);
    rtc_payloads_unref(old);
    rtc_history_destroy(h);
}

static void test_wrap_keeps_what_is_before_it(void **state)
{
    (void)state;
    uint64_t r = 27;
    struct rtc_history *h = create();
    struct rtc_payloads *p = payloads_of(100, &r);
    struct rtc_rtx rtx = {.pt = 97, .ssrc = 2};
    struct sent_packet sent;
    uint8_t out[RTC_MTU];
    for (uint32_t s = 65000; s < 65536 + 400; s++)
        send_slice(h, (uint16_t)s, p, 0, 0, &sent);
    for (uint32_t s = 65000; s < 65536 + 400; s++)
        assert_true(rtc_history_build_rtx(h, (uint16_t)s, &rtx, 0, 0, out, sizeof(out)) > 0);
    rtc_payloads_unref(p);
    rtc_history_destroy(h);
}

static void test_unwrap_of_probes_and_garbage(void **state)
{
    (void)state;
    static const uint8_t one[1] = {7};
    static const uint8_t two[2] = {0x12, 0x34};
    struct rtc_rtp rtp = {.payload = one, .payload_size = 0};
    assert_int_equal(rtc_rtx_unwrap(&rtp, 96, 1), -ENODATA);
    rtp.payload_size = 1;
    assert_int_equal(rtc_rtx_unwrap(&rtp, 96, 1), -EBADMSG);
    rtp = (struct rtc_rtp){.payload = two, .payload_size = 2};
    assert_int_equal(rtc_rtx_unwrap(&rtp, 96, 1), 0);
    assert_int_equal(rtp.seq, 0x1234);
    assert_int_equal(rtp.payload_size, 0); /* what was resent was padding only */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rtx_there_and_back),
        cmocka_unit_test(test_plain_is_byte_for_byte_the_same),
        cmocka_unit_test(test_once_per_round_trip),
        cmocka_unit_test(test_too_little_room_is_not_a_resend),
        cmocka_unit_test(test_misses),
        cmocka_unit_test(test_references_are_given_back_in_time),
        cmocka_unit_test(test_wrap_keeps_what_is_before_it),
        cmocka_unit_test(test_unwrap_of_probes_and_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
