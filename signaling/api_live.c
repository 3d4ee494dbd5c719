/* REST: live pushes of a room. Front thread. */
#include <stdio.h>

#include "mcu/base/json.h"
#include "signaling/api.h"
#include "signaling/http_handlers.h"
#include "signaling/live.h"

static void on_started(void *arg, const struct sig_push *p, const struct sig_error *error)
{
    struct sig_http *req = arg;
    if (error) {
        sig_http_error(req, error, NULL);
    } else {
        char where[256];
        snprintf(where, sizeof(where), "/api/v1/rooms/%s/live/%s", p->room->id, p->id);
        sig_http_header(req, "Location", where);
        sig_http_json(req, 201, sig_push_json(p));
    }
    sig_http_unref(req);
}

void sig_api_live_start(struct sig_http *req)
{
    struct sig_token token;
    struct sig_live_wish wish;
    const char *why = NULL;
    struct sig_room *room = sig_api_room_if(req, &token, SIG_MAY_LIVE);
    json_t *body = room ? sig_api_body(req) : NULL;
    if (!body)
        return;
    const struct sig_error *error = sig_live_wish_read(&wish, room, body, &why);
    json_decref(body);
    if (!error) {
        error = sig_live_start(room, token.sub, &wish, on_started, sig_http_ref(req));
        if (error)
            sig_http_unref(req);
    }
    if (error)
        sig_http_error(req, error, why);
}

void sig_api_live_list(struct sig_http *req)
{
    struct sig_token token;
    const struct sig_room *room = sig_api_room_if(req, &token, SIG_MAY_LIVE);
    if (room)
        sig_http_json(req, 200, json_pack("{s:o}", "live", sig_live_list(room)));
}

static struct sig_push *find(struct sig_http *req)
{
    struct sig_token token;
    const struct sig_room *room = sig_api_room_if(req, &token, SIG_MAY_LIVE);
    if (!room)
        return NULL;
    struct sig_push *p = sig_live_find(room, sig_http_param(req, 1));
    if (!p)
        sig_http_error(req, sig_error("no_such_push"), NULL);
    return p;
}

void sig_api_live_get(struct sig_http *req)
{
    const struct sig_push *p = find(req);
    if (p)
        sig_http_json(req, 200, sig_push_json(p));
}

void sig_api_live_stop(struct sig_http *req)
{
    struct sig_push *p = find(req);
    if (!p)
        return;
    sig_live_stop(p);
    sig_http_json(req, 202, sig_push_json(p));
}
