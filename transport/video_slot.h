/* transport/video_slot.h - inside video_jitter: one packet in its ring, and how a run of packets
 * becomes a frame. Knows the codecs; the ring's rules are in video_jitter.c. */
#ifndef TRANSPORT_VIDEO_SLOT_H
#define TRANSPORT_VIDEO_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/packet.h"
#include "transport/payload_vp8.h"
#include "transport/rtp.h"
#include "transport/video_jitter.h"

enum { RTC_H264_SETS_MAX = 1024 };

struct rtc_video_slot {
    bool is_used;
    bool is_padding; /* no payload: only a number that did arrive */
    bool marker;
    bool may_start;     /* a frame can begin with it */
    bool starts_key;    /* a key frame can begin with it; sure if is_sure_start */
    bool is_sure_start; /* nothing of its frame is before it that decoding needs */
    struct mcu_colours colours;
    uint32_t timestamp;
    uint64_t seq;
    int64_t arrival_us;
    int64_t since_us; /* when something at or behind it was there first: a hole's age */
    size_t size;
    uint8_t *cell; /* RTC_MTU bytes */
    struct rtc_vp8_descriptor vp8;
    uint8_t head;     /* VP9: bytes of descriptor */
    bool is_left_out; /* VP9: of an upper spatial layer */
};

/* SPS and PPS of the last frame that had an SPS, in Annex B, for key frames that come without. */
struct rtc_h264_sets {
    size_t size;
    uint8_t data[RTC_H264_SETS_MAX];
};

/* The slots of one frame, first to last, in a ring of RTC_VIDEO_JITTER_PACKETS. */
struct rtc_video_run {
    const struct rtc_video_slot *ring;
    uint64_t first;
    uint64_t last;
};

static inline const struct rtc_video_slot *rtc_video_run_at(const struct rtc_video_run *run,
                                                            uint64_t seq)
{
    return &run->ring[seq % RTC_VIDEO_JITTER_PACKETS];
}

/* Fills in what the payload says of itself. Returns 0 or -EBADMSG. */
int rtc_video_slot_describe(struct rtc_video_slot *slot, enum mcu_codec codec,
                            const uint8_t *payload, size_t size);

/* Puts a whole frame together; codec, size and is_key are set. Parameter sets in it are kept in
 * sets. *out is written only on success and may be NULL then: nothing to show in it.
 * Returns 0, -EBADMSG or -ENOMEM. */
int rtc_video_assemble(struct mcu_packet **out, enum mcu_codec codec,
                       const struct rtc_video_run *run, struct rtc_h264_sets *sets);

#endif
