/* transport/payload_av1.c - AV1 payloads. Pure; [any].
 *
 *       0 1 2 3 4 5 6 7
 *      |Z|Y| W |N|-|-|-|   Z, Y: the first (last) element is a fragment; W: elements, all but the last
 *                          with a length; 0: each with one
 *
 * An OBU's size is known only at its end: its length is written as four bytes of LEB128, which may be
 * longer than needed, and filled in then. */
#include "transport/payload_av1.h"

#include <errno.h>
#include <string.h>

#include "mcu/base/bytes.h"

enum {
    LENGTH_BYTES = 4,
    LENGTH_MAX = (1 << 28) - 1,
    OBU_SEQUENCE_HEADER = 1,
    OBU_TEMPORAL_DELIMITER = 2,
    OBU_FRAME_HEADER = 3,
    OBU_FRAME = 6,
    OBU_TILE_LIST = 8,
    OBU_PADDING = 15,
    HAS_EXTENSION = 0x04,
    HAS_SIZE = 0x02,
    FORBIDDEN = 0x80,
};

int rtc_av1_peek(struct rtc_av1_peek *out, const uint8_t *payload, size_t size)
{
    if (size < 2)
        return -EBADMSG;
    const struct rtc_av1_peek p = {.is_continued = payload[0] & 0x80, .is_new = payload[0] & 0x08};
    if (p.is_continued && p.is_new)
        return -EBADMSG;
    *out = p;
    return 0;
}

static uint32_t take_leb128(struct mcu_reader *r)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < LENGTH_BYTES; i++) {
        const uint8_t byte = mcu_take_u8(r);
        value |= (uint32_t)(byte & 0x7f) << 7 * i;
        if (!(byte & 0x80))
            return value;
    }
    r->failed = true;
    return 0;
}

static int put(struct rtc_av1_unpack *u, const uint8_t *data, size_t size)
{
    if (u->out) {
        if (size > u->capacity - u->size)
            return -ENOSPC;
        memcpy(u->out + u->size, data, size);
    }
    u->size += size;
    return 0;
}

static void note_type(struct rtc_av1_unpack *u, unsigned type)
{
    u->has_sequence |= type == OBU_SEQUENCE_HEADER;
    u->has_frame |= type == OBU_FRAME || type == OBU_FRAME_HEADER;
    u->is_left_out =
        type == OBU_TEMPORAL_DELIMITER || type == OBU_TILE_LIST || type == OBU_PADDING;
}

/* Header and an empty length; *r stands at the body. A size of the sender's must be right, and is
 * taken away: else the element could not be told from one that goes on. */
static int begin_obu(struct rtc_av1_unpack *u, struct mcu_reader *r, bool is_whole)
{
    static const uint8_t no_length[LENGTH_BYTES];
    const uint8_t first = mcu_take_u8(r);
    const uint8_t header[2] = {first | HAS_SIZE, first & HAS_EXTENSION ? mcu_take_u8(r) : 0};
    const bool has_size = first & HAS_SIZE;
    const uint32_t told = has_size ? take_leb128(r) : 0;
    if (r->failed || first & FORBIDDEN || (has_size && (!is_whole || told != mcu_left(r))))
        return -EBADMSG;
    note_type(u, first >> 3 & 15);
    u->body_size = 0;
    if (u->is_left_out)
        return 0;
    const int err = put(u, header, first & HAS_EXTENSION ? 2 : 1);
    u->length_at = u->size;
    return err ? err : put(u, no_length, sizeof(no_length));
}

static void end_obu(struct rtc_av1_unpack *u)
{
    for (unsigned i = 0; u->out && !u->is_left_out && i < LENGTH_BYTES; i++)
        u->out[u->length_at + i] =
            (uint8_t)((u->body_size >> 7 * i & 0x7f) | (i + 1 < LENGTH_BYTES ? 0x80 : 0));
}

static int add_element(struct rtc_av1_unpack *u, struct mcu_reader r, bool is_continued,
                       bool goes_on)
{
    int err = 0;
    if (!is_continued)
        err = begin_obu(u, &r, !goes_on);
    const size_t size = mcu_left(&r);
    if (!err && size > LENGTH_MAX - u->body_size)
        err = -EBADMSG;
    if (!err && !u->is_left_out)
        err = put(u, r.at, size);
    if (err)
        return err;
    u->body_size += size;
    u->in_obu = goes_on;
    if (!goes_on)
        end_obu(u);
    return 0;
}

int rtc_av1_unpack_add(struct rtc_av1_unpack *u, const uint8_t *payload, size_t size)
{
    struct mcu_reader r = mcu_reader(payload, size);
    const uint8_t head = mcu_take_u8(&r);
    const bool goes_on = head & 0x40;
    const unsigned count = head >> 4 & 3;
    bool is_continued = head & 0x80;
    if (r.failed || is_continued != u->in_obu || mcu_left(&r) == 0)
        return -EBADMSG;
    for (unsigned i = 1; mcu_left(&r) > 0; i++) {
        const bool is_counted_last = count > 0 && i == count;
        const size_t n = is_counted_last ? mcu_left(&r) : take_leb128(&r);
        const uint8_t *data = mcu_take(&r, n);
        if (r.failed || n == 0)
            return -EBADMSG;
        const bool is_last = mcu_left(&r) == 0;
        if (count > 0 && is_last != is_counted_last)
            return -EBADMSG;
        const int err =
            add_element(u, mcu_reader(data, n), is_continued, is_last && goes_on);
        if (err)
            return err;
        is_continued = false;
    }
    return 0;
}
