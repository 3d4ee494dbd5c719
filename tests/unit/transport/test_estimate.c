/* The estimate over made-up paths: a queue in front of a limit, delay, loss; feedback as our own
 * receiver makes it (twcc.h). The clock is made up too. */
#include <errno.h>

#include "tests/unit/transport/pure.h"
#include "transport/estimate.h"
#include "transport/estimate_rate.h"
#include "transport/rtcp.h"
#include "transport/twcc.h"

enum { FLIGHT_MAX = 8192, FEEDBACKS_MAX = 64, TICK_US = 5000, FEEDBACK_US = 60 * 1000 };

struct flight {
    uint16_t seq;
    int64_t arrival_us;
};

struct feedback {
    int64_t arrival_us;
    size_t size;
    uint8_t fci[1400];
};

struct path {
    struct rtc_estimator *estimator;
    struct rtc_twcc *twcc;
    uint64_t random;
    int64_t now_us;
    /* the path */
    uint64_t capacity_bps;
    int64_t delay_us; /* one way */
    int64_t queue_us; /* what it holds; more is lost */
    int64_t jitter_us;
    int64_t creep_us; /* later and later up to this, for 400 ms of three seconds */
    unsigned loss_permille;
    unsigned feedback_loss_permille;
    bool is_dead;     /* nothing arrives, */
    bool is_dark;     /* nor does anything come back */
    int64_t voice_us; /* the far side sends something else every so often; 0: feedback alone */
    /* the sender */
    uint64_t media_bps; /* at most; it follows the estimate */
    size_t packet_bytes;
    size_t sound_bytes; /* of a packet every 20 ms, whatever the estimate says */
    uint16_t seq;
    int64_t credit_bits;
    /* on the way */
    int64_t busy_until_us;
    int64_t last_arrival_us;
    struct flight flights[FLIGHT_MAX];
    size_t first, count;
    struct feedback feedbacks[FEEDBACKS_MAX];
    size_t feedback_first, feedback_count;
    int64_t next_feedback_us;
    /* seen */
    uint64_t sent_bytes, probe_bytes;
    uint64_t lowest_bps, highest_bps;
    unsigned ticks, long_queues; /* over 150 ms */
    struct rtc_fates fates;
};

static struct path *path_create(uint64_t capacity_bps)
{
    struct path *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    assert_int_equal(rtc_estimator_create(&p->estimator), 0);
    assert_int_equal(rtc_twcc_create(&p->twcc), 0);
    p->random = 88172645463325252u;
    p->now_us = 5000 * 1000;
    p->capacity_bps = capacity_bps;
    p->delay_us = 25 * 1000;
    p->queue_us = 400 * 1000;
    p->media_bps = 3 * 1000 * 1000;
    p->packet_bytes = capacity_bps < 400 * 1000 ? 400 : 1200;
    p->seq = 65000;
    p->lowest_bps = UINT64_MAX;
    return p;
}

static void path_destroy(struct path *p)
{
    rtc_estimator_destroy(p->estimator);
    rtc_twcc_destroy(p->twcc);
    free(p);
}

static bool happens(struct path *p, unsigned permille)
{
    return rnd_below(&p->random, 1000) < permille;
}

static void send(struct path *p, size_t bytes)
{
    const uint16_t seq = p->seq++;
    rtc_estimator_sent(p->estimator, seq, bytes, p->now_us);
    p->sent_bytes += bytes;
    if (p->busy_until_us < p->now_us)
        p->busy_until_us = p->now_us;
    const int64_t queued_us = p->busy_until_us - p->now_us;
    if (p->is_dead || p->is_dark || happens(p, p->loss_permille) || queued_us > p->queue_us)
        return;
    p->busy_until_us += (int64_t)(bytes * 8 * 1000000 / p->capacity_bps);
    int64_t arrival_us = p->busy_until_us + p->delay_us;
    if (p->jitter_us)
        arrival_us += (int64_t)rnd_below(&p->random, (uint64_t)p->jitter_us);
    if (p->creep_us && p->now_us % 3000000 < 400000)
        arrival_us += p->creep_us * (p->now_us % 3000000) / 400000;
    if (arrival_us < p->last_arrival_us)
        arrival_us = p->last_arrival_us; /* in order */
    p->last_arrival_us = arrival_us;
    assert_true(p->count < FLIGHT_MAX);
    p->flights[(p->first + p->count++) % FLIGHT_MAX] = (struct flight){seq, arrival_us};
}

static uint64_t estimate(const struct path *p)
{
    struct rtc_estimator_state s;
    rtc_estimator_read(p->estimator, &s);
    return s.bitrate_bps;
}

static void send_media(struct path *p)
{
    const uint64_t sound_bps = p->sound_bytes * 8 * 50;
    const uint64_t bps = estimate(p) > sound_bps ? estimate(p) - sound_bps : 0;
    if (p->sound_bytes && p->now_us % 20000 < TICK_US)
        send(p, p->sound_bytes);
    p->credit_bits += (int64_t)((bps < p->media_bps ? bps : p->media_bps) * TICK_US / 1000000);
    const size_t bytes = p->packet_bytes;
    while (p->credit_bits >= (int64_t)bytes * 8) {
        p->credit_bits -= (int64_t)bytes * 8;
        send(p, bytes);
    }
    size_t packet_bytes;
    while (rtc_estimator_probe_bytes(p->estimator, p->now_us, &packet_bytes) > 0) {
        send(p, packet_bytes);
        p->probe_bytes += packet_bytes;
    }
}

static void receive(struct path *p)
{
    while (p->count > 0 && p->flights[p->first].arrival_us <= p->now_us) {
        rtc_twcc_note(p->twcc, p->flights[p->first].seq, p->flights[p->first].arrival_us);
        p->first = (p->first + 1) % FLIGHT_MAX;
        p->count--;
    }
    if (p->now_us < p->next_feedback_us || !rtc_twcc_is_due(p->twcc))
        return;
    p->next_feedback_us = p->now_us + FEEDBACK_US;
    uint8_t packet[1400];
    struct mcu_writer w = mcu_writer(packet, sizeof(packet));
    assert_int_equal(rtc_twcc_put(p->twcc, &w, 1, 2), 0);
    if (p->is_dead || p->is_dark || happens(p, p->feedback_loss_permille))
        return;
    assert_true(p->feedback_count < FEEDBACKS_MAX);
    struct feedback *f = &p->feedbacks[(p->feedback_first + p->feedback_count++) % FEEDBACKS_MAX];
    f->arrival_us = p->now_us + p->delay_us;
    f->size = mcu_written(&w) - 12;
    memcpy(f->fci, packet + 12, f->size);
}

static void take_feedback(struct path *p)
{
    while (p->feedback_count > 0 && p->feedbacks[p->feedback_first].arrival_us <= p->now_us) {
        const struct feedback *f = &p->feedbacks[p->feedback_first];
        struct rtc_fates fates;
        assert_int_equal(rtc_estimator_feedback(p->estimator, f->fci, f->size, p->now_us,
                                                2 * p->delay_us, &fates),
                         0);
        rtc_estimator_heard(p->estimator, p->now_us); /* as any packet, once it has been read */
        p->fates.sent += fates.sent;
        p->fates.lost += fates.lost;
        p->feedback_first = (p->feedback_first + 1) % FEEDBACKS_MAX;
        p->feedback_count--;
    }
}

static void run(struct path *p, int64_t ms)
{
    p->lowest_bps = UINT64_MAX;
    p->highest_bps = 0;
    p->ticks = p->long_queues = 0;
    for (const int64_t end_us = p->now_us + ms * 1000; p->now_us < end_us;) {
        p->now_us += TICK_US;
        send_media(p);
        receive(p);
        take_feedback(p);
        if (p->voice_us && !p->is_dark && p->now_us % p->voice_us < TICK_US)
            rtc_estimator_heard(p->estimator, p->now_us);
        rtc_estimator_tick(p->estimator, p->now_us);
        p->ticks++;
        p->long_queues += p->busy_until_us - p->now_us > 150 * 1000;
        const uint64_t bps = estimate(p);
        if (bps < p->lowest_bps)
            p->lowest_bps = bps;
        if (bps > p->highest_bps)
            p->highest_bps = bps;
    }
}

/* Milliseconds until the estimate is at least, or at most, so high; -1: not within. */
static int64_t time_to(struct path *p, bool is_up, uint64_t bps, int64_t within_ms)
{
    const int64_t start_us = p->now_us;
    while (p->now_us - start_us < within_ms * 1000) {
        run(p, 5);
        if (is_up ? estimate(p) >= bps : estimate(p) <= bps)
            return (p->now_us - start_us) / 1000;
    }
    return -1;
}

/* --- limits ------------------------------------------------------------------------------------
 */

/* Where the far side's times come round too (2^24 times 64 ms). */
static const int64_t epoch_us = (INT64_C(1) << 24) * 64000;

static void a_constant_limit_is_found_and_kept(void **state)
{
    (void)state;
    static const uint64_t limits[] = {100000, 200000, 500000, 1000000, 2000000, 5000000};
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct path *p = path_create(limits[i]);
        p->media_bps = 6 * 1000 * 1000;
        p->now_us = epoch_us - 10 * 1000 * 1000;
        assert_true(time_to(p, true, limits[i] * 3 / 4, 5000) >= 0);
        run(p, 10000);
        run(p, 30000);
        assert_true(p->lowest_bps > limits[i] * 65 / 100);
        assert_true(p->highest_bps < limits[i] * 125 / 100);
        assert_true(p->long_queues * 20 <= p->ticks);
        assert_true(p->probe_bytes * 20 < p->sent_bytes);
        path_destroy(p);
    }
}

static void a_limit_that_falls_is_noticed_within_half_a_second(void **state)
{
    (void)state;
    static const uint64_t falls[][2] = {
        {2000000, 1000000}, {2000000, 500000}, {1000000, 300000},
        {500000, 150000},   {300000, 100000},
    };
    for (size_t i = 0; i < sizeof(falls) / sizeof(falls[0]); i++) {
        struct path *p = path_create(falls[i][0]);
        run(p, 20000);
        p->capacity_bps = falls[i][1];
        assert_in_range(time_to(p, false, falls[i][1], 5000), 1, 500);
        run(p, 3000); /* its queue empties */
        run(p, 10000);
        assert_true(p->long_queues * 20 <= p->ticks);
        path_destroy(p);
    }
}

/* Twenty points of a line would take seconds. */
static void with_few_packets_a_leap_of_delay_tells(void **state)
{
    (void)state;
    struct path *p = path_create(200000);
    p->packet_bytes = 1200;
    p->media_bps = 120000;
    run(p, 20000);
    p->media_bps = 170000;
    p->queue_us = 5000 * 1000;
    p->capacity_bps = 60000;
    assert_in_range(time_to(p, false, 60000, 10000), 1, 800);
    path_destroy(p);
}

static void a_limit_that_rises_is_found_within_15_seconds(void **state)
{
    (void)state;
    static const uint64_t rises[][2] = {
        {100000, 300000},
        {150000, 3000000},
        {500000, 1000000},
        {1000000, 5000000},
    };
    for (size_t i = 0; i < sizeof(rises) / sizeof(rises[0]); i++) {
        struct path *p = path_create(rises[i][0]);
        p->media_bps = 6 * 1000 * 1000;
        run(p, 30000);
        p->capacity_bps = rises[i][1];
        assert_in_range(time_to(p, true, rises[i][1] * 3 / 4, 30000), 1, 15000);
        path_destroy(p);
    }
}

/* Who is sent little could be sent more: found out with few bytes, and only up to what is of use.
 */
static void what_is_not_used_is_probed_for(void **state)
{
    (void)state;
    struct path *p = path_create(2000000);
    p->media_bps = 150000;
    run(p, 30000);
    assert_true(estimate(p) > 1500000);
    assert_true(p->probe_bytes * 3 < p->sent_bytes);
    path_destroy(p);

    p = path_create(2000000);
    p->media_bps = 40000;
    rtc_estimator_set_useful(p->estimator, 100000);
    run(p, 30000);
    assert_int_equal(p->probe_bytes, 0);
    path_destroy(p);
}

/* Threads that are late by some milliseconds, and more with each packet for a while: no queue. */
static void what_is_late_by_little_is_no_queue(void **state)
{
    (void)state;
    struct path *p = path_create(20 * 1000 * 1000);
    p->media_bps = 300000;
    p->packet_bytes = 400;
    p->creep_us = 12 * 1000;
    run(p, 10000);
    run(p, 60000);
    assert_true(p->lowest_bps > 800000);
    path_destroy(p);
}

/* Another one's traffic fills the way, where we send far less than we might: what comes of ours is
 * not all that would. */
static void what_was_not_tried_is_taken_back_in_steps(void **state)
{
    (void)state;
    struct path *p = path_create(3000000);
    p->media_bps = 150000;
    p->packet_bytes = 400;
    run(p, 20000);
    const uint64_t before_bps = estimate(p);
    assert_true(before_bps > 900000);
    p->capacity_bps = 60000;
    assert_in_range(time_to(p, false, before_bps - 1, 5000), 1, 800);
    assert_true(estimate(p) > before_bps / 2);
    assert_in_range(time_to(p, false, 100000, 10000), 1, 4000);
    path_destroy(p);
}

/* --- loss, jitter, silence ---------------------------------------------------------------------
 */

static void a_little_loss_is_nothing(void **state)
{
    (void)state;
    struct path *p = path_create(2000000);
    p->loss_permille = 20;
    run(p, 20000);
    run(p, 60000);
    assert_true(p->lowest_bps > 1000000);
    assert_int_equal(p->fates.lost * 1000 / p->fates.sent / 10, 2);
    path_destroy(p);
}

/* It backs off to see whether that helps; as it does not, it stays there. */
static void much_loss_backs_off_and_does_not_collapse(void **state)
{
    (void)state;
    for (unsigned loss = 150; loss <= 450; loss += 150) {
        struct path *p = path_create(2000000);
        run(p, 20000);
        const uint64_t before_bps = estimate(p);
        p->loss_permille = loss;
        run(p, 8000);
        assert_true(p->lowest_bps < before_bps * 9 / 10);
        run(p, 60000);
        assert_true(p->lowest_bps > 200000);
        p->loss_permille = 0;
        assert_in_range(time_to(p, true, 1500000, 30000), 0, 20000);
        path_destroy(p);
    }
}

/* A policer: what is too much is lost, and nothing waits. */
static void a_limit_without_a_queue_is_found_by_its_loss(void **state)
{
    (void)state;
    struct path *p = path_create(3000000);
    run(p, 20000);
    p->queue_us = 12 * 1000;
    p->capacity_bps = 400000;
    run(p, 10000);
    run(p, 30000);
    assert_true(p->lowest_bps > 150000);
    assert_true(p->highest_bps < 1000000);
    path_destroy(p);
}

/* Sound and a slide show on 100 kbit/s with 5 % loss at a round trip of 300 ms, after all was free:
 * what the two need is there after some seconds, and stays. A large packet alone takes as long
 * there as four of sound are apart, and is no queue. */
static void a_thin_path_with_loss_carries_sound_and_slides(void **state)
{
    (void)state;
    unsigned all = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct path *p = path_create(3000000);
        p->random += seed * 7919;
        run(p, 20000);
        p->delay_us = 150 * 1000;
        p->loss_permille = 50;
        p->capacity_bps = 90000;
        p->sound_bytes = 145;
        p->packet_bytes = 700;
        run(p, 8000);
        unsigned enough = 0;
        for (unsigned i = 0; i < 300; i++) {
            run(p, 100);
            enough += estimate(p) >= 68000;
        }
        all += enough;
        path_destroy(p);
    }
    assert_in_range(all, 5850, 6000);
}

/* Sound is sent whatever the estimate says: what of it comes through is carried. What comes in a
 * heap is not, nor what makes a queue grow. */
static void what_comes_through_is_carried(void **state)
{
    (void)state;
    static const struct {
        enum rtc_usage usage;
        uint64_t came_bps, sent_bps, least_bps, most_bps;
    } rows[] = {
        {RTC_USAGE_NORMAL, 60000, 62000, 51000, 52000},
        {RTC_USAGE_UNDER, 60000, 62000, 51000, 52000},
        {RTC_USAGE_UNDER, 200000, 30000, 25500, 26000},
        {RTC_USAGE_OVER, 60000, 62000, 15000, 15000},
        {RTC_USAGE_NORMAL, 0, 0, 15000, 20000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rtc_rate r;
        rtc_rate_init(&r, 15000, 1000000);
        r.bound_bps = 20000;
        rtc_rate_delay(&r, rows[i].usage, rows[i].came_bps, rows[i].sent_bps, true, 50000, 1001000);
        assert_in_range(rtc_rate_bps(&r), rows[i].least_bps, rows[i].most_bps);
    }
}

static void jitter_is_no_queue(void **state)
{
    (void)state;
    struct path *p = path_create(5000000);
    p->media_bps = 1500000;
    p->jitter_us = 40 * 1000;
    run(p, 20000);
    run(p, 60000);
    assert_true(p->lowest_bps > 400000);
    path_destroy(p);
}

static void lost_feedback_is_not_lost_media(void **state)
{
    (void)state;
    struct path *p = path_create(1000000);
    p->feedback_loss_permille = 300;
    run(p, 20000);
    run(p, 30000);
    assert_true(p->lowest_bps > 500000);
    assert_true(p->highest_bps < 1300000);
    assert_int_equal(p->fates.lost, 0);
    path_destroy(p);
}

static void silence_backs_off_and_ends(void **state)
{
    (void)state;
    struct path *p = path_create(2000000);
    run(p, 20000);
    p->voice_us = 20 * 1000;
    p->is_dead = true;
    assert_in_range(time_to(p, false, 1200000, 5000), 1, 1500);
    run(p, 6000);
    assert_true(estimate(p) < 100000);
    p->is_dead = false;
    assert_in_range(time_to(p, true, 1000000, 30000), 1, 1500);
    path_destroy(p);
}

/* Nothing at all comes: there is no path, and nothing is known of the one that will be. */
static void where_nothing_comes_at_all_the_estimate_stays(void **state)
{
    (void)state;
    for (int64_t voice_us = 0; voice_us <= 1000 * 1000; voice_us += 20 * 1000) {
        struct path *p = path_create(2000000);
        p->voice_us = voice_us; /* a microphone, or reports alone */
        run(p, 20000);
        const uint64_t before_bps = estimate(p);
        const uint32_t lost = p->fates.lost;
        p->is_dark = true;
        run(p, voice_us % (200 * 1000) ? 5000 : 30000);
        p->is_dark = false;
        run(p, 5000);
        assert_true(p->lowest_bps > before_bps * 3 / 4);
        assert_true(p->fates.lost < lost + 40); /* of when it began */
        path_destroy(p);
    }
}

/* The new path carries less: that is seen as fast as ever. */
static void a_path_that_comes_back_narrower_is_noticed(void **state)
{
    (void)state;
    struct path *p = path_create(2000000);
    p->voice_us = 20 * 1000;
    run(p, 20000);
    p->is_dark = true;
    run(p, 5000);
    p->is_dark = false;
    p->capacity_bps = 500000;
    assert_in_range(time_to(p, false, 500000, 5000), 1, 1000);
    path_destroy(p);
}

static void before_any_feedback_nothing_moves(void **state)
{
    (void)state;
    struct path *p = path_create(2000000);
    p->feedback_loss_permille = 1000;
    run(p, 10000);
    assert_int_equal(estimate(p), RTC_ESTIMATE_START_BPS);
    assert_int_equal(p->probe_bytes, 0);
    path_destroy(p);
}

/* --- feedback that is not as it should be ------------------------------------------------------
 */

/* All received, a small delta each. */
static size_t put_fci(uint8_t *out, uint16_t base, uint16_t count, uint32_t reference)
{
    struct mcu_writer w = mcu_writer(out, 1400);
    mcu_put_u16(&w, base);
    mcu_put_u16(&w, count);
    mcu_put_u24(&w, reference);
    mcu_put_u8(&w, 0);
    mcu_put_u16(&w, (uint16_t)(1 << 13 | count));
    for (unsigned i = 0; i < count; i++)
        mcu_put_u8(&w, 4);
    return mcu_written(&w);
}

static void what_was_never_sent_changes_nothing(void **state)
{
    (void)state;
    struct path *p = path_create(1000000);
    run(p, 10000);
    p->next_feedback_us = INT64_MAX; /* from here on only the test speaks */
    const uint64_t before_bps = estimate(p);
    uint64_t seed = 7;
    for (int i = 0; i < 2000; i++) {
        uint8_t fci[1400];
        const uint16_t ahead = (uint16_t)(1 + rnd_below(&seed, 40000));
        const size_t size = put_fci(fci, (uint16_t)(p->seq + ahead), (uint16_t)(1 + i % 200),
                                    (uint32_t)rnd(&seed) & 0xffffff);
        struct rtc_fates fates;
        assert_int_equal(rtc_estimator_feedback(p->estimator, fci, size, p->now_us, 50000, &fates),
                         0);
        assert_int_equal(fates.sent, 0);
    }
    assert_int_equal(estimate(p), before_bps);
    assert_int_equal(
        rtc_estimator_feedback(p->estimator, (const uint8_t *)"short", 5, p->now_us, 50000, NULL),
        -EBADMSG);
    path_destroy(p);
}

static void a_fate_is_told_once_and_what_was_lost_may_come(void **state)
{
    (void)state;
    struct rtc_estimator *e;
    struct rtc_fates fates;
    uint8_t fci[1400];
    assert_int_equal(rtc_estimator_create(&e), 0);
    for (uint16_t n = 0; n < 10; n++)
        rtc_estimator_sent(e, (uint16_t)(65530 + n), 1000, 1000000 + n * 10000);
    struct mcu_writer w = mcu_writer(fci, sizeof(fci));
    mcu_put_be(&w, UINT32_C(65530) << 16 | 10, 4);
    mcu_put_be(&w, 5 << 8, 4);
    mcu_put_u16(&w, 10); /* all lost */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rtc_estimator_feedback(e, fci, mcu_written(&w), 1200000, -1, &fates), 0);
        assert_int_equal(fates.sent, i == 0 ? 10 : 0);
        assert_int_equal(fates.lost, i == 0 ? 10 : 0);
    }
    const size_t size = put_fci(fci, 65530, 10, 5);
    assert_int_equal(rtc_estimator_feedback(e, fci, size, 1300000, -1, &fates), 0);
    assert_int_equal(fates.sent, 0);
    assert_int_equal(fates.lost, 0);
    struct rtc_estimator_state s;
    rtc_estimator_read(e, &s);
    assert_int_equal(s.loss_permille, 0);
    rtc_estimator_destroy(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constant_limit_is_found_and_kept),
        cmocka_unit_test(a_limit_that_falls_is_noticed_within_half_a_second),
        cmocka_unit_test(with_few_packets_a_leap_of_delay_tells),
        cmocka_unit_test(a_limit_that_rises_is_found_within_15_seconds),
        cmocka_unit_test(what_is_not_used_is_probed_for),
        cmocka_unit_test(what_is_late_by_little_is_no_queue),
        cmocka_unit_test(what_was_not_tried_is_taken_back_in_steps),
        cmocka_unit_test(a_little_loss_is_nothing),
        cmocka_unit_test(much_loss_backs_off_and_does_not_collapse),
        cmocka_unit_test(a_limit_without_a_queue_is_found_by_its_loss),
        cmocka_unit_test(a_thin_path_with_loss_carries_sound_and_slides),
        cmocka_unit_test(what_comes_through_is_carried),
        cmocka_unit_test(jitter_is_no_queue),
        cmocka_unit_test(lost_feedback_is_not_lost_media),
        cmocka_unit_test(silence_backs_off_and_ends),
        cmocka_unit_test(where_nothing_comes_at_all_the_estimate_stays),
        cmocka_unit_test(a_path_that_comes_back_narrower_is_noticed),
        cmocka_unit_test(before_any_feedback_nothing_moves),
        cmocka_unit_test(what_was_never_sent_changes_nothing),
        cmocka_unit_test(a_fate_is_told_once_and_what_was_lost_may_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
