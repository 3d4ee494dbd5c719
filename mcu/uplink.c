/* Limits of what participants send; see uplink.h. */
#include "mcu/uplink.h"

#include <stddef.h>

static const struct {
    uint32_t short_side;
    uint32_t bitrate_bps; /* of a camera at 30 frames a second */
} steps[] = {
    {180, 150 * 1000},  {360, 500 * 1000},   {540, 900 * 1000},
    {720, 1500 * 1000}, {1080, 2500 * 1000},
};

enum {
    STEPS = sizeof(steps) / sizeof(steps[0]),
    SPARE_PERCENT = 10, /* so much smaller than needed is not seen */
};

static uint32_t most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* The short side at which the source covers the tile. */
static uint32_t short_side_needed(const struct mcu_uplink_need *n, double width, double height)
{
    const double across = n->width / width;
    const double down = n->height / height;
    const double scale = across > down ? across : down;
    return (uint32_t)(scale * (width < height ? width : height));
}

static size_t step_for(uint32_t short_side)
{
    size_t i = 0;
    while (i + 1 < STEPS && steps[i].short_side < short_side * (100 - SPARE_PERCENT) / 100)
        i++;
    return i;
}

static uint32_t even(double value)
{
    return (uint32_t)(value / 2.0 + 0.5) * 2;
}

static uint32_t rate(size_t step, uint32_t fps, bool is_screen)
{
    /* Half of a frame's bits are spent whatever the rate; text has more of them. */
    const uint64_t bps = (uint64_t)steps[step].bitrate_bps * (fps + 15) / 45;
    return (uint32_t)(is_screen ? bps * 3 / 2 : bps);
}

static struct mcu_uplink_limit wanted(const struct mcu_uplink_need *n)
{
    if (!n->is_shown)
        return (struct mcu_uplink_limit){0};
    const double width = n->source_width && n->source_height ? n->source_width : 16.0;
    const double height = n->source_width && n->source_height ? n->source_height : 9.0;
    const size_t step = step_for(short_side_needed(n, width, height));
    const uint32_t side = steps[step].short_side;
    return (struct mcu_uplink_limit){
        .width = width < height ? side : even(side * width / height),
        .height = width < height ? even(side * height / width) : side,
        .fps = n->fps,
        .bitrate_bps = rate(step, n->fps, n->is_screen),
    };
}

/* Encoders crop by a few pixels: that is no other shape. */
static bool differs(uint32_t a, uint32_t b)
{
    return a * 20 > b * 21 || b * 20 > a * 21;
}

static bool is_same(const struct mcu_uplink_limit *a, const struct mcu_uplink_limit *b)
{
    return a->fps == b->fps && a->bitrate_bps == b->bitrate_bps && !differs(a->width, b->width) &&
           !differs(a->height, b->height);
}

static uint32_t short_side(const struct mcu_uplink_limit *l)
{
    return l->width < l->height ? l->width : l->height;
}

/* Neither larger nor faster, and of the same shape unless it is paused. */
static bool is_less(const struct mcu_uplink_limit *a, const struct mcu_uplink_limit *than)
{
    if (!a->bitrate_bps)
        return true;
    const bool is_turned = (a->width < a->height) != (than->width < than->height);
    return !is_turned && short_side(a) <= short_side(than) && a->fps <= than->fps &&
           a->bitrate_bps <= than->bitrate_bps;
}

static void raise_to(struct mcu_uplink_limit *l, const struct mcu_uplink_limit *to)
{
    l->width = most(l->width, to->width);
    l->height = most(l->height, to->height);
    l->fps = most(l->fps, to->fps);
    l->bitrate_bps = most(l->bitrate_bps, to->bitrate_bps);
}

static bool tell(struct mcu_uplink *u, const struct mcu_uplink_limit *limit)
{
    u->less_us = 0;
    if (u->is_told && is_same(limit, &u->limit))
        return false;
    u->is_told = true;
    u->limit = *limit;
    return true;
}

bool mcu_uplink_update(struct mcu_uplink *u, const struct mcu_uplink_need *need, int64_t now_us)
{
    const struct mcu_uplink_limit limit = wanted(need);
    if (u->is_told && is_same(&limit, &u->limit)) {
        u->less_us = 0;
        return false;
    }
    /* Who has just come is not stopped before somebody may have begun to watch. */
    if (u->is_told ? !is_less(&limit, &u->limit) : need->is_shown)
        return tell(u, &limit);
    if (!u->less_us) {
        u->less_us = now_us;
        u->less = limit;
    }
    raise_to(&u->less, &limit);
    if (now_us - u->less_us < MCU_UPLINK_CALM_US)
        return false;
    const struct mcu_uplink_limit less = u->less;
    return tell(u, &less);
}
