/* struct mcu_desc to SDP text, as JSEP (RFC 8829, section 5) wants it: every m-line in its place,
 * the rejected ones with port 0, the transport's attributes on each that takes part, its candidates
 * on the first. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "signaling/sdp_internal.h"

static bool is_used(const struct mcu_desc_media *m)
{
    return !m->is_rejected && m->codec_count > 0;
}

static void put_session(FILE *f, const struct mcu_desc *d, uint64_t session_id, uint32_t version)
{
    bool has_mid = false;
    fprintf(f, "v=0\r\no=- %" PRIu64 " %" PRIu32 " IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n",
            session_id & INT64_MAX, version);
    for (size_t i = 0; i < d->media_count; i++) {
        const struct mcu_desc_media *m = &d->media[i];
        if (!is_used(m) || !m->mid[0])
            continue;
        fprintf(f, "%s %s", has_mid ? "" : "a=group:BUNDLE", m->mid);
        has_mid = true;
    }
    fprintf(f, "%sa=msid-semantic: WMS *\r\n%s", has_mid ? "\r\n" : "",
            d->ice_lite ? "a=ice-lite\r\n" : "");
}

static void put_rejected(FILE *f, const struct mcu_desc_media *m)
{
    fprintf(f, "m=%s 0 %s %s\r\nc=IN IP4 0.0.0.0\r\n", m->type, m->proto,
            m->format[0] ? m->format : "0");
    if (m->mid[0])
        fprintf(f, "a=mid:%s\r\n", m->mid);
    fputs("a=inactive\r\n", f);
}

static void put_transport(FILE *f, const struct mcu_desc *d)
{
    static const char *const setups[] = {"actpass", "active", "passive"};
    fprintf(f, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=ice-options:trickle\r\na=fingerprint:sha-256 ",
            d->ice_ufrag, d->ice_pwd);
    for (size_t i = 0; i < sizeof(d->fingerprint); i++)
        fprintf(f, "%s%02X", i ? ":" : "", d->fingerprint[i]);
    fprintf(f, "\r\na=setup:%s\r\n", setups[d->setup]);
}

static void put_candidates(FILE *f, const struct mcu_desc *d)
{
    for (size_t i = 0; i < d->candidate_count; i++)
        fprintf(f, "a=%s\r\n", d->candidates[i]);
    if (d->end_of_candidates)
        fputs("a=end-of-candidates\r\n", f);
}

static void put_format_parameters(FILE *f, const struct mcu_desc_codec *c)
{
    const uint8_t *p = c->h264_profile;
    switch (c->codec) {
    case MCU_CODEC_H264:
        fprintf(f, "a=fmtp:%u level-asymmetry-allowed=%d;packetization-mode=%u", c->pt,
                c->level_asymmetry_allowed, c->packetization_mode);
        if (p[0] || p[1] || p[2])
            fprintf(f, ";profile-level-id=%02x%02x%02x", p[0], p[1], p[2]);
        fputs("\r\n", f);
        break;
    case MCU_CODEC_OPUS:
        fprintf(f, "a=fmtp:%u minptime=10%s%s%s", c->pt,
                c->opus_inband_fec ? ";useinbandfec=1" : "",
                c->opus_stereo ? ";stereo=1;sprop-stereo=1" : "", c->opus_dtx ? ";usedtx=1" : "");
        if (c->opus_bitrate_bps)
            fprintf(f, ";maxaveragebitrate=%" PRIu32, c->opus_bitrate_bps);
        fputs("\r\n", f);
        break;
    case MCU_CODEC_VP9:
        fprintf(f, "a=fmtp:%u profile-id=0\r\n", c->pt);
        break;
    default:
        break;
    }
}

static void put_feedback(FILE *f, const struct mcu_desc_codec *c)
{
    if (c->has_remb)
        fprintf(f, "a=rtcp-fb:%u goog-remb\r\n", c->pt);
    if (c->has_transport_cc)
        fprintf(f, "a=rtcp-fb:%u transport-cc\r\n", c->pt);
    if (c->has_fir)
        fprintf(f, "a=rtcp-fb:%u ccm fir\r\n", c->pt);
    if (c->has_nack)
        fprintf(f, "a=rtcp-fb:%u nack\r\n", c->pt);
    if (c->has_pli)
        fprintf(f, "a=rtcp-fb:%u nack pli\r\n", c->pt);
}

static void put_codec(FILE *f, const struct mcu_desc_codec *c)
{
    fprintf(f, "a=rtpmap:%u %s/%" PRIu32, c->pt, mcu_codec_name(c->codec), c->clock_hz);
    if (c->channels > 1)
        fprintf(f, "/%u", c->channels);
    fputs("\r\n", f);
    put_feedback(f, c);
    put_format_parameters(f, c);
    if (c->red_pt)
        fprintf(f, "a=rtpmap:%u red/%" PRIu32 "/%u\r\na=fmtp:%u %u/%u\r\n", c->red_pt,
                c->clock_hz, c->channels, c->red_pt, c->pt, c->pt);
    if (c->rtx_pt)
        fprintf(f, "a=rtpmap:%u rtx/%" PRIu32 "\r\na=fmtp:%u apt=%u\r\n", c->rtx_pt, c->clock_hz,
                c->rtx_pt, c->pt);
}

static void put_fec(FILE *f, const struct mcu_desc_media *m)
{
    if (!m->fec_pt)
        return;
    fprintf(f, "a=rtpmap:%u flexfec-03/90000\r\n", m->fec_pt);
    if (m->ext.transport_cc)
        fprintf(f, "a=rtcp-fb:%u transport-cc\r\n", m->fec_pt);
    fprintf(f, "a=fmtp:%u repair-window=10000000\r\n", m->fec_pt);
}

static void put_extensions(FILE *f, const struct mcu_desc_extensions *ext)
{
    for (size_t i = 0; i < sdp_extension_count; i++) {
        const uint8_t id = *((const uint8_t *)ext + sdp_extensions[i].offset);
        if (id)
            fprintf(f, "a=extmap:%u %s\r\n", id, sdp_extensions[i].uri);
    }
}

static void put_sources(FILE *f, const struct mcu_desc_media *m)
{
    const char *cname = m->cname[0] ? m->cname : "mixdown";
    const uint32_t ssrcs[] = {m->ssrc, m->rtx_ssrc, m->fec_ssrc};
    if (!(m->direction & MCU_SENDONLY))
        return;
    if (m->stream_id[0])
        fprintf(f, "a=msid:%s %s\r\n", m->stream_id, m->track_id);
    if (m->ssrc && m->rtx_ssrc)
        fprintf(f, "a=ssrc-group:FID %" PRIu32 " %" PRIu32 "\r\n", m->ssrc, m->rtx_ssrc);
    if (m->ssrc && m->fec_ssrc)
        fprintf(f, "a=ssrc-group:FEC-FR %" PRIu32 " %" PRIu32 "\r\n", m->ssrc, m->fec_ssrc);
    for (size_t i = 0; i < sizeof(ssrcs) / sizeof(ssrcs[0]) && m->ssrc; i++) {
        if (!ssrcs[i])
            continue;
        fprintf(f, "a=ssrc:%" PRIu32 " cname:%s\r\n", ssrcs[i], cname);
        if (m->stream_id[0])
            fprintf(f, "a=ssrc:%" PRIu32 " msid:%s %s\r\n", ssrcs[i], m->stream_id, m->track_id);
    }
}

static void put_media(FILE *f, const struct mcu_desc *d, const struct mcu_desc_media *m,
                      bool is_first)
{
    static const char *const directions[] = {"inactive", "sendonly", "recvonly", "sendrecv"};
    fprintf(f, "m=%s 9 %s", m->type, m->proto);
    for (size_t i = 0; i < m->codec_count; i++) {
        if (m->codecs[i].red_pt) /* before what it carries: else Chromium does not send it */
            fprintf(f, " %u", m->codecs[i].red_pt);
        fprintf(f, " %u", m->codecs[i].pt);
        if (m->codecs[i].rtx_pt)
            fprintf(f, " %u", m->codecs[i].rtx_pt);
    }
    if (m->fec_pt)
        fprintf(f, " %u", m->fec_pt);
    fputs("\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n", f);
    put_transport(f, d);
    if (m->mid[0])
        fprintf(f, "a=mid:%s\r\n", m->mid);
    put_extensions(f, &m->ext);
    fprintf(f, "a=%s\r\na=rtcp-mux\r\n%s%s", directions[m->direction],
            m->rtcp_rsize ? "a=rtcp-rsize\r\n" : "",
            m->is_slides ? "a=content:slides\r\n" : "");
    for (size_t i = 0; i < m->codec_count; i++)
        put_codec(f, &m->codecs[i]);
    put_fec(f, m);
    put_sources(f, m);
    if (is_first)
        put_candidates(f, d);
}

static void put_simulcast(FILE *f, const struct mcu_desc_media *m, enum sig_sdp_type type)
{
    const char *way = type == SIG_SDP_OFFER ? "send" : "recv";
    for (size_t i = 0; i < m->rid_count; i++)
        fprintf(f, "a=rid:%s %s\r\n", m->rids[i], way);
    if (m->rid_count == 0)
        return;
    fprintf(f, "a=simulcast:%s ", way);
    for (size_t i = 0; i < m->rid_count; i++)
        fprintf(f, "%s%s", i ? ";" : "", m->rids[i]);
    fputs("\r\n", f);
}

char *sig_sdp_write(const struct mcu_desc *desc, enum sig_sdp_type type, uint64_t session_id,
                    uint32_t version, size_t *size)
{
    char *text = NULL;
    size_t written = 0;
    bool is_first = true;
    FILE *f = open_memstream(&text, &written);
    if (!f)
        return NULL;
    put_session(f, desc, session_id, version);
    for (size_t i = 0; i < desc->media_count; i++) {
        const struct mcu_desc_media *m = &desc->media[i];
        if (!is_used(m)) {
            put_rejected(f, m);
            continue;
        }
        put_media(f, desc, m, is_first);
        put_simulcast(f, m, type);
        is_first = false;
    }
    const bool is_broken = ferror(f) != 0;
    if (fclose(f) != 0 || is_broken) {
        free(text);
        return NULL;
    }
    if (size)
        *size = written;
    return text;
}
