/* Calls of two: every way that one can go, what each device hears, and what is stored of it. */
#include "tests/unit/signaling/talk_fixture.h"

/* Clients 0 and 1 are Ann's devices, 2 and 3 Bob's, 4 Eve's. */
static void two_users(struct fixture *f)
{
    come(f, 0, "ann", "phone");
    come(f, 2, "bob", "phone");
    come(f, 3, "bob", "desk");
}

static void test_answered_on_one_device(void **state)
{
    struct fixture *f = *state;
    two_users(f);
    char id[SIG_ID_SIZE];
    snprintf(id, sizeof(id), "%s", call(f, 0, "bob", "p2p", "calling"));
    assert_int_equal(strlen(id), SIG_ID_CHARS);
    assert_quiet(f, 0); /* nothing is echoed */
    const json_t *ring = take(f, 2, "call");
    assert_non_null(ring);
    assert_string_equal(text_of(ring, "userId"), "ann");
    assert_string_equal(text_of(ring, "roomType"), "p2p");
    assert_null(json_object_get(ring, "roomId"));
    assert_int_equal(json_integer_value(json_object_get(ring, "ringMs")), 45000);
    assert_heard(f, 3, "call", "callId", id);

    assert_null(sig_call_ringing(f->calls, f->clients[2].device, id));
    assert_heard(f, 0, "ringing", "userId", "bob");
    accept_call(f, 3, id);
    assert_heard(f, 0, "accept", "userId", "bob");
    assert_heard(f, 2, "cancel", "reason", "answered_elsewhere");
    assert_quiet(f, 3);
    json_t *answer = NULL;
    assert_error(sig_call_accept(f->calls, f->clients[2].device, id, &answer), "already_answered");
    assert_true(row_of(f, "bob").answered_at_ms > 0);
    assert_int_equal(row_of(f, "bob").ended_at_ms, 0);

    assert_null(sig_call_hangup(f->calls, f->clients[0].device, id));
    const json_t *end = take(f, 3, "hangup");
    assert_string_equal(text_of(end, "reason"), "hangup");
    assert_true(json_is_true(json_object_get(end, "ended")));
    assert_quiet(f, 0);
    assert_quiet(f, 2);
    assert_outcome(f, "bob", "answered");
    assert_string_equal(row_of(f, "bob").caller, "ann");
    assert_error(sig_call_hangup(f->calls, f->clients[0].device, id), "no_such_call");
}

static void test_rejected(void **state)
{
    struct fixture *f = *state;
    two_users(f);
    call(f, 0, "bob", "p2p", "calling");
    assert_null(sig_call_reject(f->calls, f->clients[2].device, "", "in a lecture"));
    const json_t *reject = take(f, 0, "reject");
    assert_string_equal(text_of(reject, "reason"), "in a lecture");
    assert_true(json_is_true(json_object_get(reject, "ended")));
    assert_non_null(take(f, 3, "call"));
    assert_heard(f, 3, "cancel", "reason", "rejected_elsewhere");
    assert_outcome(f, "bob", "rejected");
    call(f, 0, "bob", "p2p", "calling"); /* nobody is in a call any more */
}

static void test_cancelled(void **state)
{
    struct fixture *f = *state;
    two_users(f);
    call(f, 0, "bob", "p2p", "calling");
    assert_error(sig_call_cancel(f->calls, f->clients[2].device, "", ""), "no_such_call");
    assert_null(sig_call_cancel(f->calls, f->clients[0].device, "", ""));
    assert_heard(f, 2, "cancel", "reason", "cancelled");
    assert_heard(f, 3, "cancel", "reason", "cancelled");
    assert_quiet(f, 0);
    assert_outcome(f, "bob", "cancelled");
}

static void test_nobody_answers(void **state)
{
    struct fixture *f = *state;
    two_users(f);
    call(f, 0, "bob", "p2p", "calling");
    tick(f, 44);
    assert_quiet(f, 0);
    tick(f, 1);
    assert_heard(f, 0, "reject", "reason", "no_answer");
    assert_heard(f, 2, "cancel", "reason", "no_answer");
    assert_outcome(f, "bob", "no_answer");
    assert_null(take(f, 2, "missed")); /* he saw it ring */
    call(f, 0, "bob", "p2p", "calling");
}

static void test_busy(void **state)
{
    struct fixture *f = *state;
    two_users(f);
    come(f, 4, "eve", "phone");
    call(f, 0, "bob", "p2p", "calling");
    call(f, 4, "bob", "p2p", "busy"); /* while he is called */
    assert_outcome(f, "bob", "busy");
    accept_call(f, 2, "");
    call(f, 4, "ann", "p2p", "busy"); /* while she talks */
    assert_outcome(f, "ann", "busy");
    take(f, 0, "accept");
    assert_quiet(f, 0); /* neither hears of it */
    call(f, 0, "eve", "p2p", "in_call");
    call(f, 4, "eve", "p2p", "bad_request"); /* oneself */
    assert_null(sig_call_hangup(f->calls, f->clients[2].device, ""));
    call(f, 4, "bob", "p2p", "calling");
}

static void test_a_device_says_busy(void **state)
{
    struct fixture *f = *state;
    two_users(f);
    call(f, 0, "bob", "p2p", "calling");
    assert_null(sig_call_reject(f->calls, f->clients[2].device, "", "busy"));
    assert_heard(f, 0, "reject", "reason", "busy");
    assert_outcome(f, "bob", "busy");
}

static void test_both_call_at_once(void **state)
{
    struct fixture *f = *state;
    two_users(f);
    char id[SIG_ID_SIZE];
    snprintf(id, sizeof(id), "%s", call(f, 0, "bob", "p2p", "calling"));
    assert_string_equal(call(f, 2, "ann", "p2p", "accepted"), id); /* the same call */
    assert_heard(f, 0, "accept", "userId", "bob");
    take(f, 3, "call");
    assert_heard(f, 3, "cancel", "reason", "answered_elsewhere");
    assert_true(sig_calls_is_p2p(f->calls, "ann") && sig_calls_is_p2p(f->calls, "bob"));
    assert_null(sig_call_hangup(f->calls, f->clients[2].device, id));
    assert_heard(f, 0, "hangup", "userId", "bob");
    struct sig_calls_stats stats;
    sig_calls_stats(f->calls, &stats);
    assert_int_equal(stats.calls, 0);
    assert_int_equal(stats.started, 1);
}

/* Offline: the hook may wake the phone, which then rings for what is left of the time. */
static void test_offline_comes_in_time(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "phone");
    call(f, 0, "bob", "p2p", "calling");
    const json_t *hook = json_array_get(f->hooks, 1);
    assert_string_equal(text_of(hook, "event"), "call.offline");
    assert_string_equal(text_of(json_object_get(hook, "data"), "targetUser"), "bob");
    tick(f, 20);
    come(f, 2, "bob", "phone");
    const json_t *ring = take(f, 2, "call");
    assert_non_null(ring);
    assert_int_equal(json_integer_value(json_object_get(ring, "ringMs")), 25000);
    accept_call(f, 2, "");
    assert_heard(f, 0, "accept", "userId", "bob");
}

static void test_offline_is_told_when_back(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "phone");
    call(f, 0, "bob", "p2p", "calling");
    tick(f, 45);
    assert_heard(f, 0, "reject", "reason", "offline");
    assert_outcome(f, "bob", "offline"); /* waits for the store, too */
    come(f, 2, "bob", "phone");
    const json_t *missed = take(f, 2, "missed");
    assert_non_null(missed);
    const json_t *one = json_array_get(json_object_get(missed, "calls"), 0);
    assert_string_equal(text_of(one, "userId"), "ann");
    assert_string_equal(text_of(one, "outcome"), "offline");
    assert_int_equal(sig_store_flush(f->store, WAIT_MS), 0);
    sig_device_sign_out(f->clients[2].device);
    come(f, 2, "bob", "phone");
    assert_quiet(f, 2); /* told once */
}

/* --- passing on ------------------------------------------------------------------------------- */

static const struct sig_error *relay(struct fixture *f, int i, const char *action, const char *text)
{
    json_t *data = json_loads(text, 0, NULL);
    assert_non_null(data);
    const struct sig_error *error =
        sig_call_relay(f->calls, f->clients[i].device, "", action, data);
    json_decref(data);
    return error;
}

static void test_relay(void **state)
{
    struct fixture *f = *state;
    static const char offer[] = "{\"sdp\": \"v=0\\r\\n not checked\", \"x\": [1, {\"y\": null}],"
                                " \"userId\": \"mallory\", \"targetUser\": \"eve\"}";
    two_users(f);
    come(f, 1, "ann", "desk");
    come(f, 4, "eve", "phone");
    char id[SIG_ID_SIZE];
    snprintf(id, sizeof(id), "%s", call(f, 0, "bob", "p2p", "calling"));
    assert_error(relay(f, 0, "offer", offer), "call_not_answered");
    assert_error(relay(f, 2, "offer", offer), "call_not_answered");
    take(f, 2, "call");
    accept_call(f, 2, id);
    assert_null(relay(f, 0, "offer", offer));
    const json_t *got = take(f, 2, "offer");
    assert_string_equal(text_of(got, "sdp"), "v=0\r\n not checked");
    assert_true(json_is_null(json_object_get(json_array_get(json_object_get(got, "x"), 1), "y")));
    assert_string_equal(text_of(got, "userId"), "ann"); /* who he is he cannot choose */
    assert_string_equal(text_of(got, "callId"), id);
    assert_null(relay(f, 2, "candidate", "{\"candidate\": \"\"}"));
    assert_heard(f, 0, "candidate", "userId", "bob");
    assert_error(relay(f, 1, "candidate", "{}"), "no_such_call"); /* her other device */
    assert_error(relay(f, 4, "candidate", "{}"), "no_such_call"); /* a third */
    take(f, 0, "accept");
    for (int i = 0; i < 2; i++)
        assert_quiet(f, i);
    assert_quiet(f, 4);
    assert_int_equal(sig_store_flush(f->store, WAIT_MS), 0);
    struct sig_store_message rows[4];
    const struct sig_store_talk which = {.user = "ann", .peer = "bob", .limit = 4};
    assert_int_equal(sig_store_messages(f->store, &which, rows), 0); /* and none is stored */
}

/* --- connections that break ------------------------------------------------------------------- */

static void test_back_within_grace(void **state)
{
    struct fixture *f = *state;
    two_users(f);
    char id[SIG_ID_SIZE];
    snprintf(id, sizeof(id), "%s", call(f, 0, "bob", "p2p", "calling"));
    accept_call(f, 2, id);
    lose(f, 2);
    assert_error(relay(f, 0, "offer", "{}"), "peer_away");
    tick(f, 29);
    assert_true(come(f, 2, "bob", "phone"));
    json_t *json = sig_calls_json(f->calls, f->clients[2].device);
    assert_string_equal(text_of(json, "callId"), id);
    json_decref(json);
    tick(f, 10);
    assert_null(relay(f, 0, "offer", "{}"));
    take(f, 0, "accept");
    assert_quiet(f, 0);
}

static void test_lost_for_good(void **state)
{
    struct fixture *f = *state;
    two_users(f);
    call(f, 0, "bob", "p2p", "calling");
    accept_call(f, 2, "");
    take(f, 0, "accept");
    lose(f, 2);
    tick(f, 29);
    assert_quiet(f, 0);
    tick(f, 1);
    assert_heard(f, 0, "hangup", "reason", "lost");
    assert_outcome(f, "bob", "lost");
    struct sig_calls_stats stats;
    sig_calls_stats(f->calls, &stats);
    assert_int_equal(stats.calls, 0);
}

static void test_caller_lost_while_it_rings(void **state)
{
    struct fixture *f = *state;
    two_users(f);
    call(f, 0, "bob", "p2p", "calling");
    lose(f, 0);
    tick(f, 30);
    assert_heard(f, 2, "cancel", "reason", "cancelled");
    assert_outcome(f, "bob", "cancelled");
}

static void test_hangup_from_another_device(void **state)
{
    struct fixture *f = *state;
    two_users(f);
    call(f, 0, "bob", "p2p", "calling");
    accept_call(f, 2, "");
    assert_null(sig_call_hangup(f->calls, f->clients[3].device, ""));
    assert_heard(f, 2, "hangup", "reason", "hangup");
    assert_heard(f, 0, "hangup", "userId", "bob");
}

/* The rows that a front that was killed left open. */
static void test_rows_cut_off(void **state)
{
    struct fixture *f = *state;
    two_users(f);
    call(f, 0, "bob", "p2p", "calling");
    accept_call(f, 2, "");
    assert_int_equal(row_of(f, "bob").ended_at_ms, 0);
    const int64_t first = row_of(f, "bob").id;
    sig_calls_destroy(f->calls);
    f->calls = NULL;
    sig_users_destroy(f->users);
    f->users = NULL;
    const struct sig_users_conf users = {.grace_us = 1, .send = on_send, .replaced = on_replaced};
    assert_int_equal(sig_users_create(&f->users, &users), 0);
    const struct sig_calls_conf calls = {.users = f->users,
                                         .store = f->store,
                                         .ring_us = 1,
                                         .now_us = test_now_us,
                                         .ctx = f,
                                         .has_seat = has_seat,
                                         .unseat = unseat,
                                         .close_room = close_room,
                                         .ask_up = ask_up};
    assert_int_equal(sig_calls_create(&f->calls, &calls), 0);
    assert_outcome(f, "bob", "lost");
    come(f, 0, "ann", "phone");
    come(f, 2, "bob", "phone");
    call(f, 0, "bob", "p2p", "calling");
    assert_true(row_of(f, "bob").id > first);
    sig_users_destroy(f->users); /* before the calls, whose listener it has */
    f->users = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answered_on_one_device, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rejected, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_busy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_device_says_busy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_both_call_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_offline_comes_in_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_offline_is_told_when_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_relay, setup, teardown),
        cmocka_unit_test_setup_teardown(test_back_within_grace, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost_for_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_caller_lost_while_it_rings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hangup_from_another_device, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rows_cut_off, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
