/* SRTP with AEAD_AES_128_GCM (RFC 3711, RFC 7714) over OpenSSL; see srtp_backend.h. [net]
 *
 *     RTP   [header, CSRCs, extension | payload -> ciphertext | tag]
 *     RTCP  [header, SSRC | the rest -> ciphertext | tag | E, index]
 *           authenticated as it is -^   ^- encrypted (of RTCP the last word is authenticated too)
 *
 * The key schedule is made once a session; a packet costs its nonce and the cipher. Packet numbers
 * are 48 bits: the roll-over counter is not sent but guessed from the newest number seen of that
 * SSRC. What a source knows changes only after one of its packets was authenticated. */
#include "transport/srtp_backend.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_BYTES = 16,
    SALT_BYTES = 12,
    TAG_BYTES = 16,
    INDEX_BYTES = 4,
    RTCP_WINDOW_PACKETS = 128,
    SOURCES_FIRST = 2, /* most peers have as many; the table doubles up to RTC_SRTP_SSRCS_MAX */
    WORD_BITS = 64,
};

#define RTCP_IS_ENCRYPTED UINT32_C(0x80000000) /* the E bit */
#define RTCP_INDEX_MAX    UINT32_C(0x7fffffff)
#define RTP_INDEX_MAX     UINT64_C(0xffffffffffff)

/* Key derivation labels (RFC 3711, section 4.3). */
enum label { LABEL_RTP_KEY = 0, LABEL_RTP_SALT = 2, LABEL_RTCP_KEY = 3, LABEL_RTCP_SALT = 5 };

struct cipher {
    EVP_CIPHER_CTX *context;
    uint8_t salt[SALT_BYTES];
};

/* Numbers seen: bit (index modulo the window) of each of the last ones. */
struct window {
    bool is_started;
    uint64_t highest;
};

struct source {
    uint32_t ssrc;
    uint64_t used_at; /* count of packets when it was last used */
    struct window rtp;
    struct window rtcp;
    uint64_t rtp_seen[RTC_SRTP_WINDOW_PACKETS / WORD_BITS];
    uint64_t rtcp_seen[RTCP_WINDOW_PACKETS / WORD_BITS];
};

struct gcm {
    struct rtc_srtp base;
    struct cipher rtp;
    struct cipher rtcp;
    uint64_t packets;
    struct source *sources;
    size_t count;
    size_t capacity;
};

/* --- keys
 * ----------------------------------------------------------------------------------------- */

/* One derived key: AES in counter mode over zeros. With a derivation rate of 0 the key id is the
 * label alone, 7 bytes into a salt of 14; the salt of 12 bytes is filled up with zeros. */
static int derive(const uint8_t *master, enum label label, uint8_t *out, int size)
{
    static const uint8_t zeros[KEY_BYTES];
    uint8_t counter[16] = {0};
    memcpy(counter, master + KEY_BYTES, SALT_BYTES);
    counter[7] ^= (uint8_t)label;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n = 0;
    const bool is_done = c && EVP_EncryptInit_ex(c, EVP_aes_128_ctr(), NULL, master, counter) &&
                         EVP_EncryptUpdate(c, out, &n, zeros, size) && n == size;
    EVP_CIPHER_CTX_free(c);
    return is_done ? 0 : -EIO;
}

static int open_cipher(struct cipher *c, const uint8_t *master, enum label key_label,
                       enum label salt_label, bool is_encrypting)
{
    uint8_t key[KEY_BYTES];
    int err = derive(master, key_label, key, KEY_BYTES);
    if (!err)
        err = derive(master, salt_label, c->salt, SALT_BYTES);
    c->context = EVP_CIPHER_CTX_new();
    if (!c->context)
        err = -ENOMEM;
    if (!err && !EVP_CipherInit_ex(c->context, EVP_aes_128_gcm(), NULL, key, NULL, is_encrypting))
        err = -EIO;
    OPENSSL_cleanse(key, sizeof(key));
    return err;
}

/* --- numbers seen
 * --------------------------------------------------------------------------------- */

static uint64_t bit_of(uint64_t index)
{
    return UINT64_C(1) << (index % WORD_BITS);
}

static uint64_t *word_of(uint64_t *seen, uint64_t packets, uint64_t index)
{
    return &seen[index % packets / WORD_BITS];
}

/* Is it new? -EALREADY: seen, or too old to tell. */
static int check_new(const struct window *w, uint64_t *seen, uint64_t packets, uint64_t index)
{
    if (!w->is_started || index > w->highest)
        return 0;
    if (w->highest - index >= packets || (*word_of(seen, packets, index) & bit_of(index)))
        return -EALREADY;
    return 0;
}

static void note_seen(struct window *w, uint64_t *seen, uint64_t packets, uint64_t index)
{
    if (!w->is_started || index > w->highest) {
        if (!w->is_started || index - w->highest >= packets)
            memset(seen, 0, packets / 8);
        else
            for (uint64_t i = w->highest + 1; i < index; i++)
                *word_of(seen, packets, i) &= ~bit_of(i);
        w->highest = index;
        w->is_started = true;
    }
    *word_of(seen, packets, index) |= bit_of(index);
}

/* The 48-bit number that a 16-bit one most likely stands for (RFC 3711, section 3.3.1). */
static uint64_t guess_index(const struct window *w, uint16_t seq)
{
    if (!w->is_started)
        return seq;
    const uint16_t newest = (uint16_t)w->highest;
    uint64_t rolls = w->highest >> 16;
    if (newest < 0x8000 && seq - newest > 0x8000 && rolls > 0)
        rolls--;
    else if (newest >= 0x8000 && newest - 0x8000 > seq)
        rolls++;
    return rolls << 16 | seq;
}

/* --- sources
 * -------------------------------------------------------------------------------------- */

static struct source *find_source(struct gcm *g, uint32_t ssrc)
{
    for (size_t i = 0; i < g->count; i++) {
        if (g->sources[i].ssrc == ssrc)
            return &g->sources[i];
    }
    return NULL;
}

static struct source *idlest(struct gcm *g)
{
    struct source *found = &g->sources[0];
    for (size_t i = 1; i < g->count; i++) {
        if (g->sources[i].used_at < found->used_at)
            found = &g->sources[i];
    }
    return found;
}

static void grow(struct gcm *g)
{
    size_t capacity = g->capacity * 2;
    if (capacity > RTC_SRTP_SSRCS_MAX)
        capacity = RTC_SRTP_SSRCS_MAX;
    struct source *sources =
        capacity > g->capacity ? realloc(g->sources, capacity * sizeof(*sources)) : NULL;
    if (!sources)
        return; /* no memory, or enough of them: the idlest gives way */
    g->sources = sources;
    g->capacity = capacity;
}

/* Its place, made if need be. Called when a packet of it is about to count. */
static struct source *use_source(struct gcm *g, struct source *known, uint32_t ssrc)
{
    struct source *s = known;
    if (!s) {
        if (g->count == g->capacity)
            grow(g);
        s = g->count < g->capacity ? &g->sources[g->count++] : idlest(g);
        memset(s, 0, sizeof(*s));
        s->ssrc = ssrc;
    }
    s->used_at = ++g->packets;
    return s;
}

/* --- bytes
 * ---------------------------------------------------------------------------------------- */

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_u32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* Fixed header, CSRCs and extension; 0: more than there is. */
static size_t header_bytes(const uint8_t *packet, size_t size)
{
    size_t n = RTC_SRTP_RTP_HEADER_BYTES + 4u * (packet[0] & 0x0f);
    if (packet[0] & 0x10) {
        if (n + 4 > size)
            return 0;
        n += 4 + 4u * ((size_t)packet[n + 2] << 8 | packet[n + 3]);
    }
    return n <= size ? n : 0;
}

/* 48 bits of number: of RTP roll-over counter and sequence number, of RTCP 17 zeros and the index;
 * both stand at the end (RFC 7714, sections 8.1 and 9.1). */
static void make_nonce(uint8_t *nonce, const struct cipher *c, uint32_t ssrc, uint64_t index)
{
    memset(nonce, 0, 2);
    put_u32(nonce + 2, ssrc);
    nonce[6] = (uint8_t)(index >> 40);
    nonce[7] = (uint8_t)(index >> 32);
    put_u32(nonce + 8, (uint32_t)index);
    for (size_t i = 0; i < SALT_BYTES; i++)
        nonce[i] ^= c->salt[i];
}

/* A run of bytes within a packet. */
struct span {
    uint8_t *at;
    size_t size;
};

static bool pass(EVP_CIPHER_CTX *c, uint8_t *out, struct span in)
{
    int n;
    return in.size == 0 || EVP_CipherUpdate(c, out, &n, in.at, (int)in.size);
}

static int seal(const struct cipher *c, const uint8_t *nonce, struct span head, struct span tail,
                struct span text)
{
    int n;
    uint8_t *tag = text.at + text.size;
    return EVP_EncryptInit_ex(c->context, NULL, NULL, NULL, nonce) &&
                   pass(c->context, NULL, head) && pass(c->context, NULL, tail) &&
                   pass(c->context, text.at, text) && EVP_EncryptFinal_ex(c->context, tag, &n) &&
                   EVP_CIPHER_CTX_ctrl(c->context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag)
               ? 0
               : -EIO;
}

/* The tag is after text. */
static int unseal(const struct cipher *c, const uint8_t *nonce, struct span head, struct span tail,
                  struct span text)
{
    int n;
    uint8_t *tag = text.at + text.size;
    return EVP_DecryptInit_ex(c->context, NULL, NULL, NULL, nonce) &&
                   pass(c->context, NULL, head) && pass(c->context, NULL, tail) &&
                   pass(c->context, text.at, text) &&
                   EVP_CIPHER_CTX_ctrl(c->context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) &&
                   EVP_DecryptFinal_ex(c->context, tag, &n) > 0
               ? 0
               : -EACCES;
}

/* --- packets
 * -------------------------------------------------------------------------------------- */

static int gcm_protect(struct rtc_srtp *base, uint8_t *packet, size_t *size)
{
    struct gcm *g = (struct gcm *)base;
    const size_t header = header_bytes(packet, *size);
    if (header == 0)
        return -EINVAL;
    const uint32_t ssrc = get_u32(packet + 8);
    struct source *s = use_source(g, find_source(g, ssrc), ssrc);
    const uint64_t index = guess_index(&s->rtp, (uint16_t)(packet[2] << 8 | packet[3]));
    if (index > RTP_INDEX_MAX)
        return -EIO; /* the key is used up */
    if (s->rtp.is_started && index + RTC_SRTP_WINDOW_PACKETS <= s->rtp.highest)
        return -EALREADY;
    if (!s->rtp.is_started || index > s->rtp.highest)
        s->rtp = (struct window){.is_started = true, .highest = index};

    uint8_t nonce[SALT_BYTES];
    make_nonce(nonce, &g->rtp, ssrc, index);
    const int err = seal(&g->rtp, nonce, (struct span){packet, header}, (struct span){0},
                         (struct span){packet + header, *size - header});
    if (!err)
        *size += TAG_BYTES;
    return err;
}

static int gcm_unprotect(struct rtc_srtp *base, uint8_t *packet, size_t *size)
{
    static const struct window fresh;
    struct gcm *g = (struct gcm *)base;
    const size_t header = header_bytes(packet, *size);
    if (header == 0 || *size < header + TAG_BYTES)
        return -EINVAL;
    const uint32_t ssrc = get_u32(packet + 8);
    struct source *s = find_source(g, ssrc);
    const uint64_t index =
        guess_index(s ? &s->rtp : &fresh, (uint16_t)(packet[2] << 8 | packet[3]));
    if (index > RTP_INDEX_MAX)
        return -EALREADY;
    int err = s ? check_new(&s->rtp, s->rtp_seen, RTC_SRTP_WINDOW_PACKETS, index) : 0;
    if (err)
        return err;

    uint8_t nonce[SALT_BYTES];
    make_nonce(nonce, &g->rtp, ssrc, index);
    const size_t text = *size - header - TAG_BYTES;
    err = unseal(&g->rtp, nonce, (struct span){packet, header}, (struct span){0},
                 (struct span){packet + header, text});
    if (err)
        return err;
    s = use_source(g, s, ssrc);
    note_seen(&s->rtp, s->rtp_seen, RTC_SRTP_WINDOW_PACKETS, index);
    *size = header + text;
    return 0;
}

static int gcm_protect_rtcp(struct rtc_srtp *base, uint8_t *packet, size_t *size)
{
    struct gcm *g = (struct gcm *)base;
    const uint32_t ssrc = get_u32(packet + 4);
    struct source *s = use_source(g, find_source(g, ssrc), ssrc);
    if (s->rtcp.highest >= RTCP_INDEX_MAX)
        return -EIO; /* the key is used up */
    s->rtcp.highest++;

    uint8_t nonce[SALT_BYTES], word[INDEX_BYTES];
    make_nonce(nonce, &g->rtcp, ssrc, s->rtcp.highest);
    put_u32(word, (uint32_t)s->rtcp.highest | RTCP_IS_ENCRYPTED);
    const int err = seal(
        &g->rtcp, nonce, (struct span){packet, RTC_SRTP_RTCP_HEADER_BYTES},
        (struct span){word, INDEX_BYTES},
        (struct span){packet + RTC_SRTP_RTCP_HEADER_BYTES, *size - RTC_SRTP_RTCP_HEADER_BYTES});
    if (err)
        return err;
    memcpy(packet + *size + TAG_BYTES, word, INDEX_BYTES);
    *size += TAG_BYTES + INDEX_BYTES;
    return 0;
}

static int gcm_unprotect_rtcp(struct rtc_srtp *base, uint8_t *packet, size_t *size)
{
    struct gcm *g = (struct gcm *)base;
    const size_t header = RTC_SRTP_RTCP_HEADER_BYTES;
    if (*size < header + TAG_BYTES + INDEX_BYTES)
        return -EINVAL;
    uint8_t *trailer = packet + *size - INDEX_BYTES;
    const uint32_t word = get_u32(trailer);
    if (!(word & RTCP_IS_ENCRYPTED))
        return -EACCES; /* the profile encrypts; nobody may talk us out of it */
    const uint32_t ssrc = get_u32(packet + 4);
    const uint64_t index = word & RTCP_INDEX_MAX;
    struct source *s = find_source(g, ssrc);
    int err = s ? check_new(&s->rtcp, s->rtcp_seen, RTCP_WINDOW_PACKETS, index) : 0;
    if (err)
        return err;

    uint8_t nonce[SALT_BYTES];
    make_nonce(nonce, &g->rtcp, ssrc, index);
    const size_t text = *size - header - TAG_BYTES - INDEX_BYTES;
    err = unseal(&g->rtcp, nonce, (struct span){packet, header},
                 (struct span){trailer, INDEX_BYTES}, (struct span){packet + header, text});
    if (err)
        return err;
    s = use_source(g, s, ssrc);
    note_seen(&s->rtcp, s->rtcp_seen, RTCP_WINDOW_PACKETS, index);
    *size = header + text;
    return 0;
}

/* --- life
 * ----------------------------------------------------------------------------------------- */

static void gcm_destroy(struct rtc_srtp *base)
{
    struct gcm *g = (struct gcm *)base;
    EVP_CIPHER_CTX_free(g->rtp.context);
    EVP_CIPHER_CTX_free(g->rtcp.context);
    free(g->sources);
    OPENSSL_cleanse(g, sizeof(*g));
    free(g);
}

static void gcm_warm(const struct rtc_srtp *base, enum rtc_warm step)
{
    const struct gcm *g = (const struct gcm *)base;
    if (step != RTC_WARM_DEPTHS)
        return;
    rtc_warm(g->rtp.context, 3 * RTC_WARM_LINE_BYTES); /* as far as OpenSSL's own is known */
    rtc_warm(g->sources, sizeof(*g->sources));
}

static const struct rtc_srtp_backend backend = {
    .destroy = gcm_destroy,
    .protect = gcm_protect,
    .protect_rtcp = gcm_protect_rtcp,
    .unprotect = gcm_unprotect,
    .unprotect_rtcp = gcm_unprotect_rtcp,
    .warm = gcm_warm,
};

int rtc_srtp_gcm_create(struct rtc_srtp **out, enum rtc_srtp_direction direction,
                        const uint8_t *key, size_t size)
{
    if (size != KEY_BYTES + SALT_BYTES)
        return -EINVAL;
    struct gcm *g = calloc(1, sizeof(*g));
    if (!g)
        return -ENOMEM;
    g->base.backend = &backend;
    g->capacity = SOURCES_FIRST;
    g->sources = calloc(g->capacity, sizeof(*g->sources));
    const bool sends = direction == RTC_SRTP_SEND;
    int err = g->sources ? 0 : -ENOMEM;
    if (!err)
        err = open_cipher(&g->rtp, key, LABEL_RTP_KEY, LABEL_RTP_SALT, sends);
    if (!err)
        err = open_cipher(&g->rtcp, key, LABEL_RTCP_KEY, LABEL_RTCP_SALT, sends);
    if (err) {
        gcm_destroy(&g->base);
        return err;
    }
    *out = &g->base;
    return 0;
}
