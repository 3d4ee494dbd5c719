/* Requests in, replies out, over libwebsockets' HTTP/1.1. Front thread.
 *
 * The reply's header lines are written by us: libwebsockets 4.1 has no ranges and adds what it
 * likes. A POST without Content-Length has no body here (libwebsockets would wait for 100 MB); it
 * is handled at once and the connection closes after the reply. */
#include "signaling/bearer.h"
#include "signaling/http.h"

#include <errno.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mcu/base/log.h"
#include "signaling/http_once.h"
#include "signaling/whip.h"

enum { CHUNK_SIZE = 32 * 1024, REPLY_TIMEOUT_S = 60, FREE_BODY_MAX = 64 * 1024 };

/* With every 503: by then a room is up again, and figures of the load are new. */
#define RETRY_AFTER_S "5"

/* --- reading the request ---------------------------------------------------------------------- */

static void copy_field(struct lws *wsi, enum lws_token_indexes token, char *out, size_t size)
{
    if (lws_hdr_total_length(wsi, token) <= 0 || lws_hdr_copy(wsi, out, (int)size, token) < 0)
        out[0] = '\0';
}

/* Pictures and files are shown by elements that cannot set headers; ZLMediaKit's clients do not. */
static bool is_token_in_address(struct lws *wsi, const char *path)
{
    return lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0 ||
           (strncmp(path, "/index/api/", 11) == 0 &&
            lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0);
}

static void copy_fields(struct sig_http_fields *f, struct lws *wsi, const char *path)
{
    copy_field(wsi, WSI_TOKEN_HOST, f->host, sizeof(f->host));
    copy_field(wsi, WSI_TOKEN_ORIGIN, f->origin, sizeof(f->origin));
    copy_field(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, f->content_type, sizeof(f->content_type));
    copy_field(wsi, WSI_TOKEN_HTTP_IF_MATCH, f->if_match, sizeof(f->if_match));
    copy_field(wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, f->if_none_match, sizeof(f->if_none_match));
    copy_field(wsi, WSI_TOKEN_HTTP_IF_RANGE, f->if_range, sizeof(f->if_range));
    copy_field(wsi, WSI_TOKEN_HTTP_RANGE, f->range, sizeof(f->range));
    sig_bearer_read(wsi, is_token_in_address(wsi, path), f->token, sizeof(f->token));
}

static enum sig_method read_method(struct lws *wsi)
{
    static const struct {
        enum lws_token_indexes token;
        enum sig_method method;
    } methods[] = {
        {WSI_TOKEN_GET_URI, SIG_GET},         {WSI_TOKEN_HEAD_URI, SIG_HEAD},
        {WSI_TOKEN_POST_URI, SIG_POST},       {WSI_TOKEN_PUT_URI, SIG_PUT},
        {WSI_TOKEN_PATCH_URI, SIG_PATCH},     {WSI_TOKEN_DELETE_URI, SIG_DELETE},
        {WSI_TOKEN_OPTIONS_URI, SIG_OPTIONS},
    };
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        if (lws_hdr_total_length(wsi, methods[i].token) > 0)
            return methods[i].method;
    }
    return 0;
}

static void copy_args(struct sig_http *req, struct lws *wsi)
{
    for (int i = 0; i < SIG_HTTP_ARGS; i++) {
        if (lws_hdr_copy_fragment(wsi, req->args[i], SIG_HTTP_ARG_MAX, WSI_TOKEN_HTTP_URI_ARGS, i) <
            0)
            req->args[i][0] = '\0';
    }
}

/* The length that was announced: -1 none, -2 not a number. */
static int64_t content_length(struct lws *wsi)
{
    char text[24];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0)
        return -1;
    copy_field(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, text, sizeof(text));
    if (!text[0] || text[strspn(text, "0123456789")] != '\0' || strlen(text) > 18)
        return -2;
    return strtoll(text, NULL, 10);
}

static void add_cors(struct sig_http *req)
{
    const char *origin = req->fields.origin;
    if (!origin[0] || !sig_origin_is_allowed(req->front->config, origin, req->fields.host))
        return;
    sig_http_header(req, "Access-Control-Allow-Origin", origin);
    sig_http_header(req, "Vary", "Origin");
    sig_http_header(req, "Access-Control-Expose-Headers",
                    "Location, ETag, Link, Accept-Post, Accept-Patch, Accept-Ranges, Content-Range, "
                    "Content-Disposition, Retry-After, Allow, WWW-Authenticate, Idempotency-Replayed");
}

static void reply_options(struct sig_http *req)
{
    char allow[96];
    sig_route_allow(allow, sizeof(allow), req->match.allowed);
    sig_http_header(req, "Allow", allow);
    sig_http_header(req, "Access-Control-Allow-Methods", allow);
    sig_http_header(req, "Access-Control-Allow-Headers",
                    "Authorization, Content-Type, If-Match, If-None-Match, If-Range, Range, "
                    "Idempotency-Key");
    sig_http_header(req, "Access-Control-Max-Age", "3600");
    const bool is_session_door =
        strncmp(req->path, "/whip/", 6) == 0 || strncmp(req->path, "/whep/", 6) == 0;
    if (is_session_door && req->match.allowed & SIG_POST)
        sig_http_header(req, "Accept-Post", "application/sdp");
    if (is_session_door && req->match.allowed & SIG_PATCH)
        sig_http_header(req, "Accept-Patch",
                        req->path[3] == 'e' ? WHIP_PATCHES : WHIP_TRICKLE); /* /whep/ */
    sig_http_reply(req, 204, NULL, NULL, 0);
}

static void handle(struct sig_http *req)
{
    req->was_handled = true;
    /* Who replies later may have to wait for a room or a child process. */
    lws_set_timeout(req->wsi, PENDING_TIMEOUT_HTTP_CONTENT, REPLY_TIMEOUT_S);
    if (req->match.route) {
        if (!sig_once_answer(req))
            req->match.route->handle(req);
    } else if (req->method == SIG_OPTIONS && req->match.allowed) {
        reply_options(req);
    } else if (req->match.allowed) {
        char allow[96];
        sig_route_allow(allow, sizeof(allow), req->match.allowed);
        sig_http_header(req, "Allow", allow);
        sig_http_error(req, sig_error("method_not_allowed"), NULL);
    } else {
        sig_http_error(req, sig_error("not_found"), NULL);
    }
}

/* Refuses a body that we will not read; the connection cannot be used after that. */
static void refuse_body(struct sig_http *req, const char *code)
{
    req->was_handled = true;
    req->must_close = true;
    sig_http_error(req, sig_error(code), NULL);
}

/* Who has no token makes us keep little. */
static bool is_stranger(const struct sig_http *req)
{
    struct sig_token token;
    return sig_authenticate(req->front->config, req->fields.token, &token) != NULL;
}

static void begin_body(struct sig_http *req, int64_t length)
{
    const size_t most = req->match.route ? req->match.route->body_max : 0;
    if (length == -2) {
        refuse_body(req, "bad_request");
    } else if (length > 0 && !req->match.route) {
        req->must_close = true; /* the wrong address or method is what is wrong, not the body */
        handle(req);
    } else if ((uint64_t)length > most) {
        refuse_body(req, "too_large");
    } else if (length > FREE_BODY_MAX && is_stranger(req)) {
        refuse_body(req, "unauthorized");
    } else {
        req->body = malloc((size_t)length + 1);
        req->body_expected = (size_t)length;
        if (!req->body)
            refuse_body(req, "too_busy");
    }
}

struct sig_http *sig_http_begin(struct sig_front *front, struct lws *wsi, const char *path)
{
    struct sig_http *req = calloc(1, sizeof(*req));
    if (!req)
        return NULL;
    req->refs = 1;
    req->wsi = wsi;
    req->front = front;
    req->file = -1;
    req->method = read_method(wsi);
    front->stats.http_requests++;
    copy_fields(&req->fields, wsi, path);
    copy_args(req, wsi);
    add_cors(req);
    if (strlen(path) < sizeof(req->path)) {
        snprintf(req->path, sizeof(req->path), "%s", path);
        sig_route_find(&req->match, sig_routes, req->method, req->path);
    }
    const int64_t length = content_length(wsi);
    const bool has_body_method = req->method & (SIG_POST | SIG_PUT | SIG_PATCH);
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0) {
        refuse_body(req, "length_required");
    } else if (length != 0 && length != -1) {
        begin_body(req, length);
    } else {
        req->must_close = length == -1 && has_body_method;
        handle(req);
    }
    return req;
}

int sig_http_body(struct sig_http *req, const void *data, size_t size)
{
    if (req->was_handled)
        return 0; /* refused: what still comes is dropped */
    if (size > req->body_expected - req->body_size)
        return -1;
    memcpy(req->body + req->body_size, data, size);
    req->body_size += size;
    return 0;
}

int sig_http_body_end(struct sig_http *req)
{
    if (req->was_handled)
        return 0;
    if (req->body)
        req->body[req->body_size] = '\0';
    handle(req);
    return 0;
}

/* --- for handlers ----------------------------------------------------------------------------- */

struct sig_http *sig_http_ref(struct sig_http *req)
{
    req->refs++;
    return req;
}

void sig_http_unref(struct sig_http *req)
{
    if (!req || --req->refs)
        return;
    sig_once_forget(req);
    if (req->file >= 0)
        close(req->file);
    free(req->owned);
    free(req->body);
    free(req);
}

void sig_http_gone(struct sig_http *req)
{
    req->wsi = NULL;
    sig_http_unref(req);
}

const char *sig_http_param(const struct sig_http *req, uint32_t n)
{
    return n < SIG_ROUTE_PARAMS ? req->match.params[n] : "";
}

const char *sig_http_arg(const struct sig_http *req, const char *name)
{
    const size_t n = strlen(name);
    for (size_t i = 0; i < SIG_HTTP_ARGS; i++) {
        if (strncmp(req->args[i], name, n) == 0 && req->args[i][n] == '=')
            return req->args[i] + n + 1;
    }
    return "";
}

int64_t sig_http_arg_number(const struct sig_http *req, const char *name, int64_t max,
                            int64_t fallback)
{
    const char *text = sig_http_arg(req, name);
    if (!text[0])
        return fallback;
    if (text[strspn(text, "0123456789")] != '\0' || strlen(text) > 18)
        return -EINVAL;
    const int64_t n = strtoll(text, NULL, 10);
    return n <= max ? n : -EINVAL;
}

bool sig_http_is_type(const struct sig_http *req, const char *type)
{
    const char *have = req->fields.content_type;
    const size_t n = strlen(type);
    return strncasecmp(have, type, n) == 0 && (have[n] == '\0' || have[n] == ';' || have[n] == ' ');
}

const struct sig_error *sig_http_check(struct sig_http *req, const char *room,
                                       struct sig_token *token)
{
    const struct sig_error *error =
        sig_doorman_check(req->front, req->wsi, req->fields.token, token);
    if (!error && token->is_observer && !(req->method & (SIG_GET | SIG_HEAD)))
        error = sig_error("forbidden");
    if (!error && !sig_token_is_for(token, room))
        error = sig_error("forbidden");
    const struct sig_room *open = room ? sig_rooms_find(req->front->rooms, room) : NULL;
    if (!error && open && !token->is_admin && sig_rules_are_against(&open->rules, token->sub))
        error = sig_error("banned");
    return error;
}

bool sig_http_authorize(struct sig_http *req, const char *room, struct sig_token *token)
{
    const struct sig_error *error = sig_http_check(req, room, token);
    if (!error)
        return true;
    if (error->status == 401)
        sig_http_header(req, "WWW-Authenticate", "Bearer");
    sig_http_error(req, error, NULL);
    return false;
}

void sig_http_header(struct sig_http *req, const char *name, const char *value)
{
    char *at = req->headers + req->headers_size;
    const size_t left = sizeof(req->headers) - req->headers_size;
    const int n = snprintf(at, left, "%s: %s\r\n", name, value);
    if (n < 0 || (size_t)n >= left || strpbrk(value, "\r\n")) {
        *at = '\0';
        log_error("http: a reply's header %s was left out", name);
        return;
    }
    req->headers_size += (size_t)n;
}

/* --- replying --------------------------------------------------------------------------------- */

static bool begin_reply(struct sig_http *req, int status, const char *type)
{
    if (req->is_replied || !req->wsi)
        return false;
    req->is_replied = true;
    req->status = status;
    req->front->stats.http_by_class[status / 100 % 6]++;
    if (type)
        sig_http_header(req, "Content-Type", type);
    sig_http_header(req, "X-Content-Type-Options", "nosniff");
    lws_callback_on_writable(req->wsi);
    return true;
}

void sig_http_reply_static(struct sig_http *req, int status, const char *type, const void *data,
                           size_t size)
{
    if (!begin_reply(req, status, type))
        return;
    req->data = data;
    req->end = size;
}

void sig_http_reply(struct sig_http *req, int status, const char *type, const void *data,
                    size_t size)
{
    if (!req->is_replied)
        sig_once_keep(req, status, type, data, size);
    if (!req->wsi || req->is_replied)
        return;
    req->owned = size ? malloc(size) : NULL;
    if (size && !req->owned) {
        sig_http_reply_static(req, 503, NULL, NULL, 0);
        return;
    }
    if (size)
        memcpy(req->owned, data, size);
    sig_http_reply_static(req, status, type, req->owned, size);
}

void sig_http_json(struct sig_http *req, int status, json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    json_decref(json);
    sig_http_header(req, "Cache-Control", "no-store");
    if (text)
        sig_http_reply(req, status, "application/json", text, strlen(text));
    else
        sig_http_reply_static(req, 503, NULL, NULL, 0);
    free(text);
}

void sig_http_error(struct sig_http *req, const struct sig_error *error, const char *detail)
{
    if (error->status == 503)
        sig_http_header(req, "Retry-After", RETRY_AFTER_S);
    if (strcmp(error->code, "too_many_tokens") == 0)
        sig_http_header(req, "Retry-After", "60");
    sig_http_json(req, error->status, json_pack("{s:o}", "error", sig_error_json(error, detail)));
}

void sig_http_reply_file(struct sig_http *req, int status, const char *type, int fd, uint64_t first,
                         uint64_t size)
{
    if (!begin_reply(req, status, type)) {
        close(fd);
        return;
    }
    req->file = fd;
    req->first = req->at = first;
    req->end = first + size;
}

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *words;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {422, "Unprocessable Content"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].words;
    }
    return "Reply";
}

static int send_headers(struct sig_http *req)
{
    unsigned char buffer[LWS_PRE + SIG_HTTP_HEADERS_MAX + 256];
    char *text = (char *)buffer + LWS_PRE;
    const bool has_no_body = req->status == 204 || req->status == 304;
    int n = snprintf(text, sizeof(buffer) - LWS_PRE, "HTTP/1.1 %d %s\r\n%s", req->status,
                     reason(req->status), req->headers);
    if (!has_no_body)
        n += snprintf(text + n, sizeof(buffer) - LWS_PRE - (size_t)n, "Content-Length: %llu\r\n",
                      (unsigned long long)(req->end - req->at));
    n += snprintf(text + n, sizeof(buffer) - LWS_PRE - (size_t)n, "%s\r\n",
                  req->must_close ? "Connection: close\r\n" : "");
    req->headers_sent = true;
    if (req->method == SIG_HEAD || has_no_body)
        req->at = req->end;
    return lws_write(req->wsi, buffer + LWS_PRE, (size_t)n, LWS_WRITE_HTTP_HEADERS) < n ? -1 : 0;
}

static int send_chunk(struct sig_http *req)
{
    static unsigned char buffer[LWS_PRE + CHUNK_SIZE]; /* the front is one thread */
    const uint64_t left = req->end - req->at;
    size_t size = left < CHUNK_SIZE ? (size_t)left : CHUNK_SIZE;
    if (req->file >= 0) {
        const ssize_t n = pread(req->file, buffer + LWS_PRE, size, (off_t)req->at);
        if (n <= 0)
            return -1; /* shorter than announced: only closing tells */
        size = (size_t)n;
    } else {
        memcpy(buffer + LWS_PRE, req->data + req->at, size);
    }
    req->at += size;
    const bool is_last = req->at == req->end;
    const int n = lws_write(req->wsi, buffer + LWS_PRE, size,
                            is_last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP);
    return n < (int)size ? -1 : 0;
}

int sig_http_writable(struct sig_http *req, bool *done)
{
    *done = false;
    if (!req->is_replied)
        return 0;
    lws_set_timeout(req->wsi, PENDING_TIMEOUT_HTTP_CONTENT, REPLY_TIMEOUT_S);
    const int err = !req->headers_sent   ? send_headers(req)
                    : req->at < req->end ? send_chunk(req)
                                         : 0;
    if (err)
        return err;
    if (req->at < req->end) {
        lws_callback_on_writable(req->wsi);
        return 0;
    }
    *done = true;
    return req->must_close ? -1 : 0;
}

void sig_http_refuse_upgrade(struct lws *wsi, const struct sig_error *error)
{
    unsigned char buffer[LWS_PRE + 1024];
    json_t *json = json_pack("{s:o}", "error", sig_error_json(error, NULL));
    char *body = json ? json_dumps(json, JSON_COMPACT) : NULL;
    const int n =
        snprintf((char *)buffer + LWS_PRE, sizeof(buffer) - LWS_PRE,
                 "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                 error->status, reason(error->status), body ? strlen(body) : 0, body ? body : "");
    if (n > 0 && (size_t)n < sizeof(buffer) - LWS_PRE)
        lws_write(wsi, buffer + LWS_PRE, (size_t)n, LWS_WRITE_HTTP_HEADERS);
    free(body);
    json_decref(json);
}
