/* WebSocket requests about the picture: which layout the room has. Front thread. */
#include <string.h>

#include "mcu/base/json.h"
#include "signaling/layouts.h"
#include "signaling/ws_internal.h"

static void on_changed(void *arg, const struct sig_error *error)
{
    ws_finish(arg, NULL, error, NULL);
}

const struct sig_error *ws_on_layout(const struct ws_request *q)
{
    struct sig_member *me = q->client->member;
    char layout[65];
    if (!me)
        return sig_error("not_joined");
    if (strcmp(me->role, "host") != 0)
        return sig_error("forbidden");
    if (mcu_json_string(q->data, "layout", MCU_JSON_REQUIRED, 1, layout, sizeof(layout)))
        return sig_error("bad_request");
    struct ws_pending *p = ws_pending_create(q, me);
    if (!p)
        return sig_error("too_busy");
    const struct sig_error *error =
        sig_room_set_layout(me->room, layout, me->user, on_changed, p);
    if (error)
        ws_pending_free(p);
    return error;
}
