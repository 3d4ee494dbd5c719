/* transport/recv_stats.h - what a receiver reports of one incoming stream (RFC 3550, 6.4.1, A.8),
 * and the round trip time that a sender learns from it.
 *
 * A plain struct, no allocation. One [net] thread at a time. */
#ifndef TRANSPORT_RECV_STATS_H
#define TRANSPORT_RECV_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/rtcp.h"

struct rtc_recv_stats {
    uint32_t ssrc;
    uint32_t clock_hz;
    bool is_started;
    uint64_t base_seq;    /* wide; lowest of the beginning */
    uint64_t highest_seq; /* wide */
    uint64_t packets;
    uint64_t bytes;          /* payload */
    uint64_t expected_prior; /* at the last report */
    uint64_t packets_prior;
    int64_t last_transit_rtp;
    bool has_transit;
    uint32_t last_timestamp;
    int64_t jitter_16; /* jitter in RTP ticks, times 16 */
    uint64_t sr_ntp;
    int64_t sr_arrival_us;
    bool has_sr;
};

void rtc_recv_stats_init(struct rtc_recv_stats *s, uint32_t ssrc, uint32_t clock_hz);

/* A packet of the stream itself, not one recovered by RTX (that would hide the loss). seq made wide
 * (seq.h). */
void rtc_recv_stats_packet(struct rtc_recv_stats *s, uint64_t seq, uint32_t timestamp,
                           size_t payload_size, int64_t arrival_us);

/* A sender report of the stream. */
void rtc_recv_stats_report(struct rtc_recv_stats *s, uint64_t ntp, int64_t arrival_us);

/* The report block for now; starts the next interval of `fraction`. */
void rtc_recv_stats_block(struct rtc_recv_stats *s, int64_t now_us, struct rtc_rtcp_block *out);

/* Cumulative loss, never negative, and the interarrival jitter. */
uint64_t rtc_recv_stats_lost(const struct rtc_recv_stats *s);
uint32_t rtc_recv_stats_jitter_us(const struct rtc_recv_stats *s);

/* The round trip that a report block on our own stream tells: now_ntp is the NTP time at its
 * arrival, by the clock of our sender reports. -1: it does not tell, or not within 60 s. */
int64_t rtc_rtt_us(uint64_t now_ntp, const struct rtc_rtcp_block *block);

#endif
