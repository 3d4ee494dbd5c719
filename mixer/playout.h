/* mixer/playout.h - how long to hold a voice back, learnt from how late its packets come. Pure.
 *
 * Lateness is arrival minus capture time on the room clock. The target is the lateness that 97 % of
 * recent packets stay below, plus one tick (a packet may begin at any point of a tick but must be
 * there when the tick begins). It rises at once and falls slowly. */
#ifndef MIXER_PLAYOUT_H
#define MIXER_PLAYOUT_H

#include <stdbool.h>
#include <stdint.h>

enum { MIX_PLAYOUT_BINS = 1024 }; /* of 1 ms */

struct mix_playout {
    int64_t min_us;
    int64_t max_us;
    int64_t target_us; /* without the floor */
    int64_t last_arrival_us;
    bool has_arrival;
    float weight; /* of the next packet: grows, so that older ones count less */
    float total;
    float bins[MIX_PLAYOUT_BINS];
};

/* 0 <= min_us <= max_us < 1.024 s. Equal values pin the target. */
void mix_playout_init(struct mix_playout *p, int64_t min_us, int64_t max_us);

/* A packet came. missed says that its sound was due before it came; such packets count more, for
 * each of them is a hole that was heard. */
void mix_playout_arrived(struct mix_playout *p, int64_t lateness_us, int64_t arrival_us,
                         bool missed);

/* The delay to use now, at least floor_us, at most the maximum. */
int64_t mix_playout_target_us(const struct mix_playout *p, int64_t floor_us);

#endif
