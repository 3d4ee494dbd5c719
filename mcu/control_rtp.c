/* Plain RTP participants; see control_rtp.h. Everything is checked by the front, which tells the
 * caller what is wrong, and again by the room. */
#include "mcu/control_rtp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mcu/base/json.h"

enum {
    GCM_KEY_BYTES = 28, /* RFC 7714: 16 of key, 12 of salt */
    CM_KEY_BYTES = 30,  /* RFC 3711: 16 and 14 */
    BASE64_KEY_CHARS = 40,
    RTCP_FIRST = 64, /* RFC 5761: payload types that RTCP on the same port looks like */
    RTCP_LAST = 95,
};

static int fail(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(char *why, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, MCU_RTP_WHY_MAX, format, args);
    va_end(args);
    return -EINVAL;
}

/* Every key of object must be one of names, which NULL ends. */
static int check_keys(const json_t *object, const char *const *names, const char *what, char *why)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        size_t i = 0;
        while (names[i] && strcmp(names[i], key) != 0)
            i++;
        if (!names[i])
            return fail(why, "%s: there is no such field: %.*s", what,
                        mcu_text_head(key, MCU_NAMED_BYTES_MAX), key);
    }
    return 0;
}

/* --- where ------------------------------------------------------------------------------------ */

static bool is_usable_v4(const struct in_addr *a)
{
    const uint32_t address = ntohl(a->s_addr);
    return address >> 24 != 0 && address >> 28 < 14; /* no 0.x, multicast, reserved, broadcast */
}

static bool is_usable_v6(const struct in6_addr *a)
{
    return !IN6_IS_ADDR_UNSPECIFIED(a) && !IN6_IS_ADDR_MULTICAST(a) && !IN6_IS_ADDR_V4MAPPED(a) &&
           !IN6_IS_ADDR_V4COMPAT(a);
}

static bool is_usable_host(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return is_usable_v4(&v4);
    return inet_pton(AF_INET6, host, &v6) == 1 && (is_usable_v6(&v6) || IN6_IS_ADDR_LOOPBACK(&v6));
}

static int read_remote(struct mcu_rtp *out, const json_t *remote, char *why)
{
    static const char *const names[] = {"host", "port", NULL};
    int64_t port = 0;
    if (check_keys(remote, names, "remote", why))
        return -EINVAL;
    if (mcu_json_string(remote, "host", MCU_JSON_REQUIRED, 1, out->host, sizeof(out->host)) ||
        !is_usable_host(out->host))
        return fail(why, "remote.host: must be the IP address of one machine, not a name");
    if (mcu_json_int(remote, "port", MCU_JSON_REQUIRED, 1, 65535, &port))
        return fail(why, "remote.port: must be a whole number of 1 to 65535");
    out->port = (uint16_t)port;
    return 0;
}

/* --- what ------------------------------------------------------------------------------------- */

static bool is_payload_type(int64_t pt)
{
    return pt < RTCP_FIRST || pt > RTCP_LAST;
}

static int read_pt(const json_t *media, const char *what, const char *key,
                   enum mcu_json_presence presence, uint8_t *out, char *why)
{
    int64_t pt = 0;
    const int err =
        mcu_json_int(media, key, presence, presence == MCU_JSON_REQUIRED ? 0 : 1, 127, &pt);
    if (err || !is_payload_type(pt))
        return fail(why, "%s.%s: must be a payload type, 0 to 63 or 96 to 127", what, key);
    *out = (uint8_t)pt;
    return 0;
}

static int read_direction(struct mcu_rtp_media *m, const json_t *media, const char *what, char *why)
{
    static const char *const names[] = {
        [MCU_SENDONLY] = "sendonly", [MCU_RECVONLY] = "recvonly", [MCU_SENDRECV] = "sendrecv"};
    char name[16] = "sendrecv";
    if (mcu_json_string(media, "direction", MCU_JSON_OPTIONAL, 1, name, sizeof(name)) == 0) {
        for (int i = MCU_SENDONLY; i <= MCU_SENDRECV; i++) {
            if (strcmp(names[i], name) == 0)
                m->direction = (enum mcu_direction)i;
        }
    }
    return m->direction ? 0
                        : fail(why, "%s.direction: must be sendrecv, sendonly or recvonly", what);
}

static enum mcu_codec codec_of(const char *name, bool is_video)
{
    if (!is_video)
        return strcmp(name, "opus") == 0 ? MCU_CODEC_OPUS : MCU_CODEC_NONE;
    if (strcmp(name, "h264") == 0)
        return MCU_CODEC_H264;
    return strcmp(name, "vp8") == 0 ? MCU_CODEC_VP8 : MCU_CODEC_NONE;
}

static int read_common(struct mcu_rtp_media *m, const json_t *media, const char *what, char *why)
{
    const bool is_video = strcmp(what, "video") == 0;
    char codec[8] = "";
    int64_t ssrc = 0;
    mcu_json_string(media, "codec", MCU_JSON_REQUIRED, 1, codec, sizeof(codec));
    m->codec = codec_of(codec, is_video);
    if (m->codec == MCU_CODEC_NONE)
        return fail(why, "%s.codec: must be %s", what, is_video ? "h264 or vp8" : "opus");
    if (read_pt(media, what, "pt", MCU_JSON_REQUIRED, &m->pt, why) ||
        read_direction(m, media, what, why))
        return -EINVAL;
    if (mcu_json_int(media, "ssrc", MCU_JSON_OPTIONAL, 1, UINT32_MAX, &ssrc))
        return fail(why, "%s.ssrc: must be a whole number of 1 to 4294967295", what);
    m->ssrc = (uint32_t)ssrc;
    if (mcu_json_bool(media, "nack", MCU_JSON_OPTIONAL, &m->has_nack))
        return fail(why, "%s.nack: must be true or false", what);
    return 0;
}

static int read_audio(struct mcu_rtp_media *m, const json_t *media, char *why)
{
    static const char *const names[] = {"pt",       "codec", "direction", "redPt",
                                        "levelExt", "ssrc",  "nack",      NULL};
    int64_t ext = 0;
    if (check_keys(media, names, "audio", why) || read_common(m, media, "audio", why) ||
        read_pt(media, "audio", "redPt", MCU_JSON_OPTIONAL, &m->red_pt, why))
        return -EINVAL;
    if (mcu_json_int(media, "levelExt", MCU_JSON_OPTIONAL, 1, 14, &ext))
        return fail(why, "audio.levelExt: must be a whole number of 1 to 14");
    m->level_ext = (uint8_t)ext;
    return 0;
}

static int read_video(struct mcu_rtp_media *m, const json_t *media, char *why)
{
    static const char *const names[] = {"pt", "codec", "direction", "rtxPt", "ssrc", "nack", NULL};
    if (check_keys(media, names, "video", why) || read_common(m, media, "video", why))
        return -EINVAL;
    return read_pt(media, "video", "rtxPt", MCU_JSON_OPTIONAL, &m->rtx_pt, why);
}

/* One port carries all of it: payload types and sources tell the media apart. */
static int check_apart(const struct mcu_rtp *rtp, char *why)
{
    const struct mcu_rtp_media *a = &rtp->media[MCU_AUDIO], *v = &rtp->media[MCU_VIDEO];
    int pts[4];
    size_t count = 0;
    if (a->direction)
        pts[count++] = a->pt;
    if (v->direction)
        pts[count++] = v->pt;
    if (a->red_pt)
        pts[count++] = a->red_pt;
    if (v->rtx_pt)
        pts[count++] = v->rtx_pt;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (pts[i] == pts[j])
                return fail(why, "payload type %d is given twice", pts[i]);
        }
    }
    if (a->ssrc && a->ssrc == v->ssrc)
        return fail(why, "audio.ssrc and video.ssrc are the same");
    return 0;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* Exactly size bytes of base64 with its padding; EVP skips spaces at both ends, we do not. */
static int decode_key(uint8_t *key, size_t size, const json_t *srtp, const char *name)
{
    char text[BASE64_KEY_CHARS + 1] = "";
    uint8_t bytes[BASE64_KEY_CHARS];
    if (mcu_json_string(srtp, name, MCU_JSON_REQUIRED, 1, text, sizeof(text)))
        return -EINVAL;
    const size_t chars = (size + 2) / 3 * 4;
    const size_t padding = (3 - size % 3) % 3;
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const bool is_fit = strlen(text) == chars && strspn(text, alphabet) == chars - padding &&
                        strspn(text + chars - padding, "=") == padding &&
                        EVP_DecodeBlock(bytes, (const uint8_t *)text, (int)chars) > 0;
    if (is_fit)
        memcpy(key, bytes, size);
    OPENSSL_cleanse(text, sizeof(text));
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return is_fit ? 0 : -EINVAL;
}

static int read_srtp(struct mcu_rtp *out, const json_t *srtp, char *why)
{
    static const char *const names[] = {"suite", "keyIn", "keyOut", NULL};
    char suite[32] = "";
    if (check_keys(srtp, names, "srtp", why))
        return -EINVAL;
    mcu_json_string(srtp, "suite", MCU_JSON_REQUIRED, 1, suite, sizeof(suite));
    out->is_gcm = strcmp(suite, "AEAD_AES_128_GCM") == 0;
    if (!out->is_gcm && strcmp(suite, "AES_CM_128_HMAC_SHA1_80") != 0)
        return fail(why, "srtp.suite: must be AEAD_AES_128_GCM or AES_CM_128_HMAC_SHA1_80");
    out->key_bytes = out->is_gcm ? GCM_KEY_BYTES : CM_KEY_BYTES;
    if (decode_key(out->key_in, out->key_bytes, srtp, "keyIn"))
        return fail(why, "srtp.keyIn: must be base64 of key and salt, %u bytes", out->key_bytes);
    if (decode_key(out->key_out, out->key_bytes, srtp, "keyOut"))
        return fail(why, "srtp.keyOut: must be base64 of key and salt, %u bytes", out->key_bytes);
    /* Both sides may pick the same SSRC: under one key that would be a keystream used twice. */
    if (CRYPTO_memcmp(out->key_in, out->key_out, out->key_bytes) == 0)
        return fail(why, "srtp: keyIn and keyOut must differ");
    out->is_srtp = true;
    return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int read_all(struct mcu_rtp *out, const json_t *json, char *why)
{
    static const char *const names[] = {"remote", "audio", "video", "srtp", NULL};
    json_t *part[4] = {NULL};
    if (!json_is_object(json))
        return fail(why, "an object is needed");
    if (check_keys(json, names, "rtp", why))
        return -EINVAL;
    for (size_t i = 0; names[i]; i++) {
        if (mcu_json_object(json, names[i], MCU_JSON_OPTIONAL, &part[i]))
            return fail(why, "%s: must be an object", names[i]);
    }
    if (!part[1] && !part[2])
        return fail(why, "audio or video is needed");
    if ((part[0] && read_remote(out, part[0], why)) ||
        (part[1] && read_audio(&out->media[MCU_AUDIO], part[1], why)) ||
        (part[2] && read_video(&out->media[MCU_VIDEO], part[2], why)) ||
        (part[3] && read_srtp(out, part[3], why)))
        return -EINVAL;
    return check_apart(out, why);
}

int mcu_rtp_read(struct mcu_rtp *out, const json_t *json, char *why)
{
    struct mcu_rtp rtp = {0};
    why[0] = '\0';
    const int err = read_all(&rtp, json, why);
    if (!err)
        *out = rtp;
    mcu_rtp_forget(&rtp);
    return err;
}

void mcu_rtp_forget(struct mcu_rtp *rtp)
{
    OPENSSL_cleanse(rtp->key_in, sizeof(rtp->key_in));
    OPENSSL_cleanse(rtp->key_out, sizeof(rtp->key_out));
}
