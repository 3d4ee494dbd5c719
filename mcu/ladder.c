/* The ladder of a canvas; see ladder.h. The choice among its steps is in choose.c. */
#include "mcu/ladder.h"

#include <math.h>
#include <string.h>

#include "mcu/base/clock.h"

enum {
    SLIDES_SHORT = 270, /* its key frames are still small enough for the rate */
    SLIDES_FPS = 3, /* one and a half without the upper layer */
    SLIDES_BPS = 20 * 1000, /* beside low sound, some 37 kbit/s with headers: under 60 together */
    LEVEL_31_BLOCKS = 3600, /* macroblocks of a frame, and a second; H.264, table A-1 */
    LEVEL_31_BLOCKS_PER_S = 108000,
    HEADERS_PERCENT = 6, /* RTP, extensions, SRTP, UDP and IP on packets of 1100 bytes */
};

/* Short sides, by tier. */
static const uint32_t sizes[MCU_TIERS] = {1080, 720, 360, 180, SLIDES_SHORT};

static const char *const names[] = {"1080p", "720p", "360p", "180p", "slides", "audio"};

/* What the first n of m temporal layers take of the rate, in percent: as encoders share it out. */
static const uint8_t shares[4][4] = {{0}, {0, 100}, {0, 60, 100}, {0, 40, 60, 100}};

const char *mcu_tier_name(enum mcu_tier tier)
{
    return names[tier];
}

bool mcu_tier_from_name(const char *name, enum mcu_tier *tier)
{
    for (int i = 0; i <= MCU_TIER_NONE; i++) {
        if (strcmp(names[i], name) == 0) {
            *tier = (enum mcu_tier)i;
            return true;
        }
    }
    return false;
}

uint32_t mcu_tiers_upto(enum mcu_tier ceiling)
{
    return MCU_TIERS_ALL & ~((1u << ceiling) - 1);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

enum mcu_tier mcu_tier_of_canvas(uint32_t width, uint32_t height)
{
    const uint32_t short_side = least(width, height);
    enum mcu_tier tier = MCU_TIER_180;
    while (tier > MCU_TIER_1080 && sizes[tier] < short_side)
        tier--;
    return tier;
}

static bool exists(enum mcu_tier tier, enum mcu_tier top, uint32_t short_side)
{
    if (tier == top || tier == MCU_TIER_SLIDES)
        return true;
    return tier > top && sizes[tier] * 3 / 2 <= short_side;
}

static uint32_t even(double value)
{
    const uint32_t half = (uint32_t)(value / 2.0 + 0.5);
    return half ? half * 2 : 2;
}

/* Smaller pictures need more bits a pixel: the rate falls as the area to the power of 3/4. */
static uint32_t rate_at(const struct mcu_ladder_conf *c, double scale)
{
    return (uint32_t)(c->bitrate_bps * pow(scale * scale, 0.75));
}

static uint8_t layers_of(const struct mcu_ladder_conf *c, enum mcu_tier tier)
{
    if (!(c->layered & (1u << tier)))
        return 1;
    /* Below 180p there is only the slide show: three layers fill the gap. */
    return tier == MCU_TIER_180 ? 3 : 2;
}

static void limit_level(struct mcu_rung *r)
{
    const uint32_t blocks = (r->width + 15) / 16 * ((r->height + 15) / 16);
    r->needs_level_4 = blocks > LEVEL_31_BLOCKS;
    if (!r->needs_level_4)
        r->fps = least(r->fps, LEVEL_31_BLOCKS_PER_S / blocks);
}

static void make_rung(struct mcu_rung *r, const struct mcu_ladder_conf *c, enum mcu_tier tier,
                      bool is_canvas)
{
    const uint32_t short_side = least(c->width, c->height);
    const double scale =
        is_canvas || sizes[tier] >= short_side ? 1.0 : (double)sizes[tier] / short_side;
    *r = (struct mcu_rung){
        .width = even(c->width * scale),
        .height = even(c->height * scale),
        .fps = c->fps,
        .bitrate_bps = rate_at(c, scale),
        .temporal_layers = layers_of(c, tier),
        .key_every_us = (least(c->width, c->height) * scale > 360.0 ? 2000 : 500) * MCU_US_PER_MS,
    };
    if (tier == MCU_TIER_SLIDES) {
        r->fps = least(c->fps, SLIDES_FPS);
        r->bitrate_bps = SLIDES_BPS;
    }
    if (c->codec == MCU_CODEC_H264)
        limit_level(r);
}

static void add_steps(struct mcu_ladder *l, enum mcu_tier tier)
{
    const struct mcu_rung *r = &l->rungs[tier];
    for (uint8_t layers = r->temporal_layers; layers > 0; layers--) {
        const uint64_t bps = (uint64_t)r->bitrate_bps * shares[r->temporal_layers][layers] / 100;
        l->steps[l->step_count++] = (struct mcu_step){
            .tier = tier,
            .layers = layers,
            .need_bps = (uint32_t)(bps * (100 + HEADERS_PERCENT) / 100),
        };
    }
}

/* A rate that was set low for the canvas: what is below must still cost less. */
static void keep_slides_cheapest(struct mcu_ladder *l)
{
    for (int i = 0; i < MCU_TIER_SLIDES; i++) {
        const struct mcu_rung *r = &l->rungs[i];
        if (l->tiers & (1u << i))
            l->rungs[MCU_TIER_SLIDES].bitrate_bps =
                least(l->rungs[MCU_TIER_SLIDES].bitrate_bps, r->bitrate_bps / 3);
    }
}

void mcu_ladder_init(struct mcu_ladder *l, const struct mcu_ladder_conf *conf)
{
    *l = (struct mcu_ladder){0};
    const uint32_t short_side = least(conf->width, conf->height);
    const enum mcu_tier top = mcu_tier_of_canvas(conf->width, conf->height);
    for (int i = 0; i < MCU_TIERS; i++) {
        const enum mcu_tier tier = (enum mcu_tier)i;
        if (!exists(tier, top, short_side))
            continue;
        l->tiers |= 1u << i;
        make_rung(&l->rungs[i], conf, tier, tier == top);
    }
    keep_slides_cheapest(l);
    for (int i = 0; i < MCU_TIERS; i++) {
        if (l->tiers & (1u << i))
            add_steps(l, (enum mcu_tier)i);
    }
    l->steps[l->step_count++] = (struct mcu_step){.tier = MCU_TIER_NONE};
}

enum mcu_tier mcu_ladder_top(const struct mcu_ladder *l)
{
    return l->steps[0].tier;
}
