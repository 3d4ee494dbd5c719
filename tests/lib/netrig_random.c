/* The rig's random numbers; see the header. */
#include "tests/lib/netrig_random.h"

#include <math.h>

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void netrig_random_init(struct netrig_random *r, uint64_t seed, uint64_t stream)
{
    uint64_t state = seed;
    state = splitmix(&state) ^ stream;
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix(&state);
}

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

uint64_t netrig_random_next(struct netrig_random *r)
{
    uint64_t *s = r->s;
    const uint64_t result = rotate(s[0] + s[3], 23) + s[0];
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

double netrig_random_unit(struct netrig_random *r)
{
    return (double)(netrig_random_next(r) >> 11) * 0x1p-53;
}

double netrig_random_normal(struct netrig_random *r)
{
    const double radius = sqrt(-2.0 * log(1.0 - netrig_random_unit(r)));
    return radius * cos(2.0 * M_PI * netrig_random_unit(r));
}

double netrig_random_pareto(struct netrig_random *r, double low, double high)
{
    return low / (1.0 - netrig_random_unit(r) * (1.0 - low / high));
}
