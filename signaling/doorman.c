/* See doorman.h. */
#include "signaling/doorman.h"

#include <arpa/inet.h>
#include <libwebsockets.h>
#include <string.h>
#include <sys/random.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "signaling/front.h"

/* --- the table -------------------------------------------------------------------------------- */

/* The part of an address that belongs to one customer. */
static size_t key_of(unsigned char out[16], const char *address)
{
    if (inet_pton(AF_INET6, address, out) == 1) {
        if (IN6_IS_ADDR_V4MAPPED((struct in6_addr *)out)) {
            memmove(out, out + 12, 4);
            return 4;
        }
        return 8;
    }
    return inet_pton(AF_INET, address, out) == 1 ? 4 : 0;
}

/* FNV-1a over seed and key; strangers choose the key but do not know the seed. */
static uint64_t hash(uint64_t seed, const unsigned char *key, size_t size)
{
    uint64_t h = UINT64_C(14695981039346656037) ^ seed;
    for (size_t i = 0; i < size; i++)
        h = (h ^ key[i]) * UINT64_C(1099511628211);
    h ^= h >> 29;
    return h ? h : 1;
}

/* Its entry, or the one that gives way to it. */
static struct sig_try *find(struct sig_try *ways, uint64_t address)
{
    struct sig_try *oldest = &ways[0];
    for (size_t i = 0; i < SIG_TRIES_WAYS; i++) {
        if (ways[i].address == address)
            return &ways[i];
        if (ways[i].since_us < oldest->since_us)
            oldest = &ways[i];
    }
    return oldest;
}

uint32_t sig_tries_add(struct sig_tries *t, const char *address, int64_t now_us)
{
    unsigned char key[16] = {0};
    while (!t->seed) {
        if (getrandom(&t->seed, sizeof(t->seed), 0) != sizeof(t->seed))
            t->seed = (uint64_t)now_us;
    }
    const uint64_t h = hash(t->seed, key, key_of(key, address));
    struct sig_try *e = find(t->at[h % SIG_TRIES_PLACES], h);
    if (e->address != h || now_us - e->since_us >= SIG_TRIES_WINDOW_S * MCU_US_PER_S)
        *e = (struct sig_try){.address = h, .since_us = now_us};
    return ++e->count;
}

/* --- the check -------------------------------------------------------------------------------- */

const struct sig_error *sig_doorman_check(struct sig_front *front, struct lws *wsi,
                                          const char *text, struct sig_token *token)
{
    char address[64] = "";
    const char *reason = "";
    const struct sig_error *error = sig_authenticate_why(front->config, text, token, &reason);
    if (!error || !text[0])
        return error;
    front->stats.bad_tokens++;
    lws_get_peer_simple(wsi, address, sizeof(address));
    const uint32_t most = front->config->auth.bad_tokens;
    const uint32_t count = sig_tries_add(&front->tries, address, mcu_now_us());
    if (most == 0 || count <= most) {
        log_info("auth: a token of %s was refused: %s", address, reason);
        return error;
    }
    front->stats.limited_tokens++;
    if (count == most + 1)
        log_warn("auth: %s has sent %u bad tokens within a minute: further ones are not looked at",
                 address, most);
    return sig_error("too_many_tokens");
}
