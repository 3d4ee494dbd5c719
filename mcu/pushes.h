/* mcu/pushes.h - a live push of a studio's mix, or its HLS: a tap (mcu/tap.h) and the thread that
 * sends (recorder/push.h) or writes (recorder/hls.h).
 *
 * [ctl] all of it, but what says otherwise. */
#ifndef MCU_PUSHES_H
#define MCU_PUSHES_H

#include "compositor/comp.h"
#include "recorder/hls.h"
#include "recorder/push.h"

struct mcu_studio;
struct mcu_push;

struct mcu_push_conf {
    /* Sizes, sound and rate of the filler are the studio's to say. */
    struct rec_live_conf live;
    struct rec_hls_conf hls;              /* folder not NULL: HLS, and `live` is not looked at */
    struct comp_view *view;               /* as in mcu_tap_conf */
    const struct comp_stream_conf *video; /* of such a view, and of the room's: what its rate is */
    bool is_filled;                       /* to a constant rate */
    int64_t start_us;
};

/* The caller owns *out. Returns 0, or what rec_live_start(), rec_hls_start() and
 * mcu_tap_add() do. */
int mcu_push_start(struct mcu_studio *s, struct mcu_push **out, const struct mcu_push_conf *conf);

/* Another rate of its own encoder, where it has one. */
void mcu_push_set_rate(struct mcu_push *p, uint32_t bitrate_bps, uint32_t fps);

/* [any] */
void mcu_push_read(struct mcu_push *p, struct rec_live_status *out);

/* As rec_live_stop(). */
void mcu_push_stop(struct mcu_push *p);

/* Takes its tap away, waits for its thread. NULL is fine. */
void mcu_push_destroy(struct mcu_push *p);

#endif
