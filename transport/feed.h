/* transport/feed.h - one encoded stream on its way to the [net] threads.
 *
 * rtc_feed_push() cuts a frame into payloads once, on the pusher's thread, and posts the result to
 * every shard where somebody is tuned in. Internal to the transport. */
#ifndef TRANSPORT_FEED_H
#define TRANSPORT_FEED_H

#include <stdatomic.h>
#include <stdint.h>

#include "mcu/base/codec.h"
#include "transport/payload.h"

struct rtc_feed;

enum {
    RTC_SHARDS_MAX = 64,
    /* RTP payload, so that with header, extensions, RTX and SRTP a datagram keeps within 1200. */
    RTC_FEED_PAYLOAD_MAX = 1126,
};

/* What a shard gets. Peers compare `index` to see whether a frame was left out before it. */
struct rtc_frame {
    atomic_int refs;
    uint64_t feed_id; /* never 0, never used twice in a process */
    uint64_t index;   /* counts every frame pushed into the feed */
    int64_t pushed_us;
    struct rtc_payloads *payloads;
};

/* [any] */
struct rtc_frame *rtc_frame_ref(struct rtc_frame *f);
void rtc_frame_unref(struct rtc_frame *f);

/* [any] A peer of that shard tunes in or out; rtc_feed_push() posts to shards with somebody. */
void rtc_feed_tuned(struct rtc_feed *f, unsigned shard, int change);

/* [any] */
uint64_t rtc_feed_id(const struct rtc_feed *f);

#endif
