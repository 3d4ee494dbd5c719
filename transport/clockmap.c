/* transport/clockmap.c - RTP timestamps to room-clock time. One [net] thread at a time.
 *
 * All in microseconds. m is the media time of a packet: unwrapped timestamp over clock rate.
 *
 *   per packet      transit  = arrival - m
 *   per stream      floor    = least transit of the last 10 s (ten buckets of 1 s): the fastest way
 *                              through the network; it follows a drift of 200 ppm within 2 ms
 *   per report      shift    = ntp - m(report): media time to the sender's own clock
 *   per sender      delay    = the least (floor - shift) of its streams: the sender's clock to
 *                              the room's, by its fastest stream
 *   per stream      lag      = shift + delay - floor, never above 0: how much longer than sound
 *                              this picture was on its way, or the other way round; 0 before two
 *                              have reports, kept when reports end or their clock leaps
 *   per stream      target   = floor + lag
 *                   pts      = m + offset, where offset slews to target
 *
 *        room time
 *          ^          . video packets arrive     floor(video)
 *          |        .   . audio packets arrive   floor(audio) = delay + shift(audio)
 *          |      .   .
 *          |    .   .      with reports both are mapped by the lower line: what was captured
 *          |  .   .        together has one pts
 *          +-----------------> sender's clock
 *
 * Slewing is tied to media time, so that pts rises whenever the timestamps do: per second of media
 * offset moves by half the error, at least 2 and at most 50 ms (a difference of 60 ms between lips
 * and voice is below 10 ms after 4 s), and by at most 500 ms during the first second of a stream or
 * while the error is above 250 ms (a queue on the way that filled or emptied).
 *
 * Steps, only where the timestamps themselves leap: forward by more than 1 s against the arrival
 * times from one packet to the next; back by more than 2 s; later than the floor by more than 1 s
 * after 10 s of silence, or without a break for 3 s (the clock stood still). lag stays, floor
 * starts anew. */
#include "transport/clockmap.h"

#include <errno.h>
#include <stdlib.h>

#include "mcu/base/clock.h"
#include "transport/seq.h"
#include "transport/warm.h"

enum {
    STREAMS = RTC_CLOCKMAP_STREAMS,
    BUCKETS = 10,
    BUCKET_US = 1000 * 1000,
    LEAP_AHEAD_US = 1000 * 1000,
    LEAP_BACK_US = 2000 * 1000,
    LATE_US = 1000 * 1000,
    LATE_FOR_US = 3000 * 1000,
    NTP_LEAP_US = 500 * 1000,
    LAG_MAX_US = 2000 * 1000, /* reports that say more are not of one clock */
    SLEW_PART = 2,            /* per second of media the error shrinks by this part */
    SLEW_MIN_US = 2 * 1000,   /* per second of media */
    SLEW_MAX_US = 50 * 1000,
    SLEW_FAST_US = 500 * 1000,
    FAST_ERROR_US = 250 * 1000,
    FAST_START_US = 1000 * 1000,
    SLEW_SPAN_US = 1000 * 1000, /* most media time that one call slews for */
};

#define NONE INT64_MAX

struct stream {
    uint32_t hz;
    struct rtc_unwrap unwrap;

    /* arrivals */
    bool has_arrived;
    int64_t newest_media_us; /* of the packet with the highest timestamp, and its arrival */
    int64_t newest_arrival_us;
    int64_t late_since_us;     /* NONE: was on time */
    int64_t bucket;            /* number of the current one */
    int64_t least_us[BUCKETS]; /* NONE: nothing arrived in it */
    int64_t floor_us;

    /* reports */
    bool has_report;
    int64_t shift_us;
    int64_t lag_us;

    /* mapping */
    bool has_mapped;
    int64_t start_media_us;
    int64_t mapped_media_us;
    int64_t mapped_pts_us;
    int64_t offset_us;
};

struct rtc_clockmap {
    struct stream streams[STREAMS];
};

static void stream_reset(struct stream *s)
{
    const uint32_t hz = s->hz;
    *s = (struct stream){.hz = hz, .late_since_us = NONE};
    for (size_t i = 0; i < BUCKETS; i++)
        s->least_us[i] = NONE;
}

int rtc_clockmap_create(struct rtc_clockmap **out, uint32_t audio_hz, uint32_t video_hz)
{
    if (audio_hz == 0 || video_hz == 0)
        return -EINVAL;
    struct rtc_clockmap *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    for (size_t i = 0; i < STREAMS; i++) {
        c->streams[i].hz = i == MCU_AUDIO ? audio_hz : video_hz;
        stream_reset(&c->streams[i]);
    }
    *out = c;
    return 0;
}

void rtc_clockmap_destroy(struct rtc_clockmap *c)
{
    free(c);
}

void rtc_clockmap_restart(struct rtc_clockmap *c, unsigned stream)
{
    stream_reset(&c->streams[stream]);
}

static int64_t media_us(const struct stream *s, uint64_t wide)
{
    const int64_t t = (int64_t)wide;
    return t / s->hz * MCU_US_PER_S + t % s->hz * MCU_US_PER_S / s->hz;
}

/* --- the floor -------------------------------------------------------------------------------- */

static void floor_reset(struct stream *s)
{
    for (size_t i = 0; i < BUCKETS; i++)
        s->least_us[i] = NONE;
    s->late_since_us = NONE;
}

/* Empties the buckets between the last arrival and this one. */
static void floor_advance(struct stream *s, int64_t arrival_us)
{
    const int64_t bucket = arrival_us / BUCKET_US;
    if (bucket - s->bucket >= BUCKETS) {
        floor_reset(s);
        s->bucket = bucket;
    }
    while (s->bucket < bucket)
        s->least_us[++s->bucket % BUCKETS] = NONE;
}

static void floor_add(struct stream *s, int64_t transit_us)
{
    int64_t *least = &s->least_us[s->bucket % BUCKETS];
    if (transit_us < *least)
        *least = transit_us;
    s->floor_us = NONE;
    for (size_t i = 0; i < BUCKETS; i++)
        if (s->least_us[i] < s->floor_us)
            s->floor_us = s->least_us[i];
}

/* --- reports ---------------------------------------------------------------------------------- */

/* Did anything arrive within the window that ends with now? */
static bool is_fresh(const struct stream *s, int64_t now_us)
{
    return s->has_arrived && now_us - s->newest_arrival_us < (int64_t)BUCKETS * BUCKET_US;
}

static bool is_comparable(const struct stream *s, int64_t now_us)
{
    return s->has_report && is_fresh(s, now_us);
}

/* Two streams at least must be there and have reports: what one says alone changes nothing. */
static void update_lags(struct rtc_clockmap *c, int64_t now_us)
{
    int64_t least_us = INT64_MAX, most_us = INT64_MIN;
    size_t count = 0;
    for (size_t i = 0; i < STREAMS; i++) {
        const struct stream *s = &c->streams[i];
        if (!is_comparable(s, now_us))
            continue;
        const int64_t delay_us = s->floor_us - s->shift_us;
        least_us = delay_us < least_us ? delay_us : least_us;
        most_us = delay_us > most_us ? delay_us : most_us;
        count++;
    }
    if (count < 2 || most_us - least_us > LAG_MAX_US)
        return;
    for (size_t i = 0; i < STREAMS; i++) {
        struct stream *s = &c->streams[i];
        if (is_comparable(s, now_us))
            s->lag_us = least_us - (s->floor_us - s->shift_us);
    }
}

static int64_t ntp_to_us(uint64_t ntp)
{
    return (int64_t)(ntp >> 32) * MCU_US_PER_S +
           (int64_t)((ntp & 0xffffffff) * (uint64_t)MCU_US_PER_S >> 32);
}

void rtc_clockmap_report(struct rtc_clockmap *c, unsigned stream, uint64_t ntp,
                         uint32_t timestamp)
{
    struct stream *s = &c->streams[stream];
    if (!s->has_arrived || ntp == 0)
        return; /* without a packet the timestamp has no place on the unwrapped line */
    const int64_t shift_us = ntp_to_us(ntp) - media_us(s, rtc_unwrap32_peek(&s->unwrap, timestamp));
    const int64_t change_us = shift_us - s->shift_us;
    if (s->has_report && (change_us > NTP_LEAP_US || change_us < -NTP_LEAP_US))
        for (size_t i = 0; i < STREAMS; i++)
            c->streams[i].has_report =
                false; /* the sender's clock was set: the others are of old */
    s->shift_us = shift_us;
    s->has_report = true;
    update_lags(c, s->newest_arrival_us);
}

bool rtc_clockmap_has_report(const struct rtc_clockmap *c, unsigned stream)
{
    return c->streams[stream].has_report;
}

/* --- arrivals --------------------------------------------------------------------------------- */

/* Is everything late by so much, for so long, that the sender's clock must have stood still? */
static bool is_stuck_late(struct stream *s, int64_t late_us, int64_t arrival_us)
{
    if (late_us < LATE_US) {
        s->late_since_us = NONE;
        return false;
    }
    if (s->late_since_us == NONE)
        s->late_since_us = arrival_us;
    return arrival_us - s->late_since_us >= LATE_FOR_US;
}

static bool has_leapt(struct stream *s, int64_t media, int64_t arrival_us)
{
    const int64_t media_step_us = media - s->newest_media_us;
    const int64_t arrival_step_us = arrival_us - s->newest_arrival_us;
    const int64_t late_us = arrival_us - media - s->floor_us;
    if (media_step_us - arrival_step_us > LEAP_AHEAD_US || media_step_us < -LEAP_BACK_US)
        return true;
    if (arrival_step_us >= (int64_t)BUCKETS * BUCKET_US && late_us > LATE_US)
        return true; /* after a silence there is no queue that could have held it up */
    return is_stuck_late(s, late_us, arrival_us);
}

/* The stream's timestamps leapt: what was learned of them is void, save for the lag. */
static void leap(struct stream *s, int64_t media, int64_t arrival_us)
{
    floor_reset(s);
    s->bucket = arrival_us / BUCKET_US;
    s->has_report = false;
    s->offset_us = arrival_us - media + s->lag_us;
    s->newest_media_us = media;
    s->start_media_us = media;
    s->mapped_media_us = media;
}

void rtc_clockmap_arrived(struct rtc_clockmap *c, unsigned stream, uint32_t timestamp,
                          int64_t arrival_us)
{
    struct stream *s = &c->streams[stream];
    const int64_t media = media_us(s, rtc_unwrap32(&s->unwrap, timestamp));
    const int64_t transit_us = arrival_us - media;

    if (!s->has_arrived) {
        s->has_arrived = true;
        s->bucket = arrival_us / BUCKET_US;
        s->newest_media_us = media;
        s->start_media_us = media;
    } else if (has_leapt(s, media, arrival_us)) {
        leap(s, media, arrival_us);
    }
    if (media >= s->newest_media_us) {
        s->newest_media_us = media;
        s->newest_arrival_us = arrival_us;
    }
    floor_advance(s, arrival_us);
    floor_add(s, transit_us);
    update_lags(c, arrival_us);
}

/* --- mapping ---------------------------------------------------------------------------------- */

/* How far offset may move in one second of media. */
static int64_t slew_limit(const struct stream *s, int64_t error_us, int64_t media)
{
    if (error_us > FAST_ERROR_US || media - s->start_media_us < FAST_START_US)
        return SLEW_FAST_US;
    const int64_t gentle_us = error_us / SLEW_PART;
    return gentle_us < SLEW_MIN_US   ? SLEW_MIN_US
           : gentle_us > SLEW_MAX_US ? SLEW_MAX_US
                                     : gentle_us;
}

static void slew(struct stream *s, int64_t media)
{
    const int64_t span_us = media - s->mapped_media_us;
    const int64_t error_us = s->floor_us + s->lag_us - s->offset_us;
    const int64_t size_us = error_us < 0 ? -error_us : error_us;
    const int64_t limit_us = slew_limit(s, size_us, media) *
                             (span_us < SLEW_SPAN_US ? span_us : SLEW_SPAN_US) / MCU_US_PER_S;
    const int64_t move_us = size_us < limit_us ? size_us : limit_us;
    s->offset_us += error_us < 0 ? -move_us : move_us;
}

int64_t rtc_clockmap_pts(struct rtc_clockmap *c, unsigned stream, uint32_t timestamp)
{
    struct stream *s = &c->streams[stream];
    if (!s->has_arrived)
        return 0;
    const int64_t media = media_us(s, rtc_unwrap32_peek(&s->unwrap, timestamp));
    if (!s->has_mapped) {
        s->has_mapped = true;
        s->offset_us = s->floor_us + s->lag_us;
        s->mapped_media_us = media;
        s->mapped_pts_us = media + s->offset_us;
    }
    if (media > s->newest_media_us) { /* from before a leap back, and overtaken by it */
        const int64_t pts_us = media + s->offset_us;
        return pts_us < s->newest_arrival_us ? pts_us : s->newest_arrival_us;
    }
    if (media < s->mapped_media_us)
        return media + s->offset_us;

    slew(s, media);
    const int64_t pts_us = media + s->offset_us;
    s->mapped_media_us = media;
    if (pts_us > s->mapped_pts_us)
        s->mapped_pts_us = pts_us;
    return s->mapped_pts_us;
}

void rtc_clockmap_warm(const struct rtc_clockmap *c, unsigned stream)
{
    rtc_warm(&c->streams[stream], sizeof(c->streams[stream]));
}
