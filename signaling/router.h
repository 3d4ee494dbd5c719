/* signaling/router.h - which handler a method and a path belong to: a table, and a pure function.
 *
 * A pattern is a path whose parts in braces take one non-empty segment each, "/r/{room}"; at most
 * SIG_ROUTE_PARAMS of them. A last part of "*" takes what no pattern before it fits, and makes
 * no path known by itself. Threads: pure, [any]. */
#ifndef SIGNALING_ROUTER_H
#define SIGNALING_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sig_http;

enum sig_method { /* bits */
                  SIG_GET = 1,
                  SIG_HEAD = 2,
                  SIG_POST = 4,
                  SIG_PUT = 8,
                  SIG_PATCH = 16,
                  SIG_DELETE = 32,
                  SIG_OPTIONS = 64,
};

enum {
    SIG_ROUTE_PARAMS = 2,
    SIG_ROUTE_PARAM_MAX = 132, /* a user's id is 128 bytes */
    SIG_ROUTE_PATH_MAX = 512,
};

struct sig_route {
    enum sig_method method; /* SIG_GET takes HEAD too */
    const char *pattern;
    void (*handle)(struct sig_http *req);
    size_t body_max; /* bytes; 0: none is taken */
};

struct sig_match {
    const struct sig_route *route;                      /* NULL: none */
    uint32_t allowed;                                   /* methods that the path takes, bits */
    char params[SIG_ROUTE_PARAMS][SIG_ROUTE_PARAM_MAX]; /* percent-decoded by the server already */
};

/* The first route of the table (ended by a NULL pattern) that fits. Without one, allowed tells
 * whether the path is known (405) or not (404: 0). */
void sig_route_find(struct sig_match *out, const struct sig_route *table, enum sig_method method,
                    const char *path);

/* "GET, HEAD, OPTIONS": what `allowed` means; into out, cut when it does not fit. */
void sig_route_allow(char *out, size_t size, uint32_t allowed);

#endif
