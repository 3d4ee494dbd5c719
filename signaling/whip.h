/* signaling/whip.h - sessions over HTTP: an SDP offer in, an answer out, in the form of whoever asks.
 *
 * WHIP and WHEP (whip.c) and ZLMediaKit's calls (zlm.c) differ in how they name the room and how
 * they answer; what is between is here. Front thread. */
#ifndef SIGNALING_WHIP_H
#define SIGNALING_WHIP_H

#include "signaling/http.h"

#define WHIP_TRICKLE "application/trickle-ice-sdpfrag"
#define WHIP_PATCHES "application/sdp, " WHIP_TRICKLE /* while our offer waits for its answer */

struct whip_form {
    /* The session is there; sdp is the answer, borrowed. Replies. */
    void (*made)(struct sig_http *req, struct sig_member *m, const char *sdp);
    /* It is there, but waits for the answer to ours: sdp is an offer, borrowed. Replies. NULL: the form
     * knows no counter-offers. */
    void (*offered)(struct sig_http *req, struct sig_member *m, const char *sdp);
    /* It is not. detail may be NULL. Replies. */
    void (*failed)(struct sig_http *req, const struct sig_error *error, const char *detail);
};

struct whip_ask {
    enum sig_kind kind; /* SIG_KIND_WHIP or SIG_KIND_WHEP */
    const char *room;   /* a valid id */
    const struct sig_token *token;
    const struct whip_form *form;
    bool is_echo; /* it hears itself, too */
};

/* Takes the request's body as the offer; one of the form's functions follows, now or later. A viewer
 * who offers nothing that could be met, or nothing at all, is made an offer. */
void whip_start(struct sig_http *req, const struct whip_ask *ask);

/* Adds Link: rel="ice-server" for each server of the settings. */
void whip_add_ice_servers(struct sig_http *req, const struct sig_member *m);

/* Whether an If-Match (a list of entity tags) names this one; weak ones never do (RFC 9110, section
 * 8.8.3.2). Pure. */
bool whip_etag_matches(const char *if_match, const char *etag);

#endif
