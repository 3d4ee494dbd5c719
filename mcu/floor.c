/* Who has the floor; see floor.h. */
#include "mcu/floor.h"

static void take(struct mcu_floor *f, uint32_t seat_id, int64_t now_us)
{
    f->holder = seat_id;
    f->taken_us = now_us;
    f->claimant = 0;
}

uint32_t mcu_floor_update(struct mcu_floor *f, uint32_t loudest, int64_t now_us, int64_t hold_us)
{
    if (loudest == 0 || loudest == f->holder) {
        f->claimant = 0;
        return f->holder;
    }
    if (f->holder == 0) {
        take(f, loudest, now_us);
        return f->holder;
    }
    if (loudest != f->claimant) {
        f->claimant = loudest;
        f->claimed_us = now_us;
    }
    if (now_us - f->claimed_us >= MCU_FLOOR_CLAIM_US && now_us - f->taken_us >= hold_us)
        take(f, loudest, now_us);
    return f->holder;
}

void mcu_floor_leave(struct mcu_floor *f, uint32_t seat_id)
{
    if (f->holder == seat_id)
        f->holder = 0;
    if (f->claimant == seat_id)
        f->claimant = 0;
}
