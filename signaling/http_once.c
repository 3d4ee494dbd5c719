/* Kept answers of POSTs; see http_once.h. A ring: the oldest gives way. */
#include "signaling/http_once.h"

#include <libwebsockets.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "signaling/http.h"

#define HEADER "idempotency-key:"

struct kept {
    uint64_t id; /* 0: free */
    bool is_due; /* its answer is still to come */
    int64_t at_us;
    uint8_t who[SHA256_DIGEST_LENGTH];  /* key, token, path */
    uint8_t what[SHA256_DIGEST_LENGTH]; /* body */
    int status;
    char type[64];
    char location[512];
    char etag[64];
    unsigned char *data;
    size_t size;
};

struct sig_once {
    uint64_t last_id;
    struct kept ring[SIG_ONCE_MAX];
};

static void drop(struct kept *k)
{
    free(k->data);
    *k = (struct kept){0};
}

void sig_once_destroy(struct sig_once *o)
{
    for (size_t i = 0; o && i < SIG_ONCE_MAX; i++)
        free(o->ring[i].data);
    free(o);
}

/* -1: none; -2: not fit. */
static int read_key(struct sig_http *req, char key[SIG_ONCE_KEY_MAX + 1])
{
    const int n = lws_hdr_custom_length(req->wsi, HEADER, (int)strlen(HEADER));
    if (n < 0)
        return -1;
    if (n == 0 || n > SIG_ONCE_KEY_MAX ||
        lws_hdr_custom_copy(req->wsi, key, SIG_ONCE_KEY_MAX + 1, HEADER, (int)strlen(HEADER)) < 0)
        return -2;
    for (int i = 0; i < n; i++) {
        if (key[i] < 0x21 || key[i] > 0x7e)
            return -2;
    }
    return n;
}

/* Of whom and for what the key is; no part can have a line end in it. */
static void hash_of(uint8_t out[SHA256_DIGEST_LENGTH], const char *key, const struct sig_http *req)
{
    char text[SIG_ONCE_KEY_MAX + SIG_TOKEN_SIZE_MAX + SIG_ROUTE_PATH_MAX + 4];
    const int n = snprintf(text, sizeof(text), "%s\n%s\n%s", key, req->fields.token, req->path);
    SHA256((const uint8_t *)text, (size_t)n, out);
    OPENSSL_cleanse(text, sizeof(text));
}

static struct kept *find(struct sig_once *o, const uint8_t who[SHA256_DIGEST_LENGTH])
{
    const int64_t now_us = mcu_now_us();
    for (size_t i = 0; i < SIG_ONCE_MAX; i++) {
        struct kept *k = &o->ring[i];
        if (k->id && !k->is_due && now_us - k->at_us >= SIG_ONCE_S * MCU_US_PER_S)
            drop(k);
        if (k->id && memcmp(k->who, who, sizeof(k->who)) == 0)
            return k;
    }
    return NULL;
}

/* One that is free, else the oldest whose answer is known. */
static struct kept *take(struct sig_once *o)
{
    struct kept *oldest = NULL;
    for (size_t i = 0; i < SIG_ONCE_MAX; i++) {
        struct kept *k = &o->ring[i];
        if (!k->id)
            return k;
        if (!k->is_due && (!oldest || k->id < oldest->id))
            oldest = k;
    }
    if (oldest)
        drop(oldest);
    return oldest;
}

static void replay(struct sig_http *req, const struct kept *k)
{
    sig_http_header(req, "Idempotency-Replayed", "true");
    sig_http_header(req, "Cache-Control", "no-store");
    if (k->location[0])
        sig_http_header(req, "Location", k->location);
    if (k->etag[0])
        sig_http_header(req, "ETag", k->etag);
    sig_http_reply(req, k->status, k->type[0] ? k->type : NULL, k->data, k->size);
}

static void begin(struct sig_http *req, const uint8_t who[SHA256_DIGEST_LENGTH],
                  const uint8_t what[SHA256_DIGEST_LENGTH])
{
    struct sig_once *o = req->front->once;
    struct kept *k = take(o);
    if (!k) /* 256 under way: carried out as if there were no key */
        return;
    k->id = ++o->last_id;
    k->is_due = true;
    k->at_us = mcu_now_us();
    memcpy(k->who, who, sizeof(k->who));
    memcpy(k->what, what, sizeof(k->what));
    req->once_id = k->id;
}

bool sig_once_answer(struct sig_http *req)
{
    char key[SIG_ONCE_KEY_MAX + 1];
    uint8_t who[SHA256_DIGEST_LENGTH];
    uint8_t what[SHA256_DIGEST_LENGTH];
    const int n =
        req->method == SIG_POST && strncmp(req->path, "/api/v1/", 8) == 0 ? read_key(req, key) : -1;
    if (n == -1)
        return false;
    if (n < 0) {
        sig_http_error(req, sig_error("bad_request"),
                       "Idempotency-Key: must be 1 to 128 visible characters");
        return true;
    }
    if (!req->front->once && !(req->front->once = calloc(1, sizeof(*req->front->once))))
        return false;
    hash_of(who, key, req);
    SHA256((const uint8_t *)(req->body ? req->body : ""), req->body_size, what);
    const struct kept *k = find(req->front->once, who);
    if (!k)
        begin(req, who, what);
    else if (memcmp(k->what, what, sizeof(what)) != 0)
        sig_http_error(req, sig_error("idempotency_mismatch"), NULL);
    else if (k->is_due)
        sig_http_error(req, sig_error("in_progress"), NULL);
    else
        replay(req, k);
    return k != NULL;
}

static struct kept *entry_of(const struct sig_http *req)
{
    struct sig_once *o = req->once_id ? req->front->once : NULL;
    for (size_t i = 0; o && i < SIG_ONCE_MAX; i++) {
        if (o->ring[i].id == req->once_id)
            return &o->ring[i];
    }
    return NULL;
}

void sig_once_forget(struct sig_http *req)
{
    struct kept *k = entry_of(req);
    req->once_id = 0;
    if (k)
        drop(k);
}

/* A header that the handler has set. */
static void copy_header(const struct sig_http *req, const char *name, char *out, size_t size)
{
    const char *at = strstr(req->headers, name);
    if (!at || (at != req->headers && at[-1] != '\n'))
        return;
    at += strlen(name);
    const size_t n = strcspn(at, "\r");
    if (n < size) {
        memcpy(out, at, n);
        out[n] = '\0';
    }
}

void sig_once_keep(struct sig_http *req, int status, const char *type, const void *data,
                   size_t size)
{
    struct kept *k = entry_of(req);
    if (!k)
        return;
    unsigned char *copy = size && size <= SIG_ONCE_BODY_MAX ? malloc(size) : NULL;
    if (status / 100 != 2 || (size && !copy)) {
        free(copy);
        sig_once_forget(req);
        return;
    }
    if (size)
        memcpy(copy, data, size);
    k->data = copy;
    k->size = size;
    k->status = status;
    k->is_due = false;
    snprintf(k->type, sizeof(k->type), "%s", type ? type : "");
    copy_header(req, "Location: ", k->location, sizeof(k->location));
    copy_header(req, "ETag: ", k->etag, sizeof(k->etag));
    req->once_id = 0;
}
