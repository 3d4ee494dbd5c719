/* mcu/bars.h - somebody's network in 0 to 5 bars, as people know them from phones.
 *
 *     bars  loss, the worse way   round trip   jitter     of his sound made up
 *     5     under 1 %             150 ms       20 ms      1 %
 *     4     under 3 %             250 ms       40 ms      3 %
 *     3     under 8 %             400 ms       80 ms      6 %
 *     2     under 20 %            800 ms       200 ms     12 %
 *     1     worse
 *     0     nothing comes, or there is no path
 *
 * The worst column counts. Pure, with a clock from outside: [any]. */
#ifndef MCU_BARS_H
#define MCU_BARS_H

#include <stdbool.h>
#include <stdint.h>

enum { MCU_BARS_UNKNOWN = -1, MCU_BARS_MAX = 5, MCU_BARS_POOR = 2 };

/* Of the last second or two. */
struct mcu_network {
    bool is_connected;
    bool is_suspect;             /* nothing has come for seconds */
    int64_t rtt_us;              /* -1: not known */
    uint32_t jitter_us;
    uint32_t loss_in_permille;   /* of what he sends */
    uint32_t loss_out_permille;  /* of what he is sent */
    uint32_t concealed_permille; /* of his sound */
};

int mcu_bars_of(const struct mcu_network *n);

/* What is shown follows without flicker: down after 2 s, to none at once, up by one bar in 4 s. */
struct mcu_bars {
    int shown;
    int wanted;
    int64_t since_us; /* that it is wanted more, or less */
    int64_t poor_us;  /* since when few are shown; 0: enough are */
};

void mcu_bars_init(struct mcu_bars *b);

/* Returns what is shown now. */
int mcu_bars_follow(struct mcu_bars *b, int wanted, int64_t now_us);

/* Have few been shown for 3 s? Then others are told by a sign in the picture. */
bool mcu_bars_are_poor(const struct mcu_bars *b, int64_t now_us);

#endif
