/* transport/rtcp.h - RTCP (RFC 3550, 4585, 5104, REMB), compound or reduced-size, read and written.
 *
 * Reading is strict: every packet of a compound is checked before the first callback runs, so a
 * compound that is broken somewhere changes nothing. Types that are not ours are stepped over.
 * Pure functions, no state: [any]; callbacks run inside rtc_rtcp_parse(). */
#ifndef TRANSPORT_RTCP_H
#define TRANSPORT_RTCP_H

#include <stddef.h>
#include <stdint.h>

#include "mcu/base/bytes.h"

enum {
    RTC_RTCP_SR = 200,
    RTC_RTCP_RR = 201,
    RTC_RTCP_SDES = 202,
    RTC_RTCP_BYE = 203,
    RTC_RTCP_RTPFB = 205,
    RTC_RTCP_PSFB = 206,
    RTC_RTCP_BLOCKS_MAX = 31,
    RTC_RTCP_NACK_SEQS_MAX = 17, /* most that one callback gets */
};

struct rtc_rtcp_sr {
    uint64_t ntp; /* 32.32 fixed point seconds since 1900 */
    uint32_t rtp;
    uint32_t packets;
    uint32_t bytes; /* of payload */
};

struct rtc_rtcp_block {
    uint32_t ssrc;       /* whose packets are reported */
    uint8_t fraction;    /* lost since the last report, of 256 */
    int32_t lost;        /* cumulative, 24 bits, may be negative */
    uint32_t highest;    /* extended highest sequence number */
    uint32_t jitter_rtp; /* RTP ticks */
    uint32_t lsr;        /* middle 32 bits of the last SR's ntp; 0: none */
    uint32_t dlsr;       /* since then, in 1/65536 s */
};

/* Any callback may be NULL. from is the SSRC that sent the packet, media the one it is about. */
struct rtc_rtcp_sink {
    void *ctx;
    void (*on_sr)(void *ctx, uint32_t from, const struct rtc_rtcp_sr *sr);
    void (*on_block)(void *ctx, uint32_t from, const struct rtc_rtcp_block *block);
    void (*on_cname)(void *ctx, uint32_t from, const char *cname, size_t size); /* not terminated */
    void (*on_bye)(void *ctx, uint32_t from);
    void (*on_nack)(void *ctx, uint32_t from, uint32_t media, const uint16_t *seqs, size_t count);
    void (*on_pli)(void *ctx, uint32_t from, uint32_t media);
    void (*on_fir)(void *ctx, uint32_t from, uint32_t media, uint8_t number);
    void (*on_remb)(void *ctx, uint32_t from, uint64_t bitrate_bps);
    /* fci: after the two SSRCs, with the padding gone; rtc_twcc_parse() reads it. */
    void (*on_twcc)(void *ctx, uint32_t from, uint32_t media, const uint8_t *fci, size_t size);
};

/* Reads a datagram. Returns 0, or -EBADMSG and nothing was called. */
int rtc_rtcp_parse(const void *data, size_t size, const struct rtc_rtcp_sink *sink);

/* Writers append one packet to w, or set w->failed; a compound is several in a row. At most
 * RTC_RTCP_BLOCKS_MAX blocks (or SSRCs in BYE and REMB) are written, the rest is left out. */
void rtc_rtcp_put_sr(struct mcu_writer *w, uint32_t from, const struct rtc_rtcp_sr *sr,
                     const struct rtc_rtcp_block *blocks, size_t count);
void rtc_rtcp_put_rr(struct mcu_writer *w, uint32_t from, const struct rtc_rtcp_block *blocks,
                     size_t count);
/* cname: at most 255 bytes of it. */
void rtc_rtcp_put_cname(struct mcu_writer *w, uint32_t from, const char *cname);
void rtc_rtcp_put_bye(struct mcu_writer *w, const uint32_t *ssrcs, size_t count);
/* seqs in rising order (modulo 2^16) pack best. Returns how many of them went in: fewer than count
 * when w is too small for all, 0 with w->failed when it is too small for one. */
size_t rtc_rtcp_put_nack(struct mcu_writer *w, uint32_t from, uint32_t media, const uint16_t *seqs,
                         size_t count);
void rtc_rtcp_put_pli(struct mcu_writer *w, uint32_t from, uint32_t media);
void rtc_rtcp_put_fir(struct mcu_writer *w, uint32_t from, uint32_t media, uint8_t number);
void rtc_rtcp_put_remb(struct mcu_writer *w, uint32_t from, uint64_t bitrate_bps,
                       const uint32_t *ssrcs, size_t count);

#endif
