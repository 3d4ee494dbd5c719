/* transport/payload.h - one encoded frame cut into RTP payloads, once, for everyone.
 *
 * A payload is prefix bytes + a slice of the shared frame (or of a small copy beside it). What is
 * per receiver is not in it: the RTP header, and for VP8 the payload descriptor, which goes before
 * each slice (payload_vp8.h). Reference-counted, read-only after it was made: [any].
 *
 *     packet:  [RTP header][VP8 descriptor | slice.prefix][slice.data]
 */
#ifndef TRANSPORT_PAYLOAD_H
#define TRANSPORT_PAYLOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/packet.h"
#include "mcu/base/pool.h"

struct rtc_slice {
    const uint8_t *data;
    uint16_t size;
    uint8_t prefix_size; /* 0..2 */
    uint8_t prefix[2];   /* H264: FU indicator and header; VP9: descriptor */
    bool is_first;       /* of the frame */
    bool is_last;        /* of the frame: for video the RTP marker */
};

struct rtc_payloads {
    atomic_int refs;
    struct mcu_packet *packet; /* one reference is held */
    size_t count;              /* at least 1 */
    uint8_t *copies;           /* what could not be a slice of packet; inside this allocation */
    bool is_pooled;            /* it goes back to a pool */
    struct rtc_slice slices[];
};

/* Cuts packet as its codec wants: H264, VP8 and VP9 as in payload_*.h, anything else as one payload.
 * max_payload is all that may follow the RTP header, descriptor included. The caller owns *out,
 * which takes its own reference to packet. Returns 0, -EINVAL (no frame in it, or max_payload below
 * RTC_PAYLOAD_MIN), -EMSGSIZE (more than one payload, for codecs that cannot be cut), -ENOMEM. */
enum { RTC_PAYLOAD_MIN = 64 };
int rtc_payloads_create(struct rtc_payloads **out, struct mcu_packet *packet, size_t max_payload);

/* The same for a frame that is one payload (audio), from a pool whose blocks hold at least
 * RTC_PAYLOADS_WHOLE_BYTES: for ticks. */
#define RTC_PAYLOADS_WHOLE_BYTES (sizeof(struct rtc_payloads) + sizeof(struct rtc_slice))
int rtc_payloads_create_whole(struct rtc_payloads **out, struct mcu_pool *pool,
                              struct mcu_packet *packet, size_t max_payload);

/* One more reference; returns p. */
struct rtc_payloads *rtc_payloads_ref(struct rtc_payloads *p);

/* Gives one back; the last one frees. NULL is fine. */
void rtc_payloads_unref(struct rtc_payloads *p);

/* For the packetizers: room for count slices and copied bytes. NULL: no memory. */
struct rtc_payloads *rtc_payloads_alloc(struct mcu_packet *packet, size_t count, size_t copied);

/* For the packetizers: the frame in slices of equal size, each with a descriptor before it; not many full
 * ones and a crumb. Returns as rtc_payloads_create(). */
int rtc_payloads_split(struct rtc_payloads **out, struct mcu_packet *packet, size_t max_payload,
                       size_t descriptor_size);

#endif
