/* REST: changing a room: its picture, which its process has to agree to, and its rules
 * (signaling/rules.h), which are the front's. Front thread. */
#include <stdio.h>
#include <string.h>

#include "mcu/control_picture.h"
#include "signaling/api.h"
#include "signaling/http_handlers.h"
#include "signaling/room_picture.h"

/* Both are checked before either is changed, and the rules follow when the picture is agreed to. */
struct patch {
    struct sig_http *req; /* referenced */
    json_t *rules;
    char by[129];
};

static void free_patch(struct patch *p)
{
    sig_http_unref(p->req);
    json_decref(p->rules);
    free(p);
}

static void on_changed(void *arg, const struct sig_error *error)
{
    struct patch *p = arg;
    struct sig_http *req = p->req;
    struct sig_room *room = sig_rooms_find(req->front->rooms, sig_http_param(req, 0));
    if (!error && !room)
        error = sig_error("no_such_room");
    if (!error && json_object_size(p->rules))
        sig_rules_apply(room, p->rules, p->by);
    if (error)
        sig_http_error(req, error, NULL);
    else
        sig_api_reply_room(req, 200, room, true);
    free_patch(p);
}

static const struct sig_error *check(json_t *picture, const json_t *rules, char *why)
{
    if (json_object_size(picture) + json_object_size(rules) == 0)
        snprintf(why, MCU_WHY_MAX, "nothing is named in it");
    else if (sig_rules_check(rules, why) == 0 &&
             (!json_object_size(picture) || mcu_picture_check(picture, why) == 0))
        return NULL;
    return sig_error("bad_request");
}

static const struct sig_error *check_rights(const struct sig_token *token,
                                            const struct sig_room *room, const json_t *picture,
                                            const json_t *rules)
{
    const struct sig_error *error = NULL;
    if (json_object_size(picture))
        error = sig_token_may(token, room, SIG_MAY_LAYOUT);
    if (!error && json_object_size(rules))
        error = sig_token_may(token, room, SIG_MAY_MANAGE);
    return error;
}

static const struct sig_error *change(struct sig_http *req, struct sig_room *room, json_t *picture,
                                      json_t *rules, const char *by)
{
    struct patch *p = calloc(1, sizeof(*p));
    if (!p)
        return sig_error("too_busy");
    p->req = sig_http_ref(req);
    p->rules = json_incref(rules);
    snprintf(p->by, sizeof(p->by), "%s", by);
    if (!json_object_size(picture)) {
        on_changed(p, NULL);
        return NULL;
    }
    const struct sig_error *error = sig_room_change_picture(room, picture, by, on_changed, p);
    if (error)
        free_patch(p);
    return error;
}

void sig_api_room_patch(struct sig_http *req)
{
    struct sig_token token;
    char why[MCU_WHY_MAX] = "";
    struct sig_room *room = sig_api_room(req, &token);
    if (!room || !sig_api_matches(req, room))
        return;
    json_t *picture = sig_api_body(req);
    if (!picture)
        return;
    json_t *rules = sig_rules_split(picture);
    const struct sig_error *error = check_rights(&token, room, picture, rules);
    if (!error)
        error = check(picture, rules, why);
    if (!error)
        error = change(req, room, picture, rules, token.sub);
    if (error)
        sig_http_error(req, error, why[0] ? why : NULL);
    json_decref(picture);
    json_decref(rules);
}
