/* transport/rtcp.c - RTCP packets, read and written. Pure; [any].
 *
 * Reading walks the compound twice with the same code: first without a sink, which only checks,
 * then with it. So no callback has run when something turns out to be broken. */
#include "transport/rtcp.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum {
    RTPFB_NACK = 1,
    RTPFB_TWCC = 15,
    PSFB_PLI = 1,
    PSFB_FIR = 4,
    PSFB_AFB = 15,
    BLOCK_SIZE = 24,
    SDES_CNAME = 1,
};

static const struct rtc_rtcp_sink check_only; /* no callbacks */

/* Calls a callback if there is one. */
#define TELL(sink, fn, ...)                                                                        \
    do {                                                                                           \
        if ((sink)->fn)                                                                            \
            (sink)->fn((sink)->ctx, __VA_ARGS__);                                                  \
    } while (0)

/* --- reading ---------------------------------------------------------------------------------- */

static void read_blocks(struct mcu_reader *r, unsigned count, uint32_t from,
                        const struct rtc_rtcp_sink *sink)
{
    for (unsigned i = 0; i < count; i++) {
        struct rtc_rtcp_block b = {.ssrc = mcu_take_u32(r), .fraction = mcu_take_u8(r)};
        const uint32_t lost = mcu_take_u24(r);
        b.lost = lost & 0x800000 ? (int32_t)lost - 0x1000000 : (int32_t)lost;
        b.highest = mcu_take_u32(r);
        b.jitter_rtp = mcu_take_u32(r);
        b.lsr = mcu_take_u32(r);
        b.dlsr = mcu_take_u32(r);
        if (r->failed)
            return;
        TELL(sink, on_block, from, &b);
    }
}

static void read_sr(struct mcu_reader *r, unsigned count, const struct rtc_rtcp_sink *sink)
{
    const uint32_t from = mcu_take_u32(r);
    struct rtc_rtcp_sr sr = {.ntp = mcu_take_u64(r)};
    sr.rtp = mcu_take_u32(r);
    sr.packets = mcu_take_u32(r);
    sr.bytes = mcu_take_u32(r);
    if (r->failed)
        return;
    TELL(sink, on_sr, from, &sr);
    read_blocks(r, count, from, sink);
}

static void read_rr(struct mcu_reader *r, unsigned count, const struct rtc_rtcp_sink *sink)
{
    const uint32_t from = mcu_take_u32(r);
    read_blocks(r, count, from, sink);
}

/* One chunk: items up to a zero byte, then zeros up to a multiple of four. */
static void read_sdes_chunk(struct mcu_reader *r, const struct rtc_rtcp_sink *sink)
{
    const uint8_t *start = r->at;
    const uint32_t from = mcu_take_u32(r);
    uint8_t type;

    while ((type = mcu_take_u8(r)) != 0) {
        const size_t n = mcu_take_u8(r);
        const uint8_t *text = mcu_take(r, n);
        if (text && type == SDES_CNAME)
            TELL(sink, on_cname, from, (const char *)text, n);
    }
    if (!r->failed && (r->at - start) % 4)
        mcu_take(r, 4 - (size_t)(r->at - start) % 4);
}

static void read_sdes(struct mcu_reader *r, unsigned count, const struct rtc_rtcp_sink *sink)
{
    for (unsigned i = 0; i < count && !r->failed; i++)
        read_sdes_chunk(r, sink);
}

static void read_bye(struct mcu_reader *r, unsigned count, const struct rtc_rtcp_sink *sink)
{
    for (unsigned i = 0; i < count; i++) {
        const uint32_t from = mcu_take_u32(r);
        if (r->failed)
            return;
        TELL(sink, on_bye, from);
    }
    if (mcu_left(r)) /* the reason, for people */
        mcu_take(r, mcu_take_u8(r));
}

static void read_nack(struct mcu_reader *r, uint32_t from, uint32_t media,
                      const struct rtc_rtcp_sink *sink)
{
    do {
        uint16_t seqs[RTC_RTCP_NACK_SEQS_MAX];
        size_t n = 1;
        seqs[0] = mcu_take_u16(r);
        const uint16_t mask = mcu_take_u16(r);
        for (unsigned bit = 0; bit < 16; bit++)
            if (mask >> bit & 1)
                seqs[n++] = (uint16_t)(seqs[0] + bit + 1);
        if (r->failed)
            return;
        TELL(sink, on_nack, from, media, seqs, n);
    } while (mcu_left(r));
}

static void read_rtpfb(struct mcu_reader *r, unsigned format, const struct rtc_rtcp_sink *sink)
{
    const uint32_t from = mcu_take_u32(r);
    const uint32_t media = mcu_take_u32(r);
    if (r->failed)
        return;
    if (format == RTPFB_NACK) {
        read_nack(r, from, media, sink);
    } else if (format == RTPFB_TWCC) {
        const size_t n = mcu_left(r);
        const uint8_t *fci = mcu_take(r, n);
        TELL(sink, on_twcc, from, media, fci, n);
    }
}

static void read_fir(struct mcu_reader *r, uint32_t from, const struct rtc_rtcp_sink *sink)
{
    do {
        const uint32_t media = mcu_take_u32(r);
        const uint8_t number = mcu_take_u8(r);
        mcu_take(r, 3);
        if (r->failed)
            return;
        TELL(sink, on_fir, from, media, number);
    } while (mcu_left(r));
}

/* draft-alvestrand-rmcat-remb: "REMB", number of SSRCs, 6 bits of exponent, 18 of mantissa. Other
 * application layer feedback is stepped over. */
static void read_afb(struct mcu_reader *r, uint32_t from, const struct rtc_rtcp_sink *sink)
{
    if (mcu_left(r) < 4 || memcmp(r->at, "REMB", 4) != 0)
        return;
    mcu_take(r, 4);
    const size_t ssrcs = mcu_take_u8(r);
    const uint32_t value = mcu_take_u24(r);
    mcu_take(r, ssrcs * 4);
    if (r->failed)
        return;
    const unsigned exponent = value >> 18;
    const uint64_t mantissa = value & 0x3ffff;
    const bool overflows = exponent > 46 && mantissa >> (64 - exponent);
    TELL(sink, on_remb, from, overflows ? UINT64_MAX : mantissa << exponent);
}

static void read_psfb(struct mcu_reader *r, unsigned format, const struct rtc_rtcp_sink *sink)
{
    const uint32_t from = mcu_take_u32(r);
    const uint32_t media = mcu_take_u32(r);
    if (r->failed)
        return;
    if (format == PSFB_PLI)
        TELL(sink, on_pli, from, media);
    else if (format == PSFB_FIR)
        read_fir(r, from, sink);
    else if (format == PSFB_AFB)
        read_afb(r, from, sink);
}

static void read_body(struct mcu_reader *r, uint8_t type, unsigned count,
                      const struct rtc_rtcp_sink *sink)
{
    switch (type) {
    case RTC_RTCP_SR:
        read_sr(r, count, sink);
        break;
    case RTC_RTCP_RR:
        read_rr(r, count, sink);
        break;
    case RTC_RTCP_SDES:
        read_sdes(r, count, sink);
        break;
    case RTC_RTCP_BYE:
        read_bye(r, count, sink);
        break;
    case RTC_RTCP_RTPFB:
        read_rtpfb(r, count, sink);
        break;
    case RTC_RTCP_PSFB:
        read_psfb(r, count, sink);
        break;
    default: /* APP, XR and what is to come */
        break;
    }
}

/* One packet of the compound; moves r past it. */
static int read_packet(struct mcu_reader *r, const struct rtc_rtcp_sink *sink)
{
    const uint8_t first = mcu_take_u8(r);
    const uint8_t type = mcu_take_u8(r);
    size_t size = (size_t)mcu_take_u16(r) * 4;
    const uint8_t *body = mcu_take(r, size);

    if (r->failed || first >> 6 != 2 || type < 192 || type > 223)
        return -EBADMSG;
    if (first & 0x20) { /* libwebrtc pads any packet, and not to multiples of four: so let it */
        const uint8_t padding = size ? body[size - 1] : 0;
        if (padding == 0 || padding > size)
            return -EBADMSG;
        size -= padding;
    }
    struct mcu_reader b = mcu_reader(body, size);
    read_body(&b, type, first & 0x1f, sink);
    return b.failed ? -EBADMSG : 0;
}

static int read_compound(const void *data, size_t size, const struct rtc_rtcp_sink *sink)
{
    struct mcu_reader r = mcu_reader(data, size);
    int err = size ? 0 : -EBADMSG;
    while (!err && mcu_left(&r))
        err = read_packet(&r, sink);
    return err;
}

int rtc_rtcp_parse(const void *data, size_t size, const struct rtc_rtcp_sink *sink)
{
    const int err = read_compound(data, size, &check_only);
    return err ? err : read_compound(data, size, sink);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* A header whose length is known beforehand: body bytes, a multiple of four. */
static void put_header(struct mcu_writer *w, unsigned count, uint8_t type, size_t body)
{
    mcu_put_u8(w, (uint8_t)(0x80 | count));
    mcu_put_u8(w, type);
    mcu_put_u16(w, (uint16_t)(body / 4));
}

static size_t at_most(size_t n, size_t limit)
{
    return n < limit ? n : limit;
}

static void put_blocks(struct mcu_writer *w, const struct rtc_rtcp_block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct rtc_rtcp_block *b = &blocks[i];
        const int32_t lost = b->lost > 0x7fffff    ? 0x7fffff
                             : b->lost < -0x800000 ? -0x800000
                                                   : b->lost;
        mcu_put_u32(w, b->ssrc);
        mcu_put_u8(w, b->fraction);
        mcu_put_u24(w, (uint32_t)lost & 0xffffff);
        mcu_put_u32(w, b->highest);
        mcu_put_u32(w, b->jitter_rtp);
        mcu_put_u32(w, b->lsr);
        mcu_put_u32(w, b->dlsr);
    }
}

void rtc_rtcp_put_sr(struct mcu_writer *w, uint32_t from, const struct rtc_rtcp_sr *sr,
                     const struct rtc_rtcp_block *blocks, size_t count)
{
    const size_t n = at_most(count, RTC_RTCP_BLOCKS_MAX);
    put_header(w, (unsigned)n, RTC_RTCP_SR, 24 + n * BLOCK_SIZE);
    mcu_put_u32(w, from);
    mcu_put_u64(w, sr->ntp);
    mcu_put_u32(w, sr->rtp);
    mcu_put_u32(w, sr->packets);
    mcu_put_u32(w, sr->bytes);
    put_blocks(w, blocks, n);
}

void rtc_rtcp_put_rr(struct mcu_writer *w, uint32_t from, const struct rtc_rtcp_block *blocks,
                     size_t count)
{
    const size_t n = at_most(count, RTC_RTCP_BLOCKS_MAX);
    put_header(w, (unsigned)n, RTC_RTCP_RR, 4 + n * BLOCK_SIZE);
    mcu_put_u32(w, from);
    put_blocks(w, blocks, n);
}

void rtc_rtcp_put_cname(struct mcu_writer *w, uint32_t from, const char *cname)
{
    const size_t n = strnlen(cname, 255);
    const size_t unpadded = 4 + 2 + n + 1; /* at least one zero ends the chunk */
    const size_t body = (unpadded + 3) & ~(size_t)3;

    put_header(w, 1, RTC_RTCP_SDES, body);
    mcu_put_u32(w, from);
    mcu_put_u8(w, SDES_CNAME);
    mcu_put_u8(w, (uint8_t)n);
    mcu_put(w, cname, n);
    mcu_put_be(w, 0, 1 + body - unpadded);
}

void rtc_rtcp_put_bye(struct mcu_writer *w, const uint32_t *ssrcs, size_t count)
{
    const size_t n = at_most(count, RTC_RTCP_BLOCKS_MAX);
    put_header(w, (unsigned)n, RTC_RTCP_BYE, n * 4);
    for (size_t i = 0; i < n; i++)
        mcu_put_u32(w, ssrcs[i]);
}

/* The bit mask of what follows seqs[0] within 16 numbers; *used: how many of seqs it covers. */
static uint16_t pack_nack(const uint16_t *seqs, size_t count, size_t *used)
{
    uint16_t mask = 0;
    size_t i = 1;
    for (; i < count; i++) {
        const uint16_t distance = (uint16_t)(seqs[i] - seqs[0]);
        if (distance > 16)
            break;
        if (distance)
            mask |= (uint16_t)(1u << (distance - 1));
    }
    *used = i;
    return mask;
}

size_t rtc_rtcp_put_nack(struct mcu_writer *w, uint32_t from, uint32_t media, const uint16_t *seqs,
                         size_t count)
{
    struct mcu_writer mark = *w;
    size_t done = 0;
    size_t body = 8;

    if (count == 0)
        return 0;
    put_header(w, RTPFB_NACK, RTC_RTCP_RTPFB, 0);
    mcu_put_u32(w, from);
    mcu_put_u32(w, media);
    while (done < count && (size_t)(w->end - w->at) >= 4) {
        size_t used;
        const uint16_t mask = pack_nack(seqs + done, count - done, &used);
        mcu_put_u16(w, seqs[done]);
        mcu_put_u16(w, mask);
        done += used;
        body += 4;
    }
    if (w->failed || done == 0) {
        *w = mark;
        w->failed = true;
        return 0;
    }
    put_header(&mark, RTPFB_NACK, RTC_RTCP_RTPFB, body); /* now that the length is known */
    return done;
}

void rtc_rtcp_put_pli(struct mcu_writer *w, uint32_t from, uint32_t media)
{
    put_header(w, PSFB_PLI, RTC_RTCP_PSFB, 8);
    mcu_put_u32(w, from);
    mcu_put_u32(w, media);
}

void rtc_rtcp_put_fir(struct mcu_writer *w, uint32_t from, uint32_t media, uint8_t number)
{
    put_header(w, PSFB_FIR, RTC_RTCP_PSFB, 16);
    mcu_put_u32(w, from);
    mcu_put_u32(w, 0); /* RFC 5104, section 4.3.1.2: the media source is in the FCI */
    mcu_put_u32(w, media);
    mcu_put_u8(w, number);
    mcu_put_u24(w, 0);
}

void rtc_rtcp_put_remb(struct mcu_writer *w, uint32_t from, uint64_t bitrate_bps,
                       const uint32_t *ssrcs, size_t count)
{
    const size_t n = at_most(count, RTC_RTCP_BLOCKS_MAX);
    uint32_t exponent = 0;
    while (bitrate_bps >> exponent > 0x3ffff)
        exponent++;

    put_header(w, PSFB_AFB, RTC_RTCP_PSFB, 16 + n * 4);
    mcu_put_u32(w, from);
    mcu_put_u32(w, 0);
    mcu_put(w, "REMB", 4);
    mcu_put_u8(w, (uint8_t)n);
    mcu_put_u24(w, exponent << 18 | (uint32_t)(bitrate_bps >> exponent));
    for (size_t i = 0; i < n; i++)
        mcu_put_u32(w, ssrcs[i]);
}
