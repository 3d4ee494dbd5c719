/* Changing a seat: who is muted, everything about its sound (mcu/control_audio.h), where it is
 * pinned, whether its hand is up, and which role it has. Front thread.
 *
 * The room is asked first and answers in order; what it has agreed to is kept with the seat, told
 * to the others, and given to the next process if this one dies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/log.h"
#include "mcu/control_audio.h"
#include "signaling/admission.h"
#include "signaling/lobby.h"
#include "signaling/rooms_internal.h"

/* A change that the room is asked for. */
struct change {
    struct sig_member *member; /* referenced */
    bool has_audio, has_video, audio, video;
    json_t *sound; /* may be NULL */
    bool has_pin, has_hand, hand;
    uint32_t pin;
    char role[sizeof(((struct sig_member *)0)->role)]; /* "": as it is */
    bool is_heir;
    char by[sizeof(((struct sig_member *)0)->user)];
    bool is_own;
    struct mute_all *all; /* it is a part of this; NULL: of nothing */
    sig_change_fn *done;
    void *arg;
};

/* One `mute` of everybody: told in one event, when the last answer has come. */
struct mute_all {
    struct sig_rooms *rooms;
    char room_id[65];
    uint32_t due;
    json_t *users;
    bool audio, video;
    char by[sizeof(((struct sig_member *)0)->user)];
    const struct sig_error *refused; /* of one who is still here and still not muted */
    sig_change_fn *done;
    void *arg;
};

/* --- telling ---------------------------------------------------------------------------------- */

static void tell_mute(const struct change *c)
{
    struct sig_member *m = c->member;
    json_t *data = json_pack("{s:s}", "userId", m->user);
    if (c->has_audio)
        json_object_set_new(data, "audio", json_boolean(c->audio));
    if (c->has_video)
        json_object_set_new(data, "video", json_boolean(c->video));
    if (!c->is_own)
        json_object_set_new(data, "by", json_string(c->by));
    sig_room_tell(m->room, c->is_own ? m : NULL, "mute", data);
}

static void tell_hears(const struct change *c)
{
    struct sig_member *m = c->member;
    if (!m->client || c->is_own)
        return;
    json_t *event = json_pack("{s:s, s:s, s:{s:O, s:s}}", "type", "rtc", "action", "hear", "data",
                              "submixes", sig_member_hears(m), "by", c->by);
    if (event)
        m->room->rooms->conf.send(m->client, event);
    json_decref(event);
}

static void tell_pin(const struct sig_member *m, const char *by)
{
    json_t *seat = m->pin ? json_integer(m->pin) : json_null();
    sig_room_tell(m->room, NULL, "pin",
                  json_pack("{s:s, s:o, s:s}", "userId", m->user, "seat", seat, "by", by));
}

static void tell_hand(const struct change *c)
{
    const struct sig_member *m = c->member;
    sig_room_tell(m->room, NULL, "hand",
                  json_pack("{s:s, s:b, s:s}", "userId", m->user, "raised", m->has_hand_up, "by",
                            c->by));
}

/* What others see of a seat's sound. */
static void tell_sound(const struct change *c)
{
    struct sig_member *m = c->member;
    const char *user = m->user;
    struct sig_room *room = m->room;
    if (json_object_get(c->sound, "volume"))
        sig_room_tell(room, NULL, "volume",
                      json_pack("{s:s, s:i}", "userId", user, "volume", sig_member_volume(m)));
    if (json_object_get(c->sound, "deaf"))
        sig_room_tell(room, NULL, "deaf",
                      json_pack("{s:s, s:b}", "userId", user, "deaf", sig_member_is_deaf(m)));
    if (json_object_get(c->sound, "speaksTo"))
        sig_room_tell(room, NULL, "speak",
                      json_pack("{s:s, s:O}", "userId", user, "submixes", sig_member_speaks_to(m)));
    if (json_object_get(c->sound, "original"))
        sig_room_tell(room, NULL, "original",
                      json_pack("{s:s, s:O?}", "userId", user, "original",
                                json_object_get(m->sound, "original")));
    if (json_object_get(c->sound, "hears"))
        tell_hears(c);
}

static void note_muted(const struct change *c)
{
    if (c->has_audio)
        c->member->muted_audio = c->audio;
    if (c->has_video)
        c->member->muted_video = c->video;
}

/* One person a seat: who was on it is on none, as the room has it too. */
static void note_pin(const struct change *c)
{
    for (struct sig_member *m = c->member->room->members; c->pin && m; m = m->next) {
        if (m == c->member || m->pin != c->pin)
            continue;
        m->pin = 0;
        tell_pin(m, c->by);
    }
    c->member->pin = c->pin;
    tell_pin(c->member, c->by);
}

static void note_hand(const struct change *c)
{
    c->member->has_hand_up = c->hand;
    tell_hand(c);
}

/* What he may send is another now: his client offers again. */
static void ask_to_renegotiate(struct sig_member *m)
{
    if (m->client)
        member_tell(m, "renegotiate", json_pack("{s:s}", "reason", "role"));
}

static void note_role(const struct change *c)
{
    struct sig_member *m = c->member;
    const bool did_publish = sig_role_rank(m->role) > 0;
    snprintf(m->role, sizeof(m->role), "%s", c->role);
    m->is_heir = c->is_heir;
    log_info("room=%s user=%s is a %s now, by user=%s", m->room->id, m->user, m->role, c->by);
    if (!m->is_heir)
        sig_rules_give_role(m->room, m->user, m->role);
    sig_room_tell(m->room, NULL, "role",
                  json_pack("{s:s, s:s, s:s}", "userId", m->user, "role", m->role, "by", c->by));
    if (did_publish != (sig_role_rank(m->role) > 0))
        ask_to_renegotiate(m);
    if (m->room->waiting && m->client && !sig_may(m, SIG_MAY_MODERATE))
        member_tell(m, "waiting", json_pack("{s:o}", "waiting", sig_lobby_json(m->room)));
}

/* --- asking ----------------------------------------------------------------------------------- */

static void free_change(struct change *c)
{
    json_decref(c->sound);
    sig_member_unref(c->member);
    free(c);
}

static void finish_one(struct change *c, const struct sig_error *error)
{
    if (!error) {
        note_muted(c);
        if (c->sound)
            mcu_audio_merge(c->member->sound, c->sound);
        if (c->has_audio || c->has_video)
            tell_mute(c);
        if (c->sound)
            tell_sound(c);
        if (c->has_pin)
            note_pin(c);
        if (c->has_hand)
            note_hand(c);
        if (c->role[0])
            note_role(c);
    }
    if (c->done)
        c->done(c->arg, error ? NULL : c->member, error);
}

static void finish_all(struct mute_all *all)
{
    struct sig_room *room = sig_rooms_find(all->rooms, all->room_id);
    if (room && json_array_size(all->users)) {
        json_t *data = json_pack("{s:O, s:s}", "userIds", all->users, "by", all->by);
        if (all->audio)
            json_object_set_new(data, "audio", json_true());
        if (all->video)
            json_object_set_new(data, "video", json_true());
        sig_room_tell(room, NULL, "mute", data);
    }
    if (all->done)
        all->done(all->arg, NULL, all->refused);
    json_decref(all->users);
    free(all);
}

static void on_changed(void *arg, const json_t *reply)
{
    struct change *c = arg;
    const struct sig_error *error = sig_error_of_reply(reply);
    if (!error && !c->member->room)
        error = sig_error("no_such_member"); /* left meanwhile */
    if (!c->all) {
        finish_one(c, error);
    } else {
        if (!error) {
            note_muted(c);
            json_array_append_new(c->all->users, json_string(c->member->user));
        } else if (c->member->room) {
            c->all->refused = error;
        }
        if (--c->all->due == 0)
            finish_all(c->all);
    }
    free_change(c);
}

static int ask(struct change *c)
{
    json_t *command = json_pack("{s:s, s:O*}", "cmd", "peer_set", "sound", c->sound);
    if (command && c->has_audio)
        json_object_set_new(command, "muted_audio", json_boolean(c->audio));
    if (command && c->has_video)
        json_object_set_new(command, "muted_video", json_boolean(c->video));
    if (command && c->has_pin)
        json_object_set_new(command, "pin", json_integer(c->pin));
    if (command && c->has_hand)
        json_object_set_new(command, "hand", json_boolean(c->hand));
    if (command && c->role[0])
        json_object_set_new(command, "role", json_string(c->role));
    return sig_member_command(c->member, command, on_changed, c);
}

static struct change *new_change(struct sig_member *m, const struct sig_change *from)
{
    struct change *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->member = sig_member_ref(m);
    c->has_audio = from->audio != NULL;
    c->has_video = from->video != NULL;
    c->audio = c->has_audio && *from->audio;
    c->video = c->has_video && *from->video;
    c->sound = from->sound ? json_incref(from->sound) : NULL;
    c->has_pin = from->pin != NULL;
    c->pin = c->has_pin ? *from->pin : 0;
    c->has_hand = from->hand != NULL;
    c->hand = c->has_hand && *from->hand;
    snprintf(c->role, sizeof(c->role), "%s", from->role ? from->role : "");
    c->is_heir = from->is_heir;
    c->is_own = strcmp(from->by, m->user) == 0;
    snprintf(c->by, sizeof(c->by), "%s", from->by);
    c->done = from->done;
    c->arg = from->arg;
    return c;
}

/* Who comes onto the stage costs more than who watches. */
static const struct sig_error *admit_role(struct sig_member *m, const char *role)
{
    if (!role || sig_role_rank(role) == 0 || sig_role_rank(m->role) > 0)
        return NULL;
    return sig_admit(m->room->rooms, m->room, MCU_LOAD_PUBLISHER);
}

const struct sig_error *sig_member_change(struct sig_member *m, const struct sig_change *change)
{
    const struct sig_error *error = admit_role(m, change->role);
    if (error)
        return error;
    struct change *c = new_change(m, change);
    if (!c)
        return sig_error("too_busy");
    if (ask(c) == 0)
        return NULL;
    free_change(c);
    return sig_error("room_restarted");
}

static bool is_to_be_muted(const struct sig_member *m, const struct sig_change *change)
{
    if (m->is_joining || strcmp(m->role, "host") == 0 || strcmp(m->user, change->by) == 0)
        return false;
    return (change->audio && !m->muted_audio) || (change->video && !m->muted_video);
}

static const struct sig_error *ask_as_part(struct mute_all *all, struct sig_member *m,
                                           const struct sig_change *change)
{
    struct change *c = new_change(m, change);
    if (!c)
        return sig_error("too_busy");
    c->all = all;
    if (ask(c) == 0)
        return NULL;
    free_change(c);
    return sig_error("room_restarted");
}

const struct sig_error *sig_room_mute_all(struct sig_room *room, const struct sig_change *change)
{
    struct mute_all *all = calloc(1, sizeof(*all));
    if (!all)
        return sig_error("too_busy");
    all->rooms = room->rooms;
    snprintf(all->room_id, sizeof(all->room_id), "%s", room->id);
    snprintf(all->by, sizeof(all->by), "%s", change->by);
    all->users = json_array();
    all->audio = change->audio != NULL;
    all->video = change->video != NULL;
    all->done = change->done;
    all->arg = change->arg;
    for (struct sig_member *m = room->members; m; m = m->next) {
        if (!is_to_be_muted(m, change))
            continue;
        const struct sig_error *error = ask_as_part(all, m, change);
        if (error)
            all->refused = error;
        else
            all->due++; /* no answer comes before the call returns */
    }
    if (all->due)
        return NULL;
    finish_all(all);
    return NULL;
}

/* --- what is so ------------------------------------------------------------------------------- */

int sig_member_volume(const struct sig_member *m)
{
    const json_t *volume = json_object_get(m->sound, "volume");
    return volume ? (int)json_integer_value(volume) : 100;
}

bool sig_member_is_deaf(const struct sig_member *m)
{
    return json_is_true(json_object_get(m->sound, "deaf"));
}

json_t *sig_member_speaks_to(const struct sig_member *m)
{
    static json_t *plain;
    if (!plain)
        plain = json_pack("[s]", MCU_FLOOR);
    json_t *said = json_object_get(m->sound, "speaksTo");
    return said ? said : plain;
}

json_t *sig_member_hears(const struct sig_member *m)
{
    static json_t *plain;
    if (!plain)
        plain = json_pack("{s:i}", MCU_FLOOR, 100);
    json_t *said = json_object_get(m->sound, "hears");
    return said ? said : plain;
}
