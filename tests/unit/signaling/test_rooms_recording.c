/* Recordings: their rows, the deaths of their rooms, and what a start finds. */
#include "signaling/rooms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/signaling/rooms_fixture.h"

static struct sig_recording *record(struct fixture *f, struct sig_room *room)
{
    assert_null(sig_room_record(room, "ann", NULL, NULL, NULL));
    answer(f, "record_start", "{\"ok\": true, \"started_at\": 1000000}");
    assert_non_null(room->active);
    return room->active;
}

static void a_recording_has_a_row_from_start_to_end(void **state)
{
    struct fixture *f = *state;
    struct sig_room *room = join(f, 0, "ann")->room;
    char id[65];
    char text[256];
    const struct sig_recording *r = record(f, room);
    snprintf(id, sizeof(id), "%s", r->id);
    assert_string_equal(heard(f, 0, 1), "recording");
    assert_true(json_is_true(heard_data(f, 0, "active")));
    assert_string_equal(row_of(f, id).status, "recording");
    assert_string_equal(sig_room_record(room, "bob", NULL, NULL, NULL)->code, "already_recording");

    sig_recording_stop(room->active);
    answer(f, "record_stop", NULL);
    assert_false(json_is_true(heard_data(f, 0, "active")));
    assert_null(room->active);
    snprintf(text, sizeof(text),
             "{\"event\": \"recording\", \"id\": \"%s\", \"state\": \"ready\", "
             "\"duration_ms\": 5000, \"bytes\": 77}",
             id);
    room_says(f, text);
    assert_string_equal(json_string_value(heard_data(f, 0, "state")), "ready");
    const struct sig_store_recording row = row_of(f, id);
    assert_string_equal(row.status, "ready");
    assert_int_equal(row.duration_ms, 5000);
    assert_int_equal(row.bytes, 77);
    assert_null(sig_rooms_find_recording(f->rooms, id));
}

static void a_recording_goes_on_in_a_new_file_when_its_room_dies(void **state)
{
    struct fixture *f = *state;
    struct sig_room *room = join(f, 0, "ann")->room;
    char id[65];
    char file[1024];
    const struct sig_recording *r = record(f, room);
    snprintf(id, sizeof(id), "%s", r->id);
    snprintf(file, sizeof(file), "%s", r->file);
    f->events.restarted(f->opened[0]);
    assert_string_equal(f->recovering, file);
    answer(f, "record_start", NULL);
    assert_string_not_equal(room->active->id, id);
    assert_string_equal(row_of(f, room->active->id).status, "recording");
    json_t *result = json_pack("{s:b, s:i, s:i}", "ok", 1, "duration_ms", 4000, "bytes", 66);
    f->recovered(f->recovered_arg, result);
    json_decref(result);
    assert_string_equal(row_of(f, id).status, "ready");
    assert_int_equal(row_of(f, id).duration_ms, 4000);
    assert_true(json_is_true(heard_data(f, 0, "active"))); /* the room is being recorded */
    assert_string_equal(json_string_value(heard_data(f, 0, "id")), id);
    answer(f, "peer_add", NULL);
}

static void says_of_part(struct fixture *f, const char *id, const char *state, int part, bool final)
{
    char text[512];
    snprintf(text, sizeof(text),
             "{\"event\": \"recording\", \"id\": \"%s\", \"state\": \"%s\", \"part\": %d, "
             "\"final\": %s, \"file\": \"%s/p-%d.mp4\", \"started_at\": %d, "
             "\"duration_ms\": 5000, \"bytes\": 77, \"error\": \"no room\"}",
             id, state, part, final ? "true" : "false", f->dir, part, 1000 * part);
    room_says(f, text);
}

static void recovered(struct fixture *f, const char *text)
{
    json_t *result = parse(text);
    f->recovered(f->recovered_arg, result);
    json_decref(result);
}

static void each_file_of_a_recording_is_a_row(void **state)
{
    struct fixture *f = *state;
    struct sig_room *room = join(f, 0, "ann")->room;
    char id[65], second[80], third[80], file[1024];
    const struct sig_recording *r = record(f, room);
    snprintf(id, sizeof(id), "%s", r->id);
    snprintf(second, sizeof(second), "%s-2", id);
    snprintf(third, sizeof(third), "%s-3", id);
    says_of_part(f, id, "part", 2, false);
    assert_int_equal(row_of(f, second).part, 2);
    assert_string_equal(row_of(f, second).recording_id, id);
    assert_int_equal(row_of(f, second).started_at_ms, 2000);
    assert_string_equal(row_of(f, second).status, "recording");
    assert_ptr_equal(sig_rooms_find_recording(f->rooms, second), r);
    says_of_part(f, id, "ready", 1, false);
    assert_string_equal(row_of(f, id).status, "ready");
    assert_string_equal(row_of(f, id).recording_id, id);
    assert_string_equal(json_string_value(heard_data(f, 0, "id")), id);
    assert_true(json_is_true(heard_data(f, 0, "active"))); /* it goes on */
    assert_ptr_equal(room->active, r);

    /* The room dies with the second unfinished and the third never told of: what is known is saved. */
    says_of_part(f, id, "ready", 3, true); /* the front never heard of its beginning */
    assert_string_equal(row_of(f, third).status, "ready");
    assert_int_equal(row_of(f, third).part, 3);
    assert_null(room->active);
    assert_null(sig_rooms_find_recording(f->rooms, third));

    r = record(f, room);
    snprintf(id, sizeof(id), "%s", r->id);
    snprintf(second, sizeof(second), "%s-2", id);
    says_of_part(f, id, "part", 2, false);
    snprintf(file, sizeof(file), "%s/p-2.mp4", f->dir);
    says_of_part(f, id, "ready", 1, false);
    f->events.restarted(f->opened[0]);
    assert_string_equal(f->recovering, file);
    recovered(f, "{\"ok\": true, \"duration_ms\": 3, \"bytes\": 4}");
    assert_string_equal(row_of(f, second).status, "ready");
    assert_string_equal(row_of(f, id).status, "ready");
    assert_int_equal(row_of(f, id).duration_ms, 5000); /* of its own */
    answer(f, "record_start", NULL);
    answer(f, "peer_add", NULL);
}

static void a_disk_that_fails_is_told_and_what_it_took_is_finished_later(void **state)
{
    struct fixture *f = *state;
    struct sig_room *room = join(f, 0, "ann")->room;
    struct sig_rooms_stats stats;
    char id[65];
    const struct sig_recording *r = record(f, room);
    snprintf(id, sizeof(id), "%s", r->id);
    says_of_part(f, id, "stalled", 1, false);
    assert_string_equal(json_string_value(heard_data(f, 0, "state")), "stalled");
    assert_string_equal(json_string_value(heard_data(f, 0, "error")), "no room");
    assert_true(json_is_true(heard_data(f, 0, "active")));
    sig_rooms_stats(f->rooms, &stats);
    assert_int_equal(stats.stalled, 1);
    assert_int_equal(stats.recordings_stalled, 1);
    says_of_part(f, id, "failed", 1, false);
    assert_true(strstr(f->recovering, room->id) != NULL);
    recovered(f, "{\"ok\": false, \"retry\": true, \"error\": \"no room\"}");
    assert_string_equal(row_of(f, id).status, "recording");
    f->recovering[0] = '\0';
    sig_rooms_tick(f->rooms, mcu_now_us());
    assert_string_equal(f->recovering, ""); /* not at once */
    sig_rooms_tick(f->rooms, mcu_now_us() + 60 * MCU_US_PER_S);
    assert_true(strstr(f->recovering, room->id) != NULL);
    says_of_part(f, id, "part", 2, false);
    says_of_part(f, id, "resumed", 1, false);
    assert_string_equal(json_string_value(heard_data(f, 0, "state")), "recording");
    sig_rooms_stats(f->rooms, &stats);
    assert_int_equal(stats.stalled, 0);
    recovered(f, "{\"ok\": true, \"duration_ms\": 10, \"bytes\": 5}");
    assert_string_equal(row_of(f, id).status, "ready");
    assert_ptr_equal(room->active, r);
    says_of_part(f, id, "ended", 1, true);
    assert_null(room->active);
}

static void a_pause_outlives_the_room(void **state)
{
    struct fixture *f = *state;
    struct sig_room *room = join(f, 0, "ann")->room;
    record(f, room);
    sig_recording_pause(room->active, true);
    answer(f, "record_pause", NULL);
    assert_true(json_is_true(heard_data(f, 0, "paused")));
    sig_recording_pause(room->active, true);
    assert_int_equal(f->asked_count, 0); /* it is so already */
    sig_recording_pause(room->active, false);
    answer(f, "record_resume", NULL);
    assert_false(json_is_true(heard_data(f, 0, "paused")));
    sig_recording_pause(room->active, true);
    answer(f, "record_pause", NULL);

    f->events.restarted(f->opened[0]);
    answer(f, "record_start", "{\"ok\": true, \"started_at\": 1000000}");
    answer(f, "peer_add", NULL);
    answer(f, "record_pause", NULL);
    assert_true(room->active->is_paused);
    sig_recording_stop(room->active);
    sig_recording_pause(room->recordings, false);
    answer(f, "record_stop", NULL);
    recovered(f, "{\"ok\": true, \"duration_ms\": 10, \"bytes\": 5}");
}

static const char *asked_text(const struct fixture *f, const char *key)
{
    const char *text = json_string_value(json_object_get(f->asked[0].command, key));
    return text ? text : "";
}

/* What the front keeps of it is enough to ask for the same of another process. */
static void a_recording_of_another_view_goes_on_with_it(void **state)
{
    struct fixture *f = *state;
    struct sig_room *room = join(f, 0, "ann")->room;
    struct sig_record_wish wish = {.layout = "unset"};
    json_t *said = json_pack("{s:s}", "view", "stage");
    assert_string_equal(sig_record_wish_read(&wish, room, said)->code, "no_such_view");
    assert_string_equal(wish.layout, "unset");
    json_object_set_new(room->views, "stage",
                        json_pack("{s:s, s:s, s:i, s:i, s:i}", "view", "stage", "layout", "single",
                                  "width", 320, "height", 180, "fps", 10));
    assert_null(sig_record_wish_read(&wish, room, said));
    json_object_set_new(said, "signs", json_true());
    assert_null(sig_record_wish_read(&wish, room, said));
    json_object_set_new(said, "layout", json_string("grid"));
    assert_string_equal(sig_record_wish_read(&wish, room, said)->code, "bad_request");
    json_object_del(said, "view");
    json_object_set_new(said, "layout", json_string("nonsense"));
    assert_string_equal(sig_record_wish_read(&wish, room, said)->code, "no_such_layout");
    json_decref(said);

    assert_null(sig_room_record(room, "ann", &wish, NULL, NULL));
    assert_string_equal(asked_text(f, "view"), "stage");
    assert_string_equal(asked_text(f, "layout"), "");
    assert_true(json_is_true(json_object_get(f->asked[0].command, "signs")));
    answer(f, "record_start", "{\"ok\": true, \"started_at\": 1000000}");

    f->events.restarted(f->opened[0]);
    assert_string_equal(asked_text(f, "view"), "stage");
    answer(f, "view_add", NULL); /* it is there before it is recorded */
    assert_string_equal(asked_text(f, "view"), "stage");
    assert_true(json_is_true(json_object_get(f->asked[0].command, "signs")));
    answer(f, "record_start", NULL);
    answer(f, "peer_add", NULL);
    json_t *result = json_pack("{s:b, s:i, s:i}", "ok", 1, "duration_ms", 4000, "bytes", 66);
    f->recovered(f->recovered_arg, result);
    json_decref(result);
}

static void a_recording_that_the_room_refuses_is_failed(void **state)
{
    struct fixture *f = *state;
    struct sig_room *room = join(f, 0, "ann")->room;
    assert_null(sig_room_record(room, "ann", NULL, NULL, NULL));
    char id[65];
    snprintf(id, sizeof(id), "%s", room->active->id);
    answer(f, "record_start", "{\"ok\": false, \"error\": {\"code\": \"file_error\"}}");
    assert_null(room->active);
    assert_string_equal(row_of(f, id).status, "failed");
    record(f, room);
}

static void at_the_start_what_was_cut_off_is_recovered(void **state)
{
    struct fixture *f = *state;
    struct sig_store_recording row = {.started_at_ms = 5, .participants = 2};
    snprintf(row.id, sizeof(row.id), "old");
    snprintf(row.room_id, sizeof(row.room_id), "standup");
    snprintf(row.file, sizeof(row.file), "%s/standup-20260101-000000-000.mp4", f->dir);
    assert_int_equal(sig_store_recording_started(f->store, &row), 0);
    assert_int_equal(sig_store_flush(f->store, WAIT_MS), 0);
    assert_int_equal(sig_rooms_recover(f->rooms), 1);
    assert_string_equal(f->recovering, row.file);
    json_t *result = json_pack("{s:b, s:s}", "ok", 0, "error", "no data");
    f->recovered(f->recovered_arg, result);
    json_decref(result);
    assert_string_equal(row_of(f, "old").status, "failed");
    assert_int_equal(sig_rooms_recover(f->rooms), 0);
}

static void make_file(const struct fixture *f, const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s/%s", f->dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}

static void at_the_start_a_file_without_a_row_gets_one(void **state)
{
    struct fixture *f = *state;
    static const char *const ends[] = {"mp4", "m4a", "ogg"};
    for (int i = 0; i < 3; i++) {
        char name[64], path[192], beside[192];
        struct sig_store_recording rows[4];
        const struct sig_store_filter filter = {.room_id = "a.b-c", .limit = 4};
        snprintf(name, sizeof(name), "a.b-c-20260102-03040%d-678.%s", 5 + i, ends[i]);
        make_file(f, name, path, sizeof(path));
        snprintf(name, sizeof(name), "a.b-c-20260102-03040%d-678.track-01-ann.ogg", 5 + i);
        make_file(f, name, beside, sizeof(beside));
        assert_int_equal(sig_rooms_recover(f->rooms), 1); /* not what lies beside it */
        assert_int_equal(sig_store_flush(f->store, WAIT_MS), 0);
        assert_int_equal(sig_store_recordings(f->store, &filter, rows, NULL), i + 1);
        assert_string_equal(rows[0].file, path);
        assert_int_equal(rows[0].started_at_ms, 1767323045000 + i * 1000);
        json_t *result = json_pack("{s:b, s:i, s:i}", "ok", 1, "duration_ms", 10, "bytes", 5);
        f->recovered(f->recovered_arg, result);
        json_decref(result);
        assert_string_equal(row_of(f, rows[0].id).status, "ready");
        assert_int_equal(sig_rooms_recover(f->rooms), 0);
    }
}

static const struct sig_error *wish_of(struct sig_room *room, const char *text,
                                       struct sig_record_wish *wish)
{
    json_t *data = parse(text);
    const struct sig_error *error = sig_record_wish_read(wish, room, data);
    json_decref(data);
    return error;
}

static void wish_for(struct fixture *f, const char *format)
{
    struct sig_room *room = join(f, 0, "ann")->room;
    struct sig_record_wish wish;
    static const char *const bad[] = {
        "{\"format\": \"wav\"}", "{\"format\": 1}",      "{\"tracks\": 1}",
        "{\"snapshots\": 0}",    "{\"snapshots\": 3601}", "{\"title\": \"a\\nb\"}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_string_equal(wish_of(room, bad[i], &wish)->code, "bad_request");
    char text[128], end[8];
    snprintf(end, sizeof(end), ".%s", format);
    snprintf(text, sizeof(text),
             "{\"format\": \"%s\", \"title\": \"Morning\", \"tracks\": true, \"snapshots\": 60}",
             format);
    assert_null(wish_of(room, text, &wish));
    assert_null(sig_room_record(room, "ann", &wish, NULL, NULL));
    for (int round = 0; round < 2; round++) {
        const json_t *command = f->asked[0].command;
        assert_string_equal(asked_text(f, "format"), format);
        assert_string_equal(asked_text(f, "title"), "Morning");
        assert_true(json_is_true(json_object_get(command, "tracks")));
        assert_int_equal(json_integer_value(json_object_get(command, "snapshots")), 60);
        const char *file = asked_text(f, "file");
        assert_string_equal(file + strlen(file) - 4, end);
        answer(f, "record_start", "{\"ok\": true, \"started_at\": 1000000}");
        if (round == 0)
            f->events.restarted(f->opened[0]);
    }
    recovered(f, "{\"ok\": true, \"duration_ms\": 3, \"bytes\": 4}");
    answer(f, "peer_add", NULL);
}

static void the_end_of_an_upload_is_told(void **state)
{
    struct fixture *f = *state;
    struct sig_room *room = join(f, 0, "ann")->room;
    char id[65];
    snprintf(id, sizeof(id), "%s", record(f, room)->id);
    sig_recording_uploaded(f->rooms, "another", true);
    assert_false(was_told(f, 0, "upload"));
    assert_int_equal(sig_store_flush(f->store, WAIT_MS), 0);
    sig_recording_uploaded(f->rooms, id, true);
    assert_string_equal(heard(f, 0, 1), "upload");
    assert_string_equal(json_string_value(heard_data(f, 0, "id")), id);
    assert_string_equal(json_string_value(heard_data(f, 0, "status")), "done");
    sig_recording_uploaded(f->rooms, id, false);
    assert_string_equal(json_string_value(heard_data(f, 0, "status")), "failed");
    f->events.ended(f->opened[0], true);
    const size_t heard_of = json_array_size(f->clients[0].events);
    sig_recording_uploaded(f->rooms, id, true); /* its room has ended */
    assert_int_equal(json_array_size(f->clients[0].events), heard_of);
}

static void what_is_wished_reaches_the_room_and_outlives_it(void **state)
{
    wish_for(*state, "m4a");
}

static void a_wish_for_ogg_does_so_too(void **state)
{
    wish_for(*state, "ogg");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_recording_has_a_row_from_start_to_end),
        TEST(a_recording_goes_on_in_a_new_file_when_its_room_dies),
        TEST(each_file_of_a_recording_is_a_row),
        TEST(a_disk_that_fails_is_told_and_what_it_took_is_finished_later),
        TEST(a_pause_outlives_the_room),
        TEST(a_recording_of_another_view_goes_on_with_it),
        TEST(a_recording_that_the_room_refuses_is_failed),
        TEST(what_is_wished_reaches_the_room_and_outlives_it),
        TEST(the_end_of_an_upload_is_told),
        TEST(a_wish_for_ogg_does_so_too),
        TEST(at_the_start_what_was_cut_off_is_recovered),
        TEST(at_the_start_a_file_without_a_row_gets_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
