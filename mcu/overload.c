/* Overload; see overload.h. */
#include "mcu/overload.h"

#include "mcu/base/clock.h"
#include "mcu/ladder.h"

#define SETTLE_US (2 * MCU_US_PER_S)  /* a step must show what it does before the next */
#define CALM_US   (10 * MCU_US_PER_S) /* before a step up; doubled by each that failed */
#define PROOF_US  (20 * MCU_US_PER_S) /* a step up that lasted so long was right */

enum {
    HIGH_PERMILLE = 100,  /* of ticks or frames are late: a step down */
    HEAVY_PERMILLE = 400, /* two steps */
    CALM_PERMILLE = 20,
    FAILURES_MAX = 4,
};

static const char *const names[MCU_OVERLOAD_STEPS] = {
    "none", "fps", "fps_half", "preset", "tiers", "size", "small",
};

const char *mcu_overload_name(enum mcu_overload_step step)
{
    return names[step];
}

uint32_t mcu_overload_fps(enum mcu_overload_step step, uint32_t fps)
{
    const uint32_t less = step >= MCU_OVERLOAD_FPS_HALF ? fps / 2
                          : step >= MCU_OVERLOAD_FPS    ? fps * 2 / 3
                                                        : fps;
    return less ? less : 1;
}

bool mcu_overload_is_fast(enum mcu_overload_step step)
{
    return step >= MCU_OVERLOAD_PRESET;
}

static uint32_t highest(uint32_t tiers)
{
    return tiers & (~tiers + 1); /* the lowest bit is the highest tier */
}

uint32_t mcu_overload_tiers(enum mcu_overload_step step, uint32_t tiers)
{
    uint32_t open = tiers;
    if (step == MCU_OVERLOAD_TIERS)
        open = highest(tiers) | (tiers & mcu_tiers_upto(MCU_TIER_180));
    else if (step == MCU_OVERLOAD_SIZE)
        open = tiers & mcu_tiers_upto(MCU_TIER_360);
    else if (step == MCU_OVERLOAD_SMALL)
        open = tiers & mcu_tiers_upto(MCU_TIER_180);
    return open ? open : tiers;
}

static uint32_t permille(uint64_t part, uint64_t whole)
{
    return whole ? (uint32_t)(part * 1000 / whole) : 0;
}

/* How much was late of what should have been done since the last counts. */
static uint32_t pressure(const struct mcu_overload_counts *a, const struct mcu_overload_counts *b,
                         const char **reason)
{
    /* A late sound is heard, a late picture hardly seen. */
    const uint32_t audio =
        2 * permille(b->audio_late - a->audio_late, b->audio_ticks - a->audio_ticks);
    const uint32_t video = permille(b->video_late - a->video_late, b->video_ticks - a->video_ticks);
    const uint64_t skipped = b->encode_skipped - a->encode_skipped;
    const uint32_t encoder = permille(skipped, skipped + b->encoded - a->encoded);
    *reason = audio >= video && audio >= encoder ? "audio" : video >= encoder ? "video" : "encoder";
    const uint32_t pictures = video > encoder ? video : encoder;
    return audio > pictures ? audio : pictures;
}

static bool go_down(struct mcu_overload *o, uint32_t how_late, const char *reason, int64_t now_us)
{
    o->calm_us = 0;
    if (o->step == MCU_OVERLOAD_STEPS - 1 || (o->changed_us && now_us - o->changed_us < SETTLE_US))
        return false;
    if (o->up_us && o->failures < FAILURES_MAX)
        o->failures++;
    o->up_us = 0;
    const uint32_t by = how_late >= HEAVY_PERMILLE ? 2 : 1;
    o->step = o->step + by < MCU_OVERLOAD_STEPS ? o->step + by : MCU_OVERLOAD_STEPS - 1;
    o->reason = reason;
    o->changed_us = now_us;
    return true;
}

static bool go_up(struct mcu_overload *o, int64_t now_us)
{
    if (!o->calm_us)
        o->calm_us = now_us;
    if (o->step == MCU_OVERLOAD_NONE || now_us - o->calm_us < CALM_US << o->failures)
        return false;
    o->step--;
    o->changed_us = o->up_us = now_us;
    o->calm_us = now_us;
    return true;
}

bool mcu_overload_update(struct mcu_overload *o, const struct mcu_overload_counts *counts,
                         int64_t now_us)
{
    const struct mcu_overload_counts last = o->counts;
    const bool is_first = !o->has_counts;
    o->counts = *counts;
    o->has_counts = true;
    if (is_first)
        return false;
    const char *reason;
    const uint32_t late = pressure(&last, counts, &reason);
    if (o->up_us && now_us - o->up_us >= PROOF_US) {
        o->up_us = 0;
        o->failures = 0;
    }
    if (late >= HIGH_PERMILLE)
        return go_down(o, late, reason, now_us);
    if (late < CALM_PERMILLE)
        return go_up(o, now_us);
    o->calm_us = 0;
    return false;
}
