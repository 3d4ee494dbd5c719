/* Who watches what: wishes, tiles, and views. */
#include "signaling/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "mcu/control_audio.h"
#include "tests/unit/signaling/rooms_fixture.h"

static void on_watched(void *arg, struct sig_member *m, const struct sig_error *error)
{
    struct fixture *f = arg;
    f->changed = m;
    f->refused = error;
}

static const struct sig_error *wish(struct fixture *f, struct sig_member *m, const char *text)
{
    json_t *data = parse(text);
    json_t *read = NULL;
    const struct sig_error *error = sig_wish_read(&read, m->room, data, m->wish);
    json_decref(data);
    return error ? error : sig_member_watch(m, read, on_watched, f);
}

static void what_a_client_watches_is_kept_and_wished_for_again(void **state)
{
    struct fixture *f = *state;
    struct sig_member *ann = join(f, 0, "ann");
    static const struct {
        const char *data, *code;
    } refused[] = {
        {"{}", "bad_request"},
        {"{\"quality\": \"best\"}", "bad_request"},
        {"{\"view\": \"main\", \"withoutSelf\": true}", "bad_request"},
        {"{\"view\": \"own:p1\"}", "no_such_view"},
        {"{\"view\": \"stage\"}", "no_such_view"},
        {"{\"layout\": \"none\"}", "no_such_layout"},
        {"{\"layout\": \"../grid\"}", "bad_request"},
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        assert_string_equal(wish(f, ann, refused[i].data)->code, refused[i].code);
    assert_true(json_is_null(sig_member_watching_json(ann)));

    assert_null(wish(f, ann, "{\"view\": \"own\", \"withoutSelf\": true, \"quality\": \"360p\"}"));
    assert_true(json_is_true(json_object_get(f->asked[0].command, "without_self")));
    answer(f, "peer_watch", "{\"ok\": true, \"watching\": {\"view\": \"own:p1\", \"tier\": \"360p\", "
                            "\"width\": 640, \"height\": 360}}");
    assert_null(f->refused);
    const json_t *session = json_object_get(f->asked[0].command, "session");
    json_t *again = sig_wish_from_session(session); /* for the front after this one */
    assert_true(json_equal(again, ann->wish));
    json_decref(again);
    answer(f, "peer_session", NULL);
    json_t *watching = sig_member_watching_json(ann);
    assert_string_equal(json_string_value(json_object_get(watching, "view")), "own");
    assert_string_equal(json_string_value(json_object_get(watching, "quality")), "360p");
    json_decref(watching);

    assert_null(wish(f, ann, "{\"quality\": \"auto\"}")); /* of the same picture */
    assert_string_equal(json_string_value(json_object_get(f->asked[0].command, "view")), "own");
    answer(f, "peer_watch", "{\"ok\": false, \"error\": {\"code\": \"no_picture\"}}");
    assert_null(f->refused); /* kept until there is one */
    answer(f, "peer_session", NULL);
    assert_null(wish(f, ann, "{\"view\": \"main\"}"));
    assert_null(json_object_get(f->asked[0].command, "without_self"));
    answer(f, "peer_watch", "{\"ok\": false, \"error\": {\"code\": \"internal\"}}");
    assert_non_null(f->refused);
    f->events.restarted(f->opened[0]);
    answer(f, "peer_add", NULL);
    sig_member_watch_again(ann); /* when she has offered */
    assert_string_equal(json_string_value(json_object_get(f->asked[0].command, "view")), "own");
    assert_string_equal(json_string_value(json_object_get(f->asked[0].command, "quality")), "auto");
    answer(f, "peer_watch", NULL);
}

/* A picture for one alone, or the first in that layout; what is composed already costs nothing. */
static void a_picture_that_nobody_watches_yet_has_to_fit(void **state)
{
    struct fixture *f = *state;
    struct sig_member *ann = join(f, 0, "ann");
    struct sig_member *bob = join(f, 1, "bob");
    f->config.room.max_load = 85;
    ann->room->load.cores = 100000.0;
    assert_string_equal(wish(f, ann, "{\"view\": \"own\"}")->code, "overloaded");
    assert_string_equal(wish(f, ann, "{\"layout\": \"speaker\"}")->code, "overloaded");
    snprintf(bob->view, sizeof(bob->view), "layout:speaker");
    assert_null(wish(f, ann, "{\"layout\": \"speaker\"}"));
    snprintf(ann->view, sizeof(ann->view), "own:p1");
    assert_null(wish(f, ann, "{\"view\": \"own\", \"layout\": \"pip\"}"));
    assert_null(wish(f, ann, "{\"view\": \"main\"}"));
    assert_null(wish(f, ann, "{\"quality\": \"180p\"}"));
    fail_all_due(f);
}

static void says_watching(struct fixture *f, const struct sig_member *m, const char *view)
{
    char text[256];
    snprintf(text, sizeof(text),
             "{\"event\": \"watching\", \"peer\": \"%s\", \"view\": \"%s\", \"tier\": \"720p\", "
             "\"width\": 1280, \"height\": 720}", m->peer, view);
    room_says(f, text);
}

static void tiles_go_to_those_who_watch_that_view(void **state)
{
    struct fixture *f = *state;
    struct sig_member *ann = join(f, 0, "ann"), *bob = join(f, 1, "bob");
    says_watching(f, ann, "main");
    assert_string_equal(heard(f, 0, 1), "watching");
    assert_string_equal(json_string_value(heard_data(f, 0, "quality")), "720p");
    assert_false(was_told(f, 1, "watching"));
    room_says(f, "{\"event\": \"tiles\", \"view\": \"main\", \"width\": 1280, \"height\": 720, \"tiles\": ["
                 "{\"peer\": \"p\", \"user\": \"bob\", \"screen\": false, \"x\": 2, \"y\": 4, \"w\": 6, "
                 "\"h\": 8}, {\"user\": \"odd\"}]}");
    assert_string_equal(heard(f, 0, 1), "tiles");
    assert_int_equal(json_array_size(heard_data(f, 0, "tiles")), 1);
    const json_t *tile = json_array_get(heard_data(f, 0, "tiles"), 0);
    assert_string_equal(json_string_value(json_object_get(tile, "userId")), "bob");
    assert_int_equal(json_integer_value(json_object_get(tile, "h")), 8);
    assert_false(was_told(f, 1, "tiles"));
    says_watching(f, bob, "main"); /* who comes later gets those that there are */
    assert_true(was_told(f, 1, "tiles"));
    char own[64], tiles[160];
    snprintf(own, sizeof(own), "own:%s", bob->peer);
    says_watching(f, bob, own);
    json_array_clear(f->clients[0].events);
    snprintf(tiles, sizeof(tiles), "{\"event\": \"tiles\", \"view\": \"%s\", \"width\": 640, \"height\": 360, "
             "\"tiles\": []}", own);
    room_says(f, tiles);
    assert_int_equal(json_array_size(f->clients[0].events), 0);
    assert_string_equal(json_string_value(heard_data(f, 1, "view")), "own");
    room_says_of(f, bob, "uplink",
                 "\"camera\": {\"width\": 320, \"height\": 180, \"fps\": 15, \"bitrate\": 90000}");
    assert_string_equal(heard(f, 1, 1), "uplink");
    assert_int_equal(json_integer_value(json_object_get(heard_data(f, 1, "camera"), "fps")), 15);
    assert_int_equal(json_array_size(f->clients[0].events), 0);
    room_says(f, "{\"event\": \"overload\", \"step\": \"fps\", \"level\": 1, \"reason\": \"video\"}");
    assert_string_equal(heard(f, 0, 1), "overload");
}

static void on_view(void *arg, const json_t *reply, const struct sig_error *error)
{
    struct fixture *f = arg;
    (void)reply;
    f->refused = error;
    f->answers++;
}

static void views_are_kept_told_and_added_again(void **state)
{
    struct fixture *f = *state;
    char why[MCU_WHY_MAX];
    join(f, 0, "ann");
    struct sig_room *room = f->opened[0];
    json_t *patch = parse("{\"layout\": \"single\", \"width\": 640, \"height\": 360}");
    assert_null(sig_view_check(room, patch, true, why));
    assert_non_null(sig_view_check(room, patch, false, why)); /* the size stays */
    assert_null(sig_view_add(room, "stage", patch, on_view, f));
    assert_int_equal(json_object_size(room->views), 0); /* not before the room has agreed */
    answer(f, "view_add", "{\"ok\": true, \"view\": {\"view\": \"stage\", \"layout\": \"single\", "
                          "\"width\": 640, \"height\": 360, \"fps\": 30}}");
    assert_string_equal(heard(f, 0, 1), "views");
    assert_int_equal(json_array_size(heard_data(f, 0, "views")), 1);
    assert_string_equal(sig_view_add(room, "stage", patch, on_view, f)->code, "view_exists");
    assert_string_equal(sig_view_set(room, "none", patch, on_view, f)->code, "no_such_view");
    json_decref(patch);
    static const char *const odd[][2] = {
        {"{\"width\": 641}", "width: must be an even number of 64 to 4096"},
        {"{\"height\": 2}", "height: must be an even number of 64 to 4096"},
        {"{\"fps\": 0}", "fps: must be a whole number of 1 to 60"},
        {"{\"x\": 1}", "x: cannot be set here"},
        {"{\"layout\": 5}", "layout: must be the name of a layout"},
        {"{\"width\": \"640\"}", "width: must be an even number of 64 to 4096"},
    };
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
        patch = parse(odd[i][0]);
        assert_string_equal(sig_view_check(room, patch, true, why)->code, "bad_request");
        assert_string_equal(why, odd[i][1]);
        json_decref(patch);
    }
    f->events.restarted(f->opened[0]);
    assert_int_equal(json_integer_value(json_object_get(f->asked[0].command, "width")), 640);
    answer(f, "view_add", NULL);
    answer(f, "peer_add", NULL);
    assert_null(sig_view_remove(room, "stage", on_view, f));
    answer(f, "view_remove", NULL);
    assert_int_equal(json_array_size(heard_data(f, 0, "views")), 0);
    assert_false(sig_view_name_is_valid("main"));
    assert_false(sig_view_name_is_valid("a/b"));
    assert_true(sig_view_name_is_valid("stage-2"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_client_watches_is_kept_and_wished_for_again),
        TEST(a_picture_that_nobody_watches_yet_has_to_fit),
        TEST(tiles_go_to_those_who_watch_that_view),
        TEST(views_are_kept_told_and_added_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
