/* The room's picture: its layout, what hosts choose of it, and the pictures that layouts name. */
#include "signaling/room_picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "signaling/images.h"
#include "signaling/layouts.h"
#include "signaling/room_images.h"
#include "tests/unit/signaling/rooms_fixture.h"

/* --- the layout ------------------------------------------------------------------------------- */

static void on_picture(void *arg, const struct sig_error *error)
{
    struct fixture *f = arg;
    f->refused = error;
    f->answers++;
}

static void choose(struct fixture *f, const char *text)
{
    json_t *patch = parse(text);
    f->refused = NULL;
    assert_null(sig_room_change_picture(f->opened[0], patch, "zoe", on_picture, f));
    json_decref(patch);
}

static void what_hosts_choose_is_merged_told_and_survives_a_restart(void **state)
{
    struct fixture *f = *state;
    join(f, 0, "ann");
    assert_picture(f, "{\"layout\": \"grid\", \"order\": [], \"spotlight\": null, "
                      "\"hideWithoutVideo\": false, \"sharing\": null}");
    choose(f, "{\"layout\": \"speaker\", \"spotlight\": \"ann\"}");
    assert_string_equal(sig_room_layout(f->opened[0]), "grid"); /* not before the room has agreed */
    answer(f, "layout_set", "{\"ok\": true, \"layout\": \"speaker\"}");
    choose(f, "{\"order\": [\"bob\", \"ann\"]}");
    assert_null(json_object_get(f->asked[0].command, "layout")); /* it was not named */
    answer(f, "layout_set", NULL);
    assert_string_equal(heard(f, 0, 1), "layout");
    assert_string_equal(json_string_value(heard_data(f, 0, "layout")), "speaker");
    assert_string_equal(json_string_value(heard_data(f, 0, "spotlight")), "ann");
    assert_string_equal(json_string_value(heard_data(f, 0, "by")), "zoe");
    assert_int_equal(json_array_size(heard_data(f, 0, "order")), 2);
    choose(f, "{\"layout\": \"duo\"}");
    answer(f, "layout_set", "{\"ok\": false, \"error\": {\"code\": \"internal\"}}");
    assert_non_null(f->refused);
    json_t *none = parse("{\"layout\": \"none\"}");
    assert_string_equal(sig_room_change_picture(f->opened[0], none, "", NULL, NULL)->code, "no_such_layout");
    json_decref(none);

    f->events.restarted(f->opened[0]);
    const json_t *again = f->asked[0].command;
    assert_string_equal(json_string_value(json_object_get(again, "layout")), "speaker");
    assert_string_equal(json_string_value(json_object_get(again, "spotlight")), "ann");
    assert_int_equal(json_array_size(json_object_get(again, "order")), 2);
    answer(f, "layout_set", NULL);
    answer(f, "peer_add", NULL);
    assert_string_equal(sig_room_layout(f->opened[0]), "speaker");
}

static void while_a_screen_is_shared_the_room_says_what_is_in_force(void **state)
{
    struct fixture *f = *state;
    struct sig_member *ann = join(f, 0, "ann");
    char text[160];
    snprintf(text, sizeof(text), "{\"event\": \"layout\", \"layout\": \"presentation\", \"sharing\": \"%s\"}",
             ann->peer);
    room_says(f, text);
    assert_string_equal(heard(f, 0, 1), "layout");
    assert_string_equal(json_string_value(heard_data(f, 0, "layout")), "presentation");
    assert_string_equal(json_string_value(heard_data(f, 0, "sharing")), "ann");
    choose(f, "{\"hideWithoutVideo\": true}");
    answer(f, "layout_set", "{\"ok\": true, \"layout\": \"presentation\"}");
    assert_string_equal(json_string_value(heard_data(f, 0, "sharing")), "ann");
    room_says(f, "{\"event\": \"layout\", \"layout\": \"grid\", \"sharing\": null}");
    assert_picture(f, "{\"layout\": \"grid\", \"order\": [], \"spotlight\": null, "
                      "\"hideWithoutVideo\": true, \"sharing\": null}");
    room_says(f, "{\"event\": \"layout\", \"layout\": 5, \"sharing\": []}"); /* senseless */
    assert_string_equal(sig_room_layout(f->opened[0]), "grid");
}

static void use_layout(struct fixture *f, const char *layout)
{
    json_t *patch = json_pack("{s:s}", "layout", layout);
    assert_null(sig_room_change_picture(f->opened[0], patch, "ann", NULL, NULL));
    json_decref(patch);
}

static void a_layout_of_the_settings_is_in_use(void **state)
{
    struct fixture *f = *state;
    join(f, 0, "ann");
    use_layout(f, "single");
    answer(f, "layout_set", NULL);
    assert_true(sig_rooms_use_layout(f->rooms, "single"));
    assert_false(sig_rooms_use_layout(f->rooms, "duo"));
    snprintf(f->config.video.layout, sizeof(f->config.video.layout), "duo");
    assert_true(sig_rooms_use_layout(f->rooms, "duo")); /* the next room's */
}

/* --- pictures that layouts name --------------------------------------------------------------- */

/* Layouts in a folder of the test's, each naming one picture; and pictures that are headers only. */
static void write_named(struct fixture *f, const char *layout, const char *image)
{
    char text[512];
    char why[SIG_LAYOUT_WHY_MAX];
    snprintf(text, sizeof(text),
             "{\"name\": \"%s\", \"overlays\": [{\"kind\": \"text\", \"text\": \"x\", \"x\": 0, \"y\": 0, "
             "\"w\": \"1/4\", \"h\": \"1/8\"}, {\"kind\": \"image\", \"name\": \"%s\", \"x\": 0, \"y\": 0, "
             "\"w\": \"1/4\"}], \"variants\": [{\"people\": \"1-\", \"cells\": [{\"x\": 0, \"y\": 0, "
             "\"w\": 1, \"h\": 1, \"source\": \"auto\"}]}]}", layout, image);
    assert_null(sig_layout_put(f->layouts, layout, text, strlen(text), why));
}

static const uint8_t png_header[32] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I', 'H',
                                       'D',  'R', 0,   0,   0,    16,   0,    0,    0, 8};

/* The oldest command: image_set of that name, with a file or without. */
static void takes_image(struct fixture *f, const char *name, bool has_file)
{
    assert_true(f->asked_count > 0);
    const json_t *command = f->asked[0].command;
    assert_string_equal(json_string_value(json_object_get(command, "cmd")), "image_set");
    assert_string_equal(json_string_value(json_object_get(command, "name")), name);
    assert_int_equal(json_object_get(command, "file") != NULL, has_file);
    answer(f, "image_set", NULL);
}

static void open_folders(struct fixture *f)
{
    char dir[128];
    snprintf(dir, sizeof(dir), "%s/layouts", f->dir);
    assert_int_equal(sig_layouts_create(&f->layouts, dir), 0);
    snprintf(dir, sizeof(dir), "%s/pictures", f->dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(sig_images_create(&f->images, dir), 0);
    sig_rooms_destroy(f->rooms);
    open_rooms(f);
    sig_images_listen(f->images, sig_rooms_image_changed, f->rooms);
}

static void pictures_go_before_the_layouts_that_name_them(void **state)
{
    struct fixture *f = *state;
    open_folders(f);
    join(f, 0, "ann");
    write_named(f, "one", "logo");
    write_named(f, "two", "late");
    assert_null(sig_image_put(f->images, "logo", png_header, sizeof(png_header)));
    assert_int_equal(f->asked_count, 0); /* nobody needs it */
    use_layout(f, "one");
    takes_image(f, "logo", true);
    answer(f, "layout_set", NULL);
    use_layout(f, "one");
    answer(f, "layout_set", NULL); /* it has it */
    use_layout(f, "two");
    answer(f, "layout_set", NULL);
    assert_null(sig_image_put(f->images, "late", png_header, sizeof(png_header)));
    takes_image(f, "late", true); /* named before it was there */
    assert_null(sig_image_put(f->images, "late", png_header, sizeof(png_header)));
    takes_image(f, "late", true); /* another */
    f->events.restarted(f->opened[0]);
    takes_image(f, "late", true); /* and not logo, which nothing names now */
    answer(f, "layout_set", NULL);
    answer(f, "peer_add", NULL);
    assert_null(sig_image_delete(f->images, "late"));
    takes_image(f, "late", false);
    assert_string_equal(sig_image_delete(f->images, "late")->code, "no_such_picture");
    assert_int_equal(f->asked_count, 0);
}

static void a_room_is_given_no_more_pictures_than_it_takes(void **state)
{
    struct fixture *f = *state;
    char name[32];
    open_folders(f);
    join(f, 0, "ann");
    for (int i = 0; i < SIG_ROOM_IMAGES_MAX; i++) {
        snprintf(name, sizeof(name), "logo-%d", i);
        write_named(f, "one", name);
        assert_null(sig_image_put(f->images, name, png_header, sizeof(png_header)));
        if (i > 0) /* in use already */
            takes_image(f, name, true);
        use_layout(f, "one");
        if (i == 0)
            takes_image(f, name, true);
        answer(f, "layout_set", NULL);
    }
    write_named(f, "one", "last");
    assert_null(sig_image_put(f->images, "last", png_header, sizeof(png_header)));
    for (int i = 0; i < SIG_ROOM_IMAGES_MAX; i++)
        answer(f, "image_set", NULL); /* nothing names them any more */
    takes_image(f, "last", true);
    const struct sig_room *room = f->opened[0];
    assert_int_equal(json_object_size(room->images), 1);
}

static void pictures_that_an_earlier_front_gave_are_given_anew(void **state)
{
    struct fixture *f = *state;
    open_folders(f);
    assert_null(sig_image_put(f->images, "logo", png_header, sizeof(png_header)));
    json_t *reply = parse("{\"room\": \"standup\", \"type\": \"mcu\", \"opened_at\": 5, \"peers\": [], "
                          "\"recordings\": [], \"images\": [\"logo\", \"gone\", 5, \"../x\"]}");
    f->opened[0] = f->events.adopted(f->events.ctx, (struct sig_link *)f, reply);
    json_decref(reply);
    assert_non_null(f->opened[0]);
    takes_image(f, "logo", true);
    takes_image(f, "gone", false);
    answer(f, "view_list", NULL);
}

static void pictures_are_found_again_at_the_start(void **state)
{
    struct fixture *f = *state;
    char dir[128], path[160];
    const size_t size = sizeof(png_header);
    open_folders(f);
    assert_null(sig_image_put(f->images, "b", png_header, size));
    assert_null(sig_image_put(f->images, "a", png_header, size));
    assert_string_equal(sig_image_put(f->images, "c", "no", 2)->code, "bad_picture");
    assert_string_equal(sig_image_put(f->images, "../c", png_header, size)->code, "bad_picture");
    snprintf(dir, sizeof(dir), "%s/pictures", f->dir);
    snprintf(path, sizeof(path), "%s/broken", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("no picture", file);
    fclose(file);
    struct sig_images *again = NULL;
    assert_int_equal(sig_images_create(&again, dir), 0);
    json_t *list = sig_images_json(again);
    json_t *wanted =
        parse("[{\"name\": \"a\", \"type\": \"image/png\", \"width\": 16, \"height\": 8, \"bytes\": 32}, "
              "{\"name\": \"b\", \"type\": \"image/png\", \"width\": 16, \"height\": 8, \"bytes\": 32}]");
    assert_true(json_equal(list, wanted));
    json_decref(list);
    json_decref(wanted);
    sig_images_destroy(again);
    for (int i = 2; i < SIG_IMAGES_MAX; i++) {
        snprintf(path, sizeof(path), "n%d", i);
        assert_null(sig_image_put(f->images, path, png_header, size));
    }
    assert_string_equal(sig_image_put(f->images, "more", png_header, size)->code, "too_many_pictures");
    assert_null(sig_image_put(f->images, "a", png_header, size));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_hosts_choose_is_merged_told_and_survives_a_restart),
        TEST(while_a_screen_is_shared_the_room_says_what_is_in_force),
        TEST(a_layout_of_the_settings_is_in_use),
        TEST(pictures_go_before_the_layouts_that_name_them),
        TEST(a_room_is_given_no_more_pictures_than_it_takes),
        TEST(pictures_that_an_earlier_front_gave_are_given_anew),
        TEST(pictures_are_found_again_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
