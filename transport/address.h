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

/* Which of the machine's addresses a datagram came to: on a machine with several, what goes back must
 * leave from there, or nobody knows it (RFC 8445, section 7.3, and every NAT). As the kernel has it:
 * struct in_pktinfo of ip(7), struct in6_pktinfo of RFC 3542. */
struct rtc_source {
    sa_family_t family; /* of the socket; 0: not known, the kernel chooses */
    union {
        struct in_pktinfo v4;
        struct in6_pktinfo v6;
    };
};

/* A numeric host, no names. Returns 0 or -EINVAL. */
int rtc_address_read(struct rtc_address *out, const char *host, uint16_t port);

/* Both may be NULL. */
void rtc_address_print(const struct rtc_address *a, char host[RTC_ADDRESS_HOST_BYTES],
                       uint16_t *port);

/* An IPv4 address as an IPv6 socket sees it (RFC 4291, section 2.5.5.2); others stay. */
void rtc_address_map_to_v6(struct rtc_address *a);

/* 0.0.0.0 or "::"? */
bool rtc_address_is_any(const struct rtc_address *a);

bool rtc_address_is_equal(const struct rtc_address *a, const struct rtc_address *b);

/* seed: secret, so that nobody can choose addresses that meet. */
uint64_t rtc_address_hash(const struct rtc_address *a, uint64_t seed);

static inline socklen_t rtc_address_bytes(const struct rtc_address *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
}

#endif
