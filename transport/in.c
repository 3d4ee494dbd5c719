/* One peer's incoming media; see in.h. [net]
 *
 * The payload type says what a packet is. Where several m-lines or layers share it, the header
 * extensions mid and rid say whose it is (RFC 8843, section 9.2; RFC 8852); they come with the first
 * packets of an SSRC only, so the SSRC is remembered. It is latched from the packets, since an offer
 * need not tell it. When it changes the receiver of that stream starts afresh. Duplicates never get
 * here: SRTP's replay window took them. */
#include "transport/in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/clockmap.h"
#include "transport/in_audio.h"
#include "transport/in_video.h"
#include "transport/limit.h"
#include "transport/recv_stats.h"
#include "transport/rtp.h"
#include "transport/rtx.h"
#include "transport/seq.h"
#include "transport/twcc.h"

_Static_assert((int)RTC_IN_ROWS == (int)RTC_CLOCKMAP_STREAMS, "each row has its clock");

enum {
    KNOWN_MAX = 16, /* two for each row, and some that gave way to others */
    NOBODY = -1,
};

/* Whose an SSRC is, as its packets said. */
struct known {
    uint32_t ssrc;
    bool is_used;
    uint8_t row;
};

struct voice {
    bool is_started;
    uint32_t ssrc;
    struct rtc_unwrap unwrap;
    int64_t last_arrival_us;
    struct rtc_recv_stats received;
    struct rtc_stream_stats total; /* without what `received` holds of the present SSRC */
    uint32_t loss_permille;
};

struct rtc_in {
    const struct rtc_session *session;
    struct rtc_peer_sink sink;
    struct voice voice;
    struct rtc_in_audio *audio;
    struct rtc_clockmap *clockmap;
    struct rtc_twcc *twcc;
    uint32_t last_ssrc; /* of any stream, to put into feedback */
    struct rtc_in_video *pictures[RTC_PICTURES]; /* NULL: nothing came yet */
    struct rtc_told_limit limits[RTC_PICTURES];
    char mids[RTC_LINES][32];                    /* of the lines, when `known` was learned, */
    unsigned layers[RTC_LINES];                  /* and how many layers they had */
    struct known known[KNOWN_MAX];
    unsigned next_known;
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
    for (size_t i = 0; i < RTC_PICTURES; i++)
        rtc_in_video_destroy(in->pictures[i]);
    rtc_in_audio_destroy(in->audio);
    rtc_twcc_destroy(in->twcc);
    rtc_clockmap_destroy(in->clockmap);
    free(in);
}

/* --- whose a packet is -------------------------------------------------------------------------- */

static unsigned line_of(unsigned row)
{
    return row == RTC_IN_AUDIO ? MCU_AUDIO : row == RTC_IN_SCREEN ? RTC_LINE_SCREEN : MCU_VIDEO;
}

static unsigned layers_of(const struct rtc_line *line)
{
    return line->rid_count > 1 ? (unsigned)line->rid_count : 1;
}

static bool is_receiving(const struct rtc_line *line)
{
    return line->is_used && (line->direction & MCU_RECVONLY);
}

void rtc_in_renegotiated(struct rtc_in *in)
{
    for (size_t i = 0; i < RTC_LINES; i++) {
        const struct rtc_line *line = &in->session->lines[i];
        if (strcmp(in->mids[i], line->mid) == 0 && in->layers[i] == layers_of(line))
            continue;
        in->layers[i] = layers_of(line);
        memcpy(in->mids[i], line->mid, sizeof(in->mids[i]));
        for (size_t k = 0; k < KNOWN_MAX; k++) {
            if (line_of(in->known[k].row) == i)
                in->known[k].is_used = false;
        }
    }
    for (size_t i = 0; i < RTC_PICTURES; i++) {
        if (in->pictures[i])
            rtc_in_video_set_layers(in->pictures[i], layers_of(&in->session->lines[MCU_VIDEO + i]));
    }
}

static struct known *find_known(struct rtc_in *in, uint32_t ssrc)
{
    for (size_t i = 0; i < KNOWN_MAX; i++) {
        if (in->known[i].is_used && in->known[i].ssrc == ssrc)
            return &in->known[i];
    }
    return NULL;
}

static int remember(struct rtc_in *in, uint32_t ssrc, unsigned row)
{
    struct known *k = find_known(in, ssrc);
    if (!k)
        k = &in->known[in->next_known++ % KNOWN_MAX];
    *k = (struct known){.ssrc = ssrc, .is_used = true, .row = (uint8_t)row};
    return (int)row;
}

/* The layer that the packet names, or the only one there is; NOBODY: it does not say. */
static int layer_named(const struct rtc_line *line, const struct rtc_rtp *rtp, bool is_rtx)
{
    char rid[RTC_RTP_MID_MAX + 1];
    if (layers_of(line) == 1)
        return 0;
    if (rtc_rtp_get_mid(rtp, is_rtx ? line->ext.repaired_rid : line->ext.rid, rid))
        return NOBODY;
    for (size_t i = 0; i < line->rid_count; i++) {
        if (strcmp(line->rids[i], rid) == 0)
            return (int)i;
    }
    return NOBODY;
}

/* The row that a packet names by its header extensions. */
static int row_named(const struct rtc_in *in, const struct rtc_pt *pt, const struct rtc_rtp *rtp)
{
    for (unsigned i = MCU_VIDEO; i < RTC_LINES; i++) {
        const struct rtc_line *line = &in->session->lines[i];
        char mid[RTC_RTP_MID_MAX + 1];
        if (!line->is_used || !(pt->lines & 1u << i) || rtc_rtp_get_mid(rtp, line->ext.mid, mid) ||
            strcmp(mid, line->mid) != 0)
            continue;
        const int layer = layer_named(line, rtp, pt->is_rtx);
        if (layer != NOBODY)
            return (i == RTC_LINE_SCREEN ? RTC_IN_SCREEN : RTC_IN_CAMERA) + layer;
    }
    return NOBODY;
}

/* The row of an SSRC that the description named, or of the only stream that it can be. */
static int row_guessed(const struct rtc_in *in, const struct rtc_pt *pt, uint32_t ssrc)
{
    int only = NOBODY;
    for (unsigned i = MCU_VIDEO; i < RTC_LINES; i++) {
        const struct rtc_line *line = &in->session->lines[i];
        const int row = i == RTC_LINE_SCREEN ? RTC_IN_SCREEN : RTC_IN_CAMERA;
        if (!is_receiving(line) || !(pt->lines & 1u << i))
            continue;
        if (ssrc == line->remote_ssrc || ssrc == line->remote_rtx_ssrc)
            return row;
        only = only == NOBODY && layers_of(line) == 1 ? row : RTC_IN_ROWS;
    }
    return only == RTC_IN_ROWS ? NOBODY : only;
}

static int find_row(struct rtc_in *in, const struct rtc_pt *pt, const struct rtc_rtp *rtp)
{
    if (pt->kind == MCU_AUDIO)
        return RTC_IN_AUDIO;
    const int named = rtp->ext_size ? row_named(in, pt, rtp) : NOBODY;
    if (named != NOBODY)
        return remember(in, rtp->ssrc, (unsigned)named);
    const struct known *known = find_known(in, rtp->ssrc);
    if (known)
        return known->row;
    const int guessed = row_guessed(in, pt, rtp->ssrc);
    return guessed == NOBODY ? NOBODY : remember(in, rtp->ssrc, (unsigned)guessed);
}

/* --- audio --------------------------------------------------------------------------------------- */

static int restart_voice(struct rtc_in *in, const struct rtc_rtp *rtp)
{
    struct voice *s = &in->voice;
    const struct rtc_unwrap fresh = {0};
    const struct rtc_line *line = &in->session->lines[MCU_AUDIO];
    const int err = rtc_in_audio_restart(in->audio, rtc_unwrap16_peek(&fresh, rtp->seq),
                                         line->codecs[0].has_nack, RTC_IN_SEQUENCE_GAP);
    if (err)
        return err;
    if (s->is_started) {
        s->total.packets += s->received.packets;
        s->total.bytes += s->received.bytes;
        s->total.lost += rtc_recv_stats_lost(&s->received);
    }
    s->unwrap = fresh;
    s->is_started = true;
    s->ssrc = rtp->ssrc;
    rtc_recv_stats_init(&s->received, rtp->ssrc, 48000);
    rtc_clockmap_restart(in->clockmap, RTC_IN_AUDIO);
    return 0;
}

/* May this SSRC take the place of the one that is latched? */
static bool may_switch(const struct rtc_in *in, uint32_t ssrc, int64_t now_us)
{
    const uint32_t announced = in->session->lines[MCU_AUDIO].remote_ssrc;
    return !in->voice.is_started || (announced && ssrc == announced) ||
           now_us - in->voice.last_arrival_us >= RTC_IN_SSRC_SILENCE_US;
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
        in->voice.total.retransmitted++;
    return rtc_in_audio_take(in->audio, &packet);
}

static int repair_voice(struct rtc_in *in, const struct rtc_pt *pt, struct rtc_rtp *rtp,
                        int64_t now_us)
{
    struct voice *s = &in->voice;
    if (!s->is_started)
        return 0; /* nothing that it could repair */
    const int err = rtc_rtx_unwrap(rtp, pt->media_pt, s->ssrc);
    if (err)
        return err == -ENODATA ? 0 : err;
    return take_audio(in, &in->session->pts[pt->media_pt], rtp,
                      rtc_unwrap16(&s->unwrap, rtp->seq), now_us, true);
}

static int take_voice(struct rtc_in *in, const struct rtc_pt *pt, const struct rtc_rtp *rtp,
                      int64_t now_us)
{
    struct voice *s = &in->voice;
    if (!s->is_started || rtp->ssrc != s->ssrc) {
        const int err = may_switch(in, rtp->ssrc, now_us) ? restart_voice(in, rtp) : -EBADMSG;
        if (err)
            return err;
    }
    const uint64_t seq = rtc_unwrap16(&s->unwrap, rtp->seq);
    const bool is_answer = rtc_in_audio_is_answer(in->audio, seq, now_us);
    if (!is_answer) { /* what was sent again would hide the loss and look like jitter */
        s->last_arrival_us = now_us;
        rtc_recv_stats_packet(&s->received, seq, rtp->timestamp, rtp->payload_size, now_us);
        rtc_clockmap_arrived(in->clockmap, RTC_IN_AUDIO, rtp->timestamp, now_us);
    }
    return take_audio(in, pt, rtp, seq, now_us, is_answer);
}

/* --- video --------------------------------------------------------------------------------------- */

static int open_picture(struct rtc_in *in, enum rtc_picture picture)
{
    if (in->pictures[picture])
        return 0;
    const unsigned row = picture == RTC_SCREEN ? RTC_IN_SCREEN : RTC_IN_CAMERA;
    const int err = rtc_in_video_create(&in->pictures[picture], &in->sink, in->clockmap, picture,
                                        row);
    if (err)
        return err;
    rtc_in_video_set_layers(in->pictures[picture],
                            layers_of(&in->session->lines[MCU_VIDEO + picture]));
    if (in->limits[picture].is_told)
        rtc_in_video_limit(in->pictures[picture], &in->limits[picture].limit);
    return 0;
}

static int take_picture(struct rtc_in *in, const struct rtc_pt *pt, struct rtc_rtp *rtp,
                        unsigned row, int64_t now_us)
{
    const enum rtc_picture picture = row == RTC_IN_SCREEN ? RTC_SCREEN : RTC_CAMERA;
    const uint32_t announced = in->session->lines[MCU_VIDEO + picture].remote_ssrc;
    const struct rtc_in_video_packet packet = {
        .rtp = rtp,
        .codec = pt->codec,
        .layer = row - (picture == RTC_SCREEN ? RTC_IN_SCREEN : RTC_IN_CAMERA),
        .colours_id = in->session->lines[MCU_VIDEO + picture].ext.color_space,
        .is_announced = announced && rtp->ssrc == announced,
        .now_us = now_us,
    };
    const int err = open_picture(in, picture);
    if (err)
        return err;
    return pt->is_rtx ? rtc_in_video_repair(in->pictures[picture], rtp, pt->media_pt, &packet)
                      : rtc_in_video_take(in->pictures[picture], &packet);
}

void rtc_in_warm(const struct rtc_in *in, enum rtc_warm step, uint16_t seq)
{
    if (step == RTC_WARM_PARTS) {
        rtc_warm(in, sizeof(in->session));
        rtc_warm(&in->voice, sizeof(in->voice));
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
    const int row = find_row(in, pt, &rtp);
    if (row == NOBODY || !is_receiving(&in->session->lines[line_of((unsigned)row)]))
        return -EBADMSG;

    const struct rtc_line *line = &in->session->lines[line_of((unsigned)row)];
    uint16_t transport_seq;
    if (rtc_rtp_get_transport_seq(&rtp, line->ext.transport_cc, &transport_seq) == 0) {
        rtc_twcc_note(in->twcc, transport_seq, now_us);
        in->last_ssrc = rtp.ssrc;
    }
    if (row != RTC_IN_AUDIO)
        return take_picture(in, pt, &rtp, (unsigned)row, now_us);
    return pt->is_rtx ? repair_voice(in, pt, &rtp, now_us) : take_voice(in, pt, &rtp, now_us);
}

/* --- what RTCP tells, and what to tell by it ------------------------------------------------------ */

void rtc_in_sr(struct rtc_in *in, uint32_t ssrc, const struct rtc_rtcp_sr *sr, int64_t now_us)
{
    if (in->voice.is_started && in->voice.ssrc == ssrc) {
        rtc_clockmap_report(in->clockmap, RTC_IN_AUDIO, sr->ntp, sr->rtp);
        rtc_recv_stats_report(&in->voice.received, sr->ntp, now_us);
    }
    for (size_t i = 0; i < RTC_PICTURES; i++) {
        if (in->pictures[i])
            rtc_in_video_sr(in->pictures[i], ssrc, sr, now_us);
    }
}

void rtc_in_bye(struct rtc_in *in, uint32_t ssrc)
{
    if (in->voice.ssrc == ssrc)
        in->voice.last_arrival_us = INT64_MIN / 2; /* another may follow at once */
    for (size_t i = 0; i < RTC_PICTURES; i++) {
        if (in->pictures[i])
            rtc_in_video_bye(in->pictures[i], ssrc);
    }
}

void rtc_in_tick(struct rtc_in *in, int64_t now_us)
{
    for (size_t i = 0; i < RTC_PICTURES; i++) {
        if (in->pictures[i])
            rtc_in_video_tick(in->pictures[i], now_us);
    }
}

size_t rtc_in_blocks(struct rtc_in *in, int64_t now_us, struct rtc_rtcp_block *blocks)
{
    size_t n = 0;
    if (in->voice.is_started) {
        rtc_recv_stats_block(&in->voice.received, now_us, &blocks[n]);
        in->voice.loss_permille = (uint32_t)blocks[n].fraction * 1000 / 256;
        n++;
    }
    for (size_t i = 0; i < RTC_PICTURES; i++) {
        if (in->pictures[i])
            n += rtc_in_video_blocks(in->pictures[i], now_us, &blocks[n]);
    }
    return n;
}

void rtc_in_limit(struct rtc_in *in, enum rtc_picture picture, const struct rtc_limit *limit)
{
    in->limits[picture] = (struct rtc_told_limit){.is_told = true, .limit = *limit};
    if (in->pictures[picture])
        rtc_in_video_limit(in->pictures[picture], limit);
}

size_t rtc_in_ssrcs(const struct rtc_in *in, uint32_t *ssrcs)
{
    size_t n = 0;
    for (size_t i = 0; i < RTC_PICTURES; i++) {
        if (in->pictures[i])
            n += rtc_in_video_ssrcs(in->pictures[i], ssrcs + n);
    }
    return n;
}

size_t rtc_in_missing(struct rtc_in *in, unsigned row, int64_t now_us, int64_t rtt_us,
                      uint16_t *seqs, size_t capacity, uint32_t *ssrc)
{
    if (row == RTC_IN_AUDIO) {
        if (!in->voice.is_started)
            return 0;
        const size_t n = rtc_in_audio_missing(in->audio, now_us, rtt_us, seqs, capacity);
        in->voice.total.nacks += n;
        *ssrc = in->voice.ssrc;
        return n;
    }
    const bool is_screen = row == RTC_IN_SCREEN;
    struct rtc_in_video *v = in->pictures[is_screen ? RTC_SCREEN : RTC_CAMERA];
    const unsigned layer = row - (is_screen ? RTC_IN_SCREEN : RTC_IN_CAMERA);
    return v ? rtc_in_video_missing(v, layer, now_us, rtt_us, seqs, capacity, ssrc) : 0;
}

bool rtc_in_take_pli(struct rtc_in *in, enum rtc_picture picture, int64_t now_us, bool asked,
                     uint32_t *ssrc)
{
    return in->pictures[picture] &&
           rtc_in_video_take_pli(in->pictures[picture], now_us, asked, ssrc);
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
    const struct voice *s = &in->voice;
    stats[MCU_AUDIO] = s->total;
    if (s->is_started) {
        stats[MCU_AUDIO].packets += s->received.packets;
        stats[MCU_AUDIO].bytes += s->received.bytes;
        stats[MCU_AUDIO].lost += rtc_recv_stats_lost(&s->received);
        stats[MCU_AUDIO].jitter_us = rtc_recv_stats_jitter_us(&s->received);
        stats[MCU_AUDIO].loss_permille = s->loss_permille;
    }
    stats[MCU_AUDIO].recovered = rtc_in_audio_recovered(in->audio);
    for (size_t i = 0; i < RTC_PICTURES; i++) {
        stats[MCU_VIDEO + i] = (struct rtc_stream_stats){0};
        if (in->pictures[i])
            rtc_in_video_read_stats(in->pictures[i], &stats[MCU_VIDEO + i]);
    }
}
