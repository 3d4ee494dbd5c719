/* WebSocket requests about the seat: taking it, taking it again, giving it up. Front thread. */
#include <stdio.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "signaling/room_picture.h"
#include "signaling/turn.h"
#include "signaling/watch.h"
#include "signaling/ws_internal.h"

enum { NAME_CHARS_MAX = 64, USER_CHARS_MAX = 64 };

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
                             "resume", m->resume, "members", sig_room_members_json(m->room, false),
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
static const struct sig_error *choose_role(char role[16], const struct sig_token *token,
                                           const json_t *data, bool is_dev)
{
    snprintf(role, 16, "%s", is_dev ? "publisher" : token->role);
    if (mcu_json_string(data, "role", MCU_JSON_OPTIONAL, 1, role, 16) || !sig_role_is_valid(role))
        return sig_error("bad_request");
    return sig_role_rank(role) > sig_role_rank(token->role) ? sig_error("forbidden") : NULL;
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

const struct sig_error *ws_on_join(const struct ws_request *q)
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

const struct sig_error *ws_on_resume(const struct ws_request *q)
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

const struct sig_error *ws_on_leave(const struct ws_request *q)
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
