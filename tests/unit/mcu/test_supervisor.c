/* Room processes as the front holds them. This program is its own room: tests/tools/fake_room.h. */
#include "mcu/supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

#include "mcu/process.h"
#include "tests/tools/fake_room.h"

enum { WAIT_MS = 30000 };
#define SILENCE_US (1500 * MCU_US_PER_MS)

/* What the model is in the real front: counts what it is told. */
struct model {
    int events, restarts, ends, replies, adopted;
    int replies_before_restart;
    bool died;
    bool last_ok;
    char last_error[64];
    char last_event[32];
    json_t *answer; /* of adopt */
};

struct fixture {
    char dir[64];
    struct mcu_config config;
    struct mcu_supervisor *s;
    struct sig_host host;
    struct model m;
};

static void on_event(void *room, const json_t *event)
{
    struct model *m = room;
    const char *name = json_string_value(json_object_get(event, "event"));
    m->events++;
    if (strcmp(name, "stats") != 0)
        snprintf(m->last_event, sizeof(m->last_event), "%s", name);
}

static void on_restarted(void *room)
{
    struct model *m = room;
    m->replies_before_restart = m->replies;
    m->restarts++;
}

static void on_ended(void *room, bool died)
{
    struct model *m = room;
    m->ends++;
    m->died = died;
}

static void *on_adopted(void *ctx, struct sig_link *link, const json_t *answer)
{
    struct model *m = ctx;
    (void)link;
    m->adopted++;
    json_decref(m->answer);
    m->answer = json_deep_copy(answer);
    return m;
}

static void on_reply(void *arg, const json_t *reply)
{
    struct model *m = arg;
    const char *code = json_string_value(json_object_get(json_object_get(reply, "error"), "code"));
    m->replies++;
    m->last_ok = json_is_true(json_object_get(reply, "ok"));
    snprintf(m->last_error, sizeof(m->last_error), "%s", code ? code : "");
}

static void on_recovered(void *arg, const json_t *result)
{
    struct model *m = arg;
    m->replies++;
    m->last_ok = json_is_true(json_object_get(result, "ok"));
}

static void start(struct fixture *f)
{
    const struct sig_host_events events = {&f->m, on_event, on_restarted, on_ended, on_adopted};
    assert_int_equal(mcu_supervisor_create(&f->s, &f->config, f->dir, SILENCE_US), 0);
    mcu_supervisor_listen(f->s, &events);
    mcu_supervisor_host(f->s, &f->host);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    snprintf(f->dir, sizeof(f->dir), "/tmp/mixdown-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    mcu_config_init(&f->config);
    f->config.room.spare = 1;
    start(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    mcu_supervisor_destroy(f->s);
    json_decref(f->m.answer);
    snprintf(command, sizeof(command), "rm -rf %s", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

/* Serves until *counter is at least `least`; fails after WAIT_MS. */
static void serve_until(struct fixture *f, const int *counter, int least)
{
    const int64_t deadline_us = mcu_now_us() + WAIT_MS * MCU_US_PER_MS;
    while (*counter < least) {
        struct pollfd fd = {.fd = mcu_supervisor_fd(f->s), .events = POLLIN};
        assert_true(mcu_now_us() < deadline_us);
        poll(&fd, 1, 50);
        mcu_supervisor_service(f->s);
    }
}

static struct sig_link *open_room(struct fixture *f, const char *name)
{
    struct sig_link *link = NULL;
    assert_int_equal(f->host.open(f->host.ctx, name, "mcu", 1, &f->m, &link), 0);
    return link;
}

static void add_user(struct fixture *f, struct sig_link *link, const char *user)
{
    json_t *add = json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s}}", "cmd", "peer_add", "peer", "p1",
                            "user", user, "name", "N", "role", "host", "session", "key", "kept");
    assert_int_equal(f->host.send(link, add, on_reply, &f->m), 0);
}

static int count_sockets(const struct fixture *f)
{
    char path[80];
    int n = 0;
    snprintf(path, sizeof(path), "%s/rooms", f->dir);
    DIR *dir = opendir(path);
    for (const struct dirent *e; (e = readdir(dir));)
        n += strstr(e->d_name, ".sock") ? 1 : 0;
    closedir(dir);
    return n;
}

static void a_room_is_opened_and_answers(void **state)
{
    struct fixture *f = *state;
    struct sig_link *link = open_room(f, "calm");
    add_user(f, link, "ann");
    serve_until(f, &f->m.replies, 1);
    assert_true(f->m.last_ok);
    serve_until(f, &f->m.events, 2);
    assert_string_equal(f->m.last_event, "peer_media");
    assert_int_equal(f->m.restarts, 0);
}

static void a_spare_is_kept_and_used(void **state)
{
    struct fixture *f = *state;
    struct sig_host_stats stats;
    assert_int_equal(mcu_supervisor_adopt(f->s, 100), 0);
    f->host.stats(f->host.ctx, &stats);
    assert_int_equal(stats.spares, 1);
    assert_int_equal(stats.started, 1);
    struct sig_link *link = open_room(f, "calm");
    f->host.stats(f->host.ctx, &stats);
    assert_int_equal(stats.spares, 0);
    assert_int_equal(stats.started, 1);
    add_user(f, link, "ann");
    serve_until(f, &f->m.replies, 1);
    assert_true(f->m.last_ok);
    serve_until(f, &f->m.events, 20); /* two seconds of its stats: longer than silence is borne */
    f->host.stats(f->host.ctx, &stats);
    assert_int_equal(stats.spares, 1);
    assert_int_equal(f->m.restarts, 0);
}

static void an_answer_that_waits_lets_others_by(void **state)
{
    struct fixture *f = *state;
    struct sig_link *link = open_room(f, "calm");
    for (int round = 0; round < 3; round++) {
        const int before = f->m.replies;
        json_t *snapshot = json_pack("{s:s}", "cmd", "snapshot");
        assert_int_equal(f->host.send(link, snapshot, on_reply, &f->m), 0);
        add_user(f, link, "ann");
        add_user(f, link, "full");
        serve_until(f, &f->m.replies, before + 3);
        assert_string_equal(f->m.last_error, "room_full");
    }
    assert_int_equal(f->m.restarts, 0);
}

static const struct {
    const char *room;
    const char *user;
} deaths[] = {
    {"calm", "crash"},   /* the process ends */
    {"calm", "garbage"}, /* a line that is no message */
    {"calm", "huge"},    /* a line that does not end */
    {"silent", "ann"},   /* nothing at all */
};

static void a_room_that_dies_is_run_again_and_what_was_due_is_answered(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(deaths) / sizeof(*deaths); i++) {
        print_message("%s in %s\n", deaths[i].user, deaths[i].room);
        f->m = (struct model){0};
        struct sig_link *link = open_room(f, deaths[i].room);
        add_user(f, link, deaths[i].user);
        serve_until(f, &f->m.restarts, 1);
        assert_int_equal(f->m.replies_before_restart, 1);
        assert_string_equal(f->m.last_error, "room_restarted");
        if (strcmp(deaths[i].room, "calm") == 0) {
            add_user(f, link, "ann");
            serve_until(f, &f->m.replies, 2);
            assert_true(f->m.last_ok);
        }
        f->host.close(link);
        if (strcmp(deaths[i].room, "calm") == 0)
            serve_until(f, &f->m.ends, 1);
    }
}

static void a_room_that_keeps_dying_is_given_up(void **state)
{
    struct fixture *f = *state;
    open_room(f, "crashloop");
    serve_until(f, &f->m.ends, 1);
    assert_true(f->m.died);
    assert_int_equal(f->m.restarts, 5);
}

static void a_room_that_will_not_open_is_given_up(void **state)
{
    struct fixture *f = *state;
    open_room(f, "refuse");
    serve_until(f, &f->m.ends, 1);
    assert_true(f->m.died);
}

static void a_room_that_is_closed_finishes_its_recording_first(void **state)
{
    struct fixture *f = *state;
    char file[96];
    struct sig_link *link = open_room(f, "calm");
    snprintf(file, sizeof(file), "%s/a.mp4", f->dir);
    f->host.send(link,
                 json_pack("{s:s, s:s, s:s}", "cmd", "record_start", "id", "r1", "file", file),
                 on_reply, &f->m);
    serve_until(f, &f->m.replies, 1);
    f->host.close(link);
    assert_int_equal(f->host.send(link, json_pack("{s:s}", "cmd", "stats"), NULL, NULL), -EPIPE);
    serve_until(f, &f->m.ends, 1);
    assert_false(f->m.died);
    assert_string_equal(f->m.last_event, "recording");
    assert_int_equal(f->m.restarts, 0);
}

static void a_new_front_adopts_living_rooms_and_sweeps_up_after_dead_ones(void **state)
{
    struct fixture *f = *state;
    struct sig_link *link = open_room(f, "calm");
    char dead[108];
    add_user(f, link, "ann");
    serve_until(f, &f->m.replies, 1);
    mcu_supervisor_destroy(f->s);
    assert_int_equal(f->m.ends, 0);
    snprintf(dead, sizeof(dead), "%s/rooms/0123456789abcdef.sock", f->dir);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", dead);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);

    f->config.room.spare = 0;
    start(f);
    assert_int_equal(mcu_supervisor_adopt(f->s, WAIT_MS), 1);
    const json_t *peers = json_object_get(f->m.answer, "peers");
    const json_t *session = json_object_get(json_array_get(peers, 0), "session");
    assert_string_equal(json_string_value(json_object_get(session, "key")), "kept");
    assert_int_equal(access(dead, F_OK), -1);
    assert_int_equal(count_sockets(f), 1);

    /* Its death is noticed although it is no child's. */
    const int pid = (int)json_integer_value(json_object_get(f->m.answer, "pid"));
    kill(pid, SIGKILL);
    serve_until(f, &f->m.restarts, 1);
    assert_int_equal(count_sockets(f), 1);
}

static void a_recording_is_recovered_by_a_child(void **state)
{
    struct fixture *f = *state;
    char file[96];
    snprintf(file, sizeof(file), "%s/a.mp4", f->dir);
    close(creat(file, 0600));
    assert_int_equal(f->host.recover(f->host.ctx, file, on_recovered, &f->m), 0);
    assert_int_equal(f->host.recover(f->host.ctx, "/nonexistent", on_recovered, &f->m), 0);
    serve_until(f, &f->m.replies, 1);
    assert_true(f->m.last_ok);
    serve_until(f, &f->m.replies, 2);
    assert_false(f->m.last_ok);
}

static void a_data_directory_too_long_for_sockets_is_refused(void **state)
{
    struct fixture *f = *state;
    struct mcu_supervisor *s = NULL;
    char dir[101];
    memset(dir, 'x', sizeof(dir) - 1);
    dir[0] = '/';
    dir[100] = '\0';
    assert_int_equal(mcu_supervisor_create(&s, &f->config, dir, SILENCE_US), -ENAMETOOLONG);
    assert_null(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "room") == 0)
        return fake_room_run();
    if (argc > 2 && strcmp(argv[1], "recover") == 0) {
        puts(access(argv[2], R_OK) == 0 ? "{\"ok\": true}" : "{\"ok\": false}");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        TEST(a_room_is_opened_and_answers),
        TEST(an_answer_that_waits_lets_others_by),
        TEST(a_spare_is_kept_and_used),
        TEST(a_room_that_dies_is_run_again_and_what_was_due_is_answered),
        TEST(a_room_that_keeps_dying_is_given_up),
        TEST(a_room_that_will_not_open_is_given_up),
        TEST(a_room_that_is_closed_finishes_its_recording_first),
        TEST(a_new_front_adopts_living_rooms_and_sweeps_up_after_dead_ones),
        TEST(a_recording_is_recovered_by_a_child),
        TEST(a_data_directory_too_long_for_sockets_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
