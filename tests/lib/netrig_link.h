/* tests/lib/netrig_link.h - one direction of the rig, without clock, sockets or threads.
 *
 *   push -> [blackout] -> bottleneck: FIFO of bytes, drop-tail, rate -> lost? -> delay, heap -> pop
 *
 * Packets that will be lost take their share of the rate first, as on the air. The fate of the nth
 * packet (lost, doubled, corrupted, held, its delay) depends on the seed, n and the settings alone,
 * never on when it came. Times are of one monotonic clock in ns and must not go back. Memory is
 * bounded by NETRIG_LINK_PACKETS and NETRIG_LINK_BYTES. One thread. */
#ifndef TESTS_LIB_NETRIG_LINK_H
#define TESTS_LIB_NETRIG_LINK_H

#include "tests/lib/netrig_conf.h"
#include "tests/lib/netrig_random.h"

#define NETRIG_LINK_PACKETS 65536
#define NETRIG_LINK_BYTES   (64u << 20)
#define NETRIG_LINK_SAMPLES 8192

struct netrig_packet {
    struct netrig_packet *next;
    int64_t entered_ns, due_ns, delay_ns;
    uint64_t order, noise;
    size_t size;
    bool is_lost, is_held, is_doubled, is_corrupt;
    uint8_t data[];
};

struct netrig_counts {
    uint64_t in_packets, in_bytes, out_packets, out_bytes;
    uint64_t lost, tail_dropped, blacked_out, nat_dropped, overflowed;
    uint64_t held, doubled, corrupted;
    uint64_t unsent; /* the device did not take them */
};

struct netrig_link {
    struct netrig_conf conf;
    struct netrig_random loss, delay, hold, dup, corrupt;
    bool is_bad; /* of Gilbert's two states */

    struct netrig_packet *head, *tail; /* the bottleneck; the head is being sent */
    uint64_t queue_bytes;
    int64_t busy_until_ns; /* the head leaves then */

    struct netrig_packet **heap; /* by due_ns, then order */
    size_t heap_size;
    int64_t last_due_ns; /* of those that keep the order */

    size_t packets, bytes; /* held in all */
    uint64_t order;
    struct netrig_counts counts;
    int64_t
        queued_ns[NETRIG_LINK_SAMPLES]; /* in the bottleneck; the newest, since the last clear */
    size_t samples;
};

/* -ENOMEM. */
int netrig_link_init(struct netrig_link *l, uint64_t seed, uint64_t stream);
void netrig_link_finish(struct netrig_link *l);

/* Starts the random numbers again; settings and packets stay. */
void netrig_link_seed(struct netrig_link *l, uint64_t seed, uint64_t stream);

/* From now on; what is in the queue goes on at the new rate, what has its delay keeps it. */
void netrig_link_set(struct netrig_link *l, const struct netrig_conf *conf, int64_t now_ns);

/* Copies the packet, or counts why not. */
void netrig_link_push(struct netrig_link *l, const uint8_t *data, size_t size, int64_t now_ns);

/* When pop will have something to do; INT64_MAX: nothing held. */
int64_t netrig_link_next_ns(const struct netrig_link *l);

/* The next packet that is due, corrupted if it was to be; the caller frees it with free(), and
 * sends it twice if is_doubled. NULL: none. */
struct netrig_packet *netrig_link_pop(struct netrig_link *l, int64_t now_ns);

#endif
