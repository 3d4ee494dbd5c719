/* signaling/doorman.h - bad tokens: counted, logged without the token, and limited by address.
 *
 * After auth.bad_tokens of them within a minute an address gets 429 for further ones until the
 * minute is over. A good token is never refused for that: behind one address there may be many
 * people, and keys of 256 bits are not guessed. IPv6 counts by /64. The table is bounded: of 8
 * addresses that fall into one place the one that was bad longest ago is forgotten.
 *
 * Front thread, but for the pure part. */
#ifndef SIGNALING_DOORMAN_H
#define SIGNALING_DOORMAN_H

#include <stdbool.h>
#include <stdint.h>

#include "signaling/errors.h"
#include "signaling/token.h"

enum { SIG_TRIES_PLACES = 512, SIG_TRIES_WAYS = 8, SIG_TRIES_WINDOW_S = 60 };

struct sig_try {
    uint64_t address; /* a hash; 0: free */
    int64_t since_us; /* its minute began */
    uint32_t count;
};

struct sig_tries {
    uint64_t seed;
    struct sig_try at[SIG_TRIES_PLACES][SIG_TRIES_WAYS];
};

/* Counts one more; returns how many there were in this minute, this one included. [any] */
uint32_t sig_tries_add(struct sig_tries *t, const char *address, int64_t now_us);

struct sig_front;
struct lws;

/* Checks a token ("": none) as sig_authenticate() does and keeps count. Returns NULL and *token, or
 * unauthorized, token_invalid, token_expired, too_many_tokens. */
const struct sig_error *sig_doorman_check(struct sig_front *front, struct lws *wsi,
                                          const char *text, struct sig_token *token);

#endif
