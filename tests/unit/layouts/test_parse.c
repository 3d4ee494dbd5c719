/* Layout files: what is taken, and what is refused with origin, path and reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "layouts/layout.h"

#define CELL(fields)    "{\"name\":\"t\",\"variants\":[{\"people\":\"1-\",\"cells\":[{" fields "}]}]}"
#define FULL            "\"x\":0,\"y\":0,\"w\":1,\"h\":1"
#define GRID(fields)    CELL(FULL ",\"source\":\"auto\",\"grid\":{" fields "}")
#define PEOPLE(list)    "{\"name\":\"t\",\"variants\":[" list "]}"
#define VARIANT(people) "{\"people\":" people ",\"cells\":[{" FULL ",\"source\":\"auto\"}]}"

static const char good[] = PEOPLE(VARIANT("\"1-\""));

static int parse(const char *json, size_t size, char *error)
{
    struct layout *l = NULL;
    const int err = layout_parse(&l, json, size, "test.json", error);
    if (err)
        assert_null(l);
    layout_destroy(l);
    return err;
}

static const struct {
    const char *name;
    const char *json;
    const char *says; /* NULL: it is taken */
} rows[] = {
    {"the smallest file", good, NULL},
    {"title as text", "{\"name\":\"t\",\"title\":\"T\",\"variants\":[" VARIANT("\"1-\"") "]}",
     NULL},
    {"title in languages",
     "{\"name\":\"t\",\"title\":{\"en\":\"T\"},\"variants\":[" VARIANT("\"1-\"") "]}", NULL},
    {"numbers", CELL("\"x\":0.1,\"y\":0.25,\"w\":0.9,\"h\":0.75,\"source\":\"auto\""), NULL},
    {"fractions",
     CELL("\"x\":\"1/3\",\"y\":\"2/3\",\"w\":\"2/3\",\"h\":\"1/3\",\"source\":\"auto\""), NULL},
    {"every source",
     CELL(FULL
          ",\"source\":[\"screen\",\"pin:1\",\"user:a\",\"role:host\",\"match:a*\",\"speaker\","
          "\"auto\"]"),
     NULL},
    {"fit, z and id", CELL(FULL ",\"source\":\"auto\",\"fit\":\"contain\",\"z\":-3,\"id\":\"a\""),
     NULL},
    {"a grid", GRID("\"cols\":\"1-8\",\"rows\":2,\"gap\":5,\"align\":\"end\""), NULL},
    {"ranges that meet", PEOPLE(VARIANT("1") "," VARIANT("\"2-4\"") "," VARIANT("\"5-\"")), NULL},

    {"portrait, screenshare, omit and hold",
     "{\"name\":\"t\",\"screenshare\":\"presentation\",\"omit\":[\"no-video\",\"role:a\"],"
     "\"hold_ms\":0,\"variants\":[" VARIANT("\"1-\"") "],\"portrait\":[" VARIANT("\"1-\"") "]}",
     NULL},
    {"a portrait that leaves a count uncovered",
     "{\"name\":\"t\",\"variants\":[" VARIANT("\"1-\"") "],\"portrait\":[" VARIANT("\"2-\"") "]}",
     "$.portrait: none is for 1 people"},
    {"an unknown omission",
     "{\"name\":\"t\",\"omit\":[\"no-video\",\"cats\"],\"variants\":[" VARIANT("\"1-\"") "]}",
     "$.omit[1]: must be"},
    {"an omission that is no list",
     "{\"name\":\"t\",\"omit\":\"no-video\",\"variants\":[" VARIANT("\"1-\"") "]}",
     "$.omit: must be a list"},
    {"a role without a name",
     "{\"name\":\"t\",\"omit\":[\"role:\"],\"variants\":[" VARIANT("\"1-\"") "]}",
     "$.omit[0]: must be"},
    {"a layout for screens with a path",
     "{\"name\":\"t\",\"screenshare\":\"../x\",\"variants\":[" VARIANT("\"1-\"") "]}",
     "$.screenshare: may have a-z"},
    {"too long a hold", "{\"name\":\"t\",\"hold_ms\":60001,\"variants\":[" VARIANT("\"1-\"") "]}",
     "$.hold_ms: must be from 0"},

    {"not JSON", "{", "test.json: $: line 1"},
    {"NaN", CELL("\"x\":NaN,\"y\":0,\"w\":1,\"h\":1,\"source\":\"auto\""), "NaN"},
    {"infinity", CELL("\"x\":1e999,\"y\":0,\"w\":1,\"h\":1,\"source\":\"auto\""),
     "real number overflow"},
    {"a key twice", "{\"name\":\"t\",\"name\":\"u\"}", "duplicate"},
    {"a list at the root", "[]", "test.json: $: must be an object"},
    {"unknown key at the root", "{\"nmae\":\"t\"}", "test.json: $.nmae: unknown key"},
    {"unknown key in a cell", CELL(FULL ",\"source\":\"auto\",\"colour\":1"),
     "test.json: $.variants[0].cells[0].colour: unknown key"},
    {"unknown key in a grid", GRID("\"columns\":1"), "cells[0].grid.columns: unknown key"},
    {"no name", "{\"variants\":[]}", "$.name: is missing"},
    {"a name with a slash", "{\"name\":\"../t\"}", "$.name: may have"},
    {"a short background", "{\"name\":\"t\",\"background\":\"#fff\"}",
     "$.background: must be a colour"},
    {"background with a sign", "{\"name\":\"t\",\"background\":\"#+12345\"}", "$.background"},
    {"no variants", "{\"name\":\"t\"}", "$.variants: must be"},
    {"no cells", PEOPLE("{\"people\":1,\"cells\":[]}"), "$.variants[0].cells: must be a list of 1"},
    {"no people", PEOPLE("{\"cells\":[]}"), "$.variants[0].people: is missing"},
    {"people from 0", PEOPLE(VARIANT("\"0-\"")), "$.variants[0].people: must rise"},
    {"people falling", PEOPLE(VARIANT("\"4-2\"")), "people: must rise"},
    {"people in words", PEOPLE(VARIANT("\"all\"")), "people: must be a count"},
    {"people and a half", PEOPLE(VARIANT("1.5")), "people: must be a count"},
    {"nobody for two", PEOPLE(VARIANT("1") "," VARIANT("\"3-\"")),
     "$.variants: none is for 2 people"},
    {"nobody for many", PEOPLE(VARIANT("\"1-49\"")), "none is for 50 people"},
    {"x missing", CELL("\"y\":0,\"w\":1,\"h\":1,\"source\":\"auto\""), "cells[0].x: is missing"},
    {"source missing", CELL(FULL), "cells[0].source: is missing"},
    {"no width", CELL("\"x\":0,\"y\":0,\"w\":0,\"h\":1,\"source\":\"auto\""),
     "cells[0].w: must be above 0"},
    {"no height", CELL("\"x\":0,\"y\":0,\"w\":1,\"h\":\"0/7\",\"source\":\"auto\""),
     "cells[0].h: must be"},
    {"off the right", CELL("\"x\":\"1/3\",\"y\":0,\"w\":\"3/4\",\"h\":1,\"source\":\"auto\""),
     "cells[0]: x + w is off the canvas"},
    {"off the bottom", CELL("\"x\":0,\"y\":0.5,\"w\":1,\"h\":0.500001,\"source\":\"auto\""),
     "y + h is off the canvas"},
    {"off the left", CELL("\"x\":-0.1,\"y\":0,\"w\":1,\"h\":1,\"source\":\"auto\""),
     "x: must be from 0 to 1"},
    {"a fraction above one", CELL("\"x\":\"3/2\",\"y\":0,\"w\":1,\"h\":1,\"source\":\"auto\""),
     "x: must be"},
    {"divided by zero", CELL("\"x\":\"1/0\",\"y\":0,\"w\":1,\"h\":1,\"source\":\"auto\""),
     "x: must be"},
    {"a signed fraction", CELL("\"x\":\"-1/2\",\"y\":0,\"w\":1,\"h\":1,\"source\":\"auto\""),
     "x: must be"},
    {"a fraction with a tail", CELL("\"x\":\"1/2x\",\"y\":0,\"w\":1,\"h\":1,\"source\":\"auto\""),
     "x: must be"},
    {"a fraction of long numbers",
     CELL("\"x\":\"1/12345678\",\"y\":0,\"w\":1,\"h\":1,\"source\":\"auto\""), "x: must be"},
    {"unknown fit", CELL(FULL ",\"source\":\"auto\",\"fit\":\"crop\""),
     "fit: must be one of \"cover\", \"contain\", \"fill\""},
    {"unknown source", CELL(FULL ",\"source\":\"everyone\""), "source: unknown source"},
    {"unknown source in a list", CELL(FULL ",\"source\":[\"auto\",\"x\"]"),
     "source[1]: unknown source"},
    {"no sources", CELL(FULL ",\"source\":[]"), "source: must have 1 to 8"},
    {"pin without number", CELL(FULL ",\"source\":\"pin:\""), "says nothing"},
    {"pin zero", CELL(FULL ",\"source\":\"pin:0\""), "must be a pin"},
    {"a source as number", CELL(FULL ",\"source\":1"), "source: must be a string"},
    {"a control character", CELL(FULL ",\"source\":\"user:\\u0007\""), "control character"},
    {"z not whole", CELL(FULL ",\"source\":\"auto\",\"z\":0.5"), "z: must be a whole number"},
    {"z far away", CELL(FULL ",\"source\":\"auto\",\"z\":1001"), "z: must be from -1000 to 1000"},
    {"a wide gap", GRID("\"gap\":65"), "grid.gap: must be from 0 to 64"},
    {"too many columns", GRID("\"cols\":\"1-101\""), "grid.cols: must rise"},
    {"unknown align", GRID("\"align\":\"left\""), "grid.align: must be one of"},
};

static void files_are_taken_or_refused_with_path_and_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char error[LAYOUT_ERROR_MAX] = "";
        const int err = parse(rows[i].json, strlen(rows[i].json), error);
        if (err != (rows[i].says ? -EINVAL : 0) || (rows[i].says && !strstr(error, rows[i].says)))
            fail_msg("%s: %d \"%s\"", rows[i].name, err, error);
    }
}

static void errors_may_be_left_out(void **state)
{
    (void)state;
    assert_int_equal(parse("[]", 2, NULL), -EINVAL);
}

static void a_layout_without_end_is_refused(void **state)
{
    (void)state;
    for (size_t size = 0; size < strlen(good); size++)
        assert_int_equal(parse(good, size, NULL), -EINVAL);
}

static void deep_nesting_is_refused_before_parsing(void **state)
{
    (void)state;
    char json[4096];
    char error[LAYOUT_ERROR_MAX];
    memset(json, '[', sizeof(json));
    assert_int_equal(parse(json, sizeof(json), error), -EINVAL);
    assert_non_null(strstr(error, "nested deeper than 16"));
    assert_int_equal(parse(json, 16, error), -EINVAL);
    assert_null(strstr(error, "nested"));
    /* brackets inside a string are no nesting */
    const char quoted[] = "{\"name\":\"[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[\"}";
    assert_int_equal(parse(quoted, strlen(quoted), error), -EINVAL);
    assert_null(strstr(error, "nested"));
}

static char *many_cells(size_t count, bool same_ids)
{
    static const char cell[] =
        "{\"id\":\"c%zu\",\"x\":0,\"y\":0,\"w\":1,\"h\":1,\"source\":\"auto\"}%s";
    char *json = malloc(count * 80 + 100), *at = json;
    at += sprintf(at, "{\"name\":\"t\",\"variants\":[{\"people\":\"1-\",\"cells\":[");
    for (size_t i = 0; i < count; i++)
        at += sprintf(at, cell, same_ids ? 0 : i, i + 1 < count ? "," : "]}]}");
    return json;
}

static void a_hundred_cells_are_the_most(void **state)
{
    (void)state;
    char error[LAYOUT_ERROR_MAX];
    char *json = many_cells(100, false);
    assert_int_equal(parse(json, strlen(json), error), 0);
    free(json);
    json = many_cells(101, false);
    assert_int_equal(parse(json, strlen(json), error), -EINVAL);
    assert_non_null(strstr(error, "1 to 100 cells"));
    free(json);
    json = many_cells(2, true);
    assert_int_equal(parse(json, strlen(json), error), -EINVAL);
    assert_non_null(strstr(error, "cells[1].id: is used"));
    free(json);
}

static void a_long_path_does_not_overrun_the_error(void **state)
{
    (void)state;
    char json[3000], error[LAYOUT_ERROR_MAX];
    char key[2000];
    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    snprintf(json, sizeof(json), "{\"%s\":1}", key);
    assert_int_equal(parse(json, strlen(json), error), -EINVAL);
    assert_true(strlen(error) < sizeof(error));
}

static void background_is_told(void **state)
{
    (void)state;
    const char json[] =
        "{\"name\":\"t\",\"background\":\"#10a4Ff\",\"variants\":[" VARIANT("\"1-\"") "]}";
    struct layout *l;
    uint32_t rgb = 7;
    assert_int_equal(layout_parse(&l, json, strlen(json), "t", NULL), 0);
    assert_true(layout_background(l, &rgb));
    assert_int_equal(rgb, 0x10a4ff);
    layout_destroy(l);
    rgb = 7;
    assert_int_equal(layout_parse(&l, good, strlen(good), "t", NULL), 0);
    assert_false(layout_background(l, &rgb));
    assert_int_equal(rgb, 7);
    assert_string_equal(layout_name(l), "t");
    layout_destroy(l);
    layout_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_taken_or_refused_with_path_and_reason),
        cmocka_unit_test(errors_may_be_left_out),
        cmocka_unit_test(a_layout_without_end_is_refused),
        cmocka_unit_test(deep_nesting_is_refused_before_parsing),
        cmocka_unit_test(a_hundred_cells_are_the_most),
        cmocka_unit_test(a_long_path_does_not_overrun_the_error),
        cmocka_unit_test(background_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
