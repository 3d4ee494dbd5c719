/* tests/lib/netrig_probe.h - measures a running netrig: sockets on both sides of it, numbered
 * packets, and how punctual this machine is meanwhile.
 *
 * Up goes by IPv4 and down by IPv6. All times are CLOCK_REALTIME in ns, as the kernel stamps
 * packets: those of arrival do not depend on when this program gets to run. A thread of the rig's
 * own priority sees how late the scheduler wakes it; what falls into a bad moment is no measure of
 * the rig. */
#ifndef TESTS_LIB_NETRIG_PROBE_H
#define TESTS_LIB_NETRIG_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "tests/lib/netrig_conf.h"

struct netrig_probe {
    pid_t rig;
    char name[32];
    int lines_fd;  /* to its standard input */
    FILE *answers; /* from its standard output */
    int sender[NETRIG_DIRECTIONS], receiver[NETRIG_DIRECTIONS];
};

struct netrig_sent {
    int64_t before_ns, after_ns; /* around the system call */
    int64_t came_ns;             /* the first copy; 0: never */
    uint32_t copies;
    uint32_t place; /* among arrivals */
    uint32_t wrong_bits;
};

struct netrig_flow {
    int direction;
    uint32_t count;
    size_t size; /* of the IP packet */
    int64_t interval_ns;
    struct netrig_sent *sent; /* count of them */
    uint32_t arrivals;
};

/* Starts `program run` and opens the sockets. 0, or its exit status: 77 when it is not permitted
 * here; 1. */
int netrig_probe_start(struct netrig_probe *p, const char *program);

/* Ends it as a test would that dies (its input is closed); its exit status. */
int netrig_probe_stop(struct netrig_probe *p);

/* One line; false if it was not answered by ok, which is printed. */
bool netrig_probe_tell(struct netrig_probe *p, const char *line);

/* Allocates `sent` (freed by netrig_flow_finish), or aborts: a test without memory has no result.
 */
void netrig_flow_init(struct netrig_flow *f, int direction, uint32_t count, size_t size,
                      int64_t interval_ns);
void netrig_flow_finish(struct netrig_flow *f);

/* Sends all flows at once and takes what arrives until `settle_ms` after the last was sent. */
void netrig_probe_run(struct netrig_probe *p, struct netrig_flow *flows, size_t count,
                      int64_t settle_ms);

int64_t netrig_probe_clock_ns(void);

/* The thread that watches the scheduler. */
void netrig_watch_start(void);
void netrig_watch_stop(void);

/* Within 10 ms of then it was never 1 ms late. */
bool netrig_watch_is_punctual(int64_t at_ns);

#endif
