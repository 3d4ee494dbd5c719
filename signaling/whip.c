/* WHIP (RFC 9725) into the mix and WHEP out of it: one POST makes a seat and its media. Front
 * thread.
 *
 *   POST -> sig_rooms_join -> peer_offer -> 201 with the answer, which holds the room's candidates
 *                               | not to be met (WHEP)
 *                               +-> peer_make_offer -> 406 with an offer of ours -> whip_answer.c
 *
 * A session's id is its peer's: 131 random bits, told to its client alone. What ends it: DELETE,
 * its media path down for longer than rtc.grace_s, the room's end or restart (HTTP cannot ask a
 * client for a new offer). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/control.h"
#include "signaling/http.h"
#include "signaling/http_handlers.h"
#include "signaling/sdp.h"
#include "signaling/turn.h"
#include "signaling/watch.h"
#include "signaling/whip.h"
#include "signaling/whip_answer.h"
#include "signaling/whip_restart.h"

struct session_start {
    struct sig_http *req;      /* referenced */
    struct sig_member *member; /* referenced, once joined */
    enum sig_kind kind;
    const struct whip_form *form;
    bool is_echo;
    bool is_asking; /* for an offer of ours: there is none of theirs */
    char room[65];
    json_t *wish; /* ?view=, ?layout= and ?quality= of a viewer; may be NULL */
    struct mcu_desc offer;
};

static const char *prefix(enum sig_kind kind)
{
    return kind == SIG_KIND_WHIP ? "whip" : "whep";
}

static void free_start(struct session_start *s)
{
    sig_member_unref(s->member);
    sig_http_unref(s->req);
    json_decref(s->wish);
    free(s);
}

static void fail_start(struct session_start *s, const struct sig_error *error)
{
    if (s->member)
        sig_member_leave(s->member, "lost");
    s->form->failed(s->req, error, NULL);
    free_start(s);
}

/* A user's name may have what a quoted string may not. */
static bool is_quotable(const char *text)
{
    for (; *text; text++) {
        if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\')
            return false;
    }
    return true;
}

static void add_turn(struct sig_http *req, const char *user)
{
    const struct mcu_config *config = req->front->config;
    struct sig_turn turn;
    char text[512];
    if (sig_turn_make(&turn, config, is_quotable(user) ? user : "guest", mcu_wall_ms() / 1000))
        return;
    for (uint32_t i = 0; i < config->rtc.turn_urls.count; i++) {
        snprintf(text, sizeof(text),
                 "<%s>; rel=\"ice-server\"; username=\"%s\"; credential=\"%s\"; "
                 "credential-type=\"password\"",
                 config->rtc.turn_urls.item[i], turn.username, turn.password);
        sig_http_header(req, "Link", text);
    }
}

void whip_add_ice_servers(struct sig_http *req, const struct sig_member *m)
{
    char text[256];
    const struct mcu_config_list *servers = &req->front->config->rtc.ice_servers;
    for (uint32_t i = 0; i < servers->count; i++) {
        snprintf(text, sizeof(text), "<%s>; rel=\"ice-server\"", servers->item[i]);
        sig_http_header(req, "Link", text);
    }
    add_turn(req, m->user);
}

static void add_headers(struct sig_http *req, const struct sig_member *m)
{
    char text[256];
    snprintf(text, sizeof(text), "/%s/%s/%s", prefix(m->kind), m->room->id, m->peer);
    sig_http_header(req, "Location", text);
    snprintf(text, sizeof(text), "\"%s\"", m->etag);
    sig_http_header(req, "ETag", text);
    sig_http_header(req, "Accept-Patch", m->is_offered ? WHIP_PATCHES : WHIP_TRICKLE);
    sig_http_header(req, "Cache-Control", "no-store");
    whip_add_ice_servers(req, m);
}

static void reply_made(struct sig_http *req, struct sig_member *m, const char *sdp)
{
    add_headers(req, m);
    sig_http_reply(req, 201, "application/sdp", sdp, strlen(sdp));
}

static void reply_offered(struct sig_http *req, struct sig_member *m, const char *sdp)
{
    add_headers(req, m);
    sig_http_reply(req, 406, "application/sdp", sdp, strlen(sdp));
}

static const struct whip_form standard = {
    .made = reply_made, .offered = reply_offered, .failed = sig_http_error};

static bool may_ask(const struct session_start *s)
{
    return s->kind == SIG_KIND_WHEP && s->form->offered;
}

/* The room has described itself: gives that to who is still there. Frees s. */
static void finish_start(struct session_start *s, char *sdp,
                         void (*reply)(struct sig_http *, struct sig_member *, const char *))
{
    if (!s->req->wsi) /* nobody is there to get its id */
        sig_member_leave(s->member, "lost");
    else
        reply(s->req, s->member, sdp);
    free(sdp);
    free_start(s);
}

static void on_our_offer(void *arg, const json_t *reply)
{
    struct session_start *s = arg;
    const struct sig_error *error = sig_error_of_reply(reply);
    if (!error && !s->member->room)
        error = sig_error("no_such_session");
    char *sdp = error ? NULL : sig_member_offer(s->member, reply);
    if (!sdp) {
        fail_start(s, error ? error : sig_error("internal"));
        return;
    }
    s->member->is_offered = true;
    sig_member_save(s->member);
    finish_start(s, sdp, s->form->offered);
}

static void ask_for_ours(struct session_start *s)
{
    if (sig_member_command(s->member, json_pack("{s:s}", "cmd", "peer_make_offer"), on_our_offer,
                           s) != 0)
        fail_start(s, sig_error("room_restarted"));
}

static void on_answer(void *arg, const json_t *reply)
{
    struct session_start *s = arg;
    const struct sig_error *error = sig_error_of_reply(reply);
    if (!error && !s->member->room)
        error = sig_error("no_such_session");
    if (error && s->member->room && may_ask(s) && strcmp(error->code, "bad_offer") == 0) {
        ask_for_ours(s);
        return;
    }
    char *sdp = error ? NULL : sig_member_answer(s->member, reply);
    if (!sdp) {
        fail_start(s, error ? error : sig_error("internal"));
        return;
    }
    sig_member_watch_again(s->member);
    finish_start(s, sdp, s->form->made);
}

static void on_joined(void *arg, struct sig_member *m, const struct sig_error *error)
{
    struct session_start *s = arg;
    if (error) {
        fail_start(s, error);
        return;
    }
    s->member = sig_member_ref(m);
    error = s->wish ? sig_wish_read(&m->wish, m->room, s->wish, NULL) : NULL;
    if (!error)
        error = sig_wish_admit(m, m->wish);
    if (error) {
        fail_start(s, error);
        return;
    }
    if (s->is_asking) {
        ask_for_ours(s);
        return;
    }
    json_t *offer = json_pack("{s:s, s:o, s:b}", "cmd", "peer_offer", "desc",
                              mcu_desc_to_json(&s->offer), "must_send", may_ask(s));
    if (sig_member_command(m, offer, on_answer, s) != 0)
        fail_start(s, sig_error("room_restarted"));
}

/* Who it is: ?name= and, in --dev, ?user=; else the token's. */
static const struct sig_error *read_identity(const struct sig_http *req,
                                             const struct sig_token *token, const char **user,
                                             const char **name)
{
    *name = sig_http_arg(req, "name");
    *user = token->sub[0] ? token->sub : sig_http_arg(req, "user");
    if (!(*name)[0])
        *name = token->name[0] ? token->name : (*user)[0] ? *user : "guest";
    if (!mcu_text_is_fit(*name, strlen(*name), 1, 64) || strlen(*user) > 128 ||
        !mcu_text_is_fit(*user, strlen(*user), 0, 128))
        return sig_error("bad_request");
    return NULL;
}

static const struct sig_error *join(struct session_start *s, const struct sig_token *token)
{
    const char *user = NULL;
    const char *name = NULL;
    const struct sig_error *error = read_identity(s->req, token, &user, &name);
    if (error)
        return error;
    const bool is_dev = s->req->front->config->auth.dev;
    const struct sig_room *room =
        sig_rooms_find(s->req->front->rooms, s->room);
    const struct sig_join seat = {
        .kind = s->kind,
        .room_id = s->room,
        .is_echo = s->is_echo,
        .user = user,
        .name = name,
        .role = s->kind == SIG_KIND_WHIP ? "publisher" : "subscriber",
        .claims = sig_claims_of(token, is_dev),
        .password = sig_http_arg(s->req, "password"),
        .is_by_host = !is_dev && !sig_token_may(token, room, SIG_MAY_MODERATE),
        .joined = on_joined,
        .arg = s,
    };
    return sig_rooms_join(s->req->front->rooms, &seat);
}

/* What a viewer wants to see; NULL: what everybody sees. */
static json_t *wish_of(const struct sig_http *req)
{
    static const char *const args[] = {"view", "layout", "quality"};
    json_t *wish = json_object();
    for (size_t i = 0; i < sizeof(args) / sizeof(*args); i++) {
        const char *value = sig_http_arg(req, args[i]);
        if (value[0])
            json_object_set_new(wish, args[i], json_string(value));
    }
    if (json_object_size(wish))
        return wish;
    json_decref(wish);
    return NULL;
}

void whip_start(struct sig_http *req, const struct whip_ask *ask)
{
    char why[SIG_SDP_ERROR_MAX] = "";
    struct session_start *s = calloc(1, sizeof(*s));
    if (!s) {
        ask->form->failed(req, sig_error("too_busy"), NULL);
        return;
    }
    s->req = sig_http_ref(req);
    s->kind = ask->kind;
    s->form = ask->form;
    s->is_echo = ask->is_echo;
    snprintf(s->room, sizeof(s->room), "%s", ask->room);
    s->wish = ask->kind == SIG_KIND_WHEP ? wish_of(req) : NULL;
    const int err =
        sig_sdp_parse(&s->offer, SIG_SDP_OFFER, req->body ? req->body : "", req->body_size, why);
    s->is_asking = may_ask(s) && (err == -ENOTSUP || req->body_size == 0);
    const struct sig_error *error =
        err && !s->is_asking ? sig_error("bad_offer") : join(s, ask->token);
    if (!error)
        return;
    s->form->failed(req, error, why[0] && !s->is_asking ? why : NULL);
    free_start(s);
}

/* Who asks for an offer of ours has nothing to say the type of. */
static bool is_sdp(const struct sig_http *req, enum sig_kind kind)
{
    return sig_http_is_type(req, "application/sdp") ||
           (kind == SIG_KIND_WHEP && req->body_size == 0 && !req->fields.content_type[0]);
}

static void post(struct sig_http *req, enum sig_kind kind)
{
    struct sig_token token;
    const struct whip_ask ask = {
        .kind = kind, .room = sig_http_param(req, 0), .token = &token, .form = &standard};
    sig_http_header(req, "Accept-Post", "application/sdp");
    if (!sig_room_id_is_valid(ask.room))
        sig_http_error(req, sig_error("bad_request"), NULL);
    else if (!sig_http_authorize(req, ask.room, &token))
        return;
    else if (kind == SIG_KIND_WHIP && strcmp(token.role, "subscriber") == 0)
        sig_http_error(req, sig_error("forbidden"), NULL);
    else if (!is_sdp(req, kind))
        sig_http_error(req, sig_error("unsupported_type"), NULL);
    else
        whip_start(req, &ask);
}

void sig_whip_post(struct sig_http *req)
{
    post(req, SIG_KIND_WHIP);
}

void sig_whep_post(struct sig_http *req)
{
    post(req, SIG_KIND_WHEP);
}

static bool is_restart(const struct sig_http *req)
{
    return strcmp(req->fields.if_match, "*") == 0;
}

/* --- on a session ----------------------------------------------------------------------------- */

static struct sig_member *session_of(struct sig_http *req)
{
    struct sig_token token;
    const char *room = sig_http_param(req, 0);
    if (!sig_http_authorize(req, room, &token))
        return NULL;
    struct sig_member *m = sig_rooms_find_peer(req->front->rooms, sig_http_param(req, 1));
    const bool is_ours = m && (m->kind == SIG_KIND_WHIP || m->kind == SIG_KIND_WHEP);
    if (is_ours && strcmp(m->room->id, room) == 0 &&
        strncmp(req->path + 1, prefix(m->kind), 4) == 0)
        return m;
    sig_http_error(req, sig_error("no_such_session"), NULL);
    return NULL;
}

void sig_whip_delete(struct sig_http *req)
{
    struct sig_member *m = session_of(req);
    if (!m)
        return;
    sig_member_leave(m, "left");
    sig_http_reply(req, 200, NULL, NULL, 0);
}

bool whip_etag_matches(const char *if_match, const char *etag)
{
    const size_t n = strlen(etag);
    for (const char *at = if_match; *at;) {
        at += strspn(at, " \t,");
        const char *quote = strchr(at, '"');
        const char *end = quote ? strchr(quote + 1, '"') : NULL;
        if (!end)
            return false;
        if (quote == at && (size_t)(end - at - 1) == n && memcmp(at + 1, etag, n) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

/* RFC 9725, section 4.3.1: without a precondition a candidate might be of ICE credentials that a
 * restart has replaced. "*" is for restarts: they end the ETag's time. */
static const struct sig_error *check_etag(const struct sig_http *req, const struct sig_member *m)
{
    const char *asked = req->fields.if_match;
    if (!asked[0])
        return sig_error("etag_needed");
    return is_restart(req) || whip_etag_matches(asked, m->etag) ? NULL : sig_error("etag_mismatch");
}

static void send_candidates(struct sig_member *m, const struct sig_sdp_fragment *f)
{
    for (size_t i = 0; i < f->candidate_count; i++)
        sig_member_command(
            m, json_pack("{s:s, s:s}", "cmd", "peer_candidate", "candidate", f->candidates[i]),
            NULL, NULL);
    if (f->end_of_candidates)
        sig_member_command(m, json_pack("{s:s, s:s}", "cmd", "peer_candidate", "candidate", ""),
                           NULL, NULL);
}

static void patch_session(struct sig_http *req, struct sig_member *m)
{
    char why[SIG_SDP_ERROR_MAX] = "";
    struct sig_sdp_fragment *f = malloc(sizeof(*f));
    const int err =
        f ? sig_sdp_parse_fragment(f, req->body ? req->body : "", req->body_size, why) : -ENOMEM;
    if (err == -ENOMEM) {
        sig_http_error(req, sig_error("too_busy"), NULL);
    } else if (err) {
        sig_http_error(req, sig_error("bad_candidate"), why[0] ? why : NULL);
    } else if (is_restart(req)) {
        whip_restart(req, m, f);
    } else {
        send_candidates(m, f);
        sig_http_reply(req, 204, NULL, NULL, 0);
    }
    free(f);
}

void sig_whip_patch(struct sig_http *req)
{
    struct sig_member *m = session_of(req);
    if (!m)
        return;
    if (m->is_offered && sig_http_is_type(req, "application/sdp")) {
        whip_answer(req, m);
        return;
    }
    const struct sig_error *error =
        sig_http_is_type(req, WHIP_TRICKLE) ? check_etag(req, m) : sig_error("unsupported_type");
    if (!error && m->is_offered)
        error = sig_error("answer_needed");
    if (error && error->status == 415)
        sig_http_header(req, "Accept-Patch", m->is_offered ? WHIP_PATCHES : WHIP_TRICKLE);
    if (error)
        sig_http_error(req, error, NULL);
    else
        patch_session(req, m);
}
