/* transport/in.h - what one peer sends us: RTP in, whole frames and audio packets out, and what there
 * is to tell the far side about it (reports, NACK, PLI, transport-wide feedback).
 *
 * One sound and up to two pictures, of which the camera may have three layers. All functions are [net]; the sink is called from within them.
 * Packets given here are authenticated and plain. */
#ifndef TRANSPORT_IN_H
#define TRANSPORT_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/warm.h"

#include "mcu/base/bytes.h"
#include "transport/negotiate.h"
#include "transport/rtc.h"
#include "transport/rtcp.h"

struct rtc_in; /* opaque */

/* The streams, and those of the clock map. */
enum rtc_in_row {
    RTC_IN_AUDIO = 0,
    RTC_IN_CAMERA = 1, /* and up to RTC_IN_SCREEN: its layers */
    RTC_IN_SCREEN = RTC_IN_CAMERA + MCU_DESC_RIDS_MAX,
    RTC_IN_ROWS,
};

enum {
    RTC_IN_PLI_INTERVAL_US = 500 * 1000,
    /* A stream changes its SSRC no faster than this, unless it said BYE or the new one was
     * announced: restarting a receiver costs more than a packet does. */
    RTC_IN_SSRC_SILENCE_US = 500 * 1000,
    RTC_IN_SEQUENCE_GAP = 32, /* left in rtc_audio.sequence when the SSRC changes */
};

/* session stays the caller's and may change between calls; the sink is copied. The caller owns
 * *out. Returns 0 or -ENOMEM. */
int rtc_in_create(struct rtc_in **out, const struct rtc_session *session,
                  const struct rtc_peer_sink *sink);
void rtc_in_destroy(struct rtc_in *in); /* NULL is fine */

/* The session was negotiated anew. */
void rtc_in_renegotiated(struct rtc_in *in);

/* One RTP packet. Returns 0, -EBADMSG (malformed, or no payload type of ours) or -ENOMEM. */
int rtc_in_packet(struct rtc_in *in, const uint8_t *data, size_t size, int64_t now_us);

/* A packet of audio with this sequence number comes soon. */
void rtc_in_warm(const struct rtc_in *in, enum rtc_warm step, uint16_t seq);

/* From RTCP. */
void rtc_in_sr(struct rtc_in *in, uint32_t ssrc, const struct rtc_rtcp_sr *sr, int64_t now_us);
void rtc_in_bye(struct rtc_in *in, uint32_t ssrc);

/* Gives up holes that are too old. Every 10 ms or so. */
void rtc_in_tick(struct rtc_in *in, int64_t now_us);

/* Report blocks of the streams that are there; at most RTC_IN_ROWS. Starts their next interval. */
size_t rtc_in_blocks(struct rtc_in *in, int64_t now_us, struct rtc_rtcp_block *blocks);

/* What is needed of a picture: which layer is taken. */
void rtc_in_limit(struct rtc_in *in, enum rtc_picture picture, const struct rtc_limit *limit);

/* SSRCs of the pictures that come; at most RTC_IN_ROWS. */
size_t rtc_in_ssrcs(const struct rtc_in *in, uint32_t *ssrcs);

/* Packets of a stream to ask for now (counted as asked); *ssrc is theirs. */
size_t rtc_in_missing(struct rtc_in *in, unsigned row, int64_t now_us, int64_t rtt_us,
                      uint16_t *seqs, size_t capacity, uint32_t *ssrc);

/* Is a PLI to be sent now? asked: somebody wants a key frame. Counted and limited here; what came
 * too early is kept and comes when it is due. */
bool rtc_in_take_pli(struct rtc_in *in, enum rtc_picture picture, int64_t now_us, bool asked,
                     uint32_t *ssrc);

/* Transport-wide feedback: as rtc_twcc_is_due() and rtc_twcc_put(). */
bool rtc_in_feedback_is_due(const struct rtc_in *in);
int rtc_in_put_feedback(struct rtc_in *in, struct mcu_writer *w, uint32_t from);

/* Fills RTC_STREAMS_IN. */
void rtc_in_read_stats(const struct rtc_in *in, struct rtc_stream_stats *stats);

#endif
