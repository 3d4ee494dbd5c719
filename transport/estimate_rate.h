/* transport/estimate_rate.h - the rate that follows from growing queues and from loss
 * (draft-ietf-rmcat-gcc-02, sections 5.5 and 6).
 *
 * A queue that grows: back to 85 % of what comes through. None: up by 8 % a second, or by about a
 * packet per round trip where the limit was met last. Loss above 10 %: down by half of it, unless
 * less was tried and did not help: then it is the path's own and no sign of too much. A plain
 * struct, no allocation. One [net] thread at a time. */
#ifndef TRANSPORT_ESTIMATE_RATE_H
#define TRANSPORT_ESTIMATE_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "transport/estimate_delay.h"

struct rtc_rate {
    uint64_t bps; /* by queues */
    int64_t raised_us;
    int64_t fell_us;
    /* where the limit was met */
    double limit_kbps; /* 0: not known */
    double limit_variance;
    /* by loss */
    uint64_t bound_bps;  /* 0: none */
    uint32_t sent, lost; /* since */
    int64_t since_us;
    double loss; /* smoothed, 0..1 */
    int64_t bound_fell_us;
    uint64_t tried_bps; /* the rate when loss began; 0: there is none */
    double tried_loss;
    bool is_own_loss; /* of the path */
};

void rtc_rate_init(struct rtc_rate *r, uint64_t bps, int64_t now_us);

/* What the queues say; delivered_bps came, and had left at sent_bps; 0: not known. Not is_tried: far less was sent than the rate, so
 * what came says little of what would: a growing queue takes the rate back in steps then. Returns
 * true when the rate fell. */
bool rtc_rate_delay(struct rtc_rate *r, enum rtc_usage usage, uint64_t delivered_bps,
                    uint64_t sent_bps, bool is_tried, int64_t rtt_us, int64_t now_us);

/* Of `sent` packets `lost` did not come; both may be small. queue_ms: what waits on the way; much
 * of it, and the loss is not the path's own. Returns true when the rate fell. */
bool rtc_rate_loss(struct rtc_rate *r, uint32_t sent, uint32_t lost, double queue_ms,
                   int64_t rtt_us, int64_t now_us);

/* One that was said to be lost came after all. */
void rtc_rate_found(struct rtc_rate *r);

/* A burst came through at this rate. */
void rtc_rate_probed(struct rtc_rate *r, uint64_t bps, int64_t now_us);

/* Nothing is heard of what was sent. */
void rtc_rate_silent(struct rtc_rate *r, int64_t now_us);

/* Both together. */
uint64_t rtc_rate_bps(const struct rtc_rate *r);

#endif
