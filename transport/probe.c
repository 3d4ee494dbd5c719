/* Bursts to find out more; see probe.h. [net] */
#include "transport/probe.h"

enum {
    BURST_US = 25 * 1000,
    PACKETS_MIN = 5,
    PACKET_BYTES_MIN = 100,
    PACKET_BYTES_MAX = 1200,
    GIVE_UP_US = 1000 * 1000, /* its fate is not told */
    LEAVE_US = 200 * 1000,    /* nobody sends it: no stream yet */
    AGAIN_US = 100 * 1000,
    FIRST_PAUSE_US = 4 * 1000 * 1000,
    LAST_PAUSE_US = 8 * 1000 * 1000,
    FELL_PAUSE_US = 3 * 1000 * 1000,
};

static void begin(struct rtc_probe *p, uint64_t rate_bps, int64_t now_us)
{
    const uint8_t id = p->id == UINT8_MAX ? 1 : (uint8_t)(p->id + 1);
    size_t bytes = (size_t)(rate_bps * BURST_US / 8 / 1000000);
    if (bytes < PACKETS_MIN * PACKET_BYTES_MIN)
        bytes = PACKETS_MIN * PACKET_BYTES_MIN;
    *p = (struct rtc_probe){.id = id,
                            .is_leaving = true,
                            .rate_bps = rate_bps,
                            .bytes = bytes,
                            .has_begun = true,
                            .pause_us = p->pause_us,
                            .next_us = now_us + p->pause_us,
                            .first_sent_us = now_us};
}

void rtc_probe_tick(struct rtc_probe *p, uint64_t estimate_bps, uint64_t useful_bps, int64_t now_us)
{
    if (p->is_leaving && now_us - p->first_sent_us > LEAVE_US)
        p->is_leaving = false;
    if (p->is_waited_for && now_us - p->last_sent_us > GIVE_UP_US)
        p->is_waited_for = false;
    if (p->is_leaving || p->is_waited_for || estimate_bps >= useful_bps || now_us < p->next_us)
        return;
    if (!p->has_begun)
        p->pause_us = FIRST_PAUSE_US;
    uint64_t wanted_bps = p->has_begun ? 2 * estimate_bps : 3 * estimate_bps;
    if (p->again_bps > estimate_bps)
        wanted_bps = p->again_bps;
    begin(p, wanted_bps < useful_bps ? wanted_bps : useful_bps, now_us);
}

void rtc_probe_fell(struct rtc_probe *p, int64_t now_us)
{
    p->is_leaving = false;
    p->is_waited_for = false;
    p->next_us = now_us + FELL_PAUSE_US;
}

void rtc_probe_again(struct rtc_probe *p, uint64_t bps, int64_t now_us)
{
    p->is_leaving = false;
    p->is_waited_for = false;
    p->again_bps = bps;
    p->next_us = now_us;
}

size_t rtc_probe_due(const struct rtc_probe *p, int64_t now_us, size_t *packet_bytes)
{
    if (!p->is_leaving)
        return 0;
    const size_t even = p->bytes / PACKETS_MIN;
    *packet_bytes = even < PACKET_BYTES_MAX ? even : PACKET_BYTES_MAX;
    if (p->packets_sent == 0)
        return *packet_bytes;
    const int64_t passed_us = now_us - p->first_sent_us;
    size_t due = (size_t)((uint64_t)passed_us * p->rate_bps / 8 / 1000000) + *packet_bytes;
    if (due > p->bytes && p->packets_sent >= PACKETS_MIN && p->last_sent_us > p->first_sent_us)
        due = p->bytes;
    return due > p->bytes_sent ? due - p->bytes_sent : 0;
}

uint8_t rtc_probe_sent(struct rtc_probe *p, size_t bytes, int64_t now_us)
{
    if (!p->is_leaving)
        return 0;
    if (p->packets_sent++ == 0) {
        p->first_sent_us = now_us;
        p->first_bytes = bytes;
    }
    p->bytes_sent += bytes;
    p->last_bytes = bytes;
    p->last_sent_us = now_us;
    if (p->bytes_sent >= p->bytes && p->packets_sent >= PACKETS_MIN &&
        p->last_sent_us > p->first_sent_us) {
        p->is_leaving = false;
        p->is_waited_for = true;
    }
    return p->id;
}

void rtc_probe_came(struct rtc_probe *p, uint8_t id, size_t bytes, int64_t arrival_us)
{
    if (id != p->id || !(p->is_waited_for || p->is_leaving))
        return;
    if (p->packets_came++ == 0)
        p->first_came_us = p->last_came_us = arrival_us;
    if (arrival_us > p->last_came_us)
        p->last_came_us = arrival_us;
    p->bytes_came += bytes;
}

static uint64_t rate_of(size_t bytes, int64_t us)
{
    return us > 0 ? (uint64_t)bytes * 8 * 1000000 / (uint64_t)us : 0;
}

/* Not enough came yet: of five packets four, for one may be lost. */
static bool is_open(const struct rtc_probe *p)
{
    return !p->is_waited_for || p->packets_came * 5 < p->packets_sent * 4 ||
           p->bytes_came * 5 < p->bytes_sent * 4;
}

uint64_t rtc_probe_result(struct rtc_probe *p, uint64_t estimate_bps, int64_t now_us)
{
    if (is_open(p))
        return 0;
    p->is_waited_for = false;
    /* Times are between packets: one of them is outside. The same one for both, or a small burst
     * with one large packet in it would look as if it had come slower. */
    const size_t outside = p->first_bytes > p->last_bytes ? p->first_bytes : p->last_bytes;
    const size_t came = p->bytes_came > outside ? p->bytes_came - outside : 0;
    const uint64_t sent_bps = rate_of(p->bytes_sent - outside, p->last_sent_us - p->first_sent_us);
    const int64_t took_us = p->last_came_us - p->first_came_us;
    /* All at once is no rate: something on the way holds packets up. */
    const uint64_t came_bps = rate_of(came, took_us);
    if (came_bps == 0 || came_bps > 2 * sent_bps)
        return 0;
    /* Slower than it was sent: that is what the path carries, and a little less empties its queue.
     */
    const uint64_t found_bps = came_bps * 10 < sent_bps * 9 ? came_bps * 19 / 20
                               : came_bps < sent_bps        ? came_bps
                                                            : sent_bps;
    if (found_bps * 10 > estimate_bps * 13) {
        p->next_us = now_us + AGAIN_US;
        p->pause_us = FIRST_PAUSE_US;
    } else {
        p->pause_us = p->pause_us * 3 / 2 < LAST_PAUSE_US ? p->pause_us * 3 / 2 : LAST_PAUSE_US;
    }
    return found_bps;
}
