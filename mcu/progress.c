/* `mixing [##########..........]  52 %  0:31 of 1:00  4.2x  7 s left` */
#include "mcu/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "mcu/base/clock.h"

enum { BAR_CELLS = 24 };

void mcu_progress_init(struct mcu_progress *p)
{
    p->is_shown = isatty(STDERR_FILENO) == 1;
    p->started_us = mcu_now_us();
    p->drawn_us = 0;
}

static void put_time(char *text, size_t size, int64_t us)
{
    const int s = (int)(us / MCU_US_PER_S);
    snprintf(text, size, "%d:%02d", s / 60, s % 60);
}

static void put_bar(char *bar, int64_t done_us, int64_t total_us)
{
    for (int i = 0; i < BAR_CELLS; i++)
        bar[i] = i * total_us < done_us * BAR_CELLS ? '#' : '.';
    bar[BAR_CELLS] = '\0';
}

void mcu_progress_draw(struct mcu_progress *p, int64_t done_us, int64_t total_us)
{
    const int64_t now_us = mcu_now_us();
    if (!p->is_shown || done_us <= 0 || now_us - p->drawn_us < MCU_US_PER_S / 10)
        return; /* of nothing done, no speed can be told */
    p->drawn_us = now_us;
    const double speed = (double)done_us / (double)(now_us - p->started_us + 1);
    char done[16];
    char total[16];
    put_time(done, sizeof(done), done_us);
    if (total_us <= 0) {
        fprintf(stderr, "\rmixing %s  %.1fx\033[K", done, speed);
        return;
    }
    char bar[BAR_CELLS + 1];
    put_bar(bar, done_us, total_us);
    put_time(total, sizeof(total), total_us);
    const double percent = done_us < total_us ? 100.0 * (double)done_us / (double)total_us : 100.0;
    const double left_s = (double)(total_us - done_us) / speed / (double)MCU_US_PER_S;
    fprintf(stderr, "\rmixing [%s] %3.0f %%  %s of %s  %.1fx  %.0f s left\033[K", bar, percent, done,
            total, speed, left_s > 0 ? left_s : 0);
}

void mcu_progress_clear(struct mcu_progress *p)
{
    if (p->is_shown)
        fputs("\r\033[K", stderr);
}
