/* How far a peer's connection is, what is due of it, and its datagrams over ICE. [net]
 *
 *     description -> ICE connected -> DTLS handshake -> keys -> RTC_CONNECTED
 *                        |  ^ restart                              | close_notify -> RTC_CLOSED
 *                        +--+ consent lost, no answer: RTC_FAILED <+
 *
 * DTLS begins only when ICE has a pair (a server must not answer where nobody proved to be); what
 * comes before is kept, a few datagrams of it. Failing is for good, save that an ICE restart may
 * bring back a path whose DTLS was through. */
#include "transport/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"

enum {
    TICK_US = 10 * 1000,
    PUBLISH_US = 100 * 1000,
    PUBLISH_CALM_US = 500 * 1000, /* of those of whom there may be a thousand */
};

static void publish(struct rtc_peer *p)
{
    struct rtc_peer_stats stats = {.state = p->state,
                                   .rtt_us = p->rtt_us,
                                   .is_suspect = p->alive.is_suspect,
                                   .suspicions = p->alive.suspicions,
                                   .rejected = p->rejected};
    rtc_in_read_stats(p->in, stats.in);
    rtc_out_read_stats(p->out, stats.out, &stats.nack_misses);
    pthread_mutex_lock(&p->lock);
    p->stats = stats;
    pthread_mutex_unlock(&p->lock);
}

void rtc_link_set_state(struct rtc_peer *p, enum rtc_state state, const char *reason)
{
    if (p->state == state)
        return;
    p->state = state;
    p->deadline_us = 0;
    publish(p);
    rtc_group_retuned(p->group);
    rtc_group_wake(p->group, p, mcu_now_us());
    p->sink.on_state(p->sink.ctx, state, reason);
}

/* --- out
 * ------------------------------------------------------------------------------------------ */

void rtc_link_send(struct rtc_peer *p, const uint8_t *data, size_t size)
{
    if (p->filter && p->filter(p->filter_ctx, data, size))
        return;
    p->path->send(p, data, size);
}

void rtc_link_send_rtp(struct rtc_peer *p, uint8_t *packet, size_t size)
{
    if (p->state == RTC_CONNECTED)
        p->path->send_rtp(p, packet, size);
}

void rtc_link_send_rtcp(struct rtc_peer *p, uint8_t *packet, size_t size)
{
    if (p->state == RTC_CONNECTED)
        p->path->send_rtcp(p, packet, size);
}

static int ice_send(struct rtc_peer *p, const uint8_t *data, size_t size)
{
    return rtc_ice_send(p->ice, data, size);
}

static void ice_send_rtp(struct rtc_peer *p, uint8_t *packet, size_t size)
{
    if (rtc_srtp_protect(p->srtp_send, packet, &size, size + RTC_SRTP_EXPANSION_MAX) == 0)
        rtc_link_send(p, packet, size);
}

static void ice_send_rtcp(struct rtc_peer *p, uint8_t *packet, size_t size)
{
    if (rtc_srtp_protect_rtcp(p->srtp_send, packet, &size, size + RTC_SRTP_EXPANSION_MAX) == 0)
        rtc_link_send(p, packet, size);
}

static void send_dtls(void *ctx, const uint8_t *data, size_t size)
{
    rtc_link_send(ctx, data, size);
}

/* --- DTLS
 * ----------------------------------------------------------------------------------------- */

static int take_keys(struct rtc_peer *p)
{
    struct rtc_dtls_keys keys;
    int err = rtc_dtls_keys(p->dtls, &keys);
    if (err)
        return err;
    err = rtc_srtp_create(&p->srtp_send, keys.profile, RTC_SRTP_SEND, keys.send, keys.size);
    if (!err)
        err = rtc_srtp_create(&p->srtp_receive, keys.profile, RTC_SRTP_RECEIVE, keys.receive,
                              keys.size);
    explicit_bzero(&keys, sizeof(keys));
    return err;
}

static void follow_dtls(struct rtc_peer *p, enum rtc_dtls_state state)
{
    if (state == RTC_DTLS_CLOSED) {
        rtc_link_set_state(p, RTC_CLOSED, rtc_dtls_reason(p->dtls));
    } else if (state == RTC_DTLS_FAILED) {
        rtc_link_set_state(p, RTC_FAILED, rtc_dtls_reason(p->dtls));
    } else if (state == RTC_DTLS_CONNECTED && p->state == RTC_CONNECTING && !p->srtp_receive) {
        if (take_keys(p))
            rtc_link_set_state(p, RTC_FAILED, "dtls: no keys");
        else
            rtc_link_set_state(p, RTC_CONNECTED, "");
    }
}

static void keep_early(struct rtc_peer *p, const uint8_t *data, size_t size)
{
    if (!p->early)
        p->early = calloc(1, sizeof(*p->early));
    struct rtc_early *e = p->early;
    if (!e || e->count == RTC_EARLY_DATAGRAMS)
        return;
    memcpy(e->data[e->count], data, size);
    e->sizes[e->count++] = size;
}

static void receive_dtls(struct rtc_peer *p, const uint8_t *data, size_t size)
{
    if (p->dtls)
        follow_dtls(p, rtc_dtls_receive(p->dtls, data, size));
    else
        keep_early(p, data, size);
}

static void start_dtls(struct rtc_peer *p)
{
    if (rtc_dtls_create(&p->dtls, p->rtc->certificate, p->session.is_dtls_client,
                        p->remote_fingerprint, send_dtls, p)) {
        rtc_link_set_state(p, RTC_FAILED, "dtls: no memory");
        return;
    }
    p->local.has_role = true;
    p->local.setup = p->session.is_dtls_client ? MCU_SETUP_ACTIVE : MCU_SETUP_PASSIVE;
    follow_dtls(p, rtc_dtls_start(p->dtls));
    struct rtc_early *e = p->early;
    for (size_t i = 0; e && i < e->count; i++)
        follow_dtls(p, rtc_dtls_receive(p->dtls, e->data[i], e->sizes[i]));
    free(e);
    p->early = NULL;
    rtc_group_wake(p->group, p, mcu_now_us());
}

/* --- events of ICE
 * -------------------------------------------------------------------------------- */

void rtc_link_connected(struct rtc_peer *p)
{
    if (p->is_described && (p->is_restarting || !p->alive.is_on))
        rtc_alive_start(p, mcu_now_us());
    p->is_restarting = false;
    p->is_path_lost = false;
    if (!p->is_described)
        return;
    if (!p->dtls && p->state == RTC_CONNECTING)
        start_dtls(p);
    else if (p->state == RTC_FAILED && p->srtp_receive)
        rtc_link_set_state(p, RTC_CONNECTED, "ice: restarted");
    else if (p->state == RTC_CONNECTED)
        p->deadline_us = 0;
}

static void on_connected(void *ctx)
{
    rtc_link_connected(ctx);
}

static void on_lost(void *ctx)
{
    struct rtc_peer *p = ctx;
    if (p->state != RTC_CONNECTED)
        return; /* connecting: the deadline decides */
    if (!p->is_restarting) {
        rtc_link_set_state(p, RTC_FAILED, "ice: consent lost");
    } else if (!p->is_path_lost) {
        p->is_path_lost = true;
        p->deadline_us = mcu_now_us() + RTC_RESTART_US;
    }
}

static void on_newcomer(void *ctx)
{
    rtc_alive_newcomer(ctx, mcu_now_us());
}

static void on_candidate(void *ctx, const char *candidate)
{
    struct rtc_peer *p = ctx;
    if (!p->is_gathering_told)
        p->sink.on_candidate(p->sink.ctx, candidate);
}

/* --- in
 * ------------------------------------------------------------------------------------------- */

/* Returns false for what is none of ours or not authentic. */
static bool receive_rtp(struct rtc_peer *p, uint8_t *data, size_t size, int64_t now_us)
{
    return rtc_srtp_unprotect(p->srtp_receive, data, &size) == 0 &&
           rtc_in_packet(p->in, data, size, now_us) == 0;
}

static bool receive_rtcp(struct rtc_peer *p, uint8_t *data, size_t size, int64_t now_us)
{
    return rtc_srtp_unprotect_rtcp(p->srtp_receive, data, &size) == 0 &&
           rtc_report_receive(p, data, size, now_us) == 0;
}

void rtc_link_receive(struct rtc_peer *p, const uint8_t *data, size_t size)
{
    const int64_t now_us = mcu_now_us();
    const enum rtc_datagram kind =
        size <= RTC_MTU ? rtc_datagram_kind(data, size) : RTC_DATAGRAM_UNKNOWN;
    bool is_ours = false;
    if (kind == RTC_DATAGRAM_DTLS) {
        receive_dtls(p, data, size);
        is_ours = true;
    } else if (kind == RTC_DATAGRAM_RTP || kind == RTC_DATAGRAM_RTCP) {
        if (p->state != RTC_CONNECTED)
            return;                        /* early media, or late: neither can be checked */
        uint8_t *copy = p->group->scratch; /* libnice's buffer need not be aligned */
        memcpy(copy, data, size);
        is_ours = kind == RTC_DATAGRAM_RTP ? receive_rtp(p, copy, size, now_us)
                                           : receive_rtcp(p, copy, size, now_us);
        if (is_ours)
            rtc_alive_heard(p, now_us);
    }
    if (!is_ours)
        p->rejected++;
}

static void on_data(void *ctx, uint8_t *data, size_t size)
{
    rtc_link_receive(ctx, data, size);
}

int rtc_link_open(struct rtc_peer *p, void *arg)
{
    (void)arg;
    const struct rtc_ice_events events = {
        .ctx = p,
        .on_connected = on_connected,
        .on_lost = on_lost,
        .on_newcomer = on_newcomer,
        .on_candidate = on_candidate,
        .on_data = on_data,
    };
    return rtc_ice_create(&p->ice, rtc_shard_context(p->group->shard), &p->rtc->conf, &events);
}

/* --- life
 * ----------------------------------------------------------------------------------------- */

void rtc_link_described(struct rtc_peer *p, int64_t now_us)
{
    p->is_described = true;
    if (p->state == RTC_NEW) {
        rtc_link_set_state(p, RTC_CONNECTING, "");
        p->deadline_us = now_us + RTC_CONNECT_US;
    }
    rtc_group_wake(p->group, p, now_us);
}

void rtc_link_leave(struct rtc_peer *p)
{
    if (p->state != RTC_CONNECTED)
        return;
    rtc_report_bye(p, mcu_now_us());
    p->path->leave(p);
}

void rtc_link_path_leave(struct rtc_peer *p)
{
    rtc_dtls_close(p->dtls);
}

static void on_ice_closed(void *ctx)
{
    rtc_shard_release(ctx);
}

static void ice_close(struct rtc_peer *p)
{
    if (p->ice) {
        rtc_shard_hold(p->group->shard);
        rtc_ice_destroy(p->ice, on_ice_closed, p->group->shard);
    }
    rtc_dtls_destroy(p->dtls);
    p->ice = NULL;
    p->dtls = NULL;
}

void rtc_link_finish(struct rtc_peer *p)
{
    p->path->close(p);
    rtc_srtp_destroy(p->srtp_send);
    rtc_srtp_destroy(p->srtp_receive);
    rtc_in_destroy(p->in);
    rtc_out_destroy(p->out);
    free(p->early);
    free(p->offer);
    p->srtp_send = p->srtp_receive = NULL;
    p->in = NULL;
    p->out = NULL;
    p->early = NULL;
    p->offer = NULL;
}

static void tick_dtls(struct rtc_peer *p)
{
    if (p->dtls && p->state == RTC_CONNECTING && rtc_dtls_timeout_us(p->dtls) == 0)
        follow_dtls(p, rtc_dtls_tick(p->dtls));
}

int64_t rtc_link_path_tick(struct rtc_peer *p, int64_t now_us)
{
    if (p->deadline_us && now_us >= p->deadline_us)
        rtc_link_set_state(p, RTC_FAILED,
                           p->dtls ? "dtls: no answer" : "ice: no path to the far side");
    tick_dtls(p);
    if (p->state == RTC_CONNECTED && !rtc_alive_tick(p, now_us))
        on_lost(p);
    return TICK_US;
}

const struct rtc_path rtc_link_ice_path = {
    .send = ice_send,
    .send_rtp = ice_send_rtp,
    .send_rtcp = ice_send_rtcp,
    .tick = rtc_link_path_tick,
    .leave = rtc_link_path_leave,
    .close = ice_close,
};

/* A calm peer is left alone until its next report. */
static int64_t tick_media(struct rtc_peer *p, int64_t now_us)
{
    rtc_in_tick(p->in, now_us);
    rtc_report_tick(p, now_us);
    rtc_out_set_redundancy(p->out, atomic_load(&p->redundancy_bps));
    if (rtc_out_tick(p->out, now_us))
        return RTC_OUT_PACE_US;
    if (!p->is_calm)
        return TICK_US;
    const int64_t wait_us = p->next_report_us - now_us;
    return wait_us > TICK_US ? wait_us : TICK_US;
}

int64_t rtc_link_tick(struct rtc_peer *p, int64_t now_us)
{
    int64_t wait_us = p->path->tick(p, now_us);
    if (p->state == RTC_CONNECTED) {
        const int64_t media_us = tick_media(p, now_us);
        if (media_us < wait_us)
            wait_us = media_us;
    }
    if (now_us >= p->next_publish_us) {
        p->next_publish_us = now_us + (p->is_calm ? PUBLISH_CALM_US : PUBLISH_US);
        publish(p);
    }
    if (p->state != RTC_CONNECTED && p->state != RTC_CONNECTING)
        return -1;
    const int64_t publish_us = p->next_publish_us - now_us;
    return publish_us < wait_us ? publish_us : wait_us;
}
