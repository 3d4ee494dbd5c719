/* RTCP of what one peer is sent: what is sent again, what its reports say, and our own reports. [net] */
#include <errno.h>

#include "mcu/base/clock.h"
#include "transport/out_priv.h"
#include "transport/rtp.h"
#include "transport/srtp.h"

enum {
    ECHO_PERMILLE = 50, /* from this loss on what is sent again is sent twice */
    SOUND_ALONE_BPS = 40 * 1000,
    CROWDED_BPS = 150 * 1000, /* where sound's copies count beside pictures */
    CROWDED_MS = 100,
    CROWDED_OFF_MS = 50,
};

/* --- sent again ---------------------------------------------------------------------------------- */

/* An RTX packet is new: it has a transport-wide number of its own. */
static void renumber(struct rtc_out *o, enum mcu_kind kind, uint8_t *packet, int size)
{
    const struct rtc_line *line = &o->session->lines[kind];
    const uint8_t value[2] = {(uint8_t)(o->transport_seq >> 8), (uint8_t)o->transport_seq};
    if (size > 0 && line->ext.transport_cc)
        rtc_rtp_ext_rewrite(packet, (size_t)size, line->ext.transport_cc, value, 2);
}

int rtc_out_build_resend(struct rtc_out *o, enum mcu_kind kind, uint16_t seq, int64_t now_us,
                         int64_t rtt_us, uint8_t *packet, size_t capacity)
{
    struct rtc_rtx *rtx = &o->rtx[kind];
    rtx->pt = o->session->lines[kind].codecs[0].rtx_pt;
    rtx->ssrc = o->local->rtx_ssrc[kind];
    int n;
    if (kind == MCU_AUDIO)
        n = rtc_out_audio_again(o->audio, seq, rtx->pt ? rtx : NULL, now_us, rtt_us, packet,
                                capacity);
    else if (rtx->pt)
        n = rtc_history_build_rtx(o->history, seq, rtx, now_us, rtt_us, packet, capacity);
    else
        n = rtc_history_build_plain(o->history, seq, now_us, rtt_us, packet, capacity);
    if (rtx->pt)
        renumber(o, kind, packet, n);
    return n;
}

/* Returns its bytes. rtt_us: so long ago it must have been sent again last. */
static size_t resend(struct rtc_out *o, enum mcu_kind kind, uint16_t seq, int64_t rtt_us,
                     int64_t now_us)
{
    uint8_t packet[RTC_OUT_PACKET_MAX] __attribute__((aligned(8)));
    const int n = rtc_out_build_resend(o, kind, seq, now_us, rtt_us, packet,
                                       sizeof(packet) - RTC_SRTP_EXPANSION_MAX);
    if (n == -ENOENT)
        o->nack_misses++;
    if (n <= 0)
        return 0;
    o->resend.bytes -= n;
    o->streams[kind].stats.retransmitted++;
    if (o->rtx[kind].pt) /* else it is the same packet, with the number that it had */
        rtc_out_note_sent(o, kind, (size_t)n, now_us);
    o->hooks.send(o->hooks.ctx, packet, (size_t)n);
    return (size_t)n;
}

static void put_again(struct rtc_out *o, uint16_t seq, bool is_echo)
{
    if (o->again_count < RTC_OUT_AGAIN_MAX)
        o->again[(o->again_first + o->again_count++) % RTC_OUT_AGAIN_MAX] =
            (struct rtc_out_again){.seq = seq, .is_echo = is_echo};
}

/* Where much is lost, what is sent again is too, and each time costs a round trip in which nothing
 * moves. The echo goes behind all else that is asked for, as far as there is something left. */
static void echo(struct rtc_out *o, uint16_t seq, size_t bytes, int64_t now_us)
{
    if (o->rtx[MCU_VIDEO].pt && rtc_out_loss_permille(o) >= ECHO_PERMILLE &&
        rtc_out_fec_pays(o, bytes, now_us))
        put_again(o, seq, true);
}

size_t rtc_out_resend_next(struct rtc_out *o, int64_t now_us)
{
    while (o->again_count > 0) {
        const struct rtc_out_again a = o->again[o->again_first];
        o->again_first = (o->again_first + 1) % RTC_OUT_AGAIN_MAX;
        o->again_count--;
        const size_t bytes = resend(o, MCU_VIDEO, a.seq, a.is_echo ? 0 : o->rtt_us, now_us);
        if (bytes > 0 && !a.is_echo)
            echo(o, a.seq, bytes, now_us);
        if (bytes > 0)
            return bytes;
    }
    return 0;
}

/* Audio at once, video when it is its turn. */
static void ask_again(struct rtc_out *o, enum mcu_kind kind, uint16_t seq, int64_t now_us)
{
    if (kind == MCU_AUDIO)
        resend(o, kind, seq, o->rtt_us, now_us);
    else
        put_again(o, seq, false);
}

/* Is NACK for this stream ours to answer? */
static bool answers(const struct rtc_out *o, enum mcu_kind kind, uint32_t ssrc)
{
    const struct rtc_line *line = &o->session->lines[kind];
    return ssrc == o->local->ssrc[kind] && line->is_used &&
           (kind == MCU_VIDEO || line->codecs[0].has_nack);
}

void rtc_out_nack(struct rtc_out *o, uint32_t ssrc, const uint16_t *seqs, size_t count,
                  int64_t now_us, int64_t rtt_us)
{
    const enum mcu_kind kind = ssrc == o->local->ssrc[MCU_AUDIO] ? MCU_AUDIO : MCU_VIDEO;
    if (!answers(o, kind, ssrc))
        return;
    o->streams[kind].stats.nacks += count;
    rtc_out_refill(&o->resend, now_us, RTC_OUT_RESEND_REFILL_BYTES_PER_MS, RTC_OUT_RESEND_BUCKET_BYTES);
    o->rtt_us = rtt_us;
    for (size_t i = 0; i < count && o->resend.bytes > 0; i++)
        ask_again(o, kind, seqs[i], now_us);
    rtc_out_drain(o, now_us);
}

/* --- what the far side says ----------------------------------------------------------------------- */

void rtc_out_key_asked(struct rtc_out *o, uint32_t ssrc, int64_t now_us)
{
    if (ssrc != o->local->ssrc[MCU_VIDEO])
        return;
    o->streams[MCU_VIDEO].stats.plis++;
    rtc_out_revive(o, now_us);
}

static void tell_need(struct rtc_out *o)
{
    if (o->need == o->loss.need)
        return;
    o->need = o->loss.need;
    o->hooks.audio_need(o->hooks.ctx, o->need);
}

void rtc_out_heard(struct rtc_out *o, int64_t now_us)
{
    if (o->estimator)
        rtc_estimator_heard(o->estimator, now_us);
}

void rtc_out_remb(struct rtc_out *o, uint64_t bitrate_bps, int64_t now_us)
{
    o->remb_bps = bitrate_bps < RTC_ESTIMATE_MAX_BPS ? bitrate_bps : RTC_ESTIMATE_MAX_BPS;
    o->remb_us = now_us;
    rtc_audio_loss_remb(&o->loss, bitrate_bps, now_us);
    tell_need(o);
    rtc_out_tell_estimate(o, now_us);
}

/* The estimate decides over audio as REMB does where video shares the way; sound alone is let be
 * until there is hardly anything. */
static void heed_estimate(struct rtc_out *o, int64_t now_us)
{
    struct rtc_estimator_state s;
    rtc_estimator_read(o->estimator, &s);
    const uint32_t full_ms = o->loss.is_crowded ? CROWDED_OFF_MS : CROWDED_MS;
    rtc_audio_loss_crowded(&o->loss, s.bitrate_bps < CROWDED_BPS && s.queue_ms >= full_ms, now_us);
    const bool has_video = o->playing.feed_id != 0;
    if (has_video || s.bitrate_bps < SOUND_ALONE_BPS)
        rtc_audio_loss_remb(&o->loss, s.bitrate_bps, now_us);
}

void rtc_out_feedback(struct rtc_out *o, const uint8_t *fci, size_t size, int64_t now_us,
                      int64_t rtt_us)
{
    struct rtc_fates fates;
    o->rtt_us = rtt_us;
    if (!o->estimator ||
        rtc_estimator_feedback(o->estimator, fci, size, now_us, rtt_us, &fates))
        return;
    rtc_audio_loss_fates(&o->loss, fates.sent, fates.lost, now_us);
    heed_estimate(o, now_us);
    tell_need(o);
    rtc_out_tell_estimate(o, now_us);
}

void rtc_out_block(struct rtc_out *o, const struct rtc_rtcp_block *block, int64_t now_us)
{
    for (size_t kind = 0; kind < 2; kind++) {
        struct rtc_out_stream *s = &o->streams[kind];
        if (block->ssrc != o->local->ssrc[kind])
            continue;
        const uint32_t per_ms = kind == MCU_VIDEO ? 90 : 48;
        s->is_known = true;
        s->stats.lost = block->lost > 0 ? (uint64_t)block->lost : 0;
        s->stats.jitter_us = (uint32_t)((uint64_t)block->jitter_rtp * 1000 / per_ms);
        s->stats.loss_permille = (uint32_t)block->fraction * 1000 / 256;
        if (kind == MCU_AUDIO)
            rtc_audio_loss_report(&o->loss, block->fraction, now_us);
    }
    tell_need(o);
}

/* --- what it is told ------------------------------------------------------------------------------ */

bool rtc_out_put_reports(struct rtc_out *o, struct mcu_writer *w,
                         const struct rtc_rtcp_block *blocks, size_t count, int64_t now_us)
{
    const uint64_t ntp = mcu_ntp_now();
    bool has_any = false;
    for (size_t kind = 0; kind < 2; kind++) {
        const struct rtc_out_stream *s = &o->streams[kind];
        if (s->stats.packets == 0)
            continue;
        const struct rtc_rtcp_sr sr = {
            .ntp = ntp,
            .rtp = rtc_out_rtp_time(s, (enum mcu_kind)kind, now_us),
            .packets = (uint32_t)s->stats.packets,
            .bytes = (uint32_t)s->stats.bytes,
        };
        rtc_rtcp_put_sr(w, o->local->ssrc[kind], &sr, blocks, has_any ? 0 : count);
        has_any = true;
    }
    return has_any;
}

size_t rtc_out_ssrcs(const struct rtc_out *o, uint32_t *ssrcs)
{
    size_t n = 0;
    for (size_t kind = 0; kind < 2; kind++) {
        if (o->streams[kind].stats.packets > 0)
            ssrcs[n++] = o->local->ssrc[kind];
    }
    return n;
}

void rtc_out_read_stats(const struct rtc_out *o, struct rtc_stream_stats *stats,
                        uint64_t *nack_misses)
{
    for (size_t kind = 0; kind < 2; kind++)
        stats[kind] = o->streams[kind].stats;
    *nack_misses = o->nack_misses;
}
