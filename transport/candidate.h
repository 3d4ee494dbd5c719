/* transport/candidate.h - ICE candidates as text (RFC 8839, section 5.1) and as data. Pure: [any]. */
#ifndef TRANSPORT_CANDIDATE_H
#define TRANSPORT_CANDIDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum rtc_candidate_type {
    RTC_CANDIDATE_HOST,
    RTC_CANDIDATE_SRFLX,
    RTC_CANDIDATE_PRFLX,
    RTC_CANDIDATE_RELAY,
};

struct rtc_candidate {
    char foundation[33];
    uint32_t component;
    uint32_t priority;
    enum rtc_candidate_type type;
    bool is_udp;
    bool is_tcp_passive;             /* RFC 6544: it waits to be connected to */
    bool has_address;                /* false: a name (mDNS), kept nowhere */
    struct sockaddr_storage address; /* with the port; AF_INET or AF_INET6 */
};

/* Reads "candidate:..."; of what follows the type only tcptype is looked at. Returns 0 or -EINVAL. */
int rtc_candidate_parse(struct rtc_candidate *out, const char *text);

/* Writes one of ours: UDP or passive TCP, component 1. related may be NULL. Returns 0 or -ENOSPC. */
int rtc_candidate_write(char *out, size_t capacity, const struct rtc_candidate *c,
                        const struct sockaddr *related);

/* "192.0.2.1" or "2001:db8::1" with a port. Returns 0 or -EINVAL. */
int rtc_address_parse(struct sockaddr_storage *out, const char *text, uint16_t port);

uint16_t rtc_address_port(const struct sockaddr *address);
bool rtc_address_is_loopback(const struct sockaddr *address);
bool rtc_address_is_link_local(const struct sockaddr *address);

#endif
