/* transport/fec.h - FlexFEC: packets of which each brings back one of those it covers, if only one
 * of them is lost (draft-ietf-payload-flexible-fec-scheme-03, which is what browsers call
 * flexfec-03).
 *
 * A repair packet is the parity of some packets of one stream, on a stream of its own. Header
 * extensions that a packet gets anew each time it is sent have to be zero in what is covered. A
 * plain struct, no allocation. One [net] thread at a time. */
#ifndef TRANSPORT_FEC_H
#define TRANSPORT_FEC_H

#include <stddef.h>
#include <stdint.h>

#include "transport/rtp.h"

enum {
    RTC_FEC_SPAN = 46,       /* sequence numbers from the base on that one packet may cover */
    RTC_FEC_HEADER_MAX = 24, /* before the parity */
};

struct rtc_fec {
    uint16_t base;
    uint64_t covered; /* bit i: base + i */
    uint8_t head[2];  /* parity of the first two bytes of RTP headers, */
    uint16_t length;  /* of what follows their twelve bytes, how long it is, */
    uint8_t time[4];  /* of timestamps, */
    size_t size;
    uint8_t data[RTC_MTU]; /* and of all that follows; size: of the longest */
};

void rtc_fec_begin(struct rtc_fec *f, uint16_t base);

/* A plain RTP packet. Returns 0 or -EINVAL: not RTP, too long, before the base or RTC_FEC_SPAN
 * behind it. */
int rtc_fec_add(struct rtc_fec *f, const uint8_t *packet, size_t size);

/* The RTP payload that repairs the stream ssrc. Returns its size, -ENODATA (nothing was added) or
 * -ENOSPC. */
int rtc_fec_write(const struct rtc_fec *f, uint32_t ssrc, uint8_t *out, size_t capacity);

#endif
