/* recorder/pace.h - when what comes from outside is due on the room's clock.
 *
 * A source counts from anywhere and its clock is its own. base maps it: due = base + dts. For a
 * live source the base follows the packets' arrival, slowly for drift and at once when a connection
 * gives what it had held back; a file, and HLS, which comes in pieces, are played from where they
 * begin. Who is late for good begins anew. Pure, one thread. */
#ifndef RECORDER_PACE_H
#define RECORDER_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum rec_pace_kind {
    REC_PACE_FILE,
    REC_PACE_PIECES, /* HLS */
    REC_PACE_LIVE,
};

struct rec_pace {
    enum rec_pace_kind kind;
    bool has_base;
    int64_t base_us;
    int64_t window_until_us; /* of the least slack seen */
    int64_t least_slack_us;
    uint32_t resyncs; /* how often it began anew since it began */
};

void rec_pace_init(struct rec_pace *p, enum rec_pace_kind kind);

/* It stood still, or jumped: the next packet begins anew. */
void rec_pace_restart(struct rec_pace *p);

/* It stood still for so long, on purpose. */
void rec_pace_shift(struct rec_pace *p, int64_t by_us);

/* A packet has arrived. Before rec_pace_due() of it. */
void rec_pace_arrived(struct rec_pace *p, int64_t dts_us, int64_t arrival_us);

/* The packets wait to be played; newest_us is the largest dts of them. Begins anew when even that
 * is long overdue, or lies far ahead. */
void rec_pace_check(struct rec_pace *p, int64_t newest_us, int64_t now_us);

/* When that is to be played, once something has arrived. */
int64_t rec_pace_due(const struct rec_pace *p, int64_t dts_us);

#endif
