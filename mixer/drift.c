/* The slope of room time against sender time: least squares over the last minute. */
#include "mixer/drift.h"

#include <math.h>

#include "mixer/frames.h"
#include "mixer/mix.h"

enum {
    GAP_MAX = 64,         /* packets lost in a row; more is a break */
    BREAK_US = 10000,     /* a step of time that no clock and no slewing makes */
    SECOND = MIX_RATE_HZ, /* frames */
    MOVED_MAX_US = 4000,  /* in a second */
    POINTS_MIN = 15,      /* before anything is believed */
    CLEAR = 4,            /* times its standard error */
};

static const float begin_ppm = 5.0f;
static const float end_ppm = 3.0f;
static const float most_ppm = 500.0f;

void mix_drift_init(struct mix_drift *d)
{
    *d = (struct mix_drift){0};
}

static void begin_second(struct mix_drift *d, int64_t pts_us)
{
    d->start_us = pts_us;
    d->media_frames = 0;
}

static double value_at(const struct mix_drift *d, uint32_t i)
{
    const uint32_t first = (d->next + MIX_DRIFT_POINTS - d->points) % MIX_DRIFT_POINTS;
    return d->moved_us[(first + i) % MIX_DRIFT_POINTS];
}

/* Slope in us per second, which is parts per million, and its standard error. */
static void fit(const struct mix_drift *d, double *slope, double *error)
{
    const double n = d->points;
    double mean = 0;
    for (uint32_t i = 0; i < d->points; i++)
        mean += value_at(d, i) / n;
    double sum_xy = 0;
    double sum_yy = 0;
    for (uint32_t i = 0; i < d->points; i++) {
        const double y = value_at(d, i) - mean;
        sum_xy += (i - (n - 1) / 2) * y;
        sum_yy += y * y;
    }
    const double sum_xx = n * (n * n - 1) / 12;
    *slope = sum_xy / sum_xx;
    *error = sqrt(fmax(sum_yy - *slope * sum_xy, 0) / (n - 2) / sum_xx);
}

static void believe(struct mix_drift *d)
{
    if (d->points < POINTS_MIN)
        return;
    double slope;
    double error;
    fit(d, &slope, &error);
    const float ppm = (float)-slope;
    const bool is_clear = fabs(slope) > CLEAR * error;
    if (is_clear && fabsf(ppm) > begin_ppm)
        d->is_active = true;
    else if (fabsf(ppm) < end_ppm)
        d->is_active = false;
    if (is_clear || d->is_active)
        d->ppm = fmaxf(-most_ppm, fminf(ppm, most_ppm));
    else
        d->ppm = 0;
}

static void end_second(struct mix_drift *d, int64_t pts_us)
{
    const int64_t moved = pts_us - d->start_us - mix_frames_to_us(d->media_frames);
    const bool is_drift = moved <= MOVED_MAX_US && moved >= -MOVED_MAX_US;
    /* For each second of sound, so that long packets weigh the same. */
    const double us = is_drift ? (double)moved * SECOND / (double)d->media_frames : 0;
    const uint32_t last = (d->next + MIX_DRIFT_POINTS - 1) % MIX_DRIFT_POINTS;
    const double before = d->points > 0 ? d->moved_us[last] : 0;
    d->moved_us[d->next] = before + us;
    d->next = (d->next + 1) % MIX_DRIFT_POINTS;
    if (d->points < MIX_DRIFT_POINTS)
        d->points++;
    believe(d);
    begin_second(d, pts_us);
}

void mix_drift_packet(struct mix_drift *d, uint64_t sequence, uint32_t frames, int64_t pts_us)
{
    const uint64_t steps = sequence - d->last_sequence;
    const int64_t media = (int64_t)(steps <= GAP_MAX ? steps : 0) * d->last_frames;
    const int64_t off = pts_us - d->last_us - mix_frames_to_us(media);
    const bool goes_on = d->has_last && media > 0 && off <= BREAK_US && off >= -BREAK_US;
    d->has_last = true;
    d->last_sequence = sequence;
    d->last_frames = frames;
    d->last_us = pts_us;
    if (!goes_on) {
        begin_second(d, pts_us);
        return;
    }
    d->media_frames += media;
    if (d->media_frames >= SECOND)
        end_second(d, pts_us);
}
