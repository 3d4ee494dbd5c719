/* tests/lib/netrig_log.h - what the rig did, as JSON lines. `t` is in seconds since the rig began.
 *
 *   {"t":1.2,"dir":"down","in":50,...}          each 100 ms, counts of that time alone
 *   {"t":9.0,"dir":"down","total":true,...}     at the end, and what the device dropped before the
 * rig
 *   {"t":5.0,"command":"down rate=150k"}        what was asked, when it took effect
 *
 * queue_ms: time in the bottleneck, [median, 95 %, 99 %, most]. late_ms: the rig's own latest
 * delivery. */
#ifndef TESTS_LIB_NETRIG_LOG_H
#define TESTS_LIB_NETRIG_LOG_H

#include <stdio.h>

#include "tests/lib/netrig_link.h"

struct netrig_log {
    FILE *file; /* NULL: nothing is written */
    struct netrig_counts before[NETRIG_DIRECTIONS];
};

/* `text` as it may stand between quotes in JSON, cut to fit. */
void netrig_log_escape(char *out, size_t size, const char *text);

/* Clears the link's samples. */
void netrig_log_interval(struct netrig_log *log, double t, int direction, struct netrig_link *l,
                         int64_t late_ns);

void netrig_log_total(const struct netrig_log *log, double t, int direction,
                      const struct netrig_link *l, uint64_t device_dropped);

void netrig_log_command(const struct netrig_log *log, double t, const char *command);

#endif
