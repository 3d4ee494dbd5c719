/* SDP text to struct mcu_desc: cuts the lines into the session's and each m-line's, settles which
 * m-lines take part, and reads the transport that they share.
 *
 * What belongs to the transport (ICE, DTLS, candidates) is read from the session first and then
 * from the first m-line of the BUNDLE group that takes part (RFC 8843, section 7), which overrides.
 */
#include "signaling/sdp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "signaling/sdp_internal.h"

struct parser {
    enum sig_sdp_type type;
    char *error;
    struct sdp_section session;
    struct sdp_section media[MCU_DESC_MEDIA_MAX];
    const struct sdp_line *group; /* a=group:BUNDLE, or NULL */
    size_t first;                 /* index of the m-line that carries the transport */
    bool has_fingerprint;
    bool has_unknown; /* an m-line that had no codec of ours */
    bool has_setup;
    struct mcu_desc d;
};

/* --- sections -------------------------------------------------------------------------------- */

static int cut_sections(struct parser *p, const struct sdp_lines *lines)
{
    if (lines->count == 0 || lines->line[0].type != 'v' || !sdp_is(lines->line[0].value, "0"))
        return sdp_fail(p->error, NULL, "line 1: a description begins with v=0");
    struct sdp_section *section = &p->session;
    section->line = lines->line;
    for (size_t i = 0; i < lines->count; i++) {
        if (lines->line[i].type == 'm') {
            if (p->d.media_count == MCU_DESC_MEDIA_MAX)
                return sdp_fail(p->error, &lines->line[i], "more than %d m-lines",
                                MCU_DESC_MEDIA_MAX);
            section = &p->media[p->d.media_count++];
            section->line = &lines->line[i];
        }
        section->count++;
    }
    return 0;
}

static const struct sdp_line *find(const struct sdp_section *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++) {
        if (sdp_is(s->line[i].name, name))
            return &s->line[i];
    }
    return NULL;
}

static bool is_rtp(const struct mcu_desc_media *m)
{
    static const char *const protos[] = {"UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "RTP/SAVPF"};
    if (strcmp(m->type, "audio") != 0 && strcmp(m->type, "video") != 0)
        return false;
    for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
        if (strcmp(m->proto, protos[i]) == 0)
            return true;
    }
    return false;
}

/* "audio 9 UDP/TLS/RTP/SAVPF 111 63"; "video 9/1 ..." */
static int read_m_line(struct parser *p, struct mcu_desc_media *m, struct sdp_section *s)
{
    struct sdp_span rest = s->line->value;
    const struct sdp_span type = sdp_word(&rest);
    struct sdp_span ports = sdp_word(&rest);
    const struct sdp_span port = sdp_cut(&ports, '/'), proto = sdp_word(&rest);
    const struct sdp_span format = sdp_word(&rest);
    if (type.size == 0 || proto.size == 0 || format.size == 0)
        return sdp_fail(p->error, s->line,
                        "the m-line needs a type, a port, a protocol and a format");
    if (!sdp_number(port, 65535, &s->port))
        return sdp_fail(p->error, s->line, "the port is not a number from 0 to 65535");
    if (!sdp_copy(m->type, sizeof(m->type), type) || !sdp_copy(m->proto, sizeof(m->proto), proto) ||
        !sdp_copy(m->format, sizeof(m->format), format))
        return sdp_fail(p->error, s->line, "the m-line has a word that is too long");
    m->kind = strcmp(m->type, "audio") == 0 ? MCU_AUDIO : MCU_VIDEO;
    return 0;
}

static int read_mid(struct parser *p, size_t index)
{
    struct mcu_desc_media *m = &p->d.media[index];
    const struct sdp_line *line = find(&p->media[index], "mid");
    if (!line)
        return 0;
    if (line->value.size == 0 || !sdp_copy(m->mid, sizeof(m->mid), line->value))
        return sdp_fail(p->error, line, "mid is not a token of 1 to 31 characters");
    for (size_t i = 0; i < index; i++) {
        if (strcmp(p->d.media[i].mid, m->mid) == 0)
            return sdp_fail(p->error, line, "mid %s stands there twice", m->mid);
    }
    return 0;
}

/* The last direction attribute of a section, or what holds when it has none. */
static enum mcu_direction read_direction(const struct sdp_section *s, enum mcu_direction otherwise)
{
    static const char *const names[] = {"inactive", "sendonly", "recvonly", "sendrecv"};
    enum mcu_direction direction = otherwise;
    for (size_t i = 0; i < s->count; i++) {
        for (int k = 0; k < 4; k++) {
            if (sdp_is(s->line[i].name, names[k]))
                direction = (enum mcu_direction)k;
        }
    }
    return direction;
}

/* "a=content:slides", or one of several (RFC 4796) */
static bool says_slides(const struct sdp_section *s)
{
    const struct sdp_line *line = find(s, "content");
    struct sdp_span rest = line ? line->value : (struct sdp_span){"", 0};
    while (rest.size > 0) {
        if (sdp_is_nocase(sdp_cut(&rest, ','), "slides"))
            return true;
    }
    return false;
}

static int read_section(struct parser *p, size_t index)
{
    struct sdp_section *s = &p->media[index];
    struct mcu_desc_media *m = &p->d.media[index];
    int err = read_m_line(p, m, s);
    if (!err)
        err = read_mid(p, index);
    if (err)
        return err;
    s->is_bundle_only = find(s, "bundle-only") != NULL;
    s->has_rtcp_mux = find(s, "rtcp-mux") != NULL;
    m->rtcp_rsize = find(s, "rtcp-rsize") != NULL;
    m->is_slides = says_slides(s);
    m->direction = read_direction(s, read_direction(&p->session, MCU_SENDRECV));
    return 0;
}

/* --- who takes part -------------------------------------------------------------------------- */

static void read_group(struct parser *p)
{
    for (size_t i = 0; i < p->session.count && !p->group; i++) {
        struct sdp_span rest = p->session.line[i].value;
        if (sdp_is(p->session.line[i].name, "group") && sdp_is(sdp_word(&rest), "BUNDLE"))
            p->group = &p->session.line[i];
    }
}

/* Index of the m-line with that mid, or media_count. */
static size_t by_mid(const struct parser *p, struct sdp_span mid)
{
    size_t i = 0;
    while (i < p->d.media_count && !(mid.size && sdp_is(mid, p->d.media[i].mid)))
        i++;
    return i;
}

/* The mids of the group; none without one. */
static struct sdp_span group_mids(const struct parser *p)
{
    struct sdp_span rest = {"", 0};
    if (p->group) {
        rest = p->group->value;
        sdp_word(&rest); /* BUNDLE */
    }
    return rest;
}

static void mark_group(struct parser *p)
{
    struct sdp_span rest = group_mids(p);
    for (struct sdp_span mid = sdp_word(&rest); mid.size > 0; mid = sdp_word(&rest)) {
        const size_t i = by_mid(p, mid);
        if (i < p->d.media_count)
            p->media[i].is_in_group = true;
    }
}

/* Port 0 means rejected, but for an m-line of an offer that may only be used bundled. */
static bool is_off(const struct parser *p, const struct sdp_section *s)
{
    const bool is_bundled = p->type == SIG_SDP_OFFER && s->is_bundle_only && s->is_in_group;
    return s->port == 0 && !is_bundled;
}

static int read_media(struct parser *p, size_t index)
{
    const struct sdp_section *s = &p->media[index];
    struct mcu_desc_media *m = &p->d.media[index];
    m->is_rejected = is_off(p, s) || !is_rtp(m) || (p->group && !s->is_in_group);
    if (m->is_rejected)
        return 0;
    if (!s->has_rtcp_mux)
        return sdp_fail(p->error, s->line, "the m-line has no a=rtcp-mux, which is needed here");
    const int err = sdp_read_codecs(m, s, p->error);
    if (err)
        return err;
    sdp_read_extensions(m, &p->session);
    sdp_read_extensions(m, s);
    sdp_read_sources(m, s);
    sdp_read_simulcast(m, s, p->type);
    m->is_rejected = m->codec_count == 0;
    p->has_unknown = p->has_unknown || m->is_rejected;
    return 0;
}

/* The first m-line of the group that takes part; without a group the only one. */
static int choose_first(struct parser *p)
{
    size_t used = 0;
    p->first = p->d.media_count;
    for (size_t i = 0; i < p->d.media_count; i++) {
        if (p->d.media[i].is_rejected)
            continue;
        if (used++ > 0 && !p->group)
            return sdp_fail(p->error, p->media[i].line,
                            "several m-lines but no a=group:BUNDLE, which is needed here");
        if (p->first == p->d.media_count)
            p->first = i;
    }
    if (used == 0) {
        const int err = sdp_fail(
            p->error, NULL, "no m-line with audio (opus) or video (H264, VP8, VP9, AV1) over %s",
            "UDP/TLS/RTP/SAVPF");
        return p->has_unknown ? -ENOTSUP : err;
    }
    struct sdp_span rest = group_mids(p);
    for (struct sdp_span mid = sdp_word(&rest); mid.size > 0; mid = sdp_word(&rest)) {
        const size_t i = by_mid(p, mid);
        if (i < p->d.media_count && !p->d.media[i].is_rejected) {
            p->first = i;
            break;
        }
    }
    return 0;
}

/* --- the transport --------------------------------------------------------------------------- */

/* "sha-256 4A:AD:..." Other hashes are left alone; the first of SHA-256 counts. */
static int read_fingerprint(struct parser *p, const struct sdp_line *line)
{
    struct sdp_span rest = line->value;
    if (!sdp_is_nocase(sdp_word(&rest), "sha-256"))
        return 0;
    uint8_t bytes[32];
    const struct sdp_span hex = sdp_word(&rest);
    bool is_good = hex.size == 95;
    for (size_t i = 0; is_good && i < 32; i++) {
        const int high = sdp_hex(hex.at[3 * i]), low = sdp_hex(hex.at[3 * i + 1]);
        is_good = high >= 0 && low >= 0 && (i == 31 || hex.at[3 * i + 2] == ':');
        bytes[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    }
    if (!is_good)
        return sdp_fail(p->error, line, "the fingerprint is not 32 bytes in hex with colons");
    memcpy(p->d.fingerprint, bytes, sizeof(bytes));
    p->has_fingerprint = true;
    return 0;
}

static int read_setup(struct parser *p, const struct sdp_line *line)
{
    p->has_setup = true;
    if (sdp_is(line->value, "active"))
        p->d.setup = MCU_SETUP_ACTIVE;
    else if (sdp_is(line->value, "passive"))
        p->d.setup = MCU_SETUP_PASSIVE;
    else if (sdp_is(line->value, "actpass") && p->type == SIG_SDP_OFFER)
        p->d.setup = MCU_SETUP_ACTPASS;
    else
        return sdp_fail(p->error, line, "setup is not %s",
                        p->type == SIG_SDP_OFFER ? "actpass, active or passive"
                                                 : "active or passive");
    return 0;
}

static int read_transport_line(struct parser *p, const struct sdp_line *line)
{
    if (sdp_is(line->name, "candidate"))
        return sdp_read_candidate(p->d.candidates, &p->d.candidate_count, line, p->error);
    if (sdp_is(line->name, "end-of-candidates"))
        p->d.end_of_candidates = true;
    if (sdp_is(line->name, "ice-lite"))
        p->d.ice_lite = true;
    if (sdp_is(line->name, "fingerprint") && !p->has_fingerprint)
        return read_fingerprint(p, line);
    if (sdp_is(line->name, "setup"))
        return read_setup(p, line);
    return sdp_read_ice(p->d.ice_ufrag, p->d.ice_pwd, line, p->error);
}

static int read_transport(struct parser *p, const struct sdp_section *s)
{
    const bool had_fingerprint = p->has_fingerprint;
    p->has_fingerprint = false;
    int err = 0;
    for (size_t i = 0; !err && i < s->count; i++)
        err = read_transport_line(p, &s->line[i]);
    p->has_fingerprint |= had_fingerprint;
    return err;
}

/* The group's first m-line when it is one that we reject (a data channel that was opened first):
 * the others may lean on it for their transport. */
static const struct sdp_section *leader(const struct parser *p)
{
    struct sdp_span rest = group_mids(p);
    const size_t i = by_mid(p, sdp_word(&rest));
    return i < p->d.media_count && i != p->first ? &p->media[i] : NULL;
}

static int check_transport(struct parser *p)
{
    const struct sdp_line *line = p->media[p->first].line;
    if (!p->d.ice_ufrag[0] || !p->d.ice_pwd[0])
        return sdp_fail(p->error, line, "the m-line has no a=ice-ufrag or a=ice-pwd");
    if (!p->has_fingerprint)
        return sdp_fail(p->error, line, "the m-line has no a=fingerprint:sha-256");
    if (!p->has_setup)
        return sdp_fail(p->error, line, "the m-line has no a=setup");
    return 0;
}

/* --- all of it ------------------------------------------------------------------------------- */

static int parse(struct parser *p, const struct sdp_lines *lines)
{
    int err = cut_sections(p, lines);
    for (size_t i = 0; !err && i < p->d.media_count; i++)
        err = read_section(p, i);
    if (err)
        return err;
    read_group(p);
    mark_group(p);
    for (size_t i = 0; !err && i < p->d.media_count; i++)
        err = read_media(p, i);
    if (!err)
        err = choose_first(p);
    if (!err)
        err = read_transport(p, &p->session);
    if (!err && leader(p) && !find(&p->media[p->first], "ice-ufrag"))
        err = read_transport(p, leader(p));
    if (!err)
        err = read_transport(p, &p->media[p->first]);
    if (!err)
        err = check_transport(p);
    return err;
}

int sig_sdp_parse(struct mcu_desc *out, enum sig_sdp_type type, const char *text, size_t size,
                  char *error)
{
    struct sdp_lines lines;
    int err = sdp_split(&lines, text, size, error);
    if (err)
        return err;
    struct parser *p = calloc(1, sizeof(*p)); /* 30 kB: too much for a stack */
    if (!p) {
        sdp_fail(error, NULL, "no memory");
        free(lines.line);
        return -ENOMEM;
    }
    p->type = type;
    p->error = error;
    err = parse(p, &lines);
    if (!err)
        *out = p->d;
    free(p);
    free(lines.line);
    return err;
}
