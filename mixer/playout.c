/* The adaptive playout delay: a histogram of lateness that forgets. Instead of shrinking all bins
 * at each packet the weight of new packets grows, and everything is scaled back now and then. */
#include "mixer/playout.h"

#include "mixer/mix.h"

static const float growth = 1.003f; /* a packet counts half after 230 more: 4.6 s at 20 ms */
static const float missed_weight = 6.0f;
static const float above_target = 0.03f; /* the share of packets that may come later */
static const float weight_max = 1e6f;

enum {
    FALL_US_PER_S = 10000,
    FALL_STEP_MAX_US = 1000000, /* of time since the packet before */
    BIN_US = 1000,
    /* Later than this past the maximum, or this early, is a wrong time and not jitter. */
    MARGIN_LATE_US = 200000,
    MARGIN_EARLY_US = 2000000,
};

void mix_playout_init(struct mix_playout *p, int64_t min_us, int64_t max_us)
{
    *p = (struct mix_playout){
        .min_us = min_us, .max_us = max_us, .target_us = min_us, .weight = 1.0f};
}

static void scale_back(struct mix_playout *p)
{
    const float factor = 1.0f / p->weight;
    for (int i = 0; i < MIX_PLAYOUT_BINS; i++)
        p->bins[i] *= factor;
    p->total *= factor;
    p->weight = 1.0f;
}

/* A bin holds what is at most bin * 1 ms late, so no jitter at all is bin 0. */
static int bin_of(int64_t lateness_us)
{
    if (lateness_us <= 0)
        return 0;
    const int64_t bin = (lateness_us + BIN_US - 1) / BIN_US;
    return bin < MIX_PLAYOUT_BINS ? (int)bin : MIX_PLAYOUT_BINS - 1;
}

static int64_t wanted_us(const struct mix_playout *p)
{
    const float allowed = p->total * above_target;
    float above = 0;
    int bin = MIX_PLAYOUT_BINS - 1;
    while (bin > 0 && above + p->bins[bin] <= allowed)
        above += p->bins[bin--];
    const int64_t wanted = (int64_t)bin * BIN_US + MIX_TICK_US;
    return wanted < p->min_us ? p->min_us : wanted > p->max_us ? p->max_us : wanted;
}

/* How far the target may fall since the packet before. */
static int64_t fall_us(struct mix_playout *p, int64_t arrival_us)
{
    int64_t passed = p->has_arrival ? arrival_us - p->last_arrival_us : 0;
    p->has_arrival = true;
    p->last_arrival_us = arrival_us;
    if (passed < 0)
        passed = 0;
    if (passed > FALL_STEP_MAX_US)
        passed = FALL_STEP_MAX_US;
    return passed * FALL_US_PER_S / 1000000;
}

void mix_playout_arrived(struct mix_playout *p, int64_t lateness_us, int64_t arrival_us,
                         bool missed)
{
    if (p->min_us == p->max_us)
        return;
    if (lateness_us > p->max_us + MARGIN_LATE_US || lateness_us < -MARGIN_EARLY_US)
        return;

    const float weight = missed ? p->weight * missed_weight : p->weight;
    p->bins[bin_of(lateness_us)] += weight;
    p->total += weight;
    p->weight *= growth;
    if (p->weight > weight_max)
        scale_back(p);

    const int64_t wanted = wanted_us(p);
    const int64_t lowest = p->target_us - fall_us(p, arrival_us);
    p->target_us = wanted > lowest ? wanted : lowest;
}

int64_t mix_playout_target_us(const struct mix_playout *p, int64_t floor_us)
{
    const int64_t target = p->target_us > floor_us ? p->target_us : floor_us;
    return target < p->max_us ? target : p->max_us;
}
