/* REST: plain RTP and SRTP participants, for gateways and tools. Hosts and admins. Front thread.
 *
 * A body has keys in it: it goes to the room and is forgotten. */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/control_rtp.h"
#include "signaling/api.h"
#include "signaling/http_handlers.h"
#include "signaling/token.h"

static json_t *rtp_json(const struct sig_member *m)
{
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", m->peer, "userId", m->user, "name",
                             m->name, "role", m->role, "state", m->state);
    if (json && m->rtp)
        json_object_update(json, m->rtp);
    return json;
}

static void on_joined(void *arg, struct sig_member *m, const struct sig_error *error)
{
    struct sig_http *req = arg;
    char where[256];
    if (!error && !m->rtp) { /* it says not where to send to: of no use */
        sig_member_leave(m, "lost");
        error = sig_error("internal");
    }
    if (error) {
        sig_http_error(req, error, NULL);
    } else if (!req->wsi) { /* nobody is there to get its id */
        sig_member_leave(m, "lost");
    } else {
        snprintf(where, sizeof(where), "/api/v1/rooms/%s/rtp/%s", m->room->id, m->peer);
        sig_http_header(req, "Location", where);
        sig_http_header(req, "Cache-Control", "no-store");
        sig_http_json(req, 201, rtp_json(m));
    }
    sig_http_unref(req);
}

struct fields {
    char user[257];
    char name[257];
    char role[16];
};

/* Takes who it is out of the body; what is left is for mcu_rtp_read(). */
static const struct sig_error *read_who(struct fields *f, json_t *body, char *why)
{
    snprintf(f->role, sizeof(f->role), "publisher");
    if (mcu_json_text(body, "name", MCU_JSON_REQUIRED, 1, 64, f->name, sizeof(f->name)))
        snprintf(why, MCU_RTP_WHY_MAX, "name: must be a text of 1 to 64 characters");
    else if (mcu_json_text(body, "userId", MCU_JSON_OPTIONAL, 1, 64, f->user, sizeof(f->user)) ||
             strlen(f->user) > 128)
        snprintf(why, MCU_RTP_WHY_MAX, "userId: must be a text of 1 to 64 characters");
    else if (mcu_json_string(body, "role", MCU_JSON_OPTIONAL, 1, f->role, sizeof(f->role)) ||
             !sig_role_is_valid(f->role))
        snprintf(why, MCU_RTP_WHY_MAX, "role: must be host, publisher or subscriber");
    else {
        json_object_del(body, "name");
        json_object_del(body, "userId");
        json_object_del(body, "role");
        return NULL;
    }
    return sig_error("bad_request");
}

static const struct sig_error *read_media(const json_t *body, char *why)
{
    struct mcu_rtp rtp;
    if (mcu_rtp_read(&rtp, body, why))
        return sig_error("bad_request");
    mcu_rtp_forget(&rtp);
    return NULL;
}

static const struct sig_error *join(struct sig_http *req, const struct fields *f, json_t *rtp)
{
    struct sig_join seat = {
        .kind = SIG_KIND_RTP,
        .user = f->user,
        .name = f->name,
        .role = f->role,
        .rtp = rtp,
        .joined = on_joined,
    };
    return sig_api_take_seat(req, &seat);
}

void sig_api_rtp_create(struct sig_http *req)
{
    struct fields f = {0};
    char why[MCU_RTP_WHY_MAX] = "";
    json_t *body = sig_api_seat_body(req);
    if (!body)
        return;
    const struct sig_error *error = read_who(&f, body, why);
    if (!error)
        error = read_media(body, why);
    if (!error)
        error = join(req, &f, body);
    if (error)
        sig_http_error(req, error, why[0] ? why : NULL);
    json_decref(body);
}

void sig_api_rtp_list(struct sig_http *req)
{
    struct sig_token token;
    const struct sig_room *room = sig_api_room_if(req, &token, SIG_MAY_INPUTS);
    if (!room)
        return;
    json_t *list = json_array();
    for (const struct sig_member *m = room->members; m; m = m->next) {
        if (m->kind == SIG_KIND_RTP && !m->is_joining)
            json_array_append_new(list, rtp_json(m));
    }
    sig_http_json(req, 200, json_pack("{s:o}", "rtp", list));
}

void sig_api_rtp_delete(struct sig_http *req)
{
    struct sig_member *m = sig_api_seat(req, SIG_KIND_RTP, "no_such_session");
    if (!m)
        return;
    sig_member_leave(m, "left");
    sig_http_reply(req, 204, NULL, NULL, 0);
}
