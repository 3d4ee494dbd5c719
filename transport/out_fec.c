/* Repair of video before it is asked for, where asking takes too long. [net]
 *
 *     sent     1 2 3 4 5 6 | 7 8 9 ...      a block: whole frames, or what one mask can name
 *     repair               a b              a: parity of 1 3 5, b: of 2 4 6
 *
 * A far side that misses a packet has it by NACK a round trip and more later. From 150 ms on, and
 * with loss, every block is followed by repair packets on a stream of their own: as many as the
 * loss asks for and what is left of the estimate pays. Neighbours are in different ones, since
 * losses come in bursts. What they cover is taken from the store for resending. */
#include <errno.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "transport/fec.h"
#include "transport/out_priv.h"
#include "transport/srtp.h"

enum {
    RTT_US = 150 * 1000,
    LOSS_PERMILLE = 20,
    PART_LEAST_PERMILLE = 100, /* repair packets by packets that they repair: twice the loss, */
    PART_MOST_PERMILLE = 500,  /* within these */
    WAIT_US = 150 * 1000,      /* so long packets wait for others to be repaired with */
    SAVED_US = 500 * 1000,     /* what is left over is saved up for so long */
    MOST_BPS = 4 * 1000 * 1000,
};

bool rtc_out_fec_waits(const struct rtc_out *o)
{
    return o->fec.lane < o->fec.lanes;
}

/* --- how much ----------------------------------------------------------------------------------
 */

static bool is_needed(const struct rtc_out *o)
{
    return o->session->lines[MCU_VIDEO].fec_pt && o->rtt_us >= RTT_US &&
           rtc_out_loss_permille(o) >= LOSS_PERMILLE;
}

static uint32_t part_permille(const struct rtc_out *o)
{
    const uint32_t part = 2 * rtc_out_loss_permille(o);
    return part < PART_LEAST_PERMILLE  ? PART_LEAST_PERMILLE
           : part > PART_MOST_PERMILLE ? PART_MOST_PERMILLE
                                       : part;
}

/* What the copies of audio leave. */
static uint64_t budget_bps(const struct rtc_out *o)
{
    const uint64_t bps = o->redundancy_bps > o->copies_bps ? o->redundancy_bps - o->copies_bps : 0;
    return bps < MOST_BPS ? bps : MOST_BPS;
}

static void refill(struct rtc_out *o, int64_t now_us)
{
    const uint64_t bps = budget_bps(o);
    rtc_out_refill(&o->fec.budget, now_us, (int64_t)(bps / 8000),
                   (int64_t)(bps * SAVED_US / 8 / MCU_US_PER_S));
}

bool rtc_out_fec_pays(struct rtc_out *o, size_t bytes, int64_t now_us)
{
    refill(o, now_us);
    if (o->fec.budget.bytes < (int64_t)bytes)
        return false;
    o->fec.budget.bytes -= (int64_t)bytes;
    return true;
}

/* Repair packets that the block gets. */
static uint32_t lanes_of(struct rtc_out *o, int64_t now_us)
{
    struct rtc_out_fec *f = &o->fec;
    refill(o, now_us);
    const uint32_t wanted = (f->count * part_permille(o) + 500) / 1000;
    const uint32_t lanes = wanted > 0 ? wanted : 1;
    const int64_t each = (int64_t)(f->bytes / f->count) + RTC_FEC_HEADER_MAX;
    const int64_t paid = f->budget.bytes > 0 ? f->budget.bytes / each : 0;
    return paid < lanes ? (uint32_t)paid : lanes;
}

/* --- blocks ------------------------------------------------------------------------------------
 */

void rtc_out_fec_sent(struct rtc_out *o, uint16_t seq, size_t bytes, bool ends_frame,
                      int64_t now_us)
{
    struct rtc_out_fec *f = &o->fec;
    if (!is_needed(o)) {
        f->count = 0;
        return;
    }
    if (f->count == 0) {
        f->base = seq;
        f->bytes = 0;
        f->began_us = now_us;
    }
    f->count = (uint16_t)(seq - f->base) + 1u;
    f->bytes += bytes;
    const bool is_worth_one = f->count * part_permille(o) >= 1000;
    const bool is_late = now_us - f->began_us >= WAIT_US;
    if (f->count < RTC_FEC_SPAN && !(ends_frame && (is_worth_one || is_late)))
        return;
    f->lanes = lanes_of(o, now_us);
    f->lane = 0;
    f->covers = f->count;
    f->covers_base = f->base;
    f->count = 0;
}

/* As it was first sent, without what was only for that time. Returns its size or a negative errno.
 */
static int read_covered(struct rtc_out *o, uint16_t seq, uint8_t *packet, size_t capacity)
{
    static const uint8_t zero[3] = {0};
    const struct mcu_desc_extensions *ext = &o->session->lines[MCU_VIDEO].ext;
    const int n = rtc_history_read(o->history, seq, packet, capacity);
    if (n <= 0)
        return n;
    if (ext->transport_cc)
        rtc_rtp_ext_rewrite(packet, (size_t)n, ext->transport_cc, zero, 2);
    if (ext->abs_send_time)
        rtc_rtp_ext_rewrite(packet, (size_t)n, ext->abs_send_time, zero, 3);
    return n;
}

static void cover(struct rtc_out *o, struct rtc_fec *fec)
{
    const struct rtc_out_fec *f = &o->fec;
    uint8_t packet[RTC_OUT_PACKET_MAX];
    rtc_fec_begin(fec, (uint16_t)(f->covers_base + f->lane));
    for (uint32_t i = f->lane; i < f->covers; i += f->lanes) {
        const int n = read_covered(o, (uint16_t)(f->covers_base + i), packet, sizeof(packet));
        if (n > 0)
            rtc_fec_add(fec, packet, (size_t)n);
    }
}

static int build(struct rtc_out *o, int64_t now_us, uint8_t *packet, size_t capacity)
{
    struct rtc_fec fec;
    const uint8_t pt = o->session->lines[MCU_VIDEO].fec_pt;
    cover(o, &fec);
    const int head =
        rtc_out_write_header(o, MCU_VIDEO, pt, o->playing.pts_us, false, now_us, packet);
    if (head < 0)
        return head;
    const int n =
        rtc_fec_write(&fec, o->local->ssrc[MCU_VIDEO], packet + head, capacity - (size_t)head);
    if (n < 0)
        return n;
    struct mcu_writer w = mcu_writer(packet + 2, 2);
    mcu_put_u16(&w, o->fec.seq++);
    w = mcu_writer(packet + 8, 4);
    mcu_put_u32(&w, o->local->fec_ssrc);
    return head + n;
}

size_t rtc_out_fec_next(struct rtc_out *o, int64_t now_us)
{
    uint8_t packet[RTC_OUT_PACKET_MAX] __attribute__((aligned(8)));
    while (rtc_out_fec_waits(o)) {
        /* A new answer may have come in between. */
        const int n = o->session->lines[MCU_VIDEO].fec_pt
                          ? build(o, now_us, packet, sizeof(packet) - RTC_SRTP_EXPANSION_MAX)
                          : -ENODATA;
        o->fec.lane++;
        if (n <= 0)
            continue;
        o->fec.budget.bytes -= n;
        o->streams[MCU_VIDEO].stats.copies++;
        rtc_out_note_sent(o, MCU_VIDEO, (size_t)n, now_us);
        o->hooks.send(o->hooks.ctx, packet, (size_t)n);
        return (size_t)n;
    }
    return 0;
}
