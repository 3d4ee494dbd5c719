/* Canonical request -> string to sign -> key made for the day -> signature. */
#include "signaling/sigv4.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { HASH_BYTES = 32, CANONICAL_MAX = 8192, SCOPE_MAX = 128, KEY_MAX = 512 };

static void to_hex(char *out, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

int sigv4_encode(char *out, size_t size, const char *text, int is_path)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (n + 4 > size)
            return -EMSGSIZE;
        if (strchr(plain, *p) || (is_path && *p == '/')) {
            out[n++] = (char)*p;
        } else {
            out[n++] = '%';
            out[n++] = hex[*p >> 4];
            out[n++] = hex[*p & 15];
        }
    }
    if (n >= size)
        return -EMSGSIZE;
    out[n] = '\0';
    return 0;
}

void sigv4_hash(char out[SIGV4_HASH_SIZE], const void *bytes, size_t size)
{
    unsigned char hash[HASH_BYTES];
    EVP_Digest(bytes, size, hash, NULL, EVP_sha256(), NULL);
    to_hex(out, hash, sizeof(hash));
}

void sigv4_date(char out[SIGV4_DATE_SIZE], int64_t unix_s)
{
    const time_t t = (time_t)unix_s;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &tm);
}

/* --- text that grows in a fixed place ------------------------------------------------------------ */

struct text {
    char *at;
    size_t size, n;
    int err;
};

static void put(struct text *t, const char *more)
{
    const size_t size = strlen(more);
    if (t->err || size >= t->size - t->n) {
        t->err = -EMSGSIZE;
        return;
    }
    memcpy(t->at + t->n, more, size + 1);
    t->n += size;
}

static void put_signed_headers(struct text *t, const struct sigv4_request *r)
{
    for (size_t i = 0; i < r->header_count; i++) {
        put(t, i ? ";" : "");
        put(t, r->headers[i].name);
    }
}

static void put_canonical(struct text *t, const struct sigv4_request *r)
{
    const char *const first[] = {r->method, "\n", r->path, "\n", r->query, "\n"};
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
        put(t, first[i]);
    for (size_t i = 0; i < r->header_count; i++) {
        put(t, r->headers[i].name);
        put(t, ":");
        put(t, r->headers[i].value);
        put(t, "\n");
    }
    put(t, "\n");
    put_signed_headers(t, r);
    put(t, "\n");
    put(t, r->payload_hash);
}

static void put_scope(struct text *t, const struct sigv4_request *r)
{
    const char day[] = {r->date[0], r->date[1], r->date[2], r->date[3], r->date[4],
                        r->date[5], r->date[6], r->date[7], '\0'};
    const char *const parts[] = {day, "/", r->region, "/", r->service, "/aws4_request"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        put(t, parts[i]);
}

/* --- the key ------------------------------------------------------------------------------------- */

static void mac(unsigned char out[HASH_BYTES], const void *key, size_t key_size, const char *text,
                size_t size)
{
    HMAC(EVP_sha256(), key, (int)key_size, (const unsigned char *)text, size, out, NULL);
}

static int make_key(unsigned char key[HASH_BYTES], const struct sigv4_request *r,
                    const char *secret_key)
{
    char first[KEY_MAX];
    unsigned char next[HASH_BYTES];
    const int n = snprintf(first, sizeof(first), "AWS4%s", secret_key);
    if (n < 0 || (size_t)n >= sizeof(first))
        return -EMSGSIZE;
    mac(key, first, (size_t)n, r->date, 8);
    mac(next, key, HASH_BYTES, r->region, strlen(r->region));
    mac(key, next, HASH_BYTES, r->service, strlen(r->service));
    mac(next, key, HASH_BYTES, "aws4_request", 12);
    memcpy(key, next, HASH_BYTES);
    OPENSSL_cleanse(first, sizeof(first));
    OPENSSL_cleanse(next, sizeof(next));
    return 0;
}

static int sign_text(char out[SIGV4_HASH_SIZE], const struct sigv4_request *r, const char *text,
                     size_t size, const char *secret_key)
{
    unsigned char key[HASH_BYTES];
    unsigned char signature[HASH_BYTES];
    const int err = make_key(key, r, secret_key);
    if (err)
        return err;
    mac(signature, key, HASH_BYTES, text, size);
    OPENSSL_cleanse(key, sizeof(key));
    to_hex(out, signature, HASH_BYTES);
    return 0;
}

int sigv4_sign(char out[SIGV4_SIZE_MAX], const struct sigv4_request *r, const char *access_key,
               const char *secret_key)
{
    char canonical[CANONICAL_MAX] = "", scope[SCOPE_MAX] = "", hash[SIGV4_HASH_SIZE];
    char to_sign[512] = "", signature[SIGV4_HASH_SIZE];
    struct text c = {.at = canonical, .size = sizeof(canonical)};
    struct text s = {.at = scope, .size = sizeof(scope)};
    struct text t = {.at = to_sign, .size = sizeof(to_sign)};
    struct text o = {.at = out, .size = SIGV4_SIZE_MAX};
    if (strlen(r->date) != SIGV4_DATE_SIZE - 1)
        return -EINVAL;
    put_canonical(&c, r);
    put_scope(&s, r);
    sigv4_hash(hash, canonical, c.n);
    const char *const lines[] = {"AWS4-HMAC-SHA256\n", r->date, "\n", scope, "\n", hash};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        put(&t, lines[i]);
    const int err = c.err ? c.err : s.err ? s.err : t.err;
    if (err)
        return err;
    if (sign_text(signature, r, to_sign, t.n, secret_key))
        return -EMSGSIZE;
    const char *const head[] = {"AWS4-HMAC-SHA256 Credential=", access_key, "/", scope,
                                ",SignedHeaders="};
    for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
        put(&o, head[i]);
    put_signed_headers(&o, r);
    put(&o, ",Signature=");
    put(&o, signature);
    return o.err;
}
