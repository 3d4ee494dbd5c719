/* How much is recorded and how long it is kept; and recordings that begin by themselves. */
#include "signaling/rooms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/signaling/rooms_fixture.h"

enum { MB = 1000 * 1000, ROWS = 6 };

static void path_of(const struct fixture *f, int n, char *out, size_t size)
{
    snprintf(out, size, "%s/old-%d.mp4", f->dir, n);
}

/* Finished recordings of `mb` megabytes each, one a day; the newest, 0, is of today. */
static void add_recordings(struct fixture *f, int mb)
{
    for (int n = ROWS - 1; n >= 0; n--) {
        const int64_t at_ms = mcu_wall_ms() - n * INT64_C(24) * 3600 * 1000 - 60000;
        struct sig_store_recording row = {
            .started_at_ms = at_ms, .ended_at_ms = at_ms + 1000, .bytes = (int64_t)mb * MB};
        snprintf(row.id, sizeof(row.id), "old-%d", n);
        snprintf(row.room_id, sizeof(row.room_id), "standup");
        path_of(f, n, row.file, sizeof(row.file));
        FILE *file = fopen(row.file, "w");
        assert_non_null(file);
        fclose(file);
        assert_int_equal(sig_store_recording_started(f->store, &row), 0);
        snprintf(row.status, sizeof(row.status), "ready");
        assert_int_equal(sig_store_recording_finished(f->store, &row), 0);
    }
    assert_int_equal(sig_store_flush(f->store, WAIT_MS), 0);
}

/* Looks, as often as it takes, a minute apart. */
static void let_time_pass(struct fixture *f)
{
    static int64_t now_us;
    for (int i = 0; i < 4; i++) {
        now_us += 60 * MCU_US_PER_S;
        sig_rooms_tick(f->rooms, mcu_now_us() + now_us);
        assert_int_equal(sig_store_flush(f->store, WAIT_MS), 0);
    }
}

/* Rows and files 0 .. n - 1 are there, the others are not. */
static void assert_left(struct fixture *f, int left)
{
    for (int n = 0; n < ROWS; n++) {
        char id[16], path[128];
        struct sig_store_recording row;
        snprintf(id, sizeof(id), "old-%d", n);
        path_of(f, n, path, sizeof(path));
        const bool has_row = sig_store_recording_get(f->store, id, &row) == 1;
        const bool has_file = access(path, F_OK) == 0;
        if (has_row != (n < left) || has_file != (n < left))
            fail_msg("%s: row %d, file %d, %d are to be left", id, has_row, has_file, left);
    }
}

static void without_a_limit_all_stays(void **state)
{
    struct fixture *f = *state;
    add_recordings(f, 1000);
    let_time_pass(f);
    assert_left(f, ROWS);
}

static void old_ones_are_deleted(void **state)
{
    struct fixture *f = *state;
    f->config.recording.keep_days = 3;
    add_recordings(f, 10);
    let_time_pass(f);
    assert_left(f, 3); /* of today, yesterday and the day before; the next is a minute older than three */
}

static void the_oldest_make_room(void **state)
{
    struct fixture *f = *state;
    f->config.recording.keep_mb = 45;
    add_recordings(f, 10);
    let_time_pass(f);
    assert_left(f, 4);
    f->config.recording.keep_mb = 40; /* so many are just right */
    let_time_pass(f);
    assert_left(f, 4);
}

static void what_runs_is_never_deleted(void **state)
{
    struct fixture *f = *state;
    f->config.recording.keep_mb = 1;
    struct sig_room *room = join(f, 0, "ann")->room;
    assert_null(sig_room_record(room, "ann", NULL, NULL, NULL));
    answer(f, "record_start", "{\"ok\": true, \"started_at\": 5}");
    char id[65];
    snprintf(id, sizeof(id), "%s", room->active->id);
    add_recordings(f, 10);
    let_time_pass(f);
    assert_left(f, 0);
    assert_string_equal(row_of(f, id).status, "recording");
    assert_non_null(room->active);
}

static void a_quota_ends_what_runs_and_lets_none_begin(void **state)
{
    struct fixture *f = *state;
    struct sig_room *room = join(f, 0, "ann")->room;
    f->config.recording.quota_mb = 61;
    add_recordings(f, 10);
    let_time_pass(f);
    assert_null(sig_room_record(room, "ann", NULL, NULL, NULL));
    answer(f, "record_start", "{\"ok\": true, \"started_at\": 5}");
    let_time_pass(f);
    assert_false(room->active->is_stopping);
    assert_int_equal(truncate(room->active->file, 0), -1); /* nothing writes it here */
    FILE *file = fopen(room->active->file, "w");
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), 2 * MB), 0);
    fclose(file);
    const char *path = room->active->file;
    char copy[1024];
    snprintf(copy, sizeof(copy), "%s", path);
    let_time_pass(f); /* what is being written counts */
    answer(f, "record_stop", NULL);
    assert_null(room->active);
    assert_string_equal(sig_room_record(room, "ann", NULL, NULL, NULL)->code, "quota_reached");
    assert_left(f, ROWS); /* a quota deletes nothing */
    f->config.recording.quota_mb = 100;
    let_time_pass(f);
    assert_null(sig_room_record(room, "ann", NULL, NULL, NULL));
    answer(f, "record_start", "{\"ok\": true, \"started_at\": 5}");
    unlink(copy);
}

static void rooms_are_recorded_by_themselves(void **state)
{
    struct fixture *f = *state;
    f->config.recording.starts_itself = true;
    snprintf(f->config.recording.template, sizeof(f->config.recording.template), "auto_{room}");
    struct sig_room *room = join(f, 0, "ann")->room;
    assert_non_null(room->active);
    char file[256];
    snprintf(file, sizeof(file), "%s/auto_%s.mp4", f->dir, room->id);
    assert_string_equal(room->active->file, file);
    answer(f, "record_start", "{\"ok\": true, \"started_at\": 5}");
    fclose(fopen(file, "w"));
    sig_recording_stop(room->active);
    answer(f, "record_stop", NULL);
    join(f, 1, "bob");
    assert_null(room->active); /* who stopped it had a reason */
    assert_null(sig_room_record(room, "ann", NULL, NULL, NULL));
    assert_string_not_equal(room->active->file, file); /* that name is taken */
    assert_non_null(strstr(room->active->file, room->active->id));
    answer(f, "record_start", "{\"ok\": true, \"started_at\": 5}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_limit_all_stays),
        TEST(old_ones_are_deleted),
        TEST(the_oldest_make_room),
        TEST(what_runs_is_never_deleted),
        TEST(a_quota_ends_what_runs_and_lets_none_begin),
        TEST(rooms_are_recorded_by_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
