/* The adaptive playout delay: a histogram of lateness that forgets. Instead of shrinking all bins
 * at each packet the weight of new packets grows, and everything is scaled back now and then. The
 * bin of the target is kept and moved, not searched: a packet costs the same whatever the jitter.
 */
#include "mixer/playout.h"

#include "mixer/mix.h"

static const float growth = 1.003f; /* a packet counts half after 230 more: 4.6 s at 20 ms */
static const float missed_weight = 6.0f;
static const float repair_weight = 3.0f;
static const double above_target = 0.03; /* the share of packets that may come later */
static const float weight_max = 1e6f;

enum {
    FALL_US_PER_S = 10000,
    HOLD_US = 5000000,
    PASSED_MAX_US = 1000000, /* between two packets */
    BIN_US = 1000,
    /* Later than this past the maximum, or this early, is a wrong time and not jitter. */
    MARGIN_LATE_US = 200000,
    MARGIN_EARLY_US = 2000000,
    REPAIR_MAX_US = 260000,
};

void mix_playout_init(struct mix_playout *p, int64_t min_us, int64_t max_us)
{
    *p = (struct mix_playout){
        .min_us = min_us, .max_us = max_us, .target_us = min_us, .weight = 1.0f};
}

/* Everything anew from the bins, so that rounding does not add up either. */
static void scale_back(struct mix_playout *p)
{
    const float factor = 1.0f / p->weight;
    p->total = 0;
    p->above = 0;
    for (int i = 0; i < MIX_PLAYOUT_BINS; i++) {
        p->bins[i] *= factor;
        p->total += p->bins[i];
        if (i > p->bin)
            p->above += p->bins[i];
    }
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

static void add(struct mix_playout *p, int bin, float weight)
{
    const float before = p->bins[bin];
    p->bins[bin] += weight;
    const double added = (double)p->bins[bin] - before;
    p->total += added;
    if (bin > p->bin)
        p->above += added;
}

static int64_t wanted_us(struct mix_playout *p)
{
    const double allowed = p->total * above_target;
    while (p->bin < MIX_PLAYOUT_BINS - 1 && p->above > allowed)
        p->above -= p->bins[++p->bin];
    while (p->bin > 0 && p->above + p->bins[p->bin] <= allowed)
        p->above += p->bins[p->bin--];
    const int64_t wanted = (int64_t)p->bin * BIN_US + MIX_TICK_US;
    return wanted < p->min_us ? p->min_us : wanted > p->max_us ? p->max_us : wanted;
}

/* Time since the packet before. */
static int64_t passed_us(struct mix_playout *p, int64_t arrival_us)
{
    int64_t passed = p->has_arrival ? arrival_us - p->last_arrival_us : 0;
    p->has_arrival = true;
    p->last_arrival_us = arrival_us;
    if (passed < 0)
        passed = 0;
    return passed < PASSED_MAX_US ? passed : PASSED_MAX_US;
}

/* What comes now and then would else be paid for, forgotten and paid for again. */
static void follow(struct mix_playout *p, int64_t wanted_us, int64_t passed)
{
    p->unneeded_us = wanted_us < p->target_us ? p->unneeded_us + passed : 0;
    const bool may_fall = p->unneeded_us >= HOLD_US;
    const int64_t lowest = p->target_us - (may_fall ? passed * FALL_US_PER_S / 1000000 : 0);
    p->target_us = wanted_us > lowest ? wanted_us : lowest;
}

static float weight_of(const struct mix_playout *p, enum mix_arrival how)
{
    switch (how) {
    case MIX_ARRIVAL_MISSED:
        return p->weight * missed_weight;
    case MIX_ARRIVAL_REPAIR:
        return p->weight * repair_weight;
    default:
        return p->weight;
    }
}

static bool is_believed(const struct mix_playout *p, int64_t lateness_us, enum mix_arrival how)
{
    if (how == MIX_ARRIVAL_REPAIR && lateness_us > REPAIR_MAX_US)
        return false;
    return lateness_us <= p->max_us + MARGIN_LATE_US && lateness_us >= -MARGIN_EARLY_US;
}

void mix_playout_arrived(struct mix_playout *p, int64_t lateness_us, int64_t arrival_us,
                         enum mix_arrival how)
{
    if (p->min_us == p->max_us || !is_believed(p, lateness_us, how))
        return;
    add(p, bin_of(lateness_us), weight_of(p, how));
    p->weight *= growth;
    if (p->weight > weight_max)
        scale_back(p);

    follow(p, wanted_us(p), passed_us(p, arrival_us));
}

int64_t mix_playout_target_us(const struct mix_playout *p, int64_t floor_us)
{
    const int64_t target = p->target_us > floor_us ? p->target_us : floor_us;
    return target < p->max_us ? target : p->max_us;
}
