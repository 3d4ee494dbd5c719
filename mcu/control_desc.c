/* struct mcu_desc as JSON and back, for control messages.
 *
 * The reader believes nothing: a room takes these from the front and the front from a room, but
 * each must outlive a bad day of the other. Every member is required, so that a forgotten one shows
 * up at once, and every string must be printable ASCII, as the SDP parser leaves it. */
#include <errno.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/control.h"

/* --- to JSON --------------------------------------------------------------------------------- */

static void put_hex(char *out, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

static json_t *codec_to_json(const struct mcu_desc_codec *c)
{
    char profile[7];
    put_hex(profile, c->h264_profile, sizeof(c->h264_profile));
    return json_pack(
        "{s:s, s:i, s:i, s:i, s:i, s:I, s:b, s:b, s:b, s:b, s:b, s:s, s:i, s:b, s:b, s:b,"
        " s:b, s:I}",
        "codec", mcu_codec_name(c->codec), "pt", c->pt, "rtx_pt", c->rtx_pt, "red_pt", c->red_pt,
        "channels", c->channels, "clock_hz", (json_int_t)c->clock_hz, "nack", c->has_nack, "pli",
        c->has_pli, "fir", c->has_fir, "transport_cc", c->has_transport_cc, "remb", c->has_remb,
        "h264_profile", profile, "packetization_mode", c->packetization_mode, "level_asymmetry",
        c->level_asymmetry_allowed, "stereo", c->opus_stereo, "fec", c->opus_inband_fec, "dtx",
        c->opus_dtx, "bitrate_bps", (json_int_t)c->opus_bitrate_bps);
}

static json_t *codecs_to_json(const struct mcu_desc_media *m)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < m->codec_count; i++) {
        if (json_array_append_new(list, codec_to_json(&m->codecs[i]))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *rids_to_json(const struct mcu_desc_media *m)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < m->rid_count; i++) {
        if (json_array_append_new(list, json_string(m->rids[i]))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *extensions_to_json(const struct mcu_desc_extensions *ext)
{
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "audio_level", ext->audio_level,
                     "abs_send_time", ext->abs_send_time, "transport_cc", ext->transport_cc, "mid",
                     ext->mid, "rid", ext->rid, "repaired_rid", ext->repaired_rid, "color_space",
                     ext->color_space);
}

static json_t *media_to_json(const struct mcu_desc_media *m)
{
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:b, s:i, s:b, s:b, s:o, s:o, s:I, s:I, s:i, s:I, "
                     "s:o, s:s, s:s, s:s}",
                     "kind", (int)m->kind, "type", m->type, "proto", m->proto, "format", m->format,
                     "mid", m->mid, "rejected", m->is_rejected, "direction", (int)m->direction,
                     "slides", m->is_slides, "rsize", m->rtcp_rsize, "codecs", codecs_to_json(m),
                     "ext", extensions_to_json(&m->ext), "ssrc", (json_int_t)m->ssrc, "rtx_ssrc",
                     (json_int_t)m->rtx_ssrc, "fec_pt", m->fec_pt, "fec_ssrc",
                     (json_int_t)m->fec_ssrc, "rids", rids_to_json(m), "cname", m->cname, "stream",
                     m->stream_id, "track", m->track_id);
}

json_t *mcu_desc_to_json(const struct mcu_desc *desc)
{
    char fingerprint[65];
    put_hex(fingerprint, desc->fingerprint, sizeof(desc->fingerprint));
    json_t *root = json_pack("{s:s, s:s, s:b, s:s, s:i, s:[], s:[], s:b}", "ufrag", desc->ice_ufrag,
                             "pwd", desc->ice_pwd, "ice_lite", desc->ice_lite, "fingerprint",
                             fingerprint, "setup", (int)desc->setup, "media", "candidates",
                             "end_of_candidates", desc->end_of_candidates);
    json_t *media = json_object_get(root, "media");
    json_t *candidates = json_object_get(root, "candidates");
    int err = root ? 0 : -1;
    for (size_t i = 0; !err && i < desc->media_count; i++)
        err = json_array_append_new(media, media_to_json(&desc->media[i]));
    for (size_t i = 0; !err && i < desc->candidate_count; i++)
        err = json_array_append_new(candidates, json_string(desc->candidates[i]));
    if (err) {
        json_decref(root);
        return NULL;
    }
    return root;
}

/* --- from JSON: a reader that remembers the first error -------------------------------------- */

struct in {
    const json_t *object;
    int err;
};

static int64_t in_int(struct in *in, const char *key, int64_t max)
{
    int64_t n = 0;
    if (!in->err)
        in->err = mcu_json_int(in->object, key, MCU_JSON_REQUIRED, 0, max, &n);
    return n;
}

static bool in_bool(struct in *in, const char *key)
{
    bool b = false;
    if (!in->err)
        in->err = mcu_json_bool(in->object, key, MCU_JSON_REQUIRED, &b);
    return b;
}

static bool is_printable(const char *text)
{
    for (; *text; text++) {
        if (*text < ' ' || *text > '~')
            return false;
    }
    return true;
}

static void in_string(struct in *in, const char *key, char *out, size_t size)
{
    if (!in->err)
        in->err = mcu_json_string(in->object, key, MCU_JSON_REQUIRED, 0, out, size);
    if (!in->err && !is_printable(out))
        in->err = -EINVAL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void in_hex(struct in *in, const char *key, uint8_t *out, size_t n)
{
    const char *text = NULL;
    size_t size = 0;
    if (!in->err)
        in->err = mcu_json_view(in->object, key, MCU_JSON_REQUIRED, 2 * n, &text, &size);
    if (!in->err && size != 2 * n)
        in->err = -EINVAL;
    for (size_t i = 0; !in->err && i < n; i++) {
        const int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            in->err = -EINVAL;
        else
            out[i] = (uint8_t)(high << 4 | low);
    }
}

static const json_t *in_array(struct in *in, const char *key, size_t max)
{
    json_t *array = NULL;
    if (!in->err)
        in->err = mcu_json_array(in->object, key, MCU_JSON_REQUIRED, max, &array);
    return array;
}

static int codec_from_json(struct mcu_desc_codec *c, const json_t *json)
{
    struct in in = {.object = json};
    char name[16] = "";
    in_string(&in, "codec", name, sizeof(name));
    c->codec = mcu_codec_from_name(name);
    if (!in.err && c->codec == MCU_CODEC_NONE)
        in.err = -EINVAL;
    c->pt = (uint8_t)in_int(&in, "pt", 127);
    c->rtx_pt = (uint8_t)in_int(&in, "rtx_pt", 127);
    c->red_pt = (uint8_t)in_int(&in, "red_pt", 127);
    c->channels = (uint8_t)in_int(&in, "channels", 255);
    c->clock_hz = (uint32_t)in_int(&in, "clock_hz", UINT32_MAX);
    c->has_nack = in_bool(&in, "nack");
    c->has_pli = in_bool(&in, "pli");
    c->has_fir = in_bool(&in, "fir");
    c->has_transport_cc = in_bool(&in, "transport_cc");
    c->has_remb = in_bool(&in, "remb");
    in_hex(&in, "h264_profile", c->h264_profile, sizeof(c->h264_profile));
    c->packetization_mode = (uint8_t)in_int(&in, "packetization_mode", 1);
    c->level_asymmetry_allowed = in_bool(&in, "level_asymmetry");
    c->opus_stereo = in_bool(&in, "stereo");
    c->opus_inband_fec = in_bool(&in, "fec");
    c->opus_dtx = in_bool(&in, "dtx");
    c->opus_bitrate_bps = (uint32_t)in_int(&in, "bitrate_bps", 510000);
    return in.err;
}

static void in_extensions(struct in *in, struct mcu_desc_extensions *ext)
{
    json_t *object = NULL;
    if (!in->err)
        in->err = mcu_json_object(in->object, "ext", MCU_JSON_REQUIRED, &object);
    struct in inner = {.object = object, .err = in->err};
    ext->audio_level = (uint8_t)in_int(&inner, "audio_level", 14);
    ext->abs_send_time = (uint8_t)in_int(&inner, "abs_send_time", 14);
    ext->transport_cc = (uint8_t)in_int(&inner, "transport_cc", 14);
    ext->mid = (uint8_t)in_int(&inner, "mid", 14);
    ext->rid = (uint8_t)in_int(&inner, "rid", 14);
    ext->repaired_rid = (uint8_t)in_int(&inner, "repaired_rid", 14);
    ext->color_space = (uint8_t)in_int(&inner, "color_space", 14);
    in->err = inner.err;
}

static void in_rids(struct in *in, struct mcu_desc_media *m)
{
    const json_t *list = in_array(in, "rids", MCU_DESC_RIDS_MAX);
    for (; !in->err && m->rid_count < json_array_size(list); m->rid_count++) {
        const char *text = json_string_value(json_array_get(list, m->rid_count));
        if (!text || !text[0] || strlen(text) >= MCU_DESC_RID_BYTES || !is_printable(text))
            in->err = -EINVAL;
        else
            memcpy(m->rids[m->rid_count], text, strlen(text) + 1);
    }
}

static int media_from_json(struct mcu_desc_media *m, const json_t *json)
{
    struct in in = {.object = json};
    m->kind = (enum mcu_kind)in_int(&in, "kind", MCU_VIDEO);
    in_string(&in, "type", m->type, sizeof(m->type));
    in_string(&in, "proto", m->proto, sizeof(m->proto));
    in_string(&in, "format", m->format, sizeof(m->format));
    in_string(&in, "mid", m->mid, sizeof(m->mid));
    m->is_rejected = in_bool(&in, "rejected");
    m->direction = (enum mcu_direction)in_int(&in, "direction", MCU_SENDRECV);
    m->is_slides = in_bool(&in, "slides");
    m->rtcp_rsize = in_bool(&in, "rsize");
    in_extensions(&in, &m->ext);
    m->ssrc = (uint32_t)in_int(&in, "ssrc", UINT32_MAX);
    m->rtx_ssrc = (uint32_t)in_int(&in, "rtx_ssrc", UINT32_MAX);
    m->fec_pt = (uint8_t)in_int(&in, "fec_pt", 127);
    m->fec_ssrc = (uint32_t)in_int(&in, "fec_ssrc", UINT32_MAX);
    in_rids(&in, m);
    in_string(&in, "cname", m->cname, sizeof(m->cname));
    in_string(&in, "stream", m->stream_id, sizeof(m->stream_id));
    in_string(&in, "track", m->track_id, sizeof(m->track_id));
    const json_t *codecs = in_array(&in, "codecs", MCU_DESC_CODECS_MAX);
    for (; !in.err && m->codec_count < json_array_size(codecs); m->codec_count++)
        in.err =
            codec_from_json(&m->codecs[m->codec_count], json_array_get(codecs, m->codec_count));
    return in.err;
}

static void in_candidates(struct in *in, struct mcu_desc *d)
{
    const json_t *list = in_array(in, "candidates", MCU_DESC_CANDIDATES_MAX);
    for (; !in->err && d->candidate_count < json_array_size(list); d->candidate_count++) {
        const char *text = json_string_value(json_array_get(list, d->candidate_count));
        char *out = d->candidates[d->candidate_count];
        if (!text || strlen(text) >= sizeof(d->candidates[0]) || !is_printable(text))
            in->err = -EINVAL;
        else
            memcpy(out, text, strlen(text) + 1);
    }
}

int mcu_desc_from_json(struct mcu_desc *desc, const json_t *json)
{
    struct mcu_desc d = {0};
    struct in in = {.object = json};
    in_string(&in, "ufrag", d.ice_ufrag, sizeof(d.ice_ufrag));
    in_string(&in, "pwd", d.ice_pwd, sizeof(d.ice_pwd));
    d.ice_lite = in_bool(&in, "ice_lite");
    in_hex(&in, "fingerprint", d.fingerprint, sizeof(d.fingerprint));
    d.setup = (enum mcu_dtls_setup)in_int(&in, "setup", MCU_SETUP_PASSIVE);
    d.end_of_candidates = in_bool(&in, "end_of_candidates");
    const json_t *media = in_array(&in, "media", MCU_DESC_MEDIA_MAX);
    for (; !in.err && d.media_count < json_array_size(media); d.media_count++)
        in.err = media_from_json(&d.media[d.media_count], json_array_get(media, d.media_count));
    in_candidates(&in, &d);
    if (in.err)
        return -EINVAL;
    *desc = d;
    return 0;
}
