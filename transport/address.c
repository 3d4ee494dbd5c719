/* Addresses; see address.h. [any] */
#include "transport/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

int rtc_address_read(struct rtc_address *out, const char *host, uint16_t port)
{
    struct rtc_address a;
    memset(&a, 0, sizeof(a));
    if (inet_pton(AF_INET, host, &a.v4.sin_addr) == 1) {
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = htons(port);
    } else if (inet_pton(AF_INET6, host, &a.v6.sin6_addr) == 1) {
        a.v6.sin6_family = AF_INET6;
        a.v6.sin6_port = htons(port);
    } else {
        return -EINVAL;
    }
    *out = a;
    return 0;
}

void rtc_address_print(const struct rtc_address *a, char host[RTC_ADDRESS_HOST_BYTES],
                       uint16_t *port)
{
    const bool is_v6 = a->any.sa_family == AF_INET6;
    const void *ip = is_v6 ? (const void *)&a->v6.sin6_addr : (const void *)&a->v4.sin_addr;
    if (host && !inet_ntop(a->any.sa_family, ip, host, RTC_ADDRESS_HOST_BYTES))
        host[0] = '\0';
    if (port)
        *port = ntohs(is_v6 ? a->v6.sin6_port : a->v4.sin_port);
}

void rtc_address_map_to_v6(struct rtc_address *a)
{
    if (a->any.sa_family != AF_INET)
        return;
    const struct sockaddr_in v4 = a->v4;
    memset(a, 0, sizeof(*a));
    a->v6.sin6_family = AF_INET6;
    a->v6.sin6_port = v4.sin_port;
    a->v6.sin6_addr.s6_addr[10] = a->v6.sin6_addr.s6_addr[11] = 0xff;
    memcpy(&a->v6.sin6_addr.s6_addr[12], &v4.sin_addr, 4);
}

bool rtc_address_is_any(const struct rtc_address *a)
{
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
}

bool rtc_address_is_equal(const struct rtc_address *a, const struct rtc_address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr && a->v4.sin_port == b->v4.sin_port;
    return a->v6.sin6_port == b->v6.sin6_port &&
           memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
}

/* The finalizer of SplitMix64: every bit of v moves every bit out. */
static uint64_t mixed(uint64_t v)
{
    v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
    return v ^ v >> 31;
}

uint64_t rtc_address_hash(const struct rtc_address *a, uint64_t seed)
{
    if (a->any.sa_family == AF_INET)
        return mixed(seed ^ ((uint64_t)a->v4.sin_addr.s_addr << 16 | a->v4.sin_port));
    uint64_t halves[2];
    memcpy(halves, &a->v6.sin6_addr, sizeof(halves));
    return mixed(mixed(mixed(seed ^ halves[0]) ^ halves[1]) ^ a->v6.sin6_port);
}
