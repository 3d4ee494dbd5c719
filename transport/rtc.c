/* The transport of a room: its settings, its certificate, its end; see group.c for its [net]
 * threads. */
#include "transport/rtc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "transport/feed.h"
#include "transport/peer.h"
#include "transport/red.h"

enum {
    RTC_DSCP_MAX = 63,
    RTC_OPUS_BITRATE_MAX_BPS = 510000,
    PEERS_PER_THREAD = 32,
    PEERS_PER_THREAD_MAX = 1024,
    POOL_BLOCK_BYTES = 96, /* an rtc_frame, or the payloads of an audio frame */
    POOL_BLOCKS = 512,     /* two for each audio frame of the last second of five mixes */
};
_Static_assert(POOL_BLOCK_BYTES >= sizeof(struct rtc_frame), "a frame fits");
_Static_assert(POOL_BLOCK_BYTES >= RTC_PAYLOADS_WHOLE_BYTES, "payloads fit");

static int copy_text(const char **to, const char *from)
{
    if (!from)
        return 0;
    *to = strdup(from);
    return *to ? 0 : -ENOMEM;
}

static int copy_turn(struct rtc_turn *to, const struct rtc_turn *from)
{
    to->is_tcp = from->is_tcp;
    to->is_only = from->is_only;
    int err = copy_text(&to->server, from->server);
    if (!err)
        err = copy_text(&to->user, from->user);
    return err ? err : copy_text(&to->password, from->password);
}

static int copy_list(const char *const *from, size_t count, const char **to)
{
    for (size_t i = 0; i < count; i++) {
        const int err = copy_text(&to[i], from[i] ? from[i] : "");
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
    to->has_tcp = from->has_tcp;
    to->dscp = from->dscp;
    to->is_one_port = from->is_one_port;
    to->peers_per_thread = from->peers_per_thread ? from->peers_per_thread : PEERS_PER_THREAD;
    to->red_copies_max = from->red_copies_max;
    to->audio_channels = from->audio_channels;
    to->audio_bitrate_bps = from->audio_bitrate_bps;
    to->audio_stale_us = from->audio_stale_us;
    to->listen_count = from->listen_count;
    to->announced_count = from->announced_count;
    int err = copy_text(&to->stun_server, from->stun_server);
    if (!err)
        err = copy_text(&to->plain_address, from->plain_address ? from->plain_address : "127.0.0.1");
    if (!err)
        err = copy_turn(&to->turn, &from->turn);
    if (!err)
        err = copy_list(from->listen, from->listen_count, to->listen);
    if (!err)
        err = copy_list(from->announced, from->announced_count, to->announced);
    return err;
}

static void free_conf(struct rtc_conf *c)
{
    free((char *)c->stun_server);
    free((char *)c->plain_address);
    free((char *)c->turn.server);
    free((char *)c->turn.user);
    free((char *)c->turn.password);
    for (size_t i = 0; i < RTC_ADDRESSES_MAX; i++) {
        free((char *)c->listen[i]);
        free((char *)c->announced[i]);
    }
}

int rtc_create(struct rtc **out, const struct rtc_conf *conf)
{
    if (conf->listen_count > RTC_ADDRESSES_MAX || conf->announced_count > RTC_ADDRESSES_MAX ||
        conf->port_min > conf->port_max || conf->dscp > RTC_DSCP_MAX || conf->red_copies_max > RTC_RED_COPIES_MAX ||
        conf->audio_channels > 2 || conf->audio_bitrate_bps > RTC_OPUS_BITRATE_MAX_BPS || conf->peers_per_thread > PEERS_PER_THREAD_MAX)
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
    for (size_t i = 0; i < rtc->group_count; i++)
        rtc_group_stop(&rtc->groups[i]);
    rtc_certificate_destroy(rtc->certificate);
    mcu_pool_destroy(rtc->pool);
    free_conf(&rtc->conf);
    free(rtc);
}
