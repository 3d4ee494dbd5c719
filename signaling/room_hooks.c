/* What is said and asked of rooms and seats; see room_hooks.h. Front thread. */
#include "signaling/room_hooks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "signaling/rooms_internal.h"

static struct sig_hooks *hooks_of(const struct sig_room *room)
{
    return room->rooms->conf.hooks;
}

void room_hook_started(struct sig_room *room, const char *creator)
{
    sig_hooks_post(hooks_of(room), "room.started", room->id,
                   json_pack("{s:s, s:s, s:I}", "roomType", room->type, "creator", creator,
                             "startedAt", (json_int_t)room->opened_at_ms));
}

void room_hook_ended(struct sig_room *room, const char *reason)
{
    sig_hooks_post(hooks_of(room), "room.ended", room->id,
                   json_pack("{s:s, s:s, s:I}", "roomType", room->type, "reason", reason,
                             "durationMs", (json_int_t)(mcu_wall_ms() - room->opened_at_ms)));
}

static json_t *seat_json(const struct sig_member *m)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "userId", m->user, "name", m->name, "role", m->role,
                     "kind", sig_kind_name(m->kind));
}

/* The words of media servers of this field, for what is asked and said of streams. */
static json_t *stream_json(const struct sig_room *room, const struct sig_member *m)
{
    json_t *json = m ? seat_json(m) : json_object();
    json_t *more = json_pack("{s:s, s:s, s:s}", "app", "live", "stream", room->id, "schema", "rtc");
    json_object_update(json, more);
    json_decref(more);
    if (m)
        json_object_set_new(json, "id", json_string(m->peer));
    return json;
}

/* A gateway takes the mix as well. */
static bool is_reader(const struct sig_member *m)
{
    return m->kind == SIG_KIND_WS || m->kind == SIG_KIND_WHEP || m->kind == SIG_KIND_RTP;
}

static bool may_publish(const struct sig_member *m)
{
    return m->kind != SIG_KIND_WHEP && strcmp(m->role, "subscriber") != 0;
}

static bool has_publisher(const struct sig_room *room)
{
    for (const struct sig_member *m = room->members; m; m = m->next) {
        if (!m->is_joining && may_publish(m))
            return true;
    }
    return false;
}

void room_hook_joined(struct sig_member *m)
{
    sig_hooks_post(hooks_of(m->room), "member.joined", m->room->id, seat_json(m));
    if (!has_publisher(m->room))
        sig_hooks_post(hooks_of(m->room), "on_stream_not_found", m->room->id,
                       stream_json(m->room, m));
}

void room_hook_left(struct sig_room *room, const struct sig_member *m, const char *reason)
{
    json_t *data = seat_json(m);
    json_object_set_new(data, "reason", json_string(reason));
    json_object_set_new(data, "durationMs", json_integer(mcu_wall_ms() - m->joined_at_ms));
    sig_hooks_post(hooks_of(room), "member.left", room->id, data);
}

int room_hook_ask(struct sig_member *m, sig_hook_fn *done, void *arg)
{
    return sig_hooks_ask(hooks_of(m->room), may_publish(m) ? "on_publish" : "on_play", m->room->id,
                         stream_json(m->room, m), done, arg);
}

/* --- nobody watches --------------------------------------------------------------------------- */

static bool is_watched_or_empty(const struct sig_room *room)
{
    bool is_published = false;
    for (const struct sig_member *m = room->members; m; m = m->next) {
        if (!m->is_joining && is_reader(m))
            return true;
        is_published |= !m->is_joining;
    }
    return !is_published || room->active; /* a recording watches, too */
}

struct none_reader {
    struct sig_rooms *rooms;
    char room_id[65];
};

static void on_none_reader(void *arg, const struct sig_hook_answer *answer)
{
    struct none_reader *n = arg;
    struct sig_room *room = answer->wants_close ? sig_rooms_find(n->rooms, n->room_id) : NULL;
    if (room && !is_watched_or_empty(room))
        sig_room_close(room, "none_reader");
    free(n);
}

static void ask_none_reader(struct sig_room *room)
{
    struct none_reader *n = malloc(sizeof(*n));
    if (!n)
        return;
    n->rooms = room->rooms;
    snprintf(n->room_id, sizeof(n->room_id), "%s", room->id);
    const int asked = sig_hooks_ask(hooks_of(room), "on_stream_none_reader", room->id,
                                    stream_json(room, NULL), on_none_reader, n);
    if (asked > 0)
        return;
    free(n);
    if (asked == 0) /* questions are off: it is an event then */
        sig_hooks_post(hooks_of(room), "on_stream_none_reader", room->id, stream_json(room, NULL));
}

void room_hook_tick(struct sig_room *room, int64_t now_us)
{
    const int64_t wait_us = room->rooms->conf.config->hooks.none_reader_s * MCU_US_PER_S;
    if (!hooks_of(room) || is_watched_or_empty(room)) {
        room->unwatched_since_us = 0;
        room->was_none_reader_said = false;
        return;
    }
    if (!room->unwatched_since_us)
        room->unwatched_since_us = now_us;
    if (room->was_none_reader_said || now_us - room->unwatched_since_us < wait_us)
        return;
    room->was_none_reader_said = true;
    ask_none_reader(room);
}
