/* tests/lib/netsim.h - a seeded network on paper: what arrives of a stream of packets, and when.
 *
 * Each sent packet carries itself and copies of the `copies` before it (RFC 2198). It is lost by
 * chance, evenly or in bursts (Gilbert-Elliott), or arrives after a jitter. What arrives is listed
 * in order of arrival; copies come as repairs, with their carrier. The same seed makes the same
 * list everywhere. */
#ifndef TESTS_LIB_NETSIM_H
#define TESTS_LIB_NETSIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct netsim_conf {
    uint32_t seed;
    uint32_t loss_permille;  /* evenly; in bursts: of the bad state */
    uint32_t enter_permille; /* good to bad, each packet; 0: no bursts */
    uint32_t leave_permille; /* bad to good */
    uint32_t jitter_us;      /* 0..this, evenly: packets overtake each other when it is large */
    uint32_t held_permille;  /* of packets come held_us later: spikes, reordering */
    uint32_t held_us;
    int32_t drift_ppm; /* of the sender's clock, positive: fast */
    uint32_t copies;
    int64_t packet_us;
};

struct netsim_arrival {
    uint64_t packet; /* number, from 0 */
    int64_t pts_us;
    int64_t arrival_us;
    uint64_t order; /* of sending */
    bool is_repair;
};

static inline uint32_t netsim_random(uint32_t *state, uint32_t n)
{
    *state = *state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(*state >> 8) * n) >> 24);
}

static inline int netsim_compare(const void *a, const void *b)
{
    const struct netsim_arrival *x = a;
    const struct netsim_arrival *y = b;
    if (x->arrival_us != y->arrival_us)
        return x->arrival_us < y->arrival_us ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static inline int64_t netsim_pts_us(const struct netsim_conf *c, uint64_t packet)
{
    const int64_t sent = (int64_t)packet * c->packet_us;
    return sent - sent * c->drift_ppm / 1000000;
}

static inline bool netsim_is_lost(const struct netsim_conf *c, uint32_t *seed, bool *is_bad)
{
    if (c->enter_permille == 0)
        return netsim_random(seed, 1000) < c->loss_permille;
    if (netsim_random(seed, 1000) < (*is_bad ? c->leave_permille : c->enter_permille))
        *is_bad = !*is_bad;
    return *is_bad && netsim_random(seed, 1000) < c->loss_permille;
}

/* What arrives of `count` packets; the caller frees *out. Returns how many. */
static inline size_t netsim_run(const struct netsim_conf *c, uint64_t count,
                                struct netsim_arrival **out)
{
    struct netsim_arrival *list = calloc(count * (c->copies + 1), sizeof(*list));
    if (!list)
        abort();
    uint32_t seed = c->seed;
    bool is_bad = false;
    size_t n = 0;
    for (uint64_t k = 0; k < count; k++) {
        const bool is_lost = netsim_is_lost(c, &seed, &is_bad) && k > 0;
        int64_t late_us = netsim_random(&seed, c->jitter_us + 1);
        if (netsim_random(&seed, 1000) < c->held_permille)
            late_us += c->held_us;
        for (uint64_t back = 0; !is_lost && back <= c->copies && back <= k; back++)
            list[n++] = (struct netsim_arrival){.packet = k - back,
                                                .pts_us = netsim_pts_us(c, k - back),
                                                .arrival_us = netsim_pts_us(c, k) + late_us,
                                                .order = k * (c->copies + 1) + back,
                                                .is_repair = back > 0};
    }
    qsort(list, n, sizeof(*list), netsim_compare);
    *out = list;
    return n;
}

#endif
