/* transport/video_jitter.h - one incoming video stream: packets in any order become whole frames in
 * decoding order.
 *
 * A frame comes out as soon as all its packets are there and all before it came out. A hole holds
 * everything up for at most max_wait_us after the first packet behind it; then the frames that need
 * the lost one are left out up to the next key frame, and it wants a key frame. VP8 frames of upper
 * temporal layers are let go without that. Holds at most 1024 packets (1.5 MB), allocated as
 * needed and kept. One [net] thread at a time. */
#ifndef TRANSPORT_VIDEO_JITTER_H
#define TRANSPORT_VIDEO_JITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/packet.h"
#include "transport/rtp.h"

struct rtc_video_jitter; /* opaque */

enum {
    RTC_VIDEO_JITTER_PACKETS = 1024,
    RTC_VIDEO_JITTER_WAIT_US = 200 * 1000, /* what to use when in doubt */
};

struct rtc_video_frame {
    struct mcu_packet *packet; /* the taker's reference; codec, is_key, temporal_id and colours are set,
                                  times are zero and the taker's to fill */
    uint32_t timestamp;        /* RTP */
    int64_t first_arrival_us;  /* of its packets */
    int64_t last_arrival_us;
    uint64_t last_seq; /* nothing up to here will be waited for again */
};

struct rtc_video_jitter_stats {
    uint64_t frames;
    uint64_t key_frames;
    uint64_t duplicates;      /* packets that were there already */
    uint64_t late;            /* packets whose frame came out or was given up */
    uint64_t dropped_packets; /* thrown away: of frames given up, or for want of room */
    uint64_t dropped_frames;  /* given up, as far as they can be told apart */
    uint64_t malformed;       /* packets or frames that made no sense */
    uint64_t losses;          /* holes that were not repaired in time */
};

/* codec: H264, VP8, VP9 or AV1. The caller owns *out. Returns 0, -EINVAL or -ENOMEM. */
int rtc_video_jitter_create(struct rtc_video_jitter **out, enum mcu_codec codec,
                            int64_t max_wait_us);
void rtc_video_jitter_destroy(struct rtc_video_jitter *v); /* NULL is fine */

/* The sender goes on with another codec: forgets what it holds and waits for a key frame. Returns
 * 0 or -EINVAL. */
int rtc_video_jitter_set_codec(struct rtc_video_jitter *v, enum mcu_codec codec);

/* The id of the header extension that tells colours (rtp.h); 0: there is none. */
void rtc_video_jitter_set_colours_id(struct rtc_video_jitter *v, uint8_t id);

/* Takes a packet (copied), in any order, recovered ones (rtx.h) and padding-only ones too. seq is
 * rtp->seq made wide (seq.h). Returns 0, -EALREADY (a duplicate), -ESTALE (too late), -EBADMSG
 * (payload malformed), -EMSGSIZE (payload larger than a datagram), -ENOMEM; all but 0 are counted
 * and otherwise harmless. */
int rtc_video_jitter_insert(struct rtc_video_jitter *v, const struct rtc_rtp *rtp, uint64_t seq,
                            int64_t arrival_us);

/* The next whole frame; call until -EAGAIN after each insert and now and then (10 to 50 ms) so that
 * holes are given up in time. *out is written only on success. Returns 0, -EAGAIN or -ENOMEM. */
int rtc_video_jitter_pop(struct rtc_video_jitter *v, int64_t now_us, struct rtc_video_frame *out);

/* No frame can come out before a key frame, and none is on its way: send PLI (rate-limited by the
 * caller) as long as this says so. */
bool rtc_video_jitter_wants_key(const struct rtc_video_jitter *v);

/* The first sequence number still waited for; NACKs for older ones are pointless. */
uint64_t rtc_video_jitter_next_seq(const struct rtc_video_jitter *v);

void rtc_video_jitter_read_stats(const struct rtc_video_jitter *v,
                                 struct rtc_video_jitter_stats *stats);

#endif
