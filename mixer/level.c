/* Level and speech: smoothed in decibels, fast up and slower down; speech begins after about
 * 100 ms above one threshold and ends after 600 ms below a lower one, so that pauses between words
 * do not flicker. */
#include "mixer/level.h"

#include <math.h>

enum { ATTACK_TICKS = 3, RELEASE_TICKS = 30 };

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
    const float now =
        mean_square > 1e-12f ? fminf(10.0f * log10f(mean_square), 0.0f) : MIX_LEVEL_SILENT_DBOV;
    level->dbov += (now - level->dbov) * (now > level->dbov ? rise : fall);

    level->loud = level->dbov > begin_dbov ? level->loud + 1 : 0;
    level->quiet = level->dbov < end_dbov ? level->quiet + 1 : 0;
    if (level->loud >= ATTACK_TICKS)
        level->is_speaking = true;
    if (level->quiet >= RELEASE_TICKS)
        level->is_speaking = false;
}
