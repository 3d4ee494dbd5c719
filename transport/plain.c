/* The way of a plain peer: RTP or SRTP over a UDP port, without ICE and DTLS; see rtc.h. [net]
 *
 *     known address   RTC_CONNECTED ────────── 30 s of silence ──▶ RTC_FAILED
 *                          ▲ ◀───────────── the next packet ──────────┘
 *     learnt          RTC_CONNECTING ── the first valid packet ──▶ as above
 *
 * Peers with a known address share the group's port. A learnt one has a port of its own: whoever
 * first sends what is valid there (with SRTP: authentic) is the far side, and stays it until 5 s of
 * silence. What is sent is protected in the slot that it leaves from. */
#include "transport/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"

enum {
    SILENCE_US = 30 * 1000 * 1000, /* then it has failed, if it may send at all */
    LATCH_US = 5 * 1000 * 1000,    /* then another far side may take its place */
    LOOK_US = 1000 * 1000,
    REPORT_SPREAD_US = 1000 * 1000,        /* reports of peers made together are spread over it */
    SHARED_BUFFER_BYTES = 4 * 1024 * 1024, /* a thousand datagrams and more in one burst */
    OWN_BUFFER_BYTES = 256 * 1024,
};

struct rtc_plain {
    struct rtc_port *port;
    bool owns_port; /* learns its address */
    bool is_srtp;
    bool may_send; /* the far side */
    bool has_remote;
    struct rtc_address remote;
    int64_t heard_us;
};

struct plain_args {
    const struct rtc_plain_conf *conf;
    struct rtc_plain_local *local;
};

/* --- out
 * ------------------------------------------------------------------------------------------ */

static bool is_filtered(struct rtc_peer *p, const uint8_t *data, size_t size)
{
    return p->filter && p->filter(p->filter_ctx, data, size);
}

static int plain_send(struct rtc_peer *p, const uint8_t *data, size_t size)
{
    const struct rtc_plain *l = p->plain;
    if (!l->has_remote || size > RTC_BATCH_DATAGRAM_MAX)
        return -EINVAL;
    memcpy(rtc_port_slot(l->port), data, size);
    rtc_port_put(l->port, &l->remote, size);
    return 0;
}

static void protect_and_send(struct rtc_peer *p, const uint8_t *packet, size_t size,
                             int (*protect)(struct rtc_srtp *s, uint8_t *packet, size_t *size,
                                            size_t capacity))
{
    const struct rtc_plain *l = p->plain;
    if (!l->has_remote || size + RTC_SRTP_EXPANSION_MAX > RTC_BATCH_DATAGRAM_MAX)
        return;
    uint8_t *slot = rtc_port_slot(l->port);
    memcpy(slot, packet, size);
    if (l->is_srtp && protect(p->srtp_send, slot, &size, RTC_BATCH_DATAGRAM_MAX))
        return;
    if (!is_filtered(p, slot, size))
        rtc_port_put(l->port, &l->remote, size);
}

static void plain_send_rtp(struct rtc_peer *p, uint8_t *packet, size_t size)
{
    protect_and_send(p, packet, size, rtc_srtp_protect);
}

static void plain_send_rtcp(struct rtc_peer *p, uint8_t *packet, size_t size)
{
    protect_and_send(p, packet, size, rtc_srtp_protect_rtcp);
}

/* --- in
 * ------------------------------------------------------------------------------------------- */

static bool is_far_side(const struct rtc_plain *l, const struct rtc_address *from, int64_t now_us)
{
    if (!l->owns_port || (l->has_remote && rtc_address_is_equal(&l->remote, from)))
        return true; /* a shared port told whose it is */
    return !l->has_remote || now_us - l->heard_us >= LATCH_US;
}

/* Does it make sense for this peer? Without SRTP nothing else speaks for a packet. */
static bool is_sensible(const struct rtc_peer *p, enum rtc_datagram kind, const uint8_t *data,
                        size_t size)
{
    static const struct rtc_rtcp_sink nobody;
    if (kind == RTC_DATAGRAM_RTCP)
        return rtc_rtcp_parse(data, size, &nobody) == 0;
    struct rtc_rtp rtp;
    if (rtc_rtp_parse(&rtp, data, size))
        return false;
    const struct rtc_pt *pt = &p->session.pts[rtp.pt];
    return pt->codec != MCU_CODEC_NONE &&
           (p->session.lines[pt->kind].direction & MCU_RECVONLY) != 0;
}

static void note_heard(struct rtc_peer *p, const struct rtc_address *from, int64_t now_us)
{
    struct rtc_plain *l = p->plain;
    l->heard_us = now_us;
    if (l->owns_port && !(l->has_remote && rtc_address_is_equal(&l->remote, from))) {
        l->remote = *from;
        l->has_remote = true;
    }
    if (p->state != RTC_CONNECTED)
        rtc_link_set_state(p, RTC_CONNECTED, "");
}

static int unprotect(struct rtc_peer *p, enum rtc_datagram kind, uint8_t *data, size_t *size)
{
    return kind == RTC_DATAGRAM_RTCP ? rtc_srtp_unprotect_rtcp(p->srtp_receive, data, size)
                                     : rtc_srtp_unprotect(p->srtp_receive, data, size);
}

static bool take(struct rtc_peer *p, const struct rtc_address *from, uint8_t *data, size_t size,
                 int64_t now_us)
{
    const enum rtc_datagram kind = rtc_datagram_kind(data, size);
    if (kind != RTC_DATAGRAM_RTP && kind != RTC_DATAGRAM_RTCP)
        return false;
    const struct rtc_plain *l = p->plain;
    if (!is_far_side(l, from, now_us))
        return false;
    if (l->is_srtp ? unprotect(p, kind, data, &size) != 0 : !is_sensible(p, kind, data, size))
        return false;
    note_heard(p, from, now_us);
    return kind == RTC_DATAGRAM_RTP ? rtc_in_packet(p->in, data, size, now_us) == 0
                                    : rtc_report_receive(p, data, size, now_us) == 0;
}

static void on_datagram(void *owner, const struct rtc_address *from, uint8_t *data, size_t size,
                        int64_t now_us)
{
    struct rtc_peer *p = owner;
    if (!take(p, from, data, size, now_us))
        p->rejected++;
}

static void on_soon(void *owner, enum rtc_warm step, const uint8_t *data, size_t size)
{
    const struct rtc_peer *p = owner;
    if (size < RTC_RTP_HEADER_SIZE)
        return;
    const uint16_t seq = (uint16_t)(data[2] << 8 | data[3]);
    switch (step) {
    case RTC_WARM_PEER:
        RTC_WARM_SPAN(p, state, srtp_receive);
        rtc_warm(&p->session.lines[MCU_AUDIO].direction, sizeof(enum mcu_direction));
        rtc_warm(&p->session.lines[MCU_AUDIO].ext, sizeof(p->session.lines[MCU_AUDIO].ext));
        rtc_warm(&p->session.pts[data[1] & 0x7f], sizeof(p->session.pts[0]));
        rtc_warm(&p->in, sizeof(p->in));
        break;
    case RTC_WARM_PARTS:
        rtc_warm(p->plain, sizeof(*p->plain));
        rtc_srtp_warm(p->srtp_receive, step);
        rtc_in_warm(p->in, step, seq);
        break;
    default:
        rtc_srtp_warm(p->srtp_receive, step);
        rtc_in_warm(p->in, step, seq);
    }
}

void rtc_plain_warm_out(const struct rtc_peer *p, enum rtc_warm step)
{
    switch (step) {
    case RTC_WARM_PEER:
        rtc_warm(&p->path, sizeof(p->path));
        RTC_WARM_SPAN(p, state, srtp_send);
        RTC_WARM_SPAN(p, session.lines[MCU_AUDIO].is_used, session.lines[MCU_AUDIO].codecs[0]);
        rtc_warm(&p->session.lines[MCU_AUDIO].ext, sizeof(p->session.lines[MCU_AUDIO].ext));
        rtc_warm(&p->out, sizeof(p->out));
        break;
    case RTC_WARM_PARTS:
        rtc_warm(p->plain, p->plain ? sizeof(*p->plain) : 0);
        rtc_srtp_warm(p->srtp_send, step);
        rtc_out_warm(p->out);
        break;
    default:
        rtc_srtp_warm(p->srtp_send, step);
    }
}

/* --- time
 * ----------------------------------------------------------------------------------------- */

static int64_t plain_tick(struct rtc_peer *p, int64_t now_us)
{
    const struct rtc_plain *l = p->plain;
    if (p->state == RTC_CONNECTED && l->may_send && now_us - l->heard_us >= SILENCE_US)
        rtc_link_set_state(p, RTC_FAILED, "plain: nothing comes");
    return LOOK_US;
}

struct age_args {
    struct rtc_peer *peer;
    int64_t us;
};

static int move_back_on_net(void *arg)
{
    const struct age_args *a = arg;
    a->peer->plain->heard_us -= a->us;
    rtc_group_wake(a->peer->group, a->peer, mcu_now_us());
    return 0;
}

void rtc_plain_age(struct rtc_peer *p, int64_t us)
{
    struct age_args args = {.peer = p, .us = us};
    rtc_shard_call(p->group->shard, move_back_on_net, &args, -1);
}

/* --- the session
 * ---------------------------------------------------------------------------------- */

static void fill_line(struct rtc_session *s, enum mcu_kind kind, const struct rtc_plain_media *m)
{
    if (m->direction == MCU_INACTIVE)
        return;
    const bool is_audio = kind == MCU_AUDIO;
    s->lines[kind] = (struct rtc_line){
        .is_used = true,
        .index = kind,
        .direction = m->direction,
        .codecs[0] = {.codec = m->codec,
                      .pt = m->pt,
                      .red_pt = m->red_pt,
                      .rtx_pt = m->rtx_pt,
                      .channels = is_audio ? 2 : 0,
                      .clock_hz = is_audio ? 48000 : 90000,
                      .has_nack = m->has_nack,
                      .has_pli = !is_audio,
                      .has_fir = !is_audio,
                      .packetization_mode = 1},
        .codec_count = 1,
        .ext.audio_level = m->audio_level_ext,
        .rtcp_rsize = true,
        .remote_ssrc = m->remote_ssrc,
    };
    struct rtc_pt pt = {.codec = m->codec, .kind = kind, .lines = (uint8_t)(1u << kind)};
    s->pts[m->pt] = pt;
    pt.media_pt = m->pt;
    pt.is_red = true;
    if (m->red_pt)
        s->pts[m->red_pt] = pt;
    pt.is_red = false;
    pt.is_rtx = true;
    if (m->rtx_pt)
        s->pts[m->rtx_pt] = pt;
}

static bool is_media_valid(const struct rtc_plain_media *m, enum mcu_kind kind)
{
    if (m->direction == MCU_INACTIVE)
        return true;
    return (m->direction & ~MCU_SENDRECV) == 0 && m->codec != MCU_CODEC_NONE &&
           mcu_codec_kind(m->codec) == kind && m->pt < RTC_PT_COUNT && m->red_pt < RTC_PT_COUNT &&
           m->rtx_pt < RTC_PT_COUNT && m->audio_level_ext <= 14;
}

/* Every payload type says one thing only (0 is no RED and no RTX). */
static bool are_pts_distinct(const struct rtc_plain_media media[2])
{
    bool is_used[RTC_PT_COUNT] = {false};
    for (size_t kind = 0; kind < 2; kind++) {
        const struct rtc_plain_media *m = &media[kind];
        const uint8_t pts[] = {m->pt, m->red_pt, m->rtx_pt};
        for (size_t i = 0; i < 3 && m->direction != MCU_INACTIVE; i++) {
            if (i > 0 && pts[i] == 0)
                continue;
            if (is_used[pts[i]])
                return false;
            is_used[pts[i]] = true;
        }
    }
    return true;
}

static bool is_codec_of_ours(enum mcu_codec codec)
{
    return codec == MCU_CODEC_OPUS || codec == MCU_CODEC_H264 || codec == MCU_CODEC_VP8;
}

static bool is_valid(const struct rtc_plain_conf *c)
{
    const struct rtc_plain_media *m = c->media;
    if (m[0].direction == MCU_INACTIVE && m[1].direction == MCU_INACTIVE)
        return false;
    for (size_t kind = 0; kind < 2; kind++) {
        if (!is_media_valid(&m[kind], (enum mcu_kind)kind) ||
            (m[kind].direction != MCU_INACTIVE && !is_codec_of_ours(m[kind].codec)))
            return false;
    }
    if (c->remote_host && c->remote_port == 0)
        return false;
    if (c->is_srtp && (!c->key_in || !c->key_out || c->key_bytes == 0 ||
                       c->key_bytes != rtc_srtp_key_bytes((enum rtc_srtp_profile)c->profile) +
                                           rtc_srtp_salt_bytes((enum rtc_srtp_profile)c->profile)))
        return false;
    return are_pts_distinct(m);
}

/* --- life
 * ----------------------------------------------------------------------------------------- */

static int open_port(struct rtc_peer *p, bool is_shared, struct rtc_port **out)
{
    struct rtc_group *g = p->group;
    const struct rtc_conf *rc = &p->rtc->conf;
    const struct rtc_port_conf conf = {
        .context = rtc_shard_context(g->shard),
        .batch = g->batch,
        .host = rc->plain_address,
        .port_min = rc->port_min,
        .port_max = rc->port_max,
        .dscp = rc->dscp,
        .buffer_bytes = is_shared ? SHARED_BUFFER_BYTES : OWN_BUFFER_BYTES,
        .stranger = is_shared ? NULL : p,
        .on_datagram = on_datagram,
        .on_soon = on_soon,
    };
    return rtc_port_create(out, &conf);
}

static int take_port(struct rtc_peer *p, const struct rtc_plain_conf *conf)
{
    struct rtc_group *g = p->group;
    struct rtc_plain *l = p->plain;
    int err = g->batch ? 0 : rtc_batch_create(&g->batch);
    if (err)
        return err;
    if (!conf->remote_host) {
        l->owns_port = true;
        return open_port(p, false, &l->port);
    }
    struct rtc_address remote;
    err = rtc_address_read(&remote, conf->remote_host, conf->remote_port);
    if (!err && !g->port)
        err = open_port(p, true, &g->port);
    if (!err)
        err = rtc_port_bind(g->port, &remote, p);
    if (err)
        return err;
    l->port = g->port;
    l->remote = remote;
    l->has_remote = true;
    return 0;
}

static int take_keys(struct rtc_peer *p, const struct rtc_plain_conf *conf)
{
    if (!conf->is_srtp)
        return 0;
    p->plain->is_srtp = true;
    const enum rtc_srtp_profile profile = (enum rtc_srtp_profile)conf->profile;
    const int err =
        rtc_srtp_create(&p->srtp_send, profile, RTC_SRTP_SEND, conf->key_out, conf->key_bytes);
    return err ? err
               : rtc_srtp_create(&p->srtp_receive, profile, RTC_SRTP_RECEIVE, conf->key_in,
                                 conf->key_bytes);
}

static void make_session(struct rtc_peer *p, const struct rtc_plain_conf *conf)
{
    struct rtc_session *s = &p->session;
    memset(s, 0, sizeof(*s));
    for (size_t kind = 0; kind < 2; kind++) {
        fill_line(s, (enum mcu_kind)kind, &conf->media[kind]);
        if (conf->media[kind].direction & MCU_RECVONLY)
            p->plain->may_send = true;
    }
    const struct rtc_plain_media *audio = &conf->media[MCU_AUDIO];
    p->is_calm = !s->lines[MCU_VIDEO].is_used && !audio->has_nack && !audio->red_pt;
    rtc_peer_note_session(p);
}

static int open_on_net(struct rtc_peer *p, void *arg)
{
    const struct plain_args *a = arg;
    p->plain = calloc(1, sizeof(*p->plain));
    if (!p->plain)
        return -ENOMEM;
    make_session(p, a->conf);
    int err = take_port(p, a->conf);
    if (!err)
        err = take_keys(p, a->conf);
    if (err)
        return err;
    const int64_t now_us = mcu_now_us();
    p->plain->heard_us = now_us;
    p->next_report_us = now_us + p->local.ssrc[0] / 4 % REPORT_SPREAD_US; /* it is random */
    p->is_described = true;

    struct rtc_address local;
    rtc_port_local(p->plain->port, &local);
    rtc_address_print(&local, a->local->host, &a->local->port);
    memcpy(a->local->ssrc, p->local.ssrc, sizeof(a->local->ssrc));
    rtc_link_set_state(p, p->plain->has_remote ? RTC_CONNECTED : RTC_CONNECTING, "");
    return 0;
}

int rtc_peer_create_plain(struct rtc *rtc, struct rtc_peer **out, const struct rtc_plain_conf *conf,
                          const struct rtc_peer_sink *sink, struct rtc_plain_local *local)
{
    if (!is_valid(conf))
        return -EINVAL;
    struct rtc_plain_local made;
    struct plain_args args = {.conf = conf, .local = &made};
    const int err = rtc_peer_start(rtc, out, sink, RTC_WAY_PLAIN, open_on_net, &args);
    if (!err)
        *local = made;
    return err;
}

static void plain_leave(struct rtc_peer *p)
{
    (void)p; /* RTCP's BYE has said it */
}

static void plain_close(struct rtc_peer *p)
{
    struct rtc_plain *l = p->plain;
    if (!l)
        return;
    if (l->owns_port)
        rtc_port_destroy(l->port);
    else if (l->port)
        rtc_port_unbind(l->port, &l->remote);
    free(l);
    p->plain = NULL;
}

const struct rtc_path rtc_plain_path = {
    .send = plain_send,
    .send_rtp = plain_send_rtp,
    .send_rtcp = plain_send_rtcp,
    .tick = plain_tick,
    .leave = plain_leave,
    .close = plain_close,
};
