/* RTCP of one peer: reports once a second, NACK every tick while there are holes, transport-wide
 * feedback every 60 ms while packets arrive, PLI when wanted, REMB once a second where pictures are
 * limited. [net] */
#include "transport/peer.h"

#include <errno.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "transport/recv_stats.h"
#include "transport/rtcp.h"

enum {
    REPORT_US = 1000 * 1000,
    FEEDBACK_US = 60 * 1000,
    FEEDBACK_MOST_US = 250 * 1000,
    FEEDBACK_BITS = 120 * 8, /* a datagram of it, about */
    FEEDBACK_PART = 20,      /* of what the far side's network carries one part at most */
    REMB_US = 1000 * 1000,
    DATAGRAM_BYTES = 1180,
    NACKS_MAX = 250,
};

struct datagram {
    struct mcu_writer w;
    size_t empty; /* bytes of an empty one */
    uint8_t data[DATAGRAM_BYTES + RTC_SRTP_EXPANSION_MAX] __attribute__((aligned(8)));
};

/* The SSRC that we speak as. */
static uint32_t own_ssrc(const struct rtc_peer *p)
{
    return p->local.ssrc[p->session.lines[MCU_VIDEO].is_used ? MCU_VIDEO : MCU_AUDIO];
}

static bool is_reduced(const struct rtc_peer *p)
{
    for (size_t i = 0; i < RTC_LINES; i++) {
        if (p->session.lines[i].is_used && !p->session.lines[i].rtcp_rsize)
            return false;
    }
    return true;
}

/* Without reduced size (RFC 5506) every datagram begins with a report. */
static void begin(const struct rtc_peer *p, struct datagram *d)
{
    d->w = mcu_writer(d->data, DATAGRAM_BYTES);
    if (!is_reduced(p))
        rtc_rtcp_put_rr(&d->w, own_ssrc(p), NULL, 0);
    d->empty = mcu_written(&d->w);
}

static void finish(struct rtc_peer *p, struct datagram *d)
{
    if (mcu_written(&d->w) > d->empty)
        rtc_link_send_rtcp(p, d->data, mcu_written(&d->w));
}

static void put_nack(struct rtc_peer *p, struct datagram *d, unsigned row, int64_t now_us)
{
    uint16_t seqs[NACKS_MAX];
    uint32_t ssrc;
    const size_t n = rtc_in_missing(p->in, row, now_us, p->rtt_us, seqs, NACKS_MAX, &ssrc);
    if (n > 0)
        rtc_rtcp_put_nack(&d->w, own_ssrc(p), ssrc, seqs, n);
}

static void put_plis(struct rtc_peer *p, struct datagram *d, int64_t now_us)
{
    uint32_t ssrc;
    for (unsigned i = 0; i < RTC_PICTURES; i++) {
        const bool is_asked = atomic_exchange(&p->is_key_asked[i], false);
        if (rtc_in_take_pli(p->in, (enum rtc_picture)i, now_us, is_asked, &ssrc))
            rtc_rtcp_put_pli(&d->w, own_ssrc(p), ssrc);
    }
}

/* A datagram for each stream: the holes of two together may not fit into one. */
static void send_wishes(struct rtc_peer *p, int64_t now_us)
{
    struct datagram d;
    for (unsigned row = 0; row < RTC_IN_ROWS; row++) {
        begin(p, &d);
        put_nack(p, &d, row, now_us);
        finish(p, &d);
    }
    begin(p, &d);
    put_plis(p, &d, now_us);
    finish(p, &d);
}

static void send_feedback(struct rtc_peer *p)
{
    for (int i = 0; i < 4 && rtc_in_feedback_is_due(p->in); i++) {
        struct datagram d;
        begin(p, &d);
        if (rtc_in_put_feedback(p->in, &d.w, own_ssrc(p)))
            return;
        finish(p, &d);
    }
}

/* Where little gets through, more seldom: 16 a second cost 15 kbit/s. */
static int64_t feedback_us(const struct rtc_peer *p, int64_t now_us)
{
    const uint64_t bps = rtc_out_estimate_bps(p->out, now_us);
    if (bps == 0)
        return FEEDBACK_US;
    const int64_t us = (int64_t)(UINT64_C(1000000) * FEEDBACK_BITS * FEEDBACK_PART / bps);
    return us < FEEDBACK_US ? FEEDBACK_US : us > FEEDBACK_MOST_US ? FEEDBACK_MOST_US : us;
}

/* What the far side may send was said anew, or is to be said again. */
static void note_limits(struct rtc_peer *p)
{
    struct rtc_told_limit limits[RTC_PICTURES];
    pthread_mutex_lock(&p->lock);
    memcpy(limits, p->limits, sizeof(limits));
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < RTC_PICTURES; i++) {
        if (limits[i].is_told)
            rtc_in_limit(p->in, (enum rtc_picture)i, &limits[i].limit);
    }
    p->remb_bps = rtc_limit_total_bps(&p->session, limits);
    p->next_remb_us = 0;
}

static void send_remb(struct rtc_peer *p, int64_t now_us)
{
    uint32_t ssrcs[RTC_IN_ROWS];
    const size_t n = rtc_in_ssrcs(p->in, ssrcs);
    p->next_remb_us = now_us + REMB_US;
    if (!p->remb_bps || n == 0)
        return;
    struct datagram d;
    begin(p, &d);
    rtc_rtcp_put_remb(&d.w, own_ssrc(p), p->remb_bps, ssrcs, n);
    finish(p, &d);
}

static void put_reports(struct rtc_peer *p, struct mcu_writer *w, int64_t now_us)
{
    struct rtc_rtcp_block blocks[RTC_IN_ROWS];
    uint32_t ssrcs[2];
    const size_t n = rtc_in_blocks(p->in, now_us, blocks);
    const size_t sending = rtc_out_ssrcs(p->out, ssrcs);
    if (!rtc_out_put_reports(p->out, w, blocks, n, now_us))
        rtc_rtcp_put_rr(w, own_ssrc(p), blocks, n);
    for (size_t i = 0; i < sending; i++)
        rtc_rtcp_put_cname(w, ssrcs[i], p->local.cname);
    if (sending == 0)
        rtc_rtcp_put_cname(w, own_ssrc(p), p->local.cname);
}

static void send_reports(struct rtc_peer *p, int64_t now_us)
{
    struct datagram d;
    d.w = mcu_writer(d.data, DATAGRAM_BYTES);
    d.empty = 0;
    put_reports(p, &d.w, now_us);
    finish(p, &d);
}

void rtc_report_tick(struct rtc_peer *p, int64_t now_us)
{
    send_wishes(p, now_us);
    if (now_us >= p->next_feedback_us) {
        p->next_feedback_us = now_us + feedback_us(p, now_us);
        send_feedback(p);
    }
    if (atomic_exchange(&p->is_limited, false))
        note_limits(p);
    if (now_us >= p->next_remb_us)
        send_remb(p, now_us);
    if (now_us >= p->next_report_us) {
        p->next_report_us = now_us + REPORT_US;
        send_reports(p, now_us);
    }
}

void rtc_report_bye(struct rtc_peer *p, int64_t now_us)
{
    uint32_t ssrcs[2];
    const size_t n = rtc_out_ssrcs(p->out, ssrcs);
    if (n == 0)
        return;
    struct datagram d;
    d.w = mcu_writer(d.data, DATAGRAM_BYTES);
    d.empty = 0;
    put_reports(p, &d.w, now_us);
    rtc_rtcp_put_bye(&d.w, ssrcs, n);
    finish(p, &d);
}

/* --- in ------------------------------------------------------------------------------------------- */

struct reading {
    struct rtc_peer *peer;
    int64_t now_us;
};

static void on_sr(void *ctx, uint32_t from, const struct rtc_rtcp_sr *sr)
{
    const struct reading *r = ctx;
    rtc_in_sr(r->peer->in, from, sr, r->now_us);
}

static void on_block(void *ctx, uint32_t from, const struct rtc_rtcp_block *block)
{
    (void)from;
    const struct reading *r = ctx;
    struct rtc_peer *p = r->peer;
    if (block->ssrc != p->local.ssrc[MCU_AUDIO] && block->ssrc != p->local.ssrc[MCU_VIDEO])
        return;
    const enum mcu_kind kind = block->ssrc == p->local.ssrc[MCU_AUDIO] ? MCU_AUDIO : MCU_VIDEO;
    if (block->highest != p->alive.highest[kind])
        rtc_alive_reached(p, r->now_us);
    p->alive.highest[kind] = block->highest;
    rtc_out_block(p->out, block, r->now_us);
    const int64_t rtt_us = rtc_rtt_us(mcu_ntp_now(), block);
    if (rtt_us >= 0)
        p->rtt_us = p->rtt_us < 0 ? rtt_us : (7 * p->rtt_us + rtt_us) / 8;
}

static void on_bye(void *ctx, uint32_t from)
{
    const struct reading *r = ctx;
    rtc_in_bye(r->peer->in, from);
}

static void on_nack(void *ctx, uint32_t from, uint32_t media, const uint16_t *seqs, size_t count)
{
    (void)from;
    const struct reading *r = ctx;
    rtc_out_nack(r->peer->out, media, seqs, count, r->now_us, r->peer->rtt_us);
}

static void on_pli(void *ctx, uint32_t from, uint32_t media)
{
    (void)from;
    const struct reading *r = ctx;
    rtc_out_key_asked(r->peer->out, media, r->now_us);
}

static void on_fir(void *ctx, uint32_t from, uint32_t media, uint8_t number)
{
    (void)number; /* repeats of one request are taken care of by the limit on key frames */
    on_pli(ctx, from, media);
}

static void on_remb(void *ctx, uint32_t from, uint64_t bitrate_bps)
{
    (void)from;
    const struct reading *r = ctx;
    rtc_out_remb(r->peer->out, bitrate_bps, r->now_us);
}

static void on_twcc(void *ctx, uint32_t from, uint32_t media, const uint8_t *fci, size_t size)
{
    (void)from;
    (void)media;
    const struct reading *r = ctx;
    rtc_alive_reached(r->peer, r->now_us);
    rtc_out_feedback(r->peer->out, fci, size, r->now_us, r->peer->rtt_us);
}

int rtc_report_receive(struct rtc_peer *p, const uint8_t *data, size_t size, int64_t now_us)
{
    struct reading reading = {.peer = p, .now_us = now_us};
    const struct rtc_rtcp_sink sink = {
        .ctx = &reading,
        .on_sr = on_sr,
        .on_block = on_block,
        .on_bye = on_bye,
        .on_nack = on_nack,
        .on_pli = on_pli,
        .on_fir = on_fir,
        .on_remb = on_remb,
        .on_twcc = on_twcc,
    };
    return rtc_rtcp_parse(data, size, &sink);
}
