/* mcu/uplink.h - what a participant is told to send of one picture: no more than is shown of it.
 * Pure.
 *
 * Sizes come in steps (180, 360, 540, 720, 1080 on the short side), so that a moved tile does not
 * make an encoder start anew. More is asked for at once; less once 2 s have passed in which less
 * would have done, and then the most that was needed in them. */
#ifndef MCU_UPLINK_H
#define MCU_UPLINK_H

#include <stdbool.h>
#include <stdint.h>

#define MCU_UPLINK_CALM_US INT64_C(2000000)

struct mcu_uplink_need {
    bool is_shown; /* false: by nothing that anybody watches or records */
    bool is_screen;
    uint32_t width; /* of the largest tile, in pixels that are encoded; the picture covers it */
    uint32_t height;
    uint32_t fps;
    uint32_t source_width; /* as it comes now; 0: not known yet, 16:9 */
    uint32_t source_height;
};

struct mcu_uplink_limit {
    uint32_t width;
    uint32_t height;
    uint32_t fps;
    uint32_t bitrate_bps; /* 0: it need not send at all, and the rest is 0 too */
};

struct mcu_uplink { /* all zero: nothing was told yet */
    bool is_told;
    struct mcu_uplink_limit limit; /* as told */
    int64_t less_us;               /* less would do since; 0: it would not */
    struct mcu_uplink_limit less;  /* the most that was needed since then */
};

/* True: u->limit is new, and the participant is to be told. */
bool mcu_uplink_update(struct mcu_uplink *u, const struct mcu_uplink_need *need, int64_t now_us);

#endif
