/* mcu/admission.h - whether the machine carries one more room, view or participant with all sound
 * in time. Pure.
 *
 * Each room has a *load*: what it was measured to use, and what has been let in since and is not in
 * that figure yet. What one more costs begins with what such things cost where they were measured
 * (docs/operations.md) and follows the room: a room that uses half of what its people should is
 * expected to go on so. */
#ifndef MCU_ADMISSION_H
#define MCU_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

enum mcu_load_kind {
    MCU_LOAD_ROOM,      /* its mix, and its picture for the first who watches */
    MCU_LOAD_PUBLISHER, /* decoded, mixed, and sent to */
    MCU_LOAD_VIEWER,    /* sent to only */
    MCU_LOAD_VIEW,      /* one more picture composed and encoded */
    MCU_LOADS,
};

struct mcu_load { /* one room; all zero: a fresh one */
    uint32_t counts[MCU_LOADS];
    double cores;         /* as measured, smoothed; 0: not yet */
    double factor;        /* of that to what was expected; 0: not known */
    double pending_cores; /* let in since the last measurement, */
    double recent_cores;  /* and since the one before: their media has hardly begun */
    bool is_late;         /* its sound was, in the newest measurement */
    bool has_counters;
    int64_t measured_us;
    uint64_t cpu_us, audio_ticks, audio_late;
};

/* One more is let in. Who is gone is not in `counts` when it is measured next. */
void mcu_load_add(struct mcu_load *l, enum mcu_load_kind kind);

/* The room's counters, every few seconds. One that was run again counts from zero: no harm. */
void mcu_load_measure(struct mcu_load *l, uint64_t cpu_us, uint64_t audio_ticks,
                      uint64_t audio_late, int64_t now_us);

/* Cores that the room uses or is about to. */
double mcu_load_cores(const struct mcu_load *l);

/* Cores that one more would cost there. */
double mcu_load_cost(const struct mcu_load *l, enum mcu_load_kind kind);

/* Whether `cost` more fits beside what all rooms use on so many cores, of which percent may be
 * busy. 0 percent: everything fits. */
bool mcu_load_fits(double used_cores, double cost, uint32_t cores, uint32_t percent);

#endif
