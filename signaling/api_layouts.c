/* REST: layouts, and the layout of a room. Front thread. */
#include <string.h>

#include "mcu/base/json.h"
#include "signaling/api.h"
#include "signaling/http.h"
#include "signaling/http_handlers.h"
#include "signaling/layouts.h"

void sig_api_layouts(struct sig_http *req)
{
    sig_http_json(req, 200, json_pack("{s:o}", "layouts", sig_layouts_json()));
}

void sig_api_layout_get(struct sig_http *req)
{
    json_t *file = sig_layout_file(sig_http_param(req, 0));
    if (file)
        sig_http_json(req, 200, file);
    else
        sig_http_error(req, sig_error("no_such_layout"), NULL);
}

static void on_changed(void *arg, const struct sig_error *error)
{
    struct sig_http *req = arg;
    const struct sig_room *room = sig_rooms_find(req->front->rooms, sig_http_param(req, 0));
    if (!error && !room)
        error = sig_error("no_such_room");
    if (error)
        sig_http_error(req, error, NULL);
    else
        sig_http_json(req, 200, sig_room_json(room));
    sig_http_unref(req);
}

/* {"layout"}: what may be changed of a room. */
static int read_change(const json_t *body, char layout[65])
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)body, key, value)
    {
        if (strcmp(key, "layout") != 0)
            return -1;
    }
    return mcu_json_string(body, "layout", MCU_JSON_REQUIRED, 1, layout, 65);
}

void sig_api_room_patch(struct sig_http *req)
{
    struct sig_token token;
    char layout[65];
    struct sig_room *room = sig_api_room_of_host(req, &token);
    json_t *body = room ? sig_api_body(req) : NULL;
    if (!body)
        return;
    const int err = read_change(body, layout);
    json_decref(body);
    if (err) {
        sig_http_error(req, sig_error("bad_request"), "The body is {\"layout\": NAME}.");
        return;
    }
    const struct sig_error *error =
        sig_room_set_layout(room, layout, token.sub, on_changed, sig_http_ref(req));
    if (!error)
        return;
    sig_http_unref(req);
    sig_http_error(req, error, NULL);
}
