/* Offer and answer; see negotiate.h. An answer keeps the offerer's payload types and extension ids,
 * so one table of payload types serves both directions.
 *
 * H264: we send constrained baseline (42e0xx), at level 3.1 unless the far side decodes more, and take
 * level 4 from whoever lets the two directions differ (RFC 6184, section 8.2.2). Where we are to send, a profile
 * above baseline or a level below 3.1 is not taken; where we only receive, any profile that has its
 * own name in the offer is, since the decoder does them all. */
#include "transport/negotiate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    H264_BASELINE = 0x42,
    H264_MAIN = 0x4d,
    H264_HIGH = 0x64,
    H264_CONSTRAINED = 0x40, /* constraint_set1_flag */
    H264_LEVEL_3_1 = 0x1f,
    H264_LEVEL_4 = 0x28,
    HEIGHT_LEVEL_3_1 = 720,
    HEIGHT_LEVEL_4 = 1080,
    HEIGHT_MAX = 2160, /* of what has no levels */
    EXTENSION_ID_MAX = 14,
    RANKS = 8, /* of codecs */
};

static enum mcu_direction reversed(enum mcu_direction d)
{
    const unsigned bits = (unsigned)d;
    return (enum mcu_direction)((bits & 1) << 1 | (bits & 2) >> 1);
}

static bool is_profile_unset(const struct mcu_desc_codec *c)
{
    return c->h264_profile[0] == 0 && c->h264_profile[1] == 0 && c->h264_profile[2] == 0;
}

static bool is_h264_usable(const struct mcu_desc_codec *c, bool we_send)
{
    if (c->packetization_mode != 1)
        return false;
    if (is_profile_unset(c))
        return true; /* said nothing: every such sender in the field means baseline */
    const uint8_t profile = c->h264_profile[0];
    if (!we_send)
        return profile == H264_BASELINE || profile == H264_MAIN || profile == H264_HIGH;
    return profile == H264_BASELINE && c->h264_profile[2] >= H264_LEVEL_3_1;
}

/* 64 to 95 would look like RTCP on a muxed transport (RFC 5761, section 4). */
static bool is_pt_usable(uint8_t pt)
{
    return pt < 64 || (pt > 95 && pt < RTC_PT_COUNT);
}

static bool is_codec_usable(const struct mcu_desc_codec *c, enum mcu_kind kind, bool we_send)
{
    if (!is_pt_usable(c->pt) || !is_pt_usable(c->rtx_pt))
        return false;
    if (kind == MCU_AUDIO)
        return c->codec == MCU_CODEC_OPUS && c->clock_hz == 48000;
    if (c->clock_hz != 90000)
        return false;
    if (c->codec == MCU_CODEC_H264)
        return is_h264_usable(c, we_send);
    return c->codec == MCU_CODEC_VP8 || c->codec == MCU_CODEC_VP9 || c->codec == MCU_CODEC_AV1;
}

/* Lower is earlier in the answer: the preferred codec, H264 and VP8, then VP9, which costs more, and
 * AV1, which we do not send; constrained baseline before baseline. */
static unsigned rank(const struct mcu_desc_codec *c, enum mcu_codec prefer)
{
    const unsigned costly = c->codec == MCU_CODEC_VP9 ? 4 : c->codec == MCU_CODEC_AV1 ? 6 : 2;
    const unsigned other = c->codec != prefer ? costly : 0;
    const bool is_plain = c->codec == MCU_CODEC_H264 && !is_profile_unset(c) &&
                          !(c->h264_profile[0] == H264_BASELINE &&
                            (c->h264_profile[1] & H264_CONSTRAINED));
    return other + (is_plain ? 1 : 0);
}

/* Opus: RED, NACK, RTX and DTX as offered; in-band FEC always, since both ends do it; stereo as the
 * room is. Browsers take maxaveragebitrate for the rate to send at: only a room that wants another
 * than theirs (32 kbit/s, 64 in stereo) says it. */
static void answer_opus(struct mcu_desc_codec *c, const struct rtc_local *local)
{
    if (!is_pt_usable(c->red_pt) || c->red_pt == c->pt || c->red_pt == c->rtx_pt)
        c->red_pt = 0;
    c->opus_inband_fec = true;
    c->opus_bitrate_bps = local->audio_bitrate_bps;
    if (local->audio_channels)
        c->opus_stereo = local->audio_channels == 2;
}

static struct mcu_desc_codec answered_codec(const struct mcu_desc_codec *offered,
                                            const struct rtc_local *local)
{
    struct mcu_desc_codec c = *offered;
    if (c.codec == MCU_CODEC_OPUS)
        answer_opus(&c, local);
    else
        c.red_pt = 0;
    if (c.codec != MCU_CODEC_H264)
        return c;
    if (is_profile_unset(&c))
        memcpy(c.h264_profile, (const uint8_t[]){0x42, 0xe0, H264_LEVEL_3_1}, 3);
    else if (c.level_asymmetry_allowed && c.h264_profile[2] < H264_LEVEL_4)
        c.h264_profile[2] = H264_LEVEL_4;
    return c;
}

/* Usable codecs of an m-line in the order of the answer: stable in the offerer's order per rank. */
static size_t choose_codecs(const struct mcu_desc_media *m, const struct rtc_local *local,
                            bool we_send, enum mcu_codec prefer, struct mcu_desc_codec *out)
{
    size_t n = 0;
    for (unsigned r = 0; r < RANKS; r++) {
        for (size_t i = 0; i < m->codec_count && n < MCU_DESC_CODECS_MAX; i++) {
            const struct mcu_desc_codec *c = &m->codecs[i];
            if (is_codec_usable(c, m->kind, we_send) && rank(c, prefer) == r)
                out[n++] = answered_codec(c, local);
        }
    }
    return n;
}

/* What the far side said of the first of the chosen codecs. */
static uint8_t level_offered(const struct mcu_desc_media *m, const struct mcu_desc_codec *first)
{
    for (size_t i = 0; i < m->codec_count; i++) {
        if (m->codecs[i].pt == first->pt)
            return m->codecs[i].h264_profile[2];
    }
    return 0;
}

uint32_t rtc_line_height_max(const struct rtc_line *line)
{
    if (!line->is_used || !(line->direction & MCU_SENDONLY))
        return 0;
    if (line->codecs[0].codec != MCU_CODEC_H264)
        return HEIGHT_MAX;
    return line->remote_level >= H264_LEVEL_4 ? HEIGHT_LEVEL_4 : HEIGHT_LEVEL_3_1;
}

static uint8_t valid_id(uint8_t id)
{
    return id <= EXTENSION_ID_MAX ? id : 0;
}

static struct mcu_desc_extensions choose_extensions(const struct mcu_desc_extensions *offered,
                                                    enum mcu_kind kind)
{
    return (struct mcu_desc_extensions){
        .audio_level = kind == MCU_AUDIO ? valid_id(offered->audio_level) : 0,
        .abs_send_time = valid_id(offered->abs_send_time),
        .transport_cc = valid_id(offered->transport_cc),
        .mid = valid_id(offered->mid),
        .rid = kind == MCU_VIDEO ? valid_id(offered->rid) : 0,
        .repaired_rid = kind == MCU_VIDEO ? valid_id(offered->repaired_rid) : 0,
        .color_space = kind == MCU_VIDEO ? valid_id(offered->color_space) : 0,
    };
}

/* Simulcast needs mid and rid to be told apart by; without them the far side is to send one stream. */
static void take_layers(const struct mcu_desc_media *m, struct rtc_line *line)
{
    if (m->rid_count < 2 || !line->ext.mid || !line->ext.rid || !(line->direction & MCU_RECVONLY))
        return;
    memcpy(line->rids, m->rids, sizeof(line->rids));
    line->rid_count = m->rid_count;
}

/* Only of what goes out: repair of what comes in is not looked at. */
static uint8_t choose_fec(const struct mcu_desc_media *m, const struct rtc_line *line)
{
    if (m->kind != MCU_VIDEO || !(line->direction & MCU_SENDONLY) || !is_pt_usable(m->fec_pt))
        return 0;
    for (size_t i = 0; i < line->codec_count; i++) {
        if (line->codecs[i].pt == m->fec_pt || line->codecs[i].rtx_pt == m->fec_pt)
            return 0;
    }
    return m->fec_pt;
}

/* Takes an m-line of the far side if we can do it, in the directions that `may` has (bits). */
static bool take_line(const struct mcu_desc_media *m, size_t index, const struct rtc_local *local,
                      enum mcu_codec prefer, enum mcu_direction may, struct rtc_line *line)
{
    if (m->is_rejected || (m->kind != MCU_AUDIO && m->kind != MCU_VIDEO))
        return false;
    struct rtc_line l = {
        .is_used = true,
        .index = index,
        .direction = (enum mcu_direction)(reversed(m->direction) & may),
        .ext = choose_extensions(&m->ext, m->kind),
        .rtcp_rsize = m->rtcp_rsize,
        .remote_ssrc = m->ssrc,
        .remote_rtx_ssrc = m->rtx_ssrc,
    };
    memcpy(l.mid, m->mid, sizeof(l.mid));
    const bool we_send = (l.direction & MCU_SENDONLY) != 0;
    l.codec_count = choose_codecs(m, local, we_send, prefer, l.codecs);
    if (l.codec_count == 0)
        return false;
    take_layers(m, &l);
    l.remote_level = level_offered(m, &l.codecs[0]);
    if (l.codecs[0].codec == MCU_CODEC_AV1 && we_send) { /* there is no other: it may send to us */
        l.direction = (enum mcu_direction)(l.direction & MCU_RECVONLY);
        if (!l.direction)
            return false;
    }
    l.fec_pt = choose_fec(m, &l);
    *line = l;
    return true;
}

/* A type of two lines means the same in both (RFC 8843, section 9.1); if not, the first counts. */
static void map_one(struct rtc_session *s, uint8_t number, const struct rtc_pt *meaning)
{
    struct rtc_pt *pt = &s->pts[number];
    if (pt->codec == MCU_CODEC_NONE)
        *pt = *meaning;
    else if (pt->codec == meaning->codec && pt->is_rtx == meaning->is_rtx &&
             pt->is_red == meaning->is_red && pt->media_pt == meaning->media_pt)
        pt->lines |= meaning->lines;
}

static void map_payload_types(struct rtc_session *s)
{
    for (size_t line = 0; line < RTC_LINES; line++) {
        const struct rtc_line *l = &s->lines[line];
        for (size_t i = 0; l->is_used && i < l->codec_count; i++) {
            const struct mcu_desc_codec *c = &l->codecs[i];
            struct rtc_pt pt = {.codec = c->codec,
                                .kind = line == MCU_AUDIO ? MCU_AUDIO : MCU_VIDEO,
                                .lines = (uint8_t)(1u << line)};
            map_one(s, c->pt, &pt);
            pt.media_pt = c->pt;
            pt.is_rtx = true;
            if (c->rtx_pt)
                map_one(s, c->rtx_pt, &pt);
            pt.is_rtx = false;
            pt.is_red = true;
            if (c->red_pt)
                map_one(s, c->red_pt, &pt);
        }
    }
}

/* The far side's setup and what we are then; 0 or -EPROTO. */
static int choose_role(const struct rtc_local *local, enum mcu_dtls_setup remote, bool *is_client)
{
    bool client = remote == MCU_SETUP_PASSIVE;
    if (local->has_role && remote == MCU_SETUP_ACTPASS)
        client = local->setup == MCU_SETUP_ACTIVE;
    else if (local->has_role && client != (local->setup == MCU_SETUP_ACTIVE))
        return -EPROTO;
    *is_client = client;
    return 0;
}

static void describe_local(const struct rtc_local *local, struct mcu_desc *desc)
{
    memcpy(desc->ice_ufrag, local->ice_ufrag, sizeof(desc->ice_ufrag));
    memcpy(desc->ice_pwd, local->ice_pwd, sizeof(desc->ice_pwd));
    memcpy(desc->fingerprint, local->fingerprint, sizeof(desc->fingerprint));
}

static void describe_sender(const struct rtc_local *local, enum mcu_kind kind,
                            struct mcu_desc_media *m)
{
    if (!(m->direction & MCU_SENDONLY))
        return;
    m->ssrc = local->ssrc[kind];
    for (size_t i = 0; i < m->codec_count; i++) {
        if (m->codecs[i].rtx_pt)
            m->rtx_ssrc = local->rtx_ssrc[kind];
    }
    m->fec_ssrc = m->fec_pt ? local->fec_ssrc : 0;
    memcpy(m->cname, local->cname, sizeof(m->cname));
    memcpy(m->stream_id, local->stream_id, sizeof(m->stream_id));
    memcpy(m->track_id, local->track_id[kind], sizeof(m->track_id));
}

static struct mcu_desc_media named_like(const struct mcu_desc_media *offered)
{
    struct mcu_desc_media m = {.kind = offered->kind, .direction = MCU_INACTIVE};
    memcpy(m.type, offered->type, sizeof(m.type));
    memcpy(m.proto, offered->proto, sizeof(m.proto));
    memcpy(m.format, offered->format, sizeof(m.format));
    memcpy(m.mid, offered->mid, sizeof(m.mid));
    return m;
}

static struct mcu_desc_media rejected(const struct mcu_desc_media *offered)
{
    struct mcu_desc_media m = named_like(offered);
    m.is_rejected = true;
    if (m.format[0] == '\0')
        snprintf(m.format, sizeof(m.format), "%u", offered->codec_count ? offered->codecs[0].pt : 0u);
    return m;
}

static struct mcu_desc_media accepted(const struct mcu_desc_media *offered,
                                      const struct rtc_line *line, const struct rtc_local *local)
{
    struct mcu_desc_media m = named_like(offered);
    m.direction = line->direction;
    m.is_slides = offered->is_slides;
    m.rtcp_rsize = line->rtcp_rsize;
    m.ext = line->ext;
    m.codec_count = line->codec_count;
    m.fec_pt = line->fec_pt;
    m.rid_count = line->rid_count;
    memcpy(m.rids, line->rids, sizeof(m.rids));
    memcpy(m.codecs, line->codecs, sizeof(m.codecs));
    describe_sender(local, m.kind, &m);
    return m;
}

/* --- which m-line is what ------------------------------------------------------------------------ */

enum fitness { /* for the screen, worst first */
    UNFIT,
    SILENT, /* it may be kept for later */
    SENDING,
    SLIDES,
};

static enum fitness fitness_of(const struct mcu_desc_media *m)
{
    const bool sends = (m->direction & MCU_SENDONLY) != 0;
    return m->is_slides ? SLIDES : sends ? SENDING : SILENT;
}

/* The voice and the camera: the first usable m-line of its kind that is no slides. */
static void take_main_lines(const struct mcu_desc *offer, const struct rtc_local *local,
                            enum mcu_codec prefer, struct rtc_session *s)
{
    for (size_t i = 0; i < offer->media_count; i++) {
        const struct mcu_desc_media *m = &offer->media[i];
        struct rtc_line *line = &s->lines[m->kind == MCU_AUDIO ? MCU_AUDIO : MCU_VIDEO];
        if (!line->is_used && !(m->kind == MCU_VIDEO && m->is_slides))
            take_line(m, i, local, prefer, MCU_SENDRECV, line);
    }
}

static void take_screen(const struct mcu_desc *offer, const struct rtc_local *local,
                        enum mcu_codec prefer, struct rtc_session *s)
{
    const struct rtc_line *camera = &s->lines[MCU_VIDEO];
    enum fitness best = UNFIT;
    for (size_t i = 0; i < offer->media_count; i++) {
        const struct mcu_desc_media *m = &offer->media[i];
        const bool is_other =
            m->kind == MCU_VIDEO && (camera->is_used ? camera->index != i : m->is_slides);
        if (is_other && fitness_of(m) > best &&
            take_line(m, i, local, prefer, MCU_RECVONLY, &s->lines[RTC_LINE_SCREEN]))
            best = fitness_of(m);
    }
    s->lines[RTC_LINE_SCREEN].rid_count = 0; /* there is one row for it: the whole screen */
}

static const struct rtc_line *line_at(const struct rtc_session *s, size_t index)
{
    for (size_t i = 0; i < RTC_LINES; i++) {
        if (s->lines[i].is_used && s->lines[i].index == index)
            return &s->lines[i];
    }
    return NULL;
}

static bool is_empty(const struct rtc_session *s)
{
    return !s->lines[MCU_AUDIO].is_used && !s->lines[MCU_VIDEO].is_used &&
           !s->lines[RTC_LINE_SCREEN].is_used;
}

int rtc_negotiate_answer(const struct mcu_desc *offer, const struct rtc_local *local,
                         enum mcu_codec prefer, struct mcu_desc *answer,
                         struct rtc_session *session)
{
    if (offer->media_count > MCU_DESC_MEDIA_MAX || !offer->ice_ufrag[0] || !offer->ice_pwd[0])
        return -EINVAL;

    struct rtc_session s = {0};
    struct mcu_desc a = {.media_count = offer->media_count};
    const int err = choose_role(local, offer->setup, &s.is_dtls_client);
    if (err)
        return err;

    take_main_lines(offer, local, prefer, &s);
    take_screen(offer, local, prefer, &s);
    if (is_empty(&s))
        return -EINVAL;
    for (size_t i = 0; i < offer->media_count; i++) {
        const struct rtc_line *line = line_at(&s, i);
        a.media[i] = line ? accepted(&offer->media[i], line, local) : rejected(&offer->media[i]);
    }

    describe_local(local, &a);
    a.setup = s.is_dtls_client ? MCU_SETUP_ACTIVE : MCU_SETUP_PASSIVE;
    map_payload_types(&s);
    *answer = a;
    *session = s;
    return 0;
}

static struct mcu_desc_codec offered_codec(enum mcu_codec codec)
{
    switch (codec) {
    case MCU_CODEC_OPUS:
        return (struct mcu_desc_codec){.codec = codec, .pt = 111, .red_pt = 63, .channels = 2,
                                       .clock_hz = 48000, .has_nack = true,
                                       .has_transport_cc = true, .opus_inband_fec = true};
    case MCU_CODEC_H264:
    case MCU_CODEC_VP8:
    case MCU_CODEC_VP9: {
        const uint8_t pt = codec == MCU_CODEC_H264 ? 102 : codec == MCU_CODEC_VP8 ? 96 : 98;
        return (struct mcu_desc_codec){
            .codec = codec, .pt = pt, .rtx_pt = (uint8_t)(pt + 1), .clock_hz = 90000, .has_nack = true,
            .has_pli = true, .has_fir = true, .has_transport_cc = true,
            .h264_profile = {0x42, 0xe0, H264_LEVEL_3_1}, .packetization_mode = 1,
            .level_asymmetry_allowed = true};
    }
    default:
        return (struct mcu_desc_codec){.codec = MCU_CODEC_NONE};
    }
}

static void add_offered(struct mcu_desc *d, const struct rtc_local *local, enum mcu_kind kind,
                        enum mcu_direction direction, enum mcu_codec codec)
{
    if (direction == MCU_INACTIVE)
        return;
    struct mcu_desc_media *m = &d->media[d->media_count];
    *m = (struct mcu_desc_media){
        .kind = kind, .proto = "UDP/TLS/RTP/SAVPF", .direction = direction, .rtcp_rsize = true,
        .codec_count = 1, .codecs = {offered_codec(codec)},
        .ext = {.audio_level = kind == MCU_AUDIO ? 1 : 0, .abs_send_time = 2, .transport_cc = 3,
                .mid = 4}};
    snprintf(m->type, sizeof(m->type), "%s", kind == MCU_AUDIO ? "audio" : "video");
    snprintf(m->mid, sizeof(m->mid), "%u", (unsigned)d->media_count);
    describe_sender(local, kind, m);
    d->media_count++;
}

int rtc_negotiate_offer(const struct rtc_local *local, enum mcu_direction audio,
                        enum mcu_direction video, enum mcu_codec codec, struct mcu_desc *offer)
{
    if (audio == MCU_INACTIVE && video == MCU_INACTIVE)
        return -EINVAL;
    if (video != MCU_INACTIVE && codec != MCU_CODEC_H264 && codec != MCU_CODEC_VP8 &&
        codec != MCU_CODEC_VP9)
        return -EINVAL;
    struct mcu_desc d = {.setup = MCU_SETUP_ACTPASS};
    describe_local(local, &d);
    add_offered(&d, local, MCU_AUDIO, audio, MCU_CODEC_OPUS);
    add_offered(&d, local, MCU_VIDEO, video, codec);
    *offer = d;
    return 0;
}

int rtc_negotiate_mix(const struct rtc_local *local, enum mcu_codec prefer, struct mcu_desc *offer)
{
    static const enum mcu_codec codecs[] = {MCU_CODEC_H264, MCU_CODEC_VP8, MCU_CODEC_VP9};
    struct mcu_desc d;
    const int err = rtc_negotiate_offer(local, MCU_SENDONLY, MCU_SENDONLY, prefer, &d);
    if (err)
        return err;
    struct mcu_desc_media *m = &d.media[1];
    for (size_t i = 0; i < sizeof(codecs) / sizeof(*codecs); i++) {
        if (codecs[i] != prefer)
            m->codecs[m->codec_count++] = offered_codec(codecs[i]);
    }
    m->ext.color_space = 5;
    *offer = d;
    return 0;
}

bool rtc_negotiate_can_send(const struct mcu_desc *offer)
{
    for (size_t i = 0; i < offer->media_count; i++) {
        const struct mcu_desc_media *m = &offer->media[i];
        const bool receives = !m->is_rejected && (m->direction & MCU_RECVONLY);
        for (size_t c = 0; receives && c < m->codec_count; c++) {
            if (m->codecs[c].codec != MCU_CODEC_AV1 && is_codec_usable(&m->codecs[c], m->kind, true))
                return true;
        }
    }
    return false;
}

int rtc_negotiate_answered(const struct mcu_desc *offer, const struct rtc_local *local,
                           const struct mcu_desc *answer, struct rtc_session *session)
{
    if (answer->media_count != offer->media_count || !answer->ice_ufrag[0] ||
        !answer->ice_pwd[0] || answer->setup == MCU_SETUP_ACTPASS)
        return -EINVAL;
    struct rtc_session s = {0};
    const int err = choose_role(local, answer->setup, &s.is_dtls_client);
    if (err)
        return err;

    for (size_t i = 0; i < answer->media_count; i++) {
        const struct mcu_desc_media *m = &answer->media[i];
        if (strcmp(m->mid, offer->media[i].mid) != 0)
            return -EINVAL;
        if (m->is_rejected)
            continue;
        struct rtc_line *line = &s.lines[offer->media[i].kind];
        if (m->kind != offer->media[i].kind || line->is_used ||
            !take_line(m, i, local, m->codecs[0].codec, offer->media[i].direction, line))
            return -EINVAL;
    }
    if (is_empty(&s))
        return -EINVAL;
    map_payload_types(&s);
    *session = s;
    return 0;
}
