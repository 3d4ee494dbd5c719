/* mcu/overload.h - when a room's machine does not keep up: what it gives way in, and when it takes
 * it back. Pure.
 *
 * Pictures give way so that sound never has to: fewer frames, then faster encoders, then fewer
 * sizes, then smaller ones. Down within two seconds of being late, up after a calm time that
 * doubles whenever it turns out to have been too early. */
#ifndef MCU_OVERLOAD_H
#define MCU_OVERLOAD_H

#include <stdbool.h>
#include <stdint.h>

enum mcu_overload_step {
    MCU_OVERLOAD_NONE,
    MCU_OVERLOAD_FPS,      /* two frames of three */
    MCU_OVERLOAD_FPS_HALF, /* every second frame */
    MCU_OVERLOAD_PRESET,   /* the fastest encoders */
    MCU_OVERLOAD_TIERS,    /* fewer sizes at once */
    MCU_OVERLOAD_SIZE,     /* nothing above 360p */
    MCU_OVERLOAD_SMALL,    /* nothing above 180p */
    MCU_OVERLOAD_STEPS,
};

/* Counters since the room began. */
struct mcu_overload_counts {
    uint64_t audio_ticks, audio_late;
    uint64_t video_ticks, video_late; /* late: skipped ones too */
    uint64_t encoded, encode_skipped;
};

struct mcu_overload { /* all zero: a fresh one */
    enum mcu_overload_step step;
    const char *reason; /* of the last step down: "audio", "video" or "encoder" */
    bool has_counts;
    struct mcu_overload_counts counts;
    int64_t changed_us;
    int64_t calm_us; /* nothing was late since; 0: something is */
    int64_t up_us;   /* the last step up; 0: none, or it was right */
    uint32_t failures;
};

/* Call it every second or so. True when o->step is another than before. */
bool mcu_overload_update(struct mcu_overload *o, const struct mcu_overload_counts *counts,
                         int64_t now_us);

/* --- what a step means ------------------------------------------------------------------------ */

/* "none" "fps" "fps_half" "preset" "tiers" "size" "small" */
const char *mcu_overload_name(enum mcu_overload_step step);

uint32_t mcu_overload_fps(enum mcu_overload_step step, uint32_t fps);
bool mcu_overload_is_fast(enum mcu_overload_step step);

/* Of the tiers that a ladder has those that stay open; bits by enum mcu_tier, never none of any. */
uint32_t mcu_overload_tiers(enum mcu_overload_step step, uint32_t tiers);

#endif
