/* RTP headers: demux, parsing at every length, extensions in both forms, round trips. */
#include <errno.h>

#include "tests/unit/transport/pure.h"
#include "transport/rtp.h"

static void test_datagrams_by_first_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t bytes[2];
        size_t size;
        enum rtc_datagram kind;
    } rows[] = {
        {"empty", {0}, 0, RTC_DATAGRAM_UNKNOWN},
        {"stun binding request", {0, 1}, 2, RTC_DATAGRAM_STUN},
        {"last of stun", {3, 0}, 2, RTC_DATAGRAM_STUN},
        {"between stun and zrtp", {4, 0}, 2, RTC_DATAGRAM_UNKNOWN},
        {"zrtp", {16, 0}, 2, RTC_DATAGRAM_UNKNOWN},
        {"first of dtls", {20, 254}, 2, RTC_DATAGRAM_DTLS},
        {"last of dtls", {63, 254}, 2, RTC_DATAGRAM_DTLS},
        {"turn channel", {64, 0}, 2, RTC_DATAGRAM_UNKNOWN},
        {"below rtp", {127, 96}, 2, RTC_DATAGRAM_UNKNOWN},
        {"one byte of rtp", {128, 0}, 1, RTC_DATAGRAM_UNKNOWN},
        {"rtp", {128, 111}, 2, RTC_DATAGRAM_RTP},
        {"rtp with marker", {0x90, 0x80 | 96}, 2, RTC_DATAGRAM_RTP},
        {"rtp below the rtcp types", {128, 191}, 2, RTC_DATAGRAM_RTP},
        {"first rtcp type", {128, 192}, 2, RTC_DATAGRAM_RTCP},
        {"sender report", {128, 200}, 2, RTC_DATAGRAM_RTCP},
        {"last rtcp type", {191, 223}, 2, RTC_DATAGRAM_RTCP},
        {"rtp above the rtcp types", {128, 224}, 2, RTC_DATAGRAM_RTP},
        {"above rtp", {192, 0}, 2, RTC_DATAGRAM_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t *p = exact_copy(rows[i].bytes, rows[i].size);
        if (rtc_datagram_kind(p, rows[i].size) != rows[i].kind)
            fail_msg("%s", rows[i].name);
        free(p);
    }
}

/* 2 CSRCs, one-byte extensions 3 (3 bytes) and 5 (1 byte), payload abc, padding 2. */
static const uint8_t full[] = {
    0xb2, 0xe0, 0x12, 0x34, 0xde, 0xad, 0xbe, 0xef, 0x01, 0x02, 0x03, 0x04, 0,
    0,    0,    1,    0,    0,    0,    2,    0xbe, 0xde, 0,    2,    0x32, 7,
    8,    9,    0,    0x50, 0xab, 0,    'a',  'b',  'c',  0,    2,
};

static void test_every_field(void **state)
{
    (void)state;
    struct rtc_rtp rtp;
    size_t n = 0;
    assert_int_equal(rtc_rtp_parse(&rtp, full, sizeof(full)), 0);
    assert_true(rtp.marker);
    assert_int_equal(rtp.pt, 96);
    assert_int_equal(rtp.seq, 0x1234);
    assert_int_equal(rtp.timestamp, 0xdeadbeef);
    assert_int_equal(rtp.ssrc, 0x01020304);
    assert_int_equal(rtp.csrc_count, 2);
    assert_int_equal(rtp.csrc[7], 2);
    assert_int_equal(rtp.header_size, 32);
    assert_int_equal(rtp.payload_size, 3);
    assert_memory_equal(rtp.payload, "abc", 3);
    assert_int_equal(rtp.padding, 2);
    assert_ptr_equal(rtc_rtp_ext_find(&rtp, 3, &n), full + 25);
    assert_int_equal(n, 3);
    assert_ptr_equal(rtc_rtp_ext_find(&rtp, 5, &n), full + 30);
    assert_int_equal(n, 1);
    assert_null(rtc_rtp_ext_find(&rtp, 4, &n));
    assert_null(rtc_rtp_ext_find(&rtp, 0, &n));
}

static void test_truncated_at_every_length(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof(full); n++) {
        struct rtc_rtp rtp;
        size_t size;
        uint8_t *p = exact_copy(full, n);
        const int err = rtc_rtp_parse(&rtp, p, n);
        if (n < 33)
            assert_int_equal(err, -EBADMSG); /* header cut, or padding without a byte */
        for (uint8_t id = 0; !err && id < 16; id++)
            rtc_rtp_ext_find(&rtp, id, &size);
        free(p);
    }
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t at;
        uint8_t value;
    } rows[] = {
        {"version 1", 0, 0x72},
        {"version 3", 0, 0xf2},
        {"more csrcs than bytes", 0, 0xbf},
        {"extension longer than the packet", 23, 200},
        {"no padding in padding", sizeof(full) - 1, 0},
        {"more padding than payload", sizeof(full) - 1, 6},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rtc_rtp rtp = {.seq = 7};
        uint8_t *p = exact_copy(full, sizeof(full));
        p[rows[i].at] = rows[i].value;
        if (rtc_rtp_parse(&rtp, p, sizeof(full)) != -EBADMSG || rtp.seq != 7)
            fail_msg("%s", rows[i].name);
        free(p);
    }
}

static void test_all_padding_is_no_payload(void **state)
{
    (void)state;
    uint8_t p[12 + 255] = {0xa0, 96};
    p[sizeof(p) - 1] = 255;
    struct rtc_rtp rtp;
    assert_int_equal(rtc_rtp_parse(&rtp, p, sizeof(p)), 0);
    assert_int_equal(rtp.payload_size, 0);
    assert_int_equal(rtp.padding, 255);
}

static struct rtc_rtp with_extension(uint16_t profile, const uint8_t *ext, size_t size)
{
    return (struct rtc_rtp){.ext_profile = profile, .ext = ext, .ext_size = size};
}

static void test_extension_forms(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t profile;
        uint8_t ext[8];
        size_t ext_size;
        uint8_t id;
        int at; /* -1: not found */
        size_t size;
    } rows[] = {
        {"one byte form", 0xbede, {0x10, 9}, 2, 1, 1, 1},
        {"padding between elements", 0xbede, {0x10, 9, 0, 0, 0x21, 1, 2, 0}, 8, 2, 5, 2},
        {"id 15 ends it", 0xbede, {0xf0, 1, 0x10, 9}, 4, 1, -1, 0},
        {"id 15 is no element", 0xbede, {0xf0, 1, 0x10, 9}, 4, 15, -1, 0},
        {"id 0 with a length ends it", 0xbede, {0x01, 1, 0x10, 9}, 4, 1, -1, 0},
        {"element longer than the block", 0xbede, {0x1f, 1, 2, 3}, 4, 1, -1, 0},
        {"element after a cut one", 0xbede, {0x2f, 0x10, 2, 3}, 4, 1, -1, 0},
        {"two byte form", 0x1000, {0, 5, 2, 7, 8, 0}, 6, 5, 3, 2},
        {"two byte form with application bits", 0x100a, {5, 1, 7, 0}, 4, 5, 2, 1},
        {"two byte form, empty", 0x1000, {5, 0, 6, 1, 9, 0, 0, 0}, 8, 5, 2, 0},
        {"two byte form, wide id", 0x1000, {200, 1, 9, 0}, 4, 200, 2, 1},
        {"two byte form, cut", 0x1000, {5, 9, 1, 2}, 4, 5, -1, 0},
        {"two byte form, no length", 0x1000, {0, 0, 0, 5}, 4, 5, -1, 0},
        {"another profile", 0x1234, {0x10, 9, 0, 0}, 4, 1, -1, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t *ext = exact_copy(rows[i].ext, rows[i].ext_size);
        const struct rtc_rtp rtp = with_extension(rows[i].profile, ext, rows[i].ext_size);
        size_t size = 0;
        const uint8_t *found = rtc_rtp_ext_find(&rtp, rows[i].id, &size);
        if ((rows[i].at < 0 && found) ||
            (rows[i].at >= 0 && (found != ext + rows[i].at || size != rows[i].size)))
            fail_msg("%s", rows[i].name);
        free(ext);
    }
}

static const struct rtc_rtp_header rich = {
    .marker = true,
    .pt = 111,
    .seq = 65535,
    .timestamp = 0x80000001,
    .ssrc = 0xcafebabe,
    .ext = {.audio_level = 1, .abs_send_time = 2, .transport_cc = 3, .mid = 14},
    .transport_seq = 0xabcd,
    .abs_send_time = 0x123456,
    .mid = "0123456789abcdef",
    .level_dbov = -127,
    .is_voice = true,
};

static void test_written_header_reads_the_same(void **state)
{
    (void)state;
    uint8_t out[RTC_RTP_HEADER_MAX];
    struct rtc_rtp rtp;
    char mid[RTC_RTP_MID_MAX + 1];
    uint16_t seq;
    uint32_t time;
    int level;
    bool is_voice;
    const int n = rtc_rtp_write(out, sizeof(out), &rich);
    assert_in_range(n, 12, RTC_RTP_HEADER_MAX);
    assert_int_equal(n % 4, 0);
    assert_int_equal(rtc_rtp_parse(&rtp, out, (size_t)n), 0);
    assert_true(rtp.marker);
    assert_int_equal(rtp.pt, 111);
    assert_int_equal(rtp.seq, 65535);
    assert_int_equal(rtp.timestamp, 0x80000001);
    assert_int_equal(rtp.ssrc, 0xcafebabe);
    assert_int_equal(rtp.payload_size, 0);
    assert_int_equal(rtc_rtp_get_transport_seq(&rtp, 3, &seq), 0);
    assert_int_equal(seq, 0xabcd);
    assert_int_equal(rtc_rtp_get_abs_send_time(&rtp, 2, &time), 0);
    assert_int_equal(time, 0x123456);
    assert_int_equal(rtc_rtp_get_audio_level(&rtp, 1, &level, &is_voice), 0);
    assert_int_equal(level, -127);
    assert_true(is_voice);
    assert_int_equal(rtc_rtp_get_mid(&rtp, 14, mid), 0);
    assert_string_equal(mid, rich.mid);
    assert_int_equal(rtc_rtp_get_transport_seq(&rtp, 2, &seq), -ENOENT); /* three bytes, not two */
    assert_int_equal(rtc_rtp_get_transport_seq(&rtp, 0, &seq), -ENOENT);

    for (int size = 0; size < n; size++) {
        uint8_t *cut = exact_copy(out, (size_t)size);
        assert_int_equal(rtc_rtp_write(cut, (size_t)size, &rich), -ENOSPC);
        free(cut);
    }
}

static void test_plain_header_has_no_extension(void **state)
{
    (void)state;
    uint8_t out[12];
    struct rtc_rtp_header h = rich;
    h.ext = (struct mcu_desc_extensions){0};
    assert_int_equal(rtc_rtp_write(out, sizeof(out), &h), 12);
    assert_int_equal(out[0], 0x80);
    h.ext.mid = 4;
    h.ext.audio_level = 1;
    h.mid = NULL;
    h.level_dbov = 1;
    assert_int_equal(rtc_rtp_write(out, sizeof(out), &h), 12);
}

static void test_headers_that_cannot_be_written(void **state)
{
    (void)state;
    uint8_t out[64];
    struct rtc_rtp_header h = rich;
    h.ext.mid = 15;
    assert_int_equal(rtc_rtp_write(out, sizeof(out), &h), -EINVAL);
    h = rich;
    h.mid = "0123456789abcdefg";
    assert_int_equal(rtc_rtp_write(out, sizeof(out), &h), -EINVAL);
    h = rich;
    h.mid = "";
    assert_int_equal(rtc_rtp_write(out, sizeof(out), &h), -EINVAL);
    h = rich;
    h.pt = 128;
    assert_int_equal(rtc_rtp_write(out, sizeof(out), &h), -EINVAL);
    h = rich;
    h.level_dbov = -128;
    assert_int_equal(rtc_rtp_write(out, sizeof(out), &h), -EINVAL);
}

static void test_rewriting_an_extension(void **state)
{
    (void)state;
    uint8_t out[64];
    struct rtc_rtp rtp;
    uint16_t seq;
    const int n = rtc_rtp_write(out, sizeof(out), &rich);
    const uint8_t value[2] = {0x55, 0xaa};
    assert_int_equal(rtc_rtp_ext_rewrite(out, (size_t)n, 3, value, 2), 0);
    assert_int_equal(rtc_rtp_parse(&rtp, out, (size_t)n), 0);
    assert_int_equal(rtc_rtp_get_transport_seq(&rtp, 3, &seq), 0);
    assert_int_equal(seq, 0x55aa);
    assert_int_equal(rtc_rtp_ext_rewrite(out, (size_t)n, 3, value, 1), -ENOENT);
    assert_int_equal(rtc_rtp_ext_rewrite(out, (size_t)n, 7, value, 2), -ENOENT);
    assert_int_equal(rtc_rtp_ext_rewrite(out, 11, 3, value, 2), -EBADMSG);
}

static void test_mid_with_a_zero_is_no_mid(void **state)
{
    (void)state;
    static const uint8_t ext[4] = {0x12, 'a', 0, 'b'};
    const struct rtc_rtp rtp = with_extension(0xbede, ext, sizeof(ext));
    char mid[RTC_RTP_MID_MAX + 1];
    assert_int_equal(rtc_rtp_get_mid(&rtp, 1, mid), -ENOENT);
}

static void test_abs_send_time_is_6_18_seconds(void **state)
{
    (void)state;
    assert_int_equal(rtc_abs_send_time(0), 0);
    assert_int_equal(rtc_abs_send_time(1000000), 1 << 18);
    assert_int_equal(rtc_abs_send_time(500000), 1 << 17);
    assert_int_equal(rtc_abs_send_time(INT64_C(64) * 1000000 * 1000 + 1000000), 1 << 18);
    assert_int_equal(rtc_abs_send_time(63999999), 0xffffff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_datagrams_by_first_bytes),
        cmocka_unit_test(test_every_field),
        cmocka_unit_test(test_truncated_at_every_length),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_all_padding_is_no_payload),
        cmocka_unit_test(test_extension_forms),
        cmocka_unit_test(test_written_header_reads_the_same),
        cmocka_unit_test(test_plain_header_has_no_extension),
        cmocka_unit_test(test_headers_that_cannot_be_written),
        cmocka_unit_test(test_rewriting_an_extension),
        cmocka_unit_test(test_mid_with_a_zero_is_no_mid),
        cmocka_unit_test(test_abs_send_time_is_6_18_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
