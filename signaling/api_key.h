/* signaling/api_key.h - keys for servers: mk_ and 43 characters of base 62, 256 bits of chance.
 *
 * The settings hold `NAME:ROLE:SHA256` only (auth.api_keys); the key itself is shown once, by
 * `mixdown token --api-key NAME`. An `admin` may do all that an admin's token may; an `observer`
 * may read (GET and HEAD) all. Threads: pure, [any]. */
#ifndef SIGNALING_API_KEY_H
#define SIGNALING_API_KEY_H

#include "mcu/config.h"
#include "signaling/token.h"

enum {
    SIG_API_KEY_SIZE = 3 + 43 + 1,
    SIG_API_KEY_SETTING_SIZE = 32 + 1 + 8 + 1 + 64 + 1,
};

/* Whether a text has the form of a key; what has not is a JWT or nonsense. */
bool sig_api_key_is(const char *text);

/* Finds the key among the settings', in constant time. true: *out is filled. */
bool sig_api_key_check(const struct mcu_config_list *keys, const char *text, struct sig_token *out);

/* Makes one: the key and its line for the settings. Returns 0, or -EINVAL: name is not 1 to 32 of
 * A-Z a-z 0-9 - _, or role is neither admin nor observer. */
int sig_api_key_make(char key[SIG_API_KEY_SIZE], char setting[SIG_API_KEY_SETTING_SIZE],
                     const char *name, const char *role);

#endif
