/* Hooks without a network: what an answer means, the signature, the pauses; and that nothing waits
 * for a server that is not there. The order of events and the rest: tests/faults/hooks.mjs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mcu/base/clock.h"
#include "signaling/hooks.h"

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        long status;
        const char *body;
        bool is_answer, is_allowed, wants_close;
        const char *msg;
    } rows[] = {
        {"code 0 is yes", 200, "{\"code\":0}", true, true, false, ""},
        {"with its words", 200, "{\"code\":0,\"msg\":\"success\"}", true, true, false, "success"},
        {"another code is no", 200, "{\"code\":-1,\"msg\":\"no seat\"}", true, false, false, "no seat"},
        {"a large code is no", 200, "{\"code\":4294967296}", true, false, false, ""},
        {"201 says as much as 200", 201, "{\"code\":0}", true, true, false, ""},
        {"close", 200, "{\"code\":0,\"close\":true}", true, true, true, ""},
        {"close is true or nothing", 200, "{\"code\":0,\"close\":1}", true, true, false, ""},
        {"403 is no", 403, "", true, false, false, ""},
        {"403 is no, whatever the body says", 403, "{\"code\":0,\"msg\":\"m\",\"close\":true}", true, false, false, "m"},
        {"401 is no", 401, "nonsense", true, false, false, ""},
        {"no body is no answer", 200, "", false, false, false, ""},
        {"no code is no answer", 200, "{}", false, false, false, ""},
        {"a code must be a whole number", 200, "{\"code\":\"0\"}", false, false, false, ""},
        {"nor a real one", 200, "{\"code\":0.0}", false, false, false, ""},
        {"nor true", 200, "{\"code\":false}", false, false, false, ""},
        {"two codes are no answer", 200, "{\"code\":0,\"code\":1}", false, false, false, ""},
        {"a list is no answer", 200, "[0]", false, false, false, ""},
        {"half of one is no answer", 200, "{\"code\":0", false, false, false, ""},
        {"500 is no answer", 500, "{\"code\":0}", false, false, false, ""},
        {"404 is no answer", 404, "{\"code\":0}", false, false, false, ""},
        {"302 is no answer", 302, "{\"code\":0}", false, false, false, ""},
        {"nothing at all is no answer", 0, "", false, false, false, ""},
        {"words with a line end are left out", 200, "{\"code\":1,\"msg\":\"a\\nb\"}", true, false, false, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct sig_hook_answer a = {.msg = ""};
        const bool is_answer =
            sig_hook_answer_read(&a, rows[i].status, rows[i].body, strlen(rows[i].body));
        if (is_answer != rows[i].is_answer || a.is_answered != is_answer ||
            a.is_allowed != rows[i].is_allowed || a.wants_close != rows[i].wants_close ||
            strcmp(a.msg, rows[i].msg) != 0)
            fail_msg("%s", rows[i].name);
    }
}

static void test_long_words_are_left_out(void **state)
{
    (void)state;
    char body[600];
    struct sig_hook_answer a;
    snprintf(body, sizeof(body), "{\"code\":1,\"msg\":\"%0300d\"}", 0);
    assert_true(sig_hook_answer_read(&a, 200, body, strlen(body)));
    assert_false(a.is_allowed);
    assert_string_equal(a.msg, "");
}

/* RFC 4231, test case 2. */
static void test_signature(void **state)
{
    (void)state;
    char text[SIG_HOOK_SIGNATURE_SIZE];
    assert_int_equal(sig_hook_sign(text, "Jefe", "what do ya want for nothing?", 28), 0);
    assert_string_equal(
        text, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void test_pauses(void **state)
{
    (void)state;
    static const int64_t ms[] = {500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    for (uint32_t i = 0; i < sizeof(ms) / sizeof(*ms); i++)
        assert_int_equal(sig_hook_pause_us(i + 1), ms[i] * 1000);
    assert_int_equal(sig_hook_pause_us(UINT32_MAX), 60000 * 1000);
}

struct asked {
    int answers;
    bool is_allowed, is_answered;
};

static void on_answer(void *arg, const struct sig_hook_answer *answer)
{
    struct asked *a = arg;
    a->answers++;
    a->is_allowed = answer->is_allowed;
    a->is_answered = answer->is_answered;
}

static void configure(struct mcu_config *c, const char *on_error)
{
    mcu_config_init(c);
    snprintf(c->hooks.url, sizeof(c->hooks.url), "http://127.0.0.1:1/hook"); /* nobody listens */
    snprintf(c->hooks.on_error, sizeof(c->hooks.on_error), "%s", on_error);
}

static void ask_nobody(const char *on_error, bool is_allowed)
{
    static struct mcu_config config;
    struct sig_hooks *h = NULL;
    struct asked asked = {0};
    struct sig_hooks_stats stats;
    configure(&config, on_error);
    assert_int_equal(sig_hooks_create(&h, &config), 0);
    assert_int_equal(sig_hooks_ask(h, "on_play", "r", json_object(), on_answer, &asked), 1);
    const int64_t until_us = mcu_now_us() + 60 * MCU_US_PER_S;
    while (!asked.answers && mcu_now_us() < until_us) {
        sig_hooks_service(h);
        mcu_sleep_until_us(mcu_now_us() + 2 * MCU_US_PER_MS);
    }
    sig_hooks_stats(h, &stats);
    sig_hooks_destroy(h);
    assert_int_equal(asked.answers, 1);
    assert_int_equal(asked.is_allowed, is_allowed);
    assert_false(asked.is_answered);
    assert_int_equal(stats.unanswered, 1);
}

static void test_nobody_answers(void **state)
{
    (void)state;
    ask_nobody("allow", true);
    ask_nobody("refuse", false);
}

/* More events than may wait, to nobody: each is counted once, and the end comes. */
static void test_too_many_wait(void **state)
{
    (void)state;
    static struct mcu_config config;
    struct sig_hooks *h = NULL;
    struct sig_hooks_stats stats;
    configure(&config, "allow");
    assert_int_equal(sig_hooks_create(&h, &config), 0);
    for (int i = 0; i < SIG_HOOKS_WAITING_MAX + 100; i++)
        sig_hooks_post(h, "member.joined", "one-room", json_pack("{s:i}", "n", i));
    sig_hooks_stats(h, &stats);
    assert_int_equal(stats.posted, SIG_HOOKS_WAITING_MAX + 100);
    assert_int_equal(stats.dropped, 100);
    assert_int_equal(stats.waiting, SIG_HOOKS_WAITING_MAX);
    assert_int_equal(stats.delivered, 0);
    sig_hooks_destroy(h);
}

/* A question that is open at the end is answered, by no. */
static void test_open_question_at_the_end(void **state)
{
    (void)state;
    static struct mcu_config config;
    struct sig_hooks *h = NULL;
    struct asked asked[40] = {0};
    configure(&config, "allow");
    assert_int_equal(sig_hooks_create(&h, &config), 0);
    for (int i = 0; i < 40; i++)
        assert_int_equal(sig_hooks_ask(h, "on_play", "r", NULL, on_answer, &asked[i]), 1);
    sig_hooks_destroy(h);
    for (int i = 0; i < 40; i++)
        assert_int_equal(asked[i].answers, 1);
}

static void test_without_hooks(void **state)
{
    (void)state;
    static struct mcu_config config;
    struct sig_hooks *h = NULL;
    struct sig_hooks_stats stats;
    struct asked asked = {0};
    mcu_config_init(&config);
    assert_int_equal(sig_hooks_create(&h, &config), 0);
    assert_null(h);
    sig_hooks_post(h, "room.started", "r", json_object());
    assert_int_equal(sig_hooks_ask(h, "on_play", "r", json_object(), on_answer, &asked), 0);
    sig_hooks_service(h);
    sig_hooks_stats(h, &stats);
    assert_int_equal(stats.posted, 0);
    assert_int_equal(sig_hooks_fd(h), -1);
    sig_hooks_destroy(h);
}

static void test_questions_may_be_off(void **state)
{
    (void)state;
    static struct mcu_config config;
    struct sig_hooks *h = NULL;
    struct asked asked = {0};
    configure(&config, "refuse");
    config.hooks.ask = false;
    assert_int_equal(sig_hooks_create(&h, &config), 0);
    assert_int_equal(sig_hooks_ask(h, "on_play", "r", json_object(), on_answer, &asked), 0);
    sig_hooks_destroy(h);
    assert_int_equal(asked.answers, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_long_words_are_left_out),
        cmocka_unit_test(test_signature),
        cmocka_unit_test(test_pauses),
        cmocka_unit_test(test_nobody_answers),
        cmocka_unit_test(test_too_many_wait),
        cmocka_unit_test(test_open_question_at_the_end),
        cmocka_unit_test(test_without_hooks),
        cmocka_unit_test(test_questions_may_be_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
