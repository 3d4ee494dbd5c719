/* Rooms: opening, finding, closing, and what the host says of their processes. Front thread.
 *
 * A closing room stays in the list until its process has ended, for its recordings are still being
 * finished; its name is free at once. */
#include "signaling/rooms.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "signaling/admission.h"
#include "signaling/lobby.h"
#include "signaling/room_hooks.h"
#include "signaling/room_images.h"
#include "signaling/room_picture.h"
#include "signaling/live.h"
#include "signaling/inputs.h"
#include "signaling/rooms_internal.h"
#include "signaling/watch.h"

/* A WHIP or WHEP client whose media never comes up is gone: nothing else says so. */
#define MEDIA_WAIT_US (60 * MCU_US_PER_S)
/* A gateway may be silent for long, but not for ever: nobody would end its room. */
#define PLAIN_WAIT_US (600 * MCU_US_PER_S)

struct sig_room *room_create(struct sig_rooms *r, const char *id, const char *type,
                             int64_t opened_at_ms)
{
    struct sig_room *room = calloc(1, sizeof(*room));
    if (!room)
        return NULL;
    room->rooms = r;
    room->picture = json_object();
    room->views = json_object();
    room->tiles = json_object();
    room->images = json_object();
    sig_rules_init(&room->rules, r->conf.config);
    snprintf(room->id, sizeof(room->id), "%s", id);
    snprintf(room->type, sizeof(room->type), "%s", type);
    room->opened_at_ms = opened_at_ms;
    room->empty_since_us = mcu_now_us();
    room->next = r->first;
    r->first = room;
    r->stats.rooms++;
    return room;
}

void room_free(struct sig_room *room)
{
    struct sig_room **at = &room->rooms->first;
    while (*at && *at != room)
        at = &(*at)->next;
    if (*at)
        *at = room->next;
    room->rooms->stats.rooms--;
    json_decref(room->picture);
    json_decref(room->views);
    json_decref(room->tiles);
    json_decref(room->images);
    sig_rules_finish(&room->rules);
    free(room);
}

struct sig_room *sig_rooms_first(const struct sig_rooms *r)
{
    return r->first;
}

struct sig_room *sig_rooms_find(const struct sig_rooms *r, const char *id)
{
    for (struct sig_room *room = r->first; room; room = room->next) {
        if (!room->is_closing && strcmp(room->id, id) == 0)
            return room;
    }
    return NULL;
}

struct sig_room *sig_rooms_open(struct sig_rooms *r, const char *id, const char *type,
                                const char *creator, const struct sig_error **error)
{
    if (sig_rooms_find(r, id)) {
        *error = sig_error("room_exists");
        return NULL;
    }
    if (r->is_closing || r->stats.rooms >= r->conf.config->room.max_rooms) {
        *error = sig_error("too_many_rooms");
        return NULL;
    }
    *error = sig_admit(r, NULL, MCU_LOAD_ROOM);
    if (*error)
        return NULL;
    *error = sig_error("room_failed");
    struct sig_room *room = room_create(r, id, type, mcu_wall_ms());
    if (!room)
        return NULL;
    const int err =
        r->conf.host.open(r->conf.host.ctx, id, type, room->opened_at_ms, room, &room->link);
    if (err) {
        log_error("room=%s cannot be opened: %s", id, strerror(-err));
        room_free(room);
        return NULL;
    }
    mcu_load_add(&room->load, MCU_LOAD_ROOM);
    r->stats.rooms_opened++;
    sig_room_restore_picture(room); /* the layout of the settings may be of the folder */
    if (r->conf.store)
        sig_store_room_opened(r->conf.store, id, type, creator, room->opened_at_ms);
    room_hook_started(room, creator);
    log_info("room=%s opened", id);
    return room;
}

static void empty_room(struct sig_room *room, const char *reason)
{
    while (room->members)
        sig_member_leave(room->members, reason);
}

void sig_room_close(struct sig_room *room, const char *reason)
{
    if (room->is_closing)
        return;
    room->is_closing = true; /* first: a member that leaves may not find it again */
    sig_room_tell(room, NULL, "ended",
                  json_pack("{s:s, s:s}", "roomId", room->id, "reason", reason));
    sig_lobby_end(room, reason);
    empty_room(room, "ended");
    struct sig_rooms *r = room->rooms;
    if (r->conf.store)
        sig_store_room_ended(r->conf.store, room->id, mcu_wall_ms());
    room_hook_ended(room, reason);
    log_info("room=%s closed: %s", room->id, reason);
    if (room->link)
        r->conf.host.close(room->link);
}

void sig_rooms_close_all(struct sig_rooms *r)
{
    r->is_closing = true;
    for (struct sig_room *room = r->first, *next; room; room = next) {
        next = room->next;
        sig_room_close(room, "shutdown");
    }
}

/* --- what the host says ----------------------------------------------------------------------- */

static void room_restarted(void *ctx)
{
    struct sig_room *room = ctx;
    stats_end(&room->rooms->ended, &room->stats);
    room->stats = (struct sig_room_stats){0};
    sig_rules_restore(room);
    sig_room_forget_images(room);
    sig_room_restore_picture(room);
    sig_room_restore_views(room);
    recordings_restarted(room); /* of one of these views, it may be */
    live_restarted(room);
    member_add_all_again(room);
}

static void room_ended(void *ctx, bool died)
{
    struct sig_room *room = ctx;
    struct sig_rooms *r = room->rooms;
    room->link = NULL;
    stats_end(&r->ended, &room->stats);
    if (!room->is_closing) {
        room->is_closing = true;
        sig_room_tell(
            room, NULL, "ended",
            json_pack("{s:s, s:s}", "roomId", room->id, "reason", died ? "room_failed" : "ended"));
        sig_lobby_end(room, died ? "room_failed" : "ended");
        empty_room(room, "ended");
        if (r->conf.store)
            sig_store_room_ended(r->conf.store, room->id, mcu_wall_ms());
        room_hook_ended(room, died ? "room_failed" : "ended");
    }
    recordings_orphaned(room);
    live_end_all(room);
    log_info("room=%s ended", room->id);
    room_free(room);
}

void sig_rooms_events(struct sig_rooms *r, struct sig_host_events *out)
{
    *out = (struct sig_host_events){
        .ctx = r,
        .event = room_event,
        .restarted = room_restarted,
        .ended = room_ended,
        .adopted = room_adopted,
    };
}

/* --- time ------------------------------------------------------------------------------------- */

static bool is_lost(const struct sig_member *m, int64_t now_us, int64_t grace_us)
{
    if (m->kind == SIG_KIND_INPUT)
        return false; /* it is connected again, for ever */
    if (m->kind == SIG_KIND_WS)
        return !m->client && now_us - m->lost_at_us >= grace_us;
    const bool is_up = strcmp(m->state, "connected") == 0 && !m->is_suspect;
    const bool was_up = m->is_suspect || strcmp(m->state, "failed") == 0;
    const int64_t wait_us = m->kind == SIG_KIND_RTP ? PLAIN_WAIT_US
                            : was_up                ? grace_us
                                                    : MEDIA_WAIT_US;
    return !is_up && now_us - m->lost_at_us >= wait_us;
}

static void tick_members(struct sig_room *room, int64_t now_us)
{
    const int64_t grace_us = room->rooms->conf.config->rtc.grace_s * MCU_US_PER_S;
    for (struct sig_member *m = room->members, *next; m; m = next) {
        next = m->next;
        if (is_lost(m, now_us, grace_us))
            sig_member_leave(m, "lost");
    }
}

void sig_rooms_tick(struct sig_rooms *r, int64_t now_us)
{
    const int64_t empty_us = r->conf.config->room.empty_s * MCU_US_PER_S;
    for (struct sig_room *room = r->first, *next; room; room = next) {
        next = room->next;
        if (room->is_closing)
            continue;
        tick_members(room, now_us);
        room_hook_tick(room, now_us);
        if (room->empty_since_us && !room->waiting && now_us - room->empty_since_us >= empty_us)
            sig_room_close(room, "empty");
    }
    recordings_retry(r, now_us);
    sig_retention_tick(r, now_us);
}

/* --- the whole -------------------------------------------------------------------------------- */

void sig_rooms_stats(const struct sig_rooms *r, struct sig_rooms_stats *out)
{
    *out = r->stats;
    out->sum = r->ended;
    out->members = 0;
    out->recordings = 0;
    out->stalled = 0;
    out->recordings_deleted = r->retention.deleted;
    out->pushes = 0;
    out->inputs = out->inputs_waiting = 0;
    for (const struct sig_room *room = r->first; room; room = room->next) {
        out->members += room->member_count;
        out->recordings += room->active ? 1 : 0;
        out->stalled += room->active && room->active->is_stalled ? 1 : 0;
        for (const struct sig_push *p = room->pushes; p; p = p->next)
            out->pushes++;
        for (const struct sig_member *m = room->members; m; m = m->next) {
            out->inputs += m->kind == SIG_KIND_INPUT ? 1 : 0;
            out->inputs_waiting += sig_input_is_waiting(m) ? 1 : 0;
        }
        stats_add(&out->sum, &room->stats);
    }
}

int sig_rooms_create(struct sig_rooms **out, const struct sig_rooms_conf *conf)
{
    struct sig_rooms *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    r->conf = *conf;
    snprintf(r->recordings_dir, sizeof(r->recordings_dir), "%s", conf->recordings_dir);
    *out = r;
    return 0;
}

void sig_rooms_detach(struct sig_rooms *r)
{
    for (struct sig_room *room = r->first; room; room = room->next)
        room->link = NULL;
}

static void free_recordings(struct sig_recording *first)
{
    while (first) {
        struct sig_recording *next = first->next;
        recording_free_parts(first);
        free(first);
        first = next;
    }
}

void sig_rooms_destroy(struct sig_rooms *r)
{
    if (!r)
        return;
    while (r->first) {
        struct sig_room *room = r->first;
        sig_lobby_end(room, "shutdown");
        while (room->members)
            member_unlist(room->members);
        free_recordings(room->recordings);
        live_free(room);
        room_free(room);
    }
    free_recordings(r->orphans);
    free(r);
}
