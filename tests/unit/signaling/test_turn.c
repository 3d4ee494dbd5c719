/* TURN credentials against sums made by others: `printf 1700003600:ada | openssl dgst -sha1 -hmac
 * north -binary | base64`. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "signaling/turn.h"

static void fill(struct mcu_config *c)
{
    mcu_config_init(c);
    snprintf(c->rtc.turn_secret, sizeof(c->rtc.turn_secret), "north");
    snprintf(c->rtc.turn_urls.item[0], sizeof(c->rtc.turn_urls.item[0]), "turn:192.0.2.1:3478");
    c->rtc.turn_urls.count = 1;
    c->rtc.turn_ttl_s = 3600;
}

static void credentials_are_those_that_coturn_computes(void **state)
{
    (void)state;
    struct mcu_config c;
    struct sig_turn t;
    fill(&c);
    assert_int_equal(sig_turn_make(&t, &c, "ada", 1700000000), 0);
    assert_string_equal(t.username, "1700003600:ada");
    assert_string_equal(t.password, "xnSlQG4JwD6eDlwPBFdbTt6sTJk=");
}

static void without_a_secret_or_a_server_there_are_none(void **state)
{
    (void)state;
    struct mcu_config c;
    struct sig_turn t;
    fill(&c);
    c.rtc.turn_urls.count = 0;
    assert_int_equal(sig_turn_make(&t, &c, "ada", 1700000000), -ENOENT);
    fill(&c);
    c.rtc.turn_secret[0] = '\0';
    assert_int_equal(sig_turn_make(&t, &c, "ada", 1700000000), -ENOENT);
}

static void the_longest_user_fits(void **state)
{
    (void)state;
    struct mcu_config c;
    struct sig_turn t;
    char user[129];
    memset(user, 'u', sizeof(user) - 1);
    user[sizeof(user) - 1] = '\0';
    fill(&c);
    assert_int_equal(sig_turn_make(&t, &c, user, 1700000000), 0);
    assert_string_equal(t.username + strlen("1700003600:"), user);
}

static void rooms_get_what_the_secret_makes(void **state)
{
    (void)state;
    struct mcu_config c;
    fill(&c);
    sig_turn_for_rooms(&c, 1700000000);
    assert_string_equal(c.rtc.turn_user, ""); /* no server of ours */
    snprintf(c.rtc.turn_server, sizeof(c.rtc.turn_server), "192.0.2.1:3478");
    sig_turn_for_rooms(&c, 1700000000);
    assert_string_equal(c.rtc.turn_user, "1763072000:mixdown");
    assert_string_equal(c.rtc.turn_password, "l37OoeyrZMCCOE9PRnunTXI+Y4U=");
    snprintf(c.rtc.turn_user, sizeof(c.rtc.turn_user), "us");
    sig_turn_for_rooms(&c, 1800000000);
    assert_string_equal(c.rtc.turn_user, "us");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credentials_are_those_that_coturn_computes),
        cmocka_unit_test(without_a_secret_or_a_server_there_are_none),
        cmocka_unit_test(the_longest_user_fits),
        cmocka_unit_test(rooms_get_what_the_secret_makes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
