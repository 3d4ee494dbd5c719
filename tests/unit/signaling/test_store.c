/* The store against a real SQLite file in a folder of its own: what is written reads back, and what
 * happens when the file is locked, full, corrupt, newer, or when the process dies. A second plain
 * connection plays the other side. */
#include "signaling/store.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MS = 60000 };

static char folder[64], path[128];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/mixdown-store-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/mixdown.db", folder);
    return 0;
}

/* Files in the folder whose name holds `part`; deletes them when asked. */
static int files(const char *part, bool is_delete)
{
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.' || !strstr(e->d_name, part))
            continue;
        n++;
        if (is_delete)
            unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
    return n;
}

static int remove_folder(void **state)
{
    (void)state;
    files("", true);
    return rmdir(folder);
}

static struct sig_store *open_store(void)
{
    struct sig_store *s = NULL;
    assert_int_equal(sig_store_open(&s, path), 0);
    return s;
}

static void flush(struct sig_store *s)
{
    assert_int_equal(sig_store_flush(s, WAIT_MS), 0);
}

/* One value out of the file, by a connection of our own. */
static int64_t ask(const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, WAIT_MS);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const int64_t n = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return n;
}

static struct sig_store_recording recording(const char *id, int64_t at_ms)
{
    struct sig_store_recording r = {.room_id = "standup", .started_at_ms = at_ms, .participants = 2};
    snprintf(r.id, sizeof(r.id), "%s", id);
    snprintf(r.file, sizeof(r.file), "/data/%s.mp4", id);
    return r;
}

/* --- what is written ------------------------------------------------------------------------- */

static void test_rooms_and_members(void **state)
{
    const struct sig_store_filter all = {.limit = 10};
    const struct sig_store_filter active = {.room_id = "standup", .status = "active", .limit = 10};
    struct sig_store_room rooms[10];
    struct sig_store_member members[10];
    uint64_t total = 0;
    (void)state;
    struct sig_store *s = open_store();
    sig_store_room_opened(s, "standup", "mcu", "ann", 1000);
    sig_store_member_joined(s, "standup", "ann", "Ann \xe5\xb0\x8f", "host", 1001);
    sig_store_member_joined(s, "standup", "bob", "Bob'); DROP TABLE rooms;--", "publisher", 1500);
    sig_store_member_left(s, "standup", "ann", 3001);
    sig_store_room_opened(s, "other", "1v1", NULL, 2000);
    flush(s);

    assert_int_equal(sig_store_rooms(s, &all, rooms, &total), 2);
    assert_int_equal(total, 2);
    assert_string_equal(rooms[0].room_id, "other"); /* newest first */
    assert_string_equal(rooms[0].creator, "");
    assert_string_equal(rooms[1].room_type, "mcu");
    assert_string_equal(rooms[1].creator, "ann");
    assert_string_equal(rooms[1].status, "active");
    assert_int_equal(rooms[1].ended_at_ms, 0);

    assert_int_equal(sig_store_members(s, &all, members, NULL), 2);
    assert_string_equal(members[0].name, "Bob'); DROP TABLE rooms;--");
    assert_string_equal(members[1].name, "Ann \xe5\xb0\x8f");
    assert_int_equal(members[1].left_at_ms, 3001);
    assert_int_equal(members[1].duration_ms, 2000);
    assert_int_equal(sig_store_members(s, &active, members, &total), 1);
    assert_string_equal(members[0].user_id, "bob");
    assert_int_equal(total, 1);

    sig_store_room_ended(s, "standup", 5000);
    flush(s);
    assert_int_equal(sig_store_rooms(s, &active, rooms, NULL), 0);
    assert_int_equal(sig_store_members(s, &active, members, NULL), 0);
    assert_int_equal(ask("SELECT duration_ms FROM room_members WHERE user_id='bob'"), 3500);
    assert_int_equal(ask("SELECT COUNT(*) FROM rooms WHERE status='active'"), 1);
    sig_store_close(s);
}

static void test_a_room_opened_again_is_a_new_row_and_ends_a_stale_one(void **state)
{
    (void)state;
    struct sig_store *s = open_store();
    sig_store_room_opened(s, "a", "mcu", "", 1000);
    sig_store_member_joined(s, "a", "u", "U", "host", 1000);
    sig_store_room_opened(s, "a", "mcu", "", 2000); /* the front had died in between */
    flush(s);
    assert_int_equal(ask("SELECT COUNT(*) FROM rooms"), 2);
    assert_int_equal(ask("SELECT ended_at FROM rooms WHERE created_at=1000"), 2000);
    assert_int_equal(ask("SELECT COUNT(*) FROM rooms WHERE status='active'"), 1);
    assert_int_equal(ask("SELECT left_at FROM room_members"), 2000);
    sig_store_close(s);
}

static void test_leaving_takes_the_newest_row_of_that_user(void **state)
{
    (void)state;
    struct sig_store *s = open_store();
    sig_store_member_joined(s, "a", "u", "one", "host", 1000);
    sig_store_member_joined(s, "a", "u", "two", "host", 2000);
    sig_store_member_left(s, "a", "u", 2500);
    sig_store_member_left(s, "a", "nobody", 2600);
    flush(s);
    assert_int_equal(ask("SELECT left_at FROM room_members WHERE name='two'"), 2500);
    assert_int_equal(ask("SELECT COUNT(*) FROM room_members WHERE left_at IS NULL"), 1);
    sig_store_close(s);
}

static void test_recordings_from_start_to_end(void **state)
{
    const struct sig_store_filter running = {.status = "recording", .limit = 10};
    struct sig_store_recording rows[10], r = recording("r1", 1000);
    (void)state;
    struct sig_store *s = open_store();
    assert_int_equal(sig_store_recording_started(s, &r), 0);
    flush(s);
    assert_int_equal(sig_store_recordings(s, &running, rows, NULL), 1);
    assert_string_equal(rows[0].file, "/data/r1.mp4");
    assert_int_equal(rows[0].ended_at_ms, 0);

    struct sig_store_recording end = {.id = "r1", .ended_at_ms = 9000, .duration_ms = 7900,
                                      .bytes = INT64_C(5000000000), .status = "ready"};
    assert_int_equal(sig_store_recording_finished(s, &end), 0);
    flush(s);
    assert_int_equal(sig_store_recordings(s, &running, rows, NULL), 0);
    assert_int_equal(sig_store_recording_get(s, "r1", &r), 1);
    assert_string_equal(r.status, "ready");
    assert_int_equal(r.duration_ms, 7900);
    assert_int_equal(r.bytes, INT64_C(5000000000));
    assert_int_equal(r.participants, 2); /* 0 leaves what was said at the start */
    assert_int_equal(r.ended_at_ms, 9000);
    assert_int_equal(sig_store_recording_get(s, "nothing", &r), 0);

    assert_int_equal(sig_store_recording_delete(s, "r1"), 0);
    flush(s);
    assert_int_equal(sig_store_recording_get(s, "r1", &r), 0);
    sig_store_close(s);
}

static void test_pages_are_newest_first_and_do_not_overlap(void **state)
{
    struct sig_store_recording rows[10];
    struct sig_store_filter filter = {.room_id = "standup", .limit = 10};
    uint64_t total = 0;
    (void)state;
    struct sig_store *s = open_store();
    for (int i = 0; i < 25; i++) {
        char id[8];
        snprintf(id, sizeof(id), "r%02d", i);
        struct sig_store_recording r = recording(id, 1000 + i / 2); /* pairs at the same time */
        if (i == 7)
            strcpy(r.room_id, "elsewhere");
        assert_int_equal(sig_store_recording_started(s, &r), 0);
    }
    flush(s);
    int expected = 24, count = 0;
    for (filter.offset = 0; filter.offset < 30; filter.offset += 10) {
        const int n = sig_store_recordings(s, &filter, rows, &total);
        assert_int_equal(total, 24);
        assert_int_equal(n, filter.offset == 20 ? 4 : 10);
        for (int i = 0; i < n; i++, count++) {
            if (expected == 7)
                expected--;
            assert_int_equal(atoi(rows[i].id + 1), expected--);
        }
    }
    assert_int_equal(count, 24);
    filter.limit = 0;
    assert_int_equal(sig_store_recordings(s, &filter, rows, NULL), -EINVAL);
    filter.limit = SIG_STORE_PAGE_MAX + 1;
    assert_int_equal(sig_store_recordings(s, &filter, rows, NULL), -EINVAL);
    sig_store_close(s);
}

static void test_bad_writes(void **state)
{
    char long_name[300];
    struct sig_store_recording r = recording("r1", 1);
    struct sig_store_stats stats;
    (void)state;
    struct sig_store *s = open_store();
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_int_equal(sig_store_room_opened(s, "", "mcu", "", 1), -EINVAL);
    assert_int_equal(sig_store_room_opened(s, long_name, "mcu", "", 1), -EINVAL);
    assert_int_equal(sig_store_member_joined(s, "a", "u", long_name, "host", 1), -EINVAL);
    assert_int_equal(sig_store_recording_finished(s, &r), -EINVAL); /* no status */
    assert_int_equal(sig_store_recording_delete(s, ""), -EINVAL);
    /* the same id twice: the second is dropped, what comes with it is not */
    assert_int_equal(sig_store_recording_started(s, &r), 0);
    assert_int_equal(sig_store_recording_started(s, &r), 0);
    assert_int_equal(sig_store_room_opened(s, "a", "mcu", "", 1), 0);
    flush(s);
    sig_store_stats(s, &stats);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(stats.written, 2);
    assert_int_equal(stats.waiting, 0);
    assert_int_equal(ask("SELECT COUNT(*) FROM rooms"), 1);
    sig_store_close(s);
}

static void test_the_tables_are_those_of_the_contract(void **state)
{
    static const struct {
        const char *table, *columns;
    } rows[] = {
        {"rooms", "id,room_id,room_type,creator,created_at,ended_at,status,metadata"},
        {"room_members", "id,room_id,user_id,name,role,joined_at,left_at,duration_ms"},
        {"recordings", "id,room_id,file,started_at,ended_at,duration_ms,bytes,participants,status"},
        {"calls", "id,room_id,caller,callee,media,started_at,answered_at,ended_at,outcome"},
        {"messages", "id,from_user,to_user,room_id,content,sent_at,delivered_at"},
    };
    (void)state;
    sig_store_close(open_store());
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char sql[400];
        snprintf(sql, sizeof(sql), "SELECT group_concat(name) LIKE '%s%%' FROM pragma_table_info('%s')",
                 rows[i].columns, rows[i].table);
        print_message("%s\n", rows[i].table);
        assert_int_equal(ask(sql), 1);
    }
    assert_int_equal(ask("SELECT journal_mode='wal' FROM pragma_journal_mode"), 1);
    assert_true(ask("PRAGMA user_version") >= 4);
}

static void test_closing_and_opening_keeps_everything(void **state)
{
    (void)state;
    struct sig_store *s = open_store();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(sig_store_member_joined(s, "a", "u", "n", "host", i), 0);
    sig_store_close(s); /* without a flush */
    assert_int_equal(ask("SELECT COUNT(*) FROM room_members"), 1000);
    assert_int_equal(ask("SELECT COUNT(*) FROM room_members a JOIN room_members b ON b.id=a.id+1"
                         " WHERE b.joined_at<>a.joined_at+1"), 0); /* in order */
    s = open_store();
    struct sig_store_member m;
    const struct sig_store_filter one = {.limit = 1};
    assert_int_equal(sig_store_members(s, &one, &m, NULL), 1);
    assert_int_equal(m.joined_at_ms, 999);
    sig_store_close(s);
    sig_store_close(NULL);
}

/* --- bad days -------------------------------------------------------------------------------- */

static void test_a_locked_database_keeps_the_writes_and_lets_readers_through(void **state)
{
    sqlite3 *other = NULL;
    struct sig_store_room room;
    struct sig_store_stats stats;
    const struct sig_store_filter one = {.limit = 1};
    (void)state;
    struct sig_store *s = open_store();
    sig_store_room_opened(s, "before", "mcu", "", 1);
    flush(s);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    for (int i = 0; i < 500; i++)
        assert_int_equal(sig_store_member_joined(s, "before", "u", "n", "host", i), 0);
    assert_int_equal(sig_store_flush(s, 200), -ETIMEDOUT);
    assert_int_equal(sig_store_rooms(s, &one, &room, NULL), 1);
    assert_string_equal(room.room_id, "before");
    do { /* until it has been refused at least once */
        usleep(20000);
        sig_store_stats(s, &stats);
    } while (stats.retries == 0);
    assert_int_equal(stats.waiting, 500);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    flush(s);
    sig_store_stats(s, &stats);
    assert_int_equal(stats.failed + stats.refused, 0);
    assert_int_equal(ask("SELECT COUNT(*) FROM room_members"), 500);
    assert_int_equal(ask("SELECT COUNT(*) FROM room_members WHERE id<>joined_at+1"), 0);
    sig_store_close(s);
}

static void test_the_queue_is_bounded_and_says_what_it_refuses(void **state)
{
    sqlite3 *other = NULL;
    struct sig_store_stats stats;
    int taken = 0, refused = 0;
    (void)state;
    struct sig_store *s = open_store();
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    for (int i = 0; i < 2 * SIG_STORE_QUEUE_MAX; i++) {
        const int err = sig_store_member_joined(s, "a", "u", "n", "host", i);
        assert_true(err == 0 || err == -ENOBUFS);
        taken += err == 0;
        refused += err != 0;
    }
    assert_true(refused > 0 && taken >= SIG_STORE_QUEUE_MAX);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    flush(s);
    sig_store_stats(s, &stats);
    assert_int_equal(stats.refused, refused);
    assert_int_equal(stats.written, taken);
    assert_int_equal(ask("SELECT COUNT(*) FROM room_members"), taken);
    sig_store_close(s);
}

/* A limit on the size of files stands for a full disk: writes fail in the same place. */
static void test_a_full_disk_keeps_the_writes(void **state)
{
    struct rlimit before, small;
    struct sig_store_stats stats;
    char big[250];
    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    struct sig_store *s = open_store();
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 128 * 1024;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 1500; i++)
        assert_int_equal(sig_store_member_joined(s, "a", "u", big, "host", i), 0);
    do {
        usleep(20000);
        sig_store_stats(s, &stats);
    } while (stats.retries == 0);
    assert_true(stats.waiting > 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    flush(s);
    sig_store_stats(s, &stats);
    assert_int_equal(stats.failed, 0);
    sig_store_close(s);
    assert_int_equal(ask("SELECT COUNT(*) FROM room_members"), 1500);
    assert_int_equal(ask("SELECT integrity_check='ok' FROM pragma_integrity_check"), 1);
}

static void write_file(const char *name, const void *data, size_t size, long at)
{
    FILE *f = fopen(name, "r+");
    if (!f)
        f = fopen(name, "w");
    assert_non_null(f);
    fseek(f, at, SEEK_SET);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
}

static void test_a_corrupt_file_is_set_aside(void **state)
{
    static const char garbage[8192] = "this is not a database";
    struct sig_store_room room;
    const struct sig_store_filter one = {.limit = 1};
    (void)state;
    write_file(path, garbage, sizeof(garbage), 0);
    struct sig_store *s = open_store();
    assert_int_equal(files(".corrupt-", false), 1);
    sig_store_room_opened(s, "a", "mcu", "", 1);
    flush(s);
    assert_int_equal(sig_store_rooms(s, &one, &room, NULL), 1);
    sig_store_close(s);

    /* pages broken behind a good header */
    s = open_store();
    for (int i = 0; i < 200; i++)
        sig_store_member_joined(s, "a", "u", "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", "host", i);
    sig_store_close(s);
    assert_int_equal(files("-wal", true), 0);
    char noise[16384];
    memset(noise, 0xa5, sizeof(noise));
    write_file(path, noise, sizeof(noise), 4096);
    s = open_store();
    assert_int_equal(files(".corrupt-", false), 2);
    assert_int_equal(sig_store_rooms(s, &one, &room, NULL), 0);
    sig_store_close(s);
}

static void test_a_file_that_breaks_while_open_is_set_aside_too(void **state)
{
    char noise[65536];
    struct sig_store_room room;
    const struct sig_store_filter one = {.limit = 1};
    (void)state;
    struct sig_store *s = open_store();
    for (int i = 0; i < 2000; i++)
        sig_store_member_joined(s, "a", "u", "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", "host", i);
    flush(s);
    assert_int_equal(sig_store_rooms(s, &one, &room, NULL), 0);
    assert_true(ask("PRAGMA wal_checkpoint(TRUNCATE)") == 0);
    memset(noise, 0xa5, sizeof(noise));
    write_file(path, noise, sizeof(noise), 0);
    sig_store_room_opened(s, "after", "mcu", "", 1);
    flush(s);
    assert_true(files(".corrupt-", false) >= 1);
    assert_int_equal(sig_store_rooms(s, &one, &room, NULL), 1);
    assert_string_equal(room.room_id, "after");
    sig_store_close(s);
}

static void test_a_newer_file_is_left_alone(void **state)
{
    struct sig_store *s = NULL;
    (void)state;
    sig_store_close(open_store());
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(sig_store_open(&s, path), -ENOTSUP);
    assert_null(s);
    assert_int_equal(ask("PRAGMA user_version"), 99);
    assert_int_equal(files(".corrupt-", false), 0);
}

static void test_places_where_no_file_can_be(void **state)
{
    struct sig_store *s = NULL;
    (void)state;
    assert_int_equal(sig_store_open(&s, "/nowhere/at/all/x.db"), -ENOENT);
    assert_true(sig_store_open(&s, folder) < 0);
    assert_null(s);
}

/* kill -9 at any moment loses nothing that was committed. */
static void test_killed_while_writing(void **state)
{
    int pipes[2];
    int32_t flushed = -1;
    (void)state;
    assert_int_equal(pipe(pipes), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct sig_store *s = NULL;
        if (sig_store_open(&s, path))
            _exit(1);
        for (int32_t i = 0;; i++) {
            if (sig_store_member_joined(s, "a", "u", "n", "host", i) == 0 && i % 10 == 0 &&
                sig_store_flush(s, WAIT_MS) == 0 && write(pipes[1], &i, sizeof(i)) < 0)
                _exit(1);
        }
    }
    for (int32_t i; flushed < 200 && read(pipes[0], &i, sizeof(i)) == sizeof(i);)
        flushed = i;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(pipes[0]);
    close(pipes[1]);
    assert_true(flushed >= 200);
    sig_store_close(open_store());
    assert_int_equal(files(".corrupt-", false), 0);
    assert_true(ask("SELECT COUNT(*) FROM room_members") > flushed);
    assert_int_equal(ask("SELECT COUNT(*) FROM room_members WHERE id<>joined_at+1"), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rooms_and_members),
        TEST(test_a_room_opened_again_is_a_new_row_and_ends_a_stale_one),
        TEST(test_leaving_takes_the_newest_row_of_that_user),
        TEST(test_recordings_from_start_to_end),
        TEST(test_pages_are_newest_first_and_do_not_overlap),
        TEST(test_bad_writes),
        TEST(test_the_tables_are_those_of_the_contract),
        TEST(test_closing_and_opening_keeps_everything),
        TEST(test_a_locked_database_keeps_the_writes_and_lets_readers_through),
        TEST(test_the_queue_is_bounded_and_says_what_it_refuses),
        TEST(test_a_full_disk_keeps_the_writes),
        TEST(test_a_corrupt_file_is_set_aside),
        TEST(test_a_file_that_breaks_while_open_is_set_aside_too),
        TEST(test_a_newer_file_is_left_alone),
        TEST(test_places_where_no_file_can_be),
        TEST(test_killed_while_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
