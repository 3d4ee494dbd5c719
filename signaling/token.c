/* JSON web tokens with HS256. The order matters: bounds, then the header's algorithm, then the
 * signature, and only when that holds are the claims read. */
#include "signaling/token.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"

enum { SIGNATURE_SIZE = 32, CLAIMS_MAX = 3072 };

static const int64_t time_max_s = INT64_C(1) << 53; /* what JSON numbers carry exactly */

bool sig_room_id_is_valid(const char *id)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const size_t size = strnlen(id, 65);
    const bool is_dots = strcmp(id, ".") == 0 || strcmp(id, "..") == 0; /* ids become file names */
    return size >= 1 && size <= 64 && strspn(id, allowed) == size && !is_dots;
}

bool sig_role_is_valid(const char *role)
{
    return strcmp(role, "host") == 0 || strcmp(role, "publisher") == 0 ||
           strcmp(role, "subscriber") == 0;
}

/* --- base64url without padding (RFC 7515, section 2) ----------------------------------------- */

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Decodes into out. The number of bytes, or -1: a foreign character, a length that no bytes have,
 * or bits behind the last byte that are not zero (two texts for one token). */
static int base64_decode(unsigned char *out, size_t out_size, const char *text, size_t size)
{
    uint32_t bits = 0;
    size_t held = 0, n = 0;
    if (size % 4 == 1 || size / 4 * 3 + 2 > out_size)
        return -1;
    for (size_t i = 0; i < size; i++) {
        const int value = base64_value(text[i]);
        if (value < 0)
            return -1;
        bits = (bits << 6 | (uint32_t)value) & 0xffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[n++] = (unsigned char)(bits >> held);
        }
    }
    return bits & ((1u << held) - 1) ? -1 : (int)n;
}

/* Encodes behind *at, moving it. The caller made sure of the room. */
static void base64_encode(char **at, const unsigned char *bytes, size_t size)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    size_t held = 0;
    for (size_t i = 0; i < size; i++) {
        bits = (bits << 8 | bytes[i]) & 0xffff;
        for (held += 8; held >= 6; held -= 6)
            *(*at)++ = alphabet[bits >> (held - 6) & 63];
    }
    if (held)
        *(*at)++ = alphabet[bits << (6 - held) & 63];
}

/* --- verifying ------------------------------------------------------------------------------- */

static int no(const char **reason, int err, const char *words)
{
    if (reason)
        *reason = words;
    return err;
}

/* A part of the token as a JSON object. */
static int part(json_t **out, const char *text, size_t size)
{
    unsigned char json[SIG_TOKEN_SIZE_MAX];
    const int n = base64_decode(json, sizeof(json), text, size);
    return n < 0 ? -EBADMSG : mcu_json_parse(out, (const char *)json, (size_t)n);
}

static int check_header(const char *text, size_t size, const char **reason)
{
    json_t *header = NULL;
    char alg[16] = "";
    int err = part(&header, text, size);
    if (err)
        return no(reason, err, "the header is not base64url of a JSON object");
    if (mcu_json_string(header, "alg", MCU_JSON_REQUIRED, 1, alg, sizeof(alg)) ||
        strcmp(alg, "HS256") != 0)
        err = no(reason, -ENOTSUP, "the algorithm is not HS256");
    else if (json_object_get(header, "crit"))
        err = no(reason, -ENOTSUP, "the header has critical extensions");
    json_decref(header);
    return err;
}

static int hmac(unsigned char out[SIGNATURE_SIZE], const char *secret, const char *text,
                size_t size)
{
    unsigned int n = 0;
    const unsigned char *done = HMAC(EVP_sha256(), secret, (int)strlen(secret),
                                     (const unsigned char *)text, size, out, &n);
    return done && n == SIGNATURE_SIZE ? 0 : -ENOMEM;
}

static int check_signature(const char *text, size_t signed_size, const char *signature, size_t size,
                           const char *secret, const char **reason)
{
    unsigned char given[SIGNATURE_SIZE + 2], right[SIGNATURE_SIZE];
    if (size != 43 || base64_decode(given, sizeof(given), signature, size) != SIGNATURE_SIZE)
        return no(reason, -EKEYREJECTED, "the signature is not 32 bytes in base64url");
    if (hmac(right, secret, text, signed_size))
        return no(reason, -ENOMEM, "no memory");
    if (CRYPTO_memcmp(given, right, SIGNATURE_SIZE) != 0)
        return no(reason, -EKEYREJECTED, "the signature does not match");
    return 0;
}

static int read_time(const json_t *claims, const char *key, enum mcu_json_presence presence,
                     int64_t *out)
{
    double seconds = (double)*out;
    const int err = mcu_json_number(claims, key, presence, 0, (double)time_max_s, &seconds);
    if (!err)
        *out = (int64_t)seconds;
    return err;
}

static int read_grants(struct sig_token *t, const json_t *claims, const char **reason)
{
    json_t *grants = NULL;
    if (mcu_json_object(claims, "mixdown", MCU_JSON_REQUIRED, &grants))
        return no(reason, -EBADMSG, "the claim mixdown is missing or not an object");
    if (mcu_json_bool(grants, "record", MCU_JSON_OPTIONAL, &t->may_record) ||
        mcu_json_bool(grants, "live", MCU_JSON_OPTIONAL, &t->may_live) ||
        mcu_json_bool(grants, "admin", MCU_JSON_OPTIONAL, &t->is_admin) ||
        mcu_json_bool(grants, "calls", MCU_JSON_OPTIONAL, &t->may_call))
        return no(reason, -EBADMSG, "mixdown.record, live, admin and calls must be true or false");
    if (mcu_json_string(grants, "role", MCU_JSON_OPTIONAL, 1, t->role, sizeof(t->role)) ||
        !sig_role_is_valid(t->role))
        return no(reason, -EBADMSG, "mixdown.role must be host, publisher or subscriber");
    const int err = mcu_json_string(grants, "room", MCU_JSON_OPTIONAL, 1, t->room, sizeof(t->room));
    if (err || (t->room[0] && !sig_room_id_is_valid(t->room)))
        return no(reason, -EBADMSG, "mixdown.room must be 1 to 64 of A-Z a-z 0-9 - _ .");
    if (!t->room[0] && !t->is_admin && !t->may_call)
        return no(reason, -EBADMSG, "mixdown.room is missing");
    return 0;
}

static int read_claims(struct sig_token *t, const json_t *claims, const char **reason)
{
    strcpy(t->role, "publisher");
    if (mcu_json_string(claims, "sub", MCU_JSON_REQUIRED, 1, t->sub, sizeof(t->sub)) ||
        !mcu_text_is_fit(t->sub, strlen(t->sub), 1, 128))
        return no(reason, -EBADMSG, "the claim sub must be 1 to 128 bytes");
    if (mcu_json_text(claims, "name", MCU_JSON_OPTIONAL, 0, 64, t->name, sizeof(t->name)))
        return no(reason, -EBADMSG, "the claim name must be at most 64 characters");
    if (read_time(claims, "exp", MCU_JSON_REQUIRED, &t->exp_s))
        return no(reason, -EBADMSG, "the claim exp is missing or not a time");
    if (read_time(claims, "nbf", MCU_JSON_OPTIONAL, &t->nbf_s))
        return no(reason, -EBADMSG, "the claim nbf is not a time");
    return read_grants(t, claims, reason);
}

static int check_times(const struct sig_token *t, int64_t now_s, const char **reason)
{
    if (now_s >= t->exp_s + SIG_TOKEN_LEEWAY_S)
        return no(reason, -EKEYEXPIRED, "the token has expired");
    if (now_s < t->nbf_s - SIG_TOKEN_LEEWAY_S)
        return no(reason, -EAGAIN, "the token is not valid yet");
    return 0;
}

int sig_token_verify(struct sig_token *out, const char *text, size_t size, const char *secret,
                     int64_t now_s, const char **reason)
{
    if (strlen(secret) < SIG_TOKEN_SECRET_MIN)
        return no(reason, -EINVAL, "the secret is shorter than 32 bytes");
    if (size > SIG_TOKEN_SIZE_MAX)
        return no(reason, -EBADMSG, "the token is longer than 4096 bytes");
    if (size == 0)
        return no(reason, -EBADMSG, "there is no token");
    const char *end = text + size;
    const char *dot = memchr(text, '.', size);
    const char *dot2 = dot ? memchr(dot + 1, '.', (size_t)(end - dot - 1)) : NULL;
    if (!dot2 || memchr(dot2 + 1, '.', (size_t)(end - dot2 - 1)))
        return no(reason, -EBADMSG, "the token has not three parts");

    int err = check_header(text, (size_t)(dot - text), reason);
    if (!err)
        err = check_signature(text, (size_t)(dot2 - text), dot2 + 1, (size_t)(end - dot2 - 1),
                              secret, reason);
    if (err)
        return err;

    json_t *claims = NULL;
    if (part(&claims, dot + 1, (size_t)(dot2 - dot - 1)))
        return no(reason, -EBADMSG, "the claims are not base64url of a JSON object");
    struct sig_token t = {0};
    err = read_claims(&t, claims, reason);
    json_decref(claims);
    if (!err)
        err = check_times(&t, now_s, reason);
    if (err)
        return err;
    *out = t;
    return no(reason, 0, "");
}

/* --- signing --------------------------------------------------------------------------------- */

static int set_if(json_t *object, const char *key, bool is_wanted, json_t *value)
{
    if (is_wanted)
        return json_object_set_new(object, key, value);
    json_decref(value);
    return 0;
}

static json_t *claims_to_json(const struct sig_token *t)
{
    json_t *claims = json_pack("{s:s, s:I, s:{s:s}}", "sub", t->sub, "exp", (json_int_t)t->exp_s,
                               "mixdown", "role", t->role[0] ? t->role : "publisher");
    json_t *grants = json_object_get(claims, "mixdown");
    if (set_if(claims, "name", t->name[0], json_string(t->name)) ||
        set_if(claims, "nbf", t->nbf_s, json_integer(t->nbf_s)) ||
        set_if(grants, "room", t->room[0], json_string(t->room)) ||
        set_if(grants, "record", t->may_record, json_true()) ||
        set_if(grants, "live", t->may_live, json_true()) ||
        set_if(grants, "admin", t->is_admin, json_true()) ||
        set_if(grants, "calls", t->may_call, json_true())) {
        json_decref(claims);
        return NULL;
    }
    return claims;
}

static int encode(char **out, const char *claims, const char *secret)
{
    static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    unsigned char signature[SIGNATURE_SIZE];
    char *text = malloc(SIG_TOKEN_SIZE_MAX + 512);
    if (!text)
        return -ENOMEM;
    char *at = text;
    base64_encode(&at, (const unsigned char *)header, strlen(header));
    *at++ = '.';
    base64_encode(&at, (const unsigned char *)claims, strlen(claims));
    const int err = hmac(signature, secret, text, (size_t)(at - text));
    if (err) {
        free(text);
        return err;
    }
    *at++ = '.';
    base64_encode(&at, signature, sizeof(signature));
    *at = '\0';
    *out = text;
    return 0;
}

int sig_token_sign(char **out, const struct sig_token *token, const char *secret)
{
    if (strlen(secret) < SIG_TOKEN_SECRET_MIN)
        return -EINVAL;
    json_t *claims = claims_to_json(token);
    if (!claims)
        return -ENOMEM;
    /* What verify would refuse is not signed. */
    struct sig_token check = {0};
    const char *reason = "";
    int err = read_claims(&check, claims, &reason) ? -EINVAL : 0;
    char *text = err ? NULL : json_dumps(claims, JSON_COMPACT);
    json_decref(claims);
    if (!err && !text)
        err = -ENOMEM;
    if (!err && strlen(text) > CLAIMS_MAX)
        err = -EINVAL;
    if (!err)
        err = encode(out, text, secret);
    free(text);
    return err;
}
