/* transport/ice.h - one ICE agent with one component (BUNDLE and rtcp-mux leave no more), by libnice.
 *
 * All functions are [net]: the thread that runs the agent's context. Events come from there too.
 * Full ICE with trickle both ways; candidates of the far side that have a name instead of an
 * address (mDNS), or open TCP to us (RFC 6544), are stepped over: such a peer finds us, as peer-reflexive. Consent
 * is its owner's matter (alive.c): libnice's own gives a path up after ten seconds. */
#ifndef TRANSPORT_ICE_H
#define TRANSPORT_ICE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/rtc.h"

struct rtc_ice; /* opaque */

enum {
    RTC_ICE_CANDIDATE_MAX = 256, /* as in struct mcu_desc, NUL included */
    RTC_ICE_REMOTE_MAX = 64,     /* candidates taken from the far side per generation */
};

struct rtc_ice_events {
    void *ctx;
    void (*on_connected)(void *ctx); /* a pair is nominated; again after a restart */
    void (*on_lost)(void *ctx);      /* it was connected, and libnice gave it up */
    /* An authentic check came from an address that nobody told: rtc_ice_follow() goes there. */
    void (*on_newcomer)(void *ctx);
    /* "candidate:..."; NULL: that was the last. */
    void (*on_candidate)(void *ctx, const char *candidate);
    void (*on_data)(void *ctx, uint8_t *data, size_t size); /* may be changed in place */
};

/* The caller owns *out. Returns 0, -EINVAL (a configured address is none) or -ENOMEM. */
int rtc_ice_create(struct rtc_ice **out, GMainContext *context, const struct rtc_conf *conf,
                   const struct rtc_ice_events *events);

/* No event comes from here on; the agent itself goes on closing on its context, and closed(ctx) is
 * called when that is done. NULL is fine (and calls nothing). */
void rtc_ice_destroy(struct rtc_ice *ice, void (*closed)(void *ctx), void *ctx);

/* The controlling side nominates; the offerer is it, unless the far side is lite. */
void rtc_ice_set_controlling(struct rtc_ice *ice, bool is_controlling);

/* Starts to gather, once. Host candidates are reported before it returns. Returns 0 or -EIO (no address,
 * or no free port). */
int rtc_ice_gather(struct rtc_ice *ice);

/* Are all candidates found? */
bool rtc_ice_is_gathered(const struct rtc_ice *ice);

/* Our credentials of this generation; buffers of MCU_DESC_TOKEN_MAX + 1. Returns 0 or -EIO. */
int rtc_ice_local(struct rtc_ice *ice, char *ufrag, char *pwd);

/* Candidates found so far, as announced. Returns how many. */
size_t rtc_ice_candidates(const struct rtc_ice *ice, char (*out)[RTC_ICE_CANDIDATE_MAX],
                          size_t capacity);

/* New credentials on our side, the same candidates. Returns 0 or -EIO. */
int rtc_ice_restart(struct rtc_ice *ice);

/* The far side's credentials; checks start. Returns 0 or -EINVAL. */
int rtc_ice_set_remote(struct rtc_ice *ice, const char *ufrag, const char *pwd);

/* One candidate of the far side; kept until its credentials are known. Returns 0 (also for what is
 * stepped over) or -EINVAL. */
int rtc_ice_add_remote(struct rtc_ice *ice, const char *candidate);

/* From now on the nominated pair is the one to the newcomer, if there is one. */
void rtc_ice_follow(struct rtc_ice *ice);
void rtc_ice_forget_newcomer(struct rtc_ice *ice);

/* Sends a datagram on the nominated pair. Returns 0, -ENOTCONN or -EAGAIN: it is lost. */
int rtc_ice_send(struct rtc_ice *ice, const uint8_t *data, size_t size);

#endif
