/* What [ctl] and [any] call of a peer. [ctl] functions run on the peer's [net] thread and wait for
 * it: the arguments stay where they are, since a call that timed out never runs later. */
#include "transport/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "mcu/base/clock.h"

struct start_args {
    struct rtc_peer *peer;
    int (*open)(struct rtc_peer *p, void *arg);
    void *arg;
};

struct accept_args {
    struct rtc_peer *peer;
    const struct mcu_desc *offer;
    enum mcu_codec prefer;
    struct mcu_desc *answer;
};

struct offer_args {
    struct rtc_peer *peer;
    enum mcu_direction audio;
    enum mcu_direction video;
    enum mcu_codec codec;
    bool is_mix;
    struct mcu_desc *offer;
};

struct answered_args {
    struct rtc_peer *peer;
    const struct mcu_desc *answer;
};

struct restart_args {
    struct rtc_peer *peer;
    const struct mcu_desc *theirs;
    struct mcu_desc *ours;
};

struct candidate_args {
    struct rtc_peer *peer;
    const char *candidate;
};

struct filter_args {
    struct rtc_peer *peer;
    bool (*drop)(void *ctx, const uint8_t *data, size_t size);
    void *ctx;
};

struct inject_args {
    struct rtc_peer *peer;
    const uint8_t *data;
    size_t size;
};

/* --- making and ending
 * ---------------------------------------------------------------------------- */

static void hex(char *out, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* SSRCs and names, random and different from each other. */
static int name_streams(struct rtc_local *l)
{
    struct {
        uint32_t ssrc[5];
        uint8_t cname[8];
        uint8_t stream[8];
        uint8_t tracks[2][8];
    } random;
    do {
        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
            return -EIO;
        for (size_t i = 0; i < 5; i++) /* last three bits tell them apart; never 0 */
            random.ssrc[i] = (random.ssrc[0] & ~7u) | (uint32_t)i;
    } while (random.ssrc[0] == 0);
    memcpy(l->ssrc, random.ssrc, sizeof(l->ssrc));
    memcpy(l->rtx_ssrc, random.ssrc + 2, sizeof(l->rtx_ssrc));
    l->fec_ssrc = random.ssrc[4];
    hex(l->cname, random.cname, sizeof(random.cname));
    hex(l->stream_id, random.stream, sizeof(random.stream));
    for (size_t kind = 0; kind < 2; kind++)
        hex(l->track_id[kind], random.tracks[kind], sizeof(random.tracks[kind]));
    return 0;
}

/* --- what the sink leaves out ------------------------------------------------------------------ */

static void no_state(void *ctx, enum rtc_state state, const char *reason)
{
    (void)ctx;
    (void)state;
    (void)reason;
}

static void no_candidate(void *ctx, const char *candidate)
{
    (void)ctx;
    (void)candidate;
}

static void no_audio(void *ctx, const struct rtc_audio *audio)
{
    (void)ctx;
    (void)audio;
}

static void no_video(void *ctx, enum rtc_picture picture, struct mcu_packet *frame)
{
    (void)ctx;
    (void)picture;
    (void)frame;
}

static void no_need_key(void *ctx, enum mcu_codec codec)
{
    (void)ctx;
    (void)codec;
}

static void no_audio_need(void *ctx, enum rtc_audio_need need)
{
    (void)ctx;
    (void)need;
}

static void no_tuned(void *ctx, struct rtc_feed *feed)
{
    (void)ctx;
    (void)feed;
}

static void no_estimate(void *ctx, const struct rtc_estimate *estimate)
{
    (void)ctx;
    (void)estimate;
}

static void fill_sink(struct rtc_peer_sink *s)
{
    s->on_state = s->on_state ? s->on_state : no_state;
    s->on_candidate = s->on_candidate ? s->on_candidate : no_candidate;
    s->on_audio = s->on_audio ? s->on_audio : no_audio;
    s->on_video = s->on_video ? s->on_video : no_video;
    s->on_need_key = s->on_need_key ? s->on_need_key : no_need_key;
    s->on_audio_need = s->on_audio_need ? s->on_audio_need : no_audio_need;
    s->on_tuned = s->on_tuned ? s->on_tuned : no_tuned;
    s->on_estimate = s->on_estimate ? s->on_estimate : no_estimate;
}

/* --- what goes out asks for --------------------------------------------------------------------- */

static void send_hook(void *ctx, uint8_t *packet, size_t size)
{
    rtc_link_send_rtp(ctx, packet, size);
}

static void need_key_hook(void *ctx, enum mcu_codec codec)
{
    struct rtc_peer *p = ctx;
    p->sink.on_need_key(p->sink.ctx, codec);
}

static void audio_need_hook(void *ctx, enum rtc_audio_need need)
{
    struct rtc_peer *p = ctx;
    p->sink.on_audio_need(p->sink.ctx, need);
}

static void estimate_hook(void *ctx, const struct rtc_estimate *estimate)
{
    struct rtc_peer *p = ctx;
    p->sink.on_estimate(p->sink.ctx, estimate);
}

static bool is_wanted(const struct rtc_peer *p, uint64_t feed_id)
{
    const struct rtc_feed *feed = p->feeds[MCU_VIDEO];
    return feed && rtc_feed_id(feed) == feed_id;
}

static int still_hook(void *ctx, uint64_t feed_id, int64_t now_us, struct rtc_still *still)
{
    struct rtc_peer *p = ctx;
    int err = -ENOENT;
    pthread_mutex_lock(&p->lock);
    if (is_wanted(p, feed_id))
        err = rtc_feed_still(p->feeds[MCU_VIDEO], now_us, still);
    pthread_mutex_unlock(&p->lock);
    return err;
}

/* Under the lock. feed may be NULL. Without a moment in which the row hears neither. */
static void set_row(struct rtc_peer *p, size_t row, struct rtc_feed *feed)
{
    struct rtc_feed *const old = p->feeds[row];
    p->feeds[row] = feed;
    if (feed)
        rtc_feed_tuned_in(feed, p->group->index);
    atomic_store(&p->feed_ids[row], feed ? rtc_feed_id(feed) : 0);
    if (old)
        rtc_feed_tuned_out(old, p->group->index);
}

/* false: somebody tunes it elsewhere just now. */
static bool begins_hook(void *ctx, uint64_t feed_id)
{
    struct rtc_peer *p = ctx;
    pthread_mutex_lock(&p->lock);
    struct rtc_feed *feed = is_wanted(p, feed_id) ? p->feeds[MCU_VIDEO] : NULL;
    if (feed)
        set_row(p, RTC_ROW_LEAVING, NULL);
    pthread_mutex_unlock(&p->lock);
    if (!feed)
        return false;
    rtc_group_retuned(p->group);
    p->sink.on_tuned(p->sink.ctx, feed);
    return true;
}

static int start_on_net(void *arg)
{
    const struct start_args *a = arg;
    struct rtc_peer *p = a->peer;
    const struct rtc_out_hooks hooks = {.ctx = p,
                                        .send = send_hook,
                                        .need_key = need_key_hook,
                                        .audio_need = audio_need_hook,
                                        .still = still_hook,
                                        .begins = begins_hook,
                                        .estimate = estimate_hook};
    int err = rtc_in_create(&p->in, &p->session, &p->sink);
    if (!err)
        err = rtc_out_create(&p->out, &p->session, &p->local, &hooks);
    if (!err)
        err = rtc_group_add(p->group, p);
    if (!err) {
        err = a->open(p, a->arg);
        if (err)
            rtc_group_remove(p->group, p);
    }
    if (err)
        rtc_link_finish(p);
    return err;
}

int rtc_peer_create(struct rtc *rtc, struct rtc_peer **out, const struct rtc_peer_sink *sink)
{
    return rtc->conf.is_one_port
               ? rtc_peer_start(rtc, out, sink, RTC_WAY_LITE, rtc_lite_open, NULL)
               : rtc_peer_start(rtc, out, sink, RTC_WAY_ICE, rtc_link_open, NULL);
}

int rtc_peer_start(struct rtc *rtc, struct rtc_peer **out, const struct rtc_peer_sink *sink,
                   enum rtc_way way, int (*open)(struct rtc_peer *p, void *arg), void *arg)
{
    struct rtc_peer *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->rtc = rtc;
    p->sink = *sink;
    fill_sink(&p->sink);
    atomic_init(&p->layers_max, UINT8_MAX);
    atomic_init(&p->useful_bps, 0);
    atomic_init(&p->redundancy_bps, UINT64_MAX);
    static const struct rtc_path *const paths[] = {
        [RTC_WAY_ICE] = &rtc_link_ice_path,
        [RTC_WAY_PLAIN] = &rtc_plain_path,
        [RTC_WAY_LITE] = &rtc_lite_path,
    };
    p->path = paths[way];
    p->rtt_us = -1;
    p->stats.rtt_us = -1;
    memcpy(p->local.fingerprint, rtc_certificate_fingerprint(rtc->certificate),
           sizeof(p->local.fingerprint));
    p->local.audio_channels = (uint8_t)rtc->conf.audio_channels;
    p->local.audio_bitrate_bps = rtc->conf.audio_bitrate_bps;
    p->local.red_copies_max = (uint8_t)rtc->conf.red_copies_max;
    int err = name_streams(&p->local);
    if (!err)
        err = rtc_group_reserve(rtc, way, &p->group);
    if (err) {
        free(p);
        return err;
    }
    pthread_mutex_init(&p->lock, NULL);
    struct start_args args = {.peer = p, .open = open, .arg = arg};
    err = rtc_shard_call(p->group->shard, start_on_net, &args, RTC_SHARD_CALL_US);
    if (err) {
        rtc_group_leave(p->group);
        pthread_mutex_destroy(&p->lock);
        free(p);
        return err;
    }
    p->next = rtc->first;
    rtc->first = p;
    *out = p;
    return 0;
}

static int destroy_on_net(void *arg)
{
    struct rtc_peer *p = arg;
    rtc_group_remove(p->group, p);
    rtc_link_leave(p);
    rtc_link_finish(p);
    return 0;
}

void rtc_peer_destroy(struct rtc_peer *p)
{
    if (!p)
        return;
    rtc_peer_tune(p, MCU_AUDIO, NULL);
    rtc_peer_tune(p, MCU_VIDEO, NULL);
    rtc_shard_call(p->group->shard, destroy_on_net, p, -1);
    struct rtc_peer **at = &p->rtc->first;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    rtc_group_leave(p->group);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* --- descriptions
 * --------------------------------------------------------------------------------- */

/* A plain peer has no descriptions. */
static bool is_described_otherwise(const struct rtc_peer *p)
{
    return p->path == &rtc_plain_path;
}

void rtc_peer_note_session(struct rtc_peer *p)
{
    for (size_t i = 0; i < RTC_LINES; i++) {
        const struct rtc_line *l = &p->session.lines[i];
        const bool sends = l->is_used && (l->direction & MCU_SENDONLY);
        const bool receives = l->is_used && (l->direction & MCU_RECVONLY);
        if (i != RTC_LINE_SCREEN)
            atomic_store(&p->send_codecs[i], sends ? (int)l->codecs[0].codec : MCU_CODEC_NONE);
        atomic_store(&p->receives[i], receives);
    }
    atomic_store(&p->send_height_max, rtc_line_height_max(&p->session.lines[MCU_VIDEO]));
    atomic_store(&p->is_limited, true);
    rtc_in_renegotiated(p->in);
}

/* Our part of a description: credentials, and what was gathered. */
static int describe_ice(struct rtc_peer *p, bool is_first, bool is_restart, struct mcu_desc *desc)
{
    int err = 0;
    if (p->lite) {
        p->is_restarting = p->is_restarting || is_restart;
        return rtc_lite_describe(p, is_restart, desc);
    }
    p->is_gathering_told = true;
    if (is_first)
        err = rtc_ice_gather(p->ice);
    else if (is_restart)
        err = rtc_ice_restart(p->ice);
    p->is_gathering_told = false;
    if (!err)
        err = rtc_ice_local(p->ice, desc->ice_ufrag, desc->ice_pwd);
    if (err)
        return err;
    p->is_restarting = p->is_restarting || is_restart;
    desc->candidate_count = rtc_ice_candidates(p->ice, desc->candidates, MCU_DESC_CANDIDATES_MAX);
    desc->end_of_candidates = rtc_ice_is_gathered(p->ice);
    return 0;
}

static bool is_other(const struct rtc_peer *p, const struct mcu_desc *desc)
{
    return strcmp(p->remote_ufrag, desc->ice_ufrag) != 0 ||
           strcmp(p->remote_pwd, desc->ice_pwd) != 0;
}

/* Its certificate is who the far side is: it cannot become another one. */
static bool is_stranger(const struct rtc_peer *p, const struct mcu_desc *desc)
{
    return p->is_described &&
           memcmp(p->remote_fingerprint, desc->fingerprint, sizeof(desc->fingerprint)) != 0;
}

static int take_ice(struct rtc_peer *p, const struct mcu_desc *desc)
{
    if (p->ice && is_other(p, desc)) {
        const int err = rtc_ice_set_remote(p->ice, desc->ice_ufrag, desc->ice_pwd);
        if (err)
            return err;
    }
    memcpy(p->remote_ufrag, desc->ice_ufrag, sizeof(p->remote_ufrag));
    memcpy(p->remote_pwd, desc->ice_pwd, sizeof(p->remote_pwd));
    const size_t n = desc->candidate_count < MCU_DESC_CANDIDATES_MAX ? desc->candidate_count
                                                                     : MCU_DESC_CANDIDATES_MAX;
    for (size_t i = 0; p->ice && i < n; i++)
        rtc_ice_add_remote(p->ice, desc->candidates[i]); /* one bad candidate spoils no call */
    return 0;
}

static int take_remote(struct rtc_peer *p, const struct mcu_desc *desc)
{
    const int err = take_ice(p, desc);
    if (err)
        return err;
    memcpy(p->remote_fingerprint, desc->fingerprint, sizeof(p->remote_fingerprint));
    rtc_peer_note_session(p);
    rtc_link_described(p, mcu_now_us());
    return 0;
}

static int accept_on_net(void *arg)
{
    const struct accept_args *a = arg;
    struct rtc_peer *p = a->peer;
    if (is_stranger(p, a->offer))
        return -EPROTO;
    struct rtc_session session;
    int err = rtc_negotiate_answer(a->offer, &p->local, a->prefer, a->answer, &session);
    if (err)
        return err;
    const bool is_first = !p->is_described;
    if (is_first && p->ice) /* later libnice knows better, should there have been a conflict */
        rtc_ice_set_controlling(p->ice, a->offer->ice_lite);
    err = describe_ice(p, is_first, !is_first && is_other(p, a->offer), a->answer);
    if (err)
        return err;
    p->session = session;
    return take_remote(p, a->offer);
}

int rtc_peer_accept(struct rtc_peer *p, const struct mcu_desc *offer, enum mcu_codec prefer,
                    struct mcu_desc *answer)
{
    struct mcu_desc made;
    struct accept_args args = {.peer = p, .offer = offer, .prefer = prefer, .answer = &made};
    if (is_described_otherwise(p))
        return -EINVAL;
    const int err = rtc_shard_call(p->group->shard, accept_on_net, &args, RTC_SHARD_CALL_US);
    if (!err)
        *answer = made;
    return err;
}

static int offer_on_net(void *arg)
{
    const struct offer_args *a = arg;
    struct rtc_peer *p = a->peer;
    const bool is_first = !p->offer;
    if (is_first && p->is_described) /* his offer was taken: it is for him to renew it */
        return -EINVAL;
    int err = a->is_mix ? rtc_negotiate_mix(&p->local, a->codec, a->offer)
                        : rtc_negotiate_offer(&p->local, a->audio, a->video, a->codec, a->offer);
    if (err)
        return err;
    if (is_first && p->ice) /* who is lite is controlled, also when he offers (RFC 8445, 6.1.1) */
        rtc_ice_set_controlling(p->ice, true);
    err = describe_ice(p, is_first, !is_first, a->offer);
    if (err)
        return err;
    if (is_first)
        p->offer = malloc(sizeof(*p->offer));
    if (!p->offer)
        return -ENOMEM;
    *p->offer = *a->offer;
    return 0;
}

static int offer_with(struct offer_args args, struct mcu_desc *offer)
{
    struct mcu_desc made;
    args.offer = &made;
    if (is_described_otherwise(args.peer))
        return -EINVAL;
    const int err =
        rtc_shard_call(args.peer->group->shard, offer_on_net, &args, RTC_SHARD_CALL_US);
    if (!err)
        *offer = made;
    return err;
}

int rtc_peer_offer(struct rtc_peer *p, enum mcu_direction audio, enum mcu_direction video,
                   enum mcu_codec codec, struct mcu_desc *offer)
{
    const struct offer_args args = {.peer = p, .audio = audio, .video = video, .codec = codec};
    return offer_with(args, offer);
}

int rtc_peer_offer_mix(struct rtc_peer *p, enum mcu_codec prefer, struct mcu_desc *offer)
{
    const struct offer_args args = {.peer = p, .codec = prefer, .is_mix = true};
    return offer_with(args, offer);
}

static int answered_on_net(void *arg)
{
    const struct answered_args *a = arg;
    struct rtc_peer *p = a->peer;
    if (!p->offer)
        return -EINVAL;
    if (is_stranger(p, a->answer))
        return -EPROTO;
    struct rtc_session session;
    const int err = rtc_negotiate_answered(p->offer, &p->local, a->answer, &session);
    if (err)
        return err;
    p->session = session;
    return take_remote(p, a->answer);
}

int rtc_peer_answered(struct rtc_peer *p, const struct mcu_desc *answer)
{
    struct answered_args args = {.peer = p, .answer = answer};
    if (is_described_otherwise(p))
        return -EINVAL;
    return rtc_shard_call(p->group->shard, answered_on_net, &args, RTC_SHARD_CALL_US);
}

static int restart_on_net(void *arg)
{
    const struct restart_args *a = arg;
    struct rtc_peer *p = a->peer;
    if (!p->is_described || !a->theirs->ice_ufrag[0] || !is_other(p, a->theirs))
        return -EINVAL;
    const int err = describe_ice(p, false, true, a->ours);
    return err ? err : take_ice(p, a->theirs);
}

int rtc_peer_restart(struct rtc_peer *p, const struct mcu_desc *theirs, struct mcu_desc *ours)
{
    struct restart_args args = {.peer = p, .theirs = theirs, .ours = ours};
    if (is_described_otherwise(p))
        return -EINVAL;
    return rtc_shard_call(p->group->shard, restart_on_net, &args, RTC_SHARD_CALL_US);
}

static int add_candidate_on_net(void *arg)
{
    const struct candidate_args *a = arg;
    if (a->peer->lite) /* it comes to us */
        return 0;
    return rtc_ice_add_remote(a->peer->ice, a->candidate);
}

int rtc_peer_add_candidate(struct rtc_peer *p, const char *candidate)
{
    if (!candidate || !candidate[0])
        return 0; /* libnice is better off not knowing; see ice.c */
    if (is_described_otherwise(p))
        return -EINVAL;
    struct candidate_args args = {.peer = p, .candidate = candidate};
    return rtc_shard_call(p->group->shard, add_candidate_on_net, &args, RTC_SHARD_CALL_US);
}

/* --- any thread
 * ----------------------------------------------------------------------------------- */

enum mcu_codec rtc_peer_send_codec(const struct rtc_peer *p, enum mcu_kind kind)
{
    return (enum mcu_codec)atomic_load(&p->send_codecs[kind]);
}

bool rtc_peer_receives_audio(const struct rtc_peer *p)
{
    return atomic_load(&p->receives[MCU_AUDIO]);
}

bool rtc_peer_receives_picture(const struct rtc_peer *p, enum rtc_picture picture)
{
    return atomic_load(&p->receives[MCU_VIDEO + picture]);
}

/* Under the lock. What was wanted but has not begun gives way at once. [net] may look in between:
 * what plays is in a row all the time. */
static void tune_video(struct rtc_peer *p, struct rtc_feed *feed)
{
    if (!p->feeds[RTC_ROW_LEAVING])
        set_row(p, RTC_ROW_LEAVING, p->feeds[MCU_VIDEO]);
    set_row(p, MCU_VIDEO, feed);
    if (!feed || feed == p->feeds[RTC_ROW_LEAVING])
        set_row(p, RTC_ROW_LEAVING, NULL);
}

void rtc_peer_tune(struct rtc_peer *p, enum mcu_kind kind, struct rtc_feed *feed)
{
    pthread_mutex_lock(&p->lock);
    const bool is_other = p->feeds[kind] != feed;
    if (is_other && kind == MCU_VIDEO)
        tune_video(p, feed);
    else if (is_other)
        set_row(p, kind, feed);
    pthread_mutex_unlock(&p->lock);
    if (!is_other)
        return;
    rtc_group_retuned(p->group);
    rtc_group_nudge(p->group);
}

void rtc_peer_set_layers(struct rtc_peer *p, uint8_t max_temporal_id)
{
    if (atomic_exchange(&p->layers_max, max_temporal_id) == max_temporal_id)
        return;
    rtc_group_retuned(p->group);
    rtc_group_nudge(p->group);
}

void rtc_peer_set_useful(struct rtc_peer *p, uint64_t bps)
{
    if (atomic_exchange(&p->useful_bps, bps) == bps)
        return;
    rtc_group_retuned(p->group);
    rtc_group_nudge(p->group);
}

void rtc_peer_set_redundancy(struct rtc_peer *p, uint64_t bps)
{
    atomic_store(&p->redundancy_bps, bps);
}

uint32_t rtc_peer_send_height_max(const struct rtc_peer *p)
{
    return atomic_load(&p->send_height_max);
}

void rtc_peer_limit(struct rtc_peer *p, enum rtc_picture picture, const struct rtc_limit *limit)
{
    pthread_mutex_lock(&p->lock);
    p->limits[picture] = (struct rtc_told_limit){.is_told = true, .limit = *limit};
    pthread_mutex_unlock(&p->lock);
    atomic_store(&p->is_limited, true);
}

void rtc_peer_request_key(struct rtc_peer *p, enum rtc_picture picture)
{
    atomic_store(&p->is_key_asked[picture], true);
}

void rtc_peer_read_stats(const struct rtc_peer *p, struct rtc_peer_stats *stats)
{
    struct rtc_peer *mutable = (struct rtc_peer *)p; /* for its lock */
    pthread_mutex_lock(&mutable->lock);
    *stats = p->stats;
    pthread_mutex_unlock(&mutable->lock);
}

/* --- for tests
 * ------------------------------------------------------------------------------------ */

static int filter_on_net(void *arg)
{
    const struct filter_args *a = arg;
    a->peer->filter = a->drop;
    a->peer->filter_ctx = a->ctx;
    return 0;
}

void rtc_peer_filter(struct rtc_peer *p, bool (*drop)(void *ctx, const uint8_t *data, size_t size),
                     void *ctx)
{
    struct filter_args args = {.peer = p, .drop = drop, .ctx = ctx};
    rtc_shard_call(p->group->shard, filter_on_net, &args, -1);
}

static int inject_on_net(void *arg)
{
    const struct inject_args *a = arg;
    return a->peer->path->send(a->peer, a->data, a->size);
}

int rtc_peer_inject(struct rtc_peer *p, const void *data, size_t size)
{
    struct inject_args args = {.peer = p, .data = data, .size = size};
    return rtc_shard_call(p->group->shard, inject_on_net, &args, RTC_SHARD_CALL_US);
}
