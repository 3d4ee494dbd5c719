/* Time-limited TURN credentials; see turn.h. */
#include "signaling/turn.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#define ROOM_TTL_S (INT64_C(2) * 365 * 86400)

/* The password to out->username. */
static int sign(struct sig_turn *out, const char *secret)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (!HMAC(EVP_sha1(), secret, (int)strlen(secret), (const uint8_t *)out->username,
              strlen(out->username), mac, &size))
        return -ENOENT;
    EVP_EncodeBlock((uint8_t *)out->password, mac, (int)size);
    return 0;
}

int sig_turn_make(struct sig_turn *out, const struct mcu_config *config, const char *user,
                  int64_t now_s)
{
    const char *secret = config->rtc.turn_secret;
    if (!secret[0] || config->rtc.turn_urls.count == 0)
        return -ENOENT;
    snprintf(out->username, sizeof(out->username), "%lld:%s",
             (long long)(now_s + config->rtc.turn_ttl_s), user);
    return sign(out, secret);
}

void sig_turn_for_rooms(struct mcu_config *config, int64_t now_s)
{
    struct sig_turn turn;
    if (!config->rtc.turn_server[0] || config->rtc.turn_user[0] || !config->rtc.turn_secret[0])
        return;
    snprintf(turn.username, sizeof(turn.username), "%lld:mixdown", (long long)(now_s + ROOM_TTL_S));
    if (sign(&turn, config->rtc.turn_secret))
        return;
    snprintf(config->rtc.turn_user, sizeof(config->rtc.turn_user), "%s", turn.username);
    snprintf(config->rtc.turn_password, sizeof(config->rtc.turn_password), "%s", turn.password);
}
