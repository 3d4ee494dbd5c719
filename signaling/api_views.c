/* REST: further pictures of a room. Front thread. */
#include <stdio.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/control_picture.h"
#include "signaling/admission.h"
#include "signaling/api.h"
#include "signaling/http_handlers.h"
#include "signaling/watch.h"

void sig_api_views(struct sig_http *req)
{
    struct sig_token token;
    const struct sig_room *room = sig_api_room(req, &token);
    if (room)
        sig_http_json(req, 200, json_pack("{s:o}", "views", sig_views_json(room)));
}

void sig_api_view_get(struct sig_http *req)
{
    struct sig_token token;
    const struct sig_room *room = sig_api_room(req, &token);
    json_t *view = room ? json_object_get(room->views, sig_http_param(req, 1)) : NULL;
    if (view)
        sig_http_json(req, 200, json_incref(view));
    else if (room)
        sig_http_error(req, sig_error("no_such_view"), NULL);
}

static void reply_view(struct sig_http *req, int status, const json_t *said,
                       const struct sig_error *error)
{
    const char *name = json_string_value(json_object_get(json_object_get(said, "view"), "view"));
    const struct sig_room *room = sig_rooms_find(req->front->rooms, sig_http_param(req, 0));
    json_t *view = room && name ? json_object_get(room->views, name) : NULL;
    if (!error && !view)
        error = sig_error("internal");
    if (error)
        sig_http_error(req, error, NULL);
    else
        sig_http_json(req, status, json_incref(view));
    sig_http_unref(req);
}

static void on_added(void *arg, const json_t *said, const struct sig_error *error)
{
    reply_view(arg, 201, said, error);
}

static void on_set(void *arg, const json_t *said, const struct sig_error *error)
{
    reply_view(arg, 200, said, error);
}

static void on_removed(void *arg, const json_t *said, const struct sig_error *error)
{
    (void)said;
    struct sig_http *req = arg;
    if (error)
        sig_http_error(req, error, NULL);
    else
        sig_http_reply(req, 204, NULL, NULL, 0);
    sig_http_unref(req);
}

/* Replies when it was refused. */
static void finish(struct sig_http *req, const struct sig_error *error, const char *why)
{
    if (!error)
        return;
    sig_http_unref(req);
    sig_http_error(req, error, why && why[0] ? why : NULL);
}

void sig_api_view_add(struct sig_http *req)
{
    struct sig_token token;
    char name[SIG_VIEW_NAME_MAX + 1] = "";
    char why[MCU_WHY_MAX] = "";
    struct sig_room *room = sig_api_room_if(req, &token, SIG_MAY_LAYOUT);
    json_t *body = room ? sig_api_body(req) : NULL;
    if (!body)
        return;
    sig_http_ref(req);
    const struct sig_error *error = NULL;
    if (mcu_json_string(body, "view", MCU_JSON_REQUIRED, 1, name, sizeof(name)) ||
        !sig_view_name_is_valid(name)) {
        snprintf(why, sizeof(why),
                 "view: must be 1 to 64 of A-Z a-z 0-9 - _ . and not main or own");
        error = sig_error("bad_request");
    }
    json_object_del(body, "view");
    if (!error)
        error = sig_view_check(room, body, true, why);
    if (!error)
        error = sig_admit(req->front->rooms, room, MCU_LOAD_VIEW);
    if (!error)
        error = sig_view_add(room, name, body, on_added, req);
    finish(req, error, why);
    json_decref(body);
}

void sig_api_view_patch(struct sig_http *req)
{
    struct sig_token token;
    char why[MCU_WHY_MAX] = "";
    struct sig_room *room = sig_api_room_if(req, &token, SIG_MAY_LAYOUT);
    json_t *body = room ? sig_api_body(req) : NULL;
    if (!body)
        return;
    sig_http_ref(req);
    const struct sig_error *error =
        json_object_size(body) ? sig_view_check(room, body, false, why) : sig_error("bad_request");
    if (!error)
        error = sig_view_set(room, sig_http_param(req, 1), body, on_set, req);
    finish(req, error, why);
    json_decref(body);
}

void sig_api_view_delete(struct sig_http *req)
{
    struct sig_token token;
    struct sig_room *room = sig_api_room_if(req, &token, SIG_MAY_LAYOUT);
    if (!room)
        return;
    sig_http_ref(req);
    finish(req, sig_view_remove(room, sig_http_param(req, 1), on_removed, req), NULL);
}
