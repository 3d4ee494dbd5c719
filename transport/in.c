/* One peer's incoming media; see in.h. [net]
 *
 * The payload type says what a packet is; the SSRC is latched from the packets, since an offer need
 * not tell it. When it changes the receiver of that stream starts afresh. RTX packets are matched
 * by payload type too, and repair the stream that is latched. Duplicates never get here: SRTP's
 * replay window took them. */
#include "transport/in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/clockmap.h"
#include "transport/in_audio.h"
#include "transport/nack.h"
#include "transport/recv_stats.h"
#include "transport/rtp.h"
#include "transport/rtx.h"
#include "transport/seq.h"
#include "transport/twcc.h"
#include "transport/video_jitter.h"

struct stream {
    bool is_started;
    uint32_t ssrc;
    struct rtc_unwrap unwrap;
    int64_t last_arrival_us;
    struct rtc_recv_stats received;
    struct rtc_stream_stats total; /* without what `received` holds of the present SSRC */
    uint32_t loss_permille;

    /* video */
    enum mcu_codec codec;
    struct rtc_video_jitter *jitter;
    struct rtc_nack *nack;
};

struct rtc_in {
    const struct rtc_session *session;
    struct rtc_peer_sink sink;
    struct stream streams[2]; /* by enum mcu_kind */
    struct rtc_in_audio *audio;
    struct rtc_clockmap *clockmap;
    struct rtc_twcc *twcc;
    uint32_t last_ssrc;       /* of any stream, to put into feedback */
    bool is_key_asked;        /* somebody asked, and none came since */
    int64_t next_pli_us;
};

int rtc_in_create(struct rtc_in **out, const struct rtc_session *session,
                  const struct rtc_peer_sink *sink)
{
    struct rtc_in *in = calloc(1, sizeof(*in));
    if (!in)
        return -ENOMEM;
    in->session = session;
    in->sink = *sink;
    int err = rtc_clockmap_create(&in->clockmap, 48000, 90000);
    if (!err)
        err = rtc_in_audio_create(&in->audio, sink, in->clockmap);
    if (!err)
        err = rtc_twcc_create(&in->twcc);
    if (err) {
        rtc_in_destroy(in);
        return err;
    }
    *out = in;
    return 0;
}

void rtc_in_destroy(struct rtc_in *in)
{
    if (!in)
        return;
    rtc_video_jitter_destroy(in->streams[MCU_VIDEO].jitter);
    rtc_nack_destroy(in->streams[MCU_VIDEO].nack);
    rtc_in_audio_destroy(in->audio);
    rtc_twcc_destroy(in->twcc);
    rtc_clockmap_destroy(in->clockmap);
    free(in);
}

/* --- which stream a packet belongs to ----------------------------------------------------------- */

static void keep_totals(struct stream *s)
{
    s->total.packets += s->received.packets;
    s->total.bytes += s->received.bytes;
    s->total.lost += rtc_recv_stats_lost(&s->received);
}

static int restart_video(struct stream *s, enum mcu_codec codec)
{
    struct rtc_video_jitter *jitter = NULL;
    struct rtc_nack *nack = NULL;
    int err = rtc_video_jitter_create(&jitter, codec, RTC_VIDEO_JITTER_WAIT_US);
    if (!err)
        err = rtc_nack_create(&nack, NULL);
    if (err) {
        rtc_video_jitter_destroy(jitter);
        return err;
    }
    rtc_video_jitter_destroy(s->jitter);
    rtc_nack_destroy(s->nack);
    s->jitter = jitter;
    s->nack = nack;
    s->codec = codec;
    return 0;
}

static int restart_audio(struct rtc_in *in, uint16_t seq)
{
    const struct rtc_unwrap fresh = {0};
    const struct rtc_line *line = &in->session->lines[MCU_AUDIO];
    return rtc_in_audio_restart(in->audio, rtc_unwrap16_peek(&fresh, seq), line->codecs[0].has_nack,
                                RTC_IN_SEQUENCE_GAP);
}

static int restart(struct rtc_in *in, const struct rtc_pt *pt, const struct rtc_rtp *rtp)
{
    struct stream *s = &in->streams[pt->kind];
    const int err = pt->kind == MCU_VIDEO ? restart_video(s, pt->codec)
                                          : restart_audio(in, rtp->seq);
    if (err)
        return err;
    if (s->is_started)
        keep_totals(s);
    s->unwrap = (struct rtc_unwrap){0};
    s->is_started = true;
    s->ssrc = rtp->ssrc;
    rtc_recv_stats_init(&s->received, rtp->ssrc, pt->kind == MCU_VIDEO ? 90000 : 48000);
    rtc_clockmap_restart(in->clockmap, pt->kind);
    return 0;
}

/* May this packet's SSRC take the place of the one that is latched? */
static bool may_switch(const struct rtc_in *in, const struct rtc_pt *pt, uint32_t ssrc,
                       int64_t now_us)
{
    const struct stream *s = &in->streams[pt->kind];
    const uint32_t announced = in->session->lines[pt->kind].remote_ssrc;
    return !s->is_started || (announced && ssrc == announced) ||
           now_us - s->last_arrival_us >= RTC_IN_SSRC_SILENCE_US;
}

/* --- audio --------------------------------------------------------------------------------------- */

static void note_arrival(struct rtc_in *in, const struct rtc_pt *pt, const struct rtc_rtp *rtp,
                         uint64_t seq, int64_t now_us)
{
    struct stream *s = &in->streams[pt->kind];
    s->last_arrival_us = now_us;
    rtc_recv_stats_packet(&s->received, seq, rtp->timestamp, rtp->payload_size, now_us);
    rtc_clockmap_arrived(in->clockmap, pt->kind, rtp->timestamp, now_us);
}

static int take_audio(struct rtc_in *in, const struct rtc_pt *pt, const struct rtc_rtp *rtp,
                      uint64_t seq, int64_t now_us, bool is_repair)
{
    struct rtc_in_audio_packet packet = {
        .payload = rtp->payload,
        .size = rtp->payload_size,
        .seq = seq,
        .timestamp = rtp->timestamp,
        .arrival_us = now_us,
        .level_dbov = 1,
        .is_repair = is_repair,
        .is_red = pt->is_red,
        .media_pt = pt->media_pt,
    };
    bool is_voice;
    rtc_rtp_get_audio_level(rtp, in->session->lines[MCU_AUDIO].ext.audio_level,
                            &packet.level_dbov, &is_voice);
    if (is_repair)
        in->streams[MCU_AUDIO].total.retransmitted++;
    return rtc_in_audio_take(in->audio, &packet);
}

/* --- video --------------------------------------------------------------------------------------- */

static void deliver_frames(struct rtc_in *in, int64_t now_us)
{
    struct stream *s = &in->streams[MCU_VIDEO];
    struct rtc_video_frame frame;
    while (rtc_video_jitter_pop(s->jitter, now_us, &frame) == 0) {
        frame.packet->pts_us = rtc_clockmap_pts(in->clockmap, MCU_VIDEO, frame.timestamp);
        frame.packet->dts_us = frame.packet->pts_us;
        if (frame.packet->is_key)
            in->is_key_asked = false;
        in->sink.on_video(in->sink.ctx, frame.packet);
        mcu_packet_unref(frame.packet);
    }
    rtc_nack_forget_below(s->nack, rtc_video_jitter_next_seq(s->jitter));
}

/* A packet of the stream, or one that RTX brought back. */
static void take_video(struct rtc_in *in, const struct rtc_rtp *rtp, uint64_t seq, int64_t now_us,
                       bool is_repair)
{
    struct stream *s = &in->streams[MCU_VIDEO];
    if (rtc_nack_received(s->nack, seq, now_us))
        in->is_key_asked = true;
    const int err = rtc_video_jitter_insert(s->jitter, rtp, seq, now_us);
    if (is_repair && !err)
        s->total.retransmitted++;
    deliver_frames(in, now_us);
}

static int take_repair(struct rtc_in *in, const struct rtc_pt *pt, struct rtc_rtp *rtp,
                       int64_t now_us)
{
    struct stream *s = &in->streams[pt->kind];
    if (!s->is_started || (pt->kind == MCU_VIDEO && pt->codec != s->codec))
        return 0; /* nothing that it could repair */
    const int err = rtc_rtx_unwrap(rtp, pt->media_pt, s->ssrc);
    if (err)
        return err == -ENODATA ? 0 : err;
    const uint64_t seq = rtc_unwrap16(&s->unwrap, rtp->seq);
    if (pt->kind == MCU_AUDIO)
        return take_audio(in, &in->session->pts[pt->media_pt], rtp, seq, now_us, true);
    take_video(in, rtp, seq, now_us, true);
    return 0;
}

static int take_media(struct rtc_in *in, const struct rtc_pt *pt, const struct rtc_rtp *rtp,
                      int64_t now_us)
{
    struct stream *s = &in->streams[pt->kind];
    int err = 0;
    if (!s->is_started || rtp->ssrc != s->ssrc) {
        if (!may_switch(in, pt, rtp->ssrc, now_us))
            return -EBADMSG;
        err = restart(in, pt, rtp);
    } else if (pt->kind == MCU_VIDEO && pt->codec != s->codec) {
        err = rtc_video_jitter_set_codec(s->jitter, pt->codec);
        s->codec = pt->codec;
    }
    if (err)
        return err;
    const uint64_t seq = rtc_unwrap16(&s->unwrap, rtp->seq);
    if (pt->kind == MCU_AUDIO) {
        const bool is_answer = rtc_in_audio_is_answer(in->audio, seq, now_us);
        if (!is_answer) /* what was sent again would hide the loss and look like jitter */
            note_arrival(in, pt, rtp, seq, now_us);
        return take_audio(in, pt, rtp, seq, now_us, is_answer);
    }
    note_arrival(in, pt, rtp, seq, now_us);
    take_video(in, rtp, seq, now_us, false);
    return 0;
}

void rtc_in_warm(const struct rtc_in *in, enum rtc_warm step, uint16_t seq)
{
    if (step == RTC_WARM_PARTS) {
        rtc_warm(in, sizeof(in->session));
        rtc_warm(&in->streams[MCU_AUDIO], sizeof(in->streams[MCU_AUDIO]));
        RTC_WARM_SPAN(in, audio, clockmap);
    } else if (step == RTC_WARM_DEPTHS) {
        rtc_in_audio_warm(in->audio, seq);
    }
}

int rtc_in_packet(struct rtc_in *in, const uint8_t *data, size_t size, int64_t now_us)
{
    struct rtc_rtp rtp;
    const int err = rtc_rtp_parse(&rtp, data, size);
    if (err)
        return err;
    if (rtp.pt >= RTC_PT_COUNT || in->session->pts[rtp.pt].codec == MCU_CODEC_NONE)
        return -EBADMSG;
    const struct rtc_pt *pt = &in->session->pts[rtp.pt];
    const struct rtc_line *line = &in->session->lines[pt->kind];
    if (!(line->direction & MCU_RECVONLY))
        return -EBADMSG;

    uint16_t transport_seq;
    if (rtc_rtp_get_transport_seq(&rtp, line->ext.transport_cc, &transport_seq) == 0) {
        rtc_twcc_note(in->twcc, transport_seq, now_us);
        in->last_ssrc = rtp.ssrc;
    }
    return pt->is_rtx ? take_repair(in, pt, &rtp, now_us) : take_media(in, pt, &rtp, now_us);
}

/* --- what RTCP tells, and what to tell by it ------------------------------------------------------ */

void rtc_in_sr(struct rtc_in *in, uint32_t ssrc, const struct rtc_rtcp_sr *sr, int64_t now_us)
{
    for (size_t kind = 0; kind < 2; kind++) {
        struct stream *s = &in->streams[kind];
        if (!s->is_started || s->ssrc != ssrc)
            continue;
        rtc_clockmap_report(in->clockmap, (enum mcu_kind)kind, sr->ntp, sr->rtp);
        rtc_recv_stats_report(&s->received, sr->ntp, now_us);
    }
}

void rtc_in_bye(struct rtc_in *in, uint32_t ssrc)
{
    for (size_t kind = 0; kind < 2; kind++) {
        if (in->streams[kind].ssrc == ssrc)
            in->streams[kind].last_arrival_us = INT64_MIN / 2; /* another may follow at once */
    }
}

void rtc_in_tick(struct rtc_in *in, int64_t now_us)
{
    if (in->streams[MCU_VIDEO].is_started)
        deliver_frames(in, now_us);
}

size_t rtc_in_blocks(struct rtc_in *in, int64_t now_us, struct rtc_rtcp_block *blocks)
{
    size_t n = 0;
    for (size_t kind = 0; kind < 2; kind++) {
        struct stream *s = &in->streams[kind];
        if (!s->is_started)
            continue;
        rtc_recv_stats_block(&s->received, now_us, &blocks[n]);
        s->loss_permille = (uint32_t)blocks[n].fraction * 1000 / 256;
        n++;
    }
    return n;
}

size_t rtc_in_missing(struct rtc_in *in, enum mcu_kind kind, int64_t now_us, int64_t rtt_us,
                      uint16_t *seqs, size_t capacity, uint32_t *ssrc)
{
    struct stream *s = &in->streams[kind];
    if (!s->is_started)
        return 0;
    const size_t n = kind == MCU_AUDIO
                         ? rtc_in_audio_missing(in->audio, now_us, rtt_us, seqs, capacity)
                         : rtc_nack_due(s->nack, now_us, rtt_us, seqs, capacity);
    s->total.nacks += n;
    *ssrc = s->ssrc;
    return n;
}

bool rtc_in_take_pli(struct rtc_in *in, int64_t now_us, bool asked, uint32_t *ssrc)
{
    struct stream *s = &in->streams[MCU_VIDEO];
    if (asked)
        in->is_key_asked = true;
    if (!s->is_started || now_us < in->next_pli_us)
        return false;
    if (!in->is_key_asked && !rtc_video_jitter_wants_key(s->jitter))
        return false;
    in->is_key_asked = false;
    in->next_pli_us = now_us + RTC_IN_PLI_INTERVAL_US;
    s->total.plis++;
    *ssrc = s->ssrc;
    return true;
}

bool rtc_in_feedback_is_due(const struct rtc_in *in)
{
    return rtc_twcc_is_due(in->twcc);
}

int rtc_in_put_feedback(struct rtc_in *in, struct mcu_writer *w, uint32_t from)
{
    return rtc_twcc_put(in->twcc, w, from, in->last_ssrc);
}

void rtc_in_read_stats(const struct rtc_in *in, struct rtc_stream_stats *stats)
{
    for (size_t kind = 0; kind < 2; kind++) {
        const struct stream *s = &in->streams[kind];
        stats[kind] = s->total;
        if (!s->is_started)
            continue;
        stats[kind].packets += s->received.packets;
        stats[kind].bytes += s->received.bytes;
        stats[kind].lost += rtc_recv_stats_lost(&s->received);
        stats[kind].jitter_us = rtc_recv_stats_jitter_us(&s->received);
        stats[kind].loss_permille = s->loss_permille;
    }
    stats[MCU_AUDIO].recovered = rtc_in_audio_recovered(in->audio);
}
