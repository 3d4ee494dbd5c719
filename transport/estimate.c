/* The estimate of one receiver; see estimate.h. [net]
 *
 * Fates are told by 16-bit numbers of the newest RTC_ESTIMATE_PACKETS packets; what is older, or
 * ahead, was not sent. Arrival times are of the far side's clock: only differences count. */
#include "transport/estimate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "transport/estimate_delay.h"
#include "transport/estimate_rate.h"
#include "transport/probe.h"
#include "transport/twcc.h"

enum {
    PACKET_BYTES = 1200, /* a large one */
    PACKET_MOST_MS = 200,
    DELIVERED_US = 400 * 1000,     /* what came lately is over so long */
    DELIVERED_NOW_US = 150 * 1000, /* or so long, where more was delivered before a limit fell */
    DELIVERED_MIN_US = 100 * 1000,
    DELIVERED_NOW_PACKETS = 12, /* with fewer, the longer time is looked at */
    SILENCE_US = 1000 * 1000,   /* and two round trips: feedback of a busy machine comes late */
    SILENCE_MAX_US = 2500 * 1000,
    ANSWER_US = 200 * 1000, /* and a round trip: feedback is on its way for so long */
};

/* Of the epoch that arrival times count from. */
static const int64_t epoch_us = (INT64_C(1) << 24) * 64000;

enum fate {
    NOT_SENT,
    SENT,
    LOST,
    CAME,
};

struct packet {
    int64_t sent_us;
    int64_t arrival_us;
    uint16_t bytes;
    uint16_t seq;
    uint8_t fate;
    uint8_t probe; /* the burst it is of; 0: none */
    bool is_dark;  /* left while nothing came through: its fate says nothing */
};

struct rtc_estimator {
    struct packet packets[RTC_ESTIMATE_PACKETS];
    uint16_t newest; /* sent */
    bool has_sent;
    bool has_feedback;
    bool has_fallen;
    bool is_dark;        /* nothing at all comes */
    int64_t heard_us;    /* anything, last */
    int64_t unheard_us;  /* the first packet since the last feedback; 0: none */
    uint64_t silent_bps; /* the estimate before feedback failed to come; 0: it does */
    int64_t rtt_us;
    int64_t last_raw_us, last_arrival_us;
    bool has_arrival;
    uint64_t delivered_bps; /* 0: not known */
    uint64_t useful_bps;
    struct rtc_delay delay;
    struct rtc_rate rate;
    struct rtc_probe probe;
};

int rtc_estimator_create(struct rtc_estimator **out)
{
    struct rtc_estimator *e = calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    e->rtt_us = -1;
    e->useful_bps = RTC_ESTIMATE_MAX_BPS;
    rtc_rate_init(&e->rate, RTC_ESTIMATE_START_BPS, 0);
    *out = e;
    return 0;
}

void rtc_estimator_destroy(struct rtc_estimator *e)
{
    free(e);
}

void rtc_estimator_set_useful(struct rtc_estimator *e, uint64_t bps)
{
    e->useful_bps = bps < RTC_ESTIMATE_MAX_BPS ? bps : RTC_ESTIMATE_MAX_BPS;
}

void rtc_estimator_sent(struct rtc_estimator *e, uint16_t seq, size_t bytes, int64_t now_us)
{
    e->packets[seq % RTC_ESTIMATE_PACKETS] = (struct packet){
        .sent_us = now_us,
        .bytes = (uint16_t)(bytes < UINT16_MAX ? bytes : UINT16_MAX),
        .seq = seq,
        .fate = SENT,
        .probe = rtc_probe_sent(&e->probe, bytes, now_us),
    };
    e->newest = seq;
    e->has_sent = true;
    if (!e->unheard_us)
        e->unheard_us = now_us;
}

/* --- feedback ----------------------------------------------------------------------------------
 */

struct reading {
    struct rtc_estimator *e;
    struct rtc_fates fates;
    enum rtc_usage usage;
    bool has_come;
};

/* NULL: never sent, or too long ago. */
static struct packet *find(struct rtc_estimator *e, uint16_t seq)
{
    if (!e->has_sent || (uint16_t)(e->newest - seq) >= RTC_ESTIMATE_PACKETS)
        return NULL;
    struct packet *p = &e->packets[seq % RTC_ESTIMATE_PACKETS];
    return p->fate != NOT_SENT && p->seq == seq ? p : NULL;
}

static int64_t unwrap_arrival(struct rtc_estimator *e, int64_t raw_us)
{
    int64_t step_us = e->has_arrival ? raw_us - e->last_raw_us : 0;
    if (step_us > epoch_us / 2)
        step_us -= epoch_us;
    else if (step_us < -epoch_us / 2)
        step_us += epoch_us;
    e->has_arrival = true;
    e->last_raw_us = raw_us;
    e->last_arrival_us += step_us;
    return e->last_arrival_us;
}

static void note_came(struct reading *r, struct packet *p, int64_t arrival_us)
{
    struct rtc_estimator *e = r->e;
    p->arrival_us = arrival_us;
    if (p->fate == LOST)
        rtc_rate_found(&e->rate);
    else
        r->fates.sent++;
    p->fate = CAME;
    r->has_come = true;
    if (p->is_dark)
        return;
    if (p->probe)
        rtc_probe_came(&e->probe, p->probe, p->bytes, arrival_us);
    else
        r->usage = rtc_delay_note(&e->delay, p->sent_us, arrival_us);
}

static void note_fate(void *ctx, uint16_t seq, bool is_received, int64_t raw_us)
{
    struct reading *r = ctx;
    struct packet *p = find(r->e, seq);
    const int64_t arrival_us = is_received ? unwrap_arrival(r->e, raw_us) : 0;
    if (!p || p->fate == CAME)
        return;
    if (is_received) {
        note_came(r, p, arrival_us);
    } else if (p->fate == SENT) {
        p->fate = LOST;
        r->fates.sent += !p->is_dark;
        r->fates.lost += !p->is_dark;
    }
}

/* Over the newest arrivals. What lies between them and of which no feedback came counts as come: it
 * is feedback that was lost there. */
struct flow {
    uint64_t came_bps; /* 0: not known */
    uint64_t sent_bps; /* the same packets; 0: not known */
    size_t packets;
};

static uint64_t rate_of(uint64_t bytes, int64_t us)
{
    return us < DELIVERED_MIN_US ? 0 : bytes * 8 * 1000000 / (uint64_t)us;
}

static struct flow delivered(const struct rtc_estimator *e, int64_t window_us)
{
    const struct packet *newest = NULL;
    const struct packet *oldest = NULL;
    size_t oldest_bytes = 0;
    size_t packets = 0;
    uint64_t bytes = 0;
    uint64_t untold = 0;
    for (size_t back = 0; back < RTC_ESTIMATE_PACKETS; back++) {
        const uint16_t seq = (uint16_t)(e->newest - back);
        const struct packet *p = &e->packets[seq % RTC_ESTIMATE_PACKETS];
        if (p->seq != seq || p->fate == NOT_SENT)
            break;
        if (p->fate == SENT)
            untold += p->bytes;
        if (p->fate != CAME)
            continue;
        if (!newest) {
            newest = p;
            untold = 0;
        }
        const int64_t age_us = newest->arrival_us - p->arrival_us;
        if (age_us < 0 || age_us > window_us)
            continue;
        bytes += p->bytes + untold;
        packets++;
        untold = 0;
        oldest = p;
        oldest_bytes = p->bytes;
    }
    if (!newest || !oldest)
        return (struct flow){0};
    bytes -= oldest_bytes;
    return (struct flow){
        .came_bps = rate_of(bytes, newest->arrival_us - oldest->arrival_us),
        .sent_bps = rate_of(bytes, newest->sent_us - oldest->sent_us),
        .packets = packets,
    };
}

/* A queue grows: what comes through now counts, if there is enough of it to tell. */
static struct flow latest(const struct rtc_estimator *e, bool is_over, const struct flow *lately)
{
    if (!is_over)
        return *lately;
    const struct flow now = delivered(e, DELIVERED_NOW_US);
    return now.came_bps && now.packets >= DELIVERED_NOW_PACKETS ? now : *lately;
}

/* What is under way is lost or late for want of a path. */
static void forget_flights(struct rtc_estimator *e)
{
    for (size_t i = 0; i < RTC_ESTIMATE_PACKETS; i++)
        e->packets[i].is_dark |= e->packets[i].fate == SENT;
}

/* What was carried before may be carried again. */
static void end_silence(struct rtc_estimator *e, int64_t now_us)
{
    rtc_probe_again(&e->probe, e->silent_bps, now_us);
    e->silent_bps = 0;
}

/* What the packet before it may cost one on a path that carries no more than is thought. */
static double packet_ms(const struct rtc_estimator *e)
{
    return fmin(PACKET_BYTES * 8 * 1000.0 / (double)rtc_rate_bps(&e->rate), PACKET_MOST_MS);
}

int rtc_estimator_feedback(struct rtc_estimator *e, const uint8_t *fci, size_t size, int64_t now_us,
                           int64_t rtt_us, struct rtc_fates *fates)
{
    rtc_estimator_heard(e, now_us); /* before it is read what was lost meanwhile */
    struct reading r = {.e = e, .usage = e->delay.usage};
    rtc_delay_allow(&e->delay, packet_ms(e));
    if (e->silent_bps)
        forget_flights(e); /* the silence has been paid for */
    const int err = rtc_twcc_parse(fci, size, NULL, note_fate, &r);
    if (err)
        return err;
    if (fates)
        *fates = r.fates;
    if (r.fates.sent == 0 && !r.has_come)
        return 0; /* of nothing that we sent, or nothing new */
    e->has_feedback = true;
    e->unheard_us = 0;
    e->rtt_us = rtt_us;
    if (e->silent_bps)
        end_silence(e, now_us);
    const struct flow lately = delivered(e, DELIVERED_US);
    e->delivered_bps = lately.came_bps;
    if (r.usage == RTC_USAGE_NORMAL && rtc_delay_is_late(&e->delay))
        r.usage = RTC_USAGE_UNDER;
    const bool is_over = r.usage == RTC_USAGE_OVER;
    const struct flow now = latest(e, is_over, &lately);
    const uint64_t before_bps = rtc_rate_bps(&e->rate);
    const bool is_tried = lately.sent_bps * 2 >= before_bps;
    bool has_fallen = false;
    if (r.has_come)
        has_fallen =
            rtc_rate_delay(&e->rate, r.usage, now.came_bps, now.sent_bps, is_tried, rtt_us, now_us);
    has_fallen |= rtc_rate_loss(&e->rate, r.fates.sent, r.fates.lost, rtc_delay_queue_ms(&e->delay),
                                rtt_us, now_us);
    e->has_fallen |= has_fallen;
    if (has_fallen)
        rtc_probe_fell(&e->probe, now_us);
    const uint64_t found_bps = rtc_probe_result(&e->probe, before_bps, now_us);
    if (found_bps && !has_fallen)
        rtc_rate_probed(&e->rate, found_bps, now_us);
    return 0;
}

/* --- time --------------------------------------------------------------------------------------
 */

static int64_t silence_us(const struct rtc_estimator *e)
{
    const int64_t us = SILENCE_US + (e->rtt_us > 0 ? 2 * e->rtt_us : 0);
    return us < SILENCE_MAX_US ? us : SILENCE_MAX_US;
}

/* The far side is heard though it should have said by now what came. */
static bool is_one_way(const struct rtc_estimator *e)
{
    return e->heard_us - e->unheard_us > ANSWER_US + (e->rtt_us > 0 ? e->rtt_us : 0);
}

static void note_silence(struct rtc_estimator *e, int64_t now_us)
{
    if (!is_one_way(e)) {
        e->is_dark = true;
        return;
    }
    if (!e->silent_bps)
        e->silent_bps = rtc_rate_bps(&e->rate);
    e->unheard_us = now_us;
    rtc_rate_silent(&e->rate, now_us);
    e->has_fallen = true;
    rtc_probe_fell(&e->probe, now_us);
}

/* The path may be another one. */
static void end_darkness(struct rtc_estimator *e, int64_t now_us)
{
    e->is_dark = false;
    e->unheard_us = now_us;
    rtc_delay_restart(&e->delay);
    forget_flights(e);
}

void rtc_estimator_heard(struct rtc_estimator *e, int64_t now_us)
{
    if (e->is_dark)
        end_darkness(e, now_us);
    e->heard_us = now_us;
}

void rtc_estimator_tick(struct rtc_estimator *e, int64_t now_us)
{
    if (!e->has_feedback)
        return;
    if (e->unheard_us && !e->is_dark && now_us - e->unheard_us > silence_us(e))
        note_silence(e, now_us);
    if (e->is_dark)
        return;
    if (e->delay.usage == RTC_USAGE_NORMAL)
        rtc_probe_tick(&e->probe, rtc_rate_bps(&e->rate), e->useful_bps, now_us);
}

size_t rtc_estimator_probe_bytes(const struct rtc_estimator *e, int64_t now_us,
                                 size_t *packet_bytes)
{
    return rtc_probe_due(&e->probe, now_us, packet_bytes);
}

void rtc_estimator_read(const struct rtc_estimator *e, struct rtc_estimator_state *state)
{
    *state = (struct rtc_estimator_state){
        .bitrate_bps = rtc_rate_bps(&e->rate),
        .delivered_bps = e->delivered_bps,
        .loss_permille = (uint32_t)(e->rate.loss * 1000),
        .queue_ms = (uint32_t)fmax(0, rtc_delay_queue_ms(&e->delay)),
        .is_probing = e->probe.is_leaving,
        .has_feedback = e->has_feedback,
        .has_fallen = e->has_fallen,
    };
}
