/* Is the far side of a peer still there, and where? [net]
 *
 *     5 s without anything authentic     suspect: people are told, sending goes on
 *     30 s                               consent has expired: sending ends, until ICE is restarted
 *
 * Authentic is what only the far side can have made: SRTP, SRTCP and (one port) STUN. A far side that
 * takes part sends reports at least once a second, so one lost check proves nothing. libnice keeps the
 * answers to checks for itself, and its own consent (ten seconds) calls five seconds without a
 * network the end.
 *
 * Behind a new address (its NAT's, or another network's) the far side goes on as before, and libnice
 * goes on sending to the old one, whose priority is higher. When it shows itself elsewhere and
 * reports no more that anything arrives, we follow. Who is sent nothing has nothing to report: of him
 * a new address is believed once those that he began with are through. */
#include "mcu/base/clock.h"
#include "transport/peer.h"

enum {
    SUSPECT_US = 5 * 1000 * 1000,
    EXPIRE_US = 30 * 1000 * 1000, /* RFC 7675, section 5.1 */
    /* Reports on their way when it moved say nothing; then two are due, at 100 ms or so. */
    FOLLOW_US = 300 * 1000,
    IN_FLIGHT_US = 100 * 1000,
    FRESH_US = 2 * 1000 * 1000,    /* who got something lately had reported it by then */
    SETTLE_US = 10 * 1000 * 1000,  /* candidates of one negotiation turn up within it */
};

/* Who has nothing to send and nothing to get has nothing to report. */
static bool has_media(const struct rtc_peer *p)
{
    for (size_t kind = 0; kind < 2; kind++) {
        if (p->session.lines[kind].is_used && p->session.lines[kind].direction != MCU_INACTIVE)
            return true;
    }
    return false;
}

static void suspect(struct rtc_peer *p)
{
    if (!p->alive.is_suspect)
        p->alive.suspicions++;
    p->alive.is_suspect = true;
}

void rtc_alive_start(struct rtc_peer *p, int64_t now_us)
{
    p->alive.is_on = true;
    p->alive.newcomer_us = 0;
    p->alive.began_us = now_us;
    rtc_alive_heard(p, now_us);
}

void rtc_alive_heard(struct rtc_peer *p, int64_t now_us)
{
    p->alive.heard_us = now_us;
    p->alive.is_suspect = false;
    if (p->out)
        rtc_out_heard(p->out, now_us);
}

void rtc_alive_reached(struct rtc_peer *p, int64_t now_us)
{
    p->alive.reached_us = now_us;
}

void rtc_alive_newcomer(struct rtc_peer *p, int64_t now_us)
{
    const bool has_reported = now_us - p->alive.reached_us < FRESH_US;
    const bool is_settled = now_us - p->alive.began_us >= SETTLE_US;
    if (p->state != RTC_CONNECTED || p->is_restarting || (!has_reported && !is_settled))
        return;
    p->alive.newcomer_us = now_us;
    rtc_group_wake(p->group, p, now_us);
}

static void look_for_it(struct rtc_peer *p, int64_t now_us)
{
    const int64_t since_us = p->alive.newcomer_us;
    const int64_t rtt_us = p->rtt_us > 0 ? p->rtt_us : 0;
    if (!since_us)
        return;
    if (p->alive.reached_us > since_us + IN_FLIGHT_US + rtt_us) {
        p->alive.newcomer_us = 0; /* only another way to the same place */
        rtc_ice_forget_newcomer(p->ice);
    } else if (now_us - since_us >= FOLLOW_US + 2 * rtt_us) {
        p->alive.newcomer_us = 0;
        rtc_ice_follow(p->ice);
    }
}

bool rtc_alive_tick(struct rtc_peer *p, int64_t now_us)
{
    if (!p->alive.is_on || !has_media(p))
        return true;
    const int64_t silent_us = now_us - p->alive.heard_us;
    if (silent_us >= EXPIRE_US) {
        p->alive.is_on = false;
        return false;
    }
    if (p->ice)
        look_for_it(p, now_us);
    if (silent_us >= SUSPECT_US)
        suspect(p);
    return true;
}

/* --- for tests
 * ------------------------------------------------------------------------------------ */

struct age_args {
    struct rtc_peer *peer;
    int64_t us;
};

static int age_on_net(void *arg)
{
    const struct age_args *a = arg;
    a->peer->alive.heard_us -= a->us;
    if (a->us < EXPIRE_US) /* before a packet that waits makes up for it */
        rtc_alive_tick(a->peer, mcu_now_us());
    rtc_group_wake(a->peer->group, a->peer, mcu_now_us());
    return 0;
}

void rtc_alive_age(struct rtc_peer *p, int64_t us)
{
    struct age_args args = {.peer = p, .us = us};
    rtc_shard_call(p->group->shard, age_on_net, &args, -1);
}
