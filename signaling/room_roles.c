/* Hosts: that there is one, who is told what only they need, and who is sent away. Front thread. */
#include <string.h>

#include "mcu/base/log.h"
#include "signaling/rooms_internal.h"

static bool is_host(const struct sig_member *m)
{
    return !m->is_joining && strcmp(m->role, "host") == 0;
}

static bool has_host(const struct sig_room *room, const struct sig_member *but)
{
    for (const struct sig_member *m = room->members; m; m = m->next) {
        if (m != but && is_host(m))
            return true;
    }
    return false;
}

const struct sig_error *sig_member_may_become(const struct sig_member *m, const char *role)
{
    const bool stays = role && strcmp(role, "host") == 0;
    return stays || !is_host(m) || has_host(m->room, m) ? NULL : sig_error("last_host");
}

void sig_member_kick(struct sig_member *m, const char *by, bool keeps_out)
{
    log_info("room=%s user=%s is sent away by user=%s%s", m->room->id, m->user, by,
             keeps_out ? ", for good" : "");
    if (keeps_out)
        sig_rules_ban(m->room, m->user);
    sig_member_leave(m, "kicked");
}

/* Who is there before who is away for a moment. */
static struct sig_member *find_heir(const struct sig_room *room)
{
    struct sig_member *away = NULL;
    for (struct sig_member *m = room->members; m; m = m->next) {
        if (m->is_joining || m->kind != SIG_KIND_WS || strcmp(m->role, "publisher") != 0)
            continue;
        if (m->client)
            return m;
        if (!away)
            away = m;
    }
    return away;
}

void sig_room_hand_over(struct sig_room *room)
{
    if (room->is_closing || !room->rooms->conf.config->room.handover || has_host(room, NULL))
        return;
    struct sig_member *heir = find_heir(room);
    const struct sig_change change = {.role = "host", .is_heir = true, .by = ""};
    if (heir && sig_member_change(heir, &change))
        log_warn("room=%s nobody is a host now", room->id);
}

void sig_room_tell_those(struct sig_room *room, enum sig_right right, const char *action,
                         json_t *data)
{
    json_t *event = json_pack("{s:s, s:s, s:o}", "type", "rtc", "action", action, "data", data);
    for (struct sig_member *m = room->members; event && m; m = m->next) {
        if (m->client && !m->is_joining && !sig_may(m, right))
            room->rooms->conf.send(m->client, event);
    }
    json_decref(event);
}
