/* transport/rtx.h - retransmission (RFC 4588): what was sent, kept to be sent again; and RTX
 * packets in and out.
 *
 * The history keeps each packet's own head (RTP header, VP8 descriptor or FU prefix) and a
 * reference to the shared payloads: 96 bytes a packet and receiver instead of 1200. The price: a
 * frame stays in memory for as long as the slowest history holds one of its packets, RTC_HISTORY_US
 * at most while the stream runs. Nothing allocates after create. One [net] thread at a time. */
#ifndef TRANSPORT_RTX_H
#define TRANSPORT_RTX_H

#include <stddef.h>
#include <stdint.h>

#include "transport/payload.h"
#include "transport/rtp.h"

struct rtc_history; /* opaque: one per outgoing stream */

enum {
    RTC_HISTORY_PACKETS = 1024,
    RTC_HISTORY_US = 1000 * 1000,
    RTC_HISTORY_HEAD_MAX = RTC_RTP_HEADER_MAX + 8,
    RTC_RTX_OVERHEAD = 2, /* bytes that an RTX packet is longer: plan max_payload with it */
};

/* The caller owns *out. Returns 0 or -ENOMEM. */
int rtc_history_create(struct rtc_history **out);
void rtc_history_destroy(struct rtc_history *h); /* NULL is fine */

/* Remembers a packet just sent. head: head_size bytes, all that stands before slice data; its first
 * header_size bytes are the RTP header with extensions. slice is an index into payloads, which is
 * referenced. Drops what is older than RTC_HISTORY_US. Returns 0 or -EINVAL (head too long, no such
 * slice). */
int rtc_history_put(struct rtc_history *h, uint16_t seq, const uint8_t *head, size_t head_size,
                    size_t header_size, struct rtc_payloads *payloads, size_t slice,
                    int64_t now_us);

/* The RTX stream of a peer. */
struct rtc_rtx {
    uint8_t pt;
    uint32_t ssrc;
    uint16_t seq; /* of the next RTX packet; rises */
};

/* Builds the RTX packet for seq, in plain text: RTX header, original sequence number, the rest;
 * SRTP and a new transport-wide number (rtc_rtp_ext_rewrite) are the caller's. Returns its size,
 * -ENOENT (never sent, or too old: a miss), -EALREADY (was resent less than 2/3 of rtt_us ago; -1: not
 * known, 20 ms then) or -ENOSPC. */
int rtc_history_build_rtx(struct rtc_history *h, uint16_t seq, struct rtc_rtx *rtx, int64_t now_us,
                          int64_t rtt_us, uint8_t *out, size_t capacity);

/* The same without RTX: the plain packet, byte for byte as it was sent first. It must stay so: the
 * same SRTP nonce is harmless only with the same bytes (libsrtp: allow_repeat_tx). */
int rtc_history_build_plain(struct rtc_history *h, uint16_t seq, int64_t now_us, int64_t rtt_us,
                            uint8_t *out, size_t capacity);

/* The packet as it was first sent, in plain text, to make repair packets from; that does not count
 * as sending. Returns its size, -ENOENT or -ENOSPC. */
int rtc_history_read(const struct rtc_history *h, uint16_t seq, uint8_t *out, size_t capacity);

/* Gives all references back, as when the stream stops for good. */
void rtc_history_clear(struct rtc_history *h);

/* An incoming RTX packet becomes the packet it repeats: seq, pt, ssrc and payload of *rtp change.
 * Returns 0, -ENODATA (padding only: a probe) or -EBADMSG (no room for a sequence number). */
int rtc_rtx_unwrap(struct rtc_rtp *rtp, uint8_t media_pt, uint32_t media_ssrc);

#endif
