/* Patches of a member's sound: what may be in one, and what many of them come to. */
#include "mcu/control_audio.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants them above */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    return json;
}

static void patches_are_checked(void **state)
{
    static const struct {
        const char *patch;
        const char *why; /* a part of it; NULL: fine */
    } rows[] = {
        {"{}", NULL},
        {"{\"volume\": 0}", NULL},
        {"{\"volume\": 200, \"deaf\": true, \"pan\": -1}", NULL},
        {"{\"volume\": null, \"pan\": null}", NULL},
        {"{\"volumes\": {\"ann\": 0, \"bob\": 200}}", NULL},
        {"{\"hears\": {}}", NULL},
        {"{\"speaksTo\": []}", NULL},
        {"{\"speaksTo\": [\"floor\", \"\u82f1\u6587\"]}", NULL},
        {"[]", "object"},
        {"3", "object"},
        {"{\"volume\": 201}", "volume"},
        {"{\"volume\": -1}", "volume"},
        {"{\"volume\": 1.0}", "volume"},
        {"{\"volume\": \"5\"}", "volume"},
        {"{\"deaf\": 1}", "deaf"},
        {"{\"pan\": 1.5}", "pan"},
        {"{\"pan\": \"left\"}", "pan"},
        {"{\"loud\": 1}", "no such setting: loud"},
        {"{\"volumes\": {\"ann\": 201}}", "volumes"},
        {"{\"volumes\": {\"\": 5}}", "volumes"},
        {"{\"volumes\": {\"a\\nb\": 5}}", "volumes"},
        {"{\"volumes\": [5]}", "volumes"},
        {"{\"hears\": {\"x\": true}}", "hears"},
        {"{\"hears\": {\"123456789012345678901234567890123\": 1}}", "hears"},
        {"{\"speaksTo\": [\"a\", \"a\"]}", "speaksTo"},
        {"{\"speaksTo\": [1]}", "speaksTo"},
        {"{\"speaksTo\": \"a\"}", "speaksTo"},
        {"{\"speaksTo\": [\" \"]}", "speaksTo"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char why[MCU_WHY_MAX];
        json_t *patch = parse(rows[i].patch);
        const int err = mcu_audio_check(patch, why);
        if (err != (rows[i].why ? -EINVAL : 0) || (rows[i].why && !strstr(why, rows[i].why)))
            fail_msg("%s: %d, %s", rows[i].patch, err, why);
        json_decref(patch);
    }
}

/* A key of 42 bytes: cut after 40 it would end in the middle of a character, and the answer that
 * names it would be no JSON. */
static void an_unknown_key_is_named_in_whole_characters(void **state)
{
    (void)state;
    static const char key[] = "\u82f1\u6587\u82f1\u6587\u82f1\u6587\u82f1"
                              "\u6587\u82f1\u6587\u82f1\u6587\u82f1\u6587";
    char why[MCU_WHY_MAX];
    json_t *patch = json_pack("{s:i}", key, 1);
    assert_int_equal(mcu_audio_check(patch, why), -EINVAL);
    json_t *told = json_string(why);
    assert_non_null(told);
    assert_int_equal(strlen(strchr(why, ':') + 2), 39);
    json_decref(told);
    json_decref(patch);
    assert_int_equal(mcu_text_head("abc", 40), 3);
    assert_int_equal(mcu_text_head("abc", 2), 2);
    assert_int_equal(mcu_text_head("", 2), 0);
}

static void no_more_than_there_may_be(void **state)
{
    (void)state;
    char why[MCU_WHY_MAX];
    json_t *volumes = json_object();
    json_t *names = json_array();
    for (int i = 0; i <= MCU_VOLUMES_MAX; i++) {
        char user[16];
        snprintf(user, sizeof(user), "u%d", i);
        json_object_set_new(volumes, user, json_integer(5));
        if (i <= MCU_SUBMIXES_MAX)
            json_array_append_new(names, json_string(user));
    }
    json_t *patch = json_pack("{s:O}", "volumes", volumes);
    assert_int_equal(mcu_audio_check(patch, why), -EINVAL);
    json_object_del(volumes, "u0");
    assert_int_equal(mcu_audio_check(patch, why), 0);
    assert_false(mcu_submix_list_is_valid(names));
    json_array_remove(names, 0);
    assert_true(mcu_submix_list_is_valid(names));

    json_t *sound = json_object();
    json_t *one = parse("{\"deaf\": true, \"volumes\": {\"u0\": 7}}");
    assert_int_equal(mcu_audio_merge(sound, patch), 0);
    assert_int_equal(mcu_audio_merge(sound, one), -ENOSPC);
    assert_null(json_object_get(sound, "deaf")); /* all or nothing */
    json_decref(one);
    one = parse("{\"volumes\": {\"u0\": 7, \"u5\": 100}}"); /* in place of another */
    assert_int_equal(mcu_audio_merge(sound, one), 0);
    assert_int_equal(json_object_size(json_object_get(sound, "volumes")), MCU_VOLUMES_MAX);
    json_decref(one);
    json_decref(sound);
    json_decref(patch);
    json_decref(volumes);
    json_decref(names);
}

static void patches_add_up(void **state)
{
    static const struct {
        const char *patch, *after;
    } rows[] = {
        {"{\"volume\": 50, \"original\": false}", "{\"volume\": 50, \"original\": false}"},
        {"{\"deaf\": true}", "{\"volume\": 50, \"original\": false, \"deaf\": true}"},
        {"{\"volume\": 100, \"original\": null}", "{\"deaf\": true}"},
        {"{\"deaf\": false}", "{}"},
        {"{\"volumes\": {\"a\": 1, \"b\": 2}}", "{\"volumes\": {\"a\": 1, \"b\": 2}}"},
        {"{\"volumes\": {\"b\": 100, \"c\": 3}}", "{\"volumes\": {\"a\": 1, \"c\": 3}}"},
        {"{\"volumes\": null}", "{}"},
        {"{\"hears\": {\"x\": 5, \"floor\": 20}}", "{\"hears\": {\"x\": 5, \"floor\": 20}}"},
        {"{\"hears\": {\"y\": 6}}", "{\"hears\": {\"y\": 6}}"},
        {"{\"hears\": {\"floor\": 100}}", "{}"},
        {"{\"speaksTo\": [\"x\"]}", "{\"speaksTo\": [\"x\"]}"},
        {"{\"speaksTo\": [\"floor\"]}", "{}"},
        {"{\"speaksTo\": []}", "{\"speaksTo\": []}"},
    };
    (void)state;
    json_t *sound = json_object();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *patch = parse(rows[i].patch);
        json_t *after = parse(rows[i].after);
        assert_int_equal(mcu_audio_merge(sound, patch), 0);
        if (!json_equal(sound, after))
            fail_msg("after %s", rows[i].patch);
        json_decref(patch);
        json_decref(after);
    }
    json_decref(sound);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patches_are_checked),
        cmocka_unit_test(an_unknown_key_is_named_in_whole_characters),
        cmocka_unit_test(no_more_than_there_may_be),
        cmocka_unit_test(patches_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
