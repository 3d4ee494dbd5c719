/* Outside sources as JSON. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mcu/base/json.h"
#include "mcu/control_input.h"

static json_t *parse(const char *text)
{
    json_t *json = NULL;
    if (mcu_json_parse(&json, text, strlen(text)))
        fail_msg("no JSON: %s", text);
    return json;
}

static int read_text(struct mcu_input *out, const char *text, char *why)
{
    json_t *json = parse(text);
    const int err = mcu_input_read(out, json, why);
    json_decref(json);
    return err;
}

static void sources_are_read(void **state)
{
    (void)state;
    struct mcu_input in;
    char why[MCU_INPUT_WHY_MAX];
    assert_int_equal(read_text(&in, "{\"url\":\"rtmp://u:p@h/live/key?x\",\"paused\":true}", why),
                     0);
    assert_string_equal(in.url, "rtmp://u:p@h/live/key?x");
    assert_string_equal(in.masked, "rtmp://***@h/live/***?***");
    assert_string_equal(in.file, "");
    assert_true(in.is_paused && !in.is_looped);
    assert_int_equal(read_text(&in, "{\"file\":\"a/b.mp4\",\"loop\":true,\"position\":12.25}", why),
                     0);
    assert_string_equal(in.file, "a/b.mp4");
    assert_string_equal(in.masked, "a/b.mp4");
    assert_string_equal(in.url, "");
    assert_true(in.is_looped && !in.is_paused);
    assert_int_equal(in.position_us, 12250000);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"{}", "url or file:"},
        {"{\"url\":\"rtmp://h/a/b\",\"file\":\"a\"}", "url or file:"},
        {"{\"url\":7}", "url:"},
        {"{\"url\":\"\"}", "url:"},
        {"{\"url\":\"file:///etc/passwd\"}", "url: must begin"},
        {"{\"file\":\"../a\"}", "file: must be a path"},
        {"{\"file\":\"\"}", "file:"},
        {"{\"file\":\"a\",\"loop\":1}", "loop:"},
        {"{\"file\":\"a\",\"paused\":\"yes\"}", "paused:"},
        {"{\"file\":\"a\",\"position\":\"1\"}", "position:"},
        {"{\"file\":\"a\",\"position\":-0.5}", "position:"},
        {"{\"file\":\"a\",\"position\":1e7}", "position:"},
        {"{\"url\":\"rtmp://h/a/b\",\"loop\":false}", "loop, position:"},
        {"{\"url\":\"rtmp://h/a/b\",\"position\":0}", "loop, position:"},
        {"{\"file\":\"a\",\"what\":1}", "there is no such field: what"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mcu_input in = {.position_us = 77};
        char why[MCU_INPUT_WHY_MAX];
        if (read_text(&in, rows[i].text, why) != -EINVAL ||
            strncmp(why, rows[i].why, strlen(rows[i].why)) != 0)
            fail_msg("%s: %s", rows[i].text, why);
        assert_int_equal(in.position_us, 77);
    }
    char why[MCU_INPUT_WHY_MAX];
    struct mcu_input in;
    assert_int_equal(mcu_input_read(&in, NULL, why), -EINVAL);
}

static void changes_are_read(void **state)
{
    (void)state;
    struct mcu_input_change c;
    char why[MCU_INPUT_WHY_MAX];
    json_t *json = parse("{\"cmd\":\"input_set\",\"paused\":false,\"position\":3}");
    assert_int_equal(mcu_input_change_read(&c, json, why), 0);
    assert_true(c.has_paused && !c.is_paused && c.has_position && !c.has_loop);
    assert_int_equal(c.position_us, 3000000);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_are_read),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(changes_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
