/* mcu/floor.h - who has the floor: the one that layouts put into their `speaker` cell. Pure.
 *
 * Whoever takes it keeps it for the layout's hold, and after that until somebody else has spoken for
 * MCU_FLOOR_CLAIM_US: a cough or a "yes" moves nobody. Silence takes it from nobody. */
#ifndef MCU_FLOOR_H
#define MCU_FLOOR_H

#include <stdint.h>

#define MCU_FLOOR_CLAIM_US INT64_C(400000)

struct mcu_floor { /* zeroed: nobody has it */
    uint32_t holder;      /* seat id; 0: nobody */
    int64_t taken_us;
    uint32_t claimant;    /* who has spoken loudest since claimed_us */
    int64_t claimed_us;
};

/* loudest: the seat that speaks loudest now, 0: nobody does. Returns who has the floor. */
uint32_t mcu_floor_update(struct mcu_floor *f, uint32_t loudest, int64_t now_us, int64_t hold_us);

/* A seat has left. */
void mcu_floor_leave(struct mcu_floor *f, uint32_t seat_id);

#endif
