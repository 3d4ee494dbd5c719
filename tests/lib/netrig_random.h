/* tests/lib/netrig_random.h - the rig's own random numbers: seeded, the same on every machine.
 *
 * xoshiro256++, seeded by splitmix64. Each purpose (loss, delay, ...) has a stream of its own, so
 * that what happens to the nth packet does not depend on which other settings are on. One thread.
 */
#ifndef TESTS_LIB_NETRIG_RANDOM_H
#define TESTS_LIB_NETRIG_RANDOM_H

#include <stdint.h>

struct netrig_random {
    uint64_t s[4];
};

void netrig_random_init(struct netrig_random *r, uint64_t seed, uint64_t stream);

uint64_t netrig_random_next(struct netrig_random *r);

/* 0 up to but not 1. */
double netrig_random_unit(struct netrig_random *r);

/* Mean 0, sigma 1; takes two numbers. */
double netrig_random_normal(struct netrig_random *r);

/* Bounded Pareto, alpha 1, between low and high (0 < low < high): most near low, few near high. */
double netrig_random_pareto(struct netrig_random *r, double low, double high);

#endif
