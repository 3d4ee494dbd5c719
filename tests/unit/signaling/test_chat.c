/* Text between users: which devices hear it, what waits for whom, pages of history. */
#include "tests/unit/signaling/talk_fixture.h"

static int64_t say(struct fixture *f, int i, const char *to, const char *content, bool delivered)
{
    json_t *answer = NULL;
    assert_null(sig_chat_to_user(f->chat, f->clients[i].device, to, content, &answer));
    const int64_t id = json_integer_value(json_object_get(answer, "messageId"));
    assert_int_equal(json_is_true(json_object_get(answer, "delivered")), delivered);
    json_decref(answer);
    return id;
}

static void wait_store(struct fixture *f)
{
    assert_int_equal(sig_store_flush(f->store, WAIT_MS), 0);
}

static void test_all_devices(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "phone");
    come(f, 1, "ann", "desk");
    come(f, 2, "bob", "phone");
    come(f, 3, "bob", "desk");
    const int64_t id = say(f, 0, "bob", "hello \xe4\xbd\xa0\xe5\xa5\xbd", true);
    assert_quiet(f, 0); /* whoever sent it */
    for (int i = 1; i < 4; i++) {
        const json_t *data = take(f, i, "send");
        assert_non_null(data);
        assert_string_equal(text_of(data, "content"), "hello \xe4\xbd\xa0\xe5\xa5\xbd");
        assert_string_equal(text_of(data, "userId"), "ann");
        assert_string_equal(text_of(data, "targetUser"), "bob");
        assert_int_equal(json_integer_value(json_object_get(data, "messageId")), id);
    }
    say(f, 0, "ann", "a note to myself", true);
    assert_heard(f, 1, "send", "content", "a note to myself");
    assert_quiet(f, 1);
    assert_quiet(f, 0);
}

static void test_waits_and_is_marked(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "phone");
    const int64_t first = say(f, 0, "bob", "one", false);
    say(f, 0, "bob", "two", false);
    wait_store(f);
    come(f, 2, "bob", "phone");
    assert_heard(f, 2, "send", "content", "one"); /* in order */
    assert_heard(f, 2, "send", "content", "two");
    const json_t *mark = take(f, 0, "delivered");
    assert_non_null(mark);
    assert_int_equal(json_integer_value(json_object_get(mark, "messageId")), first);
    assert_string_equal(text_of(mark, "userId"), "bob");
    wait_store(f);
    tick(f, 1);
    lose(f, 2);
    come(f, 2, "bob", "phone");
    assert_quiet(f, 2); /* once */
    struct sig_store_message rows[4];
    const struct sig_store_talk which = {.user = "ann", .peer = "bob", .limit = 4};
    assert_int_equal(sig_store_messages(f->store, &which, rows), 2);
    for (int i = 0; i < 2; i++) {
        assert_true(rows[i].delivered_at_ms >= rows[i].sent_at_ms);
        free(rows[i].content);
    }
}

/* The write had not reached the store when he came: he has it a tick later. */
static void test_comes_before_the_store(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "phone");
    for (int round = 0; round < 20; round++) {
        say(f, 0, "bob", "quick", false);
        come(f, 2, "bob", "phone");
        wait_store(f);
        tick(f, 1);
        assert_heard(f, 2, "send", "content", "quick");
        assert_quiet(f, 2);
        wait_store(f);
        sig_device_sign_out(f->clients[2].device);
        json_array_clear(f->clients[0].events);
    }
}

/* A suspended device is not there: what is said meanwhile waits. */
static void test_suspended(void **state)
{
    struct fixture *f = *state;
    come(f, 0, "ann", "phone");
    come(f, 2, "bob", "phone");
    lose(f, 2);
    say(f, 0, "bob", "are you there", false);
    wait_store(f);
    assert_true(come(f, 2, "bob", "phone"));
    assert_heard(f, 2, "send", "content", "are you there");
}

/* Much that waits comes in parts, so that the connection's queue is not filled. */
static void test_much_waits(void **state)
{
    struct fixture *f = *state;
    char *text = malloc(SIG_CHAT_BYTES_MAX + 1);
    memset(text, 'x', SIG_CHAT_BYTES_MAX);
    text[SIG_CHAT_BYTES_MAX] = '\0';
    come(f, 0, "ann", "phone");
    for (int i = 0; i < 40; i++)
        say(f, 0, "bob", text, false);
    wait_store(f);
    come(f, 2, "bob", "phone");
    assert_in_range(json_array_size(f->clients[2].events), 10, 16);
    for (int i = 0; i < 10; i++)
        tick(f, 1);
    assert_int_equal(json_array_size(f->clients[2].events), 40);
    free(text);
}

static json_t *history(struct fixture *f, const struct sig_store_talk *which)
{
    json_t *answer = NULL;
    assert_null(sig_chat_history(f->chat, which, &answer));
    return answer;
}

static const char *content_at(const json_t *answer, size_t i)
{
    return text_of(json_array_get(json_object_get(answer, "messages"), i), "content");
}

static void test_history(void **state)
{
    struct fixture *f = *state;
    char text[16];
    int64_t ids[7];
    come(f, 0, "ann", "phone");
    come(f, 1, "bob", "phone");
    for (int i = 0; i < 7; i++) {
        snprintf(text, sizeof(text), "m%d", i);
        ids[i] = say(f, i % 2, i % 2 ? "ann" : "bob", text, true);
    }
    say(f, 0, "eve", "of others", false);
    wait_store(f);
    json_t *page = history(f, &(struct sig_store_talk){.user = "bob", .peer = "ann", .limit = 3});
    assert_int_equal(json_array_size(json_object_get(page, "messages")), 3);
    assert_string_equal(content_at(page, 0), "m4"); /* the newest, and the newest stands last */
    assert_string_equal(content_at(page, 2), "m6");
    assert_true(json_is_true(json_object_get(page, "more")));
    json_decref(page);
    page = history(
        f, &(struct sig_store_talk){.user = "bob", .peer = "ann", .before = ids[2], .limit = 3});
    assert_string_equal(content_at(page, 1), "m1");
    assert_true(json_is_false(json_object_get(page, "more")));
    json_decref(page);
    page = history(
        f, &(struct sig_store_talk){.user = "ann", .peer = "bob", .after = ids[4], .limit = 50});
    assert_int_equal(json_array_size(json_object_get(page, "messages")), 2);
    assert_string_equal(content_at(page, 0), "m5");
    json_decref(page);
}

/* Numbers rise over restarts, also when the clock was set back. */
static void test_numbers_rise(void **state)
{
    struct fixture *f = *state;
    const int64_t far = (mcu_wall_ms() + 86400000) * 1000;
    assert_int_equal(sig_store_message(f->store, far, "x", "y", "", "from the future", 1, 1), 0);
    wait_store(f);
    come(f, 0, "ann", "phone"); /* no listener is called below: the old chat's is gone */
    struct sig_chat *again = NULL;
    const struct sig_chat_conf conf = {.users = f->users, .store = f->store};
    assert_int_equal(sig_chat_create(&again, &conf), 0);
    sig_chat_destroy(f->chat);
    f->chat = again;
    assert_true(say(f, 0, "bob", "now", false) > far);
    sig_users_destroy(f->users); /* tells no listener */
    f->users = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_devices, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waits_and_is_marked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_comes_before_the_store, setup, teardown),
        cmocka_unit_test_setup_teardown(test_suspended, setup, teardown),
        cmocka_unit_test_setup_teardown(test_much_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_history, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers_rise, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
