/* Level and speech: smoothed in decibels, fast up and slower down; speech begins after about
 * 100 ms above one threshold and ends after 600 ms below a lower one, so that pauses between words
 * do not flicker. */
#include "mixer/level.h"

#include <math.h>

#include "mixer/mix.h"

enum {
    ATTACK_TICKS = 3,
    RELEASE_TICKS = 30,
    UNTOLD_MAX = 50, /* packets without a level, after which it is taken from the sound again */
    IDLE_TICKS = 10, /* without a packet; jitter is shorter */
    PARTS_MAX = 6,   /* ticks that one packet may stand for */
};

static const float begin_dbov = -45.0f;
static const float end_dbov = -50.0f;
static const float rise = 0.5f;
static const float fall = 0.15f;

void mix_level_init(struct mix_level *level)
{
    *level = (struct mix_level){.dbov = MIX_LEVEL_SILENT_DBOV};
}

void mix_level_update(struct mix_level *level, float mean_square)
{
    mix_level_take(level, mean_square > 1e-12f ? fminf(10.0f * log10f(mean_square), 0.0f)
                                               : MIX_LEVEL_SILENT_DBOV);
}

void mix_level_take(struct mix_level *level, float dbov)
{
    level->dbov += (dbov - level->dbov) * (dbov > level->dbov ? rise : fall);
    level->loud = level->dbov > begin_dbov ? level->loud + 1 : 0;
    level->quiet = level->dbov < end_dbov ? level->quiet + 1 : 0;
    if (level->loud >= ATTACK_TICKS)
        level->is_speaking = true;
    if (level->quiet >= RELEASE_TICKS)
        level->is_speaking = false;
}

void mix_level_packet(struct mix_level *level, int dbov, uint32_t frames)
{
    if (dbov > 0) {
        if (level->untold < UNTOLD_MAX && ++level->untold == UNTOLD_MAX)
            level->is_told = false;
        return;
    }
    level->is_told = true;
    level->untold = 0;
    level->idle_ticks = 0;
    /* Packets of 10 ms count as 20: speech is then found a little sooner, which does no harm. */
    const uint32_t parts = frames / MIX_TICK_FRAMES;
    const float now = dbov > MIX_LEVEL_SILENT_DBOV ? (float)dbov : MIX_LEVEL_SILENT_DBOV;
    for (uint32_t i = 0; i < 1 || (i < parts && i < PARTS_MAX); i++)
        mix_level_take(level, now);
}

void mix_level_tick(struct mix_level *level)
{
    if (!level->is_told)
        return;
    if (level->idle_ticks < IDLE_TICKS)
        level->idle_ticks++;
    else
        mix_level_take(level, MIX_LEVEL_SILENT_DBOV);
}
