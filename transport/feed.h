/* transport/feed.h - one encoded stream on its way to the [net] threads.
 *
 * rtc_feed_push() cuts a frame into payloads once, on the pusher's thread, and posts the result to
 * every shard where somebody is tuned in. The newest key frame of video is kept, for who comes in
 * between. Internal to the transport. */
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
    RTC_FEED_STILL_US = 10 * 1000 * 1000, /* a kept key frame that is older shows what is long gone */
};

/* What a shard gets. Peers compare `index` to see whether a frame was left out before it. */
struct rtc_frame {
    atomic_int refs;
    uint64_t feed_id; /* never 0, never used twice in a process */
    uint64_t index;   /* counts every frame pushed into the feed */
    int64_t pushed_us;
    struct rtc_payloads *payloads; /* NULL: no frame; only says that somebody was tuned elsewhere */
};

/* A key frame that was kept. */
struct rtc_still {
    struct rtc_payloads *payloads; /* a reference of the caller's */
    uint64_t index;                /* as in rtc_frame */
    int64_t pts_us;                /* of the newest frame in the feed: what follows is later */
};

/* [any] */
struct rtc_frame *rtc_frame_ref(struct rtc_frame *f);
void rtc_frame_unref(struct rtc_frame *f);

/* [any] A peer of that shard tunes in or out, and holds a reference meanwhile; rtc_feed_push()
 * posts to shards with somebody. */
void rtc_feed_tuned_in(struct rtc_feed *f, unsigned shard);
void rtc_feed_tuned_out(struct rtc_feed *f, unsigned shard);

/* [any] */
uint64_t rtc_feed_id(const struct rtc_feed *f);

/* [any] The newest key frame of a video feed. Returns 0, -ENOENT (no frame was pushed yet) or
 * -ESTALE (frames were, but there is no key frame that is young enough). */
int rtc_feed_still(struct rtc_feed *f, int64_t now_us, struct rtc_still *out);

#endif
