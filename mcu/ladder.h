/* mcu/ladder.h - the sizes and rates at which one picture is encoded, and which of them a
 * receiver's network carries. Pure: no clock, no allocation.
 *
 * A *tier* is a size of the canvas; a *step* is a tier with so many of its temporal layers. Steps
 * go from the whole canvas down to nothing, each cheaper than the one before:
 *
 *     720p all layers · 720p half the frames · 360p .. · 180p .. · slides · audio alone
 *
 * The highest tier is the canvas itself, whatever its size, and goes by the name that it reaches
 * (960x540 by "720p"). A tier is left out where it is hardly smaller than the next one. */
#ifndef MCU_LADDER_H
#define MCU_LADDER_H

#include <stdbool.h>
#include <stdint.h>

#include "mcu/base/codec.h"

enum mcu_tier {
    MCU_TIER_1080,
    MCU_TIER_720,
    MCU_TIER_360,
    MCU_TIER_180,
    MCU_TIER_SLIDES, /* a few frames a second, under 60 kbit/s */
    MCU_TIER_NONE,   /* audio alone */
};

enum {
    MCU_TIERS = MCU_TIER_NONE, /* those with a picture */
    MCU_TIERS_ALL = (1 << MCU_TIERS) - 1,
    MCU_STEPS_MAX = 3 * MCU_TIERS + 1,
};

struct mcu_ladder_conf {
    uint32_t width; /* of the canvas, even */
    uint32_t height;
    uint32_t fps;         /* of the view */
    uint32_t bitrate_bps; /* of the highest tier */
    enum mcu_codec codec;
    uint32_t layered; /* tiers whose encoders make temporal layers: bits by enum mcu_tier */
};

/* What one encoder is told. */
struct mcu_rung {
    uint32_t width;
    uint32_t height;
    uint32_t fps;
    uint32_t bitrate_bps;
    uint8_t temporal_layers;
    int64_t key_every_us;
    bool needs_level_4; /* H264 that is more than level 3.1 allows (RFC 6184, 42e01f) */
};

struct mcu_step {
    enum mcu_tier tier;
    uint8_t layers;    /* how many of the tier's are sent, 1..3; 0: no picture */
    uint32_t need_bps; /* with headers */
};

struct mcu_ladder {
    struct mcu_rung rungs[MCU_TIERS];
    uint32_t tiers;                       /* which rungs there are: bits by enum mcu_tier */
    struct mcu_step steps[MCU_STEPS_MAX]; /* best first; the last is MCU_TIER_NONE */
    uint32_t step_count;
};

void mcu_ladder_init(struct mcu_ladder *l, const struct mcu_ladder_conf *conf);

/* The tier by whose name a canvas of this size goes. */
enum mcu_tier mcu_tier_of_canvas(uint32_t width, uint32_t height);

/* The highest there is. */
enum mcu_tier mcu_ladder_top(const struct mcu_ladder *l);

/* "1080p" "720p" "360p" "180p" "slides" "audio"; the reverse returns false for other words. */
const char *mcu_tier_name(enum mcu_tier tier);
bool mcu_tier_from_name(const char *name, enum mcu_tier *tier);

/* The tiers that are not above this one, as bits. */
uint32_t mcu_tiers_upto(enum mcu_tier ceiling);

/* --- one receiver ----------------------------------------------------------------------------- */

/* What is known of a receiver. */
struct mcu_offer {
    uint64_t estimate_bps;  /* 0: nothing was known so far, and the best is sent */
    bool is_probing;        /* the estimate is still being found out */
    uint32_t audio_bps;     /* what its sound needs with headers, */
    uint32_t audio_low_bps; /* and what the least good one does */
    uint32_t tiers;         /* that it may be sent: bits by enum mcu_tier */
};

struct mcu_choice {
    enum mcu_tier tier;
    uint8_t layers;
    bool is_audio_low;       /* the full sound and any picture do not fit together */
    uint64_t redundancy_bps; /* what is left over for repair */
    uint64_t useful_bps;     /* an estimate above this changes nothing */
};

struct mcu_chooser { /* all zero: a fresh one */
    bool is_audio_low;
    uint32_t step;
    uint32_t tiers;       /* of the newest offer */
    int64_t asked_us;     /* first estimate, */
    int64_t started_us;   /* and the first that counted */
    int64_t better_us;    /* a better step has fitted since; 0: none does */
    uint32_t better_step; /* the best that fitted all the while */
    int64_t raised_us;    /* the last step up; 0: none, or it has proved itself */
    int64_t barred_us;    /* no step up before */
    uint32_t failures;    /* steps up in a row that did not last */
};

/* Down at once to what fits. Up after a time in which a better step fitted with a quarter to spare;
 * at the start after a short one. A step up that does not last bars the next for 6 s, doubling
 * to 60. Audio comes first, then tier and layers; what is left is for redundancy. */
void mcu_choose(struct mcu_chooser *c, const struct mcu_ladder *l, const struct mcu_offer *offer,
                int64_t now_us, struct mcu_choice *choice);

#endif
