/* What hosts decide: the room's rules, who may come in, the lobby, roles, and who is a host next.
 */
#include "signaling/rooms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "signaling/lobby.h"
#include "tests/unit/signaling/rooms_fixture.h"

static const struct sig_error *ask_as(struct fixture *f, int client, const char *user,
                                      const char *role, const char *password)
{
    const struct sig_join join = {
        .kind = client >= 0 ? SIG_KIND_WS : SIG_KIND_WHIP,
        .room_id = "standup",
        .user = user,
        .name = "Name",
        .role = role,
        .password = password,
        .is_by_host = strcmp(role, "host") == 0,
        .client = client >= 0 ? (struct sig_client *)&f->clients[client] : NULL,
        .joined = on_joined,
        .arg = f,
    };
    f->joined = NULL;
    f->refused = NULL;
    return sig_rooms_join(f->rooms, &join);
}

static struct sig_member *come(struct fixture *f, int client, const char *user, const char *role)
{
    assert_null(ask_as(f, client, user, role, NULL));
    answer(f, "peer_add", NULL);
    assert_non_null(f->joined);
    return f->joined;
}

static void refused_as(const struct sig_error *error, const char *code)
{
    assert_non_null(error);
    assert_string_equal(error->code, code);
}

static struct sig_room *room_of(struct fixture *f)
{
    return sig_rooms_find(f->rooms, "standup");
}

/* The room's process hears of every change of rules. */
static void set_rules(struct fixture *f, const char *text)
{
    char why[MCU_WHY_MAX] = "";
    json_t *patch = parse(text);
    if (sig_rules_check(patch, why) != 0)
        fail_msg("%s", why);
    sig_rules_apply(room_of(f), patch, "ann");
    json_decref(patch);
}

static void on_changed(void *arg, struct sig_member *m, const struct sig_error *error)
{
    struct fixture *f = arg;
    f->changed = m;
    f->refused = error;
    f->answers++;
}

static void set_role(struct fixture *f, struct sig_member *m, const char *role)
{
    const struct sig_change c = {.role = role, .by = "ann", .done = on_changed, .arg = f};
    f->changed = NULL;
    assert_null(sig_member_change(m, &c));
    answer(f, "peer_set", NULL);
    assert_ptr_equal(f->changed, m);
}

/* Answers what is due, whatever it is. */
static void settle(struct fixture *f)
{
    while (f->asked_count > 0)
        answer(f, json_string_value(json_object_get(f->asked[0].command, "cmd")), NULL);
}

/* --- rules ------------------------------------------------------------------------------------ */

static void what_is_no_rule_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "{\"title\": 7}",
        "{\"title\": \"\"}",
        "{\"locked\": 1}",
        "{\"locked\": null}",
        "{\"lobby\": \"yes\"}",
        "{\"password\": \"\"}",
        "{\"password\": 12345}",
        "{\"maxMembers\": 0}",
        "{\"maxMembers\": 1281}",
        "{\"maxMembers\": 1.5}",
        "{\"may\": []}",
        "{\"may\": {\"record\": \"king\"}}",
        "{\"may\": {\"publish\": \"subscriber\"}}",
        "{\"may\": {\"moderate\": \"publisher\"}}",
        "{\"banned\": \"bob\"}",
        "{\"banned\": [7]}",
        "{\"banned\": [\"\"]}",
        "{\"layout\": \"grid\"}",
        "{\"Locked\": true}",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        char why[MCU_WHY_MAX] = "";
        json_t *patch = parse(wrong[i]);
        if (sig_rules_check(patch, why) == 0 || !why[0])
            fail_msg("taken: %s", wrong[i]);
        json_decref(patch);
    }
    char long_title[1024];
    char why[MCU_WHY_MAX];
    memset(long_title, 'x', 129);
    long_title[129] = '\0';
    json_t *patch = json_pack("{s:s}", "title", long_title);
    assert_int_not_equal(sig_rules_check(patch, why), 0);
    json_decref(patch);
}

static void rules_are_told_and_given_to_the_next_process(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "host");
    come(f, 1, "bob", "publisher");
    set_rules(f, "{\"title\": \"Daily\", \"locked\": true, \"may\": {\"record\": \"publisher\"}}");
    answer(f, "room_session", NULL);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(heard(f, i, 1), "room");
        assert_string_equal(json_string_value(heard_data(f, i, "title")), "Daily");
        assert_true(json_is_true(heard_data(f, i, "locked")));
        assert_string_equal(json_string_value(heard_data(f, i, "by")), "ann");
        assert_null(heard_data(f, i, "banned"));
    }
    f->events.restarted(f->opened[0]);
    assert_string_equal(json_string_value(json_object_get(f->asked[0].command, "cmd")),
                        "room_session");
    const json_t *session = json_object_get(f->asked[0].command, "session");
    assert_string_equal(json_string_value(json_object_get(session, "title")), "Daily");
    settle(f);
}

static void a_password_is_kept_as_a_hash_only(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "host");
    set_rules(f, "{\"password\": \"open sesame\"}");
    char *text = json_dumps(f->asked[0].command, 0);
    assert_null(strstr(text, "sesame"));
    free(text);
    settle(f);
    refused_as(ask_as(f, 1, "bob", "publisher", NULL), "password_needed");
    refused_as(ask_as(f, 1, "bob", "publisher", ""), "password_needed");
    refused_as(ask_as(f, 1, "bob", "publisher", "open sesam"), "bad_password");
    assert_null(ask_as(f, 1, "bob", "publisher", "open sesame"));
    settle(f);
    set_rules(f, "{\"password\": null}");
    settle(f);
    assert_null(ask_as(f, 2, "cyd", "publisher", NULL));
    settle(f);
}

static void guesses_of_a_password_are_counted_by_user(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "host");
    set_rules(f, "{\"password\": \"right\"}");
    settle(f);
    for (int i = 0; i < SIG_PASSWORD_TRIES; i++)
        refused_as(ask_as(f, 1, "mal", "publisher", "wrong"), "bad_password");
    refused_as(ask_as(f, 1, "mal", "publisher", "wrong"), "rate_limited");
    refused_as(ask_as(f, 1, "mal", "publisher", "right"),
               "rate_limited"); /* cannot be told apart */
    assert_null(ask_as(f, 1, "bob", "publisher", "right"));
    settle(f);
}

static void a_lock_stands_before_everybody_but_hosts_and_who_is_in(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "host");
    come(f, 1, "bob", "publisher");
    set_rules(f, "{\"locked\": true}");
    settle(f);
    refused_as(ask_as(f, 2, "cyd", "publisher", NULL), "room_locked");
    refused_as(ask_as(f, -1, "cyd", "publisher", NULL), "room_locked");
    assert_null(ask_as(f, 1, "bob", "publisher", NULL)); /* his own place anew */
    settle(f);
    assert_null(ask_as(f, 2, "dan", "host", NULL));
    settle(f);
}

static void who_is_sent_away_stays_out_and_may_be_forgiven(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "host");
    sig_member_kick(come(f, 1, "bob", "publisher"), "ann", true);
    assert_string_equal(f->clients[1].unseated, "kicked");
    settle(f);
    refused_as(ask_as(f, 1, "bob", "publisher", NULL), "banned");
    refused_as(ask_as(f, -1, "bob", "publisher", NULL), "banned");
    refused_as(ask_as(f, 1, "bob", "host", NULL), "banned");
    set_rules(f, "{\"banned\": []}");
    settle(f);
    sig_member_kick(come(f, 1, "bob", "publisher"), "ann", false);
    settle(f);
    come(f, 1, "bob", "publisher");
    set_rules(f, "{\"banned\": [\"bob\"]}"); /* and he goes */
    assert_null(sig_room_find_user(room_of(f), "bob"));
    settle(f);
}

static void a_room_may_be_smaller_than_the_setting_and_never_larger(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "host");
    set_rules(f, "{\"maxMembers\": 1}");
    settle(f);
    refused_as(ask_as(f, 1, "bob", "publisher", NULL), "room_full");
    set_rules(f, "{\"maxMembers\": 1000}"); /* the setting says 3 */
    settle(f);
    come(f, 1, "bob", "publisher");
    come(f, 2, "cyd", "publisher");
    refused_as(ask_as(f, 3, "dan", "publisher", NULL), "room_full");
}

static void who_may_record_is_the_rooms_to_say(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "host");
    const struct sig_member *bob = come(f, 1, "bob", "publisher");
    refused_as(sig_may(bob, SIG_MAY_RECORD), "forbidden");
    set_rules(f, "{\"may\": {\"record\": \"publisher\", \"chat\": \"host\"}}");
    settle(f);
    assert_null(sig_may(bob, SIG_MAY_RECORD));
    refused_as(sig_may(bob, SIG_MAY_CHAT), "forbidden");
    refused_as(sig_may(bob, SIG_MAY_LIVE), "forbidden");
    set_rules(f, "{\"may\": {\"record\": null}}");
    settle(f);
    refused_as(sig_may(bob, SIG_MAY_RECORD), "forbidden");
    refused_as(sig_may(bob, SIG_MAY_CHAT), "forbidden"); /* what is not named stays */
}

static void the_next_front_finds_the_rules_as_they_were(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "host");
    const struct sig_member *bob = come(f, 1, "bob", "publisher");
    set_role(f, (struct sig_member *)bob, "subscriber");
    settle(f);
    set_rules(f, "{\"title\": \"T\", \"lobby\": true, \"password\": \"right\", \"maxMembers\": 2, "
                 "\"may\": {\"live\": \"publisher\"}, \"banned\": [\"mal\"]}");
    json_t *session =
        json_deep_copy(json_object_get(f->asked[f->asked_count - 1].command, "session"));
    settle(f);
    struct sig_room *room = room_of(f);
    json_t *before = sig_rules_whole_json(room);
    sig_rules_finish(&room->rules);
    sig_rules_init(&room->rules, &f->config);
    sig_rules_adopt(room, session);
    json_t *after = sig_rules_whole_json(room);
    assert_true(json_equal(before, after));
    assert_string_equal(sig_rules_role(&room->rules, "bob"), "subscriber");
    refused_as(sig_rules_gate(room, "mal", "right", false, false), "banned");
    refused_as(sig_rules_gate(room, "cyd", "wrong", false, false), "bad_password");
    refused_as(sig_rules_gate(room, "cyd", "right", false, false), "lobby");
    json_decref(before);
    json_decref(after);
    json_decref(session);
    json_t *nonsense = parse("{\"title\": 7, \"password\": {\"salt\": \"zz\"}, \"roles\": []}");
    sig_rules_adopt(room, nonsense); /* a password that cannot be read lets nobody in */
    refused_as(sig_rules_gate(room, "cyd", "right", false, false), "bad_password");
    json_decref(nonsense);
}

/* --- the lobby -------------------------------------------------------------------------------- */

struct knock {
    int decided;
    char reason[32];
};

static void on_decided(void *arg, const char *reason)
{
    struct knock *k = arg;
    k->decided++;
    snprintf(k->reason, sizeof(k->reason), "%s", reason ? reason : "in");
}

static struct sig_waiting *knock(struct fixture *f, struct knock *k, const char *user)
{
    struct sig_waiting *w = NULL;
    assert_null(sig_lobby_wait(&w, room_of(f), user, "Name", on_decided, k));
    return w;
}

static void who_waits_is_told_of_to_hosts_only(void **state)
{
    struct fixture *f = *state;
    struct knock k = {0};
    come(f, 0, "ann", "host");
    come(f, 1, "bob", "publisher");
    set_rules(f, "{\"lobby\": true}");
    settle(f);
    refused_as(ask_as(f, 2, "cyd", "publisher", NULL), "lobby");
    refused_as(ask_as(f, -1, "cyd", "publisher", NULL), "lobby");
    knock(f, &k, "cyd");
    assert_string_equal(heard(f, 0, 1), "waiting");
    assert_int_equal(json_array_size(heard_data(f, 0, "waiting")), 1);
    assert_false(was_told(f, 1, "waiting"));
    assert_int_equal(sig_lobby_decide(room_of(f), "nobody", true), 0);
    assert_int_equal(sig_lobby_decide(room_of(f), "cyd", true), 1);
    assert_string_equal(k.reason, "in");
    assert_int_equal(json_array_size(heard_data(f, 0, "waiting")), 0);
    settle(f);
    come(f, 2, "cyd", "publisher"); /* and may come back without waiting */
}

static void a_calls_own_room_begins_without_a_lobby(void **state)
{
    struct fixture *f = *state;
    f->config.room.lobby = true;
    refused_as(ask_as(f, 0, "ann", "publisher", NULL), "lobby");
    assert_true(room_of(f)->rules.has_lobby);
    const struct sig_join join = {
        .kind = SIG_KIND_WS,
        .room_id = "rung",
        .room_type = "mcu",
        .user = "bob",
        .name = "Bob",
        .role = "host",
        .client = (struct sig_client *)&f->clients[1],
        .joined = on_joined,
        .arg = f,
    };
    assert_null(sig_rooms_join(f->rooms, &join));
    assert_false(sig_rooms_find(f->rooms, "rung")->rules.has_lobby);
    settle(f);
}

static void who_is_refused_or_waits_twice_is_told_so(void **state)
{
    struct fixture *f = *state;
    struct knock k[3] = {{0}};
    come(f, 0, "ann", "host");
    set_rules(f, "{\"lobby\": true}");
    settle(f);
    knock(f, &k[0], "bob");
    knock(f, &k[1], "bob");
    assert_string_equal(k[0].reason, "replaced");
    assert_int_equal(k[1].decided, 0);
    sig_lobby_decide(room_of(f), "bob", false);
    assert_string_equal(k[1].reason, "refused");
    refused_as(ask_as(f, 1, "bob", "publisher", NULL), "lobby"); /* he may ask again */
    sig_lobby_cancel(knock(f, &k[2], "cyd"));
    assert_int_equal(k[2].decided, 0);
    assert_int_equal(room_of(f)->waiting_count, 0);
}

static void a_lobby_that_ends_lets_all_in_and_a_room_that_ends_none(void **state)
{
    struct fixture *f = *state;
    struct knock k[4] = {{0}};
    come(f, 0, "ann", "host");
    set_rules(f, "{\"lobby\": true}");
    settle(f);
    knock(f, &k[0], "bob");
    knock(f, &k[1], "");
    set_rules(f, "{\"lobby\": false}");
    assert_string_equal(k[0].reason, "in");
    assert_string_equal(k[1].reason, "in");
    settle(f);
    set_rules(f, "{\"lobby\": true}");
    settle(f);
    knock(f, &k[2], "cyd");
    sig_room_close(room_of(f), "ended");
    assert_string_equal(k[2].reason, "ended");
    settle(f);
}

static void a_room_stays_open_while_somebody_waits(void **state)
{
    struct fixture *f = *state;
    struct knock k = {0};
    f->config.room.lobby = true;
    refused_as(ask_as(f, 1, "bob", "publisher", NULL), "lobby");
    struct sig_waiting *w = knock(f, &k, "bob");
    const int64_t later_us = mcu_now_us() + 3600 * MCU_US_PER_S;
    sig_rooms_tick(f->rooms, later_us);
    assert_non_null(room_of(f));
    sig_lobby_cancel(w);
    sig_rooms_tick(f->rooms, later_us);
    assert_null(room_of(f));
}

/* --- roles ------------------------------------------------------------------------------------ */

static void a_role_is_told_and_asks_for_another_offer(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "host");
    struct sig_member *bob = come(f, 1, "bob", "subscriber");
    set_role(f, bob, "publisher");
    assert_string_equal(bob->role, "publisher");
    assert_string_equal(heard(f, 0, 1), "role");
    assert_string_equal(heard(f, 1, 2), "role");
    assert_string_equal(heard(f, 1, 1), "renegotiate");
    json_array_clear(f->clients[1].events);
    settle(f);
    set_role(f, bob, "host"); /* he sends already */
    assert_false(was_told(f, 1, "renegotiate"));
    settle(f);
}

static void a_role_that_a_host_gave_goes_before_the_token(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "host");
    struct sig_member *bob = come(f, 1, "bob", "publisher");
    set_role(f, bob, "subscriber");
    settle(f);
    sig_member_leave(bob, "left");
    settle(f);
    bob = come(f, 1, "bob", "publisher");
    assert_string_equal(bob->role, "subscriber");
    refused_as(ask_as(f, -1, "bob", "publisher", NULL), "forbidden"); /* nor by WHIP */
    const struct sig_token token = {.sub = "bob", .role = "publisher"};
    refused_as(sig_token_may(&token, room_of(f), SIG_MAY_PUBLISH), "forbidden");
}

static void the_last_host_stays_one(void **state)
{
    struct fixture *f = *state;
    const struct sig_member *ann = come(f, 0, "ann", "host");
    struct sig_member *bob = come(f, 1, "bob", "publisher");
    refused_as(sig_member_may_become(ann, "publisher"), "last_host");
    assert_null(sig_member_may_become(ann, "host"));
    assert_null(sig_member_may_become(bob, "subscriber"));
    set_role(f, bob, "host");
    settle(f);
    assert_null(sig_member_may_become(ann, "publisher"));
}

static void who_publishes_longest_is_the_heir(void **state)
{
    struct fixture *f = *state;
    struct sig_member *ann = come(f, 0, "ann", "host");
    come(f, 1, "bob", "subscriber");
    struct sig_member *cyd = come(f, 2, "cyd", "publisher");
    sig_member_leave(ann, "left");
    answer(f, "peer_remove", NULL);
    const json_t *role = json_object_get(f->asked[0].command, "role");
    assert_string_equal(json_string_value(role), "host");
    answer(f, "peer_set", NULL);
    assert_string_equal(cyd->role, "host");
    assert_true(was_told(f, 1, "role"));
    assert_null(ask_as(f, 3, "cyd", "publisher", NULL)); /* comes in again, on another device */
    answer(f, "peer_remove", NULL);
    answer(f, "peer_add", NULL);
    assert_string_equal(f->joined->role, "host");
    sig_member_leave(f->joined, "left"); /* nobody is left who could be one */
    settle(f);
    cyd = come(f, 3, "cyd", "publisher");
    assert_string_equal(cyd->role, "publisher"); /* it ended with her going */
}

static void nobody_is_the_heir_where_the_setting_says_so(void **state)
{
    struct fixture *f = *state;
    f->config.room.handover = false;
    struct sig_member *ann = come(f, 0, "ann", "host");
    const struct sig_member *bob = come(f, 1, "bob", "publisher");
    sig_member_leave(ann, "left");
    settle(f);
    assert_string_equal(bob->role, "publisher");
}

static void a_second_host_needs_no_heir_and_a_new_device_is_no_going(void **state)
{
    struct fixture *f = *state;
    struct sig_member *ann = NULL;
    come(f, 0, "ann", "host");
    const struct sig_member *bob = come(f, 1, "bob", "publisher");
    assert_null(ask_as(f, 2, "ann", "host", NULL)); /* her place anew */
    settle(f);
    ann = f->joined;
    assert_string_equal(bob->role, "publisher");
    struct sig_member *cyd = come(f, 3, "cyd", "host");
    settle(f);
    sig_member_leave(ann, "left");
    settle(f);
    assert_string_equal(bob->role, "publisher");
    assert_string_equal(cyd->role, "host");
}

int main(void)
{
#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_rule_is_refused),
        ROOM_TEST(rules_are_told_and_given_to_the_next_process),
        ROOM_TEST(a_password_is_kept_as_a_hash_only),
        ROOM_TEST(guesses_of_a_password_are_counted_by_user),
        ROOM_TEST(a_lock_stands_before_everybody_but_hosts_and_who_is_in),
        ROOM_TEST(who_is_sent_away_stays_out_and_may_be_forgiven),
        ROOM_TEST(a_room_may_be_smaller_than_the_setting_and_never_larger),
        ROOM_TEST(who_may_record_is_the_rooms_to_say),
        ROOM_TEST(the_next_front_finds_the_rules_as_they_were),
        ROOM_TEST(who_waits_is_told_of_to_hosts_only),
        ROOM_TEST(who_is_refused_or_waits_twice_is_told_so),
        ROOM_TEST(a_lobby_that_ends_lets_all_in_and_a_room_that_ends_none),
        ROOM_TEST(a_room_stays_open_while_somebody_waits),
        ROOM_TEST(a_role_is_told_and_asks_for_another_offer),
        ROOM_TEST(a_role_that_a_host_gave_goes_before_the_token),
        ROOM_TEST(a_calls_own_room_begins_without_a_lobby),
        ROOM_TEST(the_last_host_stays_one),
        ROOM_TEST(who_publishes_longest_is_the_heir),
        ROOM_TEST(nobody_is_the_heir_where_the_setting_says_so),
        ROOM_TEST(a_second_host_needs_no_heir_and_a_new_device_is_no_going),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
