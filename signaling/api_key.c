/* See api_key.h. A key is random, so one SHA-256 keeps it as well as a slow hash would. */
#include "signaling/api_key.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "signaling/ids.h"

enum { PREFIX = 3, HEX = 2 * SHA256_DIGEST_LENGTH, NAME_MAX_BYTES = 32 };

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

bool sig_api_key_is(const char *text)
{
    return strncmp(text, "mk_", PREFIX) == 0 && strlen(text) == SIG_API_KEY_SIZE - 1 &&
           strspn(text + PREFIX, alphabet) == SIG_API_KEY_SIZE - 1 - PREFIX;
}

static void hash_hex(char out[HEX + 1], const char *key)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)key, strlen(key), digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void fill(struct sig_token *out, const char *setting)
{
    const size_t name = strcspn(setting, ":");
    *out = (struct sig_token){.is_admin = true, .may_record = true, .may_live = true};
    out->is_observer = strncmp(setting + name, ":observer:", 10) == 0;
    snprintf(out->sub, sizeof(out->sub), "%.*s", (int)name, setting);
    snprintf(out->role, sizeof(out->role), "host");
}

bool sig_api_key_check(const struct mcu_config_list *keys, const char *text, struct sig_token *out)
{
    char hex[HEX + 1];
    const char *found = NULL;
    hash_hex(hex, text);
    for (uint32_t i = 0; i < keys->count; i++) { /* all of them: no clock tells which it was */
        const char *kept = strrchr(keys->item[i], ':');
        if (kept && strlen(kept + 1) == HEX && CRYPTO_memcmp(kept + 1, hex, HEX) == 0)
            found = keys->item[i];
    }
    if (found)
        fill(out, found);
    return found != NULL;
}

int sig_api_key_make(char key[SIG_API_KEY_SIZE], char setting[SIG_API_KEY_SETTING_SIZE],
                     const char *name, const char *role)
{
    char hex[HEX + 1];
    const size_t n = strlen(name);
    for (const char *c = name; *c; c++) {
        if (!strchr(alphabet, *c) && *c != '-' && *c != '_')
            return -EINVAL;
    }
    if (n == 0 || n > NAME_MAX_BYTES ||
        (strcmp(role, "admin") != 0 && strcmp(role, "observer") != 0))
        return -EINVAL;
    memcpy(key, "mk_", PREFIX);
    sig_id_make(key + PREFIX, SIG_API_KEY_SIZE - PREFIX);
    hash_hex(hex, key);
    snprintf(setting, SIG_API_KEY_SETTING_SIZE, "%s:%s:%s", name, role, hex);
    return 0;
}
