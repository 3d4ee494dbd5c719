/* The peers of one [net] thread: who gets a frame, whose clock has run out. Groups are started as
 * peers come and stay until the end. Plain peers are all in one, since nothing but libnice asks for
 * more.
 *
 * A frame is for the few or the thousand who are tuned to its feed. tuned[] says so in one row of
 * numbers, made anew only after somebody was tuned elsewhere: no lock and no look at a peer that
 * does not hear it. Of video a peer may hear two, until the newer one has begun. */
#include "transport/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"

enum {
    FIRST_PEERS = 32,
    /* Who is due this soon is done now: clocks that are near each other become one. */
    SLACK_US = 3 * 1000,
};

/* --- frames
 * --------------------------------------------------------------------------------------- */

static void retune_peer(struct rtc_group *g, struct rtc_peer *p, int64_t now_us)
{
    const bool is_there = p->state == RTC_CONNECTED;
    for (size_t row = 0; row < RTC_ROWS; row++)
        g->tuned[row][p->place] = is_there ? atomic_load(&p->feed_ids[row]) : 0;
    if (!is_there)
        return;
    rtc_out_set_layers(p->out, atomic_load(&p->layers_max));
    rtc_out_set_useful(p->out, atomic_load(&p->useful_bps));
    if (rtc_out_tune(p->out, g->tuned[MCU_VIDEO][p->place], now_us))
        rtc_group_wake(g, p, now_us + RTC_OUT_PACE_US);
}

static void retune(struct rtc_group *g, int64_t now_us)
{
    if (!atomic_exchange_explicit(&g->is_retuned, false, memory_order_acquire))
        return;
    for (size_t i = 0; i < g->count; i++)
        retune_peer(g, g->peers[i], now_us);
}

void rtc_group_retuned(struct rtc_group *g)
{
    atomic_store_explicit(&g->is_retuned, true, memory_order_release);
}

/* Nothing is lost when there is no room for it: then frames are there, and they do as well. */
void rtc_group_nudge(struct rtc_group *g)
{
    struct rtc_frame *nudge = mcu_pool_take(g->rtc->pool);
    if (!nudge)
        return;
    atomic_init(&nudge->refs, 1);
    if (rtc_shard_put(g->shard, nudge))
        rtc_frame_unref(nudge);
}

static void warm_next(const struct rtc_group *g, const uint64_t *tuned, uint64_t feed_id, size_t i)
{
    static const size_t ahead[RTC_WARM_STEPS] = {12, 6, 3};
    for (int step = 0; step < RTC_WARM_STEPS; step++) {
        const size_t next = i + ahead[step];
        if (next < g->count && tuned[next] == feed_id)
            rtc_plain_warm_out(g->peers[next], (enum rtc_warm)step);
    }
}

static void send_frame(struct rtc_group *g, struct rtc_frame *frame, enum mcu_kind kind,
                       int64_t now_us)
{
    const uint64_t *tuned = g->tuned[kind];
    const uint64_t *leaving = g->tuned[kind == MCU_VIDEO ? RTC_ROW_LEAVING : kind];
    for (size_t i = 0; i < g->count; i++) {
        if (g->way == RTC_WAY_PLAIN && kind == MCU_AUDIO)
            warm_next(g, tuned, frame->feed_id, i);
        if (tuned[i] != frame->feed_id && leaving[i] != frame->feed_id)
            continue;
        if (rtc_out_frame(g->peers[i]->out, frame, now_us))
            rtc_group_wake(g, g->peers[i], now_us + RTC_OUT_PACE_US);
    }
}

/* Nobody waits for such a sound any more, and the time goes to what came after it: a thread that
 * cannot keep up leaves gaps, and does not fall behind by all that its queue holds. */
static bool is_stale(const struct rtc_group *g, const struct rtc_frame *frame, int64_t now_us)
{
    const int64_t most_us = g->rtc->conf.audio_stale_us;
    return most_us > 0 && now_us - frame->pushed_us > most_us;
}

static void on_item(void *ctx, void *item)
{
    struct rtc_group *g = ctx;
    struct rtc_frame *frame = item;
    const int64_t now_us = mcu_now_us();
    retune(g, now_us);
    if (!frame->payloads) {
        rtc_frame_unref(frame);
        return;
    }
    const enum mcu_kind kind = mcu_codec_kind(frame->payloads->packet->codec);
    if (kind == MCU_AUDIO && is_stale(g, frame, now_us))
        g->stale++;
    else
        send_frame(g, frame, kind, now_us);
    rtc_frame_unref(frame);
}

static void drop_item(void *item)
{
    rtc_frame_unref(item);
}

/* --- clocks
 * --------------------------------------------------------------------------------------- */

void rtc_group_wake(struct rtc_group *g, struct rtc_peer *p, int64_t due_us)
{
    if (due_us < g->due_us[p->place])
        g->due_us[p->place] = due_us;
    rtc_shard_wake(g->shard, due_us);
}

int64_t rtc_group_due_us(int64_t now_us, int64_t wait_us)
{
    const int64_t due_us = now_us + wait_us;
    return wait_us < RTC_GROUP_LAZY_US
               ? due_us
               : (due_us + RTC_GROUP_LAZY_US - 1) / RTC_GROUP_LAZY_US * RTC_GROUP_LAZY_US;
}

static int64_t on_tick(void *ctx, int64_t now_us)
{
    struct rtc_group *g = ctx;
    int64_t soonest_us = INT64_MAX;
    retune(g, now_us);
    for (size_t i = 0; i < g->count; i++) {
        if (g->due_us[i] <= now_us + SLACK_US) {
            const int64_t wait_us = rtc_link_tick(g->peers[i], now_us);
            g->due_us[i] = wait_us < 0 ? INT64_MAX : rtc_group_due_us(now_us, wait_us);
        }
        if (g->due_us[i] < soonest_us)
            soonest_us = g->due_us[i];
    }
    if (soonest_us == INT64_MAX)
        return -1;
    return soonest_us > now_us ? soonest_us - now_us : 0;
}

static void on_turn(void *ctx)
{
    struct rtc_group *g = ctx;
    if (g->batch)
        rtc_batch_flush(g->batch);
}

/* --- places
 * --------------------------------------------------------------------------------------- */

static int make_room(struct rtc_group *g, size_t capacity)
{
    struct rtc_peer **peers = realloc(g->peers, capacity * sizeof(*peers));
    if (!peers)
        return -ENOMEM;
    g->peers = peers;
    int64_t *due_us = realloc(g->due_us, capacity * sizeof(*due_us));
    if (!due_us)
        return -ENOMEM;
    g->due_us = due_us;
    for (size_t row = 0; row < RTC_ROWS; row++) {
        uint64_t *tuned = realloc(g->tuned[row], capacity * sizeof(*tuned));
        if (!tuned)
            return -ENOMEM;
        g->tuned[row] = tuned;
    }
    g->capacity = capacity;
    return 0;
}

int rtc_group_add(struct rtc_group *g, struct rtc_peer *p)
{
    if (g->count == g->capacity) {
        const int err = make_room(g, g->capacity ? g->capacity * 2 : FIRST_PEERS);
        if (err)
            return err;
    }
    p->place = g->count++;
    g->peers[p->place] = p;
    g->due_us[p->place] = INT64_MAX;
    for (size_t row = 0; row < RTC_ROWS; row++)
        g->tuned[row][p->place] = 0;
    rtc_group_retuned(g);
    return 0;
}

void rtc_group_remove(struct rtc_group *g, struct rtc_peer *p)
{
    const size_t last = --g->count;
    g->peers[p->place] = g->peers[last];
    g->due_us[p->place] = g->due_us[last];
    for (size_t row = 0; row < RTC_ROWS; row++)
        g->tuned[row][p->place] = g->tuned[row][last];
    g->peers[p->place]->place = p->place;
}

/* --- threads
 * -------------------------------------------------------------------------------------- */

static int start_group(struct rtc *rtc, enum rtc_way way)
{
    const unsigned index = (unsigned)rtc->group_count;
    struct rtc_group *g = &rtc->groups[index];
    g->rtc = rtc;
    g->index = index;
    g->way = way;
    const struct rtc_shard_hooks hooks = {.ctx = g,
                                          .on_item = on_item,
                                          .drop_item = drop_item,
                                          .on_tick = on_tick,
                                          .on_turn = on_turn};
    const int err = rtc_shard_start(&g->shard, index, &hooks);
    if (!err)
        rtc->group_count++;
    return err;
}

static int close_port_on_net(void *arg)
{
    struct rtc_group *g = arg;
    rtc_port_destroy(g->port);
    g->port = NULL;
    rtc_lite_finish_group(g);
    return 0;
}

void rtc_group_stop(struct rtc_group *g)
{
    rtc_shard_call(g->shard, close_port_on_net, g, -1);
    rtc_shard_stop(g->shard);
    rtc_batch_destroy(g->batch);
    free(g->peers);
    free(g->due_us);
    for (size_t row = 0; row < RTC_ROWS; row++)
        free(g->tuned[row]);
}

static size_t most_peers(const struct rtc_group *g)
{
    return g->way == RTC_WAY_ICE ? g->rtc->conf.peers_per_thread : RTC_PLAIN_PEERS_MAX;
}

int rtc_group_reserve(struct rtc *rtc, enum rtc_way way, struct rtc_group **out)
{
    size_t i = 0;
    while (i < rtc->group_count && (rtc->groups[i].way != way ||
                                    rtc->groups[i].reserved == most_peers(&rtc->groups[i])))
        i++;
    if (i == RTC_SHARDS_MAX)
        return -ENOSPC;
    const int err = i == rtc->group_count ? start_group(rtc, way) : 0;
    if (err)
        return err;
    rtc->groups[i].reserved++;
    *out = &rtc->groups[i];
    return 0;
}

void rtc_group_leave(struct rtc_group *g)
{
    g->reserved--;
}
