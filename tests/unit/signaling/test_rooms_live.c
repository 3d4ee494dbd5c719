/* Live pushes in the model: what is told of them, keys that are not, deaths and ends of rooms. */
#include "signaling/live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/signaling/rooms_fixture.h"

#define URL    "rtmp://live.example.com/app/s3cret-key"
#define MASKED "rtmp://live.example.com/app/***"

static const struct sig_error *refused;
static char started[65];

static void on_started(void *arg, const struct sig_push *p, const struct sig_error *error)
{
    (void)arg;
    refused = error;
    snprintf(started, sizeof(started), "%s", p ? p->id : "");
}

static const struct sig_error *start(struct sig_room *room, const char *json)
{
    struct sig_live_wish wish;
    const char *why;
    json_t *data = parse(json);
    const struct sig_error *error = sig_live_wish_read(&wish, room, data, &why);
    json_decref(data);
    return error ? error : sig_live_start(room, "ann", &wish, on_started, NULL);
}

static const char ok[] = "{\"ok\": true, \"push\": {\"since\": 7}}";

/* Copies the id, for the push may be gone before it is used. */
static struct sig_push *push(struct fixture *f, struct sig_room *room)
{
    assert_null(start(room, "{\"url\": \"" URL "\"}"));
    answer(f, "live_start", ok);
    assert_null(refused);
    struct sig_push *p = sig_live_find(room, started);
    assert_non_null(p);
    return p;
}

static void says(struct fixture *f, const char *id, const char *rest)
{
    char text[512];
    snprintf(text, sizeof(text), "{\"event\": \"live\", \"id\": \"%s\", %s}", id, rest);
    room_says(f, text);
}

static void a_push_is_told_of_without_its_key(void **state)
{
    struct fixture *f = *state;
    struct sig_room *room = join(f, 0, "ann")->room;
    assert_null(start(room, "{\"url\": \"" URL "\"}"));
    assert_string_equal(
        json_string_value(json_object_get(f->asked[f->asked_count - 1].command, "url")),
        URL); /* the room needs it */
    answer(f, "live_start", ok);
    assert_string_equal(heard(f, 0, 1), "live");
    assert_string_equal(json_string_value(heard_data(f, 0, "url")), MASKED);
    assert_string_equal(json_string_value(heard_data(f, 0, "state")), "connecting");
    assert_false(json_is_true(heard_data(f, 0, "active")));

    says(f, started, "\"state\": \"live\", \"since\": 5, \"bytes\": 1000");
    assert_true(json_is_true(heard_data(f, 0, "active")));
    says(f, started,
         "\"state\": \"retrying\", \"bytes\": 1500, \"retries\": 1, \"error\": \"gone\"");
    assert_string_equal(json_string_value(heard_data(f, 0, "lastError")), "gone");
    char *events = json_dumps(f->clients[0].events, 0);
    assert_null(strstr(events, "s3cret"));
    free(events);
    json_t *list = sig_live_list(room);
    char *text = json_dumps(list, 0);
    assert_null(strstr(text, "s3cret"));
    free(text);
    json_decref(list);

    struct sig_rooms_stats stats;
    sig_rooms_stats(f->rooms, &stats);
    assert_int_equal(stats.pushes, 1);
    assert_int_equal(stats.push_bytes, 1500);
    assert_int_equal(stats.push_retries, 1);

    sig_live_stop(sig_live_find(room, started));
    answer(f, "live_stop", "{\"ok\": true}");
    says(f, started, "\"state\": \"ended\", \"bytes\": 1600");
    assert_string_equal(json_string_value(heard_data(f, 0, "state")), "ended");
    assert_null(sig_live_find(room, started));
    says(f, started, "\"state\": \"live\""); /* nobody knows it any more */
    assert_null(room->pushes);
}

static void what_cannot_be_pushed_to_is_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *json, *code;
    } rows[] = {
        {"{}", "bad_request"},
        {"{\"url\": 7}", "bad_request"},
        {"{\"hls\": 1}", "bad_request"},
        {"{\"hls\": true, \"url\": \"" URL "\"}", "bad_request"},
        {"{\"url\": \"file:///etc/passwd\"}", "bad_url"},
        {"{\"url\": \"http://example.com/\"}", "bad_url"},
        {"{\"url\": \"rtmp://\"}", "bad_url"},
        {"{\"url\": \"" URL "\", \"view\": \"none\"}", "no_such_view"},
        {"{\"url\": \"" URL "\", \"layout\": \"none\"}", "no_such_layout"},
    };
    struct sig_room *room = join(f, 0, "ann")->room;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_string_equal(start(room, rows[i].json)->code, rows[i].code);
    assert_null(room->pushes);
}

static void there_are_eight_and_no_more(void **state)
{
    struct fixture *f = *state;
    struct sig_room *room = join(f, 0, "ann")->room;
    for (int i = 0; i < SIG_PUSHES_MAX; i++)
        push(f, room);
    assert_string_equal(start(room, "{\"url\": \"" URL "\"}")->code, "too_many_pushes");
}

static void a_room_has_one_hls_which_outlives_its_process(void **state)
{
    struct fixture *f = *state;
    snprintf(f->config.storage.dir, sizeof(f->config.storage.dir), "%s", f->dir);
    struct sig_room *room = join(f, 0, "ann")->room;
    assert_null(start(room, "{\"hls\": true}"));
    char folder[256];
    snprintf(folder, sizeof(folder), "%s/hls/standup", f->dir);
    const json_t *command = f->asked[f->asked_count - 1].command;
    assert_string_equal(json_string_value(json_object_get(command, "folder")), folder);
    answer(f, "live_start", ok);
    assert_string_equal(sig_live_find(room, started)->url, "/hls/standup/index.m3u8");
    assert_string_equal(start(room, "{\"hls\": true}")->code, "hls_exists");
    f->asked_count = 0;
    f->events.restarted(f->opened[0]);
    assert_non_null(sig_hls_of(room));
    assert_true(f->asked_count > 0);
}

static void one_that_the_room_refuses_is_forgotten(void **state)
{
    struct fixture *f = *state;
    struct sig_room *room = join(f, 0, "ann")->room;
    assert_null(start(room, "{\"url\": \"" URL "\"}"));
    answer(f, "live_start", "{\"ok\": false, \"error\": {\"code\": \"no_such_view\"}}");
    assert_string_equal(refused->code, "no_such_view");
    assert_null(room->pushes);
}

static void a_push_goes_on_when_its_room_dies(void **state)
{
    struct fixture *f = *state;
    struct sig_room *room = join(f, 0, "ann")->room;
    const struct sig_push *p = push(f, room);
    says(f, p->id, "\"state\": \"live\", \"bytes\": 1000");
    f->asked_count = 0;
    f->events.restarted(f->opened[0]);
    const json_t *again = NULL;
    for (int i = 0; i < f->asked_count; i++) {
        if (strcmp(json_string_value(json_object_get(f->asked[i].command, "cmd")), "live_start") ==
            0)
            again = f->asked[i].command;
    }
    assert_non_null(again);
    assert_string_equal(json_string_value(json_object_get(again, "url")), URL);
    assert_string_equal(json_string_value(json_object_get(again, "id")), p->id);

    says(f, p->id, "\"state\": \"connecting\", \"bytes\": 10"); /* its counters begin anew */
    struct sig_rooms_stats stats;
    sig_rooms_stats(f->rooms, &stats);
    assert_int_equal(stats.push_bytes, 1010);
}

static void one_that_gave_up_is_gone(void **state)
{
    struct fixture *f = *state;
    struct sig_room *room = join(f, 0, "ann")->room;
    const struct sig_push *p = push(f, room);
    says(f, p->id, "\"state\": \"failed\", \"error\": \"refused by the server\"");
    assert_string_equal(json_string_value(heard_data(f, 0, "state")), "failed");
    assert_null(room->pushes);
    struct sig_rooms_stats stats;
    sig_rooms_stats(f->rooms, &stats);
    assert_int_equal(stats.pushes_failed, 1);
}

static void pushes_end_with_their_room(void **state)
{
    struct fixture *f = *state;
    struct sig_room *room = join(f, 0, "ann")->room;
    push(f, room);
    push(f, room);
    f->events.ended(f->opened[0], true);
    struct sig_rooms_stats stats;
    sig_rooms_stats(f->rooms, &stats);
    assert_int_equal(stats.pushes, 0);
}

static void an_adopted_push_ends_with_its_process(void **state)
{
    struct fixture *f = *state;
    struct sig_room *room = join(f, 0, "ann")->room;
    json_t *said = parse("[{\"id\": \"x\", \"url\": \"" MASKED "\", \"state\": \"live\", "
                         "\"since\": 5, \"bytes\": 9, \"view\": \"stage\"}, {\"id\": 7}]");
    live_adopt(room, said);
    json_decref(said);
    const struct sig_push *p = sig_live_find(room, "x");
    assert_non_null(p);
    assert_string_equal(p->url, MASKED);
    assert_string_equal(p->wish.view, "stage");
    assert_int_equal(p->bytes, 9);
    assert_null(p->next);
    f->events.restarted(f->opened[0]); /* nobody knows its key any more */
    assert_null(room->pushes);
    assert_true(was_told(f, 0, "live"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_push_is_told_of_without_its_key, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_pushed_to_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(there_are_eight_and_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(a_room_has_one_hls_which_outlives_its_process, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_that_the_room_refuses_is_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(a_push_goes_on_when_its_room_dies, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_gave_up_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(pushes_end_with_their_room, setup, teardown),
        cmocka_unit_test_setup_teardown(an_adopted_push_ends_with_its_process, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
