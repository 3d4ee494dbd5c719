/* mixer/level.h - how loud a voice is, and whether it is taken for speech. Pure; one tick, or one
 * packet of that length, a call. */
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
    /* of packets that say their level */
    bool is_told;        /* they do */
    uint32_t untold;     /* packets in a row that did not */
    uint32_t idle_ticks; /* since one came */
};

void mix_level_init(struct mix_level *level);

/* Takes the mean square of one tick of 20 ms, full scale 1.0. */
void mix_level_update(struct mix_level *level, float mean_square);

/* The same for a level that is known (RFC 6464). */
void mix_level_take(struct mix_level *level, float dbov);

/* A packet of `frames` came, in order of arrival; dbov is 1 when it did not say. */
void mix_level_packet(struct mix_level *level, int dbov, uint32_t frames);

/* Once a tick, after its packets: a sender that has stopped is silent. */
void mix_level_tick(struct mix_level *level);

#endif
