/* transport/probe.h - is there more than what is sent? A short burst at a higher rate, in padding
 * if need be, and how fast it came.
 *
 * At the start, at once again after a burst that came through well, after a drop, and every few
 * seconds; less often after bursts that did not come through. A plain struct. [net] */
#ifndef TRANSPORT_PROBE_H
#define TRANSPORT_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rtc_probe { /* all zero: a fresh one */
    uint8_t id;    /* of the burst that leaves or left last; never 0 while it counts */
    bool is_leaving;
    bool is_waited_for; /* left, and its fate is not known */
    uint64_t rate_bps;
    size_t bytes; /* to send */
    /* what left */
    size_t packets_sent, bytes_sent, first_bytes, last_bytes;
    int64_t first_sent_us, last_sent_us;
    /* what came */
    size_t packets_came, bytes_came;
    int64_t first_came_us, last_came_us;
    /* when */
    bool has_begun;
    int64_t next_us;
    int64_t pause_us;
    uint64_t again_bps; /* the next one's rate; 0: by the estimate */
};

/* Begins a burst when it is time: estimate_bps is what is known, useful_bps what can be used. */
void rtc_probe_tick(struct rtc_probe *p, uint64_t estimate_bps, uint64_t useful_bps,
                    int64_t now_us);

/* The estimate was taken back: look again in a while. */
void rtc_probe_fell(struct rtc_probe *p, int64_t now_us);

/* The path is back, and carried so much before: is it so again? At the next tick. */
void rtc_probe_again(struct rtc_probe *p, uint64_t bps, int64_t now_us);

/* Bytes to send now. */
size_t rtc_probe_due(const struct rtc_probe *p, int64_t now_us, size_t *packet_bytes);

/* A packet left. Returns the burst it is of, 0: none. */
uint8_t rtc_probe_sent(struct rtc_probe *p, size_t bytes, int64_t now_us);

/* A packet of a burst came. */
void rtc_probe_came(struct rtc_probe *p, uint8_t id, size_t bytes, int64_t arrival_us);

/* After feedback: the rate that the burst showed, 0: not known yet or nothing to go by. The next
 * one follows soon if it came through well. */
uint64_t rtc_probe_result(struct rtc_probe *p, uint64_t estimate_bps, int64_t now_us);

#endif
