/* The dialect of messaging servers, both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signaling/dialect.h"

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    if (!json)
        fail_msg("no JSON: %s", text);
    return json;
}

static json_t *wrap(const char *av)
{
    return json_pack("{s:i, s:s, s:s, s:s, s:s}", "type", 2, "send_id", "ann", "receive_id", "bob",
                     "session_id", "S1", "av_data", av);
}

static void test_in(void **state)
{
    static const struct {
        const char *av, *action, *data;
    } rows[] = {
        {"{\"messageId\":\"PROXY\",\"type\":\"start_call\",\"media\":\"audio\"}", "call",
         "{\"targetUser\":\"bob\",\"session_id\":\"S1\",\"media\":\"audio\"}"},
        {"{\"messageId\":\"PROXY\",\"type\":\"receive_call\"}", "accept",
         "{\"targetUser\":\"bob\",\"session_id\":\"S1\"}"},
        {"{\"messageId\":\"PROXY\",\"type\":\"reject_call\"}", "reject",
         "{\"targetUser\":\"bob\",\"session_id\":\"S1\"}"},
        {"{\"messageId\":\"PEER_LEAVE\"}", "hangup",
         "{\"targetUser\":\"bob\",\"session_id\":\"S1\"}"},
        {"{\"type\":\"offer\",\"sdp\":\"v=0\",\"x\":[1]}", "offer",
         "{\"targetUser\":\"bob\",\"session_id\":\"S1\",\"sdp\":\"v=0\",\"x\":[1]}"},
        {"{\"type\":\"sdp\",\"messageData\":{\"sdp\":{\"type\":\"answer\",\"sdp\":\"v=1\"}}}",
         "answer",
         "{\"targetUser\":\"bob\",\"session_id\":\"S1\",\"sdp\":\"v=1\","
         "\"messageData\":{\"sdp\":{\"type\":\"answer\",\"sdp\":\"v=1\"}}}"},
        {"{\"type\":\"candidate\",\"messageData\":{\"candidate\":"
         "{\"candidate\":\"c\",\"sdpMid\":\"0\"}}}",
         "candidate",
         "{\"targetUser\":\"bob\",\"session_id\":\"S1\",\"candidate\":\"c\",\"sdpMid\":\"0\","
         "\"messageData\":{\"candidate\":{\"candidate\":\"c\",\"sdpMid\":\"0\"}}}"},
        /* nobody speaks for another, or to more than one */
        {"{\"type\":\"call\",\"userId\":\"eve\",\"targetUser\":\"dan\",\"targetUsers\":[\"x\"]}",
         "call", "{\"targetUser\":\"bob\",\"session_id\":\"S1\"}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sig_dialect d = {.is_spoken = false};
        char from[SIG_USER_SIZE];
        json_t *out = NULL;
        json_t *message = wrap(rows[i].av);
        json_t *wanted = parse(rows[i].data);
        print_message("%s\n", rows[i].av);
        assert_true(sig_dialect_is(message));
        assert_int_equal(sig_dialect_in(&d, message, &out, from), 0);
        assert_string_equal(from, "ann");
        assert_true(d.is_spoken);
        assert_string_equal(d.session, "S1");
        assert_string_equal(json_string_value(json_object_get(out, "type")), "rtc");
        assert_string_equal(json_string_value(json_object_get(out, "action")), rows[i].action);
        if (!json_equal(json_object_get(out, "data"), wanted))
            fail_msg("%s", json_dumps(out, 0));
        json_decref(wanted);
        json_decref(message);
        json_decref(out);
    }
}

static void test_refused(void **state)
{
    static const char *const rows[] = {
        "{\"type\":2,\"send_id\":\"ann\",\"av_data\":\"no JSON\"}",
        "{\"type\":2,\"send_id\":\"ann\",\"av_data\":\"[]\"}",
        "{\"type\":2,\"send_id\":\"ann\",\"av_data\":\"{}\"}",
        "{\"type\":2,\"send_id\":\"ann\",\"av_data\":\"{\\\"type\\\":\\\"join\\\"}\"}",
        "{\"type\":2,\"send_id\":\"ann\",\"av_data\":\"{\\\"type\\\":\\\"sdp\\\"}\"}",
        "{\"type\":2,\"send_id\":\"ann\",\"av_data\":\"{\\\"type\\\":7}\"}",
        "{\"type\":2,\"send_id\":\"ann\",\"av_data\":{\"type\":\"call\"}}",
        "{\"type\":2,\"send_id\":7,\"av_data\":\"{\\\"type\\\":\\\"call\\\"}\"}",
        "{\"type\":2,\"send_id\":\"\",\"av_data\":\"{\\\"type\\\":\\\"call\\\"}\"}",
        "{\"type\":2,\"av_data\":\"{\\\"type\\\":\\\"call\\\"}\"}",
        "{\"type\":3,\"send_id\":\"ann\",\"av_data\":\"{\\\"type\\\":\\\"call\\\"}\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sig_dialect d = {.is_spoken = false, .session = "kept"};
        char from[SIG_USER_SIZE] = "nobody";
        json_t *out = NULL;
        json_t *message = parse(rows[i]);
        print_message("%s\n", rows[i]);
        assert_true(sig_dialect_is(message));
        assert_true(sig_dialect_in(&d, message, &out, from) < 0);
        assert_null(out);
        assert_string_equal(d.session, "kept");
        assert_string_equal(from, "nobody");
        json_decref(message);
    }
    json_t *ours = parse("{\"type\":\"rtc\",\"action\":\"call\",\"av_data\":\"x\"}");
    assert_false(sig_dialect_is(ours));
    json_decref(ours);
}

/* What it becomes, av_data as an object. */
static json_t *out_of(const struct sig_dialect *d, const char *message, json_t **av)
{
    json_t *in = parse(message);
    json_t *out = sig_dialect_out(d, "bob", in);
    json_decref(in);
    *av = out ? parse(json_string_value(json_object_get(out, "av_data"))) : NULL;
    return out;
}

static void test_out(void **state)
{
    static const struct {
        const char *event, *av;
        bool says_sdp;
    } rows[] = {
        {"{\"type\":\"rtc\",\"action\":\"call\",\"data\":{\"callId\":\"1\",\"userId\":\"ann\"}}",
         "{\"messageId\":\"PROXY\",\"type\":\"start_call\",\"callId\":\"1\",\"userId\":\"ann\"}",
         false},
        {"{\"type\":\"rtc\",\"action\":\"accept\",\"data\":{\"userId\":\"ann\"}}",
         "{\"messageId\":\"PROXY\",\"type\":\"receive_call\",\"userId\":\"ann\"}", false},
        {"{\"type\":\"rtc\",\"action\":\"reject\",\"data\":{\"userId\":\"ann\"}}",
         "{\"messageId\":\"PROXY\",\"type\":\"reject_call\",\"userId\":\"ann\"}", false},
        {"{\"type\":\"rtc\",\"action\":\"hangup\",\"data\":{\"userId\":\"ann\"}}",
         "{\"messageId\":\"PEER_LEAVE\",\"type\":\"hangup\",\"userId\":\"ann\"}", false},
        {"{\"type\":\"rtc\",\"action\":\"offer\",\"data\":{\"userId\":\"ann\",\"sdp\":\"v\"}}",
         "{\"messageId\":\"PROXY\",\"type\":\"offer\",\"userId\":\"ann\",\"sdp\":\"v\","
         "\"messageData\":{\"sdp\":{\"type\":\"offer\",\"sdp\":\"v\"}}}",
         false},
        {"{\"type\":\"rtc\",\"action\":\"offer\",\"data\":{\"userId\":\"ann\",\"sdp\":\"v\"}}",
         "{\"messageId\":\"PROXY\",\"type\":\"sdp\",\"userId\":\"ann\",\"sdp\":\"v\","
         "\"messageData\":{\"sdp\":{\"type\":\"offer\",\"sdp\":\"v\"}}}",
         true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct sig_dialect d = {
            .is_spoken = true, .says_sdp = rows[i].says_sdp, .session = "S2"};
        json_t *av = NULL;
        json_t *out = out_of(&d, rows[i].event, &av);
        json_t *wanted = parse(rows[i].av);
        print_message("%s\n", rows[i].event);
        assert_non_null(out);
        assert_int_equal(json_integer_value(json_object_get(out, "type")), 2);
        assert_string_equal(json_string_value(json_object_get(out, "send_id")), "ann");
        assert_string_equal(json_string_value(json_object_get(out, "receive_id")), "bob");
        assert_string_equal(json_string_value(json_object_get(out, "session_id")), "S2");
        if (!json_equal(av, wanted))
            fail_msg("%s", json_dumps(av, 0));
        json_decref(wanted);
        json_decref(av);
        json_decref(out);
    }
}

static void test_goes_as_it_is(void **state)
{
    static const char *const rows[] = {
        "{\"type\":\"rtc\",\"action\":\"speaking\",\"data\":{}}",
        "{\"type\":\"message\",\"action\":\"send\",\"data\":{}}",
        "{\"type\":\"rtc\",\"action\":\"call\",\"id\":\"1\",\"ok\":true,\"data\":{}}",
    };
    (void)state;
    const struct sig_dialect spoken = {.is_spoken = true};
    const struct sig_dialect not_spoken = {.is_spoken = false};
    json_t *av = NULL;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_null(out_of(&spoken, rows[i], &av));
    assert_null(out_of(&not_spoken, "{\"type\":\"rtc\",\"action\":\"call\",\"data\":{}}", &av));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_out),
        cmocka_unit_test(test_goes_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
