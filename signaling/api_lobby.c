/* REST: who waits to be let into a room. Front thread. */
#include "mcu/base/json.h"
#include "signaling/api.h"
#include "signaling/http_handlers.h"
#include "signaling/lobby.h"

void sig_api_lobby(struct sig_http *req)
{
    struct sig_token token;
    const struct sig_room *room = sig_api_room_if(req, &token, SIG_MAY_MODERATE);
    if (room)
        sig_http_json(req, 200, json_pack("{s:o}", "waiting", sig_lobby_json(room)));
}

/* {"admit": true or false} */
void sig_api_lobby_decide(struct sig_http *req)
{
    struct sig_token token;
    bool is_admitted = false;
    struct sig_room *room = sig_api_room_if(req, &token, SIG_MAY_MODERATE);
    json_t *body = room ? sig_api_body(req) : NULL;
    if (!body)
        return;
    const bool is_fit = json_object_size(body) == 1 &&
                        mcu_json_bool(body, "admit", MCU_JSON_REQUIRED, &is_admitted) == 0;
    json_decref(body);
    if (!is_fit)
        sig_http_error(req, sig_error("bad_request"), "admit: must be true or false");
    else if (!sig_lobby_decide(room, sig_http_param(req, 1), is_admitted))
        sig_http_error(req, sig_error("no_such_member"), "Nobody of that id waits.");
    else
        sig_http_reply(req, 204, NULL, NULL, 0);
}
