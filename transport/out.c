/* One peer's outgoing media; see out.h. [net]
 *
 *     frame -> (audio) -> copies of the last ones -> packet -> store, send
 *           -> (video) -> ring of frames -> pacer -> packet -> store, send    (out_video.c)
 *
 * Sequence numbers, picture ids and transport-wide numbers are given when a packet leaves, so what
 * is dropped from the ring leaves no hole that the far side would ask for. */
#include "transport/out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "mcu/base/clock.h"
#include "transport/out_priv.h"
#include "transport/red.h"
#include "transport/rtp.h"
#include "transport/srtp.h"

enum {
    COPIES_ALWAYS = 2, /* of audio, where loss asks for so many */
    THIN_BPS = 150 * 1000, /* less than this, and they may cost the picture: */
    THIN_LOSS_PPM = 100 * 1000, /* below, FEC within the sound does */
    FRAMES_PER_S = 50,
};

int rtc_out_create(struct rtc_out **out, const struct rtc_session *session,
                   const struct rtc_local *local, const struct rtc_out_hooks *hooks)
{
    struct {
        uint16_t seq[2];
        uint16_t rtx_seq[2];
        uint16_t transport_seq;
        uint16_t picture_id;
        uint16_t fec_seq;
        uint32_t timestamp_offset[2];
    } random;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -EIO;
    struct rtc_out *o = calloc(1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    if (rtc_history_create(&o->history) || rtc_out_audio_create(&o->audio)) {
        rtc_out_destroy(o);
        return -ENOMEM;
    }
    o->session = session;
    o->local = local;
    o->hooks = *hooks;
    for (size_t kind = 0; kind < 2; kind++) {
        /* Below half: a loss right at the start must not look like a wrap (RFC 3711, 3.3.1). */
        o->streams[kind].seq = random.seq[kind] & 0x7fff;
        o->rtx[kind].seq = random.rtx_seq[kind] & 0x7fff;
        o->streams[kind].timestamp_offset = random.timestamp_offset[kind];
    }
    o->transport_seq = random.transport_seq;
    o->vp8.picture_id = random.picture_id & 0x7fff;
    o->fec.seq = random.fec_seq & 0x7fff;
    o->rtt_us = -1;
    o->redundancy_bps = UINT64_MAX;
    o->playing.layers = o->playing.layers_max = o->playing.lowest_upper = UINT8_MAX;
    o->resend.bytes = RTC_OUT_RESEND_BUCKET_BYTES;
    *out = o;
    return 0;
}

void rtc_out_destroy(struct rtc_out *o)
{
    if (!o)
        return;
    rtc_out_drop_waiting(o);
    rtc_history_destroy(o->history);
    rtc_out_audio_destroy(o->audio);
    rtc_estimator_destroy(o->estimator);
    free(o);
}

/* --- buckets ----------------------------------------------------------------------------------- */

void rtc_out_refill(struct rtc_out_bucket *b, int64_t now_us, int64_t bytes_per_ms, int64_t most)
{
    const int64_t passed_us = now_us - b->filled_us;
    if (passed_us <= 0)
        return;
    b->filled_us = now_us;
    if (passed_us >= MCU_US_PER_S)
        b->bytes = most;
    else
        b->bytes += passed_us * bytes_per_ms / 1000;
    if (b->bytes > most)
        b->bytes = most;
}

/* --- packets -------------------------------------------------------------------------------------- */

uint32_t rtc_out_rtp_time(const struct rtc_out_stream *s, enum mcu_kind kind, int64_t pts_us)
{
    const int64_t ticks = kind == MCU_VIDEO ? pts_us * 9 / 100 : pts_us * 6 / 125;
    return (uint32_t)ticks + s->timestamp_offset;
}

int rtc_out_write_header(struct rtc_out *o, enum mcu_kind kind, uint8_t pt, int64_t pts_us,
                         bool marker, int64_t now_us, uint8_t *out)
{
    const struct rtc_out_stream *s = &o->streams[kind];
    const struct rtc_line *line = &o->session->lines[kind];
    struct rtc_rtp_header h = {
        .marker = marker,
        .pt = pt,
        .seq = s->seq,
        .timestamp = rtc_out_rtp_time(s, kind, pts_us),
        .ssrc = o->local->ssrc[kind],
        .ext.transport_cc = line->ext.transport_cc,
        .transport_seq = o->transport_seq,
        .level_dbov = 1,
    };
    if (line->ext.transport_cc == 0 && line->ext.abs_send_time) {
        h.ext.abs_send_time = line->ext.abs_send_time;
        h.abs_send_time = rtc_abs_send_time(now_us);
    }
    if (line->ext.mid && !s->is_known && strlen(line->mid) <= RTC_RTP_MID_MAX) {
        h.ext.mid = line->ext.mid;
        h.mid = line->mid;
    }
    return rtc_rtp_write(out, RTC_RTP_HEADER_MAX, &h);
}

void rtc_out_send_packet(struct rtc_out *o, enum mcu_kind kind, uint8_t *packet, size_t size,
                         size_t header_size, int64_t now_us)
{
    struct rtc_out_stream *s = &o->streams[kind];
    s->seq++;
    rtc_out_note_sent(o, kind, size, now_us);
    s->stats.packets++;
    s->stats.bytes += size - header_size;
    o->hooks.send(o->hooks.ctx, packet, size);
}

/* Sound goes before pictures: some copies need not fit into what pictures leave. */
static uint32_t copies_always(const struct rtc_out *o, int64_t now_us)
{
    const uint64_t bps = rtc_out_estimate_bps(o, now_us);
    return bps && bps < THIN_BPS && o->loss.loss_ppm < THIN_LOSS_PPM ? 0 : COPIES_ALWAYS;
}

static uint32_t copies_wanted(struct rtc_out *o, const struct rtc_payloads *payloads,
                              int64_t now_us)
{
    const uint32_t most = o->local->red_copies_max;
    const uint64_t each_bps = (payloads->slices[0].size + RTC_RED_COPY_HEADER) * 8 * FRAMES_PER_S;
    if (!o->session->lines[MCU_AUDIO].codecs[0].red_pt || !rtc_out_audio_fits_red(payloads))
        return 0;
    uint32_t copies = o->loss.copies < most ? o->loss.copies : most;
    while (copies > copies_always(o, now_us) && copies * each_bps > o->redundancy_bps)
        copies--;
    o->copies_bps = copies * each_bps;
    return copies;
}

static void send_audio(struct rtc_out *o, struct rtc_payloads *payloads, int64_t now_us)
{
    const struct mcu_desc_codec *codec = &o->session->lines[MCU_AUDIO].codecs[0];
    struct rtc_out_stream *s = &o->streams[MCU_AUDIO];
    const uint32_t copies = copies_wanted(o, payloads, now_us);
    const uint8_t pt = copies ? codec->red_pt : codec->pt;
    uint8_t header[RTC_RTP_HEADER_MAX];
    uint8_t packet[RTC_OUT_PACKET_MAX] __attribute__((aligned(8)));
    const int head = rtc_out_write_header(o, MCU_AUDIO, pt, payloads->packet->pts_us, false,
                                          now_us, header);
    if (head < 0)
        return;
    const struct rtc_out_audio_packet p = {.seq = s->seq, .header = header,
                                           .header_size = (size_t)head, .media_pt = codec->pt,
                                           .copies = copies, .payloads = payloads,
                                           .now_us = now_us};
    const bool is_kept = codec->has_nack || (codec->red_pt && o->local->red_copies_max);
    uint32_t taken = 0;
    const int size = is_kept ? rtc_out_audio_put(o->audio, &p, packet,
                                                 sizeof(packet) - RTC_SRTP_EXPANSION_MAX, &taken)
                             : rtc_out_audio_build_plain(&p, packet,
                                                 sizeof(packet) - RTC_SRTP_EXPANSION_MAX);
    if (size < 0)
        return;
    s->stats.copies += taken;
    rtc_out_send_packet(o, MCU_AUDIO, packet, (size_t)size, (size_t)head, now_us);
    if (o->estimator || o->remb_us)
        rtc_out_pace_take(o, (size_t)size, now_us);
}

/* --- frames --------------------------------------------------------------------------------------- */

bool rtc_out_sends(const struct rtc_out *o, enum mcu_kind kind, enum mcu_codec codec)
{
    const struct rtc_line *line = &o->session->lines[kind];
    return line->is_used && (line->direction & MCU_SENDONLY) && line->codecs[0].codec == codec;
}

void rtc_out_warm(const struct rtc_out *o)
{
    rtc_warm(o, offsetof(struct rtc_out, streams) + sizeof(o->streams[MCU_AUDIO]));
    RTC_WARM_SPAN(o, audio, loss);
    rtc_warm(&o->count, sizeof(o->count));
}

bool rtc_out_is_busy(const struct rtc_out *o, int64_t now_us)
{
    return o->count > 0 || o->again_count > 0 || rtc_out_fec_waits(o) ||
           rtc_out_is_probing(o, now_us);
}

void rtc_out_set_redundancy(struct rtc_out *o, uint64_t bps)
{
    o->redundancy_bps = bps;
}

bool rtc_out_frame(struct rtc_out *o, struct rtc_frame *frame, int64_t now_us)
{
    const enum mcu_codec codec = frame->payloads->packet->codec;
    const enum mcu_kind kind = mcu_codec_kind(codec);
    if (!rtc_out_sends(o, kind, codec))
        return rtc_out_is_busy(o, now_us);
    if (kind == MCU_VIDEO)
        rtc_out_take_video(o, frame, now_us);
    else
        send_audio(o, frame->payloads, now_us);
    return rtc_out_is_busy(o, now_us);
}

bool rtc_out_tick(struct rtc_out *o, int64_t now_us)
{
    rtc_out_audio_tick(o->audio, now_us);
    if (o->is_key_wanted && now_us >= o->next_key_us)
        rtc_out_want_key(o, now_us);
    rtc_out_pace_tick(o, now_us);
    if (rtc_out_is_busy(o, now_us))
        rtc_out_drain(o, now_us);
    return rtc_out_is_busy(o, now_us);
}
