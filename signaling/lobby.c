/* The lobby; see lobby.h. */
#include "signaling/lobby.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "signaling/rooms_internal.h"

json_t *sig_lobby_json(const struct sig_room *room)
{
    json_t *list = json_array();
    for (const struct sig_waiting *w = room->waiting; w; w = w->next)
        json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "userId", w->user, "name", w->name,
                                              "since", (json_int_t)w->since_ms));
    return list;
}

static void tell(struct sig_room *room)
{
    sig_room_tell_those(room, SIG_MAY_MODERATE, "waiting",
                        json_pack("{s:o}", "waiting", sig_lobby_json(room)));
}

static void unlist(struct sig_waiting *w)
{
    struct sig_waiting **at = &w->room->waiting;
    while (*at && *at != w)
        at = &(*at)->next;
    if (*at)
        *at = w->next;
    w->room->waiting_count--;
    w->next = NULL;
}

static struct sig_waiting *find(const struct sig_room *room, const char *user)
{
    struct sig_waiting *w = room->waiting;
    while (w && strcmp(w->user, user) != 0)
        w = w->next;
    return w;
}

/* Off the list before it is told: what it does then may look there. */
static void decide(struct sig_waiting *w, const char *reason)
{
    log_info("room=%s user=%s waited: %s", w->room->id, w->user, reason ? reason : "let in");
    unlist(w);
    if (!reason)
        sig_rules_admit(w->room, w->user);
    w->decided(w->arg, reason);
    free(w);
}

const struct sig_error *sig_lobby_wait(struct sig_waiting **out, struct sig_room *room,
                                       const char *user, const char *name,
                                       void (*decided)(void *arg, const char *reason), void *arg)
{
    struct sig_waiting *older = user[0] ? find(room, user) : NULL;
    if (older)
        decide(older, "replaced");
    if (room->waiting_count >= SIG_LOBBY_MAX)
        return sig_error("room_full");
    struct sig_waiting *w = calloc(1, sizeof(*w));
    if (!w)
        return sig_error("too_busy");
    *w = (struct sig_waiting){
        .room = room, .since_ms = mcu_wall_ms(), .decided = decided, .arg = arg};
    snprintf(w->name, sizeof(w->name), "%s", name);
    if (user[0])
        snprintf(w->user, sizeof(w->user), "%s", user);
    else
        sig_id_make(w->user, 13);
    struct sig_waiting **end = &room->waiting;
    while (*end)
        end = &(*end)->next;
    *end = w;
    room->waiting_count++;
    log_info("room=%s user=%s waits to be let in", room->id, w->user);
    *out = w;
    tell(room);
    return NULL;
}

void sig_lobby_cancel(struct sig_waiting *w)
{
    struct sig_room *room = w->room;
    unlist(w);
    free(w);
    tell(room);
}

uint32_t sig_lobby_decide(struct sig_room *room, const char *user, bool is_admitted)
{
    uint32_t count = 0;
    const uint32_t most = room->waiting_count; /* who comes meanwhile is not meant */
    while (count < most) {
        struct sig_waiting *w = user ? find(room, user) : room->waiting;
        if (!w)
            break;
        decide(w, is_admitted ? NULL : "refused");
        count++;
    }
    if (count)
        tell(room);
    return count;
}

void sig_lobby_end(struct sig_room *room, const char *reason)
{
    while (room->waiting)
        decide(room->waiting, reason);
}
