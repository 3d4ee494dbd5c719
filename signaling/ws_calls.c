/* WebSocket requests about calls, and what calls ask of rooms. Front thread. */
#include <stdio.h>
#include <string.h>

#include "signaling/hooks.h"
#include "signaling/rights.h"
#include "signaling/ws_internal.h"

/* --- starting --------------------------------------------------------------------------------- */

struct call_fields {
    char call[SIG_ID_SIZE];
    char type[16];
    char media[8];
    char room[65];
    char role[16];
    json_t *users; /* owned */
};

/* `targetUser`, or `targetUsers`. */
static bool read_targets(json_t **out, const json_t *data)
{
    char user[SIG_USER_SIZE] = "";
    json_t *list = NULL;
    if (ws_read_user(data, "targetUser", MCU_JSON_OPTIONAL, user) ||
        mcu_json_array(data, "targetUsers", MCU_JSON_OPTIONAL, SIG_CALL_TARGETS_MAX, &list) ||
        !user[0] == !list)
        return false;
    json_t *users = json_array();
    if (user[0])
        json_array_append_new(users, json_string(user));
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *one = json_pack("{s:O}", "user", json_array_get(list, i));
        if (ws_read_user(one, "user", MCU_JSON_REQUIRED, user) == 0)
            json_array_append_new(users, json_string(user));
        json_decref(one);
    }
    *out = users;
    return json_array_size(users) == (list ? json_array_size(list) : 1) &&
           json_array_size(users) > 0;
}

static bool is_one_of(const char *word, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(word, words[i]) == 0)
            return true;
    }
    return false;
}

static const struct sig_error *read_call(struct call_fields *f, const json_t *data)
{
    static const char *const types[] = {"", "p2p", "1v1", "mcu", "broadcast"};
    static const char *const media[] = {"audio", "video"};
    snprintf(f->media, sizeof(f->media), "video");
    if (!read_targets(&f->users, data) ||
        mcu_json_string(data, "callId", MCU_JSON_OPTIONAL, 1, f->call, sizeof(f->call)) ||
        mcu_json_string(data, "roomType", MCU_JSON_OPTIONAL, 1, f->type, sizeof(f->type)) ||
        mcu_json_string(data, "media", MCU_JSON_OPTIONAL, 1, f->media, sizeof(f->media)) ||
        mcu_json_string(data, "roomId", MCU_JSON_OPTIONAL, 1, f->room, sizeof(f->room)) ||
        mcu_json_string(data, "role", MCU_JSON_OPTIONAL, 1, f->role, sizeof(f->role)) ||
        !is_one_of(f->type, types, 5) || !is_one_of(f->media, media, 2) ||
        (f->room[0] && !sig_room_id_is_valid(f->room)) ||
        (f->role[0] && !sig_role_is_valid(f->role)))
        return sig_error("bad_request");
    return NULL;
}

static struct sig_member *find_seat(struct sig_front *front, const char *room_id, const char *user)
{
    struct sig_room *room = sig_rooms_find(front->rooms, room_id);
    return room && user[0] ? sig_room_find_user(room, user) : NULL;
}

/* Nobody gives more than he has. What was not said becomes what he has, where that is less than
 * the usual. */
static const struct sig_error *check_role(struct call_fields *f, const char *own)
{
    if (sig_role_rank(f->role) > sig_role_rank(own))
        return sig_error("forbidden");
    if (!f->role[0] && sig_role_rank(own) < sig_role_rank("publisher"))
        snprintf(f->role, sizeof(f->role), "%s", own);
    return NULL;
}

static const struct sig_error *check_seat(struct call_fields *f, const struct sig_member *me)
{
    const bool is_stage =
        strcmp(me->room->type, "broadcast") == 0 && sig_role_rank(f->role) > sig_role_rank("subscriber");
    const struct sig_error *error = sig_may(me, is_stage ? SIG_MAY_MANAGE : SIG_MAY_INVITE);
    return error ? error : check_role(f, me->role);
}

/* Into his call, whose room he has not joined yet, with the part that the call gives him. */
static const struct sig_error *check_part(const struct sig_client *c, struct call_fields *f,
                                          const char *room, const char *own)
{
    const char *type = sig_calls_room_type(c->front->calls, room);
    const bool is_stage =
        type && strcmp(type, "broadcast") == 0 && sig_role_rank(f->role) > sig_role_rank("subscriber");
    const char *least = is_stage ? "host" : "publisher";
    return sig_role_rank(own) < sig_role_rank(least) ? sig_error("forbidden") : check_role(f, own);
}

/* His right is that of his seat in the room that he asks into, on whatever connection, and else of
 * his call. */
static const struct sig_error *check_invite(const struct sig_client *c, struct call_fields *f)
{
    const char *part = "";
    const char *room = sig_calls_into(c->front->calls, c->user, f->call, &part);
    const struct sig_member *me = room ? find_seat(c->front, room, c->user) : c->member;
    if (me)
        return check_seat(f, me);
    if (room)
        return check_part(c, f, room, part);
    return strcmp(f->role, "host") == 0 ? sig_error("forbidden") : NULL; /* no such call either */
}

/* Who calls others into a room must be let in there himself. */
static const struct sig_error *check_call(const struct sig_client *c, struct call_fields *f)
{
    const struct sig_room *room = sig_rooms_find(c->front->rooms, f->room);
    if (!f->room[0]) /* it gets one of its own */
        return strcmp(f->role, "host") == 0 ? sig_error("forbidden") : NULL;
    if (c->member && strcmp(c->member->room->id, f->room) == 0)
        return check_seat(f, c->member);
    if (!c->via && !sig_token_is_for(&c->token, f->room))
        return sig_error("forbidden");
    const struct sig_error *error = sig_token_may(&c->token, room, SIG_MAY_INVITE);
    return error ? error : check_role(f, c->token.role);
}

/* In a named room; not above what his token gives him. */
static const char *own_role(const struct sig_client *c)
{
    return sig_role_rank(c->token.role) < sig_role_rank("publisher") ? "subscriber" : NULL;
}

/* Clients that want no answers hear of who is busy as of any refusal. */
static void tell_busy(const struct ws_request *q, const json_t *answer)
{
    size_t i;
    const json_t *one;
    const bool ended = strcmp(json_string_value(json_object_get(answer, "state")), "busy") == 0;
    json_array_foreach(json_object_get(answer, "users"), i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "state")), "busy") == 0)
            sig_device_tell(q->client->device, "rtc", "reject",
                            json_pack("{s:O, s:O, s:s, s:b}", "callId",
                                      json_object_get(answer, "callId"), "userId",
                                      json_object_get(one, "userId"), "reason", "busy", "ended",
                                      ended));
    }
}

static const struct sig_error *start(const struct ws_request *q, bool is_invite)
{
    struct sig_client *c = q->client;
    struct call_fields f = {.users = NULL};
    struct sig_device *d = NULL;
    json_t *answer = NULL;
    const struct sig_error *error = read_call(&f, q->data);
    if (!error)
        error = ws_need_device(q, &d); /* in --dev it says who he is */
    if (!error)
        error = is_invite ? check_invite(c, &f) : check_call(c, &f);
    if (!error) {
        const struct sig_call_wish wish = {
            .call = f.call,
            .type = f.type,
            .media = f.media,
            .room = f.room,
            .seat = c->member ? c->member->room->id : "",
            .role = f.role,
            .own = own_role(c),
            .users = f.users,
        };
        error = is_invite ? sig_call_invite(c->front->calls, d, &wish, &answer)
                          : sig_call_start(c->front->calls, d, &wish, &answer);
    }
    json_decref(f.users);
    if (error)
        return error;
    if (!q->id)
        tell_busy(q, answer);
    ws_reply(q, answer);
    return NULL;
}

static const struct sig_error *on_call(const struct ws_request *q)
{
    return start(q, false);
}

static const struct sig_error *on_invite(const struct ws_request *q)
{
    return start(q, true);
}

/* --- what only names the call ----------------------------------------------------------------- */

static const struct sig_error *read_call_id(const struct ws_request *q, char call[SIG_ID_SIZE],
                                            struct sig_device **d)
{
    call[0] = '\0';
    if (mcu_json_string(q->data, "callId", MCU_JSON_OPTIONAL, 1, call, SIG_ID_SIZE))
        return sig_error("bad_request");
    return ws_need_device(q, d);
}

static const struct sig_error *on_ringing(const struct ws_request *q)
{
    char call[SIG_ID_SIZE];
    struct sig_device *d = NULL;
    const struct sig_error *error = read_call_id(q, call, &d);
    if (!error)
        error = sig_call_ringing(q->client->front->calls, d, call);
    if (!error)
        ws_reply(q, NULL);
    return error;
}

static const struct sig_error *on_accept(const struct ws_request *q)
{
    char call[SIG_ID_SIZE];
    struct sig_device *d = NULL;
    json_t *answer = NULL;
    const struct sig_error *error = read_call_id(q, call, &d);
    if (!error)
        error = sig_call_accept(q->client->front->calls, d, call, &answer);
    if (!error)
        ws_reply(q, answer);
    return error;
}

static const struct sig_error *on_reject(const struct ws_request *q)
{
    char call[SIG_ID_SIZE];
    char reason[4 * (SIG_CALL_REASON_SIZE - 1) + 1] = "";
    struct sig_device *d = NULL;
    if (mcu_json_text(q->data, "reason", MCU_JSON_OPTIONAL, 1, SIG_CALL_REASON_SIZE - 1, reason,
                      sizeof(reason)))
        return sig_error("bad_request");
    const struct sig_error *error = read_call_id(q, call, &d);
    if (!error)
        error = sig_call_reject(q->client->front->calls, d, call, reason);
    if (!error)
        ws_reply(q, NULL);
    return error;
}

static const struct sig_error *on_cancel(const struct ws_request *q)
{
    char call[SIG_ID_SIZE];
    char user[SIG_USER_SIZE] = "";
    struct sig_device *d = NULL;
    if (ws_read_user(q->data, "targetUser", MCU_JSON_OPTIONAL, user))
        return sig_error("bad_request");
    const struct sig_error *error = read_call_id(q, call, &d);
    if (!error)
        error = sig_call_cancel(q->client->front->calls, d, call, user);
    if (!error)
        ws_reply(q, NULL);
    return error;
}

static const struct sig_error *on_hangup(const struct ws_request *q)
{
    char call[SIG_ID_SIZE];
    struct sig_device *d = NULL;
    const struct sig_error *error = read_call_id(q, call, &d);
    if (!error)
        error = sig_call_hangup(q->client->front->calls, d, call);
    if (!error)
        ws_reply(q, NULL);
    return error;
}

/* --- passing on ------------------------------------------------------------------------------- */

bool ws_is_of_call(const struct ws_request *q)
{
    const struct sig_client *c = q->client;
    if (json_object_get(q->data, "callId") || json_object_get(q->data, "targetUser"))
        return true;
    return !c->member && c->device && sig_calls_is_p2p(c->front->calls, c->user);
}

const struct sig_error *ws_on_relay(const struct ws_request *q)
{
    char call[SIG_ID_SIZE];
    struct sig_device *d = NULL;
    const struct sig_error *error = read_call_id(q, call, &d);
    if (!error)
        error = sig_call_relay(q->client->front->calls, d, call, q->action, q->data);
    if (!error)
        ws_reply(q, NULL);
    return error;
}

/* Without a description it is the word for picking up. */
static const struct sig_error *on_answer(const struct ws_request *q)
{
    const bool is_sdp = json_object_get(q->data, "sdp") || json_object_get(q->data, "messageData");
    return is_sdp ? ws_on_relay(q) : on_accept(q);
}

const struct ws_row ws_call_rows[] = {
    {"call", on_call},
    {"invite", on_invite},
    {"ringing", on_ringing},
    {"accept", on_accept},
    {"reject", on_reject},
    {"cancel", on_cancel},
    {"hangup", on_hangup},
    {"answer", on_answer},
    /* names that clients of other servers have */
    {"start_call", on_call},
    {"receive_call", on_accept},
    {"reject_call", on_reject},
    {NULL, NULL},
};

/* --- rooms of calls --------------------------------------------------------------------------- */

static bool has_seat(void *ctx, const char *room, const char *user)
{
    return find_seat(ctx, room, user) != NULL;
}

static void unseat(void *ctx, const char *room, const char *user)
{
    struct sig_member *m = find_seat(ctx, room, user);
    if (m)
        sig_member_leave(m, "left");
}

static void close_room(void *ctx, const char *room_id)
{
    const struct sig_front *front = ctx;
    struct sig_room *room = sig_rooms_find(front->rooms, room_id);
    if (room)
        sig_room_close(room, "ended");
}

/* As `role` would: hosts' word. Who asked as anybody else has let him know of the meeting. */
static void ask_up(void *ctx, const char *room, const char *user, const char *role, const char *by)
{
    struct sig_member *m = find_seat(ctx, room, user);
    const struct sig_member *who = find_seat(ctx, room, by);
    const struct sig_change change = {.role = role, .by = by};
    if (m && who && !sig_may(who, SIG_MAY_MANAGE) && sig_role_rank(role) > sig_role_rank(m->role))
        sig_member_change(m, &change);
}

static void post_hook(void *ctx, const char *event, const char *room, json_t *data)
{
    const struct sig_front *front = ctx;
    sig_hooks_post(front->hooks, event, room, data);
}

void ws_calls_conf(struct sig_calls_conf *conf, struct sig_front *front)
{
    conf->ctx = front;
    conf->has_seat = has_seat;
    conf->unseat = unseat;
    conf->close_room = close_room;
    conf->ask_up = ask_up;
    conf->hook = post_hook;
}
