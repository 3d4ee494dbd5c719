/* REST: layouts, and the layout of a room. Front thread. */
#include "mcu/control_picture.h"
#include "signaling/api.h"
#include "signaling/http.h"
#include "signaling/http_handlers.h"
#include "signaling/layouts.h"
#include "signaling/room_picture.h"

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

void sig_api_room_patch(struct sig_http *req)
{
    struct sig_token token;
    char why[MCU_WHY_MAX] = "nothing is named in it";
    struct sig_room *room = sig_api_room_of_host(req, &token);
    json_t *body = room ? sig_api_body(req) : NULL;
    if (!body)
        return;
    const struct sig_error *error = NULL;
    if (json_object_size(body) == 0 || mcu_picture_check(body, why) != 0)
        error = sig_error("bad_request");
    if (!error) {
        why[0] = '\0';
        error = sig_room_change_picture(room, body, token.sub, on_changed, sig_http_ref(req));
        if (error)
            sig_http_unref(req);
    }
    if (error)
        sig_http_error(req, error, why[0] ? why : NULL);
    json_decref(body);
}
