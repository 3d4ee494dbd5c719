/* transport/port.h - a UDP port on a [net] thread, shared by any number of owners that are told
 * apart by where their datagrams come from.
 *
 * What comes from an address that nobody bound goes to the stranger, if there is one: a port of one
 * owner that has yet to learn where its far side is, or a demultiplexer by something else
 * (ICE-lite: by STUN's user name). All functions are [net] of the context's thread. */
#ifndef TRANSPORT_PORT_H
#define TRANSPORT_PORT_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/address.h"
#include "transport/batch.h"
#include "transport/warm.h"

struct rtc_port; /* opaque */

enum {
    /* A busy port is not polled but looked at every so often, at whole multiples of it, so that all
     * ports of a thread are looked at in one turn: a wake-up costs more than a packet. */
    RTC_PORT_LOOK_US = 5 * 1000,
    RTC_PORT_BUSY_PER_S = 300,   /* datagrams a second from which on looking costs less */
    RTC_PORT_READ_US = 5 * 1000, /* then others on this thread, and what goes out, get their turn */
};

struct rtc_port_conf {
    GMainContext *context;
    struct rtc_batch *batch; /* borrowed; outlives the port */
    const char *host;        /* local address, numeric; "::" takes IPv4 too */
    uint16_t port_min;       /* 0 and 0: any */
    uint16_t port_max;
    uint8_t dscp;          /* RFC 2474 */
    size_t buffer_bytes; /* of the kernel, each way; what it gives less is logged */
    void *stranger;      /* owner of what comes from nowhere known; NULL: dropped and counted */
    void (*on_datagram)(void *owner, const struct rtc_address *from, uint8_t *data, size_t size,
                        int64_t now_us);
    /* One is about to come to owner; see warm.h. May be NULL. */
    void (*on_soon)(void *owner, enum rtc_warm step, const uint8_t *data, size_t size);
};

struct rtc_port_stats {
    uint64_t received;
    uint64_t strangers; /* dropped */
    size_t owners;
    bool is_busy;
};

/* The caller owns *out. Returns 0, -EINVAL (host), -ENOMEM or -EIO (no free port). */
int rtc_port_create(struct rtc_port **out, const struct rtc_port_conf *conf);

/* Sends what waits. Not from within on_datagram(). NULL is fine. */
void rtc_port_destroy(struct rtc_port *p);

/* What comes from there is owner's (not NULL) from now on. *from becomes the address as this socket
 * sees it: IPv4 within IPv6, if need be. Returns 0, -EADDRINUSE (it is somebody's), -EINVAL (IPv6,
 * and the port has none) or -ENOMEM. */
int rtc_port_bind(struct rtc_port *p, struct rtc_address *from, void *owner);
/* Whose that address is, as it comes to on_datagram(); NULL: nobody's. */
void *rtc_port_owner(const struct rtc_port *p, const struct rtc_address *from);
void rtc_port_unbind(struct rtc_port *p, const struct rtc_address *from);

/* As of struct rtc_batch: write into the slot, then put it. */
uint8_t *rtc_port_slot(struct rtc_port *p);
void rtc_port_put(struct rtc_port *p, const struct rtc_address *to, size_t size);

/* Where the datagram came to that is in on_datagram() now; known on a port of all addresses. And out
 * from there. */
const struct rtc_source *rtc_port_source(const struct rtc_port *p);
void rtc_port_put_from(struct rtc_port *p, const struct rtc_address *to,
                       const struct rtc_source *source, size_t size);

void rtc_port_local(const struct rtc_port *p, struct rtc_address *local);
void rtc_port_read_stats(const struct rtc_port *p, struct rtc_port_stats *stats);

#endif
