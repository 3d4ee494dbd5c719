/* WebSocket requests about the seat: taking it, taking it again, giving it up. Front thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "signaling/lobby.h"
#include "signaling/room_picture.h"
#include "signaling/turn.h"
#include "signaling/watch.h"
#include "signaling/ws_internal.h"

enum { NAME_CHARS_MAX = 64, USER_CHARS_MAX = 64 };

json_t *ws_ice_servers(const struct mcu_config *config, const char *user)
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
                             "resume", m->resume, "members", sig_room_members_json(m->room, false),
                             "iceServers", ws_ice_servers(c->front->config, m->user), "recording",
                             sig_room_recording_json(m->room), "hears", sig_member_hears(m),
                             "volumes", volumes ? json_incref(volumes) : json_object());
    json_t *picture = sig_room_picture_json(m->room);
    json_object_update(data, picture);
    json_decref(picture);
    json_object_set_new(data, "views", sig_views_json(m->room));
    json_object_set_new(data, "room", sig_rules_json(m->room));
    if (!sig_may(m, SIG_MAY_MODERATE))
        json_object_set_new(data, "lobby", sig_lobby_json(m->room));
    return data;
}

static void take_member(struct sig_client *c, struct sig_member *m)
{
    c->member = m;
    sig_calls_seated(c->front->calls, m->room->id, m->user);
    if (!c->user[0])
        snprintf(c->user, sizeof(c->user), "%s", m->user);
}

static void on_joined(void *arg, struct sig_member *m, const struct sig_error *error)
{
    struct ws_pending *p = arg;
    struct sig_client *c = p->client;
    c->is_joining = false;
    if (m && c->is_gone) {
        ws_pending_free(p); /* sig_client_gone() knew no seat yet */
        sig_member_leave(m, "lost");
        return;
    }
    if (m)
        take_member(c, m);
    ws_finish(p, m ? join_data(c, m) : NULL, error, NULL);
}

/* What is asked for may be less than the token allows, never more. */
static const struct sig_error *choose_role(char role[16], const char *usual, const char *most,
                                           const json_t *data)
{
    snprintf(role, 16, "%s", usual);
    if (mcu_json_string(data, "role", MCU_JSON_OPTIONAL, 1, role, 16) || !sig_role_is_valid(role))
        return sig_error("bad_request");
    return sig_role_rank(role) > sig_role_rank(most) ? sig_error("forbidden") : NULL;
}

/* In --dev people come to a broadcast to watch, unless they say otherwise. */
static const char *dev_role(const struct sig_front *front, const char *room_id)
{
    const struct sig_room *room = sig_rooms_find(front->rooms, room_id);
    return room && strcmp(room->type, "broadcast") == 0 ? "subscriber" : "publisher";
}

/* By his token, or by the call that he is in. */
static const struct sig_error *find_role(char role[16], const struct sig_client *c,
                                         const char *room, const char *user, const json_t *data)
{
    const bool is_dev = c->front->config->auth.dev && !c->via;
    const char *by_call = user[0] ? sig_calls_role(c->front->calls, room, user) : NULL;
    if (c->via || sig_token_is_for(&c->token, room)) { /* of a trunk: its server decides */
        const char *usual = by_call  ? by_call
                            : is_dev ? dev_role(c->front, room)
                                     : c->token.role;
        const bool is_more = sig_role_rank(usual) > sig_role_rank(c->token.role);
        return choose_role(role, usual, is_more ? usual : c->token.role, data);
    }
    return by_call ? choose_role(role, by_call, by_call, data) : sig_error("forbidden");
}

struct join_fields {
    char password[SIG_PASSWORD_CHARS_MAX * 4 + 1];
    char room[65];
    char user[USER_CHARS_MAX * 4 + 1];
    char name[NAME_CHARS_MAX * 4 + 1];
    char role[16];
};

static const struct sig_error *read_join(struct join_fields *f, const struct ws_request *q)
{
    const struct sig_token *token = &q->client->token;
    const bool is_dev = q->client->front->config->auth.dev && !q->client->via;
    const bool has_name = !is_dev && token->name[0];
    if (mcu_json_text(q->data, "password", MCU_JSON_OPTIONAL, 1, SIG_PASSWORD_CHARS_MAX,
                      f->password, sizeof(f->password)) ||
        mcu_json_string(q->data, "roomId", MCU_JSON_REQUIRED, 1, f->room, sizeof(f->room)) ||
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
    } else if (!f->user[0]) {
        snprintf(f->user, sizeof(f->user), "%s", q->client->user);
    }
    return find_role(f->role, q->client, f->room, f->user, q->data);
}

typedef void joined_fn(void *arg, struct sig_member *m, const struct sig_error *error);

/* Hosts need nobody's permission: of the token, as hosts have decided since; in --dev, as said. */
static bool is_by_host(const struct sig_client *c, const struct join_fields *f)
{
    const struct sig_room *room = sig_rooms_find(c->front->rooms, f->room);
    if (c->front->config->auth.dev || c->via)
        return strcmp(f->role, "host") == 0;
    return sig_token_is_for(&c->token, f->room) && /* not of another room, from which he is called */
           !sig_token_may(&c->token, room, SIG_MAY_MODERATE);
}

static const struct sig_error *take_seat(struct sig_client *c, const struct join_fields *f,
                                         bool is_admitted, joined_fn *joined, struct ws_pending *p)
{
    const struct sig_join join = {
        .kind = SIG_KIND_WS,
        .room_id = f->room,
        .room_type = sig_calls_room_type(c->front->calls, f->room),
        .user = f->user,
        .name = f->name,
        .role = f->role,
        .claims = sig_claims_of(&c->token, c->front->config->auth.dev && !c->via),
        .password = f->password,
        .is_by_host = is_by_host(c, f),
        .is_admitted = is_admitted,
        .client = c,
        .joined = joined,
        .arg = p,
    };
    return sig_rooms_join(c->front->rooms, &join);
}

/* --- the lobby -------------------------------------------------------------------------------- */

struct ws_waiting {
    struct sig_client *client; /* referenced */
    struct sig_waiting *entry;
    struct join_fields fields;
};

static void free_waiting(struct ws_waiting *w)
{
    w->client->waiting = NULL;
    sig_client_unref(w->client);
    free(w);
}

void sig_client_stop_waiting(struct sig_client *c)
{
    struct ws_waiting *w = c->waiting;
    if (!w)
        return;
    sig_lobby_cancel(w->entry);
    free_waiting(w);
}

static void tell_ended(struct sig_client *c, const char *room, const char *reason)
{
    json_t *event = json_pack("{s:s, s:s, s:{s:s, s:s}}", "type", "rtc", "action", "ended", "data",
                              "roomId", room, "reason", reason);
    sig_client_send(c, event);
    json_decref(event);
}

/* `admitted` carries what the answer to `join` would have. */
static void on_admitted(void *arg, struct sig_member *m, const struct sig_error *error)
{
    struct ws_pending *p = arg;
    struct sig_client *c = p->client;
    c->is_joining = false;
    if (m && c->is_gone) {
        sig_member_leave(m, "lost");
    } else if (m) {
        take_member(c, m);
        json_t *event = json_pack("{s:s, s:s, s:o}", "type", "rtc", "action", "admitted", "data",
                                  join_data(c, m));
        sig_client_send(c, event);
        json_decref(event);
    } else {
        const char *room = json_string_value(p->id);
        tell_ended(c, room ? room : "", error->code);
    }
    ws_pending_free(p);
}

static void let_in(struct sig_client *c, const struct join_fields *f)
{
    json_t *room = json_string(f->room); /* kept where a request keeps its id: this one has none */
    const struct ws_request q = {.client = c, .action = "join", .id = room};
    struct ws_pending *p = ws_pending_create(&q, NULL);
    json_decref(room);
    const struct sig_error *error = p ? take_seat(c, f, true, on_admitted, p) : sig_error("too_busy");
    if (!error) {
        c->is_joining = true;
        return;
    }
    tell_ended(c, f->room, error->code);
    if (p)
        ws_pending_free(p);
}

static void on_decided(void *arg, const char *reason)
{
    struct ws_waiting *w = arg;
    struct sig_client *c = sig_client_ref(w->client);
    const struct join_fields f = w->fields;
    free_waiting(w);
    if (reason)
        tell_ended(c, f.room, reason);
    else
        let_in(c, &f);
    sig_client_unref(c);
}

static const struct sig_error *wait_in_lobby(const struct ws_request *q,
                                             const struct join_fields *f)
{
    struct sig_client *c = q->client;
    struct sig_room *room = sig_rooms_find(c->front->rooms, f->room);
    struct ws_waiting *w = room ? calloc(1, sizeof(*w)) : NULL;
    if (!w)
        return sig_error("too_busy");
    w->client = sig_client_ref(c);
    w->fields = *f;
    w->fields.password[0] = '\0'; /* it was right, and is not asked for again */
    const struct sig_error *error =
        sig_lobby_wait(&w->entry, room, f->user, f->name, on_decided, w);
    if (error) {
        free_waiting(w);
        return error;
    }
    c->waiting = w;
    snprintf(w->fields.user, sizeof(w->fields.user), "%s", w->entry->user);
    ws_answer(c, q->action, q->id,
              json_pack("{s:s, s:s, s:b}", "roomId", f->room, "userId", w->entry->user, "waiting",
                        1),
              NULL, NULL);
    return NULL;
}

/* --- join, resume, leave ---------------------------------------------------------------------- */

const struct sig_error *ws_on_join(const struct ws_request *q)
{
    struct sig_client *c = q->client;
    struct join_fields f = {0};
    if (c->member || c->is_joining || c->waiting)
        return sig_error("already_joined");
    const struct sig_error *error = read_join(&f, q);
    if (error)
        return error;
    struct ws_pending *p = ws_pending_create(q, NULL);
    if (!p)
        return sig_error("too_busy");
    error = take_seat(c, &f, false, on_joined, p);
    if (!error) {
        c->is_joining = true;
        return NULL;
    }
    ws_pending_free(p);
    return strcmp(error->code, "lobby") == 0 ? wait_in_lobby(q, &f) : error;
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

const struct sig_error *ws_on_resume(const struct ws_request *q)
{
    struct sig_client *c = q->client;
    char resume[SIG_ID_SIZE];
    if (c->member || c->is_joining || c->waiting)
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

const struct sig_error *ws_on_leave(const struct ws_request *q)
{
    struct sig_member *m = q->client->member;
    if (!m && !q->client->waiting)
        return sig_error("not_joined");
    if (!m) {
        sig_client_stop_waiting(q->client);
        ws_answer(q->client, q->action, q->id, NULL, NULL, NULL);
        return NULL;
    }
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
