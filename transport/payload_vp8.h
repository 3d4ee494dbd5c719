/* transport/payload_vp8.h - VP8 in RTP (RFC 7741).
 *
 * The frame's bytes are shared by all receivers; picture id and TL0PICIDX belong to each receiver,
 * which writes its own descriptor before each slice. Pure, no thread of its own. */
#ifndef TRANSPORT_PAYLOAD_VP8_H
#define TRANSPORT_PAYLOAD_VP8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/payload.h"

enum { RTC_VP8_DESCRIPTOR_SIZE = 6 }; /* what rtc_vp8_put_descriptor() writes */

struct rtc_vp8_descriptor {
    bool is_start;     /* S: a partition begins here */
    uint8_t partition; /* PID; a frame begins where is_start and partition 0 */
    bool is_droppable; /* N: no other frame needs this one */
    bool has_picture_id;
    bool has_wide_id; /* 15 bits, else 7 */
    uint16_t picture_id;
    bool has_tl0;
    uint8_t tl0picidx;
    bool has_tid;
    uint8_t tid;  /* temporal layer */
    bool is_sync; /* Y: needs only the base layer's last frame */
    bool has_keyidx;
    uint8_t keyidx;
    size_t size; /* bytes of descriptor: the frame's data follows */
};

/* Cuts one frame so that descriptor and slice are at most max_payload. Errors as
 * rtc_payloads_create(). */
int rtc_vp8_packetize(struct rtc_payloads **out, struct mcu_packet *packet, size_t max_payload);

/* One receiver's counters, all zero (or random) at the start. Call rtc_vp8_next_frame() once per
 * frame that this receiver gets, before its first packet. */
struct rtc_vp8_counter {
    uint16_t picture_id; /* 15 bits */
    uint8_t tl0picidx;
};
void rtc_vp8_next_frame(struct rtc_vp8_counter *c, uint8_t temporal_id);

/* The descriptor of one payload: X, I (15 bits), L, T; S for the first slice. */
void rtc_vp8_put_descriptor(uint8_t out[static RTC_VP8_DESCRIPTOR_SIZE],
                            const struct rtc_vp8_counter *c, const struct rtc_slice *slice,
                            uint8_t temporal_id, bool is_sync);

/* Reads a descriptor; something must follow it. *out is written only on success. Returns 0 or
 * -EBADMSG. */
int rtc_vp8_parse(struct rtc_vp8_descriptor *out, const uint8_t *payload, size_t size);

/* Is this the beginning of a key frame (RFC 6386, section 9.1)? data: after the descriptor. */
bool rtc_vp8_is_key(const uint8_t *data, size_t size);

#endif
