/* transport/payload_vp9.h - VP9 in RTP (RFC 9628).
 *
 * Out: one spatial and one temporal layer, no picture ids: a descriptor of one byte that is the same
 * for every receiver. In: any descriptor; of spatial layers the lowest is taken, which needs no
 * other. Pure, no thread of its own. */
#ifndef TRANSPORT_PAYLOAD_VP9_H
#define TRANSPORT_PAYLOAD_VP9_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/payload.h"

struct rtc_vp9_descriptor {
    bool is_inter; /* P: needs earlier pictures */
    bool is_start; /* B: a frame (of a layer) begins */
    bool is_end;   /* E */
    bool has_picture_id;
    uint16_t picture_id;
    bool has_layers;
    uint8_t tid;
    uint8_t sid; /* spatial layer */
    bool has_structure;
    uint16_t width, height; /* of the highest layer that the structure tells of; 0: not told */
    size_t size;            /* bytes of descriptor: the frame's data follows */
};

/* Cuts one frame; packet->is_key says whether it is a key frame. Errors as rtc_payloads_create(). */
int rtc_vp9_packetize(struct rtc_payloads **out, struct mcu_packet *packet, size_t max_payload);

/* Reads a descriptor; something must follow it. *out is written only on success. Returns 0 or
 * -EBADMSG. */
int rtc_vp9_parse(struct rtc_vp9_descriptor *out, const uint8_t *payload, size_t size);

#endif
