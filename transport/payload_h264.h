/* transport/payload_h264.h - H264 in RTP (RFC 6184), packetization mode 1.
 *
 * Out: SPS, PPS and SEI that stand together go as one STAP-A where they fit, other NAL units as
 * they are or as FU-A; access unit delimiters and filler are left out. Receivers in mode 0 cannot
 * take STAP-A or FU-A and are not served.
 * In: single NAL units, STAP-A and FU-A become Annex B with 4-byte start codes.
 * Pure, no thread of its own. */
#ifndef TRANSPORT_PAYLOAD_H264_H
#define TRANSPORT_PAYLOAD_H264_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/payload.h"

/* Cuts one access unit in Annex B. profile (NULL: as it is): the three bytes of profile-level-id
 * put into each SPS, as rtc_h264_set_profile() does, in the copy that is sent; an SPS that cannot
 * say that goes out as it is. Errors as rtc_payloads_create(), which calls it with 42 e0 1f, or a
 * higher level where the SPS has one. */
int rtc_h264_packetize(struct rtc_payloads **out, struct mcu_packet *packet, size_t max_payload,
                       const uint8_t *profile);

/* Makes every SPS of an access unit (Annex B, changed in place) say this profile, these constraint
 * flags and this level: an encoder's 42 c0 15 becomes 42 e0 1f, as the SDP promised. Only sets
 * flags and only raises the level: returns 0, -ENOENT (no SPS) or -EINVAL (another profile, a flag
 * that would have to be cleared, a higher level); then nothing is changed. */
int rtc_h264_set_profile(uint8_t *data, size_t size, const uint8_t profile[static 3]);

/* The next NAL unit of Annex B from *at on: its first byte and size without start code and trailing
 * zeros; *at moves behind it. NULL: no more. */
const uint8_t *rtc_h264_next_nal(const uint8_t *data, size_t size, size_t *at, size_t *nal_size);

/* Collects the payloads of one frame, in order. With out NULL it only counts what out would have to
 * hold. Start with .out and .capacity set and all else zero. */
struct rtc_h264_unpack {
    uint8_t *out;
    size_t capacity;
    size_t size; /* bytes of Annex B so far */
    bool in_fu;  /* between the start and the end of an FU-A */
    uint8_t fu_type;
    bool has_sps, has_pps, has_idr;
    bool has_slice; /* IDR or not: there is a picture in it */
};

/* Returns 0, -EBADMSG (malformed, or a fragment without its start; add nothing more) or -ENOSPC. */
int rtc_h264_unpack_add(struct rtc_h264_unpack *u, const uint8_t *payload, size_t size);

/* What one payload tells about where it stands in its frame. */
struct rtc_h264_peek {
    bool is_continued; /* FU-A that is not a start: something must be before it */
    bool has_sps;
    bool has_idr; /* holds (the start of) an IDR slice */
};
int rtc_h264_peek(struct rtc_h264_peek *out, const uint8_t *payload, size_t size); /* 0, -EBADMSG */

#endif
