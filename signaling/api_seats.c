/* REST: what seats without a client of their own have in common, outside sources and plain RTP. Front
 * thread. */
#include <openssl/crypto.h>
#include <string.h>

#include "signaling/api.h"

json_t *sig_api_seat_body(struct sig_http *req)
{
    struct sig_token token;
    const char *room = sig_http_param(req, 0);
    if (!sig_http_authorize(req, room, &token) ||
        !sig_api_may(req, &token, sig_rooms_find(req->front->rooms, room), SIG_MAY_INPUTS))
        return NULL;
    if (!sig_room_id_is_valid(room)) {
        sig_http_error(req, sig_error("bad_request"), NULL);
        return NULL;
    }
    json_t *body = sig_api_body(req);
    if (body && req->body)
        OPENSSL_cleanse(req->body, req->body_size);
    return body;
}

struct sig_member *sig_api_seat(struct sig_http *req, enum sig_kind kind, const char *missing)
{
    struct sig_token token;
    const struct sig_room *room = sig_api_room_if(req, &token, SIG_MAY_INPUTS);
    if (!room)
        return NULL;
    struct sig_member *m = sig_rooms_find_peer(req->front->rooms, sig_http_param(req, 1));
    if (m && m->kind == kind && !m->is_joining && m->room == room)
        return m;
    sig_http_error(req, sig_error(missing), NULL);
    return NULL;
}

const struct sig_error *sig_api_take_seat(struct sig_http *req, struct sig_join *seat)
{
    seat->room_id = sig_http_param(req, 0);
    seat->is_by_host = true;
    seat->arg = sig_http_ref(req);
    const struct sig_error *error = sig_rooms_join(req->front->rooms, seat);
    if (error)
        sig_http_unref(req);
    return error;
}
