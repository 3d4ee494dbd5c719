/* mcu/base/packet.h - one encoded piece of media, shared by everyone who sends or stores it.
 *
 * For video one whole access unit (H264: Annex B with start codes; VP8: one frame), for audio one
 * codec frame. Reference-counted and read-only once shared: the producer fills it while it holds
 * the only reference, then hands out more. */
#ifndef MCU_BASE_PACKET_H
#define MCU_BASE_PACKET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/codec.h"

/* What the numbers of a picture mean, where that was said beside the stream (ITU-T H.273). All zero: it
 * was not; then the stream itself may say. */
struct mcu_colours {
    bool is_said;
    bool is_full_range;
    uint8_t matrix; /* MatrixCoefficients */
};

struct mcu_packet {
    atomic_int refs;
    enum mcu_codec codec;
    int64_t pts_us;      /* presentation, room clock */
    int64_t dts_us;      /* decoding; equals pts_us where frames are not reordered */
    int64_t duration_us; /* 0: not known */
    bool is_key;         /* decoding may start here; always true for audio */
    uint8_t temporal_id; /* video temporal layer, 0 is the base */
    struct mcu_colours colours; /* video: from this frame on; a key frame without ends them */
    size_t size;         /* bytes in data */
    size_t capacity;
    uint8_t *data;       /* followed by 64 zero bytes, as libavcodec wants */
};

/* [any] A packet of capacity bytes, size 0, one reference, held by the caller. NULL: no memory. */
struct mcu_packet *mcu_packet_create(size_t capacity);

/* [any] The same, filled with a copy of data. NULL: no memory. */
struct mcu_packet *mcu_packet_copy(const void *data, size_t size);

/* [any] One more reference; returns p. */
struct mcu_packet *mcu_packet_ref(struct mcu_packet *p);

/* [any] Gives one reference back; the last one frees. NULL is fine. */
void mcu_packet_unref(struct mcu_packet *p);

#endif
