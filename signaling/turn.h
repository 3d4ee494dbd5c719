/* signaling/turn.h - TURN servers for clients, with credentials that run out (coturn's REST scheme,
 * draft-uberti-behave-turn-rest-00): the server needs no list of users, only the secret.
 *
 * Pure, but for the wall clock that is handed in: [any]. */
#ifndef SIGNALING_TURN_H
#define SIGNALING_TURN_H

#include <stdint.h>

#include "mcu/config.h"

enum {
    SIG_TURN_USERNAME_MAX = 160, /* NUL included */
    SIG_TURN_PASSWORD_MAX = 32,
};

struct sig_turn {
    char username[SIG_TURN_USERNAME_MAX]; /* "1700000000:ada" */
    char password[SIG_TURN_PASSWORD_MAX]; /* base64 of the HMAC-SHA1 of it */
};

/* What a user needs for the configured TURN servers from now on. Returns 0, or -ENOENT: none is
 * configured. */
int sig_turn_make(struct sig_turn *out, const struct mcu_config *config, const char *user,
                  int64_t now_s);

/* For rooms, whose own relayed candidates come from rtc.turn_server: makes rtc.turn_user and
 * rtc.turn_password of the secret, for longer than a room lives; leaves what is configured. */
void sig_turn_for_rooms(struct mcu_config *config, int64_t now_s);

#endif
