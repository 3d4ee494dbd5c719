/* REST: sounds that are played into a room. Hosts and admins. Front thread. */
#include <stdio.h>

#include "mcu/base/json.h"
#include "mcu/control_audio.h"
#include "signaling/api.h"
#include "signaling/http_handlers.h"
#include "signaling/sounds.h"

static void on_started(void *arg, const char *id, const struct sig_error *error)
{
    struct sig_http *req = arg;
    char where[256];
    if (error) {
        sig_http_error(req, error, NULL);
    } else {
        snprintf(where, sizeof(where), "/api/v1/rooms/%s/sounds/%s", sig_http_param(req, 0), id);
        sig_http_header(req, "Location", where);
        sig_http_json(req, 201, json_pack("{s:s}", "id", id));
    }
    sig_http_unref(req);
}

void sig_api_sound_start(struct sig_http *req)
{
    struct sig_token token;
    char why[MCU_WHY_MAX] = "";
    json_t *command = NULL;
    struct sig_room *room = sig_api_room_if(req, &token, SIG_MAY_MODERATE);
    json_t *body = room ? sig_api_body(req) : NULL;
    if (!body)
        return;
    const struct sig_error *error = sig_sound_read(&command, room, body, why);
    json_decref(body);
    if (!error) {
        error = sig_sound_start(room, command, on_started, sig_http_ref(req));
        if (error)
            sig_http_unref(req);
    }
    if (error)
        sig_http_error(req, error, why[0] ? why : NULL);
}

static void on_stopped(void *arg, const char *id, const struct sig_error *error)
{
    struct sig_http *req = arg;
    (void)id;
    if (error)
        sig_http_error(req, error, NULL);
    else
        sig_http_reply(req, 204, NULL, NULL, 0);
    sig_http_unref(req);
}

void sig_api_sound_stop(struct sig_http *req)
{
    struct sig_token token;
    struct sig_room *room = sig_api_room_if(req, &token, SIG_MAY_MODERATE);
    if (!room)
        return;
    const struct sig_error *error =
        sig_sound_stop(room, sig_http_param(req, 1), on_stopped, sig_http_ref(req));
    if (!error)
        return;
    sig_http_unref(req);
    sig_http_error(req, error, NULL);
}

/* The room's list: checked like everything that it says, and told in the protocol's words. */
static void on_listed(void *arg, const json_t *reply)
{
    struct sig_http *req = arg;
    const struct sig_error *error = sig_error_of_reply(reply);
    json_t *sounds = NULL;
    if (!error && mcu_json_array(reply, "sounds", MCU_JSON_REQUIRED, 64, &sounds))
        error = sig_error("internal");
    if (error)
        sig_http_error(req, error, NULL);
    else
        sig_http_json(req, 200, json_pack("{s:O}", "sounds", sounds));
    sig_http_unref(req);
}

void sig_api_sounds(struct sig_http *req)
{
    struct sig_token token;
    struct sig_room *room = sig_api_room_if(req, &token, SIG_MAY_MODERATE);
    if (!room)
        return;
    if (sig_room_command(room, json_pack("{s:s}", "cmd", "sound_list"), on_listed,
                         sig_http_ref(req)) == 0)
        return;
    sig_http_unref(req);
    sig_http_error(req, sig_error("room_restarted"), NULL);
}
