/* mcu/progress.h - a progress bar on standard error, when that is a terminal. One thread. */
#ifndef MCU_PROGRESS_H
#define MCU_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct mcu_progress {
    bool is_shown;
    int64_t started_us;
    int64_t drawn_us;
};

void mcu_progress_init(struct mcu_progress *p);

/* Draws at most ten times a second. total_us 0: not known, only the time is shown. */
void mcu_progress_draw(struct mcu_progress *p, int64_t done_us, int64_t total_us);

/* Clears the line, so that a message or the shell's prompt can follow. */
void mcu_progress_clear(struct mcu_progress *p);

#endif
