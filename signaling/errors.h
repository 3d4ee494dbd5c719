/* signaling/errors.h - everything that can be refused: one table of code, HTTP status, message,
 * hint.
 *
 * Codes are stable (docs/protocol.md lists them); WebSocket and HTTP share them. Threads: [any]. */
#ifndef SIGNALING_ERRORS_H
#define SIGNALING_ERRORS_H

#include <jansson.h>

struct sig_error {
    const char *code;
    int status; /* HTTP */
    const char *message;
    const char *hint; /* what to do; may be NULL */
};

/* The entry of that code; "internal" when there is none. Static storage, never NULL. */
const struct sig_error *sig_error(const char *code);

/* The error that a room's reply tells (docs/control.md), or NULL when it says ok. */
const struct sig_error *sig_error_of_reply(const json_t *reply);

/* {"code", "message", "hint"}; detail (may be NULL) takes the message's place. Caller owns. */
json_t *sig_error_json(const struct sig_error *e, const char *detail);

#endif
