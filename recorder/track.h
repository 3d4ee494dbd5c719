/* recorder/track.h - the time line of one track: packets in room-clock time become samples in ticks.
 *
 * A sample's duration is the distance to the next one, so the newest packet is held until its
 * successor comes. Every time is rounded from the exact start, never summed, so nothing drifts. The
 * first sample of a track that comes late is stretched back to zero: all tracks of a file begin
 * together, and no player needs an empty edit.
 *
 *     packets     |  A     B    C   (end)        zero = conf.start_us
 *     samples     AAAAAAAABBBBBCCCCCCC
 *
 * A pause moves the origin: what follows it stands right behind what was before. Steady tracks go on
 * without a gap then, whatever part of a sample is missing.
 *
 * Pure: no threads, no I/O, no allocation. */
#ifndef RECORDER_TRACK_H
#define RECORDER_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "mcu/base/packet.h"

#define REC_TRACK_NO_END INT64_MAX

struct rec_track_conf {
    int64_t start_us;       /* room clock of the file's zero, of packets to come */
    uint32_t timescale;     /* ticks a second */
    int64_t nominal_ticks;  /* duration of a sample when nothing says it */
    bool is_steady;         /* every sample lasts nominal_ticks: rounding is snapped away (audio) */
    bool fills_to_end;      /* the last sample lasts to the end (video) */
};

struct rec_sample {
    struct mcu_packet *packet;
    int64_t pts; /* ticks */
    int64_t dts;
    int64_t duration;
};

struct rec_track {
    struct rec_track_conf conf;
    struct rec_sample held; /* packet NULL: none */
    bool has_begun;
    int64_t reorder;        /* pts - dts of the first sample */
    bool is_joining;        /* the next packet is the first after a pause */
    int64_t shift;          /* ticks that make a steady track go on without a gap */
};

void rec_track_init(struct rec_track *t, const struct rec_track_conf *conf);

/* Holds a packet (the track takes over the caller's reference) and gives out the one held before it:
 * returns true when *ready was filled, and its packet is the caller's then. */
bool rec_track_put(struct rec_track *t, struct mcu_packet *packet, struct rec_sample *ready);

/* Gives out the last one. end_us is on the file's time line, or REC_TRACK_NO_END. Returns false when none. */
bool rec_track_end(struct rec_track *t, int64_t end_us, struct rec_sample *ready);

/* Gives out the one that is held before its successor has come, as lasting nominal_ticks: where a
 * picture stands still, it is not kept from the file for as long. Returns false when none. */
bool rec_track_release(struct rec_track *t, struct rec_sample *ready);

/* From the next packet on the file's zero is this time. */
void rec_track_set_origin(struct rec_track *t, int64_t origin_us);

/* Gives back what is held. */
void rec_track_finish(struct rec_track *t);

/* Ticks of a room-clock time on the file's time line. */
int64_t rec_track_ticks(const struct rec_track *t, int64_t us);

#endif
