/* ICE candidates as text: what is taken, what is stepped over later, what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transport/candidate.h"

static void candidates_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int result;
        bool is_udp, has_address;
        uint16_t port;
        enum rtc_candidate_type type;
    } rows[] = {
        {"candidate:842163049 1 udp 1677729535 203.0.113.5 46154 typ srflx raddr 10.0.0.1 rport 1 "
         "generation 0 ufrag F7gI network-cost 999", 0, true, true, 46154, RTC_CANDIDATE_SRFLX},
        {"candidate:a+/B 1 UDP 0 2001:db8::1 1 typ host", 0, true, true, 1, RTC_CANDIDATE_HOST},
        {"candidate:1 1 udp 1 c2fa6adc-7b6d.local 5 typ host", 0, true, false, 0,
         RTC_CANDIDATE_HOST},
        {"candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active", 0, false, true, 9,
         RTC_CANDIDATE_HOST},
        {"candidate:1 2 udp 1 192.0.2.1 9 typ relay", 0, true, true, 9, RTC_CANDIDATE_RELAY},
        {"candidate:1 1 ssltcp 4294967295 192.0.2.1 0 typ prflx", 0, false, true, 0,
         RTC_CANDIDATE_PRFLX},
        {.text = "", .result = -EINVAL},
        {.text = "candidate:", .result = -EINVAL},
        {.text = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host", .result = -EINVAL},
        {.text = "candidate:1 0 udp 1 192.0.2.1 9 typ host", .result = -EINVAL},
        {.text = "candidate:1 257 udp 1 192.0.2.1 9 typ host", .result = -EINVAL},
        {.text = "candidate:1 1 udp 4294967296 192.0.2.1 9 typ host", .result = -EINVAL},
        {.text = "candidate:1 1 udp -1 192.0.2.1 9 typ host", .result = -EINVAL},
        {.text = "candidate:1 1 udp 1 192.0.2.1 65536 typ host", .result = -EINVAL},
        {.text = "candidate:1 1 udp 1 192.0.2.1 0 typ host", .result = -EINVAL},
        {.text = "candidate:1 1 tcp 1 192.0.2.1 0 typ host tcptype passive", .result = -EINVAL},
        {.text = "candidate:1 1 udp 1 192.0.2.1 9 typ moon", .result = -EINVAL},
        {.text = "candidate:1 1 udp 1 192.0.2.1 9 host", .result = -EINVAL},
        {.text = "candidate:1 1 udp 1 192.0.2.1 9", .result = -EINVAL},
        {.text = "candidate:1 1 udp 1 fe80::1%eth0 9 typ host", .result = -EINVAL},
        {.text = "candidate:1 1 udp 1 bad/name 9 typ host", .result = -EINVAL},
        {.text = "candidate:123456789012345678901234567890123 1 udp 1 192.0.2.1 9 typ host",
         .result = -EINVAL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rtc_candidate c = {0};
        const int result = rtc_candidate_parse(&c, rows[i].text);
        if (result != rows[i].result)
            fail_msg("%s: %d", rows[i].text, result);
        if (result)
            continue;
        assert_int_equal(c.is_udp, rows[i].is_udp);
        assert_int_equal(c.has_address, rows[i].has_address);
        assert_int_equal(c.type, rows[i].type);
        if (c.has_address)
            assert_int_equal(rtc_address_port((const struct sockaddr *)&c.address), rows[i].port);
    }
}

static void ours_are_written(void **state)
{
    (void)state;
    struct rtc_candidate c = {.foundation = "7", .priority = 99, .type = RTC_CANDIDATE_SRFLX};
    struct sockaddr_storage base;
    char text[256];
    assert_int_equal(rtc_address_parse(&c.address, "203.0.113.5", 4000), 0);
    assert_int_equal(rtc_address_parse(&base, "10.0.0.1", 5000), 0);
    assert_int_equal(rtc_candidate_write(text, sizeof(text), &c, (struct sockaddr *)&base), 0);
    assert_string_equal(
        text, "candidate:7 1 udp 99 203.0.113.5 4000 typ srflx raddr 10.0.0.1 rport 5000");
    c.is_tcp_passive = true;
    c.type = RTC_CANDIDATE_HOST;
    assert_int_equal(rtc_candidate_write(text, sizeof(text), &c, NULL), 0);
    assert_string_equal(text, "candidate:7 1 tcp 99 203.0.113.5 4000 typ host tcptype passive");
    assert_int_equal(rtc_candidate_parse(&c, text), 0);
    assert_true(c.is_tcp_passive && !c.is_udp);
    assert_int_equal(rtc_candidate_write(text, 20, &c, NULL), -ENOSPC);
    assert_int_equal(rtc_candidate_write(text, 60, &c, (struct sockaddr *)&base), -ENOSPC);
}

static void addresses_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_loopback, is_link_local;
    } rows[] = {
        {"127.0.0.1", true, false},   {"127.8.8.8", true, false}, {"10.0.0.1", false, false},
        {"169.254.3.4", false, true}, {"::1", true, false},       {"fe80::1", false, true},
        {"2001:db8::1", false, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sockaddr_storage a;
        assert_int_equal(rtc_address_parse(&a, rows[i].text, 1), 0);
        const struct sockaddr *address = (const struct sockaddr *)&a;
        assert_int_equal(rtc_address_is_loopback(address), rows[i].is_loopback);
        assert_int_equal(rtc_address_is_link_local(address), rows[i].is_link_local);
    }
    struct sockaddr_storage a;
    assert_int_equal(rtc_address_parse(&a, "localhost", 1), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(candidates_are_read),
        cmocka_unit_test(ours_are_written),
        cmocka_unit_test(addresses_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
