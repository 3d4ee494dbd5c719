/* mixer/drift.h - how fast a sender's clock is against the room's. Pure. [tick]
 *
 * The times of packets follow the room's clock (the transport maps them, with sender reports or by
 * the fastest arrivals), their lengths follow the sender's: what the one moves against the other in
 * a second is the drift. Seconds without a break in the stream are points of a straight line, whose
 * slope over the last minute is what is believed, once it is clear of its own uncertainty. A second
 * that moved by more than a clock can is a change of the path and tells nothing. */
#ifndef MIXER_DRIFT_H
#define MIXER_DRIFT_H

#include <stdbool.h>
#include <stdint.h>

enum { MIX_DRIFT_POINTS = 60 }; /* seconds */

struct mix_drift {
    /* the second in hand */
    bool has_last;
    uint64_t last_sequence;
    uint32_t last_frames; /* of that packet */
    int64_t media_frames; /* since the second began, by the sender's clock */
    int64_t start_us;     /* its time on the room's */
    int64_t last_us;      /* of the last packet */
    /* seconds past */
    double moved_us[MIX_DRIFT_POINTS]; /* room time less sender time, summed up */
    uint32_t points;
    uint32_t next;
    /* the belief */
    bool is_active; /* worth resampling */
    float ppm;      /* positive: the sender is fast; 0 until it is known */
};

void mix_drift_init(struct mix_drift *d);

/* A packet of `frames` captured at pts_us, in the order of sequence numbers. */
void mix_drift_packet(struct mix_drift *d, uint64_t sequence, uint32_t frames, int64_t pts_us);

#endif
