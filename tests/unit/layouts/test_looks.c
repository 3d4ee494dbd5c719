/* How tiles look and what lies over them: what layout files may say, and what comes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "layouts/layout.h"

#define FULL "\"x\":0,\"y\":0,\"w\":1,\"h\":1"
#define WITH(keys)                                                                                 \
    "{\"name\":\"t\"," keys "\"variants\":[{\"people\":\"1-\",\"cells\":[{" FULL                   \
    ",\"source\":\"auto\"}]}]}"
#define CELL(keys)                                                                                 \
    "{\"name\":\"t\",\"variants\":[{\"people\":\"1-\",\"cells\":[{" FULL                           \
    ",\"source\":\"auto\"," keys "}]}]}"
#define OVER(keys) WITH("\"overlays\":[{" keys "}],")
#define BOX        "\"x\":0,\"y\":0,\"w\":\"1/2\",\"h\":\"1/4\""

static const struct {
    const char *name;
    const char *json;
    const char *says; /* NULL: it is taken */
} rows[] = {
    {"a label", WITH("\"label\":{\"show\":false,\"position\":\"top-right\"},"), NULL},
    {"a cell's style",
     CELL("\"radius\":\"1/2\",\"alpha\":0.5,\"border\":{\"width\":4,\"color\":\"#ff0000\"},"
          "\"label\":{\"position\":\"bottom\"},\"show\":\"avatar\""),
     NULL},
    {"a border without a colour", CELL("\"border\":{\"width\":2}"), NULL},
    {"a picture behind", WITH("\"background\":\"team-wall\","), NULL},
    {"an image", OVER("\"kind\":\"image\",\"name\":\"logo\"," BOX ",\"alpha\":0.8"), NULL},
    {"an image as high as it is",
     OVER("\"kind\":\"image\",\"name\":\"logo\",\"x\":0,\"y\":0.9,\"w\":0.1,\"fit\":\"fill\""),
     NULL},
    {"words",
     OVER("\"kind\":\"text\",\"text\":\"会议 Q3\"," BOX
          ",\"color\":\"#ffcc00\",\"ground\":\"#000000\",\"align\":\"start\""),
     NULL},
    {"a clock",
     OVER("\"kind\":\"clock\",\"format\":\"YYYY-MM-DD HH:MM:SS\",\"zone\":\"-09:30\"," BOX), NULL},
    {"a clock in UTC", OVER("\"kind\":\"clock\",\"zone\":\"UTC\"," BOX), NULL},
    {"signs", WITH("\"overlays\":[{\"kind\":\"rec\"," BOX "},{\"kind\":\"live\"," BOX "}],"), NULL},
    {"no overlays", WITH("\"overlays\":[],"), NULL},

    {"a label as a word", WITH("\"label\":\"top\","), "$.label: must be an object"},
    {"an unknown position", WITH("\"label\":{\"position\":\"middle\"},"),
     "$.label.position: must be one of \"top-left\", \"top\", \"top-right\", \"bottom-left\", "
     "\"bottom\", \"bottom-right\""},
    {"show as a word", WITH("\"label\":{\"show\":\"no\"},"), "$.label.show: must be true or false"},
    {"an unknown key in a label", WITH("\"label\":{\"size\":1},"), "$.label.size: unknown key"},
    {"a radius past the middle", CELL("\"radius\":\"2/3\""),
     "cells[0].radius: must be at most \"1/2\""},
    {"a radius in pixels", CELL("\"radius\":12"), "cells[0].radius: must be from 0 to 1"},
    {"nothing to see", CELL("\"alpha\":0"), "cells[0].alpha: must be above 0"},
    {"an alpha as a word", CELL("\"alpha\":\"half\""), "cells[0].alpha: must be a number"},
    {"a border as a number", CELL("\"border\":2"), "cells[0].border: must be an object"},
    {"a border without width", CELL("\"border\":{}"), "cells[0].border.width: is missing"},
    {"a wide border", CELL("\"border\":{\"width\":33}"), "border.width: must be from 0 to 32"},
    {"a border in a named colour", CELL("\"border\":{\"width\":1,\"color\":\"red\"}"),
     "border.color: must be a colour"},
    {"something unknown to show", CELL("\"show\":\"cat\""),
     "cells[0].show: must be one of \"video\", \"avatar\""},
    {"a background that is a path", WITH("\"background\":\"../x\","), "$.background: may have a-z"},
    {"overlays that are no list", WITH("\"overlays\":{},"), "$.overlays: must be a list"},
    {"an overlay as a word", WITH("\"overlays\":[\"rec\"],"), "$.overlays[0]: must be an object"},
    {"an overlay without a kind", OVER(BOX), "$.overlays[0].kind: is missing"},
    {"an unknown kind", OVER("\"kind\":\"video\"," BOX), "$.overlays[0].kind: must be one of"},
    {"a key of another kind", OVER("\"kind\":\"rec\",\"name\":\"x\"," BOX),
     "$.overlays[0].name: unknown key"},
    {"an image without a name", OVER("\"kind\":\"image\"," BOX), "$.overlays[0].name: is missing"},
    {"an image with a path", OVER("\"kind\":\"image\",\"name\":\"a/b\"," BOX), "name: may have"},
    {"an image without width", OVER("\"kind\":\"image\",\"name\":\"a\",\"x\":0,\"y\":0"),
     "$.overlays[0].w: is missing"},
    {"an image below the canvas", OVER("\"kind\":\"image\",\"name\":\"a\",\"x\":0,\"y\":1,\"w\":1"),
     "$.overlays[0].y: must be below 1"},
    {"words without height", OVER("\"kind\":\"text\",\"text\":\"a\",\"x\":0,\"y\":0,\"w\":1"),
     "$.overlays[0].h: is missing"},
    {"words off the canvas",
     OVER("\"kind\":\"text\",\"text\":\"a\",\"x\":0.6,\"y\":0,\"w\":\"1/2\",\"h\":1"),
     "$.overlays[0]: x + w is off the canvas"},
    {"no words", OVER("\"kind\":\"text\"," BOX), "$.overlays[0].text: is missing"},
    {"empty words", OVER("\"kind\":\"text\",\"text\":\"\"," BOX), "text: must have 1 to 200"},
    {"a clock in free form", OVER("\"kind\":\"clock\",\"format\":\"%H\"," BOX),
     "format: must be one of"},
    {"a zone by name", OVER("\"kind\":\"clock\",\"zone\":\"Europe/Oslo\"," BOX),
     "zone: must be \"local\""},
    {"a zone far away", OVER("\"kind\":\"clock\",\"zone\":\"+15:00\"," BOX), "zone: must be"},
    {"a zone with a tail", OVER("\"kind\":\"clock\",\"zone\":\"+01:000\"," BOX), "zone: must be"},
};

static void looks_are_taken_or_refused_with_path_and_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char error[LAYOUT_ERROR_MAX] = "";
        struct layout *l = NULL;
        const int err = layout_parse(&l, rows[i].json, strlen(rows[i].json), "test.json", error);
        layout_destroy(l);
        if (err != (rows[i].says ? -EINVAL : 0) || (rows[i].says && !strstr(error, rows[i].says)))
            fail_msg("%s: %d \"%s\"", rows[i].name, err, error);
    }
}

static struct layout *load(const char *json)
{
    struct layout *l = NULL;
    char error[LAYOUT_ERROR_MAX];
    if (layout_parse(&l, json, strlen(json), "test", error))
        fail_msg("%s", error);
    return l;
}

static const struct layout_person ann = {.user = "ann", .has_video = true};

static struct layout_tile only_tile(const char *json, uint32_t width, uint32_t height)
{
    struct layout *l = load(json);
    struct layout_tile t[2];
    assert_int_equal(layout_place(l, &ann, 1, width, height, t, 2), 1);
    layout_destroy(l);
    return t[0];
}

static void tiles_are_plain_unless_a_file_says_otherwise(void **state)
{
    (void)state;
    const struct layout_tile t = only_tile(WITH(""), 640, 360);
    assert_int_equal(t.style.radius_px, 0);
    assert_int_equal(t.style.border_px, 0);
    assert_int_equal(t.style.alpha, 255);
    assert_true(t.style.has_label);
    assert_false(t.style.is_avatar);
    assert_int_equal(t.style.label, LAYOUT_BOTTOM_LEFT);
}

static void a_style_is_told_in_even_pixels_of_the_tile(void **state)
{
    (void)state;
    static const char json[] = CELL("\"radius\":\"1/7\",\"alpha\":0.5,\"show\":\"avatar\","
                                    "\"border\":{\"width\":3,\"color\":\"#0a0b0c\"}");
    struct layout_tile t = only_tile(json, 640, 360);
    assert_int_equal(t.style.radius_px, 50); /* of 51.4 */
    assert_int_equal(t.style.border_px, 4);
    assert_int_equal(t.style.border_rgb, 0x0a0b0c);
    assert_int_equal(t.style.alpha, 128);
    assert_true(t.style.is_avatar);
    t = only_tile(json, 12, 360);
    assert_int_equal(t.style.border_px, 2); /* a quarter of a narrow tile at most */
    t = only_tile(json, 6, 360);
    assert_int_equal(t.style.border_px, 0);
}

static void a_cell_may_differ_from_the_files_label(void **state)
{
    (void)state;
    struct layout *l = load("{\"name\":\"t\",\"label\":{\"position\":\"top\",\"show\":false},"
                            "\"variants\":[{\"people\":\"1-\",\"cells\":["
                            "{" FULL ",\"source\":\"auto\"},"
                            "{" FULL ",\"z\":1,\"source\":\"auto\",\"label\":{\"show\":true}}]}]}");
    const struct layout_person two[] = {ann, {.user = "bob", .has_video = true}};
    struct layout_tile t[2];
    assert_int_equal(layout_place(l, two, 2, 640, 360, t, 2), 2);
    assert_false(t[0].style.has_label);
    assert_true(t[1].style.has_label);
    assert_int_equal(t[1].style.label, LAYOUT_TOP); /* what it does not name stays */
    layout_destroy(l);
}

static void overlays_come_with_their_boxes(void **state)
{
    (void)state;
    struct layout *l = load(
        WITH("\"background\":\"wall\",\"overlays\":["
             "{\"kind\":\"image\",\"name\":\"logo\",\"x\":\"15/16\",\"y\":\"1/2\",\"w\":\"1/16\","
             "\"alpha\":0.8},"
             "{\"kind\":\"text\",\"text\":\"Hi\",\"x\":0,\"y\":0,\"w\":\"1/2\",\"h\":\"1/9\","
             "\"ground\":\"#112233\",\"align\":\"end\"},"
             "{\"kind\":\"clock\",\"zone\":\"-03:30\",\"format\":\"HH:MM:SS\",\"x\":0,\"y\":0,"
             "\"w\":0.001,\"h\":1}],"));
    assert_string_equal(layout_background_image(l), "wall");
    uint32_t rgb;
    assert_false(layout_background(l, &rgb));
    struct layout_overlay o[LAYOUT_OVERLAYS_MAX];
    assert_int_equal(layout_overlays(l, 1280, 720, o, LAYOUT_OVERLAYS_MAX), 3);
    assert_int_equal(o[0].kind, LAYOUT_IMAGE);
    assert_string_equal(o[0].text, "logo");
    assert_int_equal(o[0].x, 1200);
    assert_int_equal(o[0].y, 360);
    assert_int_equal(o[0].width, 80);
    assert_int_equal(o[0].height, 360);
    assert_false(o[0].has_height);
    assert_int_equal(o[0].alpha, 204);
    assert_int_equal(o[1].kind, LAYOUT_TEXT);
    assert_string_equal(o[1].text, "Hi");
    assert_int_equal(o[1].height, 80);
    assert_true(o[1].has_ground);
    assert_int_equal(o[1].ground_rgb, 0x112233);
    assert_int_equal(o[1].rgb, 0xffffff);
    assert_int_equal(o[1].align, LAYOUT_END);
    assert_int_equal(o[2].zone_min, -210);
    assert_int_equal(o[2].format, LAYOUT_HH_MM_SS);
    assert_int_equal(o[2].width, 2);
    assert_int_equal(layout_overlays(l, 640, 360, o, LAYOUT_OVERLAYS_MAX), 2); /* a pixel wide */
    assert_int_equal(layout_overlays(l, 1280, 720, o, 1), 1);
    layout_destroy(l);
}

static void seventeen_overlays_are_too_many(void **state)
{
    (void)state;
    char json[4096] = "{\"name\":\"t\",\"overlays\":[", error[LAYOUT_ERROR_MAX];
    for (int i = 0; i < LAYOUT_OVERLAYS_MAX + 1; i++)
        strcat(json, i ? ",{\"kind\":\"rec\"," BOX "}" : "{\"kind\":\"rec\"," BOX "}");
    strcat(json, "]}");
    struct layout *l = NULL;
    assert_int_equal(layout_parse(&l, json, strlen(json), "t", error), -EINVAL);
    assert_non_null(strstr(error, "$.overlays: must be a list of at most 16"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_are_taken_or_refused_with_path_and_reason),
        cmocka_unit_test(tiles_are_plain_unless_a_file_says_otherwise),
        cmocka_unit_test(a_style_is_told_in_even_pixels_of_the_tile),
        cmocka_unit_test(a_cell_may_differ_from_the_files_label),
        cmocka_unit_test(overlays_come_with_their_boxes),
        cmocka_unit_test(seventeen_overlays_are_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
