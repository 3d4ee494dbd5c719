/* Time-limited TURN credentials; see turn.h. */
#include "signaling/turn.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

int sig_turn_make(struct sig_turn *out, const struct mcu_config *config, const char *user,
                  int64_t now_s)
{
    const char *secret = config->rtc.turn_secret;
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (!secret[0] || config->rtc.turn_urls.count == 0)
        return -ENOENT;
    snprintf(out->username, sizeof(out->username), "%lld:%s",
             (long long)(now_s + config->rtc.turn_ttl_s), user);
    if (!HMAC(EVP_sha1(), secret, (int)strlen(secret), (const uint8_t *)out->username,
              strlen(out->username), mac, &size))
        return -ENOENT;
    EVP_EncodeBlock((uint8_t *)out->password, mac, (int)size);
    return 0;
}
