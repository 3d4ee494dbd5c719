/* What one m-line says about its media: payload types, feedback, header extensions, sources.
 *
 * Lines come in any order, so a section is read several times: formats and rtpmap first, then what
 * refers to them. A payload type that we cannot use (another codec, another profile) is left out;
 * the RTX type that repairs one, and the RED type that carries one, are folded into it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "signaling/sdp_internal.h"

enum { PAYLOADS_MAX = 64, GROUPS_MAX = 8 };

struct payload {
    struct mcu_desc_codec codec;
    bool is_ours;
    bool is_mapped; /* an rtpmap was there */
    bool is_rtx;
    bool is_red; /* audio, RFC 2198 */
    bool is_fec; /* video, FlexFEC */
    int apt;     /* of an rtx: what it repairs; of a red: what it carries; -1: not said */
};

struct payloads {
    struct payload list[PAYLOADS_MAX];
    size_t count;
};

const struct sdp_extension sdp_extensions[] = {
    {"urn:ietf:params:rtp-hdrext:ssrc-audio-level",
     offsetof(struct mcu_desc_extensions, audio_level)},
    {"http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
     offsetof(struct mcu_desc_extensions, abs_send_time)},
    {"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
     offsetof(struct mcu_desc_extensions, transport_cc)},
    {"urn:ietf:params:rtp-hdrext:sdes:mid", offsetof(struct mcu_desc_extensions, mid)},
    {"urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", offsetof(struct mcu_desc_extensions, rid)},
    {"urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
     offsetof(struct mcu_desc_extensions, repaired_rid)},
    {"http://www.webrtc.org/experiments/rtp-hdrext/color-space",
     offsetof(struct mcu_desc_extensions, color_space)},
};
const size_t sdp_extension_count = sizeof(sdp_extensions) / sizeof(sdp_extensions[0]);

static struct payload *find(struct payloads *p, uint32_t pt)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->list[i].codec.pt == pt)
            return &p->list[i];
    }
    return NULL;
}

/* The formats of "audio 9 UDP/TLS/RTP/SAVPF 111 63 9". Those past PAYLOADS_MAX are not ours. */
static int read_formats(struct payloads *p, const struct sdp_line *line, char *error)
{
    struct sdp_span rest = line->value;
    for (int i = 0; i < 3; i++)
        sdp_word(&rest);
    for (;;) {
        uint32_t pt;
        const struct sdp_span word = sdp_word(&rest);
        if (word.size == 0)
            return 0;
        if (!sdp_number(word, 127, &pt))
            return sdp_fail(error, line, "a payload type is not a number from 0 to 127");
        if (find(p, pt))
            return sdp_fail(error, line, "payload type %u stands there twice", pt);
        if (p->count < PAYLOADS_MAX)
            p->list[p->count++] = (struct payload){.codec.pt = (uint8_t)pt, .apt = -1};
    }
}

/* --- rtpmap and fmtp ------------------------------------------------------------------------- */

static bool is_usable(const struct mcu_desc_codec *c, enum mcu_kind kind)
{
    switch (c->codec) {
    case MCU_CODEC_OPUS: /* always 48000/2 (RFC 7587, section 7) */
        return kind == MCU_AUDIO && c->clock_hz == 48000 && c->channels == 2;
    case MCU_CODEC_H264:
    case MCU_CODEC_VP8:
    case MCU_CODEC_VP9:
    case MCU_CODEC_AV1:
        return kind == MCU_VIDEO && c->clock_hz == 90000;
    default:
        return false;
    }
}

/* "111 opus/48000/2" */
static int read_rtpmap(struct payloads *p, enum mcu_kind kind, const struct sdp_line *line,
                       char *error)
{
    uint32_t pt, clock_hz, channels = 1;
    char name[32] = "";
    struct sdp_span rest = line->value;
    if (!sdp_number(sdp_word(&rest), 127, &pt))
        return sdp_fail(error, line, "the payload type is not a number from 0 to 127");
    struct payload *payload = find(p, pt);
    if (!payload)
        return 0; /* not in the m-line */
    struct sdp_span map = sdp_word(&rest);
    const struct sdp_span encoding = sdp_cut(&map, '/'), clock = sdp_cut(&map, '/');
    if (encoding.size == 0 || !sdp_number(clock, 1000000000, &clock_hz) || clock_hz == 0)
        return sdp_fail(error, line, "rtpmap is not NAME/CLOCK");
    if (map.size && (!sdp_number(map, 255, &channels) || channels == 0))
        return sdp_fail(error, line, "rtpmap has a bad number of channels");
    if (payload->is_mapped)
        return sdp_fail(error, line, "payload type %u has a second rtpmap", pt);
    payload->is_mapped = true;
    payload->is_rtx = sdp_is_nocase(encoding, "rtx");
    if (!sdp_copy(name, sizeof(name), encoding))
        return 0; /* no name of ours is that long */
    struct mcu_desc_codec *c = &payload->codec;
    c->codec = mcu_codec_from_name(name);
    c->clock_hz = clock_hz;
    c->channels = kind == MCU_AUDIO ? (uint8_t)channels : 0;
    payload->is_red = kind == MCU_AUDIO && sdp_is_nocase(encoding, "red") && clock_hz == 48000 &&
                      channels == 2;
    payload->is_fec = kind == MCU_VIDEO && sdp_is_nocase(encoding, "flexfec-03") && clock_hz == 90000;
    payload->is_ours = is_usable(c, kind);
    return 0;
}

static bool read_profile(uint8_t profile[3], struct sdp_span value)
{
    if (value.size != 6)
        return false;
    for (size_t i = 0; i < 3; i++) {
        const int high = sdp_hex(value.at[2 * i]), low = sdp_hex(value.at[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        profile[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static void read_h264_parameter(struct payload *p, struct sdp_span name, struct sdp_span value)
{
    uint32_t n = 0;
    struct mcu_desc_codec *c = &p->codec;
    if (sdp_is_nocase(name, "profile-level-id"))
        p->is_ours &= read_profile(c->h264_profile, value);
    else if (sdp_is_nocase(name, "packetization-mode")) {
        p->is_ours &= sdp_number(value, 1, &n);
        c->packetization_mode = (uint8_t)n;
    } else if (sdp_is_nocase(name, "level-asymmetry-allowed"))
        c->level_asymmetry_allowed = sdp_is(value, "1");
}

static void read_opus_parameter(struct mcu_desc_codec *c, struct sdp_span name,
                                struct sdp_span value)
{
    const bool is_on = sdp_is(value, "1");
    uint32_t n;
    if (sdp_is_nocase(name, "stereo"))
        c->opus_stereo = is_on;
    else if (sdp_is_nocase(name, "useinbandfec"))
        c->opus_inband_fec = is_on;
    else if (sdp_is_nocase(name, "usedtx"))
        c->opus_dtx = is_on;
    else if (sdp_is_nocase(name, "maxaveragebitrate") && sdp_number(value, 510000, &n) && n >= 6000)
        c->opus_bitrate_bps = n;
}

static void read_parameter(struct payload *p, struct sdp_span name, struct sdp_span value)
{
    uint32_t n;
    if (p->is_rtx) {
        if (sdp_is_nocase(name, "apt") && sdp_number(value, 127, &n))
            p->apt = (int)n;
        return;
    }
    switch (p->codec.codec) {
    case MCU_CODEC_H264:
        read_h264_parameter(p, name, value);
        break;
    case MCU_CODEC_OPUS:
        read_opus_parameter(&p->codec, name, value);
        break;
    case MCU_CODEC_VP9: /* only profile 0, 8 bits and 4:2:0 */
        if (sdp_is_nocase(name, "profile-id"))
            p->is_ours &= sdp_is(value, "0");
        break;
    case MCU_CODEC_AV1:
        if (sdp_is_nocase(name, "profile"))
            p->is_ours &= sdp_is(value, "0");
        break;
    default:
        break;
    }
}

static struct sdp_span trim(struct sdp_span s)
{
    while (s.size > 0 && s.at[0] == ' ') {
        s.at++;
        s.size--;
    }
    while (s.size > 0 && s.at[s.size - 1] == ' ')
        s.size--;
    return s;
}

/* "111/111": primary and copies, all of one payload type, or it is nothing to us. */
static void read_red_parameters(struct payload *p, struct sdp_span value)
{
    uint32_t first, n;
    if (!sdp_number(sdp_cut(&value, '/'), 127, &first) || value.size == 0)
        return;
    while (value.size > 0) {
        if (!sdp_number(sdp_cut(&value, '/'), 127, &n) || n != first)
            return;
    }
    p->apt = (int)first;
}

/* "111 minptime=10;useinbandfec=1" */
static int read_fmtp(struct payloads *p, const struct sdp_line *line, char *error)
{
    uint32_t pt;
    struct sdp_span rest = line->value;
    if (!sdp_number(sdp_word(&rest), 127, &pt))
        return sdp_fail(error, line, "the payload type is not a number from 0 to 127");
    struct payload *payload = find(p, pt);
    if (payload && payload->is_red) {
        read_red_parameters(payload, trim(rest));
        return 0;
    }
    while (payload && rest.size > 0) {
        struct sdp_span value = sdp_cut(&rest, ';');
        const struct sdp_span name = trim(sdp_cut(&value, '='));
        read_parameter(payload, name, trim(value));
    }
    return 0;
}

/* --- feedback -------------------------------------------------------------------------------- */

static void set_feedback(struct mcu_desc_codec *c, struct sdp_span type, struct sdp_span parameter)
{
    const bool is_plain = parameter.size == 0;
    c->has_nack |= is_plain && sdp_is(type, "nack");
    c->has_pli |= sdp_is(type, "nack") && sdp_is(parameter, "pli");
    c->has_fir |= sdp_is(type, "ccm") && sdp_is(parameter, "fir");
    c->has_transport_cc |= is_plain && sdp_is(type, "transport-cc");
    c->has_remb |= is_plain && sdp_is(type, "goog-remb");
}

/* "96 nack pli", "* transport-cc" */
static int read_feedback(struct payloads *p, const struct sdp_line *line, char *error)
{
    uint32_t pt = 0;
    struct sdp_span rest = line->value;
    const struct sdp_span word = sdp_word(&rest);
    const bool is_all = sdp_is(word, "*");
    if (!is_all && !sdp_number(word, 127, &pt))
        return sdp_fail(error, line, "the payload type is not a number from 0 to 127 nor *");
    const struct sdp_span type = sdp_word(&rest), parameter = sdp_word(&rest);
    for (size_t i = 0; i < p->count; i++) {
        if (is_all || p->list[i].codec.pt == pt)
            set_feedback(&p->list[i].codec, type, parameter);
    }
    return 0;
}

/* --- all of it ------------------------------------------------------------------------------- */

static uint8_t rtx_of(const struct payloads *p, uint8_t pt)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->list[i].is_rtx && p->list[i].apt == pt)
            return p->list[i].codec.pt;
    }
    return 0;
}

static uint8_t red_of(const struct payloads *p, uint8_t pt)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->list[i].is_red && p->list[i].apt == pt)
            return p->list[i].codec.pt;
    }
    return 0;
}

static void keep_ours(struct mcu_desc_media *m, const struct payloads *p)
{
    for (size_t i = 0; i < p->count && !m->fec_pt; i++)
        m->fec_pt = p->list[i].is_fec ? p->list[i].codec.pt : 0;
    for (size_t i = 0; i < p->count && m->codec_count < MCU_DESC_CODECS_MAX; i++) {
        if (!p->list[i].is_ours)
            continue;
        struct mcu_desc_codec *c = &m->codecs[m->codec_count++];
        *c = p->list[i].codec;
        c->rtx_pt = rtx_of(p, c->pt);
        c->red_pt = red_of(p, c->pt);
    }
}

int sdp_read_codecs(struct mcu_desc_media *m, const struct sdp_section *s, char *error)
{
    struct payloads p = {.count = 0};
    int err = read_formats(&p, &s->line[0], error);
    for (size_t i = 0; !err && i < s->count; i++) {
        if (sdp_is(s->line[i].name, "rtpmap"))
            err = read_rtpmap(&p, m->kind, &s->line[i], error);
    }
    for (size_t i = 0; !err && i < s->count; i++) {
        if (sdp_is(s->line[i].name, "fmtp"))
            err = read_fmtp(&p, &s->line[i], error);
        else if (sdp_is(s->line[i].name, "rtcp-fb"))
            err = read_feedback(&p, &s->line[i], error);
    }
    if (!err)
        keep_ours(m, &p);
    return err;
}

/* "3/sendonly urn:ietf:params:rtp-hdrext:sdes:mid". Ids past 14 need two-byte headers, which we do
 * not write: such an extension is as good as not offered. */
void sdp_read_extensions(struct mcu_desc_media *m, const struct sdp_section *s)
{
    for (size_t i = 0; i < s->count; i++) {
        uint32_t id;
        struct sdp_span rest = s->line[i].value;
        if (!sdp_is(s->line[i].name, "extmap"))
            continue;
        struct sdp_span first = sdp_word(&rest);
        const struct sdp_span number = sdp_cut(&first, '/'), uri = sdp_word(&rest);
        if (!sdp_number(number, 14, &id) || id == 0 || sdp_is(first, "inactive"))
            continue;
        for (size_t k = 0; k < sdp_extension_count; k++) {
            if (sdp_is(uri, sdp_extensions[k].uri))
                *((uint8_t *)&m->ext + sdp_extensions[k].offset) = (uint8_t)id;
        }
    }
}

struct group {
    uint32_t first;
    uint32_t second;
};

struct groups {
    struct group fid[GROUPS_MAX]; /* RTX */
    size_t fid_count;
    struct group fec[GROUPS_MAX];
    size_t fec_count;
    uint32_t sim;
};

/* "FID 1111 2222", "FEC-FR 1111 3333" or "SIM 1 2 3": the SSRC that sends and, save for SIM, the one
 * that repairs it. */
static void read_ssrc_group(struct groups *groups, struct sdp_span rest)
{
    struct group g;
    const struct sdp_span semantics = sdp_word(&rest);
    if (!sdp_number(sdp_word(&rest), UINT32_MAX, &g.first) ||
        !sdp_number(sdp_word(&rest), UINT32_MAX, &g.second))
        return;
    if (sdp_is(semantics, "FID") && groups->fid_count < GROUPS_MAX)
        groups->fid[groups->fid_count++] = g;
    else if (sdp_is(semantics, "FEC-FR") && groups->fec_count < GROUPS_MAX)
        groups->fec[groups->fec_count++] = g;
    else if (sdp_is(semantics, "SIM") && groups->sim == 0)
        groups->sim = g.first;
}

static void copy_msid(struct mcu_desc_media *m, struct sdp_span rest)
{
    const struct sdp_span stream = sdp_word(&rest), track = sdp_word(&rest);
    if (!m->stream_id[0])
        sdp_copy(m->stream_id, sizeof(m->stream_id), stream);
    if (!m->track_id[0])
        sdp_copy(m->track_id, sizeof(m->track_id), track);
}

/* "1111 cname:abc" */
static void read_ssrc(struct mcu_desc_media *m, struct sdp_span rest)
{
    uint32_t ssrc;
    if (!sdp_number(sdp_word(&rest), UINT32_MAX, &ssrc) || ssrc == 0)
        return;
    if (m->ssrc == 0)
        m->ssrc = ssrc;
    if (m->ssrc != ssrc)
        return;
    const struct sdp_span name = sdp_cut(&rest, ':');
    if (sdp_is(name, "cname"))
        sdp_copy(m->cname, sizeof(m->cname), rest);
    else if (sdp_is(name, "msid"))
        copy_msid(m, rest);
}

/* The SSRC that repairs another one; 0: none. */
static uint32_t repair_of(const struct group *groups, size_t count, uint32_t ssrc)
{
    for (size_t i = 0; i < count; i++) {
        if (groups[i].first == ssrc)
            return groups[i].second;
    }
    return 0;
}

void sdp_read_sources(struct mcu_desc_media *m, const struct sdp_section *s)
{
    struct groups groups = {.sim = 0};
    for (size_t i = 0; i < s->count; i++) {
        if (sdp_is(s->line[i].name, "ssrc-group"))
            read_ssrc_group(&groups, s->line[i].value);
        else if (sdp_is(s->line[i].name, "msid"))
            copy_msid(m, s->line[i].value);
    }
    m->ssrc = groups.sim ? groups.sim : groups.fid_count ? groups.fid[0].first : 0;
    for (size_t i = 0; i < s->count; i++) {
        if (sdp_is(s->line[i].name, "ssrc"))
            read_ssrc(m, s->line[i].value);
    }
    m->rtx_ssrc = repair_of(groups.fid, groups.fid_count, m->ssrc);
    m->fec_ssrc = repair_of(groups.fec, groups.fec_count, m->ssrc);
}
