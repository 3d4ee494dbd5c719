/* transport/address.h - where datagrams come from and go to: an IPv4 or IPv6 address and a port.
 *
 * Plain values; [any]. */
#ifndef TRANSPORT_ADDRESS_H
#define TRANSPORT_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { RTC_ADDRESS_HOST_BYTES = 64 };

struct rtc_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
};

/* A numeric host, no names. Returns 0 or -EINVAL. */
int rtc_address_read(struct rtc_address *out, const char *host, uint16_t port);

/* Both may be NULL. */
void rtc_address_print(const struct rtc_address *a, char host[RTC_ADDRESS_HOST_BYTES],
                       uint16_t *port);

/* An IPv4 address as an IPv6 socket sees it (RFC 4291, section 2.5.5.2); others stay. */
void rtc_address_map_to_v6(struct rtc_address *a);

bool rtc_address_is_equal(const struct rtc_address *a, const struct rtc_address *b);

/* seed: secret, so that nobody can choose addresses that meet. */
uint64_t rtc_address_hash(const struct rtc_address *a, uint64_t seed);

static inline socklen_t rtc_address_bytes(const struct rtc_address *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
}

#endif
