/* Calls of many, through rooms: who rings, who may join, and when it is over. */
#include "tests/unit/signaling/talk_fixture.h"

static void come_all(struct fixture *f)
{
    static const char *const users[] = {"ann", "bob", "eve", "dan"};
    for (int i = 0; i < 4; i++)
        come(f, i, users[i], "phone");
}

static void test_group(void **state)
{
    struct fixture *f = *state;
    char id[SIG_ID_SIZE];
    come_all(f);
    snprintf(id, sizeof(id), "%s", call(f, 0, "bob,eve,dan,eve", "", "calling"));
    assert_heard(f, 1, "call", "roomId", id); /* the room has the call's name */
    assert_heard(f, 2, "call", "roomType", "mcu");
    assert_quiet(f, 2); /* named twice, called once */
    assert_string_equal(sig_calls_room_type(f->calls, id), "mcu");
    assert_string_equal(sig_calls_role(f->calls, id, "ann"), "host");
    assert_null(sig_calls_role(f->calls, id, "bob")); /* he has not answered */
    assert_null(sig_calls_role(f->calls, "other", "ann"));
    sit(f, id, "ann");

    accept_call(f, 1, id);
    assert_string_equal(sig_calls_role(f->calls, id, "bob"), "publisher");
    sit(f, id, "bob");
    assert_heard(f, 0, "accept", "userId", "bob");
    accept_call(f, 2, id);
    sit(f, id, "eve");
    assert_heard(f, 1, "accept", "userId", "eve"); /* all that are in hear it */
    json_t *empty = json_object();
    assert_error(sig_call_relay(f->calls, f->clients[1].device, id, "offer", empty),
                 "no_such_call"); /* offers are the room's */
    json_decref(empty);
    tick(f, 45);
    assert_heard(f, 0, "reject", "reason", "no_answer"); /* dan */
    assert_outcome(f, "dan", "no_answer");

    assert_null(sig_call_hangup(f->calls, f->clients[0].device, ""));
    assert_null(find_seat(f, id, "ann"));
    const json_t *end = take(f, 1, "hangup");
    assert_true(json_is_false(json_object_get(end, "ended"))); /* two are left */
    assert_null(sig_call_hangup(f->calls, f->clients[1].device, ""));
    assert_heard(f, 2, "hangup", "userId", "ann");
    end = take(f, 2, "hangup");
    assert_true(json_is_true(json_object_get(end, "ended")));
    assert_string_equal(f->closed, id);
    assert_outcome(f, "eve", "answered");
    assert_null(sig_calls_room_type(f->calls, id));
}

static void test_all_refuse(void **state)
{
    struct fixture *f = *state;
    come_all(f);
    call(f, 0, "bob,eve", "mcu", "calling");
    assert_null(sig_call_reject(f->calls, f->clients[1].device, "", ""));
    const json_t *reject = take(f, 0, "reject");
    assert_true(json_is_false(json_object_get(reject, "ended")));
    assert_null(sig_call_reject(f->calls, f->clients[2].device, "", ""));
    reject = take(f, 0, "reject");
    assert_true(json_is_true(json_object_get(reject, "ended")));
    call(f, 0, "dan", "1v1", "calling");
}

/* A seat that is given up ends his part, and one that is never taken. */
static void test_seats_count(void **state)
{
    struct fixture *f = *state;
    char id[SIG_ID_SIZE];
    come_all(f);
    snprintf(id, sizeof(id), "%s", call(f, 0, "bob,eve", "mcu", "calling"));
    accept_call(f, 1, id);
    accept_call(f, 2, id);
    sit(f, id, "ann");
    sit(f, id, "bob");
    tick(f, 29);
    assert_null(take(f, 0, "hangup"));
    tick(f, 1); /* eve never came */
    assert_heard(f, 0, "hangup", "userId", "eve");
    assert_heard(f, 2, "hangup", "reason", "no_seat");
    assert_outcome(f, "eve", "lost");
    unseat(f, id, "bob"); /* as `leave` does */
    tick(f, 1);
    const json_t *end = take(f, 0, "hangup");
    assert_string_equal(text_of(end, "userId"), "bob");
    assert_true(json_is_true(json_object_get(end, "ended")));
    assert_outcome(f, "bob", "answered");
    assert_string_equal(f->closed, id);
}

static const struct sig_error *invite(struct fixture *f, int i, const char *user, const char *seat,
                                      const char *role, json_t **answer)
{
    json_t *users = json_pack("[s]", user);
    const struct sig_call_wish wish = {.call = "",
                                       .type = "",
                                       .media = "video",
                                       .room = "",
                                       .seat = seat,
                                       .role = role,
                                       .users = users};
    const struct sig_error *error = sig_call_invite(f->calls, f->clients[i].device, &wish, answer);
    json_decref(users);
    return error;
}

static void test_invite_into_a_call(void **state)
{
    struct fixture *f = *state;
    json_t *answer = NULL;
    char id[SIG_ID_SIZE];
    come_all(f);
    assert_error(invite(f, 0, "bob", "", "", &answer), "no_such_call");
    snprintf(id, sizeof(id), "%s", call(f, 0, "bob", "mcu", "calling"));
    accept_call(f, 1, id);
    assert_null(invite(f, 1, "eve", "", "", &answer)); /* by one who was called himself */
    assert_string_equal(text_of(answer, "callId"), id);
    json_decref(answer);
    accept_call(f, 2, id);
    assert_string_equal(sig_calls_role(f->calls, id, "eve"), "publisher");
    assert_null(sig_call_hangup(f->calls, f->clients[0].device, ""));
    call(f, 0, "dan", "p2p", "calling");
    accept_call(f, 3, "");
    assert_error(invite(f, 0, "bob", "", "", &answer), "call_of_two");
}

/* A seat taken and given up between two looks. */
static void test_short_seat(void **state)
{
    struct fixture *f = *state;
    char id[SIG_ID_SIZE];
    come_all(f);
    snprintf(id, sizeof(id), "%s", call(f, 0, "bob", "mcu", "calling"));
    accept_call(f, 1, id);
    sit(f, id, "ann");
    sig_calls_seated(f->calls, id, "bob");
    sig_calls_seated(f->calls, "another", "ann");
    tick(f, 1);
    assert_heard(f, 0, "hangup", "userId", "bob");
}

/* Into a meeting: who invites stays free for calls, who comes is a member like others. */
static void test_invite_into_a_meeting(void **state)
{
    struct fixture *f = *state;
    json_t *answer = NULL;
    come_all(f);
    sit(f, "daily", "ann");
    assert_null(invite(f, 0, "bob", "daily", "", &answer));
    json_decref(answer);
    assert_heard(f, 1, "call", "roomId", "daily");
    accept_call(f, 1, "");
    assert_heard(f, 0, "accept", "userId", "bob");
    assert_string_equal(sig_calls_role(f->calls, "daily", "bob"), "publisher");
    sit(f, "daily", "bob");
    tick(f, 1);
    assert_outcome(f, "bob", "answered");
    assert_non_null(find_seat(f, "daily", "bob"));
    assert_string_equal(f->closed, "");
    call(f, 0, "bob", "p2p", "calling"); /* both are free */
}

static void test_viewer_is_asked_up(void **state)
{
    struct fixture *f = *state;
    json_t *answer = NULL;
    come_all(f);
    sit(f, "show", "ann");
    sit(f, "show", "bob");
    assert_null(invite(f, 0, "bob", "show", "publisher", &answer));
    json_decref(answer);
    accept_call(f, 1, "");
    assert_string_equal(find_seat(f, "show", "bob")->role, "publisher");
}

static void test_broadcast(void **state)
{
    struct fixture *f = *state;
    char id[SIG_ID_SIZE];
    come_all(f);
    snprintf(id, sizeof(id), "%s", call(f, 0, "bob,eve", "broadcast", "calling"));
    assert_heard(f, 1, "call", "role", "subscriber");
    accept_call(f, 1, "");
    assert_string_equal(sig_calls_room_type(f->calls, id), "broadcast");
    assert_string_equal(sig_calls_role(f->calls, id, "ann"), "host");
    assert_string_equal(sig_calls_role(f->calls, id, "bob"), "subscriber");
}

/* What rights are measured by: the part in the call, and in a named room what the caller has. */
static void test_parts(void **state)
{
    struct fixture *f = *state;
    char id[SIG_ID_SIZE];
    const char *role = NULL;
    json_t *answer = NULL;
    come_all(f);
    snprintf(id, sizeof(id), "%s", call(f, 0, "bob", "broadcast", "calling"));
    assert_null(sig_calls_into(f->calls, "bob", "", &role)); /* he has not answered */
    accept_call(f, 1, "");
    assert_string_equal(sig_calls_into(f->calls, "bob", id, &role), id);
    assert_string_equal(role, "subscriber");
    assert_null(sig_calls_into(f->calls, "bob", "other", &role));
    assert_null(sig_calls_into(f->calls, "eve", "", &role));

    json_t *users = json_pack("[s]", "dan");
    struct sig_call_wish wish = {.call = "", .type = "", .media = "audio", .room = "daily",
                                 .seat = "", .role = "", .own = "subscriber", .users = users};
    assert_null(sig_call_start(f->calls, f->clients[2].device, &wish, &answer));
    json_decref(answer);
    json_decref(users);
    assert_string_equal(sig_calls_role(f->calls, "daily", "eve"), "subscriber");
}

static void test_types_and_numbers(void **state)
{
    struct fixture *f = *state;
    come_all(f);
    call(f, 0, "bob,eve", "p2p", "bad_request");
    call(f, 0, "bob,eve", "1v1", "bad_request");
    call(f, 0, "bob", "", "calling");
    assert_heard(f, 1, "call", "roomType", "p2p"); /* one is called without the mixer */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_group, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_refuse, setup, teardown),
        cmocka_unit_test_setup_teardown(test_seats_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_short_seat, setup, teardown),
        cmocka_unit_test_setup_teardown(test_invite_into_a_call, setup, teardown),
        cmocka_unit_test_setup_teardown(test_invite_into_a_meeting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_viewer_is_asked_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broadcast, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_types_and_numbers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
