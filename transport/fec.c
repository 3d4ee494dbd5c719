/* Parity of RTP packets; see fec.h. [net]
 *
 *     RTP header    0 V P X CC M PT   2 seq      4 timestamp   8 SSRC   12 all the rest
 *     parity of       head            (length)     time                    data
 *
 * The mask of what is covered comes in pieces of 15 and 31 bits; the bit before a piece says that
 * it is the last. */
#include "transport/fec.h"

#include <errno.h>
#include <string.h>

#include "mcu/base/bytes.h"

enum { SHORT_MASK = 15, LONG_MASK = 31, VERSION_BITS = 0xc0, LAST_PIECE = 1 };

void rtc_fec_begin(struct rtc_fec *f, uint16_t base)
{
    memset(f, 0, sizeof(*f));
    f->base = base;
}

static void mix(uint8_t *into, const uint8_t *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        into[i] ^= from[i];
}

int rtc_fec_add(struct rtc_fec *f, const uint8_t *packet, size_t size)
{
    if (size < RTC_RTP_HEADER_SIZE || size > RTC_MTU)
        return -EINVAL;
    const uint16_t seq = (uint16_t)(packet[2] << 8 | packet[3]);
    const uint16_t place = (uint16_t)(seq - f->base);
    if (place >= RTC_FEC_SPAN)
        return -EINVAL;
    const size_t rest = size - RTC_RTP_HEADER_SIZE;
    f->covered |= UINT64_C(1) << place;
    f->length ^= (uint16_t)rest;
    mix(f->head, packet, sizeof(f->head));
    mix(f->time, packet + 4, sizeof(f->time));
    mix(f->data, packet + RTC_RTP_HEADER_SIZE, rest);
    if (rest > f->size)
        f->size = rest;
    return 0;
}

/* `count` bits from place `first` on, the lowest place in the highest bit. */
static uint32_t mask_piece(uint64_t covered, unsigned first, unsigned count)
{
    uint32_t piece = 0;
    for (unsigned i = 0; i < count; i++)
        piece = piece << 1 | (uint32_t)(covered >> (first + i) & 1);
    return piece;
}

static void put_mask(struct mcu_writer *w, uint64_t covered)
{
    const bool is_short = covered >> SHORT_MASK == 0;
    const uint32_t first = mask_piece(covered, 0, SHORT_MASK);
    mcu_put_u16(w, (uint16_t)((uint32_t)is_short << SHORT_MASK | first));
    if (!is_short)
        mcu_put_u32(w,
                    (uint32_t)LAST_PIECE << LONG_MASK | mask_piece(covered, SHORT_MASK, LONG_MASK));
}

int rtc_fec_write(const struct rtc_fec *f, uint32_t ssrc, uint8_t *out, size_t capacity)
{
    struct mcu_writer w = mcu_writer(out, capacity);
    if (!f->covered)
        return -ENODATA;
    mcu_put_u8(&w, (uint8_t)(f->head[0] & ~VERSION_BITS)); /* there: no retransmission, a mask */
    mcu_put_u8(&w, f->head[1]);
    mcu_put_u16(&w, f->length);
    mcu_put(&w, f->time, sizeof(f->time));
    mcu_put_u32(&w, UINT32_C(1) << 24); /* one stream is covered */
    mcu_put_u32(&w, ssrc);
    mcu_put_u16(&w, f->base);
    put_mask(&w, f->covered);
    mcu_put(&w, f->data, f->size);
    return w.failed ? -ENOSPC : (int)mcu_written(&w);
}
