/* Up and down; see estimate_rate.h. [net] */
#include "transport/estimate_rate.h"

#include <math.h>

#include "transport/estimate.h"

enum {
    UPDATE_MAX_US = 1000 * 1000, /* growth for no more than this at once */
    FALL_MIN_US = 10 * 1000,     /* between falls: a round trip, within these */
    FALL_MAX_US = 200 * 1000,
    LOSS_PACKETS = 30,         /* what a loss is told from, */
    LOSS_US = 200 * 1000,      /* and over so long */
    LOSS_FALL_US = 300 * 1000, /* and a round trip: until the last fall shows */
    UNKNOWN_RTT_US = 100 * 1000,
};

static const double back_off = 0.85;
static const double back_off_untried = 0.7;
static const double growth = 1.08; /* a second */
static const double loss_low = 0.02;
static const double loss_high = 0.10;
static const double loss_surely = 0.08; /* smoothed */
static const double loss_own_max = 0.6;
static const double queue_full_ms = 100;
static const double own_tried = 0.75; /* of the rate: so much less must have been tried */

static uint64_t clamp(double bps)
{
    return bps < RTC_ESTIMATE_MIN_BPS   ? RTC_ESTIMATE_MIN_BPS
           : bps > RTC_ESTIMATE_MAX_BPS ? RTC_ESTIMATE_MAX_BPS
                                        : (uint64_t)bps;
}

void rtc_rate_init(struct rtc_rate *r, uint64_t bps, int64_t now_us)
{
    *r = (struct rtc_rate){.bps = bps, .raised_us = now_us};
}

uint64_t rtc_rate_bps(const struct rtc_rate *r)
{
    return r->bound_bps && r->bound_bps < r->bps ? r->bound_bps : r->bps;
}

/* --- queues ------------------------------------------------------------------------------------
 */

static double limit_deviation(const struct rtc_rate *r)
{
    return sqrt(r->limit_variance * r->limit_kbps);
}

static void note_limit(struct rtc_rate *r, double kbps)
{
    if (r->limit_kbps == 0 || fabs(kbps - r->limit_kbps) > 3 * limit_deviation(r)) {
        r->limit_kbps = kbps;
        r->limit_variance = 0.4;
        return;
    }
    const double off = kbps - r->limit_kbps;
    r->limit_kbps += 0.05 * off;
    r->limit_variance = 0.95 * r->limit_variance + 0.05 * off * off / fmax(r->limit_kbps, 1);
    r->limit_variance = fmin(fmax(r->limit_variance, 0.4), 2.5);
}

/* About a packet in the time that an answer takes, and no more than where there is room. */
static double careful_growth_bps(double bps, int64_t rtt_us)
{
    const double frame_bits = bps / 30;
    const double packet_bits = frame_bits / ceil(fmax(frame_bits, 1) / (1200 * 8));
    const double answer_s = (double)((rtt_us < 0 ? UNKNOWN_RTT_US : rtt_us) + 100000) / 1e6;
    return fmin(packet_bits / answer_s, bps * (growth - 1));
}

static void raise(struct rtc_rate *r, uint64_t delivered_bps, int64_t rtt_us, int64_t now_us)
{
    int64_t passed_us = now_us - r->raised_us;
    r->raised_us = now_us;
    if (passed_us <= 0)
        return;
    if (passed_us > UPDATE_MAX_US)
        passed_us = UPDATE_MAX_US;
    const double passed_s = (double)passed_us / 1e6;
    const double bps = (double)r->bps;
    if (r->limit_kbps > 0 && (double)delivered_bps / 1000 > r->limit_kbps + 3 * limit_deviation(r))
        r->limit_kbps = 0; /* it has moved up */
    const bool is_near =
        r->limit_kbps > 0 && bps / 1000 > r->limit_kbps * back_off - 3 * limit_deviation(r);
    const double up_bps = is_near ? bps + careful_growth_bps(bps, rtt_us) * passed_s
                                  : bps * pow(growth, passed_s) + 1000 * passed_s;
    /* What was never sent was never tried. */
    const double tried_bps = 1.5 * (double)delivered_bps + 10000;
    if (up_bps <= tried_bps)
        r->bps = clamp(up_bps);
    else if (tried_bps > bps)
        r->bps = clamp(tried_bps);
}

static bool fall(struct rtc_rate *r, uint64_t delivered_bps, bool is_tried, int64_t rtt_us,
                 int64_t now_us)
{
    int64_t pause_us = rtt_us < 0 ? UNKNOWN_RTT_US : rtt_us;
    pause_us = pause_us < FALL_MIN_US   ? FALL_MIN_US
               : pause_us > FALL_MAX_US ? FALL_MAX_US
                                        : pause_us;
    r->raised_us = now_us;
    if (r->fell_us && now_us - r->fell_us < pause_us)
        return false;
    const double from_bps = delivered_bps ? (double)delivered_bps : (double)r->bps;
    if (delivered_bps && is_tried)
        note_limit(r, from_bps / 1000);
    const double untried_bps = is_tried ? 0 : back_off_untried * (double)r->bps;
    const uint64_t to_bps = clamp(fmax(back_off * from_bps, untried_bps));
    if (to_bps >= r->bps)
        return false;
    r->bps = to_bps;
    r->fell_us = now_us;
    return true;
}

/* What comes through without a growing queue is carried: sound is sent whatever the estimate says,
 * and so may be more than that. */
static void keep_up(struct rtc_rate *r, uint64_t delivered_bps)
{
    const uint64_t carried_bps = clamp(back_off * (double)delivered_bps);
    if (carried_bps > r->bps)
        r->bps = carried_bps;
    if (r->bound_bps && carried_bps > r->bound_bps)
        r->bound_bps = carried_bps;
}

bool rtc_rate_delay(struct rtc_rate *r, enum rtc_usage usage, uint64_t delivered_bps,
                    uint64_t sent_bps, bool is_tried, int64_t rtt_us, int64_t now_us)
{
    if (usage == RTC_USAGE_OVER)
        return fall(r, delivered_bps, is_tried, rtt_us, now_us);
    if (usage == RTC_USAGE_NORMAL)
        raise(r, delivered_bps, rtt_us, now_us);
    else
        r->raised_us = now_us;
    keep_up(r, delivered_bps < sent_bps ? delivered_bps : sent_bps);
    return false;
}

void rtc_rate_probed(struct rtc_rate *r, uint64_t bps, int64_t now_us)
{
    if (r->bound_bps && bps > r->bound_bps && r->loss < loss_high / 2)
        r->bound_bps = 0; /* the loss has gone */
    if (bps <= r->bps)
        return;
    r->bps = clamp((double)bps);
    r->raised_us = now_us;
    if (r->limit_kbps > 0 && (double)bps / 1000 > r->limit_kbps)
        r->limit_kbps = 0;
}

void rtc_rate_silent(struct rtc_rate *r, int64_t now_us)
{
    r->bps = clamp((double)rtc_rate_bps(r) / 2);
    r->bound_bps = 0;
    r->limit_kbps = 0;
    r->fell_us = now_us;
    r->raised_us = now_us;
}

/* --- loss --------------------------------------------------------------------------------------
 */

/* Less was tried. Were it a limit that drops what is too much, the loss would have become less by
 * as much: is it nearer to that, or to what it was? */
static bool is_paths_own(const struct rtc_rate *r, double loss, double queue_ms, uint64_t bps)
{
    if (queue_ms > queue_full_ms || loss > loss_own_max ||
        (double)bps > own_tried * (double)r->tried_bps)
        return false;
    const double limit_loss = fmax(0, 1 - (1 - r->tried_loss) * (double)r->tried_bps / (double)bps);
    return loss > (r->tried_loss + limit_loss) / 2;
}

static void calm(struct rtc_rate *r, int64_t passed_us)
{
    r->tried_bps = 0;
    r->is_own_loss = false;
    if (!r->bound_bps)
        return;
    r->bound_bps = clamp((double)r->bound_bps * pow(growth, 2 * (double)passed_us / 1e6) + 1000);
    if (r->bound_bps > r->bps)
        r->bound_bps = 0;
}

static bool suffer(struct rtc_rate *r, double loss, double queue_ms, int64_t rtt_us, int64_t now_us)
{
    const uint64_t bps = rtc_rate_bps(r);
    if (r->is_own_loss && r->loss < 1.5 * r->tried_loss && queue_ms < queue_full_ms)
        return false;
    if (r->bound_fell_us &&
        now_us - r->bound_fell_us < LOSS_FALL_US + (rtt_us < 0 ? UNKNOWN_RTT_US : rtt_us))
        return false;
    if (!r->tried_bps || r->is_own_loss) {
        r->tried_bps = bps;
        r->tried_loss = loss;
    }
    r->is_own_loss = is_paths_own(r, loss, queue_ms, bps);
    if (r->is_own_loss)
        return false;
    r->bound_bps = clamp((double)bps * (1 - 0.5 * loss));
    r->bound_fell_us = now_us;
    return r->bound_bps < bps;
}

bool rtc_rate_loss(struct rtc_rate *r, uint32_t sent, uint32_t lost, double queue_ms,
                   int64_t rtt_us, int64_t now_us)
{
    if (r->sent == 0)
        r->since_us = now_us;
    r->sent += sent;
    r->lost += lost;
    const int64_t passed_us = now_us - r->since_us;
    if (r->sent < LOSS_PACKETS || passed_us < LOSS_US)
        return false;
    const double loss = (double)r->lost / r->sent;
    r->sent = r->lost = 0;
    r->loss += (loss - r->loss) * 0.3;
    /* Of thirty packets at a loss of 5 % three are missing every fifth time. */
    if (loss >= loss_high && (r->loss >= loss_surely || loss >= 2 * loss_high))
        return suffer(r, loss, queue_ms, rtt_us, now_us);
    if (loss < loss_low || r->loss < loss_low)
        calm(r, passed_us);
    return false;
}

void rtc_rate_found(struct rtc_rate *r)
{
    if (r->lost > 0)
        r->lost--;
}
