/* compositor/motion.h - a tile on its way from one place to another; inside this folder only. Pure:
 * time comes from the caller. All [tick]; nothing allocates.
 *
 *     put     it is there
 *     appear  it is there, and fades in
 *     go      it moves and grows or shrinks from where it is now, also when it is still on its way
 *
 * Every rectangle on the way is even and lies within the smallest that holds both ends. */
#ifndef COMPOSITOR_MOTION_H
#define COMPOSITOR_MOTION_H

#include <stdbool.h>
#include <stdint.h>

#include "compositor/canvas.h"

struct comp_motion {
    struct comp_rect from, to, now;
    uint8_t from_alpha, alpha; /* it always comes to 255 */
    int64_t start_us, length_us;
    bool is_moving;
};

void comp_motion_put(struct comp_motion *m, const struct comp_rect *to);
void comp_motion_appear(struct comp_motion *m, const struct comp_rect *to, int64_t now_us,
                        int64_t length_us);
void comp_motion_go(struct comp_motion *m, const struct comp_rect *to, int64_t now_us,
                    int64_t length_us);

/* Brings `now` and `alpha` to now_us. Returns whether either differs from before. */
bool comp_motion_step(struct comp_motion *m, int64_t now_us);

/* The larger of both ends of its way; the end where it is still. */
const struct comp_rect *comp_motion_large_end(const struct comp_motion *m);

/* How far a move of length_us has come, 0..256, slow at both ends. */
uint32_t comp_motion_part(int64_t passed_us, int64_t length_us);

/* Copies the rectangle `from` of one canvas to `to` of another, scaled: bilinear, and without
 * asking for memory, unlike comp_scale(). Both are even and inside. */
void comp_motion_scale(const struct comp_canvas *source, const struct comp_rect *from,
                       struct comp_canvas *canvas, const struct comp_rect *to);

#endif
