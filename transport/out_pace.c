/* How fast one peer's packets leave, and how that is known. [net]
 *
 *     feedback -> estimate -> the room (on_estimate), and the pacer
 *     audio: at once; what is sent again; video; padding, while the estimate looks for more
 *
 * All that leaves comes out of two buckets: one of 10 ms at half as much again as the estimate, one
 * of 300 ms at a tenth more. Audio never waits for them, and so takes what video gets less. Peers
 * that tell nothing are paced at a rate that only rounds off bursts. */
#include <errno.h>
#include <string.h>

#include "mcu/base/bytes.h"
#include "mcu/base/clock.h"
#include "transport/out_priv.h"
#include "transport/rtp.h"
#include "transport/srtp.h"

enum {
    BUCKET_US = 10 * 1000,
    MEAN_US = 300 * 1000, /* the mean is over so long: a key frame may take what was saved up */
    TRUST_BPS = 1500 * 1000,
    TRUST_US = 2000 * 1000, /* from the first picture on */
    TELL_US = 100 * 1000,
    TELL_SAME_US = 1000 * 1000,
    REMB_OLD_US = 10 * 1000 * 1000,
    USEFUL_US = 500 * 1000,
    USEFUL_MIN_BPS = 1000 * 1000, /* a peer that gets little now may get so much soon */
    PADDING_MAX = 255,
    LARGE_PADDING = 500, /* bytes: then a packet is sent again instead */
};

/* --- the estimate ------------------------------------------------------------------------------
 */

static bool can_send(const struct rtc_out *o, enum mcu_kind kind)
{
    const struct rtc_line *line = &o->session->lines[kind];
    return line->is_used && (line->direction & MCU_SENDONLY);
}

static bool has_numbers(const struct rtc_out *o, enum mcu_kind kind)
{
    return can_send(o, kind) && o->session->lines[kind].ext.transport_cc;
}

void rtc_out_note_sent(struct rtc_out *o, enum mcu_kind kind, size_t bytes, int64_t now_us)
{
    o->sent_bytes += bytes + RTC_OUT_WIRE_BYTES;
    if (!o->session->lines[kind].ext.transport_cc)
        return;
    if (o->estimator)
        rtc_estimator_sent(o->estimator, o->transport_seq, bytes + RTC_OUT_WIRE_BYTES, now_us);
    o->transport_seq++;
}

uint64_t rtc_out_estimate_bps(const struct rtc_out *o, int64_t now_us)
{
    struct rtc_estimator_state s = {.has_feedback = false};
    if (o->estimator)
        rtc_estimator_read(o->estimator, &s);
    if (s.has_feedback)
        return s.bitrate_bps;
    return o->remb_us && now_us - o->remb_us < REMB_OLD_US ? o->remb_bps : 0;
}

uint32_t rtc_out_loss_permille(const struct rtc_out *o)
{
    struct rtc_estimator_state s = {.has_feedback = false};
    if (o->estimator)
        rtc_estimator_read(o->estimator, &s);
    const enum mcu_kind kind = can_send(o, MCU_VIDEO) ? MCU_VIDEO : MCU_AUDIO;
    return s.has_feedback ? s.loss_permille : o->streams[kind].stats.loss_permille;
}

static struct rtc_estimate estimate_of(const struct rtc_out *o, uint64_t bps)
{
    struct rtc_estimator_state s = {.has_feedback = false};
    struct rtc_estimate e = {.bitrate_bps = bps, .rtt_us = o->rtt_us};
    if (o->estimator)
        rtc_estimator_read(o->estimator, &s);
    e.loss_permille = rtc_out_loss_permille(o);
    e.is_probing = s.is_probing;
    return e;
}

static bool is_news(const struct rtc_out *o, const struct rtc_estimate *e, int64_t now_us)
{
    const struct rtc_estimate *told = &o->told;
    const int64_t passed_us = now_us - o->told_us;
    if (o->told_us == 0 || e->bitrate_bps * 20 < told->bitrate_bps * 19)
        return true;
    if (passed_us < TELL_US)
        return false;
    return passed_us >= TELL_SAME_US || e->bitrate_bps != told->bitrate_bps ||
           e->loss_permille != told->loss_permille;
}

void rtc_out_tell_estimate(struct rtc_out *o, int64_t now_us)
{
    const uint64_t bps = rtc_out_estimate_bps(o, now_us);
    if (bps == 0)
        return;
    const struct rtc_estimate e = estimate_of(o, bps);
    if (!is_news(o, &e, now_us))
        return;
    o->told = e;
    o->told_us = now_us;
    o->hooks.estimate(o->hooks.ctx, &e);
}

void rtc_out_set_useful(struct rtc_out *o, uint64_t bps)
{
    o->useful_bps = bps;
}

/* As told, else four times what is sent: the next tier is within that. */
static void set_useful(struct rtc_out *o, int64_t now_us)
{
    const int64_t passed_us = now_us - o->useful_us;
    if (passed_us < USEFUL_US)
        return;
    const uint64_t sent_bps = o->sent_bytes * 8 * MCU_US_PER_S / (uint64_t)passed_us;
    uint64_t useful_bps = sent_bps * 4 > USEFUL_MIN_BPS ? sent_bps * 4 : USEFUL_MIN_BPS;
    if (o->useful_bps)
        useful_bps = o->useful_bps;
    o->useful_us = now_us;
    o->sent_bytes = 0;
    rtc_estimator_set_useful(o->estimator, has_numbers(o, MCU_VIDEO) ? useful_bps : 0);
}

void rtc_out_pace_tick(struct rtc_out *o, int64_t now_us)
{
    if (!o->estimator && (has_numbers(o, MCU_AUDIO) || has_numbers(o, MCU_VIDEO)))
        rtc_estimator_create(&o->estimator); /* no memory: none, and again in a while */
    if (!o->estimator)
        return;
    set_useful(o, now_us);
    rtc_estimator_tick(o->estimator, now_us);
    rtc_out_tell_estimate(o, now_us);
}

/* --- the bucket --------------------------------------------------------------------------------
 */

/* The first picture must not wait until it is known what the path carries: a while of trust, unless
 * something speaks against it. */
static bool is_trusted(const struct rtc_out *o, int64_t now_us)
{
    struct rtc_estimator_state s;
    if (!o->estimator || (o->video_began_us && now_us - o->video_began_us > TRUST_US))
        return false;
    rtc_estimator_read(o->estimator, &s);
    return !s.has_fallen && (s.has_feedback || !o->remb_us);
}

/* What may be sent for long. */
static uint64_t mean_bps(const struct rtc_out *o, int64_t now_us)
{
    const uint64_t bps = rtc_out_estimate_bps(o, now_us) * 11 / 10;
    if (is_trusted(o, now_us) && bps < TRUST_BPS)
        return TRUST_BPS;
    if (bps == 0 && o->estimator)
        return RTC_ESTIMATE_START_BPS;
    return bps ? bps : (uint64_t)RTC_OUT_REFILL_BYTES_PER_MS * 8000;
}

/* Half as much again for a while: a frame must not take as long as the time to the next one. */
static uint64_t pace_bps(const struct rtc_out *o, int64_t now_us)
{
    return mean_bps(o, now_us) * 3 / 2;
}

static int64_t bucket_bytes(const struct rtc_out *o, uint64_t bps, int64_t now_us)
{
    if (!o->estimator && !rtc_out_estimate_bps(o, now_us))
        return RTC_OUT_BUCKET_BYTES;
    return (int64_t)(bps * BUCKET_US / 8 / MCU_US_PER_S) + 1;
}

static void refill(struct rtc_out_bucket *b, uint64_t bps, int64_t most, int64_t now_us)
{
    const int64_t passed_us = now_us - b->filled_us;
    if (passed_us >= MCU_US_PER_S) {
        b->bytes = most;
        b->filled_us = now_us;
    } else if (passed_us > 0) {
        const int64_t bytes = passed_us * (int64_t)bps / 8 / MCU_US_PER_S;
        b->bytes += bytes;
        b->filled_us += bytes * 8 * MCU_US_PER_S / (int64_t)bps; /* what is left of it counts yet */
    }
    if (b->bytes > most)
        b->bytes = most;
}

void rtc_out_pace_refill(struct rtc_out *o, int64_t now_us)
{
    const uint64_t burst = pace_bps(o, now_us);
    const uint64_t mean = mean_bps(o, now_us);
    refill(&o->pace, burst, bucket_bytes(o, burst, now_us), now_us);
    refill(&o->mean, mean, (int64_t)(mean * MEAN_US / 8 / MCU_US_PER_S), now_us);
}

static void take(struct rtc_out_bucket *b, size_t bytes, int64_t least)
{
    b->bytes -= (int64_t)bytes;
    if (b->bytes < least)
        b->bytes = least;
}

/* Debts are bounded: after a while of nothing but sound, pictures go on. */
void rtc_out_pace_take(struct rtc_out *o, size_t bytes, int64_t now_us)
{
    const size_t all = bytes + RTC_OUT_WIRE_BYTES;
    take(&o->pace, all, -bucket_bytes(o, pace_bps(o, now_us), now_us) - RTC_OUT_PACKET_MAX);
    take(&o->mean, all, -(int64_t)rtc_out_pace_bytes(o, MEAN_US, now_us) - RTC_OUT_PACKET_MAX);
}

bool rtc_out_pace_lets(const struct rtc_out *o)
{
    return o->pace.bytes > 0 && o->mean.bytes > 0;
}

size_t rtc_out_pace_bytes(const struct rtc_out *o, int64_t us, int64_t now_us)
{
    return (size_t)(mean_bps(o, now_us) * (uint64_t)us / 8 / MCU_US_PER_S);
}

/* --- padding -----------------------------------------------------------------------------------
 */

bool rtc_out_is_probing(const struct rtc_out *o, int64_t now_us)
{
    size_t packet_bytes;
    return o->estimator && rtc_estimator_probe_bytes(o->estimator, now_us, &packet_bytes) > 0;
}

/* Between frames only where it takes a number of the media stream: a frame's packets stand
 * together. */
static bool can_pad_media(const struct rtc_out *o)
{
    return o->count == 0 || o->ring[o->first].next == 0;
}

static int build_padding(struct rtc_out *o, size_t bytes, int64_t now_us, uint8_t *packet)
{
    const struct rtc_line *line = &o->session->lines[MCU_VIDEO];
    const uint8_t rtx_pt = line->codecs[0].rtx_pt;
    if (!rtx_pt && !can_pad_media(o))
        return -EAGAIN;
    const uint8_t pt = rtx_pt ? rtx_pt : line->codecs[0].pt;
    const int head =
        rtc_out_write_header(o, MCU_VIDEO, pt, o->playing.pts_us, false, now_us, packet);
    if (head < 0)
        return head;
    if (rtx_pt) {
        struct mcu_writer w = mcu_writer(packet + 2, 2);
        mcu_put_u16(&w, o->rtx[MCU_VIDEO].seq++);
        w = mcu_writer(packet + 8, 4);
        mcu_put_u32(&w, o->local->rtx_ssrc[MCU_VIDEO]);
    } else {
        o->streams[MCU_VIDEO].seq++;
    }
    const size_t wanted = bytes > (size_t)head ? bytes - (size_t)head : 1;
    const size_t padding = wanted < PADDING_MAX ? wanted : PADDING_MAX;
    packet[0] |= 0x20;
    memset(packet + head, 0, padding);
    packet[head + padding - 1] = (uint8_t)padding;
    return head + (int)padding;
}

static int build_again(struct rtc_out *o, int64_t now_us, uint8_t *packet, size_t capacity)
{
    const uint16_t newest = (uint16_t)(o->streams[MCU_VIDEO].seq - 1);
    return rtc_out_build_resend(o, MCU_VIDEO, newest, now_us, o->rtt_us, packet, capacity);
}

/* Bytes that left; 0: nothing can be sent now. */
static size_t send_padding(struct rtc_out *o, size_t bytes, int64_t now_us)
{
    uint8_t packet[RTC_OUT_PACKET_MAX] __attribute__((aligned(8)));
    int n = -ENOENT;
    if (bytes >= LARGE_PADDING && o->session->lines[MCU_VIDEO].codecs[0].rtx_pt)
        n = build_again(o, now_us, packet, sizeof(packet) - RTC_SRTP_EXPANSION_MAX);
    if (n <= 0)
        n = build_padding(o, bytes, now_us, packet);
    if (n <= 0)
        return 0;
    rtc_out_note_sent(o, MCU_VIDEO, (size_t)n, now_us);
    o->padding_bytes += (size_t)n;
    o->hooks.send(o->hooks.ctx, packet, (size_t)n);
    return (size_t)n;
}

void rtc_out_pad(struct rtc_out *o, int64_t now_us)
{
    size_t packet_bytes;
    if (!o->estimator || !has_numbers(o, MCU_VIDEO))
        return;
    for (int i = 0; i < RTC_OUT_PADDING_MAX; i++) {
        if (rtc_estimator_probe_bytes(o->estimator, now_us, &packet_bytes) == 0 ||
            send_padding(o, packet_bytes, now_us) == 0)
            return;
    }
}
