/* Who may come in: bans, locks, passwords, the lobby. Front thread.
 *
 * A password is one that people say to each other, so it is short: what protects it is that guesses
 * are counted, and the hash is slow enough (PBKDF2, about a millisecond) that a stolen one does not
 * tell it at once. Compared in constant time. */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "signaling/rooms.h"
#include "signaling/rules_internal.h"

enum { ROUNDS = 2000 };

static bool derive(uint8_t out[32], const uint8_t salt[16], const char *password)
{
    return PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, 16, ROUNDS, EVP_sha256(), 32,
                             out) == 1;
}

void rules_set_password(struct sig_rules *r, const char *password)
{
    r->has_password = password != NULL;
    json_object_clear(r->tries);
    if (!password)
        return;
    if (RAND_bytes(r->salt, sizeof(r->salt)) == 1 && derive(r->hash, r->salt, password))
        return;
    log_error("a password cannot be kept: OpenSSL refuses; nobody is let in by it");
    RAND_bytes(r->hash, sizeof(r->hash));
}

void rules_hex(char *out, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * size] = '\0';
}

int rules_unhex(uint8_t *out, size_t size, const char *text)
{
    if (strlen(text) != 2 * size || strspn(text, "0123456789abcdef") != 2 * size)
        return -EINVAL;
    for (size_t i = 0; i < size; i++) {
        const char high = text[2 * i];
        const char low = text[2 * i + 1];
        out[i] = (uint8_t)((high <= '9' ? high - '0' : high - 'a' + 10) << 4 |
                           (low <= '9' ? low - '0' : low - 'a' + 10));
    }
    return 0;
}

/* Counts a guess that was wrong. */
static void count_try(struct sig_rules *r, const char *user)
{
    const json_int_t before = json_integer_value(json_object_get(r->tries, user));
    json_object_set_new(r->tries, user, json_integer(before + 1));
}

static bool may_try(struct sig_rules *r, const char *user)
{
    const int64_t now_us = mcu_now_us();
    if (now_us - r->tries_since_us >= 60 * MCU_US_PER_S) {
        json_object_clear(r->tries);
        r->tries_since_us = now_us;
    }
    return json_object_size(r->tries) < SIG_RULES_USERS_MAX &&
           json_integer_value(json_object_get(r->tries, user)) < SIG_PASSWORD_TRIES;
}

static const struct sig_error *check_password(struct sig_rules *r, const char *user,
                                              const char *password)
{
    uint8_t hash[32];
    if (!password || !password[0])
        return sig_error("password_needed");
    if (!may_try(r, user))
        return sig_error("rate_limited");
    if (derive(hash, r->salt, password) && CRYPTO_memcmp(hash, r->hash, sizeof(hash)) == 0)
        return NULL;
    count_try(r, user);
    return sig_error("bad_password");
}

const struct sig_error *sig_rules_gate(struct sig_room *room, const char *user,
                                       const char *password, bool is_host, bool has_seat)
{
    struct sig_rules *r = &room->rules;
    const bool was_admitted = user[0] && json_object_get(r->admitted, user);
    if (sig_rules_are_against(r, user))
        return sig_error("banned");
    if (is_host || has_seat)
        return NULL;
    if (r->is_locked)
        return sig_error("room_locked");
    const struct sig_error *error = r->has_password ? check_password(r, user, password) : NULL;
    if (error)
        return error;
    return r->has_lobby && !was_admitted ? sig_error("lobby") : NULL;
}
