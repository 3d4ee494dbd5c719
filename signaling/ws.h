/* signaling/ws.h - one WebSocket client: messages in, messages out, within bounds.
 *
 * At most SIG_WS_MESSAGE_MAX bytes and SIG_WS_DEPTH_MAX levels a message, SIG_WS_RATE messages a
 * second after a burst of SIG_WS_BURST; what is more is refused, and who goes on is closed with a
 * reason. SIG_WS_OUT_MAX bytes that it leaves unread and it is dropped. Who waits for an answer holds a reference; when the client has gone what is sent to it
 * is dropped. Everything on the front's thread. */
#ifndef SIGNALING_WS_H
#define SIGNALING_WS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "signaling/dialect.h"
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
    SIG_WS_MESSAGE_S = 60,  /* that one message may take to come */
    SIG_WS_FAULTS_MAX = 50, /* refused messages without good ones between, then it is closed */
    SIG_TRUNK_OUT_MAX = 32 * 1024 * 1024,
    SIG_TRUNK_RATE = 20000, /* all its users' */
};

struct lws;
struct ws_message; /* ws.c */
struct ws_waiting; /* ws_seat.c */

struct sig_trunk;

struct sig_client {
    struct sig_client *next;
    struct sig_client **at; /* what points to it; NULL: of a trunk */
    uint32_t refs;
    struct sig_front *front;
    struct lws *wsi;         /* NULL: gone, or of a trunk */
    bool is_gone;            /* what is sent to it is dropped */
    struct sig_trunk *trunk; /* it is one; NULL: it is not */
    struct sig_client *via;  /* the trunk's that it comes by; NULL: its own connection */
    char via_device[SIG_DEVICE_SIZE];
    struct sig_dialect dialect;
    struct sig_token token;
    struct sig_member *member; /* its seat; NULL: none */
    struct ws_waiting *waiting; /* for a host to let it in (ws_seat.c); NULL: not */
    char user[SIG_USER_SIZE];  /* who it is; "": not said yet (--dev) */
    struct sig_device *device; /* signed in as; NULL: for nothing but rooms */
    bool is_joining;
    bool is_dropped; /* to be closed at the next chance */
    const char *close_words; /* why; static */
    int64_t heard_us;
    int64_t pinged_us;
    int64_t in_since_us;   /* the message that is coming */
    uint32_t faults;       /* of late */
    int64_t refused_us;    /* when it was last told of its rate */
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

/* A message of a client, parsed: within its rate it is answered. Borrowed. */
void sig_client_take(struct sig_client *c, json_t *message);

/* It did what it may not; too often, and it is closed. */
void sig_client_fault(struct sig_client *c);

/* For trunks: a client without a connection, and its end, whose connection goes (caller's
 * reference). */
struct sig_client *sig_client_create(struct sig_front *front);
void sig_client_end(struct sig_client *c);

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
void sig_client_pong(struct sig_client *c);
void sig_client_gone(struct sig_client *c);

size_t sig_clients_on_trunks(const struct sig_front *front);

/* About once a second: pings, and clients that are silent. */
void sig_clients_tick(struct sig_front *front, int64_t now_us);

#endif
