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
#include "signaling/trunk.h"
#include "signaling/ws.h"
#include "signaling/watch.h"
#include "signaling/ws_internal.h"

/* --- answering -------------------------------------------------------------------------------- */

static void answer_as(struct sig_client *c, const char *type, const char *action, const json_t *id,
                      json_t *data, const struct sig_error *error, const char *detail)
{
    json_t *message = json_pack("{s:s, s:s, s:O*, s:b}", "type", type, "action", action, "id", id,
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
static void refuse_as(struct sig_client *c, const char *type, const char *action, const json_t *id,
                      const struct sig_error *error, const char *detail)
{
    if (id) {
        answer_as(c, type, action, id, NULL, error, detail);
        return;
    }
    json_t *data = sig_error_json(error, detail);
    if (action)
        json_object_set_new(data, "of", json_string(action));
    json_t *event = json_pack("{s:s, s:s, s:o}", "type", type, "action", "error", "data", data);
    sig_client_send(c, event);
    json_decref(event);
}

void ws_answer(struct sig_client *c, const char *action, const json_t *id, json_t *data,
               const struct sig_error *error, const char *detail)
{
    answer_as(c, "rtc", action, id, data, error, detail);
}

void ws_refuse(struct sig_client *c, const char *action, const json_t *id,
               const struct sig_error *error, const char *detail)
{
    refuse_as(c, "rtc", action, id, error, detail);
}

void ws_reply(const struct ws_request *q, json_t *data)
{
    answer_as(q->client, q->type, q->action, q->id, data, NULL, NULL);
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
    if (ws_is_of_call(q))
        return ws_on_relay(q);
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
    if (ws_is_of_call(q))
        return ws_on_relay(q);
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
    return json_pack("{s:s, s:I, s:b}", "id", r->id, "startedAt", (json_int_t)r->started_at_ms,
                     "paused", r->is_paused);
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

/* {active: true} of one that runs: paused or not, as was said; else as it is. */
static const struct sig_error *keep_recording(const struct ws_request *q, struct sig_recording *r)
{
    bool is_paused = r->is_paused;
    if (mcu_json_bool(q->data, "paused", MCU_JSON_OPTIONAL, &is_paused))
        return sig_error("bad_request");
    sig_recording_pause(r, is_paused);
    ws_answer(q->client, q->action, q->id, record_data(r), NULL, NULL);
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
    if (running && !running->is_starting)
        return keep_recording(q, running);
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

static const struct ws_row actions[] = {
    {"join", ws_on_join},
    {"resume", ws_on_resume},
    {"leave", ws_on_leave},
    {"offer", on_offer},
    {"restart", on_offer},
    {"candidate", on_candidate},
    {"record", on_record},
    {"live", ws_on_live},
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
    {"role", ws_on_role},
    {"kick", ws_on_kick},
    {"room", ws_on_room},
    {"lock", ws_on_lock},
    {"end", ws_on_end},
    {"waiting", ws_on_waiting},
    {"admit", ws_on_admit},
    {"refuse", ws_on_refuse},
    {NULL, NULL},
};

static const struct ws_row *find_row(const struct ws_row *rows, const char *name)
{
    while (rows->name && strcmp(rows->name, name) != 0)
        rows++;
    return rows->name ? rows : NULL;
}

/* NULL: there is no such action. */
static const struct ws_row *find_action(const char *type, const char *name)
{
    if (strcmp(type, "message") == 0)
        return find_row(ws_message_rows, name);
    if (strcmp(type, "state") == 0)
        return find_row(ws_state_rows, name);
    const struct ws_row *row = find_row(actions, name);
    return row ? row : find_row(ws_call_rows, name);
}

static void dispatch(const struct ws_request *q)
{
    const struct ws_row *row = find_action(q->type, q->action);
    const struct sig_error *error = row ? row->handle(q) : sig_error("unknown_action");
    if (error)
        refuse_as(q->client, q->type, q->action, q->id, error, NULL);
}

static bool type_is_known(const char *type)
{
    return strcmp(type, "rtc") == 0 || strcmp(type, "message") == 0 || strcmp(type, "state") == 0;
}

static bool id_is_fit(const json_t *id)
{
    return !id || json_is_integer(id) ||
           (json_is_string(id) && json_string_length(id) <= SIG_WS_ID_MAX);
}

static void refuse_message(struct sig_client *c, const char *action, const json_t *id)
{
    sig_client_fault(c);
    ws_refuse(c, action, id, sig_error("bad_message"), NULL);
}

static void read_request(struct sig_client *c, const json_t *message)
{
    char type[16] = "";
    char action[32] = "";
    json_t *data = NULL;
    const json_t *id = json_object_get(message, "id");
    if (!id_is_fit(id) ||
        mcu_json_string(message, "type", MCU_JSON_REQUIRED, 1, type, sizeof(type)) ||
        mcu_json_string(message, "action", MCU_JSON_REQUIRED, 1, action, sizeof(action)) ||
        mcu_json_object(message, "data", MCU_JSON_OPTIONAL, &data) || !type_is_known(type)) {
        refuse_message(c, action[0] ? action : "error", id_is_fit(id) ? id : NULL);
        return;
    }
    json_t *empty = json_object();
    const struct ws_request q = {.client = c,
                                 .type = type,
                                 .action = action,
                                 .id = id,
                                 .data = data ? data : empty};
    c->faults = 0;
    dispatch(&q);
    json_decref(empty);
}

/* In the dialect everybody says who he is with each message. */
static void read_dialect(struct sig_client *c, const json_t *message)
{
    char from[SIG_USER_SIZE];
    json_t *ours = NULL;
    struct sig_dialect as_asked = c->dialect;
    if (sig_dialect_in(&as_asked, message, &ours, from) != 0) {
        refuse_message(c, NULL, NULL);
        return;
    }
    if (!c->user[0] && c->front->config->auth.dev)
        snprintf(c->user, sizeof(c->user), "%s", from);
    c->dialect = as_asked;
    if (strcmp(from, c->user) == 0)
        read_request(c, ours);
    else
        ws_refuse(c, NULL, NULL, sig_error("forbidden"), NULL);
    json_decref(ours);
}

/* Text and presence have no words in the dialect: they do not change how calls are told. */
static bool is_about_calls(const json_t *message)
{
    const char *type = json_string_value(json_object_get(message, "type"));
    const char *action = json_string_value(json_object_get(message, "action"));
    return type && action && strcmp(type, "rtc") == 0 && find_row(ws_call_rows, action);
}

void sig_client_request(struct sig_client *c, json_t *message)
{
    if (sig_dialect_is(message)) {
        read_dialect(c, message);
        return;
    }
    if (is_about_calls(message))
        c->dialect.is_spoken = false; /* it is answered as it asks */
    read_request(c, message);
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
        refuse_message(c, NULL, NULL);
        return;
    }
    if (c->trunk)
        sig_trunk_take(c->trunk, message);
    else
        sig_client_take(c, message);
    json_decref(message);
}
