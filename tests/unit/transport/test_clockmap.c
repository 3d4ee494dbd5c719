/* RTP timestamps on the room clock: lips together, never back, through wraps, drift and leaps. */
#include <errno.h>

#include "tests/unit/transport/pure.h"
#include "mcu/base/clock.h"
#include "transport/clockmap.h"

enum { MS = 1000, S = 1000 * MS };

/* A sender with one clock that captures sound every 20 ms and pictures every 33, and a network. */
struct sender {
    struct rtc_clockmap *map;
    uint64_t random;
    int64_t room_us;       /* room clock when the sender's clock read 0 */
    double ppm;            /* how much too fast its clock is */
    int64_t ntp_offset_us; /* its wall clock when its clock reads 0 */
    int64_t way_us[2];     /* shortest way, by kind */
    int64_t jitter_us;
    uint32_t first[2]; /* timestamp at 0 */
    bool reports[2];
    int64_t at_us;              /* where the simulation is, sender's clock */
    int64_t last_arrival_us[2]; /* the network keeps the order */
};

static const uint32_t rates[2] = {48000, 90000};
static const int64_t periods_us[2] = {20 * MS, 33333};

static struct sender sender_create(void)
{
    struct sender s = {
        .random = 99,
        .room_us = 5000 * (int64_t)S,
        .ntp_offset_us = INT64_C(3900000000) * S,
        .way_us = {20 * MS, 70 * MS},
        .jitter_us = 8 * MS,
        .first = {0xffff0000, 0xfff00000}, /* both wrap soon */
        .reports = {true, true},
    };
    assert_int_equal(rtc_clockmap_create(&s.map, rates[MCU_AUDIO], rates[MCU_VIDEO]), 0);
    return s;
}

static uint32_t stamp(const struct sender *s, enum mcu_kind kind, int64_t captured_us)
{
    return s->first[kind] + (uint32_t)(uint64_t)(captured_us * rates[kind] / S);
}

/* When the room's clock shows what the sender's shows at captured_us. */
static int64_t true_us(const struct sender *s, int64_t captured_us)
{
    return s->room_us + (int64_t)((double)captured_us / (1 + s->ppm / 1e6));
}

static void report(struct sender *s, enum mcu_kind kind, int64_t captured_us)
{
    const int64_t ntp_us = s->ntp_offset_us + captured_us;
    const uint64_t ntp = (uint64_t)(ntp_us / S) << 32 | ((uint64_t)(ntp_us % S) << 32) / S;
    rtc_clockmap_report(s->map, kind, ntp, stamp(s, kind, captured_us));
}

/* What the simulation watches. */
struct watch {
    bool has_last[2];
    int64_t last_captured_us[2], last_pts_us[2];
    double least_speed, most_speed; /* of pts against capture */
    int64_t pts_us[2];              /* newest, */
    int64_t error_us[2];            /* and its distance from capture on the room clock */
    int64_t worst_us[2];            /* largest error since settle() */
    int64_t ahead_us;               /* most that a pts was later than its packet */
};

static struct watch watch_create(void)
{
    return (struct watch){.least_speed = 100, .most_speed = -100};
}

static void watch_pts(struct watch *w, struct sender *s, enum mcu_kind kind, int64_t captured_us,
                      int64_t arrival_us)
{
    const int64_t pts_us = rtc_clockmap_pts(s->map, kind, stamp(s, kind, captured_us));
    if (pts_us - arrival_us > w->ahead_us)
        w->ahead_us = pts_us - arrival_us;
    if (w->has_last[kind]) {
        const double speed = (double)(pts_us - w->last_pts_us[kind]) /
                             (double)(captured_us - w->last_captured_us[kind]);
        assert_true(pts_us >= w->last_pts_us[kind]);
        w->least_speed = speed < w->least_speed ? speed : w->least_speed;
        w->most_speed = speed > w->most_speed ? speed : w->most_speed;
    }
    w->has_last[kind] = true;
    w->last_captured_us[kind] = captured_us;
    w->last_pts_us[kind] = w->pts_us[kind] = pts_us;
    w->error_us[kind] = pts_us - true_us(s, captured_us);
    if (llabs(w->error_us[kind]) > w->worst_us[kind])
        w->worst_us[kind] = llabs(w->error_us[kind]);
}

static void one_packet(struct sender *s, enum mcu_kind kind, struct watch *w)
{
    const int64_t jitter_us =
        rnd_below(&s->random, 8) ? (int64_t)rnd_below(&s->random, (uint64_t)s->jitter_us + 1) : 0;
    int64_t arrival_us = true_us(s, s->at_us) + s->way_us[kind] + jitter_us;
    if (arrival_us < s->last_arrival_us[kind])
        arrival_us = s->last_arrival_us[kind];
    s->last_arrival_us[kind] = arrival_us;
    rtc_clockmap_arrived(s->map, kind, stamp(s, kind, s->at_us), arrival_us);
    watch_pts(w, s, kind, s->at_us, arrival_us);
}

/* Goes on for so long. Kinds that are not in the mask are not sent. */
static void run(struct sender *s, int64_t duration_us, unsigned kinds, struct watch *w)
{
    const int64_t end_us = s->at_us + duration_us;
    for (; s->at_us < end_us; s->at_us += MS) {
        for (unsigned k = 0; k < 2; k++) {
            if (kinds >> k & 1 && s->at_us / MS % (periods_us[k] / MS) == 0)
                one_packet(s, k, w);
            if (s->reports[k] && s->at_us % (5000 * MS) == (int64_t)k * 700 * MS)
                report(s, k, s->at_us);
        }
    }
}

static void settle(struct watch *w)
{
    w->least_speed = 100;
    w->most_speed = -100;
    w->worst_us[0] = w->worst_us[1] = w->ahead_us = 0;
}

static void test_conf_is_checked(void **state)
{
    (void)state;
    struct rtc_clockmap *c = NULL;
    assert_int_equal(rtc_clockmap_create(&c, 0, 90000), -EINVAL);
    assert_int_equal(rtc_clockmap_create(&c, 48000, 0), -EINVAL);
    assert_null(c);
    rtc_clockmap_destroy(NULL);
}

static void test_nothing_arrived(void **state)
{
    (void)state;
    struct sender s = sender_create();
    assert_int_equal(rtc_clockmap_pts(s.map, MCU_AUDIO, 5), 0);
    report(&s, MCU_AUDIO, 0);
    assert_false(rtc_clockmap_has_report(s.map, MCU_AUDIO));
    rtc_clockmap_destroy(s.map);
}

static void test_before_reports_the_fastest_arrival_serves(void **state)
{
    (void)state;
    struct sender s = sender_create();
    struct watch w = watch_create();
    s.reports[0] = s.reports[1] = false;
    run(&s, 10 * S, 3, &w);
    settle(&w);
    run(&s, 10 * S, 3, &w);
    assert_in_range(w.error_us[MCU_AUDIO], 19 * MS, 22 * MS);
    assert_in_range(w.error_us[MCU_VIDEO], 69 * MS, 72 * MS);
    assert_true(w.least_speed > 0.99 && w.most_speed < 1.01);
    assert_true(w.ahead_us < MS);
    rtc_clockmap_destroy(s.map);
}

static void test_reports_bring_lips_together(void **state)
{
    (void)state;
    struct sender s = sender_create();
    struct watch w = watch_create();
    run(&s, 5 * S, 3, &w);
    settle(&w);
    run(&s, 6 * S, 3, &w); /* within this the second report of video comes */
    assert_true(w.least_speed > 0.94 && w.most_speed < 1.06); /* it slews, it does not step */
    settle(&w);
    run(&s, 20 * S, 3, &w);
    assert_in_range(w.error_us[MCU_AUDIO], 19 * MS, 22 * MS);
    assert_in_range(w.error_us[MCU_VIDEO], 19 * MS, 22 * MS); /* sound's way, not its own */
    assert_in_range(w.worst_us[MCU_VIDEO], 19 * MS, 25 * MS);
    rtc_clockmap_destroy(s.map);
}

static void test_sound_that_is_slower_moves_too(void **state)
{
    (void)state;
    struct sender s = sender_create();
    struct watch w = watch_create();
    s.way_us[MCU_AUDIO] = 120 * MS;
    run(&s, 30 * S, 3, &w);
    assert_in_range(w.error_us[MCU_AUDIO], 69 * MS, 73 * MS);
    assert_in_range(w.error_us[MCU_VIDEO], 69 * MS, 73 * MS);
    rtc_clockmap_destroy(s.map);
}

static void test_report_of_one_stream_changes_nothing(void **state)
{
    (void)state;
    struct sender s = sender_create();
    struct watch w = watch_create();
    s.reports[MCU_VIDEO] = false;
    run(&s, 20 * S, 3, &w);
    assert_true(rtc_clockmap_has_report(s.map, MCU_AUDIO));
    assert_in_range(w.error_us[MCU_AUDIO], 19 * MS, 22 * MS);
    assert_in_range(w.error_us[MCU_VIDEO], 69 * MS, 72 * MS);
    rtc_clockmap_destroy(s.map);
}

static void test_clocks_that_drift(void **state)
{
    (void)state;
    static const double ppms[] = {-200, 200};
    for (size_t i = 0; i < 2; i++) {
        struct sender s = sender_create();
        struct watch w = watch_create();
        s.ppm = ppms[i];
        run(&s, 20 * S, 3, &w);
        settle(&w);
        run(&s, 600 * S, 3, &w); /* 120 ms of drift */
        assert_in_range(w.worst_us[MCU_AUDIO], 15 * MS, 25 * MS);
        assert_in_range(w.worst_us[MCU_VIDEO], 15 * MS, 25 * MS);
        assert_true(w.least_speed > 0.97 && w.most_speed < 1.03);
        assert_true(w.ahead_us < 2 * MS);
        rtc_clockmap_destroy(s.map);
    }
}

static void test_network_that_slows_down_and_recovers(void **state)
{
    (void)state;
    struct sender s = sender_create();
    struct watch w = watch_create();
    run(&s, 20 * S, 3, &w);
    settle(&w);
    s.way_us[0] += 150 * MS;
    s.way_us[1] += 150 * MS;
    run(&s, 30 * S, 3, &w);
    assert_in_range(w.error_us[MCU_AUDIO], 167 * MS, 173 * MS);
    assert_in_range(w.error_us[MCU_VIDEO], 160 * MS, 175 * MS);
    assert_true(w.least_speed > 0.9 && w.most_speed < 1.06);
    rtc_clockmap_destroy(s.map);
}

static void test_queue_of_seconds_fills_and_empties(void **state)
{
    (void)state;
    struct sender s = sender_create();
    struct watch w = watch_create();
    run(&s, 20 * S, 3, &w);
    s.way_us[0] += 1500 * MS;
    s.way_us[1] += 1500 * MS;
    run(&s, 8 * S, 3, &w);
    assert_in_range(w.error_us[MCU_AUDIO], 1500 * MS, 1525 * MS);
    s.way_us[0] -= 1500 * MS;
    s.way_us[1] -= 1500 * MS;
    run(&s, 14 * S, 3, &w);
    settle(&w);
    run(&s, 2 * S, 3, &w);
    assert_in_range(w.worst_us[MCU_AUDIO], 15 * MS, 35 * MS);
    assert_in_range(w.worst_us[MCU_VIDEO], 15 * MS, 35 * MS);
    rtc_clockmap_destroy(s.map);
}

static void test_first_packets_late(void **state)
{
    (void)state;
    struct sender s = sender_create();
    struct watch w = watch_create();
    s.reports[0] = s.reports[1] = false;
    s.jitter_us = 0;
    s.way_us[MCU_AUDIO] = 120 * MS; /* the path was just opened */
    one_packet(&s, MCU_AUDIO, &w);
    s.at_us += 40 * MS;
    s.way_us[MCU_AUDIO] = 81 * MS;
    one_packet(&s, MCU_AUDIO, &w);
    s.way_us[MCU_AUDIO] = 20 * MS;
    s.at_us += 60 * MS;
    while (s.at_us < 400 * MS) {
        one_packet(&s, MCU_AUDIO, &w);
        s.at_us += 20 * MS;
    }
    assert_in_range(w.error_us[MCU_AUDIO], 19 * MS, 21 * MS); /* caught up at half speed */
    assert_true(w.least_speed > 0.45);
    rtc_clockmap_destroy(s.map);
}

/* After a leap of the timestamps by leap_us, with silence_us before it. */
static void run_leap(int64_t leap_us, int64_t silence_us, int64_t settle_us)
{
    struct sender s = sender_create();
    struct watch w = watch_create();
    run(&s, 30 * S, 3, &w);
    s.at_us += silence_us / MS * MS;
    s.first[MCU_VIDEO] += (uint32_t)(uint64_t)(leap_us * 9 / 100);
    w.has_last[MCU_VIDEO] = leap_us > 0 && silence_us == 0; /* it may only go back with them */
    const int64_t before_us = w.pts_us[MCU_VIDEO];
    run(&s, settle_us, 3, &w);
    settle(&w);
    run(&s, 2 * S, 3, &w);
    assert_true(w.pts_us[MCU_VIDEO] > before_us);
    assert_in_range(w.worst_us[MCU_VIDEO], 15 * MS, 45 * MS);
    assert_in_range(w.worst_us[MCU_AUDIO], 15 * MS, 30 * MS);
    rtc_clockmap_destroy(s.map);
}

static void test_timestamps_that_leap(void **state)
{
    (void)state;
    run_leap(INT64_C(3600) * S, 0, 100 * MS);     /* forward */
    run_leap(INT64_C(-3600) * S, 0, 100 * MS);    /* back */
    run_leap(-3 * S, 0, 100 * MS);                /* back a little */
    run_leap(INT64_C(-1500) * MS, 0, 4 * S);      /* stood still: 3 s to be sure */
    run_leap(INT64_C(-60) * S, 60 * S, 100 * MS); /* stood still while nothing was sent */
    run_leap(0, 60 * S, 100 * MS);                /* went on while nothing was sent */
}

static void test_frame_of_before_a_leap_back_is_not_in_the_future(void **state)
{
    (void)state;
    struct sender s = sender_create();
    struct watch w = watch_create();
    run(&s, 5 * S, 3, &w);
    const uint32_t old = stamp(&s, MCU_VIDEO, s.at_us);
    s.first[MCU_VIDEO] -= 90000 * 3600u;
    run(&s, 40 * MS, 2, &(struct watch){0});
    const int64_t now_us = true_us(&s, s.at_us) + 100 * MS;
    assert_true(rtc_clockmap_pts(s.map, MCU_VIDEO, old) <= now_us);
    rtc_clockmap_destroy(s.map);
}

static void test_wall_clock_of_the_sender_is_set(void **state)
{
    (void)state;
    struct sender s = sender_create();
    struct watch w = watch_create();
    run(&s, 30 * S, 3, &w);
    s.ntp_offset_us -= 1500 * MS;
    settle(&w);
    run(&s, 30 * S, 3, &w);
    assert_in_range(w.worst_us[MCU_VIDEO], 15 * MS, 27 * MS); /* nothing moved */
    assert_in_range(w.worst_us[MCU_AUDIO], 15 * MS, 27 * MS);
    assert_true(w.least_speed > 0.97 && w.most_speed < 1.03);
    rtc_clockmap_destroy(s.map);
}

static void test_reports_of_two_clocks_are_not_believed(void **state)
{
    (void)state;
    struct sender s = sender_create();
    struct watch w = watch_create();
    s.reports[0] = s.reports[1] = false;
    for (int i = 0; i < 10; i++) {
        run(&s, 2 * S, 3, &w);
        report(&s, MCU_AUDIO, s.at_us);
        s.ntp_offset_us += INT64_C(5000) * S;
        report(&s, MCU_VIDEO, s.at_us);
        s.ntp_offset_us -= INT64_C(5000) * S;
    }
    assert_in_range(w.error_us[MCU_AUDIO], 19 * MS, 22 * MS);
    assert_in_range(w.error_us[MCU_VIDEO], 69 * MS, 72 * MS);
    rtc_clockmap_destroy(s.map);
}

static void test_video_paused_and_resumed(void **state)
{
    (void)state;
    struct sender s = sender_create();
    struct watch w = watch_create();
    s.ppm = 100;
    run(&s, 30 * S, 3, &w);
    run(&s, 120 * S, 1, &w); /* camera off */
    assert_in_range(w.error_us[MCU_AUDIO], 15 * MS, 25 * MS);
    run(&s, 10 * S, 3, &w);
    settle(&w);
    run(&s, 2 * S, 3, &w);
    assert_in_range(w.worst_us[MCU_AUDIO], 15 * MS, 25 * MS);
    assert_in_range(w.worst_us[MCU_VIDEO], 15 * MS, 25 * MS);
    rtc_clockmap_destroy(s.map);
}

static void test_restart_forgets_the_stream(void **state)
{
    (void)state;
    struct sender s = sender_create();
    struct watch w = watch_create();
    run(&s, 10 * S, 3, &w);
    rtc_clockmap_restart(s.map, MCU_VIDEO);
    assert_false(rtc_clockmap_has_report(s.map, MCU_VIDEO));
    assert_int_equal(rtc_clockmap_pts(s.map, MCU_VIDEO, 1), 0);
    s.first[MCU_VIDEO] = 12345;
    w.has_last[MCU_VIDEO] = false;
    run(&s, 20 * S, 3, &w);
    assert_in_range(w.error_us[MCU_VIDEO], 15 * MS, 25 * MS);
    rtc_clockmap_destroy(s.map);
}

static void test_older_timestamps_map_below_newer(void **state)
{
    (void)state;
    struct sender s = sender_create();
    struct watch w = watch_create();
    run(&s, 10 * S, 3, &w);
    const uint32_t t = stamp(&s, MCU_AUDIO, s.at_us - 20 * MS);
    const int64_t newest_us = rtc_clockmap_pts(s.map, MCU_AUDIO, t);
    assert_int_equal(rtc_clockmap_pts(s.map, MCU_AUDIO, t - 960), newest_us - 20 * MS);
    assert_int_equal(rtc_clockmap_pts(s.map, MCU_AUDIO, t), newest_us);
    rtc_clockmap_destroy(s.map);
}

static void test_hostile_timestamps_and_reports(void **state)
{
    (void)state;
    struct sender s = sender_create();
    uint64_t r = 31;
    int64_t now_us = 1000 * (int64_t)S;
    for (int i = 0; i < 200000; i++) {
        const enum mcu_kind kind = rnd(&r) & 1 ? MCU_AUDIO : MCU_VIDEO;
        const uint32_t t = (uint32_t)rnd(&r);
        now_us += (int64_t)rnd_below(&r, rnd_below(&r, 50) ? 10 * MS : 30 * S);
        rtc_clockmap_arrived(s.map, kind, t, now_us);
        if (rnd_below(&r, 4) == 0)
            rtc_clockmap_report(s.map, kind, rnd(&r), (uint32_t)rnd(&r));
        assert_true(rtc_clockmap_pts(s.map, kind, t) <= now_us + 2 * S);
        rtc_clockmap_pts(s.map, kind, (uint32_t)rnd(&r));
    }
    rtc_clockmap_destroy(s.map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conf_is_checked),
        cmocka_unit_test(test_nothing_arrived),
        cmocka_unit_test(test_before_reports_the_fastest_arrival_serves),
        cmocka_unit_test(test_reports_bring_lips_together),
        cmocka_unit_test(test_sound_that_is_slower_moves_too),
        cmocka_unit_test(test_report_of_one_stream_changes_nothing),
        cmocka_unit_test(test_clocks_that_drift),
        cmocka_unit_test(test_network_that_slows_down_and_recovers),
        cmocka_unit_test(test_queue_of_seconds_fills_and_empties),
        cmocka_unit_test(test_first_packets_late),
        cmocka_unit_test(test_timestamps_that_leap),
        cmocka_unit_test(test_frame_of_before_a_leap_back_is_not_in_the_future),
        cmocka_unit_test(test_wall_clock_of_the_sender_is_set),
        cmocka_unit_test(test_reports_of_two_clocks_are_not_believed),
        cmocka_unit_test(test_video_paused_and_resumed),
        cmocka_unit_test(test_restart_forgets_the_stream),
        cmocka_unit_test(test_older_timestamps_map_below_newer),
        cmocka_unit_test(test_hostile_timestamps_and_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
