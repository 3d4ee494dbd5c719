/* SRTP both ways with both profiles, and what must not get through. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transport/srtp.h"

enum { PAYLOAD = 100, RTP = 12 + PAYLOAD, CAPACITY = 200 };

struct both {
    struct rtc_srtp *send;
    struct rtc_srtp *receive;
};

static struct both open_both(enum rtc_srtp_profile profile)
{
    uint8_t key[RTC_SRTP_KEY_MAX];
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)(i * 3 + 1);
    const size_t size = rtc_srtp_key_bytes(profile) + rtc_srtp_salt_bytes(profile);
    struct both b;
    assert_int_equal(rtc_srtp_create(&b.send, profile, RTC_SRTP_SEND, key, size), 0);
    assert_int_equal(rtc_srtp_create(&b.receive, profile, RTC_SRTP_RECEIVE, key, size), 0);
    return b;
}

static void close_both(struct both *b)
{
    rtc_srtp_destroy(b->send);
    rtc_srtp_destroy(b->receive);
}

static void make_rtp(uint8_t *p, uint32_t ssrc, uint16_t seq)
{
    memset(p, 0, RTP);
    p[0] = 0x80;
    p[1] = 96;
    p[2] = (uint8_t)(seq >> 8);
    p[3] = (uint8_t)seq;
    for (int i = 0; i < 4; i++)
        p[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
    for (size_t i = 12; i < RTP; i++)
        p[i] = (uint8_t)(i + seq);
}

static const enum rtc_srtp_profile profiles[] = {RTC_SRTP_AEAD_AES_128_GCM,
                                                 RTC_SRTP_AES128_CM_SHA1_80};

static void packets_come_out_as_they_went_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct both b = open_both(profiles[i]);
        _Alignas(8) uint8_t packet[CAPACITY];
        uint8_t plain[CAPACITY];
        for (uint16_t seq = 65530; seq != 20; seq++) { /* across the wrap */
            make_rtp(packet, 5, seq);
            memcpy(plain, packet, RTP);
            size_t size = RTP;
            assert_int_equal(rtc_srtp_protect(b.send, packet, &size, sizeof(packet)), 0);
            assert_true(size > RTP && size <= RTP + RTC_SRTP_EXPANSION_MAX);
            assert_memory_not_equal(packet + 12, plain + 12, PAYLOAD);
            assert_int_equal(rtc_srtp_unprotect(b.receive, packet, &size), 0);
            assert_int_equal(size, RTP);
            assert_memory_equal(packet, plain, RTP);
        }
        close_both(&b);
    }
}

static void rtcp_comes_out_as_it_went_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct both b = open_both(profiles[i]);
        static const uint8_t rr[] = {0x80, 201, 0, 1, 0, 0, 0, 5};
        _Alignas(8) uint8_t packet[CAPACITY];
        memcpy(packet, rr, sizeof(rr));
        size_t size = sizeof(rr);
        assert_int_equal(rtc_srtp_protect_rtcp(b.send, packet, &size, sizeof(packet)), 0);
        assert_true(size > sizeof(rr) && size <= sizeof(rr) + RTC_SRTP_EXPANSION_MAX);
        uint8_t again[CAPACITY];
        memcpy(again, packet, size);
        const size_t again_size = size;
        assert_int_equal(rtc_srtp_unprotect_rtcp(b.receive, packet, &size), 0);
        assert_int_equal(size, sizeof(rr));
        assert_memory_equal(packet, rr, sizeof(rr));
        memcpy(packet, again, again_size);
        size = again_size;
        assert_int_equal(rtc_srtp_unprotect_rtcp(b.receive, packet, &size), -EALREADY);
        close_both(&b);
    }
}

static void what_was_changed_or_seen_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct both b = open_both(profiles[i]);
        _Alignas(8) uint8_t packet[CAPACITY];
        uint8_t copy[CAPACITY];
        make_rtp(packet, 5, 1);
        size_t size = RTP;
        assert_int_equal(rtc_srtp_protect(b.send, packet, &size, sizeof(packet)), 0);
        memcpy(copy, packet, size);
        for (size_t at = 1; at < size; at += 7) { /* header, payload, tag */
            size_t n = size;
            memcpy(packet, copy, size);
            packet[at] ^= 0x10;
            assert_int_equal(rtc_srtp_unprotect(b.receive, packet, &n), -EACCES);
            assert_int_equal(n, size);
        }
        size_t n = size;
        memcpy(packet, copy, size);
        assert_int_equal(rtc_srtp_unprotect(b.receive, packet, &n), 0);
        n = size;
        memcpy(packet, copy, size);
        assert_int_equal(rtc_srtp_unprotect(b.receive, packet, &n), -EALREADY);
        close_both(&b);
    }
}

static void the_same_packet_again_is_the_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct both b = open_both(profiles[i]);
        _Alignas(8) uint8_t first[CAPACITY], later[CAPACITY];
        size_t first_size = RTP, later_size = RTP;
        make_rtp(first, 5, 65535);
        assert_int_equal(rtc_srtp_protect(b.send, first, &first_size, sizeof(first)), 0);
        for (uint16_t seq = 0; seq < 500; seq++) { /* meanwhile it wrapped */
            size_t n = RTP;
            make_rtp(later, 5, seq);
            assert_int_equal(rtc_srtp_protect(b.send, later, &n, sizeof(later)), 0);
        }
        make_rtp(later, 5, 65535);
        assert_int_equal(rtc_srtp_protect(b.send, later, &later_size, sizeof(later)), 0);
        assert_int_equal(later_size, first_size);
        assert_memory_equal(first, later, first_size);
        close_both(&b);
    }
}

/* A far side that invents SSRCs costs no more memory, and the stream in use goes on. */
static void invented_sources_push_each_other_out(void **state)
{
    (void)state;
    struct both b = open_both(RTC_SRTP_AEAD_AES_128_GCM);
    _Alignas(8) uint8_t packet[CAPACITY];
    uint8_t first[CAPACITY];
    size_t first_size = RTP;
    make_rtp(packet, 5, 900);
    assert_int_equal(rtc_srtp_protect(b.send, packet, &first_size, sizeof(packet)), 0);
    memcpy(first, packet, first_size);
    size_t plain_size = first_size;
    assert_int_equal(rtc_srtp_unprotect(b.receive, packet, &plain_size), 0);
    for (uint32_t ssrc = 1000; ssrc < 1500; ssrc++) {
        size_t size = RTP;
        make_rtp(packet, ssrc, 7);
        assert_int_equal(rtc_srtp_protect(b.send, packet, &size, sizeof(packet)), 0);
        assert_int_equal(rtc_srtp_unprotect(b.receive, packet, &size), 0);
        size = RTP;
        make_rtp(packet, 5, (uint16_t)ssrc);
        assert_int_equal(rtc_srtp_protect(b.send, packet, &size, sizeof(packet)), 0);
        uint8_t copy[CAPACITY];
        const size_t copied = size;
        memcpy(copy, packet, size);
        assert_int_equal(rtc_srtp_unprotect(b.receive, packet, &size), 0);
        size = copied;
        memcpy(packet, copy, copied);
        assert_int_equal(rtc_srtp_unprotect(b.receive, packet, &size), -EALREADY);
    }
    memcpy(packet, first, first_size); /* its stream was never forgotten */
    assert_int_equal(rtc_srtp_unprotect(b.receive, packet, &first_size), -EALREADY);
    close_both(&b);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    struct rtc_srtp *s;
    uint8_t key[RTC_SRTP_KEY_MAX] = {0};
    assert_int_equal(rtc_srtp_create(&s, (enum rtc_srtp_profile)5, RTC_SRTP_SEND, key, 30),
                     -EINVAL);
    assert_int_equal(rtc_srtp_create(&s, RTC_SRTP_AEAD_AES_128_GCM, RTC_SRTP_SEND, key, 30),
                     -EINVAL);
    struct both b = open_both(RTC_SRTP_AEAD_AES_128_GCM);
    _Alignas(8) uint8_t packet[CAPACITY];
    make_rtp(packet, 5, 1);
    size_t size = 11;
    assert_int_equal(rtc_srtp_protect(b.send, packet, &size, sizeof(packet)), -EINVAL);
    size = RTP;
    assert_int_equal(rtc_srtp_protect(b.send, packet, &size, RTP), -EINVAL); /* no room */
    for (size = 0; size < RTP; size++) {
        size_t n = size;
        make_rtp(packet, 5, 1);
        packet[0] = 0x9f; /* extension and CSRCs beyond the end */
        assert_int_not_equal(rtc_srtp_unprotect(b.receive, packet, &n), 0);
        n = size;
        assert_int_not_equal(rtc_srtp_unprotect_rtcp(b.receive, packet, &n), 0);
    }
    close_both(&b);
    rtc_srtp_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_come_out_as_they_went_in),
        cmocka_unit_test(rtcp_comes_out_as_it_went_in),
        cmocka_unit_test(what_was_changed_or_seen_is_refused),
        cmocka_unit_test(the_same_packet_again_is_the_same_bytes),
        cmocka_unit_test(invented_sources_push_each_other_out),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
