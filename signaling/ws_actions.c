/* What WebSocket clients ask (docs/protocol.md): a table of small handlers. Front thread.
 *
 * A handler returns NULL when it has answered or will, or the error to answer with. What needs the
 * room goes through struct ws_pending, which outlives both the client and the seat. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/control.h"
#include "signaling/sdp.h"
#include "signaling/turn.h"
#include "signaling/room_picture.h"
#include "signaling/ws.h"
#include "signaling/watch.h"
#include "signaling/ws_internal.h"

enum { NAME_CHARS_MAX = 64, USER_CHARS_MAX = 64 };

/* --- answering -------------------------------------------------------------------------------- */

void ws_answer(struct sig_client *c, const char *action, const json_t *id, json_t *data,
               const struct sig_error *error, const char *detail)
{
    json_t *message = json_pack("{s:s, s:s, s:O*, s:b}", "type", "rtc", "action", action, "id", id,
                                "ok", error == NULL);
    if (error)
        json_object_set_new(message, "error", sig_error_json(error, detail));
    else
        json_object_set_new(message, "data", data ? json_incref(data) : json_object());
    if (id)
        sig_client_send(c, message);
    json_decref(message);
    json_decref(data);
}

/* Without an id an error is an event, so that it is not lost. */
void ws_refuse(struct sig_client *c, const char *action, const json_t *id,
               const struct sig_error *error, const char *detail)
{
    if (id) {
        ws_answer(c, action, id, NULL, error, detail);
        return;
    }
    json_t *data = sig_error_json(error, detail);
    if (action)
        json_object_set_new(data, "of", json_string(action));
    json_t *event = json_pack("{s:s, s:s, s:o}", "type", "rtc", "action", "error", "data", data);
    sig_client_send(c, event);
    json_decref(event);
}

struct ws_pending *ws_pending_create(const struct ws_request *q, struct sig_member *m)
{
    struct ws_pending *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->client = sig_client_ref(q->client);
    p->member = m ? sig_member_ref(m) : NULL;
    p->id = q->id ? json_deep_copy(q->id) : NULL;
    snprintf(p->action, sizeof(p->action), "%s", q->action);
    return p;
}

void ws_pending_free(struct ws_pending *p)
{
    json_decref(p->id);
    sig_member_unref(p->member);
    sig_client_unref(p->client);
    free(p);
}

void ws_finish(struct ws_pending *p, json_t *data, const struct sig_error *error,
               const char *detail)
{
    if (error)
        ws_refuse(p->client, p->action, p->id, error, detail);
    else
        ws_answer(p->client, p->action, p->id, data, NULL, NULL);
    ws_pending_free(p);
}

/* Sends a command about the client's seat; `done` gets p. Frees p on error. */
static const struct sig_error *ask_room(struct ws_pending *p, json_t *command, sig_reply_fn *done)
{
    if (sig_member_command(p->member, command, done, p) == 0)
        return NULL;
    ws_pending_free(p);
    return sig_error("room_restarted");
}

static void on_plain_reply(void *arg, const json_t *reply)
{
    ws_finish(arg, NULL, sig_error_of_reply(reply), NULL);
}

/* --- join, resume, leave ---------------------------------------------------------------------- */

static json_t *ice_servers(const struct mcu_config *config, const char *user)
{
    struct sig_turn turn;
    json_t *list = json_array();
    for (uint32_t i = 0; i < config->rtc.ice_servers.count; i++)
        json_array_append_new(list, json_pack("{s:s}", "urls", config->rtc.ice_servers.item[i]));
    if (sig_turn_make(&turn, config, user, mcu_wall_ms() / 1000))
        return list;
    json_t *urls = json_array();
    for (uint32_t i = 0; i < config->rtc.turn_urls.count; i++)
        json_array_append_new(urls, json_string(config->rtc.turn_urls.item[i]));
    json_array_append_new(list, json_pack("{s:o, s:s, s:s}", "urls", urls, "username",
                                          turn.username, "credential", turn.password));
    return list;
}

static json_t *join_data(const struct sig_client *c, const struct sig_member *m)
{
    json_t *volumes = json_object_get(m->sound, "volumes");
    json_t *data = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:O, s:o}", "roomId",
                             m->room->id, "userId", m->user, "name", m->name, "role", m->role,
                             "resume", m->resume, "members", sig_room_members_json(m->room),
                             "iceServers", ice_servers(c->front->config, m->user), "recording",
                             sig_room_recording_json(m->room), "hears", sig_member_hears(m),
                             "volumes", volumes ? json_incref(volumes) : json_object());
    json_t *picture = sig_room_picture_json(m->room);
    json_object_update(data, picture);
    json_decref(picture);
    json_object_set_new(data, "views", sig_views_json(m->room));
    return data;
}

static void on_joined(void *arg, struct sig_member *m, const struct sig_error *error)
{
    struct ws_pending *p = arg;
    struct sig_client *c = p->client;
    c->is_joining = false;
    if (m && !c->wsi) {
        ws_pending_free(p); /* sig_client_gone() knew no seat yet */
        sig_member_leave(m, "lost");
        return;
    }
    if (m)
        c->member = m;
    ws_finish(p, m ? join_data(c, m) : NULL, error, NULL);
}

/* What is asked for may be less than the token allows, never more. */
static int rank(const char *role)
{
    return strcmp(role, "host") == 0 ? 2 : strcmp(role, "publisher") == 0 ? 1 : 0;
}

static const struct sig_error *choose_role(char role[16], const struct sig_token *token,
                                           const json_t *data, bool is_dev)
{
    snprintf(role, 16, "%s", is_dev ? "publisher" : token->role);
    if (mcu_json_string(data, "role", MCU_JSON_OPTIONAL, 1, role, 16) || !sig_role_is_valid(role))
        return sig_error("bad_request");
    return rank(role) > rank(token->role) ? sig_error("forbidden") : NULL;
}

struct join_fields {
    char room[65];
    char user[USER_CHARS_MAX * 4 + 1];
    char name[NAME_CHARS_MAX * 4 + 1];
    char role[16];
};

static const struct sig_error *read_join(struct join_fields *f, const struct ws_request *q)
{
    const struct sig_token *token = &q->client->token;
    const bool is_dev = q->client->front->config->auth.dev;
    const bool has_name = !is_dev && token->name[0];
    if (mcu_json_string(q->data, "roomId", MCU_JSON_REQUIRED, 1, f->room, sizeof(f->room)) ||
        mcu_json_text(q->data, "name", has_name ? MCU_JSON_OPTIONAL : MCU_JSON_REQUIRED, 1,
                      NAME_CHARS_MAX, f->name, sizeof(f->name)) ||
        mcu_json_text(q->data, "userId", MCU_JSON_OPTIONAL, 1, USER_CHARS_MAX, f->user,
                      sizeof(f->user)) ||
        strlen(f->user) > 128 || !sig_room_id_is_valid(f->room))
        return sig_error("bad_request");
    if (!is_dev) { /* the token says who it is */
        snprintf(f->user, sizeof(f->user), "%s", token->sub);
        if (!f->name[0])
            snprintf(f->name, sizeof(f->name), "%s", token->name);
    }
    if (!sig_token_is_for(token, f->room))
        return sig_error("forbidden");
    return choose_role(f->role, token, q->data, is_dev);
}

static const struct sig_error *on_join(const struct ws_request *q)
{
    struct sig_client *c = q->client;
    struct join_fields f = {0};
    if (c->member || c->is_joining)
        return sig_error("already_joined");
    const struct sig_error *error = read_join(&f, q);
    if (error)
        return error;
    struct ws_pending *p = ws_pending_create(q, NULL);
    if (!p)
        return sig_error("too_busy");
    const struct sig_join join = {
        .kind = SIG_KIND_WS,
        .room_id = f.room,
        .user = f.user,
        .name = f.name,
        .role = f.role,
        .claims = sig_claims_of(&c->token, c->front->config->auth.dev),
        .client = c,
        .joined = on_joined,
        .arg = p,
    };
    error = sig_rooms_join(c->front->rooms, &join);
    if (error)
        ws_pending_free(p);
    else
        c->is_joining = true;
    return error;
}

static void tell_moved(struct sig_client *c, struct sig_member *m)
{
    json_t *event = json_pack("{s:s, s:s, s:{s:s, s:s}}", "type", "rtc", "action", "moved", "data",
                              "roomId", m->room->id, "reason", "room_restarted");
    m->is_moved = false;
    sig_client_send(c, event);
    json_decref(event);
}

/* What it was told while it could not hear: the room gave its media path up. */
static void tell_failed(struct sig_client *c)
{
    json_t *event = json_pack("{s:s, s:s, s:{s:s}}", "type", "rtc", "action", "network", "data",
                              "state", "failed");
    sig_client_send(c, event);
    json_decref(event);
}

static const struct sig_error *on_resume(const struct ws_request *q)
{
    struct sig_client *c = q->client;
    char resume[SIG_ID_SIZE];
    if (c->member || c->is_joining)
        return sig_error("already_joined");
    if (mcu_json_string(q->data, "resume", MCU_JSON_REQUIRED, SIG_ID_CHARS, resume, sizeof(resume)))
        return sig_error("bad_request");
    struct sig_member *m = sig_rooms_resume(c->front->rooms, resume, c);
    if (!m)
        return sig_error("resume_failed");
    c->member = m;
    log_info("room=%s user=%s came back", m->room->id, m->user);
    ws_answer(c, q->action, q->id, join_data(c, m), NULL, NULL);
    if (!m->is_moved)
        sig_member_tell_watching(m);
    if (m->is_moved)
        tell_moved(c, m);
    else if (strcmp(m->state, "failed") == 0)
        tell_failed(c);
    return NULL;
}

static const struct sig_error *on_leave(const struct ws_request *q)
{
    struct sig_member *m = q->client->member;
    if (!m)
        return sig_error("not_joined");
    q->client->member = NULL;
    m->client = NULL; /* it asked: no `ended` for it */
    sig_member_leave(m, "left");
    ws_answer(q->client, q->action, q->id, NULL, NULL, NULL);
    return NULL;
}

void sig_client_unseat(struct sig_client *c, const char *reason)
{
    struct sig_member *m = c->member;
    c->member = NULL;
    if (!m || strcmp(reason, "ended") == 0)
        return; /* a join under way is answered; of a room's end it has heard */
    json_t *event = json_pack("{s:s, s:s, s:{s:s}}", "type", "rtc", "action", "ended", "data",
                              "reason", reason);
    sig_client_send(c, event);
    json_decref(event);
}

/* --- media ------------------------------------------------------------------------------------ */

static void on_offer_reply(void *arg, const json_t *reply)
{
    struct ws_pending *p = arg;
    const struct sig_error *error = sig_error_of_reply(reply);
    char *sdp = error ? NULL : sig_member_answer(p->member, reply);
    if (!error && !sdp)
        error = sig_error("internal");
    if (sdp)
        sig_member_watch_again(p->member);
    ws_finish(p, sdp ? json_pack("{s:s, s:s}", "type", "answer", "sdp", sdp) : NULL, error, NULL);
    free(sdp);
}

static const struct sig_error *on_offer(const struct ws_request *q)
{
    const char *text = NULL;
    size_t size = 0;
    char why[SIG_SDP_ERROR_MAX] = "";
    if (!q->client->member)
        return sig_error("not_joined");
    if (mcu_json_view(q->data, "sdp", MCU_JSON_REQUIRED, SIG_SDP_SIZE_MAX, &text, &size))
        return sig_error("bad_request");
    struct mcu_desc *desc = malloc(sizeof(*desc));
    if (!desc)
        return sig_error("too_busy");
    const int err = sig_sdp_parse(desc, SIG_SDP_OFFER, text, size, why);
    struct ws_pending *p = err ? NULL : ws_pending_create(q, q->client->member);
    json_t *command =
        p ? json_pack("{s:s, s:o}", "cmd", "peer_offer", "desc", mcu_desc_to_json(desc)) : NULL;
    free(desc);
    if (err) {
        ws_refuse(q->client, q->action, q->id, sig_error("bad_offer"), why[0] ? why : NULL);
        return NULL;
    }
    if (!p)
        return sig_error("too_busy");
    return ask_room(p, command, on_offer_reply);
}

static const struct sig_error *on_candidate(const struct ws_request *q)
{
    const char *text = NULL;
    size_t size = 0;
    if (!q->client->member)
        return sig_error("not_joined");
    if (mcu_json_view(q->data, "candidate", MCU_JSON_REQUIRED, 255, &text, &size))
        return sig_error("bad_candidate");
    if (size && !sig_sdp_candidate_is_valid(text, size))
        return sig_error("bad_candidate");
    struct ws_pending *p = ws_pending_create(q, q->client->member);
    if (!p)
        return sig_error("too_busy");
    return ask_room(p, json_pack("{s:s, s:s}", "cmd", "peer_candidate", "candidate", text),
                    on_plain_reply);
}

/* --- recording -------------------------------------------------------------------------------- */

static json_t *record_data(const struct sig_recording *r)
{
    return json_pack("{s:s, s:I}", "id", r->id, "startedAt", (json_int_t)r->started_at_ms);
}

static void on_recording(void *arg, const struct sig_recording *r, const struct sig_error *error)
{
    ws_finish(arg, r ? record_data(r) : NULL, error, NULL);
}

static const struct sig_error *stop_recording(const struct ws_request *q, struct sig_recording *r)
{
    json_t *data = r ? record_data(r) : json_object();
    if (r)
        sig_recording_stop(r);
    ws_answer(q->client, q->action, q->id, data, NULL, NULL);
    return NULL;
}

static const struct sig_error *on_record(const struct ws_request *q)
{
    struct sig_member *m = q->client->member;
    bool active = false;
    if (!m)
        return sig_error("not_joined");
    const struct sig_error *refusal = sig_may(m, SIG_MAY_RECORD);
    if (refusal)
        return refusal;
    if (mcu_json_bool(q->data, "active", MCU_JSON_REQUIRED, &active))
        return sig_error("bad_request");
    struct sig_recording *running = m->room->active;
    if (!active)
        return stop_recording(q, running);
    if (running && !running->is_starting) {
        ws_answer(q->client, q->action, q->id, record_data(running), NULL, NULL);
        return NULL;
    }
    struct sig_record_wish wish;
    const struct sig_error *error = sig_record_wish_read(&wish, m->room, q->data);
    if (error)
        return error;
    struct ws_pending *p = ws_pending_create(q, m);
    if (!p)
        return sig_error("too_busy");
    error = sig_room_record(m->room, m->user, &wish, on_recording, p);
    if (error)
        ws_pending_free(p);
    return error;
}

static const struct sig_error *on_ping(const struct ws_request *q)
{
    ws_answer(q->client, q->action, q->id, NULL, NULL, NULL);
    return NULL;
}

/* --- dispatch --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const struct sig_error *(*handle)(const struct ws_request *q);
} actions[] = {
    {"join", on_join},
    {"resume", on_resume},
    {"leave", on_leave},
    {"offer", on_offer},
    {"restart", on_offer},
    {"candidate", on_candidate},
    {"record", on_record},
    {"ping", on_ping},
    {"mute", ws_on_mute},
    {"volume", ws_on_volume},
    {"deaf", ws_on_deaf},
    {"hear", ws_on_hear},
    {"speak", ws_on_speak},
    {"original", ws_on_original},
    {"sound", ws_on_sound},
    {"layout", ws_on_layout},
    {"pin", ws_on_pin},
    {"hand", ws_on_hand},
    {"quality", ws_on_quality},
};

static void dispatch(const struct ws_request *q)
{
    for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
        if (strcmp(actions[i].name, q->action) != 0)
            continue;
        const struct sig_error *error = actions[i].handle(q);
        if (error)
            ws_refuse(q->client, q->action, q->id, error, NULL);
        return;
    }
    ws_refuse(q->client, q->action, q->id, sig_error("unknown_action"), NULL);
}

static bool id_is_fit(const json_t *id)
{
    return !id || json_is_integer(id) ||
           (json_is_string(id) && json_string_length(id) <= SIG_WS_ID_MAX);
}

static void read_request(struct sig_client *c, const json_t *message)
{
    char type[16] = "";
    char action[32] = "";
    json_t *data = NULL;
    const json_t *id = json_object_get(message, "id");
    json_t *empty = json_object();
    if (!id_is_fit(id) ||
        mcu_json_string(message, "type", MCU_JSON_REQUIRED, 1, type, sizeof(type)) ||
        mcu_json_string(message, "action", MCU_JSON_REQUIRED, 1, action, sizeof(action)) ||
        mcu_json_object(message, "data", MCU_JSON_OPTIONAL, &data) || strcmp(type, "rtc") != 0) {
        ws_refuse(c, action[0] ? action : "error", id_is_fit(id) ? id : NULL,
                  sig_error("bad_message"), NULL);
    } else {
        const struct ws_request q = {
            .client = c, .action = action, .id = id, .data = data ? data : empty};
        dispatch(&q);
    }
    json_decref(empty);
}

bool sig_json_depth_fits(const char *text, size_t size, uint32_t depth)
{
    uint32_t level = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        const char ch = text[i];
        if (in_string && ch == '\\')
            i++;
        else if (ch == '"')
            in_string = !in_string;
        else if (!in_string && (ch == '{' || ch == '[') && ++level > depth)
            return false;
        else if (!in_string && (ch == '}' || ch == ']') && level > 0)
            level--;
    }
    return true;
}

void sig_client_message(struct sig_client *c, const char *text, size_t size)
{
    json_t *message = NULL;
    if (!sig_json_depth_fits(text, size, SIG_WS_DEPTH_MAX) ||
        mcu_json_parse(&message, text, size) != 0) {
        ws_refuse(c, NULL, NULL, sig_error("bad_message"), NULL);
        return;
    }
    read_request(c, message);
    json_decref(message);
}
