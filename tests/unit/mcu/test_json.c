/* The strict JSON getters: every row is one text, one getter and what it must say. */
#include "mcu/base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <string.h>

static json_t *parse(const char *text)
{
    json_t *root = NULL;
    assert_int_equal(mcu_json_parse(&root, text, strlen(text)), 0);
    return root;
}

static void test_parse_takes_one_strict_object(void **state)
{
    static const struct {
        const char *name, *text;
        size_t size;
        int err;
    } rows[] = {
        {"an object", "{\"a\":1}", 7, 0},
        {"spaces around", " {} \n", 5, 0},
        {"nothing", "", 0, -EBADMSG},
        {"an array", "[1]", 3, -EBADMSG},
        {"a number", "1", 1, -EBADMSG},
        {"a key twice", "{\"a\":1,\"a\":2}", 13, -EBADMSG},
        {"words behind it", "{} {}", 5, -EBADMSG},
        {"an escaped NUL", "{\"a\":\"\\u0000\"}", 14, -EBADMSG},
        {"a raw NUL", "{\"a\":\"\0\"}", 9, -EBADMSG},
        {"bad UTF-8", "{\"a\":\"\xff\"}", 9, -EBADMSG},
        {"an overlong slash", "{\"a\":\"\xc0\xaf\"}", 10, -EBADMSG},
        {"a cut object", "{\"a\":", 5, -EBADMSG},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *root = NULL;
        print_message("%s\n", rows[i].name);
        assert_int_equal(mcu_json_parse(&root, rows[i].text, rows[i].size), rows[i].err);
        assert_true(rows[i].err ? root == NULL : root != NULL);
        json_decref(root);
    }
}

static void test_deep_nesting_is_refused(void **state)
{
    static char text[400000];
    json_t *root = NULL;
    (void)state;
    memset(text, '[', sizeof(text));
    memcpy(text, "{\"a\":", 5);
    assert_int_equal(mcu_json_parse(&root, text, sizeof(text)), -EBADMSG);
}

static void test_presence(void **state)
{
    json_t *root = parse("{\"null\":null,\"n\":5}");
    int64_t n = 77;
    (void)state;
    assert_int_equal(mcu_json_int(root, "x", MCU_JSON_REQUIRED, 0, 9, &n), -ENOENT);
    assert_int_equal(mcu_json_int(root, "null", MCU_JSON_REQUIRED, 0, 9, &n), -ENOENT);
    assert_int_equal(mcu_json_int(root, "x", MCU_JSON_OPTIONAL, 0, 9, &n), 0);
    assert_int_equal(mcu_json_int(root, "null", MCU_JSON_OPTIONAL, 0, 9, &n), 0);
    assert_int_equal(n, 77);
    assert_int_equal(mcu_json_int(root, "n", MCU_JSON_OPTIONAL, 0, 9, &n), 0);
    assert_int_equal(n, 5);
    assert_int_equal(mcu_json_int(NULL, "n", MCU_JSON_OPTIONAL, 0, 9, &n), -EINVAL);
    json_decref(root);
}

static void test_ints(void **state)
{
    static const struct {
        const char *text;
        int err;
    } rows[] = {
        {"{\"n\":-3}", 0},      {"{\"n\":10}", 0},      {"{\"n\":-4}", -EINVAL},
        {"{\"n\":11}", -EINVAL}, {"{\"n\":1.0}", -EINVAL}, {"{\"n\":\"1\"}", -EINVAL},
        {"{\"n\":true}", -EINVAL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *root = parse(rows[i].text);
        int64_t n = 99;
        print_message("%s\n", rows[i].text);
        assert_int_equal(mcu_json_int(root, "n", MCU_JSON_REQUIRED, -3, 10, &n), rows[i].err);
        if (rows[i].err)
            assert_int_equal(n, 99);
        json_decref(root);
    }
}

static void test_strings_are_bounded_and_written_last(void **state)
{
    json_t *root = parse("{\"s\":\"abcd\",\"empty\":\"\",\"n\":1}");
    char out[5] = "zz";
    (void)state;
    assert_int_equal(mcu_json_string(root, "n", MCU_JSON_REQUIRED, 0, out, sizeof(out)), -EINVAL);
    assert_int_equal(mcu_json_string(root, "s", MCU_JSON_REQUIRED, 5, out, sizeof(out)), -EINVAL);
    assert_int_equal(mcu_json_string(root, "s", MCU_JSON_REQUIRED, 0, out, 4), -EINVAL);
    assert_int_equal(mcu_json_string(root, "empty", MCU_JSON_REQUIRED, 1, out, sizeof(out)), -EINVAL);
    assert_string_equal(out, "zz");
    assert_int_equal(mcu_json_string(root, "s", MCU_JSON_REQUIRED, 4, out, sizeof(out)), 0);
    assert_string_equal(out, "abcd");
    json_decref(root);
}

static void test_a_string_with_a_nul_inside_is_refused(void **state)
{
    json_t *root = json_object();
    char out[16];
    (void)state;
    json_object_set_new(root, "s", json_stringn("ab\0cd", 5));
    assert_int_equal(mcu_json_string(root, "s", MCU_JSON_REQUIRED, 0, out, sizeof(out)), -EINVAL);
    json_decref(root);
}

static void test_text_for_people(void **state)
{
    static const struct {
        const char *name, *text;
        bool is_fit;
    } rows[] = {
        {"a name", "Ann", true},
        {"four Chinese characters", "\xe4\xbd\xa0\xe5\xa5\xbd\xe4\xbd\xa0\xe5\xa5\xbd", true},
        {"an emoji is one", "\xf0\x9f\x98\x80""abc", true},
        {"five characters", "abcde", false},
        {"none", "", false},
        {"only spaces", "  ", false},
        {"only ideographic space", "\xe3\x80\x80", false},
        {"a line end", "a\nb", false},
        {"DEL", "a\x7f", false},
        {"a C1 control", "a\xc2\x85", false},
        {"a line separator", "a\xe2\x80\xa8", false},
        {"right-to-left override", "a\xe2\x80\xae", false},
        {"an isolate", "a\xe2\x81\xa6", false},
        {"cut UTF-8", "a\xe4\xbd", false},
        {"a stray continuation", "a\x80", false},
        {"overlong", "\xc0\xaf", false},
        {"a surrogate", "\xed\xa0\x80", false},
        {"past Unicode", "\xf4\x90\x80\x80", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].name);
        assert_int_equal(mcu_text_is_fit(rows[i].text, strlen(rows[i].text), 1, 4), rows[i].is_fit);
    }
    assert_true(mcu_text_is_fit("", 0, 0, 4));
    assert_true(mcu_text_is_fit(" ", 1, 0, 4));
}

static void test_text_getter_counts_characters_not_bytes(void **state)
{
    json_t *root = parse("{\"name\":\"\\u4f60\\u597d\"}");
    char out[9];
    (void)state;
    assert_int_equal(mcu_json_text(root, "name", MCU_JSON_REQUIRED, 1, 2, out, sizeof(out)), 0);
    assert_string_equal(out, "\xe4\xbd\xa0\xe5\xa5\xbd");
    assert_int_equal(mcu_json_text(root, "name", MCU_JSON_REQUIRED, 1, 1, out, sizeof(out)), -EINVAL);
    json_decref(root);
}

static void test_numbers_bools_and_containers(void **state)
{
    json_t *root = parse("{\"f\":0.5,\"b\":false,\"o\":{},\"a\":[1,2,3]}");
    json_t *inner = NULL;
    double f = 0;
    bool b = true;
    (void)state;
    assert_int_equal(mcu_json_number(root, "f", MCU_JSON_REQUIRED, 0, 1, &f), 0);
    assert_true(f > 0.49 && f < 0.51);
    assert_int_equal(mcu_json_number(root, "f", MCU_JSON_REQUIRED, 1, 2, &f), -EINVAL);
    assert_int_equal(mcu_json_bool(root, "b", MCU_JSON_REQUIRED, &b), 0);
    assert_false(b);
    assert_int_equal(mcu_json_bool(root, "f", MCU_JSON_REQUIRED, &b), -EINVAL);
    assert_int_equal(mcu_json_object(root, "a", MCU_JSON_REQUIRED, &inner), -EINVAL);
    assert_int_equal(mcu_json_array(root, "a", MCU_JSON_REQUIRED, 2, &inner), -EINVAL);
    assert_null(inner);
    assert_int_equal(mcu_json_array(root, "a", MCU_JSON_REQUIRED, 3, &inner), 0);
    assert_int_equal(json_array_size(inner), 3);
    assert_int_equal(mcu_json_object(root, "o", MCU_JSON_REQUIRED, &inner), 0);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_takes_one_strict_object),
        cmocka_unit_test(test_deep_nesting_is_refused),
        cmocka_unit_test(test_presence),
        cmocka_unit_test(test_ints),
        cmocka_unit_test(test_strings_are_bounded_and_written_last),
        cmocka_unit_test(test_a_string_with_a_nul_inside_is_refused),
        cmocka_unit_test(test_text_for_people),
        cmocka_unit_test(test_text_getter_counts_characters_not_bytes),
        cmocka_unit_test(test_numbers_bools_and_containers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
