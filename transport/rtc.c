/* The transport of a room: its certificate, its [net] threads and which peer lives on which. Groups are
 * started as peers come and stay until the end. */
#include "transport/rtc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "transport/feed.h"
#include "transport/peer.h"
#include "transport/red.h"

enum {
    PEERS_PER_THREAD = 32,
    PEERS_PER_THREAD_MAX = 1024,
    POOL_BLOCK_BYTES = 96, /* an rtc_frame, or the payloads of an audio frame */
    POOL_BLOCKS = 512,     /* two for each audio frame of the last second of five mixes */
};
_Static_assert(POOL_BLOCK_BYTES >= sizeof(struct rtc_frame), "a frame fits");
_Static_assert(POOL_BLOCK_BYTES >= RTC_PAYLOADS_WHOLE_BYTES, "payloads fit");

static int copy_string(const char **at)
{
    if (!*at)
        return 0;
    *at = strdup(*at);
    return *at ? 0 : -ENOMEM;
}

static int copy_list(const char *const *from, size_t count, const char **to)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = from[i] ? from[i] : "";
        const int err = copy_string(&to[i]);
        if (err)
            return err;
    }
    return 0;
}

static int copy_conf(struct rtc_conf *to, const struct rtc_conf *from)
{
    to->port_min = from->port_min;
    to->port_max = from->port_max;
    to->has_loopback = from->has_loopback;
    to->peers_per_thread = from->peers_per_thread ? from->peers_per_thread : PEERS_PER_THREAD;
    to->red_copies_max = from->red_copies_max;
    to->audio_channels = from->audio_channels;
    to->listen_count = from->listen_count;
    to->announced_count = from->announced_count;
    to->stun_server = from->stun_server;
    int err = copy_string(&to->stun_server);
    if (!err)
        err = copy_list(from->listen, from->listen_count, to->listen);
    if (!err)
        err = copy_list(from->announced, from->announced_count, to->announced);
    return err;
}

static void free_conf(struct rtc_conf *c)
{
    free((char *)c->stun_server);
    for (size_t i = 0; i < RTC_ADDRESSES_MAX; i++) {
        free((char *)c->listen[i]);
        free((char *)c->announced[i]);
    }
}

int rtc_create(struct rtc **out, const struct rtc_conf *conf)
{
    if (conf->listen_count > RTC_ADDRESSES_MAX || conf->announced_count > RTC_ADDRESSES_MAX ||
        conf->port_min > conf->port_max || conf->red_copies_max > RTC_RED_COPIES_MAX ||
        conf->audio_channels > 2 || conf->peers_per_thread > PEERS_PER_THREAD_MAX)
        return -EINVAL;
    struct rtc *rtc = calloc(1, sizeof(*rtc));
    if (!rtc)
        return -ENOMEM;
    int err = copy_conf(&rtc->conf, conf);
    if (!err)
        err = rtc_certificate_create(&rtc->certificate);
    if (!err)
        err = mcu_pool_create(&rtc->pool, POOL_BLOCK_BYTES, POOL_BLOCKS);
    if (err) {
        rtc_destroy(rtc);
        return err;
    }
    *out = rtc;
    return 0;
}

void rtc_destroy(struct rtc *rtc)
{
    if (!rtc)
        return;
    while (rtc->first)
        rtc_peer_destroy(rtc->first);
    for (size_t i = 0; i < rtc->group_count; i++) {
        rtc_shard_stop(rtc->groups[i].shard);
        free(rtc->groups[i].peers);
    }
    rtc_certificate_destroy(rtc->certificate);
    mcu_pool_destroy(rtc->pool);
    free_conf(&rtc->conf);
    free(rtc);
}

/* --- groups --------------------------------------------------------------------------------------- */

static void on_item(void *ctx, void *item)
{
    struct rtc_group *g = ctx;
    struct rtc_frame *frame = item;
    const enum mcu_kind kind = mcu_codec_kind(frame->payloads->packet->codec);
    const int64_t now_us = mcu_now_us();
    bool is_held_back = false;
    for (size_t i = 0; i < g->count; i++) {
        struct rtc_peer *p = g->peers[i];
        if (p->state == RTC_CONNECTED && atomic_load(&p->feed_ids[kind]) == frame->feed_id)
            is_held_back |= rtc_out_frame(p->out, frame, now_us);
    }
    rtc_frame_unref(frame);
    if (is_held_back)
        rtc_shard_wake(g->shard, now_us + RTC_OUT_PACE_US);
}

static void drop_item(void *item)
{
    rtc_frame_unref(item);
}

static int64_t on_tick(void *ctx, int64_t now_us)
{
    struct rtc_group *g = ctx;
    int64_t soonest_us = -1;
    for (size_t i = 0; i < g->count; i++) {
        const int64_t wait_us = rtc_link_tick(g->peers[i], now_us);
        if (wait_us >= 0 && (soonest_us < 0 || wait_us < soonest_us))
            soonest_us = wait_us;
    }
    return soonest_us;
}

static int start_group(struct rtc *rtc)
{
    const unsigned index = (unsigned)rtc->group_count;
    struct rtc_group *g = &rtc->groups[index];
    g->rtc = rtc;
    g->index = index;
    g->peers = calloc(rtc->conf.peers_per_thread, sizeof(*g->peers));
    if (!g->peers)
        return -ENOMEM;
    const struct rtc_shard_hooks hooks = {
        .ctx = g, .on_item = on_item, .drop_item = drop_item, .on_tick = on_tick};
    const int err = rtc_shard_start(&g->shard, index, &hooks);
    if (err) {
        free(g->peers);
        g->peers = NULL;
        return err;
    }
    rtc->group_count++;
    return 0;
}

int rtc_group_reserve(struct rtc *rtc, struct rtc_group **out)
{
    size_t i = 0;
    while (i < rtc->group_count && rtc->groups[i].reserved == rtc->conf.peers_per_thread)
        i++;
    if (i == RTC_SHARDS_MAX)
        return -ENOSPC;
    const int err = i == rtc->group_count ? start_group(rtc) : 0;
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

void rtc_group_add(struct rtc_group *g, struct rtc_peer *p)
{
    g->peers[g->count++] = p;
}

void rtc_group_remove(struct rtc_group *g, struct rtc_peer *p)
{
    for (size_t i = 0; i < g->count; i++) {
        if (g->peers[i] != p)
            continue;
        g->peers[i] = g->peers[--g->count];
        return;
    }
}
