/* transport/payload_vp8.c - VP8 payloads. Pure; [any]. */
#include "transport/payload_vp8.h"

#include <errno.h>

#include "mcu/base/bytes.h"

int rtc_vp8_packetize(struct rtc_payloads **out, struct mcu_packet *packet, size_t max_payload)
{
    return rtc_payloads_split(out, packet, max_payload, RTC_VP8_DESCRIPTOR_SIZE);
}

void rtc_vp8_next_frame(struct rtc_vp8_counter *c, uint8_t temporal_id)
{
    c->picture_id = (c->picture_id + 1) & 0x7fff;
    if (temporal_id == 0)
        c->tl0picidx++;
}

void rtc_vp8_put_descriptor(uint8_t out[static RTC_VP8_DESCRIPTOR_SIZE],
                            const struct rtc_vp8_counter *c, const struct rtc_slice *slice,
                            uint8_t temporal_id, bool is_sync)
{
    out[0] = (uint8_t)(0x80 | (slice->is_first ? 0x10 : 0)); /* X, S */
    out[1] = 0xe0;                                           /* I, L, T */
    out[2] = (uint8_t)(0x80 | (c->picture_id >> 8 & 0x7f));  /* M */
    out[3] = (uint8_t)c->picture_id;
    out[4] = c->tl0picidx;
    out[5] = (uint8_t)((temporal_id & 3) << 6 | (is_sync ? 0x20 : 0));
}

static void parse_picture_id(struct rtc_vp8_descriptor *d, struct mcu_reader *r)
{
    d->has_picture_id = true;
    d->picture_id = mcu_take_u8(r);
    d->has_wide_id = d->picture_id & 0x80;
    if (d->has_wide_id)
        d->picture_id = (uint16_t)((d->picture_id & 0x7f) << 8 | mcu_take_u8(r));
}

static void parse_extended(struct rtc_vp8_descriptor *d, struct mcu_reader *r)
{
    const uint8_t flags = mcu_take_u8(r);
    if (flags & 0x80)
        parse_picture_id(d, r);
    d->has_tl0 = flags & 0x40;
    if (d->has_tl0)
        d->tl0picidx = mcu_take_u8(r);
    d->has_tid = flags & 0x20;
    d->has_keyidx = flags & 0x10;
    if (!d->has_tid && !d->has_keyidx)
        return;
    const uint8_t layer = mcu_take_u8(r);
    if (d->has_tid) {
        d->tid = layer >> 6;
        d->is_sync = layer & 0x20;
    }
    if (d->has_keyidx)
        d->keyidx = layer & 0x1f;
}

int rtc_vp8_parse(struct rtc_vp8_descriptor *out, const uint8_t *payload, size_t size)
{
    struct mcu_reader r = mcu_reader(payload, size);
    struct rtc_vp8_descriptor d = {0};
    const uint8_t first = mcu_take_u8(&r);

    d.is_droppable = first & 0x20;
    d.is_start = first & 0x10;
    d.partition = first & 0x07;
    if (first & 0x80)
        parse_extended(&d, &r);
    if (r.failed || mcu_left(&r) == 0)
        return -EBADMSG;
    d.size = (size_t)(r.at - payload);
    *out = d;
    return 0;
}

bool rtc_vp8_is_key(const uint8_t *data, size_t size)
{
    return size >= 10 && !(data[0] & 1) && data[3] == 0x9d && data[4] == 0x01 && data[5] == 0x2a;
}
