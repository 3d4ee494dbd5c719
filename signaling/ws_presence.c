/* WebSocket requests of type `state`: who is there. Front thread.
 *
 * A connection is somebody's by its token, in --dev by what it says. It is reached (calls,
 * messages, watchers) from its first `state online`, call or message on; one that only joins rooms
 * is not. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "signaling/ws_internal.h"

enum { USERS_MAX = 200 }; /* of one query or subscription */

int ws_read_user(const json_t *data, const char *key, enum mcu_json_presence presence,
                 char out[SIG_USER_SIZE])
{
    char text[4 * (SIG_USER_SIZE - 1) + 1] = "";
    const int err = mcu_json_text(data, key, presence, 1, SIG_USER_SIZE - 1, text, sizeof(text));
    if (err)
        return err;
    if (strlen(text) >= SIG_USER_SIZE)
        return -EINVAL;
    if (text[0])
        memcpy(out, text, strlen(text) + 1);
    return 0;
}

static const struct sig_error *sign_in(struct sig_client *c, const char *device, const char *name,
                                       bool *is_back)
{
    if (!c->user[0])
        return sig_error("not_online");
    return sig_users_sign_in(c->front->users, c, c->user, device, name[0] ? name : c->token.name,
                             &c->device, is_back);
}

const struct sig_error *ws_need_device(const struct ws_request *q, struct sig_device **out)
{
    bool is_back = false;
    const struct sig_error *error = q->client->device ? NULL : sign_in(q->client, "", "", &is_back);
    if (!error)
        *out = q->client->device;
    return error;
}

static const struct sig_error *on_online(const struct ws_request *q)
{
    struct sig_client *c = q->client;
    char user[SIG_USER_SIZE] = "";
    char device[SIG_DEVICE_SIZE] = "";
    char name[257] = "";
    bool is_back = false;
    if (ws_read_user(q->data, "userId", MCU_JSON_OPTIONAL, user) ||
        mcu_json_string(q->data, "device", MCU_JSON_OPTIONAL, 1, device, sizeof(device)) ||
        mcu_json_text(q->data, "name", MCU_JSON_OPTIONAL, 1, 64, name, sizeof(name)) ||
        mcu_json_bool(q->data, "dialect", MCU_JSON_OPTIONAL, &c->dialect.is_spoken))
        return sig_error("bad_request");
    if (device[0] && !sig_room_id_is_valid(device)) /* the same form */
        return sig_error("bad_request");
    if (user[0] && c->user[0] && strcmp(user, c->user) != 0)
        return sig_error("forbidden");
    if (!c->user[0])
        snprintf(c->user, sizeof(c->user), "%s", user);
    if (c->device && device[0] && strcmp(device, c->device->id) != 0)
        return sig_error("bad_request");
    const struct sig_error *error = sign_in(c, c->device ? c->device->id : device, name, &is_back);
    if (error)
        return error;
    ws_reply(q, json_pack("{s:s, s:s, s:s, s:b, s:o, s:o}", "userId", c->user, "device",
                          c->device->id, "state", "online", "resumed", is_back, "call",
                          sig_calls_json(c->front->calls, c->device), "iceServers",
                          ws_ice_servers(c->front->config, c->user)));
    return NULL;
}

void sig_client_replaced(struct sig_client *c)
{
    c->device = NULL;
    json_t *event = json_pack("{s:s, s:s, s:{s:s, s:s, s:s}}", "type", "state", "action", "offline",
                              "data", "userId", c->user, "state", "offline", "reason", "replaced");
    sig_client_send(c, event);
    json_decref(event);
}

static const struct sig_error *on_offline(const struct ws_request *q)
{
    struct sig_device *d = q->client->device;
    q->client->device = NULL;
    if (d)
        sig_device_sign_out(d);
    ws_reply(q, json_pack("{s:s}", "state", "offline"));
    return NULL;
}

static const struct sig_error *read_users(const json_t *data, json_t **out)
{
    if (mcu_json_array(data, "userIds", MCU_JSON_REQUIRED, USERS_MAX, out))
        return sig_error("bad_request");
    size_t i;
    const json_t *one;
    json_array_foreach(*out, i, one)
    {
        const size_t size = json_string_length(one);
        if (size == 0 || size >= SIG_USER_SIZE || strlen(json_string_value(one)) != size)
            return sig_error("bad_request");
    }
    return NULL;
}

static void reply_states(const struct ws_request *q, const json_t *users)
{
    json_t *list = json_array();
    size_t i;
    const json_t *one;
    json_array_foreach(users, i, one) json_array_append_new(
        list, sig_presence_json(q->client->front->users, json_string_value(one)));
    ws_reply(q, json_pack("{s:o}", "users", list));
}

static const struct sig_error *on_query(const struct ws_request *q)
{
    json_t *users = NULL;
    struct sig_device *d = NULL;
    const struct sig_error *error = ws_need_device(q, &d);
    if (!error)
        error = read_users(q->data, &users);
    if (!error)
        reply_states(q, users);
    return error;
}

static const struct sig_error *on_subscribe(const struct ws_request *q)
{
    json_t *users = NULL;
    struct sig_device *d = NULL;
    bool active = true;
    const struct sig_error *error = ws_need_device(q, &d);
    if (!error)
        error = read_users(q->data, &users);
    if (!error && mcu_json_bool(q->data, "active", MCU_JSON_OPTIONAL, &active))
        error = sig_error("bad_request");
    for (size_t i = 0; !error && i < json_array_size(users); i++)
        error = sig_device_watch(d, json_string_value(json_array_get(users, i)), active);
    if (!error)
        reply_states(q, users);
    return error;
}

const struct ws_row ws_state_rows[] = {
    {"online", on_online}, {"offline", on_offline},
    {"query", on_query},   {"subscribe", on_subscribe},
    {NULL, NULL},
};
