/* signaling/rights.h - who may do what: one table of role and right.
 *
 * Every action of the WebSocket and every route of REST asks here before it does anything. A right
 * belongs to a role and those above it (subscriber, publisher, host); the claims `record` and
 * `live` of a token give theirs to any role, and `admin` gives all. Everything on the front's
 * thread. */
#ifndef SIGNALING_RIGHTS_H
#define SIGNALING_RIGHTS_H

#include <stdbool.h>

#include "signaling/errors.h"
#include "signaling/token.h"

struct sig_member;
struct sig_room;

enum sig_right {
    SIG_MAY_PUBLISH,  /* send sound, a camera, a screen; be on the stage */
    SIG_MAY_CHAT,     /* write to the room */
    SIG_MAY_INVITE,   /* call others in */
    SIG_MAY_RECORD,   /* recordings of the room */
    SIG_MAY_LIVE,     /* pushes and HLS of the room */
    SIG_MAY_INPUTS,   /* bring files, streams and gateways in */
    SIG_MAY_LAYOUT,   /* what everybody sees: layout, pins, views */
    SIG_MAY_MODERATE, /* others' sound, camera and hand; who is let in and who is sent away */
    SIG_MAY_MANAGE,   /* roles, the room's rules, its end */
    SIG_RIGHTS,
};

/* What a token gives beside its role. */
struct sig_claims {
    bool record, live, admin;
};

/* In --dev everybody's token is an admin's; in a room only roles tell people apart there. */
struct sig_claims sig_claims_of(const struct sig_token *token, bool is_dev);

/* 0 subscriber, 1 publisher, 2 host; what is none of them is a subscriber. Pure. */
int sig_role_rank(const char *role);

/* The lowest rank that has the right where the room has no rule of its own. Pure. */
int sig_right_rank(enum sig_right right);

/* NULL: who may, by the rules of the room where it has its seat. Else `forbidden`. */
const struct sig_error *sig_may(const struct sig_member *who, enum sig_right right);

/* The same for a request with a token and no seat; room NULL: one that is not open yet. A user who
 * has a seat there has what it gives, too, and what hosts decided of him goes before his token. */
const struct sig_error *sig_token_may(const struct sig_token *token, const struct sig_room *room,
                                      enum sig_right right);

/* Whether he may see what is shown in the room without taking a seat: who has one, hosts, and whom
 * neither lock nor password nor lobby would stop at the door. */
const struct sig_error *sig_token_may_see(const struct sig_token *token, struct sig_room *room);

#endif
