/* tests/lib/netrig_packet.h - what the rig changes within an IP packet: addresses, ports, bits.
 *
 * IPv4 and IPv6 with UDP, TCP or ICMP behind them; fragments too. Checksums are mended by
 * difference (RFC 1624). Every length is checked: what is not understood is left as it is. Pure
 * functions. */
#ifndef TESTS_LIB_NETRIG_PACKET_H
#define TESTS_LIB_NETRIG_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/lib/netrig_conf.h"

/* A packet of the kernel's own housekeeping (multicast, link-local), or no IP packet at all. */
bool netrig_packet_is_noise(const uint8_t *data, size_t size);

/* Flips `bits` bits in a row of the UDP or TCP payload, the place by `noise`. With `mend` UDP's
 * checksum is made right again; TCP's never is. false: no payload, nothing done. */
bool netrig_packet_corrupt(uint8_t *data, size_t size, uint64_t noise, uint32_t bits, bool mend);

/* The client's other address. From the moment on that it is set, packets of the client come from
 * the outside address and ports, and only those to these reach it. With a port shift a port is open
 * once the client has sent from it, as with a NAT that has forgotten all it knew. */
struct netrig_nat {
    struct netrig_nat_conf conf;
    uint8_t inside[4], inside6[16]; /* the client's own */
    uint8_t opened[2][8192];        /* UDP, TCP: a bit for each outside port */
};

void netrig_nat_set(struct netrig_nat *nat, const struct netrig_nat_conf *conf);

/* From the client to the outside, and back. false: it belongs nowhere, drop it. */
bool netrig_nat_leave(struct netrig_nat *nat, uint8_t *data, size_t size);
bool netrig_nat_enter(const struct netrig_nat *nat, uint8_t *data, size_t size);

#endif
