/* REST: one member of a room: seen, changed, sent away. Front thread.
 *
 * Hosts and admins may change everybody, others themselves where it concerns nobody else. Nobody
 * is unmuted but by himself. */
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/control_audio.h"
#include "mcu/control_picture.h"
#include "signaling/api.h"
#include "signaling/http_handlers.h"

static struct sig_member *member_of(struct sig_http *req, struct sig_token *token)
{
    const struct sig_room *room = sig_api_room(req, token);
    if (!room)
        return NULL;
    struct sig_member *m = sig_room_find_user(room, sig_http_param(req, 1));
    if (!m)
        sig_http_error(req, sig_error("no_such_member"), NULL);
    return m;
}

static bool is_host(const struct sig_token *token, const struct sig_member *m)
{
    return !sig_token_may(token, m->room, SIG_MAY_MODERATE);
}

static bool is_self(const struct sig_token *token, const struct sig_member *m)
{
    return token->sub[0] && strcmp(token->sub, m->user) == 0;
}

void sig_api_member_get(struct sig_http *req)
{
    struct sig_token token;
    const struct sig_member *m = member_of(req, &token);
    if (!m)
        return;
    const bool is_whole = is_host(&token, m) || is_self(&token, m);
    sig_http_json(req, 200, is_whole ? sig_member_whole_json(m) : sig_member_json(m));
}

void sig_api_member_remove(struct sig_http *req)
{
    struct sig_token token;
    struct sig_member *m = member_of(req, &token);
    if (!m)
        return;
    if (!is_host(&token, m) && !is_self(&token, m)) {
        sig_http_error(req, sig_error("forbidden"), NULL);
        return;
    }
    const char *keep_out = sig_http_arg(req, "keepOut");
    if (keep_out[0] && strcmp(keep_out, "true") != 0 && strcmp(keep_out, "false") != 0) {
        sig_http_error(req, sig_error("bad_request"), "keepOut: must be true or false");
        return;
    }
    if (is_self(&token, m))
        sig_member_leave(m, "left");
    else
        sig_member_kick(m, token.sub, strcmp(keep_out, "false") != 0);
    sig_http_reply(req, 204, NULL, NULL, 0);
}

/* --- PATCH ------------------------------------------------------------------------------------ */

struct patch {
    bool has_audio, has_video, audio, video;
    bool has_pin, has_hand, hand;
    uint32_t pin;
    char role[16]; /* "": as it is */
    json_t *sound;
};

/* {"pin": seat or null, "hand", "role"} */
static const char *read_standing(struct patch *p, json_t *body)
{
    int64_t pin = 0;
    p->has_pin = json_object_get(body, "pin") != NULL;
    p->has_hand = json_object_get(body, "hand") != NULL;
    if (mcu_json_int(body, "pin", MCU_JSON_OPTIONAL, 1, MCU_PIN_MAX, &pin))
        return "pin: must be a whole number of 1 to 100, or null";
    if (p->has_hand && mcu_json_bool(body, "hand", MCU_JSON_REQUIRED, &p->hand))
        return "hand: must be true or false";
    if (mcu_json_string(body, "role", MCU_JSON_OPTIONAL, 1, p->role, sizeof(p->role)) ||
        (p->role[0] && !sig_role_is_valid(p->role)))
        return "role: must be host, publisher or subscriber";
    p->pin = (uint32_t)pin;
    json_object_del(body, "role");
    json_object_del(body, "pin");
    json_object_del(body, "hand");
    return NULL;
}

static const struct sig_error *read_muted(struct patch *p, json_t *body)
{
    json_t *muted = NULL;
    if (mcu_json_object(body, "muted", MCU_JSON_OPTIONAL, &muted))
        return sig_error("bad_request");
    if (!muted)
        return NULL;
    p->has_audio = json_object_get(muted, "audio") != NULL;
    p->has_video = json_object_get(muted, "video") != NULL;
    if (json_object_size(muted) != (size_t)p->has_audio + (size_t)p->has_video ||
        mcu_json_bool(muted, "audio", MCU_JSON_OPTIONAL, &p->audio) ||
        mcu_json_bool(muted, "video", MCU_JSON_OPTIONAL, &p->video))
        return sig_error("bad_request");
    return NULL;
}

/* The body without the rest is the patch of the sound. */
static const struct sig_error *read_patch(struct patch *p, json_t *body, char *why)
{
    const struct sig_error *error = read_muted(p, body);
    if (error) {
        strcpy(why, "muted: must be {audio, video}, each true or false");
        return error;
    }
    json_object_del(body, "muted");
    const char *refusal = read_standing(p, body);
    if (refusal) {
        snprintf(why, MCU_WHY_MAX, "%s", refusal);
        return sig_error("bad_request");
    }
    p->sound = body;
    return mcu_audio_check(body, why) == 0 ? NULL : sig_error("bad_request");
}

/* Hosts mute others and lower their hands, and only they themselves unmute. */
static bool unmutes_other(const struct patch *p, const struct sig_token *token,
                          const struct sig_member *m)
{
    return !is_self(token, m) && ((p->has_audio && !p->audio) || (p->has_video && !p->video));
}

static bool may_patch(const struct patch *p, const struct sig_token *token,
                      const struct sig_member *m)
{
    static const char *const hosts_only[] = {"volume", "pan"};
    const bool is_own = is_self(token, m);
    const bool is_by_host = is_host(token, m);
    if (!is_own && (!is_by_host || (p->has_hand && p->hand)))
        return false;
    if (p->has_pin && sig_token_may(token, m->room, SIG_MAY_LAYOUT))
        return false;
    if (p->role[0] && sig_token_may(token, m->room, SIG_MAY_MANAGE))
        return false;
    for (size_t i = 0; !is_by_host && i < sizeof(hosts_only) / sizeof(*hosts_only);
         i++) {
        if (json_object_get(p->sound, hosts_only[i]))
            return false;
    }
    return true;
}

static void on_changed(void *arg, struct sig_member *m, const struct sig_error *error)
{
    struct sig_http *req = arg;
    if (error)
        sig_http_error(req, error, NULL);
    else
        sig_http_json(req, 200, sig_member_whole_json(m));
    sig_http_unref(req);
}

static const struct sig_error *change(struct sig_http *req, struct sig_member *m,
                                      const struct patch *p, const char *by)
{
    const struct sig_change c = {.audio = p->has_audio ? &p->audio : NULL,
                                 .video = p->has_video ? &p->video : NULL,
                                 .sound = p->sound,
                                 .pin = p->has_pin ? &p->pin : NULL,
                                 .hand = p->has_hand ? &p->hand : NULL,
                                 .role = p->role[0] ? p->role : NULL,
                                 .by = by,
                                 .done = on_changed,
                                 .arg = sig_http_ref(req)};
    const struct sig_error *error = sig_member_change(m, &c);
    if (error)
        sig_http_unref(req);
    return error;
}

void sig_api_member_patch(struct sig_http *req)
{
    struct sig_token token;
    char why[MCU_WHY_MAX] = "";
    struct patch p = {0};
    struct sig_member *m = member_of(req, &token);
    json_t *body = m ? sig_api_body(req) : NULL;
    if (!body)
        return;
    const struct sig_error *error = read_patch(&p, body, why);
    if (!error && !may_patch(&p, &token, m))
        error = sig_error("forbidden");
    if (!error && unmutes_other(&p, &token, m)) {
        error = sig_error("forbidden");
        snprintf(why, sizeof(why), "muted: nobody is unmuted by others");
    }
    if (!error && p.role[0])
        error = sig_member_may_become(m, p.role);
    if (!error)
        error = change(req, m, &p, token.sub);
    if (error)
        sig_http_error(req, error, why[0] ? why : NULL);
    json_decref(body);
}
