/* mixer/level.h - how loud a voice is, and whether it is taken for speech. Pure; one tick a call.
 */
#ifndef MIXER_LEVEL_H
#define MIXER_LEVEL_H

#include <stdbool.h>
#include <stdint.h>

#define MIX_LEVEL_SILENT_DBOV (-127.0f)

struct mix_level {
    float dbov;     /* smoothed, -127..0 */
    uint32_t loud;  /* ticks above the upper threshold, in a row */
    uint32_t quiet; /* ticks below the lower one, in a row */
    bool is_speaking;
};

void mix_level_init(struct mix_level *level);

/* Takes the mean square of one tick of 20 ms, full scale 1.0. */
void mix_level_update(struct mix_level *level, float mean_square);

#endif
