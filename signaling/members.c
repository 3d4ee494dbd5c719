/* Seats: taking, keeping, giving up. Front thread.
 *
 * A seat is in its room's list from the moment it is asked for, so that two users of one id or one
 * more than the room may hold cannot slip in while the room process is being asked; others see it
 * (is_joining false) when the room has agreed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/control.h"
#include "mcu/control_audio.h"
#include "signaling/admission.h"
#include "signaling/inputs.h"
#include "signaling/room_hooks.h"
#include "signaling/rooms_internal.h"
#include "signaling/sdp.h"

static const char *const kind_names[] = {"ws", "whip", "whep", "rtp", "input"};

const char *sig_kind_name(enum sig_kind kind)
{
    return kind_names[kind];
}

struct sig_member *sig_member_ref(struct sig_member *m)
{
    m->refs++;
    return m;
}

void sig_member_unref(struct sig_member *m)
{
    if (!m || --m->refs > 0)
        return;
    json_decref(m->sound);
    json_decref(m->input);
    json_decref(m->input_status);
    json_decref(m->rtp);
    json_decref(m->wanted_rtp);
    json_decref(m->wish);
    json_decref(m->network);
    free(m);
}

struct sig_member *member_create(struct sig_room *room, const char *peer)
{
    struct sig_member *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->refs = 1;
    m->sound = json_object();
    m->bars = -1;
    m->room = room;
    snprintf(m->peer, sizeof(m->peer), "%s", peer);
    snprintf(m->state, sizeof(m->state), "new");
    struct sig_member **end = &room->members; /* the list is in the order of joining */
    while (*end)
        end = &(*end)->next;
    *end = m;
    room->member_count++;
    room->empty_since_us = 0;
    return m;
}

void member_unlist(struct sig_member *m)
{
    struct sig_room *room = m->room;
    struct sig_member **at = &room->members;
    while (*at && *at != m)
        at = &(*at)->next;
    if (*at)
        *at = m->next;
    m->next = NULL;
    m->room = NULL;
    if (--room->member_count == 0)
        room->empty_since_us = mcu_now_us();
    sig_member_unref(m);
}

struct sig_member *member_find(const struct sig_room *room, const char *peer)
{
    struct sig_member *m = room->members;
    while (m && strcmp(m->peer, peer) != 0)
        m = m->next;
    return m;
}

struct sig_member *sig_rooms_find_peer(const struct sig_rooms *r, const char *peer)
{
    for (const struct sig_room *room = r->first; room; room = room->next) {
        struct sig_member *m = member_find(room, peer);
        if (m)
            return m;
    }
    return NULL;
}

static struct sig_member *find_user(const struct sig_room *room, const char *user)
{
    struct sig_member *m = room->members;
    while (m && strcmp(m->user, user) != 0)
        m = m->next;
    return m;
}

struct sig_member *sig_room_find_user(const struct sig_room *room, const char *user)
{
    struct sig_member *m = find_user(room, user);
    return m && !m->is_joining ? m : NULL;
}

json_t *member_session_json(const struct sig_member *m)
{
    return json_pack("{s:i, s:s, s:s, s:s, s:I, s:O*, s:b, s:b, s:{s:b, s:b, s:b}}", "v", 1, "kind",
                     kind_names[m->kind], "resume", m->resume, "etag", m->etag, "joined_at",
                     (json_int_t)m->joined_at_ms, "watch", m->wish, "heir", m->is_heir, "offered",
                     m->is_offered, "claims",
                     "record", m->claims.record, "live", m->claims.live, "admin", m->claims.admin);
}

int sig_member_command(struct sig_member *m, json_t *command, sig_reply_fn *done, void *arg)
{
    if (!command)
        return -ENOMEM;
    if (!m->room || !m->room->link) {
        json_decref(command);
        return -EPIPE;
    }
    json_object_set_new(command, "peer", json_string(m->peer));
    return m->room->rooms->conf.host.send(m->room->link, command, done, arg);
}

int sig_room_command(struct sig_room *room, json_t *command, sig_reply_fn *done, void *arg)
{
    if (!command)
        return -ENOMEM;
    if (!room->link) {
        json_decref(command);
        return -EPIPE;
    }
    return room->rooms->conf.host.send(room->link, command, done, arg);
}

void sig_room_send(struct sig_room *room, const struct sig_member *but, const json_t *event)
{
    for (struct sig_member *m = room->members; event && m; m = m->next) {
        if (m != but && m->client && !m->is_joining)
            room->rooms->conf.send(m->client, event);
    }
}

void sig_room_tell(struct sig_room *room, const struct sig_member *but, const char *action,
                   json_t *data)
{
    json_t *event = json_pack("{s:s, s:s, s:o}", "type", "rtc", "action", action, "data", data);
    sig_room_send(room, but, event);
    json_decref(event);
}

/* --- joining ---------------------------------------------------------------------------------- */

static void finish_join(struct sig_member *m, const struct sig_error *error)
{
    void (*joined)(void *, struct sig_member *, const struct sig_error *) = m->joined;
    m->joined = NULL;
    if (joined)
        joined(m->joined_arg, error ? NULL : m, error);
}

/* The caller holds a reference. */
static void refuse_join(struct sig_member *m, const struct sig_error *error)
{
    log_info("room=%s user=%s not let in: %s", m->room->id, m->user, error->code);
    m->client = NULL;
    member_unlist(m);
    finish_join(m, error);
}

static void announce(struct sig_member *m)
{
    struct sig_room *room = m->room;
    m->is_joining = false;
    room->rooms->stats.joins++;
    recording_count_member(room);
    if (room->rooms->conf.store)
        sig_store_member_joined(room->rooms->conf.store, room->id, m->user, m->name, m->role,
                                m->joined_at_ms);
    log_info("room=%s user=%s joined (%s, %s)", room->id, m->user, kind_names[m->kind], m->role);
    room_hook_joined(m);
    sig_room_tell(room, m, "joined", json_pack("{s:o}", "member", sig_member_json(m)));
}

static json_t *read_media(const json_t *rtp, const char *kind)
{
    json_t *media = NULL;
    int64_t ssrc = 0;
    int64_t pt = 0;
    if (mcu_json_object(rtp, kind, MCU_JSON_OPTIONAL, &media) || !media ||
        mcu_json_int(media, "ssrc", MCU_JSON_REQUIRED, 0, UINT32_MAX, &ssrc) ||
        mcu_json_int(media, "pt", MCU_JSON_REQUIRED, 0, 127, &pt))
        return NULL;
    return json_pack("{s:I, s:I}", "ssrc", (json_int_t)ssrc, "pt", (json_int_t)pt);
}

json_t *member_read_rtp(const json_t *rtp)
{
    char host[64];
    int64_t port = 0;
    bool is_srtp = false;
    if (mcu_json_string(rtp, "host", MCU_JSON_REQUIRED, 1, host, sizeof(host)) ||
        mcu_json_int(rtp, "port", MCU_JSON_REQUIRED, 1, 65535, &port) ||
        mcu_json_bool(rtp, "srtp", MCU_JSON_OPTIONAL, &is_srtp))
        return NULL;
    return json_pack("{s:s, s:I, s:b, s:o*, s:o*}", "host", host, "port", (json_int_t)port, "srtp",
                     is_srtp, "audio", read_media(rtp, "audio"), "video", read_media(rtp, "video"));
}

void sig_member_save(struct sig_member *m)
{
    sig_member_command(
        m, json_pack("{s:s, s:o}", "cmd", "peer_session", "session", member_session_json(m)), NULL,
        NULL);
}

void sig_member_renew_etag(struct sig_member *m)
{
    sig_id_make(m->etag, sizeof(m->etag));
    sig_member_save(m);
}

static void on_added(void *arg, const json_t *reply)
{
    struct sig_member *m = arg;
    const struct sig_error *error = sig_error_of_reply(reply);
    /* A restart in between adds it again, and that answer counts. */
    if (m->room && !(error && strcmp(error->code, "room_restarted") == 0 && m->room->link &&
                     !m->room->is_closing)) {
        if (error && m->is_joining)
            refuse_join(m, error);
        else if (error)
            sig_member_leave(m, "lost");
        else if (m->is_joining) {
            m->rtp = member_read_rtp(json_object_get(reply, "rtp"));
            announce(m);
            finish_join(m, NULL);
        }
    }
    sig_member_unref(m);
}

/* rtp: of a plain RTP participant; NULL else. */
static int add_to_room(struct sig_member *m, json_t *rtp)
{
    json_t *add =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:O*}", "cmd", "peer_add", "user", m->user, "name",
                  m->name, "role", m->role, "session", member_session_json(m), "rtp", rtp);
    if (add && m->input)
        json_object_set_new(add, "input", sig_input_again(m));
    if (add && json_object_size(m->sound))
        json_object_set(add, "sound", m->sound);
    if (add && m->muted_audio)
        json_object_set_new(add, "muted_audio", json_true());
    if (add && m->muted_video)
        json_object_set_new(add, "muted_video", json_true());
    if (add && m->pin)
        json_object_set_new(add, "pin", json_integer(m->pin));
    if (add && m->is_echo)
        json_object_set_new(add, "echo", json_true());
    if (add && m->has_hand_up)
        json_object_set_new(add, "hand", json_true());
    const int err = sig_member_command(m, add, on_added, sig_member_ref(m));
    if (err)
        sig_member_unref(m);
    return err;
}

void member_add_all_again(struct sig_room *room)
{
    for (struct sig_member *m = room->members, *next; m; m = next) {
        next = m->next;
        if (m->is_asking) /* it will be added to the new process */
            continue;
        /* HTTP has no way to ask for a new offer; and who joins is asked for once more only, for
         * it may be what the room dies of. */
        const bool is_asked_again = m->kind == SIG_KIND_WS || m->kind == SIG_KIND_INPUT;
        if (!is_asked_again || (m->is_joining && m->was_retried)) {
            sig_member_leave(m, "lost");
            continue;
        }
        m->was_retried = m->is_joining;
        if (add_to_room(m, NULL) != 0)
            continue; /* the room is dying again */
        m->sends_audio = m->sends_video = m->sends_screen = false;
        m->view[0] = '\0';
        snprintf(m->state, sizeof(m->state), "new");
        m->is_moved = !m->client;
    }
    sig_room_tell(room, NULL, "moved",
                  json_pack("{s:s, s:s}", "roomId", room->id, "reason", "room_restarted"));
}

static void fill_seat(struct sig_member *m, const struct sig_join *join)
{
    m->kind = join->kind;
    m->client = join->client;
    m->is_joining = true;
    m->is_echo = join->is_echo;
    m->joined = join->joined;
    m->joined_arg = join->arg;
    m->joined_at_ms = mcu_wall_ms();
    m->lost_at_us = mcu_now_us();
    sig_id_make(m->resume, sizeof(m->resume));
    sig_id_make(m->etag, sizeof(m->etag));
    snprintf(m->name, sizeof(m->name), "%s", join->name);
    m->claims = join->claims;
    m->input = join->input ? json_deep_copy(join->input) : NULL;
    if (join->sound)
        mcu_audio_merge(m->sound, join->sound);
    if (join->user[0])
        snprintf(m->user, sizeof(m->user), "%s", join->user);
    else
        sig_id_make(m->user, 13);
}

static uint32_t most_members(const struct sig_room *room)
{
    const uint32_t most = room->rooms->conf.config->room.max_members;
    const uint32_t own = strcmp(room->type, "1v1") == 0 ? 2 : room->rules.max_members;
    return own && own < most ? own : most;
}

/* What hosts decided of a user goes before what he asks for, an admin's own word aside. */
static const struct sig_error *choose_role(char role[16], const struct sig_room *room,
                                           const struct sig_join *join, bool is_heir)
{
    const char *given = is_heir ? "host" : sig_rules_role(&room->rules, join->user);
    const bool is_free = !given || join->claims.admin || join->kind == SIG_KIND_RTP ||
                         join->kind == SIG_KIND_INPUT;
    if (!is_free && join->kind == SIG_KIND_WHIP && sig_role_rank(given) == 0)
        return sig_error("forbidden");
    snprintf(role, 16, "%s", is_free || join->kind != SIG_KIND_WS ? join->role : given);
    return NULL;
}

/* The application's server has spoken; arg is a reference. */
static void on_hook_answer(void *arg, const struct sig_hook_answer *answer)
{
    struct sig_member *m = arg;
    json_t *rtp = m->wanted_rtp;
    m->wanted_rtp = NULL;
    m->is_asking = false;
    if (m->room && !answer->is_allowed) {
        struct sig_error refused = *sig_error("refused");
        snprintf(m->refusal, sizeof(m->refusal), "%s", answer->msg);
        if (m->refusal[0])
            refused.message = m->refusal;
        refuse_join(m, &refused);
    } else if (m->room && add_to_room(m, rtp) != 0) {
        refuse_join(m, sig_error("room_restarted"));
    }
    json_decref(rtp);
    sig_member_unref(m);
}

/* The seat is listed. As sig_rooms_join(). */
static const struct sig_error *ask_and_add(struct sig_member *m, json_t *rtp)
{
    const int asked = room_hook_ask(m, on_hook_answer, m);
    if (asked > 0) {
        sig_member_ref(m);
        m->is_asking = true;
        m->wanted_rtp = json_incref(rtp);
        return NULL;
    }
    if (asked == 0 && add_to_room(m, rtp) == 0)
        return NULL;
    member_unlist(m);
    return sig_error(asked ? "too_busy" : "room_restarted");
}

/* The room that he comes into; it is opened if it is not there. A call's own has no lobby, whatever
 * the settings say: who is let in was rung, and nobody would be there to let in the first. */
static struct sig_room *enter(struct sig_rooms *r, const struct sig_join *join,
                              const struct sig_error **error)
{
    struct sig_room *room = sig_rooms_find(r, join->room_id);
    if (room)
        return room;
    const char *type = join->room_type ? join->room_type : "mcu";
    room = sig_rooms_open(r, join->room_id, type, join->user, error);
    if (room && join->room_type && room->rules.has_lobby) {
        json_t *patch = json_pack("{s:b}", "lobby", 0);
        sig_rules_apply(room, patch, join->user);
        json_decref(patch);
    }
    return room;
}

const struct sig_error *sig_rooms_join(struct sig_rooms *r, const struct sig_join *join)
{
    const struct sig_error *error = NULL;
    struct sig_room *room = enter(r, join, &error);
    if (!room)
        return error;
    struct sig_member *older = join->user[0] ? find_user(room, join->user) : NULL;
    const bool is_heir = older && older->is_heir;
    char role[16];
    error = sig_rules_gate(room, join->user, join->password, join->is_by_host || join->is_admitted,
                           older != NULL);
    if (!error)
        error = choose_role(role, room, join, is_heir);
    if (error)
        return error;
    if (older)
        sig_member_leave(older, "replaced");
    if (room->member_count >= most_members(room))
        return sig_error("room_full");
    /* Who only takes his own place anew costs nothing more. */
    error = older ? NULL : sig_admit(r, room, sig_load_kind(join->kind, role));
    if (error)
        return error;
    char peer[SIG_ID_SIZE];
    sig_id_make(peer, sizeof(peer));
    struct sig_member *m = member_create(room, peer);
    if (!m)
        return sig_error("internal");
    fill_seat(m, join);
    snprintf(m->role, sizeof(m->role), "%s", role);
    m->is_heir = is_heir;
    return ask_and_add(m, join->rtp);
}

/* --- leaving and coming back ------------------------------------------------------------------ */

void sig_member_leave(struct sig_member *m, const char *reason)
{
    struct sig_room *room = m->room;
    if (!room)
        return;
    sig_member_ref(m);
    struct sig_client *client = m->client;
    const bool was_seen = !m->is_joining;
    m->client = NULL;
    if (!room->is_closing)
        sig_member_command(m, json_pack("{s:s}", "cmd", "peer_remove"), NULL, NULL);
    member_unlist(m);
    if (was_seen) {
        log_info("room=%s user=%s left: %s", room->id, m->user, reason);
        if (room->rooms->conf.store)
            sig_store_member_left(room->rooms->conf.store, room->id, m->user, mcu_wall_ms());
        room_hook_left(room, m, reason);
    }
    if (was_seen && !room->is_closing) /* else everybody has heard `ended` */
        sig_room_tell(room, NULL, "left",
                      json_pack("{s:s, s:s}", "userId", m->user, "reason", reason));
    if (client)
        room->rooms->conf.unseat(client, reason);
    if (was_seen && sig_role_rank(m->role) == sig_role_rank("host") &&
        strcmp(reason, "replaced") != 0)
        sig_room_hand_over(room);
    finish_join(m, sig_error("room_restarted"));
    sig_member_unref(m);
}

void sig_member_lost(struct sig_member *m, int64_t now_us)
{
    m->client = NULL;
    m->lost_at_us = now_us;
    if (m->is_joining)
        sig_member_leave(m, "lost"); /* it never learned its resume token */
}

struct sig_member *sig_rooms_resume(struct sig_rooms *r, const char *resume,
                                    struct sig_client *client)
{
    for (struct sig_room *room = r->first; room; room = room->next) {
        for (struct sig_member *m = room->members; m; m = m->next) {
            if (m->kind != SIG_KIND_WS || m->is_joining || strcmp(m->resume, resume) != 0)
                continue;
            if (m->client && m->client != client)
                r->conf.unseat(m->client, "resumed");
            m->client = client;
            return m;
        }
    }
    return NULL;
}

static char *describe(struct sig_member *m, const json_t *reply, enum sig_sdp_type type)
{
    struct mcu_desc *desc = malloc(sizeof(*desc));
    char *sdp = NULL;
    if (desc && mcu_desc_from_json(desc, json_object_get(reply, "desc")) == 0)
        sdp = sig_sdp_write(desc, type, (uint64_t)m->joined_at_ms, ++m->answers, NULL);
    free(desc);
    return sdp;
}

char *sig_member_answer(struct sig_member *m, const json_t *reply)
{
    return describe(m, reply, SIG_SDP_ANSWER);
}

char *sig_member_offer(struct sig_member *m, const json_t *reply)
{
    return describe(m, reply, SIG_SDP_OFFER);
}
