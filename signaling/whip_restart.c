/* ICE restarts by PATCH; see whip_restart.h. Front thread.
 *
 * What the room says of itself goes through the same checks as what a stranger says: the answer is
 * built of text that a client will parse. */
#include "signaling/whip_restart.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"

enum { FRAGMENT_BYTES = 512 + 2 * MCU_DESC_TOKEN_MAX + MCU_DESC_CANDIDATES_MAX * 260 };

struct restart {
    struct sig_http *req;      /* referenced */
    struct sig_member *member; /* referenced */
    char mid[32];
};

static void free_restart(struct restart *r)
{
    sig_member_unref(r->member);
    sig_http_unref(r->req);
    free(r);
}

struct text {
    char at[FRAGMENT_BYTES];
    size_t size;
};

static void put(struct text *t, const char *name, const char *value)
{
    const int n = snprintf(t->at + t->size, sizeof(t->at) - t->size, "a=%s%s%s\r\n", name,
                           value ? ":" : "", value ? value : "");
    if (n > 0 && t->size + (size_t)n < sizeof(t->at))
        t->size += (size_t)n;
    t->at[t->size] = '\0';
}

static bool is_token(const char *text)
{
    for (const char *c = text; *c; c++) {
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", *c))
            return false;
    }
    return text[0] != '\0';
}

static int write_fragment(struct text *t, const char *mid, const json_t *reply)
{
    char ufrag[MCU_DESC_TOKEN_MAX + 1];
    char pwd[MCU_DESC_TOKEN_MAX + 1];
    json_t *candidates = NULL;
    bool is_all = false;
    if (mcu_json_string(reply, "ufrag", MCU_JSON_REQUIRED, 1, ufrag, sizeof(ufrag)) ||
        mcu_json_string(reply, "pwd", MCU_JSON_REQUIRED, 1, pwd, sizeof(pwd)) ||
        mcu_json_array(reply, "candidates", MCU_JSON_REQUIRED, MCU_DESC_CANDIDATES_MAX,
                       &candidates) ||
        mcu_json_bool(reply, "end_of_candidates", MCU_JSON_OPTIONAL, &is_all) || !is_token(ufrag) ||
        !is_token(pwd))
        return -EBADMSG;
    t->size = (size_t)snprintf(t->at, sizeof(t->at), "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n");
    put(t, "mid", mid);
    put(t, "ice-ufrag", ufrag);
    put(t, "ice-pwd", pwd);
    size_t i;
    const json_t *one;
    json_array_foreach(candidates, i, one)
    {
        const char *text = json_string_value(one);
        if (!text || !sig_sdp_candidate_is_valid(text, strlen(text)))
            return -EBADMSG;
        snprintf(t->at + t->size, sizeof(t->at) - t->size, "a=%s\r\n", text);
        t->size += strlen(t->at + t->size);
    }
    if (is_all)
        put(t, "end-of-candidates", NULL);
    return 0;
}

static void answer(struct restart *r, const struct text *t)
{
    char etag[SIG_ID_SIZE + 2];
    sig_member_renew_etag(r->member);
    snprintf(etag, sizeof(etag), "\"%s\"", r->member->etag);
    sig_http_header(r->req, "ETag", etag);
    sig_http_header(r->req, "Cache-Control", "no-store");
    sig_http_reply(r->req, 200, "application/trickle-ice-sdpfrag", t->at, t->size);
}

static void on_restarted(void *arg, const json_t *reply)
{
    struct restart *r = arg;
    struct text *t = malloc(sizeof(*t));
    const struct sig_error *error = sig_error_of_reply(reply);
    if (!error && !r->member->room)
        error = sig_error("no_such_session");
    if (!error && !t)
        error = sig_error("too_busy");
    if (!error && write_fragment(t, r->mid, reply))
        error = sig_error("internal");
    if (r->req->wsi && error)
        sig_http_error(r->req, error, NULL);
    else if (r->req->wsi)
        answer(r, t);
    free(t);
    free_restart(r);
}

static json_t *command_of(const struct sig_sdp_fragment *f)
{
    json_t *candidates = json_array();
    for (size_t i = 0; i < f->candidate_count; i++)
        json_array_append_new(candidates, json_string(f->candidates[i]));
    return json_pack("{s:s, s:s, s:s, s:o}", "cmd", "peer_restart", "ufrag", f->ice_ufrag, "pwd",
                     f->ice_pwd, "candidates", candidates);
}

void whip_restart(struct sig_http *req, struct sig_member *m, const struct sig_sdp_fragment *f)
{
    if (!f->ice_ufrag[0] || !f->ice_pwd[0]) {
        sig_http_error(req, sig_error("bad_offer"), "a restart has new ICE credentials");
        return;
    }
    struct restart *r = calloc(1, sizeof(*r));
    if (!r) {
        sig_http_error(req, sig_error("too_busy"), NULL);
        return;
    }
    r->req = sig_http_ref(req);
    r->member = sig_member_ref(m);
    snprintf(r->mid, sizeof(r->mid), "%s", f->mid[0] ? f->mid : "0");
    if (sig_member_command(m, command_of(f), on_restarted, r) == 0)
        return;
    sig_http_error(req, sig_error("room_restarted"), NULL);
    free_restart(r);
}
