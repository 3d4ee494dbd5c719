/* tests/unit/signaling/talk_fixture.h - users, calls and chat with clients that keep what they
 * hear, rooms that are a list of seats, a clock that the test sets and a real store; for
 * test_calls*.c, test_chat.c and test_users.c. */
#ifndef TESTS_UNIT_SIGNALING_TALK_FIXTURE_H
#define TESTS_UNIT_SIGNALING_TALK_FIXTURE_H

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
#include "signaling/calls.h"
#include "signaling/chat.h"
#include "signaling/ids.h"
#include "signaling/users.h"

enum { CLIENTS = 24, SEATS = 24, WAIT_MS = 60000 };

struct client { /* stands for struct sig_client */
    json_t *events;
    struct sig_device *device;
    bool is_replaced;
};

struct seat {
    char room[65];
    char user[SIG_USER_SIZE];
    char role[16];
};

struct fixture {
    struct sig_users *users;
    struct sig_calls *calls;
    struct sig_chat *chat;
    struct sig_store *store;
    struct client clients[CLIENTS];
    struct seat seats[SEATS]; /* room "": free */
    char closed[65];          /* the room that was closed last */
    json_t *hooks;
    char dir[64];
    char path[128];
};

static int64_t clock_us;

static inline int64_t test_now_us(void)
{
    return clock_us;
}

static inline void on_send(struct sig_client *client, const json_t *event)
{
    struct client *c = (struct client *)client;
    json_array_append_new(c->events, json_deep_copy(event));
}

static inline void on_replaced(struct sig_client *client)
{
    struct client *c = (struct client *)client;
    c->device = NULL;
    c->is_replaced = true;
}

static inline struct seat *find_seat(struct fixture *f, const char *room, const char *user)
{
    for (int i = 0; i < SEATS; i++) {
        if (strcmp(f->seats[i].room, room) == 0 && strcmp(f->seats[i].user, user) == 0)
            return &f->seats[i];
    }
    return NULL;
}

static inline bool has_seat(void *ctx, const char *room, const char *user)
{
    return find_seat(ctx, room, user) != NULL;
}

static inline void unseat(void *ctx, const char *room, const char *user)
{
    struct seat *seat = find_seat(ctx, room, user);
    if (seat)
        *seat = (struct seat){.room = ""};
}

static inline void sit(struct fixture *f, const char *room, const char *user)
{
    struct seat *seat = find_seat(f, "", "");
    assert_non_null(seat);
    snprintf(seat->room, sizeof(seat->room), "%s", room);
    snprintf(seat->user, sizeof(seat->user), "%s", user);
}

static inline void close_room(void *ctx, const char *room)
{
    struct fixture *f = ctx;
    snprintf(f->closed, sizeof(f->closed), "%s", room);
}

static inline void ask_up(void *ctx, const char *room, const char *user, const char *role,
                          const char *by)
{
    struct seat *seat = find_seat(ctx, room, user);
    assert_non_null(seat);
    assert_non_null(find_seat(ctx, room, by));
    snprintf(seat->role, sizeof(seat->role), "%s", role);
}

static inline void on_hook(void *ctx, const char *event, const char *room, json_t *data)
{
    struct fixture *f = ctx;
    (void)room;
    json_array_append_new(f->hooks, json_pack("{s:s, s:o}", "event", event, "data", data));
}

/* --- users ------------------------------------------------------------------------------------ */

/* Signs client i in; returns whether the device was there. */
static inline bool come(struct fixture *f, int i, const char *user, const char *device)
{
    bool is_back = false;
    assert_null(sig_users_sign_in(f->users, (struct sig_client *)&f->clients[i], user, device, "",
                                  &f->clients[i].device, &is_back));
    return is_back;
}

static inline void lose(struct fixture *f, int i)
{
    sig_device_lost(f->clients[i].device, clock_us);
    f->clients[i].device = NULL;
}

static inline void tick(struct fixture *f, int64_t seconds)
{
    clock_us += seconds * MCU_US_PER_S;
    sig_users_tick(f->users, clock_us);
    sig_calls_tick(f->calls);
    sig_chat_tick(f->chat);
}

/* --- what was heard --------------------------------------------------------------------------- */

static inline const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* The data of the oldest event of that action, which is taken away; NULL: none. */
static inline json_t *take(struct fixture *f, int i, const char *action)
{
    static json_t *kept;
    json_t *events = f->clients[i].events;
    for (size_t n = 0; n < json_array_size(events); n++) {
        const json_t *event = json_array_get(events, n);
        if (strcmp(text_of(event, "action"), action) != 0)
            continue;
        json_decref(kept);
        kept = json_incref(json_object_get(event, "data"));
        json_array_remove(events, n);
        return kept;
    }
    return NULL;
}

static inline void assert_quiet(const struct fixture *f, int i)
{
    if (json_array_size(f->clients[i].events) > 0)
        fail_msg("client %d heard %s", i, json_dumps(f->clients[i].events, 0));
}

static inline void assert_heard(struct fixture *f, int i, const char *action, const char *key,
                                const char *value)
{
    const json_t *data = take(f, i, action);
    if (!data)
        fail_msg("client %d did not hear %s", i, action);
    assert_string_equal(text_of(data, key), value);
}

static inline void assert_error(const struct sig_error *error, const char *code)
{
    assert_string_equal(error ? error->code : "none", code);
}

/* --- calls ------------------------------------------------------------------------------------ */

/* targets: "bob,eve". Returns the call's id; state: as the answer says. */
static inline const char *call(struct fixture *f, int i, const char *targets, const char *type,
                               const char *state)
{
    static char id[SIG_ID_SIZE];
    char copy[256];
    char *rest = NULL;
    json_t *users = json_array();
    json_t *answer = NULL;
    snprintf(copy, sizeof(copy), "%s", targets);
    for (char *one = strtok_r(copy, ",", &rest); one; one = strtok_r(NULL, ",", &rest))
        json_array_append_new(users, json_string(one));
    const struct sig_call_wish wish = {.call = "",
                                       .type = type,
                                       .media = "video",
                                       .room = "",
                                       .seat = "",
                                       .role = "",
                                       .users = users};
    const struct sig_error *error = sig_call_start(f->calls, f->clients[i].device, &wish, &answer);
    json_decref(users);
    if (error) {
        assert_string_equal(error->code, state);
        return "";
    }
    assert_string_equal(text_of(answer, "state"), state);
    snprintf(id, sizeof(id), "%s", text_of(answer, "callId"));
    json_decref(answer);
    return id;
}

static inline void accept_call(struct fixture *f, int i, const char *id)
{
    json_t *answer = NULL;
    assert_null(sig_call_accept(f->calls, f->clients[i].device, id, &answer));
    json_decref(answer);
}

/* The row of that callee, the newest. */
static inline struct sig_store_call row_of(struct fixture *f, const char *callee)
{
    struct sig_store_call rows[50];
    const struct sig_store_talk which = {.user = callee, .limit = 50};
    assert_int_equal(sig_store_flush(f->store, WAIT_MS), 0);
    const int n = sig_store_calls(f->store, &which, rows);
    for (int i = 0; i < n; i++) {
        if (strcmp(rows[i].callee, callee) == 0)
            return rows[i];
    }
    fail_msg("no row of a call to %s", callee);
    return rows[0];
}

static inline void assert_outcome(struct fixture *f, const char *callee, const char *outcome)
{
    assert_string_equal(row_of(f, callee).outcome, outcome);
}

/* --- set-up ----------------------------------------------------------------------------------- */

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    clock_us = 1000 * MCU_US_PER_S;
    strcpy(f->dir, "/tmp/mixdown-talk-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/mixdown.db", f->dir);
    assert_int_equal(sig_store_open(&f->store, f->path), 0);
    f->hooks = json_array();
    for (int i = 0; i < CLIENTS; i++)
        f->clients[i].events = json_array();
    const struct sig_users_conf users = {
        .grace_us = 30 * MCU_US_PER_S, .send = on_send, .replaced = on_replaced};
    assert_int_equal(sig_users_create(&f->users, &users), 0);
    const struct sig_calls_conf calls = {
        .users = f->users,
        .store = f->store,
        .ring_us = 45 * MCU_US_PER_S,
        .now_us = test_now_us,
        .ctx = f,
        .has_seat = has_seat,
        .unseat = unseat,
        .close_room = close_room,
        .ask_up = ask_up,
        .hook = on_hook,
    };
    assert_int_equal(sig_calls_create(&f->calls, &calls), 0);
    const struct sig_chat_conf chat = {.users = f->users, .store = f->store};
    assert_int_equal(sig_chat_create(&f->chat, &chat), 0);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    char words[160];
    sig_chat_destroy(f->chat);
    sig_calls_destroy(f->calls);
    sig_users_destroy(f->users);
    sig_store_close(f->store);
    for (int i = 0; i < CLIENTS; i++)
        json_decref(f->clients[i].events);
    json_decref(f->hooks);
    snprintf(words, sizeof(words), "rm -rf %s", f->dir);
    const int status = system(words);
    free(f);
    return status;
}

#endif
