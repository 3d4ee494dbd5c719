/* Growing queues; see estimate_delay.h. The figures are those of the draft and of libwebrtc, which
 * have been tuned on real paths for years. [net] */
#include "transport/estimate_delay.h"

#include <math.h>

enum {
    GROUP_US = 5 * 1000,
    BURST_US = 5 * 1000, /* what comes as close as this was held up together */
    BURST_MAX_US = 100 * 1000,
    STALE_US = 3 * 1000 * 1000, /* between groups: the path may be another one */
    BACK_US = -1000 * 1000,     /* the far side's clock was put back, or is none */
    DELTAS_MAX = 60,            /* that the slope is scaled by */
    ADAPT_MAX_MS = 100,
    LEAST_US = 5 * 1000 * 1000, /* clocks run apart, and routes change */
};

static const double smoothing = 0.9;
static const double gain = 4.0;
static const double threshold_first_ms = 12.5;
static const double threshold_min_ms = 6.0;
static const double threshold_max_ms = 600.0;
static const double threshold_up = 0.0087;
static const double threshold_down = 0.039;
static const double outlier_ms = 15.0; /* beyond the threshold: no reason to follow */
static const double over_time_ms = 10.0;
static const double leap_ms = 100.0;
static const double queue_min_ms = 15.0;  /* less is the thread's, or the clock's */
static const double usual_part = 0.02;    /* a millisecond of every 50 it is off, per 10 ms */

static void begin_group(struct rtc_delay *d, int64_t sent_us, int64_t arrival_us)
{
    d->has_group = true;
    d->group = (struct rtc_delay_group){.first_sent_us = sent_us,
                                        .sent_us = sent_us,
                                        .first_arrival_us = arrival_us,
                                        .arrival_us = arrival_us};
}

void rtc_delay_restart(struct rtc_delay *d)
{
    *d = (struct rtc_delay){.threshold_ms = d->threshold_ms, .allowed_ms = d->allowed_ms};
}

void rtc_delay_allow(struct rtc_delay *d, double ms)
{
    d->allowed_ms = ms;
}

/* Came with the group though it was sent later: the path held both up and let go of them at once.
 */
static bool is_burst(const struct rtc_delay *d, int64_t sent_us, int64_t arrival_us)
{
    const int64_t apart_us = arrival_us - d->group.arrival_us;
    return apart_us - (sent_us - d->group.sent_us) < 0 && apart_us <= BURST_US &&
           arrival_us - d->group.first_arrival_us < BURST_MAX_US;
}

static bool is_same_group(const struct rtc_delay *d, int64_t sent_us, int64_t arrival_us)
{
    return sent_us - d->group.first_sent_us <= GROUP_US || is_burst(d, sent_us, arrival_us);
}

/* Slope of the line of least squares through the points. */
static double slope_of(const struct rtc_delay *d)
{
    double x = 0, y = 0, xy = 0, xx = 0;
    for (size_t i = 0; i < RTC_TREND_POINTS; i++) {
        x += d->points[i].arrival_ms / RTC_TREND_POINTS;
        y += d->points[i].delay_ms / RTC_TREND_POINTS;
    }
    for (size_t i = 0; i < RTC_TREND_POINTS; i++) {
        const double dx = d->points[i].arrival_ms - x;
        xy += dx * (d->points[i].delay_ms - y);
        xx += dx * dx;
    }
    return xx > 0 ? xy / xx : 0;
}

static void add_point(struct rtc_delay *d, double later_ms, int64_t arrival_us)
{
    if (d->count == 0)
        d->first_arrival_us = arrival_us;
    d->sum_ms += later_ms;
    d->smooth_ms = smoothing * d->smooth_ms + (1 - smoothing) * d->sum_ms;
    const size_t at = d->count++ % RTC_TREND_POINTS;
    d->points[at].arrival_ms = (double)(arrival_us - d->first_arrival_us) / 1000;
    d->points[at].delay_ms = d->smooth_ms;
    if (d->count < RTC_TREND_POINTS)
        return;
    const double scale = (double)(d->count < DELTAS_MAX ? d->count : DELTAS_MAX);
    d->trend = scale * slope_of(d) * gain;
}

static void adapt_threshold(struct rtc_delay *d, int64_t now_us)
{
    const double size = fabs(d->trend);
    const int64_t last_us = d->adapted_us;
    d->adapted_us = now_us;
    if (last_us == 0 || size > d->threshold_ms + outlier_ms)
        return;
    double passed_ms = (double)(now_us - last_us) / 1000;
    if (passed_ms > ADAPT_MAX_MS)
        passed_ms = ADAPT_MAX_MS;
    const double rate = size < d->threshold_ms ? threshold_down : threshold_up;
    d->threshold_ms += rate * (size - d->threshold_ms) * passed_ms;
    d->threshold_ms = fmin(fmax(d->threshold_ms, threshold_min_ms), threshold_max_ms);
}

double rtc_delay_queue_ms(const struct rtc_delay *d)
{
    return d->late_ms - fmin(d->least_ms, d->least_before_ms);
}

static void judge(struct rtc_delay *d, double sent_ms)
{
    if (d->trend > d->threshold_ms && rtc_delay_queue_ms(d) >= fmax(queue_min_ms, d->allowed_ms)) {
        d->over_ms += d->over_count == 0 ? sent_ms / 2 : sent_ms;
        d->over_count++;
        if (d->over_ms > over_time_ms && d->over_count > 1 && d->trend >= d->last_trend) {
            d->over_ms = 0;
            d->over_count = 0;
            d->usage = RTC_USAGE_OVER;
        }
    } else {
        d->over_ms = 0;
        d->over_count = 0;
        d->usage = d->trend < -d->threshold_ms ? RTC_USAGE_UNDER : RTC_USAGE_NORMAL;
    }
    d->last_trend = d->trend;
}

/* Late by the difference to the first packet: that hides what stands between the clocks. */
static void note_late(struct rtc_delay *d)
{
    const int64_t late_us = d->group.arrival_us - d->group.sent_us - d->zero_us;
    d->late_ms = (double)late_us / 1000;
    if (d->least_us == 0)
        d->least_us = d->group.sent_us;
    if (d->group.sent_us - d->least_us >= LEAST_US) {
        d->least_before_ms = d->least_ms;
        d->least_ms = d->late_ms;
        d->least_us = d->group.sent_us;
    }
    d->least_ms = fmin(d->late_ms, d->least_ms);
}

static void judge_leap(struct rtc_delay *d, double before_ms, double passed_ms)
{
    const bool is_leap = d->late_ms > d->usual_ms + leap_ms && d->late_ms > before_ms;
    d->leaps = is_leap ? d->leaps + 1 : 0;
    const double off_ms = d->late_ms - d->usual_ms;
    d->usual_ms += off_ms < 0 ? off_ms : off_ms * fmin(usual_part * passed_ms / 10, 0.5);
    if (d->leaps >= 2)
        d->usage = RTC_USAGE_OVER;
}

bool rtc_delay_is_late(const struct rtc_delay *d)
{
    return d->late_ms > d->usual_ms + leap_ms / 2;
}

/* The group is whole: how much later it came than the one before. */
static void end_group(struct rtc_delay *d)
{
    if (d->has_before) {
        const int64_t sent_us = d->group.sent_us - d->before.sent_us;
        const int64_t came_us = d->group.arrival_us - d->before.arrival_us;
        if (came_us > sent_us + STALE_US || sent_us > STALE_US || came_us < BACK_US) {
            rtc_delay_restart(d);
            return;
        }
        add_point(d, (double)(came_us - sent_us) / 1000, d->group.arrival_us);
        const double before_ms = d->late_ms;
        note_late(d);
        judge(d, (double)sent_us / 1000);
        adapt_threshold(d, d->group.arrival_us);
        judge_leap(d, before_ms, (double)sent_us / 1000);
    } else {
        d->zero_us = d->group.arrival_us - d->group.sent_us;
    }
    d->before = d->group;
    d->has_before = true;
}

enum rtc_usage rtc_delay_note(struct rtc_delay *d, int64_t sent_us, int64_t arrival_us)
{
    if (d->threshold_ms == 0)
        d->threshold_ms = threshold_first_ms;
    if (!d->has_group) {
        begin_group(d, sent_us, arrival_us);
        return d->usage;
    }
    if (sent_us < d->group.first_sent_us)
        return d->usage; /* of a group that is over */
    if (!is_same_group(d, sent_us, arrival_us)) {
        end_group(d);
        begin_group(d, sent_us, arrival_us);
        return d->usage;
    }
    if (sent_us > d->group.sent_us)
        d->group.sent_us = sent_us;
    if (arrival_us > d->group.arrival_us)
        d->group.arrival_us = arrival_us;
    return d->usage;
}
