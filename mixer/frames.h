/* mixer/frames.h - microseconds to positions on the mix's axis of 48 kHz frames, and back.
 *
 * A tick of 20 ms is exactly 960 frames from wherever it starts, for all times and signs, because
 * 125 us are 6 frames. Times are clamped first, so that sums of positions cannot overflow. */
#ifndef MIXER_FRAMES_H
#define MIXER_FRAMES_H

#include <stdint.h>

#define MIX_TIME_MAX_US (INT64_C(1) << 60)

/* [any] The frame nearest to a time. */
static inline int64_t mix_frames(int64_t us)
{
    if (us > MIX_TIME_MAX_US)
        us = MIX_TIME_MAX_US;
    if (us < -MIX_TIME_MAX_US)
        us = -MIX_TIME_MAX_US;
    int64_t whole = us / 125;
    int64_t rest = us % 125;
    if (rest < 0) {
        rest += 125;
        whole--;
    }
    return whole * 6 + (rest * 6 + 62) / 125;
}

/* [any] The time at which a frame begins, rounded down to a microsecond. */
static inline int64_t mix_frames_to_us(int64_t frames)
{
    const int64_t whole = frames / 6;
    return whole * 125 + (frames - whole * 6) * 125 / 6;
}

#endif
