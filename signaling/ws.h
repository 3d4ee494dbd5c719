/* signaling/ws.h - one WebSocket client: messages in, messages out, within bounds.
 *
 * At most SIG_WS_MESSAGE_MAX bytes and SIG_WS_DEPTH_MAX levels a message, SIG_WS_RATE messages a
 * second after a burst of SIG_WS_BURST; SIG_WS_OUT_MAX bytes that it leaves unread and it is
 * dropped. Who waits for an answer holds a reference; when the client has gone what is sent to it
 * is dropped. Everything on the front's thread. */
#ifndef SIGNALING_WS_H
#define SIGNALING_WS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "signaling/errors.h"
#include "signaling/front.h"
#include "signaling/users.h"

enum {
    SIG_WS_MESSAGE_MAX = 256 * 1024,
    SIG_WS_OUT_MAX = 1024 * 1024,
    SIG_WS_DEPTH_MAX = 16,
    SIG_WS_RATE = 100,
    SIG_WS_BURST = 200,
    SIG_WS_PING_S = 30,
    SIG_WS_SILENCE_S = 90,
    SIG_WS_ID_MAX = 128,
};

struct lws;
struct ws_message; /* ws.c */
struct ws_waiting; /* ws_seat.c */

struct sig_client {
    struct sig_client *next;
    uint32_t refs;
    struct sig_front *front;
    struct lws *wsi; /* NULL: gone */
    struct sig_token token;
    struct sig_member *member; /* its seat; NULL: none */
    struct ws_waiting *waiting; /* for a host to let it in (ws_seat.c); NULL: not */
    char user[SIG_USER_SIZE];  /* who it is; "": not said yet (--dev) */
    struct sig_device *device; /* signed in as; NULL: for nothing but rooms */
    bool is_joining;
    bool is_dropped; /* to be closed at the next chance */
    int64_t heard_us;
    int64_t pinged_us;
    double tokens; /* of the rate limit */
    int64_t tokens_us;
    char *in; /* the message that is coming */
    size_t in_size;
    size_t in_capacity;
    struct ws_message *out_first;
    struct ws_message *out_last;
    size_t out_size;
};

struct sig_client *sig_client_ref(struct sig_client *c);
void sig_client_unref(struct sig_client *c);

/* Sends a message; borrowed. */
void sig_client_send(struct sig_client *c, const json_t *message);

/* For the model: the seat is gone ("resumed", "left" and the like). */
void sig_client_unseat(struct sig_client *c, const char *reason);

/* It waits in no lobby any more. */
void sig_client_stop_waiting(struct sig_client *c);

/* For the users: another connection is this device now. */
void sig_client_replaced(struct sig_client *c);

/* --- requests (ws_actions.c) ------------------------------------------------------------------ */

/* One whole message of a client. */
void sig_client_message(struct sig_client *c, const char *text, size_t size);

/* Whether brackets in text nest at most depth deep; strings are seen as strings. Pure. */
bool sig_json_depth_fits(const char *text, size_t size, uint32_t depth);

/* --- for server.c ----------------------------------------------------------------------------- */

/* A connection that asks to become a WebSocket: returns NULL with its token in *token, or what is
 * wrong with its path, origin or token. */
const struct sig_error *sig_ws_check(struct sig_front *front, struct lws *wsi,
                                     struct sig_token *token);

struct sig_client *sig_client_open(struct sig_front *front, struct lws *wsi,
                                   const struct sig_token *token);
/* Each returns 0, or -1: close the connection. */
int sig_client_received(struct sig_client *c, const void *data, size_t size);
int sig_client_writable(struct sig_client *c);
void sig_client_gone(struct sig_client *c);

/* About once a second: pings, and clients that are silent. */
void sig_clients_tick(struct sig_front *front, int64_t now_us);

#endif
