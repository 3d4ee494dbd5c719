/* See pace.h. "Slack" is how long before it is due a packet arrived: `delay` of the kind when all
 * is well; less, and it is late sometimes; more, and it waits longer than it must. */
#include "recorder/pace.h"

#include "mcu/base/clock.h"

static const struct {
    int64_t delay_us; /* of the first packet */
    int64_t late_us;  /* overdue by more: begin anew */
} kinds[] = {
    [REC_PACE_FILE] = {100 * MCU_US_PER_MS, 500 * MCU_US_PER_MS},
    [REC_PACE_PIECES] = {1000 * MCU_US_PER_MS, 200 * MCU_US_PER_MS},
    [REC_PACE_LIVE] = {250 * MCU_US_PER_MS, 500 * MCU_US_PER_MS},
};

#define EARLY_US     (400 * MCU_US_PER_MS) /* more slack than that: it was held back */
#define FAR_AHEAD_US (30 * MCU_US_PER_S)
#define WINDOW_US    (2 * MCU_US_PER_S)
#define SLEW_US      (2 * MCU_US_PER_MS) /* a window: 1000 ppm */

void rec_pace_init(struct rec_pace *p, enum rec_pace_kind kind)
{
    *p = (struct rec_pace){.kind = kind};
}

void rec_pace_restart(struct rec_pace *p)
{
    p->has_base = false;
}

void rec_pace_shift(struct rec_pace *p, int64_t by_us)
{
    p->base_us += by_us;
}

static void begin(struct rec_pace *p, int64_t dts_us, int64_t now_us)
{
    p->has_base = true;
    p->base_us = now_us + kinds[p->kind].delay_us - dts_us;
    p->window_until_us = now_us + WINDOW_US;
    p->least_slack_us = INT64_MAX;
}

/* Sender's and our clock drift apart: the least slack of a window is held where it began. */
static void slew(struct rec_pace *p, int64_t now_us)
{
    const int64_t off_us = p->least_slack_us - kinds[p->kind].delay_us;
    p->base_us -= off_us > SLEW_US ? SLEW_US : off_us < -SLEW_US ? -SLEW_US : off_us;
    p->window_until_us = now_us + WINDOW_US;
    p->least_slack_us = INT64_MAX;
}

void rec_pace_arrived(struct rec_pace *p, int64_t dts_us, int64_t arrival_us)
{
    if (!p->has_base) {
        begin(p, dts_us, arrival_us);
        return;
    }
    if (p->kind != REC_PACE_LIVE)
        return;
    const int64_t slack_us = p->base_us + dts_us - arrival_us;
    if (slack_us > kinds[p->kind].delay_us + EARLY_US) {
        begin(p, dts_us, arrival_us);
        p->resyncs++;
        return;
    }
    if (slack_us < p->least_slack_us)
        p->least_slack_us = slack_us;
    if (arrival_us >= p->window_until_us)
        slew(p, arrival_us);
}

void rec_pace_check(struct rec_pace *p, int64_t newest_us, int64_t now_us)
{
    if (!p->has_base)
        return;
    const int64_t ahead_us = p->base_us + newest_us - now_us;
    if (ahead_us >= -kinds[p->kind].late_us && ahead_us <= FAR_AHEAD_US)
        return;
    begin(p, newest_us, now_us);
    p->resyncs++;
}

int64_t rec_pace_due(const struct rec_pace *p, int64_t dts_us)
{
    return p->base_us + dts_us;
}
