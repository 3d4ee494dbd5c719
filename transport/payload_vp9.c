/* transport/payload_vp9.c - VP9 payloads. Pure; [any].
 *
 *       0 1 2 3 4 5 6 7
 *      |I|P|L|F|B|E|V|Z|   I picture id, P inter, L layers, F flexible, B begin, E end, V structure
 */
#include "transport/payload_vp9.h"

#include <errno.h>

#include "mcu/base/bytes.h"

enum {
    HAS_ID = 0x80,
    INTER = 0x40,
    HAS_LAYERS = 0x20,
    FLEXIBLE = 0x10,
    BEGIN = 0x08,
    END = 0x04,
    HAS_STRUCTURE = 0x02,
    DESCRIPTOR_SIZE = 1,
    REFERENCES_MAX = 3,
};

int rtc_vp9_packetize(struct rtc_payloads **out, struct mcu_packet *packet, size_t max_payload)
{
    struct rtc_payloads *p;
    const int err = rtc_payloads_split(&p, packet, max_payload, DESCRIPTOR_SIZE);
    if (err)
        return err;
    for (size_t i = 0; i < p->count; i++) {
        struct rtc_slice *slice = &p->slices[i];
        slice->prefix_size = DESCRIPTOR_SIZE;
        slice->prefix[0] = (uint8_t)((packet->is_key ? 0 : INTER) | (slice->is_first ? BEGIN : 0) |
                                     (slice->is_last ? END : 0));
    }
    *out = p;
    return 0;
}

static void parse_picture_id(struct rtc_vp9_descriptor *d, struct mcu_reader *r)
{
    d->has_picture_id = true;
    d->picture_id = mcu_take_u8(r);
    if (d->picture_id & 0x80)
        d->picture_id = (uint16_t)((d->picture_id & 0x7f) << 8 | mcu_take_u8(r));
}

static void parse_layers(struct rtc_vp9_descriptor *d, struct mcu_reader *r, bool is_flexible)
{
    const uint8_t layers = mcu_take_u8(r);
    d->has_layers = true;
    d->tid = layers >> 5;
    d->sid = layers >> 1 & 7;
    if (!is_flexible)
        mcu_take_u8(r); /* TL0PICIDX */
}

/* P_DIFF: up to three, the last bit says whether one more follows. */
static void parse_references(struct mcu_reader *r)
{
    for (int i = 1; mcu_take_u8(r) & 1; i++) {
        if (i == REFERENCES_MAX) {
            r->failed = true;
            return;
        }
    }
}

/* Sizes of the layers, and the group of pictures that we need not know. */
static void parse_structure(struct rtc_vp9_descriptor *d, struct mcu_reader *r)
{
    const uint8_t flags = mcu_take_u8(r);
    d->has_structure = true;
    for (int i = 0; flags & 0x10 && i <= flags >> 5; i++) {
        d->width = mcu_take_u16(r);
        d->height = mcu_take_u16(r);
    }
    const size_t pictures = flags & 0x08 ? mcu_take_u8(r) : 0;
    for (size_t i = 0; i < pictures && !r->failed; i++)
        mcu_take(r, mcu_take_u8(r) >> 2 & 3);
}

int rtc_vp9_parse(struct rtc_vp9_descriptor *out, const uint8_t *payload, size_t size)
{
    struct mcu_reader r = mcu_reader(payload, size);
    const uint8_t flags = mcu_take_u8(&r);
    struct rtc_vp9_descriptor d = {
        .is_inter = flags & INTER, .is_start = flags & BEGIN, .is_end = flags & END};
    if (flags & HAS_ID)
        parse_picture_id(&d, &r);
    if (flags & HAS_LAYERS)
        parse_layers(&d, &r, flags & FLEXIBLE);
    if (flags & FLEXIBLE && flags & INTER)
        parse_references(&r);
    if (flags & HAS_STRUCTURE)
        parse_structure(&d, &r);
    if (r.failed || mcu_left(&r) == 0)
        return -EBADMSG;
    d.size = (size_t)(r.at - payload);
    *out = d;
    return 0;
}
