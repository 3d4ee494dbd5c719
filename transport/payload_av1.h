/* transport/payload_av1.h - AV1 in RTP, coming in ("RTP Payload Format For AV1" of the Alliance for
 * Open Media). Pure, no thread of its own.
 *
 * A packet is an aggregation header and OBU elements; an OBU may go on in the next packet. Senders
 * leave the OBUs' sizes out; what comes out has them, as decoders want (AV1, section 5). */
#ifndef TRANSPORT_PAYLOAD_AV1_H
#define TRANSPORT_PAYLOAD_AV1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one payload tells about where it stands. */
struct rtc_av1_peek {
    bool is_continued; /* Z: it begins in the middle of an OBU */
    bool is_new;       /* N: a coded video sequence, so a key frame, begins */
};
int rtc_av1_peek(struct rtc_av1_peek *out, const uint8_t *payload, size_t size); /* 0, -EBADMSG */

/* Collects the payloads of one temporal unit, in order. With out NULL it only counts what out would
 * have to hold. Start with .out and .capacity set and all else zero. */
struct rtc_av1_unpack {
    uint8_t *out;
    size_t capacity;
    size_t size;       /* bytes so far */
    bool in_obu;       /* the last element goes on in the next packet */
    bool is_left_out;  /* it is of a kind that decoders need not see */
    size_t length_at;  /* where its length stands */
    size_t body_size;  /* of it so far */
    bool has_sequence; /* a sequence header: with a key frame only */
    bool has_frame;
};

/* Returns 0, -EBADMSG (malformed, or a fragment without its start; add nothing more) or -ENOSPC. */
int rtc_av1_unpack_add(struct rtc_av1_unpack *u, const uint8_t *payload, size_t size);

#endif
