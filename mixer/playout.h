/* mixer/playout.h - how long to hold a voice back, learnt from how late its sound comes. Pure.
 *
 * Lateness is arrival minus capture time on the room clock, of the first packet that brought a
 * piece of sound: what comes twice is told once. The target is the lateness that 97 % of recent
 * sound stays below, plus one tick (a packet may begin at any point of a tick but must be there
 * when the tick begins). It rises at once, stays for
 * some seconds after it was last needed, and falls slowly.
 *
 * What came only as a repair (a RED copy, a retransmission) counts three times: it is not jitter,
 * and one or two in a hundred are not worth waiting for, but from there on waiting for the copies
 * sounds better than concealing what they bring. Repairs that take longer than REPAIR_MAX_US are
 * not waited for. */
#ifndef MIXER_PLAYOUT_H
#define MIXER_PLAYOUT_H

#include <stdbool.h>
#include <stdint.h>

enum { MIX_PLAYOUT_BINS = 1024 }; /* of 1 ms */

enum mix_arrival {
    MIX_ARRIVAL_FIRST,
    MIX_ARRIVAL_MISSED, /* its sound was due before it came: a hole that was heard */
    MIX_ARRIVAL_REPAIR,
};

struct mix_playout {
    int64_t min_us;
    int64_t max_us;
    int64_t target_us; /* without the floor */
    int64_t last_arrival_us;
    bool has_arrival;
    int64_t unneeded_us; /* time since the target was last needed */
    float weight;        /* of the next packet: grows, so that older ones count less */
    int bin;             /* where the share above is at most what is allowed */
    double above;        /* weight in the bins above it */
    double total;
    float bins[MIX_PLAYOUT_BINS];
};

/* 0 <= min_us <= max_us < 1.024 s. Equal values pin the target. */
void mix_playout_init(struct mix_playout *p, int64_t min_us, int64_t max_us);

/* A piece of sound came. */
void mix_playout_arrived(struct mix_playout *p, int64_t lateness_us, int64_t arrival_us,
                         enum mix_arrival how);

/* The delay to use now, at least floor_us, at most the maximum. */
int64_t mix_playout_target_us(const struct mix_playout *p, int64_t floor_us);

#endif
