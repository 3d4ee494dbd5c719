/* WebSocket requests of type `message`: text to a user or to the room. Front thread. */
#include <string.h>

#include "signaling/chat.h"
#include "signaling/rights.h"
#include "signaling/ws_internal.h"

static const struct sig_error *send_to_room(const struct ws_request *q, const char *content)
{
    json_t *answer = NULL;
    struct sig_member *me = q->client->member;
    char room[65] = "";
    if (!me)
        return sig_error("not_joined");
    if (mcu_json_string(q->data, "roomId", MCU_JSON_OPTIONAL, 1, room, sizeof(room)))
        return sig_error("bad_request");
    if (room[0] && strcmp(room, me->room->id) != 0)
        return sig_error("not_joined");
    const struct sig_error *error = sig_may(me, SIG_MAY_CHAT);
    if (!error)
        error = sig_chat_to_room(q->client->front->chat, me, content, &answer);
    if (!error)
        ws_reply(q, answer);
    return error;
}

static const struct sig_error *on_send(const struct ws_request *q)
{
    const char *content = NULL;
    char to[SIG_USER_SIZE] = "";
    json_t *answer = NULL;
    struct sig_device *d = NULL;
    if (mcu_json_view(q->data, "content", MCU_JSON_REQUIRED, SIG_CHAT_BYTES_MAX, &content, NULL) ||
        !content[0] || ws_read_user(q->data, "targetUser", MCU_JSON_OPTIONAL, to) ||
        (to[0] && json_object_get(q->data, "roomId")))
        return sig_error("bad_request");
    if (!to[0])
        return send_to_room(q, content);
    const struct sig_error *error = ws_need_device(q, &d);
    if (!error)
        error = sig_chat_to_user(q->client->front->chat, d, to, content, &answer);
    if (!error)
        ws_reply(q, answer);
    return error;
}

/* Of a room: who has a seat there, or a token for it. */
static bool may_read(const struct sig_client *c, const char *room)
{
    if (c->member && strcmp(c->member->room->id, room) == 0)
        return true;
    return !c->front->config->auth.dev && sig_token_is_for(&c->token, room);
}

static const struct sig_error *on_history(const struct ws_request *q)
{
    struct sig_client *c = q->client;
    char peer[SIG_USER_SIZE] = "";
    char room[65] = "";
    int64_t limit = SIG_CHAT_PAGE;
    json_t *answer = NULL;
    struct sig_store_talk which = {.user = c->user};
    if (ws_read_user(q->data, "targetUser", MCU_JSON_OPTIONAL, peer) ||
        mcu_json_string(q->data, "roomId", MCU_JSON_OPTIONAL, 1, room, sizeof(room)) ||
        mcu_json_int(q->data, "before", MCU_JSON_OPTIONAL, 1, INT64_MAX, &which.before) ||
        mcu_json_int(q->data, "after", MCU_JSON_OPTIONAL, 0, INT64_MAX, &which.after) ||
        mcu_json_int(q->data, "limit", MCU_JSON_OPTIONAL, 1, SIG_CHAT_PAGE_MAX, &limit) ||
        !peer[0] == !room[0])
        return sig_error("bad_request");
    if (!c->user[0])
        return sig_error("not_online");
    if (room[0] && !may_read(c, room))
        return sig_error("forbidden");
    which.peer = peer[0] ? peer : NULL;
    which.room_id = room[0] ? room : NULL;
    which.limit = (uint32_t)limit;
    const struct sig_error *error = sig_chat_history(c->front->chat, &which, &answer);
    if (!error)
        ws_reply(q, answer);
    return error;
}

const struct ws_row ws_message_rows[] = {
    {"send", on_send},
    {"history", on_history},
    {NULL, NULL},
};
