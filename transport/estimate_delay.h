/* transport/estimate_delay.h - does a queue grow on the way? From when packets were sent and when
 * they came (draft-ietf-rmcat-gcc-02, section 5, with a trend line in place of the Kalman filter).
 *
 *     packets -> groups sent within 5 ms -> how much later each came than the one before
 *             -> sum of that, smoothed -> slope of a line through the newest -> against a threshold
 *
 * The threshold follows the slope slowly, so that a stream beside a greedy one is not starved and a
 * jittery path is no overuse. Where packets are few the line takes long; so a delay that leaps and
 * goes on growing is a verdict too. A plain struct, no allocation, no clock. One [net] thread at a
 * time. */
#ifndef TRANSPORT_ESTIMATE_DELAY_H
#define TRANSPORT_ESTIMATE_DELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RTC_TREND_POINTS = 20 };

enum rtc_usage {
    RTC_USAGE_NORMAL,
    RTC_USAGE_UNDER, /* a queue empties: wait for it */
    RTC_USAGE_OVER,  /* a queue grows */
};

struct rtc_delay_group {
    int64_t first_sent_us;
    int64_t sent_us; /* the newest of each */
    int64_t first_arrival_us;
    int64_t arrival_us;
};

struct rtc_delay { /* all zero: a fresh one */
    bool has_group, has_before;
    struct rtc_delay_group group, before;
    /* the line */
    struct {
        double arrival_ms, delay_ms;
    } points[RTC_TREND_POINTS];
    size_t count; /* of deltas so far */
    int64_t first_arrival_us;
    double sum_ms, smooth_ms;
    double trend; /* scaled as the threshold is */
    /* the threshold */
    double threshold_ms; /* 0: not begun */
    int64_t adapted_us;
    /* how late packets are, whatever the far side's clock says */
    int64_t zero_us; /* of the first packet */
    double late_ms;  /* of the newest group */
    double least_ms, least_before_ms; /* of 5 s that pass, and of the 5 before */
    int64_t least_us; /* sent: when the former began */
    double allowed_ms; /* more than usual that is no queue yet: see rtc_delay_allow() */
    double usual_ms; /* follows slowly */
    unsigned leaps;  /* groups far above that, each later than the one before */
    /* the verdict */
    double over_ms; /* how long the line has been above */
    unsigned over_count;
    double last_trend;
    enum rtc_usage usage;
};

/* The path may be another one: what it was like is forgotten, but not how much it jitters. */
void rtc_delay_restart(struct rtc_delay *d);

/* So late a packet may be by the one before it, which takes its time on a thin path. */
void rtc_delay_allow(struct rtc_delay *d, double ms);

/* Later than usual, so that nothing should be added. */
bool rtc_delay_is_late(const struct rtc_delay *d);

/* What the queue holds now, about, in milliseconds. */
double rtc_delay_queue_ms(const struct rtc_delay *d);

/* A packet that came, in order of sending; times of two clocks. Returns the verdict with it. */
enum rtc_usage rtc_delay_note(struct rtc_delay *d, int64_t sent_us, int64_t arrival_us);

#endif
