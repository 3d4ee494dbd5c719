/* One incoming picture; see in_video.h. [net]
 *
 * A layer that is followed has a jitter buffer. Two are only while the layer that is wanted has not
 * begun: the old one plays on until a key frame of the new one is whole. */
#include "transport/in_video.h"

#include <errno.h>
#include <stdlib.h>

#include "transport/in.h"
#include "transport/freeze.h"
#include "transport/limit.h"
#include "transport/nack.h"
#include "transport/picture_size.h"
#include "transport/recv_stats.h"
#include "transport/rtx.h"
#include "transport/seq.h"
#include "transport/video_jitter.h"

enum {
    CLOCK_HZ = 90000,
    ENDED_BYE_US = 2 * 1000 * 1000,
    ALIVE_US = 1000 * 1000,
    LOOK_US = 500 * 1000,
    ENDED_SILENT_US = 10 * 1000 * 1000, /* senders of a picture that stands still report on */
};

struct layer {
    bool is_started;
    uint32_t ssrc;
    struct rtc_unwrap unwrap;
    int64_t last_arrival_us;
    struct rtc_recv_stats received;
    uint32_t loss_permille;
    enum mcu_codec codec;
    bool is_key_asked; /* somebody asked, and none came since */
    int64_t next_pli_us;
    struct rtc_video_jitter *jitter; /* NULL: not followed */
    struct rtc_nack *nack;
    /* simulcast */
    uint32_t width, height; /* of its newest key frame; 0: not known */
    uint64_t bytes_before;  /* at the last look */
    uint64_t bytes_a_look;
};

struct rtc_in_video {
    struct rtc_peer_sink sink;
    struct rtc_clockmap *clockmap;
    enum rtc_picture picture;
    unsigned first_stream;
    unsigned count; /* of layers */
    unsigned active;
    unsigned wanted; /* another than active: until its first key frame */
    int64_t last_pts_us;
    struct rtc_freeze freeze;
    struct rtc_told_limit told;
    int64_t next_look_us; /* whether another layer fits better */
    int64_t now_us;       /* of the last tick */
    int64_t ended_at_us;  /* unless something comes; 0: nothing came yet */
    struct layer layers[RTC_LAYERS_MAX];
    struct rtc_stream_stats total; /* without what `received` holds of present SSRCs */
};

int rtc_in_video_create(struct rtc_in_video **out, const struct rtc_peer_sink *sink,
                        struct rtc_clockmap *clockmap, enum rtc_picture picture,
                        unsigned first_stream)
{
    struct rtc_in_video *v = calloc(1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    v->sink = *sink;
    v->clockmap = clockmap;
    v->picture = picture;
    v->first_stream = first_stream;
    v->count = 1;
    *out = v;
    return 0;
}

static void unfollow(struct layer *l)
{
    rtc_video_jitter_destroy(l->jitter);
    rtc_nack_destroy(l->nack);
    l->jitter = NULL;
    l->nack = NULL;
}

void rtc_in_video_destroy(struct rtc_in_video *v)
{
    if (!v)
        return;
    for (unsigned i = 0; i < RTC_LAYERS_MAX; i++)
        unfollow(&v->layers[i]);
    free(v);
}

/* --- which stream a layer is -------------------------------------------------------------------- */

static void keep_totals(struct rtc_in_video *v, const struct layer *l)
{
    if (!l->is_started)
        return;
    v->total.packets += l->received.packets;
    v->total.bytes += l->received.bytes;
    v->total.lost += rtc_recv_stats_lost(&l->received);
}

void rtc_in_video_set_layers(struct rtc_in_video *v, unsigned count)
{
    if (count == v->count || count == 0 || count > RTC_LAYERS_MAX)
        return;
    for (unsigned i = 0; i < RTC_LAYERS_MAX; i++) {
        keep_totals(v, &v->layers[i]);
        unfollow(&v->layers[i]);
        v->layers[i] = (struct layer){0};
    }
    v->count = count;
    v->active = v->wanted = 0;
}

/* Begins to put frames of the layer together, afresh. */
static int follow(struct layer *l, enum mcu_codec codec)
{
    struct rtc_video_jitter *jitter = NULL;
    struct rtc_nack *nack = NULL;
    int err = rtc_video_jitter_create(&jitter, codec, RTC_VIDEO_JITTER_WAIT_US);
    if (!err)
        err = rtc_nack_create(&nack, NULL);
    if (err) {
        rtc_video_jitter_destroy(jitter);
        return err;
    }
    unfollow(l);
    l->jitter = jitter;
    l->nack = nack;
    return 0;
}

static bool is_followed(const struct rtc_in_video *v, unsigned layer)
{
    return layer == v->active || layer == v->wanted;
}

static int restart(struct rtc_in_video *v, const struct rtc_in_video_packet *p)
{
    struct layer *l = &v->layers[p->layer];
    const int err = is_followed(v, p->layer) ? follow(l, p->codec) : 0;
    if (err)
        return err;
    keep_totals(v, l);
    l->unwrap = (struct rtc_unwrap){0};
    l->is_started = true;
    l->ssrc = p->rtp->ssrc;
    l->codec = p->codec;
    l->width = l->height = 0;
    l->bytes_before = l->bytes_a_look = 0;
    rtc_recv_stats_init(&l->received, l->ssrc, CLOCK_HZ);
    rtc_clockmap_restart(v->clockmap, v->first_stream + p->layer);
    return 0;
}

static bool may_switch(const struct layer *l, const struct rtc_in_video_packet *p)
{
    return !l->is_started || p->is_announced ||
           p->now_us - l->last_arrival_us >= RTC_IN_SSRC_SILENCE_US;
}

/* --- which layer --------------------------------------------------------------------------------- */

static bool is_alive(const struct layer *l, int64_t now_us)
{
    return l->is_started && now_us - l->last_arrival_us < ALIVE_US;
}

/* By size; of layers whose size is not known, by what they take. */
static bool is_larger(const struct layer *a, const struct layer *b)
{
    const uint64_t pixels_a = (uint64_t)a->width * a->height;
    const uint64_t pixels_b = (uint64_t)b->width * b->height;
    if (pixels_a && pixels_b && pixels_a != pixels_b)
        return pixels_a > pixels_b;
    return a->bytes_a_look > b->bytes_a_look;
}

static bool is_enough(const struct rtc_in_video *v, const struct layer *l)
{
    const struct rtc_limit *limit = &v->told.limit;
    if (!v->told.is_told)
        return false;
    return limit->bitrate_bps == 0 ||
           (l->width && rtc_limit_is_covered(limit, l->width, l->height));
}

/* The smallest that is enough, or the largest there is. */
static unsigned choose(const struct rtc_in_video *v, int64_t now_us)
{
    const struct layer *best = NULL;
    for (unsigned i = 0; i < v->count; i++) {
        const struct layer *l = &v->layers[i];
        if (!is_alive(l, now_us))
            continue;
        const bool is_better =
            !best || (is_enough(v, best) ? is_enough(v, l) && is_larger(best, l)
                                         : is_enough(v, l) || is_larger(l, best));
        if (is_better)
            best = l;
    }
    return best ? (unsigned)(best - v->layers) : v->wanted;
}

/* Goes over to another layer: its key frame is asked for, the old one plays on until then. */
static void want(struct rtc_in_video *v, unsigned layer)
{
    struct layer *l = &v->layers[layer];
    if (layer == v->wanted || (layer != v->active && follow(l, l->codec)))
        return;
    if (v->wanted != v->active)
        unfollow(&v->layers[v->wanted]);
    v->wanted = layer;
}

static void look_at_layers(struct rtc_in_video *v, int64_t now_us)
{
    if (v->count == 1 || now_us < v->next_look_us)
        return;
    v->next_look_us = now_us + LOOK_US;
    for (unsigned i = 0; i < v->count; i++) {
        struct layer *l = &v->layers[i];
        l->bytes_a_look = l->received.bytes - l->bytes_before;
        l->bytes_before = l->received.bytes;
    }
    want(v, choose(v, now_us));
}

void rtc_in_video_limit(struct rtc_in_video *v, const struct rtc_limit *limit)
{
    v->told = (struct rtc_told_limit){.is_told = true, .limit = *limit};
    v->next_look_us = 0;
}

/* --- frames ------------------------------------------------------------------------------------- */

/* The first frame of a layer's jitter buffer is a key frame: from it on this is the picture. */
static void switch_to(struct rtc_in_video *v, unsigned layer)
{
    unfollow(&v->layers[v->active]);
    v->active = layer;
}

static void hand_on(struct rtc_in_video *v, unsigned layer, const struct rtc_video_frame *frame)
{
    struct mcu_packet *packet = frame->packet;
    int64_t pts_us = rtc_clockmap_pts(v->clockmap, v->first_stream + layer, frame->timestamp);
    if (v->count > 1 && pts_us <= v->last_pts_us) /* another layer had this picture */
        pts_us = v->last_pts_us + 1;
    v->last_pts_us = pts_us;
    packet->pts_us = packet->dts_us = pts_us;
    v->sink.on_video(v->sink.ctx, v->picture, packet);
}

static void deliver(struct rtc_in_video *v, unsigned layer, int64_t now_us)
{
    struct layer *l = &v->layers[layer];
    struct rtc_video_frame frame;
    while (rtc_video_jitter_pop(l->jitter, now_us, &frame) == 0) {
        if (layer != v->active)
            switch_to(v, layer);
        if (frame.packet->is_key)
            l->is_key_asked = false;
        hand_on(v, layer, &frame);
        if (v->picture == RTC_CAMERA) /* a screen may stand still */
            rtc_freeze_note(&v->freeze, now_us);
        mcu_packet_unref(frame.packet);
    }
    rtc_nack_forget_below(l->nack, rtc_video_jitter_next_seq(l->jitter));
}

static void insert(struct rtc_in_video *v, const struct rtc_in_video_packet *p, uint64_t seq,
                   bool is_repair)
{
    struct layer *l = &v->layers[p->layer];
    if (rtc_nack_received(l->nack, seq, p->now_us))
        l->is_key_asked = true;
    rtc_video_jitter_set_colours_id(l->jitter, p->colours_id);
    const int err = rtc_video_jitter_insert(l->jitter, p->rtp, seq, p->now_us);
    if (is_repair && !err)
        v->total.retransmitted++;
    deliver(v, p->layer, p->now_us);
}

/* The SSRC and the codec of the layer are those of the packet on return. */
static int adapt(struct rtc_in_video *v, const struct rtc_in_video_packet *p)
{
    struct layer *l = &v->layers[p->layer];
    if (!l->is_started || l->ssrc != p->rtp->ssrc)
        return may_switch(l, p) ? restart(v, p) : -EBADMSG;
    if (l->codec == p->codec)
        return 0;
    l->codec = p->codec;
    return l->jitter ? rtc_video_jitter_set_codec(l->jitter, p->codec) : 0;
}

int rtc_in_video_take(struct rtc_in_video *v, const struct rtc_in_video_packet *p)
{
    if (p->layer >= v->count)
        return -EBADMSG;
    const int err = adapt(v, p);
    if (err)
        return err;
    struct layer *l = &v->layers[p->layer];
    const uint64_t seq = rtc_unwrap16(&l->unwrap, p->rtp->seq);
    l->last_arrival_us = p->now_us;
    v->ended_at_us = p->now_us + ENDED_SILENT_US;
    if (v->count > 1)
        rtc_picture_size(p->codec, p->rtp->payload, p->rtp->payload_size, &l->width, &l->height);
    rtc_recv_stats_packet(&l->received, seq, p->rtp->timestamp, p->rtp->payload_size, p->now_us);
    rtc_clockmap_arrived(v->clockmap, v->first_stream + p->layer, p->rtp->timestamp, p->now_us);
    if (l->jitter)
        insert(v, p, seq, false);
    return 0;
}

int rtc_in_video_repair(struct rtc_in_video *v, struct rtc_rtp *rtp, uint8_t media_pt,
                        const struct rtc_in_video_packet *packet)
{
    struct layer *l = packet->layer < v->count ? &v->layers[packet->layer] : NULL;
    if (!l || !l->jitter || packet->codec != l->codec)
        return 0; /* nothing that it could repair */
    const int err = rtc_rtx_unwrap(rtp, media_pt, l->ssrc);
    if (err)
        return err == -ENODATA ? 0 : err;
    insert(v, packet, rtc_unwrap16(&l->unwrap, rtp->seq), true);
    return 0;
}

/* --- what RTCP tells, and what to tell by it ---------------------------------------------------- */

void rtc_in_video_sr(struct rtc_in_video *v, uint32_t ssrc, const struct rtc_rtcp_sr *sr,
                     int64_t now_us)
{
    for (unsigned i = 0; i < v->count; i++) {
        struct layer *l = &v->layers[i];
        if (!l->is_started || l->ssrc != ssrc)
            continue;
        v->ended_at_us = now_us + ENDED_SILENT_US;
        rtc_clockmap_report(v->clockmap, v->first_stream + i, sr->ntp, sr->rtp);
        rtc_recv_stats_report(&l->received, sr->ntp, now_us);
    }
}

void rtc_in_video_bye(struct rtc_in_video *v, uint32_t ssrc)
{
    for (unsigned i = 0; i < v->count; i++) {
        if (!v->layers[i].is_started || v->layers[i].ssrc != ssrc)
            continue;
        v->layers[i].last_arrival_us = INT64_MIN / 2; /* another may follow at once */
        v->ended_at_us = v->now_us + ENDED_BYE_US;
    }
}

void rtc_in_video_tick(struct rtc_in_video *v, int64_t now_us)
{
    v->now_us = now_us;
    look_at_layers(v, now_us);
    for (unsigned i = 0; i < v->count; i++) {
        if (v->layers[i].jitter)
            deliver(v, i, now_us);
    }
}

size_t rtc_in_video_blocks(struct rtc_in_video *v, int64_t now_us, struct rtc_rtcp_block *blocks)
{
    size_t n = 0;
    for (unsigned i = 0; i < v->count; i++) {
        struct layer *l = &v->layers[i];
        if (!l->is_started)
            continue;
        rtc_recv_stats_block(&l->received, now_us, &blocks[n]);
        l->loss_permille = (uint32_t)blocks[n].fraction * 1000 / 256;
        n++;
    }
    return n;
}

size_t rtc_in_video_ssrcs(const struct rtc_in_video *v, uint32_t *ssrcs)
{
    size_t n = 0;
    for (unsigned i = 0; i < v->count; i++) {
        if (v->layers[i].is_started)
            ssrcs[n++] = v->layers[i].ssrc;
    }
    return n;
}

size_t rtc_in_video_missing(struct rtc_in_video *v, unsigned layer, int64_t now_us, int64_t rtt_us,
                            uint16_t *seqs, size_t capacity, uint32_t *ssrc)
{
    const struct layer *l = &v->layers[layer];
    if (!l->nack)
        return 0;
    const size_t n = rtc_nack_due(l->nack, now_us, rtt_us, seqs, capacity);
    v->total.nacks += n;
    *ssrc = l->ssrc;
    return n;
}

bool rtc_in_video_take_pli(struct rtc_in_video *v, int64_t now_us, bool asked, uint32_t *ssrc)
{
    if (asked)
        v->layers[v->wanted].is_key_asked = true;
    struct layer *l = &v->layers[v->wanted];
    if (!l->jitter)
        l = &v->layers[v->active];
    if (!l->jitter || now_us < l->next_pli_us)
        return false;
    if (!l->is_key_asked && !rtc_video_jitter_wants_key(l->jitter))
        return false;
    l->is_key_asked = false;
    l->next_pli_us = now_us + RTC_IN_PLI_INTERVAL_US;
    v->total.plis++;
    *ssrc = l->ssrc;
    return true;
}

void rtc_in_video_read_stats(const struct rtc_in_video *v, struct rtc_stream_stats *stats)
{
    *stats = v->total;
    stats->freezes = v->freeze.count;
    stats->is_ended = v->ended_at_us && v->now_us >= v->ended_at_us;
    for (unsigned i = 0; i < v->count; i++) {
        const struct layer *l = &v->layers[i];
        if (!l->is_started)
            continue;
        stats->packets += l->received.packets;
        stats->bytes += l->received.bytes;
        stats->lost += rtc_recv_stats_lost(&l->received);
        if (i != v->active)
            continue;
        stats->jitter_us = rtc_recv_stats_jitter_us(&l->received);
        stats->loss_permille = l->loss_permille;
    }
}
