/* signaling/dialect.h - calls in the words of messaging servers that have them already:
 *
 *     {"type": 2, "send_id": "ann", "receive_id": "bob", "session_id": "...",
 *      "av_data": "{\"messageId\": \"PROXY\", \"type\": \"start_call\", ...}"}
 *
 * A client that speaks so is understood and answered so; docs/protocol.md has the table. What is no
 * call (rooms, text, presence) has no words there and goes as ever. Pure functions, [any]. */
#ifndef SIGNALING_DIALECT_H
#define SIGNALING_DIALECT_H

#include <jansson.h>
#include <stdbool.h>

#include "signaling/users.h"

enum { SIG_DIALECT_TYPE = 2, SIG_DIALECT_SESSION_SIZE = 129 };

/* How one client speaks; zeroed: as docs/protocol.md. */
struct sig_dialect {
    bool is_spoken; /* the newest call request was in it */
    bool says_sdp;  /* offers and answers are of type `sdp`, in messageData */
    char session[SIG_DIALECT_SESSION_SIZE]; /* its session_id, as it was last */
};

/* Whether a message is in the dialect, well or badly. */
bool sig_dialect_is(const json_t *message);

/* Into our words: {type: rtc, action, data}, data.targetUser the receiver. Learns how the client
 * speaks; from gets who sends. The caller owns *out. Returns 0, -EBADMSG or -ENOMEM, and then d is
 * untouched. */
int sig_dialect_in(struct sig_dialect *d, const json_t *message, json_t **out,
                   char from[SIG_USER_SIZE]);

/* An event of a call for client `me`; NULL: it has no words for that, send it as it is. Caller
 * owns. */
json_t *sig_dialect_out(const struct sig_dialect *d, const char *me, const json_t *message);

#endif
