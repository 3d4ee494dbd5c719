/* Ports and addresses; see doctor.h. A port is free when it can be bound, as a room will do it. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mcu/doctor.h"

enum { FEW_PORTS = 100 };

/* Returns 0 or the errno. */
static int try_bind(const struct sockaddr *address, socklen_t size, int type)
{
    const int on = 1;
    const int fd = socket(address->sa_family, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    if (type ==
        SOCK_STREAM) /* as the server does it: what lingers of an earlier one is no matter */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    const int err = bind(fd, address, size) ? errno : 0;
    close(fd);
    return err;
}

/* "host:port" or "[v6]:port" in two. */
static void split(const char *listen, char *host, size_t size, char *port)
{
    const char *colon = strrchr(listen, ':');
    const bool has_brackets = listen[0] == '[';
    const size_t n = (size_t)(colon - listen) - (has_brackets ? 2 : 0);
    snprintf(host, size, "%.*s", (int)n, listen + (has_brackets ? 1 : 0));
    snprintf(port, 8, "%.6s", colon + 1);
}

void mcu_doctor_http(struct mcu_doctor *d)
{
    const char *listen = d->config->http.listen;
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char host[256], port[8];
    split(listen, host, sizeof(host), port);
    if (getaddrinfo(host, port, &hints, &found)) {
        mcu_doctor_say(d, MCU_DOCTOR_FAIL, "http", "%s is no address: set http.listen", listen);
        return;
    }
    const int err = try_bind(found->ai_addr, found->ai_addrlen, SOCK_STREAM);
    freeaddrinfo(found);
    if (err == 0)
        mcu_doctor_say(d, MCU_DOCTOR_OK, "http", "%s is free", listen);
    else if (err == EADDRINUSE)
        mcu_doctor_say(d, MCU_DOCTOR_NOTE, "http",
                       "%s is taken: fine if Mixdown runs already, else set http.listen", listen);
    else
        mcu_doctor_say(d, MCU_DOCTOR_FAIL, "http", "%s cannot be used (%s): set http.listen",
                       listen, strerror(err));
}

static uint32_t count_free(uint32_t first, uint32_t last)
{
    uint32_t count = 0;
    for (uint32_t port = first; port <= last; port++) {
        const struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        count += try_bind((const struct sockaddr *)&a, sizeof(a), SOCK_DGRAM) == 0;
    }
    return count;
}

void mcu_doctor_ports(struct mcu_doctor *d)
{
    const uint32_t first = d->config->rtc.port_min, last = d->config->rtc.port_max;
    const bool is_one_port = strcmp(d->config->rtc.mode, "one-port") == 0;
    const uint32_t all = last >= first ? last - first + 1 : 0;
    const uint32_t free_ports = count_free(first, last);
    if (free_ports == 0)
        mcu_doctor_say(d, MCU_DOCTOR_FAIL, "ports",
                       "no UDP port of %u to %u is free: set rtc.port_min and rtc.port_max", first,
                       last);
    else if (free_ports < all / 2 || (all < FEW_PORTS && !is_one_port))
        mcu_doctor_say(
            d, MCU_DOCTOR_NOTE, "ports",
            "%u of UDP %u to %u are free, one %s takes one: widen rtc.port_min and rtc.port_max",
            free_ports, first, last, is_one_port ? "room" : "client and address");
    else
        mcu_doctor_say(
            d, MCU_DOCTOR_OK, "ports",
            "UDP%s %u to %u: open them in the firewall (%u are free now, each %s takes one)",
            d->config->rtc.tcp && !is_one_port ? " and TCP" : "", first, last, free_ports,
            is_one_port ? "room" : "client");
}

/* --- addresses -------------------------------------------------------------------------------- */

/* RFC 1918, 6598 (behind a carrier's NAT), 3927, 4193: nobody outside reaches them. */
static bool is_private(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET) {
        const uint32_t ip = ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr);
        return ip >> 24 == 10 || ip >> 20 == 0xac1 || ip >> 16 == 0xc0a8 || ip >> 22 == 0x191 ||
               ip >> 16 == 0xa9fe;
    }
    const uint8_t *ip = ((const struct sockaddr_in6 *)a)->sin6_addr.s6_addr;
    return (ip[0] & 0xfe) == 0xfc || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
}

struct addresses {
    char text[512]; /* as far as they fit */
    size_t count;   /* that other machines may reach */
    size_t public;
};

static void add(struct addresses *all, const struct sockaddr *a)
{
    char text[INET6_ADDRSTRLEN] = "";
    const size_t used = strlen(all->text);
    const void *ip = a->sa_family == AF_INET
                         ? (const void *)&((const struct sockaddr_in *)a)->sin_addr
                         : (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr;
    inet_ntop(a->sa_family, ip, text, sizeof(text));
    snprintf(all->text + used, sizeof(all->text) - used, "%s%s", used ? ", " : "", text);
    all->count++;
    all->public += !is_private(a);
}

static void read_interfaces(struct addresses *all)
{
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list))
        return;
    for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
        const struct sockaddr *a = i->ifa_addr;
        const bool is_ip = a && (a->sa_family == AF_INET || a->sa_family == AF_INET6);
        if (!is_ip || !(i->ifa_flags & IFF_UP) || (i->ifa_flags & IFF_LOOPBACK) ||
            (a->sa_family == AF_INET6 &&
             IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)a)->sin6_addr)))
            continue;
        add(all, a);
    }
    freeifaddrs(list);
}

/* Are those of rtc.listen this machine's? Says which is not. */
static bool has_listen(struct mcu_doctor *d)
{
    const struct mcu_config_list *list = &d->config->rtc.listen;
    bool has_all = true;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM};
        struct addrinfo *found = NULL;
        if (getaddrinfo(list->item[i], "0", &hints, &found))
            continue; /* the settings were checked */
        if (try_bind(found->ai_addr, found->ai_addrlen, SOCK_DGRAM)) {
            has_all = false;
            mcu_doctor_say(d, MCU_DOCTOR_FAIL, "addresses",
                           "%s is not this machine's: mend rtc.listen (public addresses that lead "
                           "here go to rtc.announced)",
                           list->item[i]);
        }
        freeaddrinfo(found);
    }
    return has_all;
}

void mcu_doctor_addresses(struct mcu_doctor *d)
{
    const struct mcu_config *c = d->config;
    struct addresses all = {0};
    if (!has_listen(d))
        return;
    read_interfaces(&all);
    if (c->rtc.announced.count > 0)
        mcu_doctor_say(d, MCU_DOCTOR_OK, "addresses", "clients are told %s%s (rtc.announced)",
                       c->rtc.announced.item[0], c->rtc.announced.count > 1 ? " and more" : "");
    else if (all.count == 0 && !c->rtc.loopback)
        mcu_doctor_say(d, MCU_DOCTOR_FAIL, "addresses",
                       "this machine has none but loopback: set rtc.loopback for clients on it");
    else if (all.public == 0 && !c->rtc.stun_server[0] && !c->rtc.turn_server[0])
        mcu_doctor_say(
            d, MCU_DOCTOR_NOTE, "addresses",
            "only private ones (%s): for clients outside set rtc.announced to the public one",
            all.text);
    else
        mcu_doctor_say(d, MCU_DOCTOR_OK, "addresses", "%s", all.text);
}
