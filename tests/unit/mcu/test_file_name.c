/* Names of recordings: what templates make, and that nothing leaves the folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "mcu/file_name.h"

static const struct {
    const char *template, *room, *expected; /* NULL: refused */
} rows[] = {
    {"{room}-{date}-{time}-{ms}", "standup", "standup-20260102-030405-678"},
    {"{id}", "standup", "x1"},
    {"rec_{room}", "a.b", "rec_a.b"},
    {"{room}", ".hidden", "_hidden"},
    {"{room}", "..", "_."},
    {"{room}", "../../etc/passwd", "_._.._etc_passwd"},
    {"{room}", "a/b\\c\nd\xc3\xa9", "a_b_c_d__"},
    {"{room}{room}", "ab", "abab"},
    {"", "r", NULL},
    {".hidden", "r", NULL},
    {"a.b", "r", NULL},
    {"../{room}", "r", NULL},
    {"a/{room}", "r", NULL},
    {"/{room}", "r", NULL},
    {"{room", "r", NULL},
    {"room}", "r", NULL},
    {"{}", "r", NULL},
    {"{nobody}", "r", NULL},
    {"{ROOM}", "r", NULL},
    {"a b", "r", NULL},
    {"a\nb", "r", NULL},
    {"%s", "r", NULL},
    {"{{room}}", "r", NULL},
};

static void templates_make_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char name[MCU_FILE_NAME_MAX + 1] = "unset";
        const struct mcu_file_name values = {rows[i].room, "x1", 1767323045678};
        const int err = mcu_file_name(name, rows[i].template, &values);
        print_message("%s of %s\n", rows[i].template, rows[i].room);
        assert_int_equal(err, rows[i].expected ? 0 : -EINVAL);
        assert_int_equal(mcu_file_template_is_valid(rows[i].template), rows[i].expected != NULL);
        assert_string_equal(name, rows[i].expected ? rows[i].expected : "unset");
    }
}

static void names_are_never_too_long(void **state)
{
    (void)state;
    char name[MCU_FILE_NAME_MAX + 1], room[400], template[400];
    memset(room, 'r', sizeof(room) - 1);
    room[sizeof(room) - 1] = '\0';
    const struct mcu_file_name values = {room, "x1", 0};
    assert_int_equal(mcu_file_name(name, "{room}", &values), 0);
    assert_int_equal(strlen(name), 128);
    assert_int_equal(mcu_file_name(name, "{room}{room}", &values), -ENAMETOOLONG);
    memset(template, 'x', sizeof(template));
    template[MCU_FILE_NAME_MAX] = '\0';
    assert_true(mcu_file_template_is_valid(template));
    assert_int_equal(mcu_file_name(name, template, &values), 0);
    template[MCU_FILE_NAME_MAX] = 'x';
    template[MCU_FILE_NAME_MAX + 1] = '\0';
    assert_false(mcu_file_template_is_valid(template));
}

/* Whatever the bytes are: a name of one folder, or none. */
static void any_bytes_make_a_name_or_none(void **state)
{
    (void)state;
    static const char some[] = "{}roomidtemsa./\\_-%\n\x80 ";
    srand(11);
    for (int n = 0; n < 200000; n++) {
        char template[24], room[24], name[MCU_FILE_NAME_MAX + 1];
        for (int i = 0; i < 23; i++) {
            template[i] = some[(size_t)rand() % sizeof(some)];
            room[i] = some[(size_t)rand() % sizeof(some)];
        }
        template[23] = room[23] = '\0';
        const struct mcu_file_name values = {room, "x1", 1767323045678};
        if (mcu_file_name(name, n % 2 ? template : "{room}", &values) == 0)
            assert_true(name[0] && name[0] != '.' && !strpbrk(name, "/\\\n\x80 %"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_make_names),
        cmocka_unit_test(names_are_never_too_long),
        cmocka_unit_test(any_bytes_make_a_name_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
