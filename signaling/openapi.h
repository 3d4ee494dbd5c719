/* signaling/openapi.h - what the HTTP interface is, as OpenAPI 3.1: made of the table that routes
 * the requests (http_routes.c: methods, paths, sizes of bodies), of words about each row
 * (openapi_words.c) and of the shapes of what is sent (apidoc/schemas.json). Front thread. */
#ifndef SIGNALING_OPENAPI_H
#define SIGNALING_OPENAPI_H

#include <jansson.h>

#include "signaling/router.h"

enum sig_caller {
    SIG_ANYBODY, /* no token */
    SIG_GUEST,   /* a token of the room */
    SIG_SELF,    /* the member himself, hosts, admins */
    SIG_RIGHT,   /* hosts, whom the claim or the room's rules say, admins */
    SIG_HOST,    /* hosts of the room, admins */
    SIG_ADMIN,
};

/* What is said of one route. */
struct sig_words {
    enum sig_method method;
    const char *pattern; /* as in the table of routes */
    const char *tag;
    const char *summary;
    enum sig_caller caller;
    const char *query;  /* names of arguments, with blanks between; "": none */
    const char *body;   /* a schema or a media type, a "?" behind it: may be left out; "": none */
    const char *answer; /* "STATUS SCHEMA-OR-TYPE", several with ";" between; no schema: no body */
    const char *errors; /* codes beside those that every such route has */
};

extern const struct sig_words sig_words[]; /* ended by a NULL pattern */

/* Pages, which are nobody's interface. */
bool sig_words_skip(const struct sig_route *route);

/* The words of a route; NULL: none. */
const struct sig_words *sig_words_find(const struct sig_route *route);

/* The document; new. NULL: no memory. */
json_t *sig_openapi_make(const struct sig_route *routes);

#endif
