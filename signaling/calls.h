/* signaling/calls.h - calls between users: who rings, who has answered, how it ended.
 *
 * A call has parties: the caller, who is in it from the start, and those he calls, who ring on all
 * their devices until one answers. A user is in one call at a time. Of a `p2p` call media flows
 * between the two, and their descriptions and candidates are relayed untouched; the others have a
 * room of the call's name (or one that is named), whose seats are taken with `join` as ever. What
 * is stored is one row for each user called. docs/protocol.md has every flow.
 *
 * Everything is on the front's thread. */
#ifndef SIGNALING_CALLS_H
#define SIGNALING_CALLS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "signaling/errors.h"
#include "signaling/store.h"
#include "signaling/users.h"

enum {
    SIG_CALL_TARGETS_MAX = 100, /* who may be called at once, and parties of one call */
    SIG_CALLS_MAX = 20000,
    SIG_CALL_REASON_SIZE = 65,
};

/* Who has answered has so long to take his seat. */
#define SIG_CALL_SEAT_US (30 * INT64_C(1000000))

struct sig_calls;

struct sig_calls_conf {
    struct sig_users *users;
    struct sig_store *store; /* may be NULL */
    int64_t ring_us;         /* until nobody answers */
    int64_t (*now_us)(void);

    /* The rooms: whether he has a seat; take it; end the room. */
    void *ctx;
    bool (*has_seat)(void *ctx, const char *room, const char *user);
    void (*unseat)(void *ctx, const char *room, const char *user);
    void (*close_room)(void *ctx, const char *room);
    /* A viewer who sits there was asked up by another user, who may or may not (then nothing
     * changes, nor does it downwards). */
    void (*ask_up)(void *ctx, const char *room, const char *user, const char *role,
                   const char *by);
    /* For hooks; data is stolen. NULL: nobody listens. */
    void (*hook)(void *ctx, const char *event, const char *room, json_t *data);
};

/* What `call` and `invite` say. */
struct sig_call_wish {
    const char *call;    /* of `invite`: the call; "": the caller's only one, or his seat's room */
    const char *type;    /* "p2p", "1v1", "mcu", "broadcast"; "": by how many are called */
    const char *media;   /* "audio", "video" */
    const char *room;    /* of `call`: join that one; "": one of its own */
    const char *seat;    /* the room that the caller has a seat in; "": none */
    const char *role;    /* of those called, in the room; "": by the type */
    const char *own;     /* of the caller, in a named room; NULL: publisher */
    const json_t *users; /* an array of strings, checked */
};

struct sig_calls_stats {
    uint32_t calls, ringing;
    uint64_t started, answered, missed, rejected, busy, cancelled, lost;
};

int sig_calls_create(struct sig_calls **out, const struct sig_calls_conf *conf);
void sig_calls_destroy(struct sig_calls *c);
void sig_calls_tick(struct sig_calls *c);

/* Each returns NULL and, where there is something to say, *answer (the caller owns it), or an
 * error. call "": the user's only one. */
const struct sig_error *sig_call_start(struct sig_calls *c, struct sig_device *by,
                                       const struct sig_call_wish *wish, json_t **answer);
const struct sig_error *sig_call_invite(struct sig_calls *c, struct sig_device *by,
                                        const struct sig_call_wish *wish, json_t **answer);
const struct sig_error *sig_call_ringing(struct sig_calls *c, struct sig_device *by,
                                         const char *call);
const struct sig_error *sig_call_accept(struct sig_calls *c, struct sig_device *by,
                                        const char *call, json_t **answer);
const struct sig_error *sig_call_reject(struct sig_calls *c, struct sig_device *by,
                                        const char *call, const char *reason);
/* user "": all that ring still, and the call when nobody has answered. */
const struct sig_error *sig_call_cancel(struct sig_calls *c, struct sig_device *by,
                                        const char *call, const char *user);
const struct sig_error *sig_call_hangup(struct sig_calls *c, struct sig_device *by,
                                        const char *call);

/* Hands data to the other of a p2p call that was answered, with `callId` and `userId` put in. */
const struct sig_error *sig_call_relay(struct sig_calls *c, struct sig_device *by, const char *call,
                                       const char *action, const json_t *data);

/* Whether `user` is in a p2p call that was answered, on any device. */
bool sig_calls_is_p2p(const struct sig_calls *c, const char *user);

/* The room of the call that `invite` would ask into (call "": his only one), and his part in it;
 * NULL: there is none. */
const char *sig_calls_into(const struct sig_calls *c, const char *user, const char *call,
                           const char **role);
/* The role in which a call lets him into that room; NULL: none does. */
const char *sig_calls_role(const struct sig_calls *c, const char *room, const char *user);
/* He has taken his seat: from now on giving it up is hanging up. */
void sig_calls_seated(struct sig_calls *c, const char *room, const char *user);
/* The type of a room that a call will open by its first seat; NULL: no call's. */
const char *sig_calls_room_type(const struct sig_calls *c, const char *room);

/* The call that his device is in, as `accept` answers, or null. Caller owns. */
json_t *sig_calls_json(const struct sig_calls *c, const struct sig_device *d);

void sig_calls_stats(const struct sig_calls *c, struct sig_calls_stats *out);

#endif
