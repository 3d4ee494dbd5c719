/* The time line of one track; see track.h. With B-frames the first dts is negative: pts counts from
 * the file's zero, and the muxer writes the difference as an edit list. */
#include "recorder/track.h"

#include <stdlib.h>

#include <libavutil/mathematics.h>

#include "mcu/base/clock.h"

enum { SNAP_TICKS = 2 }; /* rounding to microseconds and back is off by one at most, twice */

void rec_track_init(struct rec_track *t, const struct rec_track_conf *conf)
{
    *t = (struct rec_track){.conf = *conf};
}

int64_t rec_track_ticks(const struct rec_track *t, int64_t us)
{
    return av_rescale(us - t->conf.start_us, t->conf.timescale, MCU_US_PER_S);
}

void rec_track_set_origin(struct rec_track *t, int64_t origin_us)
{
    if (t->conf.start_us == origin_us)
        return;
    t->conf.start_us = origin_us;
    t->is_joining = t->has_begun && t->conf.is_steady;
}

static void begin(struct rec_track *t, struct rec_sample *s)
{
    t->has_begun = true;
    t->reorder = s->pts - s->dts;
    if (s->pts > 0) {
        s->pts = 0;
        s->dts = -t->reorder;
    }
}

/* Keeps dts rising, whatever the caller's clock did. */
static void follow(struct rec_track *t, struct rec_sample *s)
{
    const int64_t expected = t->held.dts + t->conf.nominal_ticks;
    if (t->is_joining) {
        const int64_t gap = expected - s->dts;
        t->shift = llabs(gap) <= t->conf.nominal_ticks ? gap : 0; /* more is a hole of its own */
        t->is_joining = false;
    }
    s->pts += t->shift;
    s->dts += t->shift;
    if (t->conf.is_steady && llabs(s->dts - expected) <= SNAP_TICKS) {
        s->pts += expected - s->dts;
        s->dts = expected;
    }
    if (s->dts <= t->held.dts)
        s->dts = t->held.dts + 1;
}

bool rec_track_put(struct rec_track *t, struct mcu_packet *packet, struct rec_sample *ready)
{
    struct rec_sample s = {
        .packet = packet,
        .pts = rec_track_ticks(t, packet->pts_us),
        .dts = rec_track_ticks(t, packet->dts_us),
    };
    if (s.dts > s.pts)
        s.dts = s.pts;
    if (t->has_begun)
        follow(t, &s);
    else
        begin(t, &s);
    if (s.pts < s.dts)
        s.pts = s.dts;

    const struct rec_sample before = t->held;
    t->held = s;
    if (!before.packet)
        return false;
    *ready = before;
    ready->duration = s.dts - before.dts;
    return true;
}

bool rec_track_release(struct rec_track *t, struct rec_sample *ready)
{
    if (!t->held.packet)
        return false;
    *ready = t->held;
    ready->duration = t->conf.nominal_ticks;
    t->held.packet = NULL; /* its times stay, for the next one */
    return true;
}

bool rec_track_end(struct rec_track *t, int64_t end_us, struct rec_sample *ready)
{
    if (!t->held.packet)
        return false;
    *ready = t->held;
    t->held.packet = NULL;
    ready->duration = t->conf.nominal_ticks;
    if (t->conf.fills_to_end && end_us != REC_TRACK_NO_END) {
        /* The durations of all samples then sum to the time from zero to the end. */
        const int64_t end = av_rescale(end_us, t->conf.timescale, MCU_US_PER_S);
        const int64_t left = end - t->reorder - ready->dts;
        ready->duration = left > 0 ? left : t->conf.nominal_ticks;
    }
    return true;
}

void rec_track_finish(struct rec_track *t)
{
    mcu_packet_unref(t->held.packet);
    t->held.packet = NULL;
}
