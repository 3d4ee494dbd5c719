/* signaling/front_parts.h - makes what the front consists of, libwebsockets aside. Only server.c
 * includes it. Front thread. */
#ifndef SIGNALING_FRONT_PARTS_H
#define SIGNALING_FRONT_PARTS_H

#include "signaling/front.h"
#include "signaling/server.h"

/* Fills *front, which is zeroed; conf stays where it is for as long. Returns 0 or a negative errno,
 * with words in error (SIG_SERVER_ERROR_MAX) where there are some; then, too, it is destroyed by
 * the caller. */
int sig_front_create(struct sig_front *front, const struct sig_server_conf *conf, char *error);

/* When no connection is left. */
void sig_front_destroy(struct sig_front *front);

#endif
