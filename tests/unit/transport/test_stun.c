/* STUN: the samples of RFC 5769, what is written is read again, and what is wrong is no message. */
#include "pure.h"

#include <errno.h>
#include <stdbool.h>

#include "transport/stun.h"

static const char password[] = "VOkJxbRl1RmTxUk/WvJxBt";

static const uint8_t sample_request[] = {
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73,
    0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff,
    0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09,
    0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14,
    0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49,
    0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf};

static const uint8_t sample_response[] = {
    0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63,
    0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43,
    0x00, 0x08, 0x00, 0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89, 0xf9,
    0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b, 0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96};

static const uint8_t transaction[RTC_STUN_TRANSACTION_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static int read_exact(struct rtc_stun *m, const uint8_t *data, size_t size)
{
    uint8_t *copy = exact_copy(data, size);
    const int err = rtc_stun_read(m, copy, size);
    free(copy);
    return err;
}

static void samples_of_the_rfc_are_read(void **state)
{
    (void)state;
    struct rtc_stun m;
    assert_int_equal(rtc_stun_read(&m, sample_request, sizeof(sample_request)), 0);
    assert_int_equal(m.kind, RTC_STUN_REQUEST);
    assert_int_equal(m.priority, 0x6e0001ff);
    assert_true(m.has_controlled);
    assert_false(m.has_controlling);
    assert_true(m.tie_breaker == 0x932ff9b151263b36u);
    assert_true(rtc_stun_is_for(&m, "evtj", "h6vY"));
    assert_true(rtc_stun_is_for(&m, "evtj", NULL));
    assert_false(rtc_stun_is_for(&m, "evt", NULL));
    assert_false(rtc_stun_is_for(&m, "evtj", "h6v"));
    assert_false(rtc_stun_is_for(&m, "evtj:h6vY", NULL));
    assert_true(rtc_stun_is_authentic(&m, password));
    assert_false(rtc_stun_is_authentic(&m, "VOkJxbRl1RmTxUk/WvJxBT"));
    assert_int_equal(rtc_stun_read(&m, sample_response, sizeof(sample_response)), 0);
    assert_int_equal(m.kind, RTC_STUN_SUCCESS);
    assert_true(rtc_stun_is_authentic(&m, password));
}

/* A fingerprint is no protection against changes on purpose, but none by chance gets through. */
static void a_changed_bit_makes_it_no_message(void **state)
{
    (void)state;
    struct rtc_stun m;
    for (size_t bit = 0; bit < 8 * sizeof(sample_request); bit++) {
        uint8_t changed[sizeof(sample_request)];
        memcpy(changed, sample_request, sizeof(changed));
        changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(read_exact(&m, changed, sizeof(changed)), -EBADMSG);
    }
    for (size_t size = 0; size < sizeof(sample_request); size++)
        assert_int_equal(read_exact(&m, sample_request, size), -EBADMSG);
}

static void a_check_is_read_as_it_was_written(void **state)
{
    (void)state;
    uint8_t out[RTC_STUN_MAX_BYTES];
    struct rtc_stun m;
    const struct rtc_stun_check check = {.transaction = transaction,
                                         .username = "their:ourown",
                                         .password = "secret",
                                         .priority = 77,
                                         .is_controlling = true,
                                         .tie_breaker = 0x0102030405060708u};
    const size_t size = rtc_stun_write_check(out, &check);
    assert_int_equal(read_exact(&m, out, size), 0);
    assert_int_equal(rtc_stun_read(&m, out, size), 0);
    assert_int_equal(m.kind, RTC_STUN_REQUEST);
    assert_memory_equal(m.transaction, transaction, sizeof(transaction));
    assert_int_equal(m.priority, 77);
    assert_true(m.has_controlling && !m.has_controlled && !m.has_use_candidate);
    assert_true(m.tie_breaker == 0x0102030405060708u);
    assert_true(rtc_stun_is_for(&m, "their", "ourown"));
    assert_true(rtc_stun_is_authentic(&m, "secret"));
    out[RTC_STUN_HEADER_BYTES + 6] ^= 1; /* the name, and nothing else about it */
    assert_false(rtc_stun_is_authentic(&m, "secret"));
}

static void an_answer_says_where_it_came_from(void **state)
{
    (void)state;
    struct rtc_address v4, mapped, v6;
    uint8_t out[RTC_STUN_MAX_BYTES];
    struct rtc_stun m;
    assert_int_equal(rtc_address_read(&v4, "192.0.2.1", 32853), 0);
    mapped = v4;
    rtc_address_map_to_v6(&mapped);
    assert_int_equal(rtc_address_read(&v6, "2001:db8:1234:5678:11:2233:4455:6677", 32853), 0);
    const uint8_t *sample = sample_response + 8; /* its transaction */
    const struct rtc_address *const four[] = {&v4, &mapped};
    for (size_t i = 0; i < 2; i++) {
        const size_t size = rtc_stun_write_success(out, sample, four[i], password);
        assert_int_equal(rtc_stun_read(&m, out, size), 0);
        assert_memory_equal(out + 20, sample_response + 36, 12);
    }
    static const uint8_t rfc_v6[] = {0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47,
                                     0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79,
                                     0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9};
    const size_t size = rtc_stun_write_success(out, sample, &v6, password);
    assert_int_equal(rtc_stun_read(&m, out, size), 0);
    assert_memory_equal(out + 20, rfc_v6, sizeof(rfc_v6));
    assert_true(rtc_stun_is_authentic(&m, password));
}

static void errors_name_what_was_not_understood(void **state)
{
    (void)state;
    const struct rtc_stun request = {
        .transaction = transaction, .unknown = {0x0019, 0x0020}, .unknown_count = 2};
    static const uint8_t wanted[] = {0x00, 0x09, 0x00, 0x04, 0, 0, 4, 20,
                                     0x00, 0x0a, 0x00, 0x04, 0x00, 0x19, 0x00, 0x20};
    uint8_t out[RTC_STUN_MAX_BYTES];
    struct rtc_stun m;
    size_t size = rtc_stun_write_error(out, &request, RTC_STUN_UNKNOWN_ATTRIBUTE, NULL);
    assert_memory_equal(out + 20, wanted, sizeof(wanted));
    assert_int_equal(rtc_stun_read(&m, out, size), 0);
    assert_int_equal(m.kind, RTC_STUN_ERROR);
    assert_int_equal(m.integrity_at, 0);
    size = rtc_stun_write_error(out, &request, RTC_STUN_ROLE_CONFLICT, "secret");
    assert_int_equal(rtc_stun_read(&m, out, size), 0);
    assert_true(rtc_stun_is_authentic(&m, "secret"));
}

static void a_name_that_is_too_long_is_not_written(void **state)
{
    (void)state;
    char name[RTC_STUN_USERNAME_MAX + 1];
    uint8_t out[RTC_STUN_MAX_BYTES];
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    const struct rtc_stun_check check = {
        .transaction = transaction, .username = name, .password = "secret"};
    assert_int_equal(rtc_stun_write_check(out, &check), 0);
    assert_int_not_equal(rtc_stun_write_check(out, &(struct rtc_stun_check){.transaction = transaction,
                                                                            .username = name + 256,
                                                                            .password = "secret"}),
                         0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_of_the_rfc_are_read),
        cmocka_unit_test(a_changed_bit_makes_it_no_message),
        cmocka_unit_test(a_check_is_read_as_it_was_written),
        cmocka_unit_test(an_answer_says_where_it_came_from),
        cmocka_unit_test(errors_name_what_was_not_understood),
        cmocka_unit_test(a_name_that_is_too_long_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
