/* Patches of a room's picture: what may be in one, and what many of them come to. */
#include "mcu/control_picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants them above */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
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
        {"{\"layout\": \"speaker-pip\"}", NULL},
        {"{\"layout\": null, \"order\": null, \"spotlight\": null, \"hideWithoutVideo\": null}",
         NULL},
        {"{\"order\": []}", NULL},
        {"{\"order\": [\"ann\", \"\u5c0f\u660e\"], \"hideWithoutVideo\": true}", NULL},
        {"{\"spotlight\": \"ann\"}", NULL},
        {"[]", "object"},
        {"{\"colour\": 1}", "no such setting: colour"},
        {"{\"layout\": \"\"}", "layout"},
        {"{\"layout\": \"../grid\"}", "layout"},
        {"{\"layout\": \"Grid\"}", "layout"},
        {"{\"layout\": \"grid\\u0000x\"}", "layout"},
        {"{\"layout\": 5}", "layout"},
        {"{\"order\": \"ann\"}", "order"},
        {"{\"order\": [\"ann\", \"ann\"]}", "order"},
        {"{\"order\": [\"\"]}", "order"},
        {"{\"order\": [1]}", "order"},
        {"{\"spotlight\": \"a\\nb\"}", "spotlight"},
        {"{\"spotlight\": true}", "spotlight"},
        {"{\"hideWithoutVideo\": 1}", "hideWithoutVideo"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char why[MCU_WHY_MAX];
        json_t *patch = parse(rows[i].patch);
        const int err = mcu_picture_check(patch, why);
        if ((err != 0) != (rows[i].why != NULL) || (rows[i].why && !strstr(why, rows[i].why)))
            fail_msg("%s: %d %s", rows[i].patch, err, why);
        json_decref(patch);
    }
}

static void no_more_users_than_a_layout_may_place(void **state)
{
    (void)state;
    char why[MCU_WHY_MAX];
    json_t *order = json_array();
    for (int i = 0; i < MCU_ORDER_MAX; i++)
        json_array_append_new(order, json_sprintf("u%d", i));
    json_t *patch = json_pack("{s:o}", "order", order);
    assert_int_equal(mcu_picture_check(patch, why), 0);
    json_array_append_new(order, json_string("one more"));
    assert_int_not_equal(mcu_picture_check(patch, why), 0);
    json_decref(patch);
}

static void what_a_patch_does_not_name_stays(void **state)
{
    static const struct {
        const char *patch, *after;
    } rows[] = {
        {"{\"layout\": \"duo\"}", "{\"layout\": \"duo\"}"},
        {"{\"spotlight\": \"ann\"}", "{\"layout\": \"duo\", \"spotlight\": \"ann\"}"},
        {"{\"order\": [\"b\", \"a\"], \"layout\": null}",
         "{\"order\": [\"b\", \"a\"], \"spotlight\": \"ann\"}"},
        {"{\"hideWithoutVideo\": true, \"order\": []}",
         "{\"hideWithoutVideo\": true, \"spotlight\": \"ann\"}"},
        {"{\"hideWithoutVideo\": false, \"spotlight\": null}", "{}"},
    };
    (void)state;
    json_t *picture = json_object();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *patch = parse(rows[i].patch);
        json_t *after = parse(rows[i].after);
        assert_int_equal(mcu_picture_merge(picture, patch), 0);
        if (!json_equal(picture, after))
            fail_msg("after %s", rows[i].patch);
        json_decref(patch);
        json_decref(after);
    }
    json_decref(picture);
}

static void a_state_says_what_is_in_force(void **state)
{
    (void)state;
    json_t *plain = json_object();
    json_t *set = parse("{\"layout\": \"duo\", \"order\": [\"b\", \"a\"], \"spotlight\": \"c\", "
                        "\"hideWithoutVideo\": true}");
    assert_null(mcu_picture_layout(plain));
    assert_null(mcu_picture_spotlight(plain));
    assert_false(mcu_picture_hides(plain));
    assert_int_equal(mcu_picture_place(plain, "a"), -1);
    assert_string_equal(mcu_picture_layout(set), "duo");
    assert_string_equal(mcu_picture_spotlight(set), "c");
    assert_true(mcu_picture_hides(set));
    assert_int_equal(mcu_picture_place(set, "b"), 0);
    assert_int_equal(mcu_picture_place(set, "a"), 1);
    assert_int_equal(mcu_picture_place(set, "c"), -1);
    json_decref(plain);
    json_decref(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patches_are_checked),
        cmocka_unit_test(no_more_users_than_a_layout_may_place),
        cmocka_unit_test(what_a_patch_does_not_name_stays),
        cmocka_unit_test(a_state_says_what_is_in_force),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
