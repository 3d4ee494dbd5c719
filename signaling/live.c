/* Live pushes; see live.h. */
#include "signaling/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "signaling/hooks.h"
#include "signaling/layouts.h"
#include "signaling/room_images.h"
#include "signaling/rooms_internal.h"

struct starting {
    struct sig_rooms *rooms;
    char room_id[65];
    char id[65];
    sig_push_fn *done;
    void *arg;
};

/* --- the list --------------------------------------------------------------------------------- */

struct sig_push *sig_live_find(const struct sig_room *room, const char *id)
{
    struct sig_push *p = room->pushes;
    while (p && strcmp(p->id, id) != 0)
        p = p->next;
    return p;
}

struct sig_push *sig_hls_of(const struct sig_room *room)
{
    struct sig_push *p = room->pushes;
    while (p && !p->is_hls)
        p = p->next;
    return p;
}

static uint32_t count(const struct sig_room *room)
{
    uint32_t n = 0;
    for (const struct sig_push *p = room->pushes; p; p = p->next)
        n++;
    return n;
}

static void free_push(struct sig_push *p)
{
    explicit_bzero(p->secret, sizeof(p->secret));
    free(p);
}

static void unlist(struct sig_push *p)
{
    struct sig_push **at = &p->room->pushes;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    free_push(p);
}

void live_free(struct sig_room *room)
{
    while (room->pushes)
        unlist(room->pushes);
}

json_t *sig_push_json(const struct sig_push *p)
{
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s}", "id", p->id, "url", p->url,
                  "state", p->state, "since", (json_int_t)p->since_ms, "startedAt",
                  (json_int_t)p->started_at_ms, "bytes", (json_int_t)p->bytes, "retries",
                  (json_int_t)p->retries, "dropped", (json_int_t)p->dropped, "by", p->by);
    if (p->error[0])
        json_object_set_new(json, "lastError", json_string(p->error));
    if (p->wish.layout[0])
        json_object_set_new(json, "layout", json_string(p->wish.layout));
    else if (p->wish.view[0])
        json_object_set_new(json, "view", json_string(p->wish.view));
    return json;
}

json_t *sig_live_list(const struct sig_room *room)
{
    json_t *list = json_array();
    for (const struct sig_push *p = room->pushes; p; p = p->next)
        json_array_append_new(list, sig_push_json(p));
    return list;
}

/* --- telling ---------------------------------------------------------------------------------- */

/* Everybody in the room may know that it is live, and where to. */
static void tell(const struct sig_push *p)
{
    json_t *data = sig_push_json(p);
    json_object_set_new(data, "active", json_boolean(strcmp(p->state, "live") == 0));
    sig_room_tell(p->room, NULL, "live", data);
}

/* The application's server is told that it began, once, and how it ended. */
static void post(struct sig_push *p)
{
    const bool is_live = strcmp(p->state, "live") == 0;
    const bool has_failed = strcmp(p->state, "failed") == 0;
    const bool is_over = has_failed || strcmp(p->state, "ended") == 0;
    if (!is_over && (!is_live || p->was_live))
        return;
    p->was_live |= is_live;
    sig_hooks_post(p->room->rooms->conf.hooks,
                   is_live      ? "live.started"
                   : has_failed ? "live.failed"
                                : "live.ended",
                   p->room->id, sig_push_json(p));
}

static void set_state(struct sig_push *p, const char *state)
{
    if (strcmp(p->state, state) == 0)
        return;
    snprintf(p->state, sizeof(p->state), "%s", state);
    log_info("room=%s push %s to %s: %s%s%s", p->room->id, p->id, p->url, state,
             p->error[0] ? ": " : "", p->error);
    tell(p);
    post(p);
}

/* --- starting --------------------------------------------------------------------------------- */

const struct sig_error *sig_live_wish_read(struct sig_live_wish *wish, struct sig_room *room,
                                           const json_t *data, const char **why)
{
    *why = NULL;
    struct sig_live_wish w = {0};
    if (mcu_json_bool(data, "hls", MCU_JSON_OPTIONAL, &w.is_hls) ||
        (w.is_hls && json_object_get(data, "url")))
        return sig_error("bad_request");
    if (w.is_hls && sig_hls_of(room))
        return sig_error("hls_exists");
    if (w.is_hls)
        snprintf(w.parts.masked, sizeof(w.parts.masked), "/hls/%s/index.m3u8", room->id);
    else if (mcu_json_string(data, "url", MCU_JSON_REQUIRED, 1, w.url, sizeof(w.url)))
        return sig_error("bad_request");
    if (!w.is_hls && guard_parse_url(&w.parts, w.url, GUARD_PUSH, why))
        return sig_error("bad_url");
    const struct sig_error *error = sig_record_wish_read(&w.picture, room, data);
    if (!error)
        *wish = w;
    return error;
}

static json_t *start_command(const struct sig_push *p)
{
    const struct sig_record_wish *w = &p->wish;
    json_t *command = json_pack("{s:s, s:s, s:s}", "cmd", "live_start", "id", p->id, "url",
                                p->is_hls ? p->url : p->secret);
    char folder[512];
    if (p->is_hls && sig_hls_folder(p->room->rooms, p->room->id, folder, sizeof(folder)) == 0)
        json_object_set_new(command, "folder", json_string(folder));
    if (w->view[0])
        json_object_set_new(command, "view", json_string(w->view));
    if (w->has_signs)
        json_object_set_new(command, "signs", json_boolean(w->signs));
    if (!w->layout[0])
        return command;
    json_object_set_new(command, "layout", json_string(w->layout));
    json_t *file = sig_layout_stored(p->room->rooms->conf.layouts, w->layout);
    sig_room_give_images(p->room, file);
    if (file)
        json_object_set_new(command, "layout_file", file);
    return command;
}

static struct sig_push *find_started(const struct starting *s)
{
    struct sig_room *room = sig_rooms_find(s->rooms, s->room_id);
    return room ? sig_live_find(room, s->id) : NULL;
}

static void read_status(struct sig_push *p, const json_t *said);

static void on_started(void *arg, const json_t *reply)
{
    struct starting *s = arg;
    struct sig_push *p = find_started(s);
    const struct sig_error *error = sig_error_of_reply(reply);
    if (p && !error) {
        p->is_starting = false;
        read_status(p, json_object_get(reply, "push"));
        log_info("room=%s push %s to %s started by %s", p->room->id, p->id, p->url,
                 p->by[0] ? p->by : "REST");
        s->rooms->stats.pushes_started++;
        tell(p);
    } else if (p && strcmp(error->code, "room_restarted") != 0) {
        unlist(p);
        p = NULL;
    } /* else it is started again with the room */
    if (s->done)
        s->done(s->arg, error ? NULL : p, error ? error : p ? NULL : sig_error("internal"));
    free(s);
}

static int ask_room(struct sig_push *p, sig_push_fn *done, void *arg)
{
    struct sig_rooms *rooms = p->room->rooms;
    struct starting *s = calloc(1, sizeof(*s));
    if (!s || !p->room->link) {
        free(s);
        return -1;
    }
    *s = (struct starting){.rooms = rooms, .done = done, .arg = arg};
    snprintf(s->room_id, sizeof(s->room_id), "%s", p->room->id);
    snprintf(s->id, sizeof(s->id), "%s", p->id);
    p->is_starting = true;
    const int err = rooms->conf.host.send(p->room->link, start_command(p), on_started, s);
    if (err)
        free(s);
    return err;
}

const struct sig_error *sig_live_start(struct sig_room *room, const char *by,
                                       const struct sig_live_wish *wish, sig_push_fn *done,
                                       void *arg)
{
    if (room->is_closing || !room->link)
        return sig_error("no_such_room");
    if (count(room) >= SIG_PUSHES_MAX)
        return sig_error("too_many_pushes");
    char folder[512];
    if (wish->is_hls && sig_hls_folder(room->rooms, room->id, folder, sizeof(folder)))
        return sig_error("internal");
    struct sig_push *p = calloc(1, sizeof(*p));
    if (!p)
        return sig_error("internal");
    p->room = room;
    p->wish = wish->picture;
    p->is_hls = wish->is_hls;
    p->since_ms = p->started_at_ms = mcu_wall_ms();
    sig_id_make(p->id, SIG_ID_SIZE);
    snprintf(p->secret, sizeof(p->secret), "%s", wish->url);
    snprintf(p->url, sizeof(p->url), "%s", wish->parts.masked);
    snprintf(p->by, sizeof(p->by), "%s", by);
    snprintf(p->state, sizeof(p->state), "connecting");
    p->next = room->pushes;
    room->pushes = p;
    if (ask_room(p, done, arg) == 0)
        return NULL;
    unlist(p);
    return sig_error("internal");
}

/* --- running and stopping --------------------------------------------------------------------- */

void sig_live_stop(struct sig_push *p)
{
    if (p->is_stopping)
        return;
    p->is_stopping = true;
    if (p->room->link)
        p->room->rooms->conf.host.send(
            p->room->link, json_pack("{s:s, s:s}", "cmd", "live_stop", "id", p->id), NULL, NULL);
}

static void read_count(const json_t *said, const char *key, uint64_t *to, uint64_t *sum)
{
    int64_t n = 0;
    if (mcu_json_int(said, key, MCU_JSON_OPTIONAL, 0, INT64_MAX, &n))
        return;
    if ((uint64_t)n > *to)
        *sum += (uint64_t)n - *to;
    *to = (uint64_t)n;
}

/* The figures; not the state. */
static void read_status(struct sig_push *p, const json_t *said)
{
    struct sig_rooms_stats *sum = &p->room->rooms->stats;
    read_count(said, "bytes", &p->bytes, &sum->push_bytes);
    read_count(said, "retries", &p->retries, &sum->push_retries);
    read_count(said, "dropped", &p->dropped, &sum->push_dropped);
    mcu_json_int(said, "since", MCU_JSON_OPTIONAL, 0, INT64_MAX, &p->since_ms);
    mcu_json_string(said, "error", MCU_JSON_OPTIONAL, 0, p->error, sizeof(p->error));
}

void live_event(struct sig_room *room, const json_t *event)
{
    char id[65];
    char state[16];
    if (mcu_json_string(event, "id", MCU_JSON_REQUIRED, 1, id, sizeof(id)) ||
        mcu_json_string(event, "state", MCU_JSON_REQUIRED, 1, state, sizeof(state)))
        return;
    struct sig_push *p = sig_live_find(room, id);
    if (!p)
        return;
    read_status(p, event);
    const bool has_failed = strcmp(state, "failed") == 0;
    room->rooms->stats.pushes_failed += has_failed;
    set_state(p, state);
    if (has_failed || strcmp(state, "ended") == 0)
        unlist(p);
}

void live_restarted(struct sig_room *room)
{
    for (struct sig_push *p = room->pushes, *next; p; p = next) {
        next = p->next;
        p->bytes = p->retries = p->dropped = 0; /* counted anew by the new process */
        const bool is_lost = (!p->secret[0] && !p->is_hls) || p->is_stopping;
        if (!is_lost && ask_room(p, NULL, NULL) == 0) {
            p->since_ms = mcu_wall_ms();
            set_state(p, "connecting");
            continue;
        }
        if (!p->is_stopping)
            snprintf(p->error, sizeof(p->error), "the room's process ended");
        set_state(p, p->is_stopping ? "ended" : "failed");
        unlist(p);
    }
}

void live_end_all(struct sig_room *room)
{
    while (room->pushes) {
        set_state(room->pushes, "ended");
        unlist(room->pushes);
    }
}

static void adopt_one(struct sig_room *room, const json_t *said)
{
    struct sig_push *p = calloc(1, sizeof(*p));
    if (!p)
        return;
    if (mcu_json_string(said, "id", MCU_JSON_REQUIRED, 1, p->id, sizeof(p->id)) ||
        mcu_json_string(said, "url", MCU_JSON_REQUIRED, 1, p->url, sizeof(p->url)) ||
        mcu_json_string(said, "state", MCU_JSON_REQUIRED, 1, p->state, sizeof(p->state)) ||
        mcu_json_string(said, "view", MCU_JSON_OPTIONAL, 1, p->wish.view, sizeof(p->wish.view)) ||
        mcu_json_string(said, "layout", MCU_JSON_OPTIONAL, 1, p->wish.layout,
                        sizeof(p->wish.layout)) ||
        mcu_json_int(said, "started_at", MCU_JSON_OPTIONAL, 0, INT64_MAX, &p->started_at_ms)) {
        free(p);
        return;
    }
    p->room = room;
    p->is_hls = p->url[0] == '/';
    p->was_live = true; /* whoever ran before us has said so */
    p->next = room->pushes;
    room->pushes = p;
    read_status(p, said);
}

void live_adopt(struct sig_room *room, const json_t *said)
{
    size_t i;
    const json_t *one;
    json_array_foreach(said, i, one)
    {
        if (i < SIG_PUSHES_MAX)
            adopt_one(room, one);
    }
}
