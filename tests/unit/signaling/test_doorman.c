/* Bad tokens by address, and API keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mcu/base/clock.h"
#include "signaling/api_key.h"
#include "signaling/doorman.h"

#define NOW_US (1000 * MCU_US_PER_S)

static void test_a_minute_by_address(void **state)
{
    (void)state;
    struct sig_tries *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    for (uint32_t i = 1; i <= 15; i++)
        assert_int_equal(sig_tries_add(t, "192.0.2.1", NOW_US + i * MCU_US_PER_S), i);
    assert_int_equal(sig_tries_add(t, "192.0.2.2", NOW_US + 20 * MCU_US_PER_S), 1);
    assert_int_equal(sig_tries_add(t, "192.0.2.1", NOW_US + 60 * MCU_US_PER_S), 16);
    assert_int_equal(sig_tries_add(t, "192.0.2.1", NOW_US + 61 * MCU_US_PER_S), 1);
    free(t);
}

static void test_which_addresses_are_one(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool is_one;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true},
        {"2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6", true},
        {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
        {"", "", true}, /* not known: all of them together */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct sig_tries *t = calloc(1, sizeof(*t));
        assert_non_null(t);
        sig_tries_add(t, rows[i].a, NOW_US);
        if (sig_tries_add(t, rows[i].b, NOW_US) != (rows[i].is_one ? 2u : 1u))
            fail_msg("%s and %s", rows[i].a, rows[i].b);
        free(t);
    }
}

/* However many there are, who goes on and on is remembered better than who came once before. */
static void test_many_addresses_are_bounded(void **state)
{
    (void)state;
    char address[32];
    struct sig_tries *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    for (uint32_t i = 0; i < 100000; i++) {
        snprintf(address, sizeof(address), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        sig_tries_add(t, address, NOW_US + i);
    }
    snprintf(address, sizeof(address), "10.%u.%u.%u", 99999u >> 16, 99999u >> 8 & 255, 99999u & 255);
    assert_int_equal(sig_tries_add(t, address, NOW_US + 100000), 2);
    free(t);
}

static void test_api_keys(void **state)
{
    (void)state;
    struct mcu_config_list keys = {.count = 2};
    char admin[SIG_API_KEY_SIZE], observer[SIG_API_KEY_SIZE], other[SIG_API_KEY_SIZE];
    char setting[SIG_API_KEY_SETTING_SIZE];
    struct sig_token t;
    assert_int_equal(sig_api_key_make(admin, setting, "backend", "admin"), 0);
    snprintf(keys.item[0], sizeof(keys.item[0]), "%s", setting);
    assert_null(strstr(setting, admin + 3));
    assert_int_equal(sig_api_key_make(observer, setting, "grafana-1_x", "observer"), 0);
    snprintf(keys.item[1], sizeof(keys.item[1]), "%s", setting);
    assert_int_equal(sig_api_key_make(other, setting, "backend", "admin"), 0);

    assert_true(sig_api_key_is(admin));
    assert_int_equal(strlen(admin), 46);
    assert_true(sig_api_key_check(&keys, admin, &t));
    assert_true(t.is_admin && !t.is_observer);
    assert_string_equal(t.sub, "backend");
    assert_true(sig_api_key_check(&keys, observer, &t));
    assert_true(t.is_admin && t.is_observer);
    assert_string_equal(t.sub, "grafana-1_x");
    assert_false(sig_api_key_check(&keys, other, &t));
    assert_false(sig_api_key_check(&keys, keys.item[0], &t));
    admin[10] = admin[10] == 'a' ? 'b' : 'a';
    assert_false(sig_api_key_check(&keys, admin, &t));
    assert_false(sig_api_key_is("mk_short"));
    assert_false(sig_api_key_is("eyJhbGciOiJIUzI1NiJ9.e30.x"));
    keys.count = 0;
    assert_false(sig_api_key_check(&keys, observer, &t));
}

static void test_api_keys_of_a_wrong_form(void **state)
{
    (void)state;
    char key[SIG_API_KEY_SIZE], setting[SIG_API_KEY_SETTING_SIZE];
    static const char *const rows[][2] = {
        {"", "admin"}, {"a:b", "admin"}, {"a b", "admin"}, {"a", "root"}, {"a", ""},
        {"123456789012345678901234567890123", "admin"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_int_equal(sig_api_key_make(key, setting, rows[i][0], rows[i][1]), -22);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_minute_by_address),
        cmocka_unit_test(test_which_addresses_are_one),
        cmocka_unit_test(test_many_addresses_are_bounded),
        cmocka_unit_test(test_api_keys),
        cmocka_unit_test(test_api_keys_of_a_wrong_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
