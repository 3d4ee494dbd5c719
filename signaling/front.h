/* signaling/front.h - what every handler of the front may need, and nothing that only one does.
 *
 * One of these, filled by front_parts.c; everything on the front's thread. */
#ifndef SIGNALING_FRONT_H
#define SIGNALING_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "mcu/config.h"
#include "signaling/doorman.h"
#include "signaling/host.h"
#include "signaling/rooms.h"
#include "signaling/store.h"
#include "signaling/token.h"

struct sig_front_stats {
    uint64_t http_requests;
    uint64_t http_by_class[6]; /* replies 1xx..5xx at 1..5 */
    uint64_t ws_connections;
    uint64_t ws_messages_in;
    uint64_t ws_messages_out;
    uint64_t ws_refused; /* bad origin or token */
    uint64_t ws_rate_limited;
    uint64_t ws_pongs;
    uint64_t bad_tokens;     /* refused */
    uint64_t limited_tokens; /* of these, by the address's limit */
    uint64_t certificates;   /* read anew */
    uint64_t ws_dropped; /* clients that did not read, or were silent */
};

struct sig_hooks;
struct sig_users;
struct sig_calls;
struct sig_chat;
struct sig_layouts;
struct sig_once;
struct sig_images;
struct sig_pictures;
struct sig_uploads;

struct sig_front {
    const struct mcu_config *config;
    struct sig_host host;
    struct sig_rooms *rooms;
    struct sig_store *store;
    struct sig_hooks *hooks; /* may be NULL */
    struct sig_users *users;
    struct sig_calls *calls;
    struct sig_chat *chat;
    struct sig_layouts *layouts;
    struct sig_images *images;     /* that layouts name */
    struct sig_pictures *pictures; /* of layouts */
    struct sig_uploads *uploads;   /* NULL: recordings stay here */
    const char *snapshots_dir;
    struct sig_client *clients; /* open WebSockets */
    uint32_t client_count;
    int64_t started_at_ms;
    bool is_ready; /* earlier rooms were adopted */
    struct sig_once *once; /* kept answers of POSTs (http_once.h); NULL: none yet */
    struct sig_tries tries; /* bad tokens */
    struct sig_front_stats stats;
};

/* Whether a page of that origin may call: the same host, http.cors_origins, or anybody in --dev. */
bool sig_origin_is_allowed(const struct mcu_config *config, const char *origin, const char *host);

/* Checks a token's text ("": none). In --dev none is needed and the answer is a host who may do
 * all. Returns NULL and fills *out, or unauthorized, token_invalid, token_expired. */
const struct sig_error *sig_authenticate(const struct mcu_config *config, const char *token,
                                         struct sig_token *out);

/* The same; *why gets words for the log. */
const struct sig_error *sig_authenticate_why(const struct mcu_config *config, const char *token,
                                             struct sig_token *out, const char **why);

/* Whether the token is for that room (NULL: for all). */
bool sig_token_is_for(const struct sig_token *t, const char *room);

#endif
