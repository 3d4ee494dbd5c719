/* transport/in_video.h - one incoming picture, a camera or a shared screen: packets in, whole frames
 * out.
 *
 * A camera may come in several layers (simulcast, RFC 8853). One of them is handed on; another takes
 * its place with its first key frame. Of the others only arrivals are noted. One [net] thread at a
 * time. */
#ifndef TRANSPORT_IN_VIDEO_H
#define TRANSPORT_IN_VIDEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/clockmap.h"
#include "transport/rtc.h"
#include "transport/rtcp.h"
#include "transport/rtp.h"

struct rtc_in_video; /* opaque; 200 kB more for each layer that is followed */

enum { RTC_LAYERS_MAX = MCU_DESC_RIDS_MAX };

/* The sink is copied, the clock map stays the caller's; layer n is its stream first_stream + n. The
 * caller owns *out. Returns 0 or -ENOMEM. */
int rtc_in_video_create(struct rtc_in_video **out, const struct rtc_peer_sink *sink,
                        struct rtc_clockmap *clockmap, enum rtc_picture picture,
                        unsigned first_stream);
void rtc_in_video_destroy(struct rtc_in_video *v); /* NULL is fine */

/* How many layers there are, 1..RTC_LAYERS_MAX. With another number than before all starts afresh. */
void rtc_in_video_set_layers(struct rtc_in_video *v, unsigned count);

/* What is needed of the picture: the smallest layer that covers it is handed on, and with nothing
 * needed the smallest; before the first call the largest. */
void rtc_in_video_limit(struct rtc_in_video *v, const struct rtc_limit *limit);

struct rtc_in_video_packet {
    const struct rtc_rtp *rtp;
    enum mcu_codec codec;
    unsigned layer;
    uint8_t colours_id; /* of the header extension; 0: there is none */
    bool is_announced; /* its SSRC is the one that the description named */
    int64_t now_us;
};

/* A packet of the stream. Returns 0, -EBADMSG (another SSRC, too soon) or -ENOMEM. */
int rtc_in_video_take(struct rtc_in_video *v, const struct rtc_in_video_packet *packet);

/* An RTX packet of the layer, which repairs payload type media_pt; *rtp is changed. Returns 0 or
 * -EBADMSG. */
int rtc_in_video_repair(struct rtc_in_video *v, struct rtc_rtp *rtp, uint8_t media_pt,
                        const struct rtc_in_video_packet *packet);

/* The far side's words on one of its SSRCs; others are ignored. */
void rtc_in_video_sr(struct rtc_in_video *v, uint32_t ssrc, const struct rtc_rtcp_sr *sr,
                     int64_t now_us);
void rtc_in_video_bye(struct rtc_in_video *v, uint32_t ssrc);

void rtc_in_video_tick(struct rtc_in_video *v, int64_t now_us);

/* Report blocks, at most RTC_LAYERS_MAX. */
size_t rtc_in_video_blocks(struct rtc_in_video *v, int64_t now_us, struct rtc_rtcp_block *blocks);

/* SSRCs that came, at most RTC_LAYERS_MAX. */
size_t rtc_in_video_ssrcs(const struct rtc_in_video *v, uint32_t *ssrcs);

/* Packets of a layer to ask for now (counted as asked); *ssrc is theirs. */
size_t rtc_in_video_missing(struct rtc_in_video *v, unsigned layer, int64_t now_us, int64_t rtt_us,
                            uint16_t *seqs, size_t capacity, uint32_t *ssrc);

/* As rtc_in_take_pli(). */
bool rtc_in_video_take_pli(struct rtc_in_video *v, int64_t now_us, bool asked, uint32_t *ssrc);

/* All layers together; loss and jitter are those of the one that is handed on. */
void rtc_in_video_read_stats(const struct rtc_in_video *v, struct rtc_stream_stats *stats);

#endif
