/* tests/unit/signaling/rooms_fixture.h - the front's model on a host that is a list of what it was
 * asked, with clients that keep what they hear; for test_rooms*.c. */
#ifndef TESTS_UNIT_SIGNALING_ROOMS_FIXTURE_H
#define TESTS_UNIT_SIGNALING_ROOMS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mcu/base/clock.h"
#include "signaling/images.h"
#include "signaling/layouts.h"
#include "signaling/room_picture.h"
#include "signaling/rooms.h"

enum { ASKED_MAX = 64, CLIENTS = 4, WAIT_MS = 30000 };

struct asked {
    struct sig_link *link;
    json_t *command;
    sig_reply_fn *done;
    void *arg;
};

/* Stands for struct sig_client, which the model never looks into. */
struct client {
    json_t *events; /* {action, data} in order */
    char unseated[32];
};

struct fixture {
    struct mcu_config config;
    struct sig_host_events events;
    struct sig_rooms *rooms;
    struct sig_store *store;
    struct sig_layouts *layouts; /* NULL: only the built-in ones */
    struct sig_images *images;
    char dir[64];
    struct asked asked[ASKED_MAX]; /* not answered yet */
    int asked_count;
    void *opened[8]; /* rooms, by the order of opening; NULL: closed */
    int open_count;
    int close_count;
    int open_err;
    char recovering[1024];
    sig_recovered_fn *recovered;
    void *recovered_arg;
    struct client clients[CLIENTS];
    struct sig_member *joined;
    struct sig_member *changed;
    const struct sig_error *refused;
    int answers;
};

static struct fixture *fixture; /* the model's callbacks have no context */

/* --- the host --------------------------------------------------------------------------------- */

static inline int host_open(void *ctx, const char *name, const char *type, int64_t opened_at_ms,
                            void *room, struct sig_link **out)
{
    struct fixture *f = ctx;
    (void)name;
    (void)opened_at_ms;
    assert_string_equal(type, "mcu");
    if (f->open_err)
        return f->open_err;
    f->opened[f->open_count] = room;
    *out = (struct sig_link *)&f->opened[f->open_count++];
    return 0;
}

static inline int host_send(struct sig_link *link, json_t *command, sig_reply_fn *done, void *arg)
{
    struct fixture *f = fixture;
    assert_in_range(f->asked_count, 0, ASKED_MAX - 1);
    f->asked[f->asked_count++] = (struct asked){link, command, done, arg};
    return 0;
}

static inline void host_close(struct sig_link *link)
{
    (void)link;
    fixture->close_count++;
}

static inline int host_recover(void *ctx, const char *file, sig_recovered_fn *done, void *arg)
{
    struct fixture *f = ctx;
    snprintf(f->recovering, sizeof(f->recovering), "%s", file);
    f->recovered = done;
    f->recovered_arg = arg;
    return 0;
}

static inline void on_send(struct sig_client *client, const json_t *event)
{
    struct client *c = (struct client *)client;
    json_array_append_new(c->events, json_deep_copy(event));
}

static inline void on_unseat(struct sig_client *client, const char *reason)
{
    struct client *c = (struct client *)client;
    snprintf(c->unseated, sizeof(c->unseated), "%s", reason);
}

/* --- helpers ---------------------------------------------------------------------------------- */

static inline json_t *parse(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    return json;
}

/* Answers the oldest command, which must be cmd; extra is merged into {"ok": true}, or is the
 * error. */
static inline void answer(struct fixture *f, const char *cmd, const char *extra)
{
    assert_true(f->asked_count > 0);
    const struct asked a = f->asked[0];
    memmove(f->asked, f->asked + 1, sizeof(*f->asked) * (size_t)--f->asked_count);
    assert_string_equal(json_string_value(json_object_get(a.command, "cmd")), cmd);
    json_t *reply = json_loads(extra ? extra : "{\"ok\": true}", 0, NULL);
    assert_non_null(reply);
    if (a.done)
        a.done(a.arg, reply);
    json_decref(reply);
    json_decref(a.command);
}

static inline void fail_all_due(struct fixture *f)
{
    while (f->asked_count > 0)
        answer(f, json_string_value(json_object_get(f->asked[0].command, "cmd")),
               "{\"ok\": false, \"error\": {\"code\": \"room_restarted\"}}");
}

static inline void on_joined(void *arg, struct sig_member *m, const struct sig_error *error)
{
    struct fixture *f = arg;
    f->joined = m;
    f->refused = error;
    f->answers++;
}

static inline const struct sig_error *ask_to_join(struct fixture *f, int client, enum sig_kind kind,
                                                  const char *user)
{
    const struct sig_join join = {
        .kind = kind,
        .room_id = "standup",
        .user = user,
        .name = "Name",
        .role = "publisher",
        .client = client >= 0 ? (struct sig_client *)&f->clients[client] : NULL,
        .joined = on_joined,
        .arg = f,
    };
    return sig_rooms_join(f->rooms, &join);
}

static inline struct sig_member *join(struct fixture *f, int client, const char *user)
{
    f->joined = NULL;
    assert_null(ask_to_join(f, client, SIG_KIND_WS, user));
    answer(f, "peer_add", NULL);
    assert_non_null(f->joined);
    return f->joined;
}

/* The action of the client's n-th event from the end (1: the last), or "". */
static inline const char *heard(const struct fixture *f, int client, size_t back)
{
    const size_t n = json_array_size(f->clients[client].events);
    const json_t *event = back <= n ? json_array_get(f->clients[client].events, n - back) : NULL;
    const char *action = json_string_value(json_object_get(event, "action"));
    return action ? action : "";
}

static inline const json_t *heard_data(const struct fixture *f, int client, const char *field)
{
    const size_t n = json_array_size(f->clients[client].events);
    return json_object_get(
        json_object_get(json_array_get(f->clients[client].events, n - 1), "data"), field);
}

static inline bool was_told(const struct fixture *f, int client, const char *action)
{
    for (size_t back = 1; back <= json_array_size(f->clients[client].events); back++) {
        if (strcmp(heard(f, client, back), action) == 0)
            return true;
    }
    return false;
}

static inline void room_says(struct fixture *f, const char *text)
{
    json_t *event = json_loads(text, 0, NULL);
    assert_non_null(event);
    f->events.event(f->opened[0], event);
    json_decref(event);
}

static inline void room_says_of(struct fixture *f, const struct sig_member *m, const char *event,
                                const char *rest)
{
    char text[512];
    snprintf(text, sizeof(text), "{\"event\": \"%s\", \"peer\": \"%s\", %s}", event, m->peer, rest);
    room_says(f, text);
}

static inline void assert_picture(struct fixture *f, const char *text)
{
    json_t *is = sig_room_picture_json(f->opened[0]);
    json_t *wanted = parse(text);
    if (!json_equal(is, wanted))
        fail_msg("%s", json_dumps(is, 0));
    json_decref(is);
    json_decref(wanted);
}

static inline struct sig_store_recording row_of(struct fixture *f, const char *id)
{
    struct sig_store_recording row = {0};
    assert_int_equal(sig_store_flush(f->store, WAIT_MS), 0);
    assert_int_equal(sig_store_recording_get(f->store, id, &row), 1);
    return row;
}

/* --- set-up ----------------------------------------------------------------------------------- */

static inline void open_rooms(struct fixture *f)
{
    const struct sig_rooms_conf conf = {
        .config = &f->config,
        .store = f->store,
        .host = {.ctx = f,
                 .open = host_open,
                 .send = host_send,
                 .close = host_close,
                 .recover = host_recover},
        .recordings_dir = f->dir,
        .layouts = f->layouts,
        .images = f->images,
        .send = on_send,
        .unseat = on_unseat,
    };
    assert_int_equal(sig_rooms_create(&f->rooms, &conf), 0);
    sig_rooms_events(f->rooms, &f->events);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char path[96];
    fixture = f;
    mcu_config_init(&f->config);
    f->config.room.max_members = 3;
    f->config.room.max_rooms = 2;
    f->config.room.empty_s = 60;
    f->config.rtc.grace_s = 20;
    snprintf(f->dir, sizeof(f->dir), "/tmp/mixdown-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(path, sizeof(path), "%s/db", f->dir);
    assert_int_equal(sig_store_open(&f->store, path), 0);
    for (int i = 0; i < CLIENTS; i++)
        f->clients[i].events = json_array();
    open_rooms(f);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    char command[96];
    sig_rooms_detach(f->rooms);
    fail_all_due(f);
    sig_rooms_destroy(f->rooms);
    sig_images_destroy(f->images);
    sig_layouts_destroy(f->layouts);
    sig_store_close(f->store);
    for (int i = 0; i < CLIENTS; i++)
        json_decref(f->clients[i].events);
    snprintf(command, sizeof(command), "rm -rf %s", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

#endif
