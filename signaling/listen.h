/* signaling/listen.h - the address to listen on: reading it, and trying it before libwebsockets
 * does, which only says that it failed. */
#ifndef SIGNALING_LISTEN_H
#define SIGNALING_LISTEN_H

#include <stdbool.h>

/* Splits "HOST:PORT" or "[V6]:PORT"; host is a numeric address, "localhost" becomes 127.0.0.1.
 * Returns 0 or -EINVAL. Pure. */
int sig_listen_parse(const char *listen, char host[64], int *port, bool *is_v6);

/* Binds and listens for a moment. Returns 0 or the negative errno of what is in the way. */
int sig_listen_try(const char *host, int port, bool is_v6);

#endif
