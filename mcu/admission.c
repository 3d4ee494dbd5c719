/* Admission; see admission.h. */
#include "mcu/admission.h"

#include "mcu/base/clock.h"

enum {
    LATE_PERMILLE = 50, /* of audio ticks */
};

/* Less than a second says little. */
#define MEASURE_LEAST_US MCU_US_PER_S

/* In cores: 16 people at 360p in one 720p30 picture took 0.45 of one, of which encoding is 0.15. */
static const double costs[MCU_LOADS] = {
    [MCU_LOAD_ROOM] = 0.20,
    [MCU_LOAD_PUBLISHER] = 0.016,
    [MCU_LOAD_VIEWER] = 0.002,
    [MCU_LOAD_VIEW] = 0.20,
};

static double expected(const struct mcu_load *l)
{
    double cores = 0.0;
    for (int kind = 0; kind < MCU_LOADS; kind++)
        cores += costs[kind] * l->counts[kind];
    return cores;
}

void mcu_load_add(struct mcu_load *l, enum mcu_load_kind kind)
{
    l->pending_cores += mcu_load_cost(l, kind);
    l->counts[kind]++;
}

static double smooth(double from, double to)
{
    /* Quick to believe that there is more, slow to believe that there is less. */
    return from + (to - from) * (to > from ? 0.7 : 0.3);
}

static double within(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

static void learn(struct mcu_load *l, double cores)
{
    l->cores = l->cores > 0.0 ? smooth(l->cores, cores) : cores;
    if (expected(l) <= 0.0)
        return;
    const double factor = within(cores / expected(l), 0.5, 4.0);
    l->factor = l->factor > 0.0 ? smooth(l->factor, factor) : factor;
}

void mcu_load_measure(struct mcu_load *l, uint64_t cpu_us, uint64_t audio_ticks,
                      uint64_t audio_late, int64_t now_us)
{
    const int64_t passed_us = now_us - l->measured_us;
    if (l->has_counters && cpu_us >= l->cpu_us && passed_us < MEASURE_LEAST_US)
        return;
    if (l->has_counters && cpu_us >= l->cpu_us && audio_ticks >= l->audio_ticks) {
        const uint64_t ticks = audio_ticks - l->audio_ticks;
        const uint64_t late = audio_late > l->audio_late ? audio_late - l->audio_late : 0;
        l->is_late = late * 1000 > ticks * LATE_PERMILLE;
        learn(l, (double)(cpu_us - l->cpu_us) / (double)passed_us);
        l->recent_cores = l->pending_cores;
        l->pending_cores = 0.0;
    }
    l->has_counters = true;
    l->measured_us = now_us;
    l->cpu_us = cpu_us;
    l->audio_ticks = audio_ticks;
    l->audio_late = audio_late;
}

double mcu_load_cores(const struct mcu_load *l)
{
    return l->cores + l->pending_cores + l->recent_cores;
}

double mcu_load_cost(const struct mcu_load *l, enum mcu_load_kind kind)
{
    return costs[kind] * (l->factor > 0.0 ? l->factor : 1.0);
}

bool mcu_load_fits(double used_cores, double cost, uint32_t cores, uint32_t percent)
{
    return percent == 0 || used_cores + cost <= cores * percent / 100.0;
}
