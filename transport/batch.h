/* transport/batch.h - datagrams in and out of UDP sockets by the dozen: one recvmmsg or sendmmsg
 * for up to RTC_BATCH of them.
 *
 * One batch serves all sockets of a [net] thread. What is to go out is written straight into a slot
 * and leaves when the slots are full or at the end of the thread's turn (rtc_batch_flush()).
 * Nothing allocates after create. All functions are [net]. */
#ifndef TRANSPORT_BATCH_H
#define TRANSPORT_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "transport/address.h"

struct rtc_batch; /* opaque, about 200 kB */

enum {
    RTC_BATCH = 64,
    RTC_BATCH_DATAGRAM_MAX = 1500, /* RTC_MTU; a longer one that comes is left out */
};

struct rtc_batch_stats {
    uint64_t sent;
    uint64_t refused; /* the kernel would not take it: full buffers, or an error of ICMP's */
    uint64_t received;
    uint64_t calls_out; /* sendmmsg */
    uint64_t calls_in;  /* recvmmsg */
};

/* The caller owns *out. Returns 0 or -ENOMEM. */
int rtc_batch_create(struct rtc_batch **out);
void rtc_batch_destroy(struct rtc_batch *b); /* what waits is lost; NULL is fine */

/* Where the next datagram is to be written: RTC_BATCH_DATAGRAM_MAX bytes, aligned to 8. Not taken
 * until rtc_batch_put(). */
uint8_t *rtc_batch_slot(struct rtc_batch *b);

/* The slot's first size bytes are to go from fd to there. */
void rtc_batch_put(struct rtc_batch *b, int fd, const struct rtc_address *to, size_t size);

/* The same, from that address of this machine. */
void rtc_batch_put_from(struct rtc_batch *b, int fd, const struct rtc_address *to,
                        const struct rtc_source *source, size_t size);

/* Sends all that waits. Before a socket is closed, too. */
void rtc_batch_flush(struct rtc_batch *b);

/* One datagram of a batch. */
struct rtc_batch_datagram {
    const struct rtc_address *from;
    struct rtc_source source; /* known if the socket has IP_PKTINFO or IPV6_RECVPKTINFO */
    uint8_t *data;
    size_t size;
};

/* Takes at most RTC_BATCH datagrams from fd. They are the batch's, in order and changeable, until
 * the next call. Returns how many there are. */
size_t rtc_batch_receive(struct rtc_batch *b, int fd, struct rtc_batch_datagram *datagrams);

void rtc_batch_read_stats(const struct rtc_batch *b, struct rtc_batch_stats *stats);

#endif
