/* Who watches what: each peer is tuned to the stream of its view that its network carries. [ctl].
 *
 *     estimate ─▶ mcu_choose() ─▶ tier, layers ─▶ room_stream_get() ─▶ rtc_peer_tune()
 *                                                        on_tuned() ─▶ the one before is let go
 *
 * Until the new stream's key frame the old one plays on, so both are held. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/room_internal.h"

#define RETRY_US (5 * MCU_US_PER_S) /* of an encoder that could not be made */
#define BACK_US  (3 * MCU_US_PER_S) /* by then a key frame has come, if one had to */

enum {
    PACKET_OVERHEAD_BPS = 24 * 1000, /* of 50 packets a second, 60 bytes each: RTP, SRTP, UDP, IP */
    LAYERS_ALL = 7,
};

/* --- streams held ----------------------------------------------------------------------------- */

static void let_go(struct room_watch *w, uint32_t i)
{
    room_stream_put(w->held[i]);
    w->held[i] = w->held[--w->held_count];
}

static void let_all_go(struct room_watch *w)
{
    while (w->held_count)
        let_go(w, 0);
}

/* It may still play: what was played before is among those held. */
static void hold(struct room_watch *w, struct room_stream *s)
{
    if (!s)
        return;
    if (w->held_count == ROOM_HELD_MAX)
        let_go(w, 1); /* the first is the one that plays, those between never began */
    w->held[w->held_count++] = s;
}

static void set_layers(struct room_peer *p, const struct room_stream *s, uint8_t layers)
{
    const struct mcu_ladder *l = room_view_ladder(s->view, s->codec);
    const bool is_all = layers >= l->rungs[s->tier].temporal_layers;
    rtc_peer_set_layers(p->rtc, is_all ? LAYERS_ALL : (uint8_t)(layers - 1));
}

/* --- what is told ----------------------------------------------------------------------------- */

json_t *room_watch_json(const struct room_peer *p)
{
    const struct room_watch *w = &p->watch;
    if (!w->view)
        return json_null();
    const struct room_stream *s = w->wanted;
    const struct mcu_rung *r = s ? &room_view_ladder(w->view, w->codec)->rungs[s->tier] : NULL;
    return json_pack("{s:s,s:s,s:s,s:i,s:i,s:i}", "view", w->view->name, "tier",
                     mcu_tier_name(s ? s->tier : MCU_TIER_NONE), "codec", mcu_codec_name(w->codec),
                     "width", r ? (int)r->width : 0, "height", r ? (int)r->height : 0, "layers",
                     s ? (int)w->choice.layers : 0);
}

static void tell(struct room_peer *p)
{
    json_t *fields = room_watch_json(p);
    if (!json_is_object(fields))
        return;
    json_object_set_new(fields, "peer", json_string(p->id));
    room_send_event(p->room, "watching", fields);
}

/* --- choosing --------------------------------------------------------------------------------- */

enum { HEIGHT_OF_LEVEL_31 = 720 };

/* What its session description allows. */
static uint32_t playable(const struct room_peer *p, const struct mcu_ladder *l)
{
    const uint32_t height_max = rtc_peer_send_height_max(p->rtc);
    uint32_t tiers = l->tiers;
    for (int t = 0; t < MCU_TIERS; t++) {
        const struct mcu_rung *r = &l->rungs[t];
        const uint32_t short_side = r->width < r->height ? r->width : r->height;
        if (short_side > height_max || (r->needs_level_4 && height_max <= HEIGHT_OF_LEVEL_31))
            tiers &= ~(1u << t);
    }
    return tiers;
}

static void fill_offer(const struct room_peer *p, const struct mcu_ladder *l,
                       struct mcu_offer *offer)
{
    const struct mcu_config *c = &p->room->config;
    const bool is_heard = rtc_peer_send_codec(p->rtc, MCU_AUDIO) != MCU_CODEC_NONE;
    *offer = (struct mcu_offer){
        .estimate_bps = atomic_load(&p->watch.estimate_bps),
        .is_probing = atomic_load(&p->watch.is_probing),
        .audio_bps = is_heard ? c->audio.bitrate_kbps * 1000 + PACKET_OVERHEAD_BPS : 0,
        .audio_low_bps = is_heard ? c->audio.low_bitrate_kbps * 1000 + PACKET_OVERHEAD_BPS : 0,
        .tiers = mcu_overload_tiers(p->room->views.overload.step,
                                    playable(p, l) & mcu_tiers_upto(p->watch.ceiling)),
    };
}

static bool is_there_already(const struct room_watch *w, const struct mcu_choice *choice)
{
    const struct room_stream *s = w->wanted;
    if (!s || choice->tier == MCU_TIER_NONE)
        return !s && choice->tier == MCU_TIER_NONE;
    return s->view == w->view && s->codec == w->codec && s->tier == choice->tier &&
           room_stream_is_right(s);
}

static void tune(struct room_peer *p, struct room_stream *s, int64_t now_us)
{
    struct room_watch *w = &p->watch;
    const struct room_stream *old = w->wanted;
    hold(w, w->wanted);
    w->wanted = s;
    w->tuned_us = now_us;
    rtc_peer_tune(p->rtc, MCU_VIDEO, s ? s->feed : NULL);
    if (!s)
        let_all_go(w);
    else if (old && s->tier > old->tier)
        rtc_peer_set_layers(p->rtc, 0); /* fewer at once, until the smaller one begins */
    else if (!old)
        set_layers(p, s, w->choice.layers);
}

static void apply(struct room_peer *p, const struct mcu_choice *choice, int64_t now_us)
{
    struct room_watch *w = &p->watch;
    const bool is_same = is_there_already(w, choice);
    const bool has_other_layers = choice->layers != w->choice.layers;
    struct room_stream *s = NULL;
    if (!is_same && choice->tier != MCU_TIER_NONE) {
        if (now_us < w->retry_us)
            return;
        s = room_stream_get(w->view, w->codec, choice->tier);
        if (!s) { /* what it has is better than nothing */
            w->retry_us = now_us + RETRY_US;
            return;
        }
    }
    w->choice = *choice;
    if (!is_same)
        tune(p, s, now_us);
    else if (has_other_layers && w->wanted && !w->held_count)
        set_layers(p, w->wanted, choice->layers);
    if (!is_same || has_other_layers)
        tell(p);
}

/* What is wanted plays: the others are let go. */
static void settle(struct room_peer *p)
{
    let_all_go(&p->watch);
    set_layers(p, p->watch.wanted, p->watch.choice.layers);
}

/* What plays was left and taken again before the network looked: nobody tells that it begins. */
static bool is_back(const struct room_watch *w, int64_t now_us)
{
    return w->held_count && w->held[0] == w->wanted && now_us - w->tuned_us >= BACK_US;
}

void room_watch_update(struct room_peer *p, int64_t now_us)
{
    struct room_watch *w = &p->watch;
    if (!w->view)
        return;
    if (is_back(w, now_us))
        settle(p);
    const struct mcu_ladder *l = room_view_ladder(w->view, w->codec);
    struct mcu_offer offer;
    struct mcu_choice choice;
    fill_offer(p, l, &offer);
    mcu_choose(&w->chooser, l, &offer, now_us, &choice);
    rtc_peer_set_useful(p->rtc, choice.useful_bps);
    apply(p, &choice, now_us);
    /* Where no picture is sent, nothing else wants it. */
    const bool is_shared = offer.estimate_bps && choice.tier != MCU_TIER_NONE;
    rtc_peer_set_redundancy(p->rtc, is_shared ? choice.redundancy_bps : UINT64_MAX);
    const struct mcu_step *step = &l->steps[w->chooser.step];
    atomic_store(&w->need_bps,
                 step->need_bps + (choice.is_audio_low ? offer.audio_low_bps : offer.audio_bps));
    if (choice.is_audio_low != w->is_audio_low) {
        w->is_audio_low = choice.is_audio_low;
        room_apply_audio_quality(p);
    }
}

void room_watch_update_all(struct mcu_room *r, int64_t now_us)
{
    for (size_t i = 0; i < r->peer_count; i++)
        room_watch_update(r->peers[i], now_us);
}

/* --- views ------------------------------------------------------------------------------------ */

static void enter(struct room_peer *p, struct room_view *v)
{
    struct room_watch *w = &p->watch;
    if (w->view == v)
        return;
    room_view_enter(v);
    if (w->view)
        room_view_leave(w->view);
    w->view = v;
    w->chooser.step = 0; /* of another ladder: what fits is found at once */
    w->chooser.tiers = 0;
}

void room_watch_stop(struct room_peer *p)
{
    struct room_watch *w = &p->watch;
    if (!w->view)
        return;
    rtc_peer_tune(p->rtc, MCU_VIDEO, NULL);
    let_all_go(w);
    room_stream_put(w->wanted);
    w->wanted = NULL;
    room_view_leave(w->view);
    w->view = NULL;
    w->codec = MCU_CODEC_NONE;
}

/* The view goes now, and what it plays with it; what comes instead begins with a still. */
static void drop_streams_of(struct room_peer *p, const struct room_view *v)
{
    struct room_watch *w = &p->watch;
    for (uint32_t n = w->held_count; n-- > 0;) {
        if (w->held[n]->view == v)
            let_go(w, n);
    }
    if (!w->wanted || w->wanted->view != v)
        return;
    rtc_peer_tune(p->rtc, MCU_VIDEO, NULL); /* there is no encoder for another one */
    room_stream_put(w->wanted);
    w->wanted = NULL;
}

void room_watch_leave_view(struct room_view *v)
{
    struct mcu_room *r = v->room;
    const int64_t now_us = mcu_now_us();
    for (size_t i = 0; i < r->peer_count; i++) {
        struct room_peer *p = r->peers[i];
        if (p->watch.view == v) {
            enter(p, r->views.first);
            room_watch_update(p, now_us);
        }
        drop_streams_of(p, v); /* also of who has left it, and whose next stream has not begun */
    }
}

/* What somebody sees who has not said what he wants: in a room of two, the other one. */
static const char *first_view(struct room_peer *p, struct room_view **out)
{
    struct mcu_room *r = p->room;
    *out = r->views.first;
    if (strcmp(r->type, "1v1") != 0)
        return NULL;
    return room_view_for(p, true, "single", NULL, true, out);
}

int room_watch_wire(struct room_peer *p)
{
    struct room_watch *w = &p->watch;
    const enum mcu_codec codec = rtc_peer_send_codec(p->rtc, MCU_VIDEO);
    if (codec == w->codec && (w->view || codec == MCU_CODEC_NONE))
        return 0;
    struct room_view *before = w->view;
    if (before)
        room_view_enter(before); /* it stays although nobody watches it for a moment */
    room_watch_stop(p);
    if (codec != MCU_CODEC_NONE && room_view_ladder(p->room->views.first, codec)) {
        struct room_view *v = before;
        if (!v && first_view(p, &v))
            v = p->room->views.first; /* as many views as may be: the room's then */
        w->codec = codec;
        enter(p, v);
        room_watch_update(p, mcu_now_us());
    }
    if (before)
        room_view_leave(before);
    return 0;
}

/* --- the command ------------------------------------------------------------------------------ */

struct wish {
    char view[65];
    char quality[16];
    char layout[ROOM_LAYOUT_NAME];
    json_t *file;
    bool is_without_self;
};

static const char *find_view(struct room_peer *p, const struct wish *wish, struct room_view **out)
{
    const char *layout = wish->layout[0] ? wish->layout : NULL;
    if (strcmp(wish->view, "own") == 0)
        return room_view_for(p, true, layout, wish->file, wish->is_without_self, out);
    if (layout)
        return room_view_for(p, false, layout, wish->file, false, out);
    *out = wish->view[0] ? room_view_find(p->room, wish->view) : p->watch.view;
    const bool is_anothers = *out && *out != p->watch.view &&
                             ((*out)->kind == ROOM_VIEW_OWN || (*out)->kind == ROOM_VIEW_RECORD);
    return (wish->view[0] && !*out) || is_anothers ? "no_such_view" : NULL;
}

const char *room_watch_set(struct room_peer *p, const json_t *m)
{
    struct wish wish = {.is_without_self = true};
    enum mcu_tier ceiling = p->watch.ceiling;
    if (mcu_json_string(m, "view", MCU_JSON_OPTIONAL, 1, wish.view, sizeof(wish.view)) ||
        mcu_json_string(m, "quality", MCU_JSON_OPTIONAL, 1, wish.quality, sizeof(wish.quality)) ||
        mcu_json_string(m, "layout", MCU_JSON_OPTIONAL, 1, wish.layout, sizeof(wish.layout)) ||
        mcu_json_object(m, "file", MCU_JSON_OPTIONAL, &wish.file) ||
        mcu_json_bool(m, "without_self", MCU_JSON_OPTIONAL, &wish.is_without_self))
        return "bad_message";
    if (strcmp(wish.quality, "auto") == 0)
        ceiling = MCU_TIER_1080;
    else if (wish.quality[0] && !mcu_tier_from_name(wish.quality, &ceiling))
        return "bad_message";
    struct room_view *v = NULL;
    const char *code = find_view(p, &wish, &v);
    if (code)
        return code;
    p->watch.ceiling = ceiling;
    if (!p->watch.view)
        return v ? "no_picture" : NULL;
    if (v)
        enter(p, v);
    room_watch_update(p, mcu_now_us());
    return NULL;
}

/* --- from media threads ----------------------------------------------------------------------- */

void room_watch_tuned(struct room_peer *p, const struct rtc_feed *feed)
{
    struct room_watch *w = &p->watch;
    if (w->wanted && w->wanted->feed == feed) {
        settle(p);
        return;
    }
    /* One that was wanted for a moment has begun after all: it plays, and goes first. */
    for (uint32_t i = 1; i < w->held_count; i++) {
        if (w->held[i]->feed != feed)
            continue;
        struct room_stream *playing = w->held[i];
        w->held[i] = w->held[0];
        w->held[0] = playing;
        while (w->held_count > 1)
            let_go(w, 1);
    }
}

void room_watch_need_key(struct room_peer *p)
{
    if (p->watch.wanted)
        room_stream_request_key(p->watch.wanted);
}
