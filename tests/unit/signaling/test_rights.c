/* Who may do what: every role with every right, and what claims add. The table is written by hand
 * from docs/protocol.md, "Roles and rights". */
#include "signaling/rights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "signaling/rooms.h"

static const enum sig_right all[] = {
    SIG_MAY_PUBLISH, SIG_MAY_CHAT,   SIG_MAY_INVITE,   SIG_MAY_RECORD, SIG_MAY_LIVE,
    SIG_MAY_INPUTS,  SIG_MAY_LAYOUT, SIG_MAY_MODERATE, SIG_MAY_MANAGE,
};

enum { ALL = sizeof(all) / sizeof(*all) };

/* "y" may, "." may not, in the order of `all`. */
static const struct {
    const char *role;
    struct sig_claims claims;
    const char *may;
} rows[] = {
    {"subscriber", {false, false, false}, ".y......."},
    {"publisher", {false, false, false}, "yyy......"},
    {"host", {false, false, false}, "yyyyyyyyy"},
    {"subscriber", {true, false, false}, ".y.y....."},
    {"subscriber", {false, true, false}, ".y..y...."},
    {"publisher", {true, true, false}, "yyyyy...."},
    {"publisher", {false, false, true}, "yyyyyyyyy"},
    {"subscriber", {false, false, true}, ".yyyyyyyy"},
    {"", {false, false, false}, ".y......."},
    {"king", {false, false, false}, ".y......."},
};

static void a_seat_may_what_its_role_and_claims_give(void **state)
{
    (void)state;
    assert_int_equal(ALL, SIG_RIGHTS);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct sig_member m = {.claims = rows[i].claims};
        snprintf(m.role, sizeof(m.role), "%s", rows[i].role);
        for (size_t k = 0; k < ALL; k++) {
            const struct sig_error *error = sig_may(&m, all[k]);
            if ((error == NULL) != (rows[i].may[k] == 'y'))
                fail_msg("row %zu, right %zu: %s", i, k, error ? error->code : "may");
            if (error)
                assert_string_equal(error->code, "forbidden");
        }
    }
}

static void a_token_may_the_same_without_a_seat(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct sig_token token = {.may_record = rows[i].claims.record,
                                  .may_live = rows[i].claims.live,
                                  .is_admin = rows[i].claims.admin};
        snprintf(token.role, sizeof(token.role), "%s", rows[i].role);
        for (size_t k = 0; k < ALL; k++) {
            if ((sig_token_may(&token, NULL, all[k]) == NULL) != (rows[i].may[k] == 'y'))
                fail_msg("row %zu, right %zu", i, k);
        }
    }
}

static void who_has_a_seat_as_a_host_is_one_by_rest(void **state)
{
    (void)state;
    struct sig_member ann = {.user = "ann", .role = "host"};
    const struct sig_room room = {.members = &ann};
    struct sig_token token = {.sub = "ann", .role = "publisher"};
    assert_null(sig_token_may(&token, &room, SIG_MAY_MANAGE));
    assert_non_null(sig_token_may(&token, NULL, SIG_MAY_MANAGE));
    ann.is_joining = true; /* not let in yet */
    assert_non_null(sig_token_may(&token, &room, SIG_MAY_MANAGE));
    ann.is_joining = false;
    snprintf(token.sub, sizeof(token.sub), "bob");
    assert_non_null(sig_token_may(&token, &room, SIG_MAY_MANAGE));
}

/* The picture is not for those who wait at the door. */
static void the_picture_is_for_those_whom_the_door_lets_in(void **state)
{
    (void)state;
    struct sig_member ann = {.user = "ann", .role = "publisher"};
    struct sig_room room = {.id = "r", .members = &ann};
    const struct sig_token seated = {.sub = "ann", .role = "publisher"};
    const struct sig_token guest = {.sub = "bob", .role = "publisher"};
    const struct sig_token host = {.sub = "eve", .role = "host"};
    const struct sig_token admin = {.sub = "api", .role = "host", .is_admin = true};
    assert_null(sig_token_may_see(&guest, &room));
    room.rules.has_lobby = true;
    assert_string_equal(sig_token_may_see(&guest, &room)->code, "lobby");
    room.rules.is_locked = true;
    assert_string_equal(sig_token_may_see(&guest, &room)->code, "room_locked");
    assert_null(sig_token_may_see(&seated, &room));
    assert_null(sig_token_may_see(&host, &room));
    assert_null(sig_token_may_see(&admin, &room));
    room.rules.is_locked = false;
    room.rules.has_password = true;
    assert_string_equal(sig_token_may_see(&guest, &room)->code, "password_needed");
}

static void in_dev_nobody_is_an_admin_by_his_token(void **state)
{
    (void)state;
    const struct sig_token token = {.is_admin = true, .may_record = true, .may_live = true};
    const struct sig_claims claims = sig_claims_of(&token, true);
    assert_false(claims.admin);
    assert_true(claims.record);
    assert_true(claims.live);
    assert_true(sig_claims_of(&token, false).admin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seat_may_what_its_role_and_claims_give),
        cmocka_unit_test(a_token_may_the_same_without_a_seat),
        cmocka_unit_test(who_has_a_seat_as_a_host_is_one_by_rest),
        cmocka_unit_test(the_picture_is_for_those_whom_the_door_lets_in),
        cmocka_unit_test(in_dev_nobody_is_an_admin_by_his_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
