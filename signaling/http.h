/* signaling/http.h - one HTTP request and its reply, between libwebsockets and the handlers.
 *
 * A handler is called once, when the whole body is there, and replies at once or later, exactly
 * once. Who replies later holds a reference (sig_http_ref); when the client has gone meanwhile the
 * reply is dropped. Everything on the front's thread. */
#ifndef SIGNALING_HTTP_H
#define SIGNALING_HTTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "signaling/errors.h"
#include "signaling/front.h"
#include "signaling/router.h"

enum {
    SIG_HTTP_ARGS = 8,
    SIG_HTTP_ARG_MAX = 256,
    SIG_HTTP_HEADERS_MAX = 4096, /* bytes of a reply's headers */
};

struct lws;

/* What is kept of a request's headers; "" when it was not sent or did not fit. */
struct sig_http_fields {
    char host[256];
    char origin[256];
    char content_type[128];
    char if_match[128];
    char if_none_match[128];
    char if_range[128];
    char range[128];
    char token[SIG_TOKEN_SIZE_MAX]; /* of Authorization: Bearer */
};

struct sig_http {
    uint32_t refs;
    struct lws *wsi; /* NULL: the client has gone */
    struct sig_front *front;
    enum sig_method method;
    char path[SIG_ROUTE_PATH_MAX];
    char args[SIG_HTTP_ARGS][SIG_HTTP_ARG_MAX]; /* "name=value", decoded */
    struct sig_http_fields fields;
    struct sig_match match;
    char *body;
    size_t body_size;
    size_t body_expected;
    uint64_t once_id; /* its answer is to be kept (http_once.h); 0: not */
    bool was_handled;
    bool is_replied;
    bool headers_sent;
    bool must_close; /* after the reply */
    int status;
    char headers[SIG_HTTP_HEADERS_MAX]; /* added by the handler, "Name: value\r\n" each */
    size_t headers_size;
    bool headers_overflow;
    const unsigned char *data; /* of the reply's body */
    unsigned char *owned;      /* the same, when it is ours to free */
    int file;                  /* or the body is a part of this; -1 */
    uint64_t at;               /* into data or the file */
    uint64_t end;
    uint64_t first; /* where `at` began */
};

/* Which handlers there are: http_routes.c. Ended by a NULL pattern. */
extern const struct sig_route sig_routes[];

/* --- for handlers ----------------------------------------------------------------------------- */

struct sig_http *sig_http_ref(struct sig_http *req);
void sig_http_unref(struct sig_http *req);

/* The n-th part in braces of the route's pattern. */
const char *sig_http_param(const struct sig_http *req, uint32_t n);

/* The value of a query argument, or "" . */
const char *sig_http_arg(const struct sig_http *req, const char *name);

/* The same as a number: fallback when it is absent, -EINVAL when it is none or out of bounds. */
int64_t sig_http_arg_number(const struct sig_http *req, const char *name, int64_t max,
                            int64_t fallback);

/* Whether the request's Content-Type is this, parameters aside. */
bool sig_http_is_type(const struct sig_http *req, const char *type);

/* Adds a header to the coming reply. name and value are ours, or were checked: no line ends. */
void sig_http_header(struct sig_http *req, const char *name, const char *value);

/* Replies. reply copies data; reply_static does not (data must live on). type NULL: no body. */
void sig_http_reply(struct sig_http *req, int status, const char *type, const void *data,
                    size_t size);
void sig_http_reply_static(struct sig_http *req, int status, const char *type, const void *data,
                           size_t size);
void sig_http_json(struct sig_http *req, int status, json_t *json); /* steals json */
void sig_http_error(struct sig_http *req, const struct sig_error *error, const char *detail);

/* Replies with bytes first..last of an open file, which becomes the request's. */
void sig_http_reply_file(struct sig_http *req, int status, const char *type, int fd, uint64_t first,
                         uint64_t size);

/* Whether the request's token is good, and for that room (NULL: an admin's is needed). NULL and
 * *token, or why not. */
const struct sig_error *sig_http_check(struct sig_http *req, const char *room,
                                       struct sig_token *token);

/* Checks the bearer token; replies with the error itself. room NULL: an admin's token is needed. */
bool sig_http_authorize(struct sig_http *req, const char *room, struct sig_token *token);

/* A regular file with ranges, conditions and HEAD (http_file.c). type is its Content-Type. */
void sig_http_serve_file(struct sig_http *req, const char *path, const char *type);

/* --- for server.c ----------------------------------------------------------------------------- */

/* A request whose headers have come. Returns NULL when there is no memory. */
struct sig_http *sig_http_begin(struct sig_front *front, struct lws *wsi, const char *path);

/* Body bytes; each returns 0, or -1: close the connection. */
int sig_http_body(struct sig_http *req, const void *data, size_t size);
int sig_http_body_end(struct sig_http *req);

/* The connection can take more of the reply: 0, or -1: close it. *done: the reply is out. */
int sig_http_writable(struct sig_http *req, bool *done);

/* The connection is gone. */
void sig_http_gone(struct sig_http *req);

/* Answers a request to upgrade with an error, in the one callback where that can be done. */
void sig_http_refuse_upgrade(struct lws *wsi, const struct sig_error *error);

#endif
