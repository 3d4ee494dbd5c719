/* Bars of a network; see bars.h. */
#include "mcu/bars.h"

#include "mcu/base/clock.h"

#define DOWN_US (2 * MCU_US_PER_S)
#define UP_US   (4 * MCU_US_PER_S)
#define POOR_US (3 * MCU_US_PER_S)

/* Least of each that costs a bar, from the fifth down. */
static const struct mcu_network limits[] = {
    {.loss_in_permille = 10, .rtt_us = 150000, .jitter_us = 20000, .concealed_permille = 10},
    {.loss_in_permille = 30, .rtt_us = 250000, .jitter_us = 40000, .concealed_permille = 30},
    {.loss_in_permille = 80, .rtt_us = 400000, .jitter_us = 80000, .concealed_permille = 60},
    {.loss_in_permille = 200, .rtt_us = 800000, .jitter_us = 200000, .concealed_permille = 120},
};

static bool is_within(const struct mcu_network *n, const struct mcu_network *limit)
{
    return n->loss_in_permille < limit->loss_in_permille &&
           n->loss_out_permille < limit->loss_in_permille && n->rtt_us < limit->rtt_us &&
           n->jitter_us < limit->jitter_us && n->concealed_permille < limit->concealed_permille;
}

int mcu_bars_of(const struct mcu_network *n)
{
    if (!n->is_connected || n->is_suspect)
        return 0;
    for (int i = 0; i < (int)(sizeof(limits) / sizeof(*limits)); i++) {
        if (is_within(n, &limits[i]))
            return MCU_BARS_MAX - i;
    }
    return 1;
}

void mcu_bars_init(struct mcu_bars *b)
{
    *b = (struct mcu_bars){.shown = MCU_BARS_UNKNOWN, .wanted = MCU_BARS_UNKNOWN};
}

static void show(struct mcu_bars *b, int bars, int64_t now_us)
{
    const bool is_poor = bars <= MCU_BARS_POOR;
    if (!is_poor)
        b->poor_us = 0;
    else if (b->poor_us == 0)
        b->poor_us = now_us;
    b->shown = bars;
    b->since_us = now_us;
}

static int direction(int from, int to)
{
    return (to > from) - (to < from);
}

int mcu_bars_follow(struct mcu_bars *b, int wanted, int64_t now_us)
{
    if (direction(b->shown, wanted) != direction(b->shown, b->wanted))
        b->since_us = now_us;
    b->wanted = wanted;
    const int64_t waited_us = now_us - b->since_us;
    if (b->shown == MCU_BARS_UNKNOWN || wanted == 0 ||
        (wanted < b->shown && waited_us >= DOWN_US)) {
        if (wanted != b->shown)
            show(b, wanted, now_us);
    } else if (wanted > b->shown && (b->shown == 0 || waited_us >= UP_US)) {
        show(b, b->shown + 1, now_us);
    }
    return b->shown;
}

bool mcu_bars_are_poor(const struct mcu_bars *b, int64_t now_us)
{
    return b->poor_us != 0 && now_us - b->poor_us >= POOR_US;
}
