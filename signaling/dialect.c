/* The dialect; see dialect.h.
 *
 * What av_data has beside messageId and type is the data, as it is: the other side of a call may be
 * another version of the same app. Only where a description stands deeper (messageData) it is put
 * where we say it, too, so that both kinds of clients can call each other. */
#include "signaling/dialect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"
#include "signaling/ws.h" /* the bounds of messages */

enum { AV_BYTES_MAX = 192 * 1024, WORD_SIZE = 32 };

static const struct {
    const char *theirs;
    const char *ours;
} words[] = {
    /* both ways: the first of ours is what we say */
    {"start_call", "call"},
    {"receive_call", "accept"},
    {"reject_call", "reject"},
    {"hangup", "hangup"},
    {"cancel", "cancel"},
    {"ringing", "ringing"},
    {"offer", "offer"},
    {"answer", "answer"},
    {"candidate", "candidate"},
    {"restart", "restart"},
    {"error", "error"},
    {"missed", "missed"},
    /* only understood */
    {"call", "call"},
    {"accept", "accept"},
    {"reject", "reject"},
    {"invite", "invite"},
};

enum { WORDS = sizeof(words) / sizeof(*words) };

bool sig_dialect_is(const json_t *message)
{
    return json_is_integer(json_object_get(message, "type")) &&
           json_object_get(message, "av_data") != NULL;
}

/* --- in --------------------------------------------------------------------------------------- */

/* Of `sdp`: what messageData.sdp says that it is. */
static const char *sdp_kind(const json_t *av)
{
    const json_t *sdp = json_object_get(json_object_get(av, "messageData"), "sdp");
    const char *kind = json_string_value(json_object_get(sdp, "type"));
    return kind && (strcmp(kind, "offer") == 0 || strcmp(kind, "answer") == 0) ? kind : NULL;
}

static const char *find_action(const json_t *av, const char *type, const char *id)
{
    if (strcmp(id, "PEER_LEAVE") == 0)
        return "hangup";
    if (strcmp(type, "sdp") == 0)
        return sdp_kind(av);
    for (size_t i = 0; i < WORDS; i++) {
        if (strcmp(words[i].theirs, type) == 0)
            return words[i].ours;
    }
    return NULL;
}

/* messageData.sdp and messageData.candidate, where we have them. */
static void lift(json_t *data)
{
    const json_t *deep = json_object_get(data, "messageData");
    json_t *sdp = json_object_get(json_object_get(deep, "sdp"), "sdp");
    json_t *candidate = json_object_get(deep, "candidate");
    if (json_is_string(sdp) && !json_object_get(data, "sdp"))
        json_object_set(data, "sdp", sdp);
    if (json_is_string(candidate) && !json_object_get(data, "candidate"))
        json_object_set(data, "candidate", candidate);
    else if (json_is_object(candidate) && !json_object_get(data, "candidate"))
        json_object_update_missing(data, candidate);
}

static int read_av(const json_t *message, json_t **av)
{
    const char *text = NULL;
    size_t size = 0;
    if (mcu_json_view(message, "av_data", MCU_JSON_REQUIRED, AV_BYTES_MAX, &text, &size) ||
        !sig_json_depth_fits(text, size, SIG_WS_DEPTH_MAX - 2))
        return -EBADMSG;
    return mcu_json_parse(av, text, size);
}

/* Those that the message names itself cannot come from within. */
static json_t *make_data(const json_t *av, const char *to, const char *session)
{
    static const char *const reserved[] = {"type",       "messageId",   "userId",
                                           "targetUser", "targetUsers", "session_id"};
    json_t *data = json_copy((json_t *)av);
    for (size_t i = 0; data && i < sizeof(reserved) / sizeof(*reserved); i++)
        json_object_del(data, reserved[i]);
    lift(data);
    if (to[0])
        json_object_set_new(data, "targetUser", json_string(to));
    if (session[0])
        json_object_set_new(data, "session_id", json_string(session));
    return data;
}

int sig_dialect_in(struct sig_dialect *d, const json_t *message, json_t **out,
                   char from[SIG_USER_SIZE])
{
    struct sig_dialect next = {.is_spoken = true};
    char to[SIG_USER_SIZE] = "";
    char type[WORD_SIZE] = "";
    char id[WORD_SIZE] = "";
    char sender[SIG_USER_SIZE] = "";
    json_t *av = NULL;
    if (json_integer_value(json_object_get(message, "type")) != SIG_DIALECT_TYPE ||
        mcu_json_string(message, "send_id", MCU_JSON_REQUIRED, 1, sender, SIG_USER_SIZE) ||
        mcu_json_string(message, "receive_id", MCU_JSON_OPTIONAL, 0, to, sizeof(to)) ||
        mcu_json_string(message, "session_id", MCU_JSON_OPTIONAL, 0, next.session,
                        sizeof(next.session)))
        return -EBADMSG;
    const int err = read_av(message, &av);
    if (err)
        return err;
    const char *action = NULL;
    if (!mcu_json_string(av, "messageId", MCU_JSON_OPTIONAL, 0, id, sizeof(id)) &&
        !mcu_json_string(av, "type", MCU_JSON_OPTIONAL, 0, type, sizeof(type)))
        action = find_action(av, type, id);
    next.says_sdp = d->says_sdp || strcmp(type, "sdp") == 0;
    json_t *made = action ? json_pack("{s:s, s:s, s:o}", "type", "rtc", "action", action, "data",
                                      make_data(av, to, next.session))
                          : NULL;
    json_decref(av);
    if (!made)
        return action ? -ENOMEM : -EBADMSG;
    *d = next;
    memcpy(from, sender, SIG_USER_SIZE);
    *out = made;
    return 0;
}

/* --- out -------------------------------------------------------------------------------------- */

static const char *their_word(const char *action)
{
    for (size_t i = 0; i < WORDS; i++) {
        if (strcmp(words[i].ours, action) == 0)
            return words[i].theirs;
    }
    return NULL;
}

/* The deeper form, for clients that look only there. */
static void sink(json_t *av, const char *action)
{
    json_t *sdp = json_object_get(av, "sdp");
    json_t *candidate = json_object_get(av, "candidate");
    if (json_object_get(av, "messageData"))
        return;
    if (json_is_string(sdp))
        json_object_set_new(av, "messageData",
                            json_pack("{s:{s:s, s:O}}", "sdp", "type", action, "sdp", sdp));
    else if (json_is_string(candidate))
        json_object_set_new(av, "messageData",
                            json_pack("{s:{s:O, s:O*, s:O*}}", "candidate", "candidate", candidate,
                                      "sdpMid", json_object_get(av, "sdpMid"), "sdpMLineIndex",
                                      json_object_get(av, "sdpMLineIndex")));
}

static json_t *make_av(const struct sig_dialect *d, const char *action, const json_t *data)
{
    json_t *av = json_object();
    const bool is_end = strcmp(action, "hangup") == 0 || strcmp(action, "cancel") == 0;
    const bool is_sdp = strcmp(action, "offer") == 0 || strcmp(action, "answer") == 0;
    json_object_set_new(av, "messageId", json_string(is_end ? "PEER_LEAVE" : "PROXY"));
    json_object_set_new(av, "type",
                        json_string(is_sdp && d->says_sdp ? "sdp" : their_word(action)));
    json_object_update_missing(av, (json_t *)data);
    json_object_del(av, "session_id");
    sink(av, action);
    return av;
}

json_t *sig_dialect_out(const struct sig_dialect *d, const char *me, const json_t *message)
{
    const char *type = json_string_value(json_object_get(message, "type"));
    const char *action = json_string_value(json_object_get(message, "action"));
    const json_t *data = json_object_get(message, "data");
    if (!d->is_spoken || !type || strcmp(type, "rtc") != 0 || !action || !their_word(action) ||
        !data || json_object_get(message, "id"))
        return NULL;
    json_t *av = make_av(d, action, data);
    char *text = json_dumps(av, JSON_COMPACT);
    json_decref(av);
    const char *from = json_string_value(json_object_get(data, "userId"));
    const char *session = json_string_value(json_object_get(data, "session_id"));
    json_t *out = text ? json_pack("{s:i, s:s, s:s, s:s, s:s}", "type", SIG_DIALECT_TYPE, "send_id",
                                   from ? from : "", "receive_id", me, "session_id",
                                   session ? session : d->session, "av_data", text)
                       : NULL;
    free(text);
    return out;
}
