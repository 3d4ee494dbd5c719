/* STUN and TURN servers; see ice_servers.h. [net] */
#include "transport/ice_servers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/candidate.h"

int rtc_ice_server_read(const char *server, char *host, uint16_t *port)
{
    const char *colon = strrchr(server, ':');
    const bool has_brackets = server[0] == '[' && colon && colon > server && colon[-1] == ']';
    const char *start = server + (has_brackets ? 1 : 0);
    const char *end = has_brackets ? colon - 1 : colon;
    char text[INET6_ADDRSTRLEN];
    if (!colon || end <= start || (size_t)(end - start) >= sizeof(text))
        return -EINVAL;
    memcpy(text, start, (size_t)(end - start));
    text[end - start] = '\0';
    const long number = strtol(colon + 1, NULL, 10);
    struct sockaddr_storage address;
    if (number < 1 || number > UINT16_MAX || rtc_address_parse(&address, text, (uint16_t)number))
        return -EINVAL;
    memcpy(host, text, strlen(text) + 1);
    *port = (uint16_t)number;
    return 0;
}

int rtc_ice_use_stun(NiceAgent *agent, const struct rtc_conf *conf)
{
    char host[INET6_ADDRSTRLEN];
    uint16_t port;
    if (!conf->stun_server || !conf->stun_server[0])
        return 0;
    const int err = rtc_ice_server_read(conf->stun_server, host, &port);
    if (!err)
        g_object_set(agent, "stun-server", host, "stun-server-port", (guint)port, NULL);
    return err;
}

int rtc_ice_use_turn(NiceAgent *agent, guint stream, guint component, const struct rtc_conf *conf)
{
    const struct rtc_turn *turn = &conf->turn;
    char host[INET6_ADDRSTRLEN];
    uint16_t port;
    if (!turn->server || !turn->server[0])
        return 0;
    const int err = rtc_ice_server_read(turn->server, host, &port);
    if (err)
        return err;
    const NiceRelayType type = turn->is_tcp ? NICE_RELAY_TYPE_TURN_TCP : NICE_RELAY_TYPE_TURN_UDP;
    if (!nice_agent_set_relay_info(agent, stream, component, host, port,
                                   turn->user ? turn->user : "",
                                   turn->password ? turn->password : "", type))
        return -EINVAL;
    g_object_set(agent, "force-relay", (gboolean)turn->is_only, NULL);
    return 0;
}
