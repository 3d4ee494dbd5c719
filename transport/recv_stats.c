/* transport/recv_stats.c - reception statistics of one stream. One [net] thread at a time. */
#include "transport/recv_stats.h"

#include "mcu/base/clock.h"

enum {
    JITTER_LEAP_S = 5, /* a timestamp that leaps further is not jitter */
    RTT_MAX_S = 60,
};

void rtc_recv_stats_init(struct rtc_recv_stats *s, uint32_t ssrc, uint32_t clock_hz)
{
    *s = (struct rtc_recv_stats){.ssrc = ssrc, .clock_hz = clock_hz};
}

/* Split so that it does not overflow within the lifetime of a machine. */
static int64_t to_rtp(int64_t us, uint32_t clock_hz)
{
    return us / MCU_US_PER_S * clock_hz + us % MCU_US_PER_S * clock_hz / MCU_US_PER_S;
}

/* RFC 3550, A.8. Packets of one video frame have one timestamp and leave one after the other: only
 * the first of each timestamp tells about the network. */
static void update_jitter(struct rtc_recv_stats *s, uint32_t timestamp, int64_t arrival_us)
{
    const int64_t transit_rtp = to_rtp(arrival_us, s->clock_hz) - timestamp;
    if (s->has_transit && timestamp == s->last_timestamp)
        return;
    const int64_t d = (int32_t)(uint32_t)((uint64_t)transit_rtp - (uint64_t)s->last_transit_rtp);
    const int64_t distance = d < 0 ? -d : d;
    if (s->has_transit && distance < (int64_t)JITTER_LEAP_S * s->clock_hz)
        s->jitter_16 += distance - ((s->jitter_16 + 8) >> 4);
    s->has_transit = true;
    s->last_transit_rtp = transit_rtp;
    s->last_timestamp = timestamp;
}

void rtc_recv_stats_packet(struct rtc_recv_stats *s, uint64_t seq, uint32_t timestamp,
                           size_t payload_size, int64_t arrival_us)
{
    const bool is_newest = !s->is_started || seq > s->highest_seq;
    if (!s->is_started || seq < s->base_seq)
        s->base_seq = seq;
    s->is_started = true;
    s->packets++;
    s->bytes += payload_size;
    if (!is_newest)
        return; /* reordered: its transit would count the detour twice */
    s->highest_seq = seq;
    update_jitter(s, timestamp, arrival_us);
}

void rtc_recv_stats_report(struct rtc_recv_stats *s, uint64_t ntp, int64_t arrival_us)
{
    s->sr_ntp = ntp;
    s->sr_arrival_us = arrival_us;
    s->has_sr = true;
}

static uint64_t expected(const struct rtc_recv_stats *s)
{
    return s->is_started ? s->highest_seq - s->base_seq + 1 : 0;
}

static uint8_t fraction_lost(uint64_t expected_now, uint64_t packets_now)
{
    if (expected_now == 0 || packets_now >= expected_now)
        return 0;
    const uint64_t fraction = (expected_now - packets_now) * 256 / expected_now;
    return fraction > 255 ? 255 : (uint8_t)fraction;
}

void rtc_recv_stats_block(struct rtc_recv_stats *s, int64_t now_us, struct rtc_rtcp_block *out)
{
    const int64_t lost = (int64_t)(expected(s) - s->packets);
    const int64_t since_sr_us =
        s->has_sr && now_us > s->sr_arrival_us ? now_us - s->sr_arrival_us : 0;

    *out = (struct rtc_rtcp_block){
        .ssrc = s->ssrc,
        .fraction = fraction_lost(expected(s) - s->expected_prior, s->packets - s->packets_prior),
        .lost = lost > 0x7fffff    ? 0x7fffff
                : lost < -0x800000 ? -0x800000
                                   : (int32_t)lost,
        .highest =
            s->is_started ? (uint32_t)(s->highest_seq - 0x10000) : 0, /* as RFC 3550 counts */
        .jitter_rtp = (uint32_t)(s->jitter_16 >> 4),
        .lsr = s->has_sr ? (uint32_t)(s->sr_ntp >> 16) : 0,
        .dlsr = (uint32_t)(since_sr_us / MCU_US_PER_S * 65536 +
                           since_sr_us % MCU_US_PER_S * 65536 / MCU_US_PER_S),
    };
    s->expected_prior = expected(s);
    s->packets_prior = s->packets;
}

uint64_t rtc_recv_stats_lost(const struct rtc_recv_stats *s)
{
    return expected(s) > s->packets ? expected(s) - s->packets : 0;
}

uint32_t rtc_recv_stats_jitter_us(const struct rtc_recv_stats *s)
{
    return (uint32_t)((s->jitter_16 >> 4) * MCU_US_PER_S / s->clock_hz);
}

int64_t rtc_rtt_us(uint64_t now_ntp, const struct rtc_rtcp_block *block)
{
    if (block->lsr == 0)
        return -1;
    const uint32_t now = (uint32_t)(now_ntp >> 16);
    const int32_t rtt = (int32_t)(now - block->lsr - block->dlsr);
    if (rtt < 0 && rtt > -66)
        return 0; /* below 1 ms: two roundings */
    if (rtt < 0 || rtt > RTT_MAX_S * 65536)
        return -1;
    return (int64_t)rtt * MCU_US_PER_S / 65536;
}
