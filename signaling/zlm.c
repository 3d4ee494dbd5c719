/* ZLMediaKit's calls, so that its clients find what they know: POST /index/api/webrtc answers
 * {code, sdp, id, type} with HTTP 200 whatever happens, whip and whep answer as WHIP does but name
 * the session by DELETE /index/api/delete_webrtc?id=&token=. `stream` is the room. Front thread.
 *
 * These clients put what authorizes them into the address, so ?token= counts here as Bearer does. */
#include <libwebsockets.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "signaling/http.h"
#include "signaling/http_handlers.h"
#include "signaling/whip.h"

enum { ZLM_AUTH = -100, ZLM_ARGS = -300, ZLM_NOT_FOUND = -500, ZLM_OTHER = -1 };

/* --- JSON ------------------------------------------------------------------------------------- */

static int zlm_code(int status)
{
    if (status == 401 || status == 403)
        return ZLM_AUTH;
    if (status == 404)
        return ZLM_NOT_FOUND;
    return status == 400 ? ZLM_ARGS : ZLM_OTHER;
}

static void json_failed(struct sig_http *req, const struct sig_error *error, const char *detail)
{
    sig_http_json(req, 200,
                  json_pack("{s:i, s:s, s:s}", "code", zlm_code(error->status), "msg",
                            detail ? detail : error->message, "error", error->code));
}

static void json_made(struct sig_http *req, struct sig_member *m, const char *sdp)
{
    sig_http_json(req, 200,
                  json_pack("{s:i, s:s, s:s, s:s, s:s}", "code", 0, "id", m->peer, "sdp", sdp,
                            "type", "answer", "token", m->resume));
}

static const struct whip_form json_form = {.made = json_made, .failed = json_failed};

/* --- SDP -------------------------------------------------------------------------------------- */

static bool is_host(const char *host)
{
    return host[0] && strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                   ".-:[]") == strlen(host);
}

/* Absolute, as ZLMediaKit's is: its clients do not resolve it. */
static void add_location(struct sig_http *req, const struct sig_member *m)
{
    char text[512];
    char proto[16] = "";
    const char *host = req->fields.host;
    lws_hdr_custom_copy(req->wsi, proto, sizeof(proto), "x-forwarded-proto:", 18);
    const bool is_safe =
        req->front->config->http.tls_cert[0] || strcasecmp(proto, "https") == 0;
    snprintf(text, sizeof(text), "%s%s/index/api/delete_webrtc?id=%s&token=%s",
             !is_host(host) ? ""
             : is_safe      ? "https://"
                            : "http://",
             is_host(host) ? host : "", m->peer, m->resume);
    sig_http_header(req, "Location", text);
}

static void sdp_made(struct sig_http *req, struct sig_member *m, const char *sdp)
{
    add_location(req, m);
    whip_add_ice_servers(req, m);
    sig_http_header(req, "Cache-Control", "no-store");
    sig_http_reply(req, 201, "application/sdp", sdp, strlen(sdp));
}

static const struct whip_form sdp_form = {.made = sdp_made, .failed = sig_http_error};

/* --- requests --------------------------------------------------------------------------------- */

static const struct sig_error *authorize(struct sig_http *req, const char *room, bool is_push,
                                         struct sig_token *token)
{
    const struct sig_error *error = sig_http_check(req, room, token);
    if (!error && is_push && strcmp(token->role, "subscriber") == 0)
        error = sig_error("forbidden");
    return error;
}

static void start(struct sig_http *req, enum sig_kind kind, bool is_echo,
                  const struct whip_form *form)
{
    struct sig_token token;
    char own[65];
    const char *room = sig_http_arg(req, "stream");
    if (!sig_room_id_is_valid(room)) {
        form->failed(req, sig_error("bad_request"), "stream: 1 to 64 of A-Z a-z 0-9 - _ .");
        return;
    }
    const struct sig_error *error = authorize(req, room, kind == SIG_KIND_WHIP, &token);
    if (error) {
        form->failed(req, error, NULL);
        return;
    }
    memcpy(own, "echo-", 5);
    sig_id_make(own + 5, SIG_ID_SIZE);
    const struct whip_ask ask = {.kind = kind,
                                 .room = is_echo ? own : room,
                                 .token = &token,
                                 .form = form,
                                 .is_echo = is_echo};
    whip_start(req, &ask);
}

void sig_zlm_webrtc(struct sig_http *req)
{
    const char *type = sig_http_arg(req, "type");
    if (strcmp(type, "push") == 0)
        start(req, SIG_KIND_WHIP, false, &json_form);
    else if (strcmp(type, "play") == 0)
        start(req, SIG_KIND_WHEP, false, &json_form);
    else if (strcmp(type, "echo") == 0)
        start(req, SIG_KIND_WHIP, true, &json_form);
    else
        json_failed(req, sig_error("bad_request"), "type: push, play or echo");
}

static void start_standard(struct sig_http *req, enum sig_kind kind)
{
    if (sig_http_is_type(req, "application/sdp"))
        start(req, kind, false, &sdp_form);
    else
        sig_http_error(req, sig_error("unsupported_type"), NULL);
}

void sig_zlm_whip(struct sig_http *req)
{
    start_standard(req, SIG_KIND_WHIP);
}

void sig_zlm_whep(struct sig_http *req)
{
    start_standard(req, SIG_KIND_WHEP);
}

/* What proves the right is the session's own secret, so nobody's token is looked at. */
void sig_zlm_delete(struct sig_http *req)
{
    struct sig_member *m = sig_rooms_find_peer(req->front->rooms, sig_http_arg(req, "id"));
    const char *token = sig_http_arg(req, "token");
    if (!m || (m->kind != SIG_KIND_WHIP && m->kind != SIG_KIND_WHEP)) {
        sig_http_error(req, sig_error("no_such_session"), NULL);
    } else if (strlen(token) != strlen(m->resume) ||
               CRYPTO_memcmp(token, m->resume, strlen(token)) != 0) {
        sig_http_error(req, sig_error("token_invalid"), NULL);
    } else {
        sig_member_leave(m, "left");
        sig_http_reply(req, 200, NULL, NULL, 0);
    }
}
