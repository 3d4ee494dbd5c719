/* transport/ice_servers.h - the STUN and TURN servers that an agent of libnice asks for candidates.
 *
 * By address: libnice would resolve a name and block. All functions are [net]; for ice.c. */
#ifndef TRANSPORT_ICE_SERVERS_H
#define TRANSPORT_ICE_SERVERS_H

#include <nice/agent.h>

#include "transport/rtc.h"

/* "192.0.2.1:3478" or "[2001:db8::1]:3478" in two; host: INET6_ADDRSTRLEN bytes. Returns 0 or
 * -EINVAL. */
int rtc_ice_server_read(const char *server, char *host, uint16_t *port);

/* Before the stream is there. Returns 0 (also without a server) or -EINVAL. */
int rtc_ice_use_stun(NiceAgent *agent, const struct rtc_conf *conf);

/* Once the stream is there. Returns 0 (also without a server) or -EINVAL. */
int rtc_ice_use_turn(NiceAgent *agent, guint stream, guint component, const struct rtc_conf *conf);

#endif
