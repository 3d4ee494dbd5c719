/* signaling/bearer.h - the token that a request brings along (RFC 6750). Front thread. */
#ifndef SIGNALING_BEARER_H
#define SIGNALING_BEARER_H

#include <libwebsockets.h>
#include <stdbool.h>
#include <stddef.h>

/* Of `Authorization: Bearer`, else, where that is taken, of `?token=`: WebSockets and media elements
 * of browsers cannot set headers. out becomes "" where there is none; one that does not fit is cut,
 * and is no token then. */
void sig_bearer_read(struct lws *wsi, bool is_taken_from_address, char *out, size_t size);

#endif
