/* The front's model against a host that is a list of what it was asked: rooms, seats, recordings,
 * and what happens to them when a room's process dies. */
#include "signaling/rooms.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "mcu/base/clock.h"
#include "mcu/control_audio.h"
#include "signaling/images.h"
#include "signaling/layouts.h"
#include "signaling/room_images.h"
#include "signaling/room_picture.h"
#include "signaling/watch.h"

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

static int host_open(void *ctx, const char *name, const char *type, int64_t opened_at_ms,
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

static int host_send(struct sig_link *link, json_t *command, sig_reply_fn *done, void *arg)
{
    struct fixture *f = fixture;
    assert_in_range(f->asked_count, 0, ASKED_MAX - 1);
    f->asked[f->asked_count++] = (struct asked){link, command, done, arg};
    return 0;
}

static void host_close(struct sig_link *link)
{
    (void)link;
    fixture->close_count++;
}

static int host_recover(void *ctx, const char *file, sig_recovered_fn *done, void *arg)
{
    struct fixture *f = ctx;
    snprintf(f->recovering, sizeof(f->recovering), "%s", file);
    f->recovered = done;
    f->recovered_arg = arg;
    return 0;
}

static void on_send(struct sig_client *client, const json_t *event)
{
    struct client *c = (struct client *)client;
    json_array_append_new(c->events, json_deep_copy(event));
}

static void on_unseat(struct sig_client *client, const char *reason)
{
    struct client *c = (struct client *)client;
    snprintf(c->unseated, sizeof(c->unseated), "%s", reason);
}

/* --- helpers ---------------------------------------------------------------------------------- */

/* Answers the oldest command, which must be cmd; extra is merged into {"ok": true}, or is the
 * error. */
static void answer(struct fixture *f, const char *cmd, const char *extra)
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

static void fail_all_due(struct fixture *f)
{
    while (f->asked_count > 0)
        answer(f, json_string_value(json_object_get(f->asked[0].command, "cmd")),
               "{\"ok\": false, \"error\": {\"code\": \"room_restarted\"}}");
}

static void on_joined(void *arg, struct sig_member *m, const struct sig_error *error)
{
    struct fixture *f = arg;
    f->joined = m;
    f->refused = error;
    f->answers++;
}

static const struct sig_error *ask_to_join(struct fixture *f, int client, enum sig_kind kind,
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

static struct sig_member *join(struct fixture *f, int client, const char *user)
{
    f->joined = NULL;
    assert_null(ask_to_join(f, client, SIG_KIND_WS, user));
    answer(f, "peer_add", NULL);
    assert_non_null(f->joined);
    return f->joined;
}

/* The action of the client's n-th event from the end (1: the last), or "". */
static const char *heard(const struct fixture *f, int client, size_t back)
{
    const size_t n = json_array_size(f->clients[client].events);
    const json_t *event = back <= n ? json_array_get(f->clients[client].events, n - back) : NULL;
    const char *action = json_string_value(json_object_get(event, "action"));
    return action ? action : "";
}

static const json_t *heard_data(const struct fixture *f, int client, const char *field)
{
    const size_t n = json_array_size(f->clients[client].events);
    return json_object_get(
        json_object_get(json_array_get(f->clients[client].events, n - 1), "data"), field);
}

static bool was_told(const struct fixture *f, int client, const char *action)
{
    for (size_t back = 1; back <= json_array_size(f->clients[client].events); back++) {
        if (strcmp(heard(f, client, back), action) == 0)
            return true;
    }
    return false;
}

static void room_says(struct fixture *f, const char *text)
{
    json_t *event = json_loads(text, 0, NULL);
    assert_non_null(event);
    f->events.event(f->opened[0], event);
    json_decref(event);
}

static void room_says_of(struct fixture *f, const struct sig_member *m, const char *event,
                         const char *rest)
{
    char text[512];
    snprintf(text, sizeof(text), "{\"event\": \"%s\", \"peer\": \"%s\", %s}", event, m->peer, rest);
    room_says(f, text);
}

static void open_rooms(struct fixture *f)
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

static int setup(void **state)
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

static int teardown(void **state)
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

static struct sig_store_recording row_of(struct fixture *f, const char *id)
{
    struct sig_store_recording row = {0};
    assert_int_equal(sig_store_flush(f->store, WAIT_MS), 0);
    assert_int_equal(sig_store_recording_get(f->store, id, &row), 1);
    return row;
}

/* --- seats ------------------------------------------------------------------------------------ */

static void who_joins_is_announced_to_the_others_alone(void **state)
{
    struct fixture *f = *state;
    join(f, 0, "ann");
    assert_int_equal(f->open_count, 1);
    const struct sig_member *bob = join(f, 1, "bob");
    assert_int_equal(f->open_count, 1);
    assert_string_equal(heard(f, 0, 1), "joined");
    const json_t *member = heard_data(f, 0, "member");
    assert_string_equal(json_string_value(json_object_get(member, "userId")), "bob");
    assert_int_equal(json_array_size(f->clients[1].events), 0);
    assert_int_equal(strlen(bob->resume), SIG_ID_CHARS);
    json_t *members = sig_room_members_json(bob->room);
    assert_int_equal(json_array_size(members), 2);
    const json_t *first = json_array_get(members, 0);
    assert_string_equal(json_string_value(json_object_get(first, "userId")), "ann");
    json_decref(members);
}

static void a_seat_is_not_seen_before_the_room_agrees(void **state)
{
    struct fixture *f = *state;
    const struct sig_member *ann = join(f, 0, "ann");
    assert_null(ask_to_join(f, 1, SIG_KIND_WS, "bob"));
    json_t *members = sig_room_members_json(ann->room);
    assert_int_equal(json_array_size(members), 1);
    json_decref(members);
    answer(f, "peer_add", "{\"ok\": false, \"error\": {\"code\": \"room_full\"}}");
    assert_null(f->joined);
    assert_string_equal(f->refused->code, "room_full");
    assert_int_equal(ann->room->member_count, 1);
    assert_int_equal(json_array_size(f->clients[0].events), 0);
}

static void no_more_than_the_settings_allow_get_in(void **state)
{
    struct fixture *f = *state;
    const struct sig_error *error = NULL;
    join(f, 0, "ann");
    join(f, 1, "bob");
    assert_null(ask_to_join(f, 2, SIG_KIND_WS, "cem")); /* asked, not answered: its seat counts */
    assert_string_equal(ask_to_join(f, 3, SIG_KIND_WS, "dan")->code, "room_full");
    assert_non_null(sig_rooms_open(f->rooms, "second", "mcu", "", &error));
    assert_null(sig_rooms_open(f->rooms, "third", "mcu", "", &error));
    assert_string_equal(error->code, "too_many_rooms");
    assert_null(sig_rooms_open(f->rooms, "second", "mcu", "", &error));
    assert_string_equal(error->code, "room_exists");
}

/* By the figures of a room that takes a hundred cores. */
static void a_machine_that_is_full_lets_nobody_more_in(void **state)
{
    struct fixture *f = *state;
    const struct sig_error *error = NULL;
    f->config.room.max_load = 85;
    struct sig_room *room = join(f, 0, "ann")->room;
    room->load.cores = 100000.0;
    assert_string_equal(ask_to_join(f, 1, SIG_KIND_WS, "bob")->code, "overloaded");
    assert_int_equal(sig_error("overloaded")->status, 503);
    assert_null(sig_rooms_open(f->rooms, "second", "mcu", "", &error));
    assert_string_equal(error->code, "overloaded");
    assert_null(ask_to_join(f, 1, SIG_KIND_WS, "ann")); /* a seat for a seat */
    struct sig_rooms_stats stats;
    sig_rooms_stats(f->rooms, &stats);
    assert_int_equal(stats.refused_overload, 2);
    f->config.room.max_load = 0; /* no limit */
    assert_null(ask_to_join(f, 2, SIG_KIND_WS, "bob"));
    fail_all_due(f);
}

/* Late sound is our doing where rooms use much, and else not. */
static void where_sound_is_late_half_a_load_is_a_full_one(void **state)
{
    struct fixture *f = *state;
    f->config.room.max_load = 80;
    struct sig_room *room = join(f, 0, "ann")->room;
    const double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    room->load = (struct mcu_load){.cores = 0.5 * cores, .is_late = false};
    assert_null(ask_to_join(f, 1, SIG_KIND_WHEP, ""));
    room->load.is_late = true;
    assert_string_equal(ask_to_join(f, 2, SIG_KIND_WHEP, "")->code, "overloaded");
    room->load.cores = 0.1 * cores;
    assert_null(ask_to_join(f, 2, SIG_KIND_WHEP, ""));
    fail_all_due(f);
}

static void a_room_that_cannot_be_started_is_an_error(void **state)
{
    struct fixture *f = *state;
    f->open_err = -EAGAIN;
    assert_string_equal(ask_to_join(f, 0, SIG_KIND_WS, "ann")->code, "room_failed");
    assert_null(sig_rooms_first(f->rooms));
}

static void the_same_user_again_takes_the_seat_over(void **state)
{
    struct fixture *f = *state;
    char peer[SIG_ID_SIZE];
    memcpy(peer, join(f, 0, "ann")->peer, sizeof(peer));
    join(f, 2, "bob");
    assert_null(ask_to_join(f, 1, SIG_KIND_WS, "ann"));
    assert_string_equal(f->clients[0].unseated, "replaced");
    answer(f, "peer_remove", NULL);
    answer(f, "peer_add", NULL);
    assert_string_not_equal(f->joined->peer, peer);
    assert_int_equal(f->joined->room->member_count, 2);
    assert_string_equal(heard(f, 2, 2), "left");
    assert_string_equal(heard(f, 2, 1), "joined");
}

static void a_lost_client_keeps_its_seat_for_the_grace_time(void **state)
{
    struct fixture *f = *state;
    struct sig_member *ann = join(f, 0, "ann");
    join(f, 1, "bob");
    const int64_t lost_us = mcu_now_us();
    char resume[SIG_ID_SIZE];
    memcpy(resume, ann->resume, sizeof(resume));
    sig_member_lost(ann, lost_us);
    sig_rooms_tick(f->rooms, lost_us + 19 * MCU_US_PER_S);
    assert_string_equal(heard(f, 1, 1), "");
    struct sig_client *again = (struct sig_client *)&f->clients[2];
    assert_ptr_equal(sig_rooms_resume(f->rooms, resume, again), ann);
    sig_rooms_tick(f->rooms, lost_us + 40 * MCU_US_PER_S);
    assert_int_equal(ann->room->member_count, 2);

    sig_member_lost(ann, lost_us);
    sig_rooms_tick(f->rooms, lost_us + 20 * MCU_US_PER_S);
    answer(f, "peer_remove", NULL);
    assert_string_equal(heard(f, 1, 1), "left");
    assert_string_equal(json_string_value(heard_data(f, 1, "reason")), "lost");
    assert_null(sig_rooms_resume(f->rooms, resume, again));
}

static void a_resume_unseats_the_connection_that_was_not_seen_to_go(void **state)
{
    struct fixture *f = *state;
    struct sig_member *ann = join(f, 0, "ann");
    assert_null(sig_rooms_resume(f->rooms, "nobody-knows-this-one", NULL));
    assert_ptr_equal(sig_rooms_resume(f->rooms, ann->resume, (struct sig_client *)&f->clients[1]),
                     ann);
    assert_string_equal(f->clients[0].unseated, "resumed");
}

static void an_empty_room_ends_after_its_time(void **state)
{
    struct fixture *f = *state;
    struct sig_member *ann = join(f, 0, "ann");
    sig_member_leave(ann, "left");
    answer(f, "peer_remove", NULL);
    sig_rooms_tick(f->rooms, mcu_now_us() + 59 * MCU_US_PER_S);
    assert_int_equal(f->close_count, 0);
    sig_rooms_tick(f->rooms, mcu_now_us() + 61 * MCU_US_PER_S);
    assert_int_equal(f->close_count, 1);
    assert_null(sig_rooms_find(f->rooms, "standup"));
    join(f, 0, "ann"); /* the name is free while the old process finishes */
    assert_int_equal(f->open_count, 2);
    f->events.ended(f->opened[0], false);
    assert_non_null(sig_rooms_find(f->rooms, "standup"));
}

static void on_changed(void *arg, struct sig_member *m, const struct sig_error *error)
{
    struct fixture *f = arg;
    f->changed = m;
    f->refused = error;
    f->answers++;
}

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    return json;
}

/* Asks for a change by a user; the room's answer is still to come. */
static void change(struct fixture *f, struct sig_member *m, const char *by, const bool *audio,
                   const char *sound)
{
    json_t *patch = sound ? parse(sound) : NULL;
    const struct sig_change c = {
        .audio = audio, .sound = patch, .by = by, .done = on_changed, .arg = f};
    f->refused = NULL;
    f->changed = NULL;
    assert_null(sig_member_change(m, &c));
    json_decref(patch);
}

static void muting_is_told_to_the_others_and_survives_a_restart(void **state)
{
    struct fixture *f = *state;
    const bool yes = true;
    struct sig_member *ann = join(f, 0, "ann");
    join(f, 1, "bob");
    json_array_clear(f->clients[0].events);
    change(f, ann, "ann", &yes, NULL);
    assert_false(ann->muted_audio); /* not before the room has said so */
    answer(f, "peer_set", NULL);
    assert_ptr_equal(f->changed, ann);
    assert_string_equal(heard(f, 1, 1), "mute");
    assert_true(json_is_true(heard_data(f, 1, "audio")));
    assert_null(heard_data(f, 1, "video"));
    assert_null(heard_data(f, 1, "by"));
    assert_int_equal(json_array_size(f->clients[0].events), 0); /* she knows */
    f->events.restarted(f->opened[0]);
    const json_t *add = f->asked[0].command;
    assert_true(json_is_true(json_object_get(add, "muted_audio")));
    assert_null(json_object_get(add, "muted_video"));
    answer(f, "peer_add", NULL);
    answer(f, "peer_add", NULL);
}

static void who_is_muted_by_another_hears_by_whom(void **state)
{
    struct fixture *f = *state;
    const bool yes = true;
    struct sig_member *ann = join(f, 0, "ann");
    join(f, 1, "bob");
    json_array_clear(f->clients[0].events);
    change(f, ann, "bob", &yes, NULL);
    answer(f, "peer_set", NULL);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(heard(f, i, 1), "mute");
        assert_string_equal(json_string_value(heard_data(f, i, "by")), "bob");
        assert_string_equal(json_string_value(heard_data(f, i, "userId")), "ann");
    }
}

static void what_is_refused_changes_nothing(void **state)
{
    struct fixture *f = *state;
    const bool yes = true;
    struct sig_member *ann = join(f, 0, "ann");
    join(f, 1, "bob");
    json_array_clear(f->clients[1].events);
    change(f, ann, "ann", &yes, "{\"volume\": 50}");
    answer(f, "peer_set", "{\"ok\": false, \"error\": {\"code\": \"too_many_submixes\"}}");
    assert_string_equal(f->refused->code, "too_many_submixes");
    assert_false(ann->muted_audio);
    assert_int_equal(sig_member_volume(ann), 100);
    assert_int_equal(json_array_size(f->clients[1].events), 0);
    change(f, ann, "ann", &yes, NULL);
    sig_member_leave(ann, "left"); /* before the answer */
    answer(f, "peer_set", NULL);
    assert_string_equal(f->refused->code, "no_such_member");
    answer(f, "peer_remove", NULL);
}

static void a_members_sound_is_kept_told_and_survives_a_restart(void **state)
{
    struct fixture *f = *state;
    struct sig_member *ann = join(f, 0, "ann");
    join(f, 1, "bob");
    json_array_clear(f->clients[0].events);
    change(f, ann, "bob", NULL,
           "{\"volume\": 150, \"deaf\": true, \"speaksTo\": [\"en\"], \"volumes\": {\"bob\": 0}, "
           "\"hears\": {\"en\": 100, \"floor\": 20}, \"original\": true, \"pan\": -0.5}");
    answer(f, "peer_set", NULL);
    static const char *const told[] = {"volume", "deaf", "speak", "original"};
    for (int i = 0; i < 2; i++) {
        for (size_t j = 0; j < 4; j++)
            assert_true(was_told(f, i, told[j]));
    }
    assert_true(was_told(f, 0, "hear")); /* what she hears is her own matter */
    assert_false(was_told(f, 1, "hear"));
    json_t *seen = sig_member_json(ann);
    assert_int_equal(json_integer_value(json_object_get(seen, "volume")), 150);
    assert_true(json_is_true(json_object_get(seen, "deaf")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(seen, "speaksTo"), 0)),
                        "en");
    assert_null(json_object_get(seen, "volumes"));
    json_decref(seen);
    json_t *whole = sig_member_whole_json(ann);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(whole, "hears"), "floor")),
                     20);
    assert_int_equal(json_object_size(json_object_get(whole, "volumes")), 1);
    json_decref(whole);

    f->events.restarted(f->opened[0]);
    const json_t *sound = json_object_get(f->asked[0].command, "sound");
    assert_int_equal(json_integer_value(json_object_get(sound, "volume")), 150);
    assert_int_equal(json_object_size(sound), 7);
    answer(f, "peer_add", NULL);
    assert_null(json_object_get(f->asked[0].command, "sound")); /* bob's is plain */
    answer(f, "peer_add", NULL);

    change(f, ann, "ann", NULL, "{\"volume\": 100, \"deaf\": null, \"volumes\": {\"bob\": 100}}");
    answer(f, "peer_set", NULL);
    assert_int_equal(sig_member_volume(ann), 100);
    assert_int_equal(json_object_size(ann->sound), 4);
}

/* --- who watches what --- */

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

static void use_layout(struct fixture *f, const char *layout)
{
    json_t *patch = json_pack("{s:s}", "layout", layout);
    assert_null(sig_room_change_picture(f->opened[0], patch, "ann", NULL, NULL));
    json_decref(patch);
}

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

/* --- the picture --- */

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

static void assert_picture(struct fixture *f, const char *text)
{
    json_t *is = sig_room_picture_json(f->opened[0]);
    json_t *wanted = parse(text);
    if (!json_equal(is, wanted))
        fail_msg("%s", json_dumps(is, 0));
    json_decref(is);
    json_decref(wanted);
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

static void stand(struct fixture *f, struct sig_member *m, const uint32_t *pin, const bool *hand)
{
    const struct sig_change c = {.pin = pin, .hand = hand, .by = "zoe", .done = on_changed, .arg = f};
    assert_null(sig_member_change(m, &c));
    answer(f, "peer_set", NULL);
}

static void pins_and_hands_are_told_and_survive_a_restart(void **state)
{
    struct fixture *f = *state;
    const uint32_t first = 1, none = 0;
    const bool up = true;
    struct sig_member *ann = join(f, 0, "ann"), *bob = join(f, 1, "bob");
    stand(f, ann, &first, NULL);
    assert_string_equal(heard(f, 1, 1), "pin");
    assert_int_equal(json_integer_value(heard_data(f, 1, "seat")), 1);
    stand(f, bob, &first, &up); /* one person a seat */
    assert_int_equal(ann->pin, 0);
    assert_int_equal(bob->pin, 1);
    assert_string_equal(heard(f, 0, 3), "pin");
    assert_string_equal(heard(f, 0, 2), "pin");
    assert_string_equal(heard(f, 0, 1), "hand");
    assert_true(json_is_true(heard_data(f, 0, "raised")));
    json_t *seen = sig_member_json(bob);
    assert_int_equal(json_integer_value(json_object_get(seen, "pin")), 1);
    assert_true(json_is_true(json_object_get(seen, "hand")));
    json_decref(seen);
    f->events.restarted(f->opened[0]);
    assert_null(json_object_get(f->asked[0].command, "pin"));
    answer(f, "peer_add", NULL);
    assert_int_equal(json_integer_value(json_object_get(f->asked[0].command, "pin")), 1);
    assert_true(json_is_true(json_object_get(f->asked[0].command, "hand")));
    answer(f, "peer_add", NULL);
    stand(f, bob, &none, NULL);
    assert_true(json_is_null(heard_data(f, 0, "seat")));
    assert_true(bob->has_hand_up);
}

static void muting_all_spares_hosts_and_is_told_once(void **state)
{
    struct fixture *f = *state;
    const bool yes = true;
    join(f, 0, "ann");
    struct sig_member *bob = join(f, 1, "bob");
    struct sig_member *cyd = join(f, 2, "cyd");
    strcpy(cyd->role, "host");
    for (int i = 0; i < 3; i++)
        json_array_clear(f->clients[i].events);
    const struct sig_change c = {.audio = &yes, .by = "ann", .done = on_changed, .arg = f};
    const int before = f->answers;
    assert_null(sig_room_mute_all(bob->room, &c));
    assert_int_equal(f->asked_count, 1); /* bob alone */
    assert_int_equal(f->answers, before);
    answer(f, "peer_set", NULL);
    assert_int_equal(f->answers, before + 1);
    assert_true(bob->muted_audio);
    assert_false(cyd->muted_audio);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(json_array_size(f->clients[i].events), 1);
        assert_string_equal(heard(f, i, 1), "mute");
        assert_int_equal(json_array_size(heard_data(f, i, "userIds")), 1);
    }
    for (int i = 0; i < 3; i++)
        json_array_clear(f->clients[i].events);
    assert_null(sig_room_mute_all(bob->room, &c)); /* nobody is left to mute: answered at once */
    assert_int_equal(f->answers, before + 2);
    assert_int_equal(json_array_size(f->clients[0].events), 0);
}

/* Whoever asked believes it is quiet now: he must learn when it is not. */
static void muting_all_tells_when_one_could_not_be_muted(void **state)
{
    struct fixture *f = *state;
    const bool yes = true;
    struct sig_member *ann = join(f, 0, "ann");
    struct sig_member *bob = join(f, 1, "bob");
    struct sig_member *cyd = join(f, 2, "cyd");
    snprintf(ann->role, sizeof(ann->role), "host");
    json_array_clear(f->clients[0].events);
    const struct sig_change c = {.audio = &yes, .by = "ann", .done = on_changed, .arg = f};
    assert_null(sig_room_mute_all(bob->room, &c));
    answer(f, "peer_set", "{\"ok\": false, \"error\": {\"code\": \"internal\"}}");
    answer(f, "peer_set", NULL);
    assert_string_equal(f->refused->code, "internal");
    assert_false(bob->muted_audio);
    assert_true(cyd->muted_audio);
    assert_int_equal(json_array_size(heard_data(f, 0, "userIds")), 1);
    f->refused = NULL;
    assert_null(sig_room_mute_all(ann->room, &c));
    sig_member_leave(bob, "left"); /* before the answer: no failure */
    answer(f, "peer_set", NULL);
    assert_null(f->refused);
    answer(f, "peer_remove", NULL);
}

static void a_plain_participant_is_a_member_whose_keys_are_forgotten(void **state)
{
    struct fixture *f = *state;
    json_t *rtp = parse("{\"srtp\": {\"keyIn\": \"secret\"}}");
    const struct sig_join wanted = {.kind = SIG_KIND_RTP,
                                    .room_id = "standup",
                                    .user = "gw",
                                    .name = "Gateway",
                                    .role = "publisher",
                                    .rtp = rtp,
                                    .joined = on_joined,
                                    .arg = f};
    assert_null(sig_rooms_join(f->rooms, &wanted));
    assert_true(json_equal(json_object_get(f->asked[0].command, "rtp"), rtp));
    json_decref(rtp);
    answer(f, "peer_add",
           "{\"ok\": true, \"rtp\": {\"host\": \"127.0.0.1\", \"port\": 4000, \"srtp\": true, "
           "\"keyIn\": \"secret\", \"audio\": {\"ssrc\": 5, \"pt\": 111, \"x\": 1}}}");
    struct sig_member *m = f->joined;
    assert_non_null(m);
    char *text = json_dumps(m->rtp, JSON_COMPACT);
    assert_string_equal(text, "{\"host\":\"127.0.0.1\",\"port\":4000,\"srtp\":true,"
                              "\"audio\":{\"ssrc\":5,\"pt\":111}}");
    free(text);
    /* It may fall silent and come back; after ten minutes nobody waits any more. */
    room_says_of(f, m, "peer_state", "\"state\": \"failed\"");
    assert_ptr_equal(sig_room_find_user(m->room, "gw"), m);
    struct sig_room *room = m->room;
    sig_rooms_tick(f->rooms, mcu_now_us() + 599 * MCU_US_PER_S);
    assert_ptr_equal(sig_room_find_user(room, "gw"), m);
    sig_rooms_tick(f->rooms, mcu_now_us() + 601 * MCU_US_PER_S);
    assert_null(sig_room_find_user(room, "gw"));
    answer(f, "peer_remove", NULL);
}

/* --- the room's events ------------------------------------------------------------------------ */

static void events_of_the_room_reach_those_they_are_for(void **state)
{
    struct fixture *f = *state;
    const struct sig_member *ann = join(f, 0, "ann");
    join(f, 1, "bob");
    json_array_clear(f->clients[0].events);
    room_says_of(f, ann, "peer_media", "\"audio\": true, \"video\": false");
    assert_string_equal(heard(f, 0, 1), "media");
    assert_string_equal(heard(f, 1, 1), "media");
    assert_true(ann->sends_audio);
    room_says_of(f, ann, "candidate",
                 "\"candidate\": \"candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host\", "
                 "\"mid\": \"0\"");
    assert_string_equal(heard(f, 0, 1), "candidate");
    assert_string_equal(heard(f, 1, 1), "media");
    room_says_of(f, ann, "peer_state", "\"state\": \"connected\"");
    assert_string_equal(heard(f, 0, 1), "network");
    char text[256];
    snprintf(text, sizeof(text),
             "{\"event\": \"speaking\", \"speakers\": [{\"peer\": \"%s\", \"level\": 0.5}, "
             "{\"peer\": \"nobody\", \"level\": 0.4}]}",
             ann->peer);
    room_says(f, text);
    assert_string_equal(heard(f, 1, 1), "speaking");
    assert_int_equal(json_array_size(heard_data(f, 1, "speakers")), 1);
}

static void senseless_events_change_nothing(void **state)
{
    static const char *const senseless[] = {
        "{}",
        "{\"event\": 7}",
        "{\"event\": \"candidate\"}",
        "{\"event\": \"peer_state\", \"peer\": \"nobody\", \"state\": \"failed\"}",
        "{\"event\": \"peer_media\", \"peer\": [], \"audio\": 1}",
        "{\"event\": \"speaking\", \"speakers\": {}}",
        "{\"event\": \"speaking\", \"speakers\": 3}",
        "{\"event\": \"recording\", \"id\": \"none\", \"state\": \"ready\"}",
        "{\"event\": \"recording\"}",
        "{\"event\": \"stats\", \"audio\": [], \"peers\": \"many\"}",
        "{\"event\": \"new in a later version\"}",
    };
    struct fixture *f = *state;
    const struct sig_member *ann = join(f, 0, "ann");
    for (size_t i = 0; i < sizeof(senseless) / sizeof(*senseless); i++)
        room_says(f, senseless[i]);
    room_says_of(f, ann, "candidate", "\"candidate\": \"candidate:\\r\\nm=audio\", \"mid\": \"0\"");
    assert_int_equal(json_array_size(f->clients[0].events), 0);
    assert_int_equal(ann->room->member_count, 1);
}

static void counters_of_a_room_stay_in_the_sum_when_it_restarts(void **state)
{
    struct fixture *f = *state;
    struct sig_rooms_stats stats;
    join(f, 0, "ann");
    room_says(
        f, "{\"event\": \"stats\", \"cpu_us\": 1000, \"audio\": {\"ticks\": 50, \"speakers\": 3, "
           "\"max_late_us\": 300}, \"totals\": {\"concealed\": 4, \"max_drift_ppm\": 90, "
           "\"in\": {\"packets\": 10, \"recovered\": 2}, \"out\": {\"packets\": 9, "
           "\"copies\": 6}}, \"video\": {\"views\": 4, \"streams\": {\"720p\": 3}, "
           "\"overload\": 5, \"overload_steps\": 2}}");
    f->events.restarted(f->opened[0]);
    room_says(f, "{\"event\": \"stats\", \"cpu_us\": 10, \"audio\": {\"ticks\": 5, "
                 "\"speakers\": 1, \"max_late_us\": 100}, \"totals\": {\"concealed\": 1, "
                 "\"max_drift_ppm\": 20}, \"video\": {\"views\": 2, \"streams\": {\"720p\": 1, "
                 "\"180p\": 1}, \"overload\": 1, \"overload_steps\": 1}}");
    sig_rooms_stats(f->rooms, &stats);
    assert_int_equal(stats.sum.cpu_us, 1010);
    assert_int_equal(stats.sum.audio_ticks, 55);
    assert_int_equal(stats.sum.audio_max_late_us, 300);
    assert_int_equal(stats.sum.concealed, 5);
    assert_int_equal(stats.sum.in_packets, 10);
    assert_int_equal(stats.sum.in_recovered, 2);
    assert_int_equal(stats.sum.out_packets, 9);
    assert_int_equal(stats.sum.out_copies, 6);
    assert_int_equal(stats.sum.audio_speakers, 1); /* those who speak now */
    assert_int_equal(stats.sum.audio_max_drift_ppm, 20);
    assert_int_equal(stats.sum.views, 2);
    assert_int_equal(stats.sum.streams_720p, 1);
    assert_int_equal(stats.sum.streams_180p, 1);
    assert_int_equal(stats.sum.overload_step, 1);
    assert_int_equal(stats.sum.overload_steps, 3);
    assert_int_equal(stats.members, 1);
}

/* --- death ------------------------------------------------------------------------------------ */

static void after_a_death_seats_are_added_again_and_clients_told(void **state)
{
    struct fixture *f = *state;
    const struct sig_member *ann = join(f, 0, "ann");
    struct sig_member *bob = join(f, 1, "bob");
    char peer[SIG_ID_SIZE];
    memcpy(peer, ann->peer, sizeof(peer));
    sig_member_lost(bob, mcu_now_us());
    f->events.restarted(f->opened[0]);
    assert_int_equal(f->asked_count, 2);
    /* In the order of joining, so that everyone gets the tile of before. */
    assert_string_equal(json_string_value(json_object_get(f->asked[0].command, "peer")), peer);
    answer(f, "peer_add", NULL);
    answer(f, "peer_add", NULL);
    assert_string_equal(heard(f, 0, 1), "moved");
    assert_string_equal(json_string_value(heard_data(f, 0, "reason")), "room_restarted");
    assert_true(bob->is_moved); /* to be told when it is back */
    assert_int_equal(ann->room->member_count, 2);
}

static void a_join_under_way_when_the_room_dies_is_finished_by_the_next(void **state)
{
    struct fixture *f = *state;
    assert_null(ask_to_join(f, 0, SIG_KIND_WS, "ann"));
    fail_all_due(f);
    assert_int_equal(f->answers, 0);
    f->events.restarted(f->opened[0]);
    answer(f, "peer_add", NULL);
    assert_int_equal(f->answers, 1);
    assert_non_null(f->joined);
    assert_string_equal(heard(f, 0, 1), "");
}

static void a_join_that_kills_the_room_twice_is_refused(void **state)
{
    struct fixture *f = *state;
    join(f, 0, "ann");
    f->answers = 0;
    assert_null(ask_to_join(f, 1, SIG_KIND_WS, "poison"));
    fail_all_due(f);
    f->events.restarted(f->opened[0]);
    assert_int_equal(f->asked_count, 2);
    fail_all_due(f);
    f->events.restarted(f->opened[0]);
    assert_int_equal(f->answers, 1);
    assert_string_equal(f->refused->code, "room_restarted");
    assert_int_equal(sig_rooms_find(f->rooms, "standup")->member_count, 1);
    fail_all_due(f);
}

static void whip_sessions_end_with_their_process(void **state)
{
    struct fixture *f = *state;
    join(f, 0, "ann");
    assert_null(ask_to_join(f, -1, SIG_KIND_WHIP, "cam"));
    answer(f, "peer_add", NULL);
    char peer[SIG_ID_SIZE];
    memcpy(peer, f->joined->peer, sizeof(peer));
    assert_non_null(sig_rooms_find_peer(f->rooms, peer));
    f->events.restarted(f->opened[0]);
    assert_null(sig_rooms_find_peer(f->rooms, peer));
}

#define NETWORK(state, bars)                                                                       \
    "\"state\": \"" state "\", \"bars\": " bars ", \"rtt_ms\": 40, \"jitter_ms\": 3, "        \
    "\"loss_in\": 20, \"loss_out\": 0, \"concealed\": 5, \"estimate_bps\": 1500000"

static void a_whip_session_keeps_its_seat_for_the_grace_time(void **state)
{
    struct fixture *f = *state;
    const int64_t grace_us = f->config.rtc.grace_s * MCU_US_PER_S;
    join(f, 0, "ann");
    assert_null(ask_to_join(f, -1, SIG_KIND_WHEP, "tv"));
    answer(f, "peer_add", NULL);
    const struct sig_member *tv = f->joined;
    char peer[SIG_ID_SIZE];
    memcpy(peer, tv->peer, sizeof(peer));
    room_says_of(f, tv, "peer_state", "\"state\": \"connected\"");
    room_says_of(f, tv, "network", NETWORK("suspect", "0"));
    room_says_of(f, tv, "network", NETWORK("connected", "3")); /* it was only a tunnel */
    sig_rooms_tick(f->rooms, mcu_now_us() + 2 * grace_us);
    assert_non_null(sig_rooms_find_peer(f->rooms, peer));

    room_says_of(f, tv, "network", NETWORK("suspect", "0"));
    const int64_t lost_us = tv->lost_at_us;
    room_says_of(f, tv, "peer_state", "\"state\": \"failed\"");
    assert_true(tv->lost_at_us == lost_us);
    sig_rooms_tick(f->rooms, lost_us + grace_us - 1);
    assert_non_null(sig_rooms_find_peer(f->rooms, peer));
    sig_rooms_tick(f->rooms, lost_us + grace_us);
    answer(f, "peer_remove", NULL);
    assert_null(sig_rooms_find_peer(f->rooms, peer));
}

static void a_whip_session_that_says_good_bye_is_removed(void **state)
{
    struct fixture *f = *state;
    const struct sig_member *ann = join(f, 0, "ann");
    assert_null(ask_to_join(f, -1, SIG_KIND_WHEP, "tv"));
    answer(f, "peer_add", NULL);
    char peer[SIG_ID_SIZE];
    memcpy(peer, f->joined->peer, sizeof(peer));
    room_says_of(f, f->joined, "peer_state", "\"state\": \"closed\"");
    answer(f, "peer_remove", NULL);
    assert_null(sig_rooms_find_peer(f->rooms, peer));
    room_says_of(f, ann, "peer_state", "\"state\": \"closed\""); /* a WebSocket can offer again */
    assert_non_null(sig_rooms_find_peer(f->rooms, ann->peer));
}

/* Figures go to whom they are about, bars to the others when they change, nonsense to nobody. */
static void networks_are_told_in_bars(void **state)
{
    struct fixture *f = *state;
    const struct sig_member *ann = join(f, 0, "ann");
    join(f, 1, "bob");
    room_says_of(f, ann, "network", NETWORK("connected", "4"));
    assert_string_equal(heard(f, 0, 1), "network");
    assert_int_equal(json_integer_value(heard_data(f, 0, "rttMs")), 40);
    assert_true(json_real_value(heard_data(f, 0, "lossUp")) == 0.02);
    assert_int_equal(json_integer_value(heard_data(f, 0, "estimate")), 1500000);
    assert_string_equal(heard(f, 1, 1), "network");
    assert_int_equal(json_integer_value(heard_data(f, 1, "bars")), 4);
    assert_null(heard_data(f, 1, "rttMs"));
    assert_int_equal(ann->bars, 4);
    const size_t before = json_array_size(f->clients[1].events);
    room_says_of(f, ann, "network", NETWORK("connected", "4"));
    room_says_of(f, ann, "network", NETWORK("connected", "6"));
    assert_int_equal(json_array_size(f->clients[1].events), before);
    assert_int_equal(ann->bars, 4);
}

static void a_whip_session_whose_media_never_comes_is_removed(void **state)
{
    struct fixture *f = *state;
    join(f, 0, "ann");
    assert_null(ask_to_join(f, -1, SIG_KIND_WHIP, "cam"));
    answer(f, "peer_add", NULL);
    assert_null(ask_to_join(f, -1, SIG_KIND_WHIP, "ghost"));
    const struct sig_member *cam = f->joined;
    answer(f, "peer_add", NULL);
    room_says_of(f, cam, "peer_state", "\"state\": \"connected\"");
    sig_rooms_tick(f->rooms, mcu_now_us() + 59 * MCU_US_PER_S);
    assert_int_equal(cam->room->member_count, 3);
    sig_rooms_tick(f->rooms, mcu_now_us() + 61 * MCU_US_PER_S);
    answer(f, "peer_remove", NULL);
    assert_int_equal(cam->room->member_count, 2);
}

static void a_room_given_up_ends_for_everybody(void **state)
{
    struct fixture *f = *state;
    join(f, 0, "ann");
    assert_null(ask_to_join(f, 1, SIG_KIND_WS, "bob"));
    fail_all_due(f);
    f->events.ended(f->opened[0], true);
    assert_string_equal(heard(f, 0, 1), "ended");
    assert_string_equal(json_string_value(heard_data(f, 0, "reason")), "room_failed");
    assert_string_equal(f->clients[0].unseated, "ended");
    assert_non_null(f->refused);
    assert_null(sig_rooms_first(f->rooms));
}

/* --- recordings ------------------------------------------------------------------------------- */

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

static void at_the_start_a_file_without_a_row_gets_one(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct sig_store_recording rows[4];
    const struct sig_store_filter filter = {.room_id = "a.b-c", .limit = 4};
    snprintf(path, sizeof(path), "%s/a.b-c-20260102-030405-678.mp4", f->dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(sig_rooms_recover(f->rooms), 1);
    assert_int_equal(sig_store_flush(f->store, WAIT_MS), 0);
    assert_int_equal(sig_store_recordings(f->store, &filter, rows, NULL), 1);
    assert_string_equal(rows[0].file, path);
    assert_int_equal(rows[0].started_at_ms, 1767323045000);
    json_t *result = json_pack("{s:b, s:i, s:i}", "ok", 1, "duration_ms", 10, "bytes", 5);
    f->recovered(f->recovered_arg, result);
    json_decref(result);
    assert_string_equal(row_of(f, rows[0].id).status, "ready");
    assert_int_equal(sig_rooms_recover(f->rooms), 0);
}

static void a_living_room_is_adopted_with_its_seats_and_recordings(void **state)
{
    struct fixture *f = *state;
    static const char answer_text[] =
        "{\"room\": \"standup\", \"type\": \"mcu\", \"opened_at\": 5, \"pid\": 77, "
        "\"layout\": \"presentation\", \"sharing\": \"p1\", \"picture\": {\"layout\": \"duo\", "
        "\"spotlight\": \"cam\"}, \"peers\": ["
        "{\"peer\": \"p1\", \"user\": \"ann\", \"name\": \"Ann\", \"role\": \"host\", "
        "\"muted_audio\": true, \"pin\": 3, \"hand\": true, \"watching\": {\"view\": \"main\", "
        "\"tier\": \"360p\", \"width\": 640, \"height\": 360}, \"session\": {\"v\": 1, \"kind\": \"ws\", "
        "\"resume\": \"0123456789012345678901\", \"etag\": \"e123456789012345678901\", "
        "\"joined_at\": 9}},"
        "{\"peer\": \"p2\", \"user\": \"cam\", \"name\": \"Cam\", \"role\": \"publisher\", "
        "\"session\": {\"v\": 1, \"kind\": \"whip\", \"resume\": \"1123456789012345678901\", "
        "\"etag\": \"f123456789012345678901\", \"joined_at\": 9}},"
        "{\"peer\": \"p3\", \"user\": \"x\", \"name\": \"X\", \"role\": \"host\", "
        "\"session\": \"of another version\"}],"
        "\"recordings\": [{\"id\": \"rec\", \"file\": \"/r.mp4\", \"started_at\": 7, "
        "\"layout\": \"grid\", \"signs\": false}]}";
    json_t *reply = json_loads(answer_text, 0, NULL);
    struct sig_room *room = f->events.adopted(f->events.ctx, (struct sig_link *)f, reply);
    assert_non_null(room);
    f->opened[0] = room;
    answer(f, "view_list",
           "{\"ok\": true, \"views\": [{\"view\": \"main\", \"named\": false, \"layout\": \"duo\", "
           "\"width\": 1280, \"height\": 720, \"fps\": 30}, {\"view\": \"stage\", \"named\": true, "
           "\"layout\": \"single\", \"width\": 640, \"height\": 360, \"fps\": 15}, "
           "{\"view\": \"odd\", \"named\": true}, 5]}");
    assert_int_equal(json_object_size(room->views), 1);
    assert_non_null(json_object_get(room->views, "stage"));
    answer(f, "peer_remove", NULL); /* p3 */
    assert_int_equal(room->member_count, 2);
    assert_string_equal(room->active->id, "rec");
    assert_string_equal(room->active->wish.layout, "grid");
    assert_true(room->active->wish.has_signs && !room->active->wish.signs);
    assert_string_equal(sig_rooms_find_peer(f->rooms, "p2")->etag, "f123456789012345678901");
    struct sig_member *ann =
        sig_rooms_resume(f->rooms, "0123456789012345678901", (struct sig_client *)&f->clients[0]);
    assert_string_equal(ann->user, "ann");
    assert_true(ann->muted_audio);
    assert_int_equal(ann->joined_at_ms, 9);
    assert_int_equal(ann->pin, 3);
    assert_true(ann->has_hand_up);
    assert_picture(f, "{\"layout\": \"presentation\", \"order\": [], \"spotlight\": \"cam\", "
                      "\"hideWithoutVideo\": false, \"sharing\": \"ann\"}");
    room_says(f, "{\"event\": \"tiles\", \"view\": \"main\", \"width\": 1280, \"height\": 720, "
                 "\"tiles\": []}");
    assert_true(was_told(f, 0, "tiles"));
    json_array_clear(f->clients[0].events);
    sig_member_tell_watching(ann);
    assert_string_equal(heard(f, 0, 2), "watching");
    assert_string_equal(heard(f, 0, 1), "tiles");
    assert_int_equal(ann->view_width, 640);
    assert_null(f->events.adopted(f->events.ctx, (struct sig_link *)f, reply)); /* twice the name */
    json_decref(reply);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_joins_is_announced_to_the_others_alone),
        TEST(a_seat_is_not_seen_before_the_room_agrees),
        TEST(no_more_than_the_settings_allow_get_in),
        TEST(a_machine_that_is_full_lets_nobody_more_in),
        TEST(where_sound_is_late_half_a_load_is_a_full_one),
        TEST(a_room_that_cannot_be_started_is_an_error),
        TEST(the_same_user_again_takes_the_seat_over),
        TEST(a_lost_client_keeps_its_seat_for_the_grace_time),
        TEST(a_resume_unseats_the_connection_that_was_not_seen_to_go),
        TEST(an_empty_room_ends_after_its_time),
        TEST(muting_is_told_to_the_others_and_survives_a_restart),
        TEST(who_is_muted_by_another_hears_by_whom),
        TEST(what_is_refused_changes_nothing),
        TEST(a_members_sound_is_kept_told_and_survives_a_restart),
        TEST(what_a_client_watches_is_kept_and_wished_for_again),
        TEST(a_picture_that_nobody_watches_yet_has_to_fit),
        TEST(a_layout_of_the_settings_is_in_use),
        TEST(pictures_go_before_the_layouts_that_name_them),
        TEST(a_room_is_given_no_more_pictures_than_it_takes),
        TEST(pictures_that_an_earlier_front_gave_are_given_anew),
        TEST(pictures_are_found_again_at_the_start),
        TEST(tiles_go_to_those_who_watch_that_view),
        TEST(views_are_kept_told_and_added_again),
        TEST(what_hosts_choose_is_merged_told_and_survives_a_restart),
        TEST(while_a_screen_is_shared_the_room_says_what_is_in_force),
        TEST(pins_and_hands_are_told_and_survive_a_restart),
        TEST(muting_all_spares_hosts_and_is_told_once),
        TEST(muting_all_tells_when_one_could_not_be_muted),
        TEST(a_plain_participant_is_a_member_whose_keys_are_forgotten),
        TEST(events_of_the_room_reach_those_they_are_for),
        TEST(senseless_events_change_nothing),
        TEST(counters_of_a_room_stay_in_the_sum_when_it_restarts),
        TEST(after_a_death_seats_are_added_again_and_clients_told),
        TEST(a_join_under_way_when_the_room_dies_is_finished_by_the_next),
        TEST(a_join_that_kills_the_room_twice_is_refused),
        TEST(whip_sessions_end_with_their_process),
        TEST(a_whip_session_keeps_its_seat_for_the_grace_time),
        TEST(a_whip_session_that_says_good_bye_is_removed),
        TEST(networks_are_told_in_bars),
        TEST(a_whip_session_whose_media_never_comes_is_removed),
        TEST(a_room_given_up_ends_for_everybody),
        TEST(a_recording_has_a_row_from_start_to_end),
        TEST(a_recording_goes_on_in_a_new_file_when_its_room_dies),
        TEST(a_recording_of_another_view_goes_on_with_it),
        TEST(a_recording_that_the_room_refuses_is_failed),
        TEST(at_the_start_what_was_cut_off_is_recovered),
        TEST(at_the_start_a_file_without_a_row_gets_one),
        TEST(a_living_room_is_adopted_with_its_seats_and_recordings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
