/* Time lines: rounding, stretching, reordering, ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "recorder/track.h"

static const struct rec_track_conf video = {
    .start_us = 1000000, .timescale = 90000, .nominal_ticks = 3000, .fills_to_end = true};
static const struct rec_track_conf audio = {
    .start_us = 1000000, .timescale = 48000, .nominal_ticks = 1024, .is_steady = true};

static struct mcu_packet *packet(int64_t pts_us, int64_t dts_us)
{
    struct mcu_packet *p = mcu_packet_create(1);
    assert_non_null(p);
    p->pts_us = pts_us;
    p->dts_us = dts_us;
    return p;
}

struct row {
    const char *name;
    const struct rec_track_conf *conf;
    int64_t pts_us[4]; /* from the start; 0 in [1..3] ends the list */
    int64_t dts_us[4];
    int64_t end_us;
    struct {
        int64_t pts, dts, duration;
    } expected[4];
};

static const struct row rows[] = {
    {"each lasts to the next, the last to the end", &video,
     {0, 33333, 66667}, {0, 33333, 66667}, 100000,
     {{0, 0, 3000}, {3000, 3000, 3000}, {6000, 6000, 3000}}},
    {"a late first picture is shown from zero on", &video,
     {20000, 33333, 66667}, {20000, 33333, 66667}, 100000,
     {{0, 0, 3000}, {3000, 3000, 3000}, {6000, 6000, 3000}}},
    {"a stalled picture stays", &video,
     {0, 33333, 1000000}, {0, 33333, 1000000}, 3000000,
     {{0, 0, 3000}, {3000, 3000, 87000}, {90000, 90000, 180000}}},
    {"an end before the last picture does not undo it", &video,
     {0, 33333, 66667}, {0, 33333, 66667}, 50000,
     {{0, 0, 3000}, {3000, 3000, 3000}, {6000, 6000, 3000}}},
    {"reordered pictures keep pts, and durations sum to the end", &video,
     {0, 100000, 33333, 66667}, {-66667, -33333, 0, 33333}, 133333,
     {{0, -6000, 3000}, {9000, -3000, 3000}, {3000, 0, 3000}, {6000, 3000, 3000}}},
    {"a clock that goes back still gives rising times", &video,
     {0, 33333, 20000}, {0, 33333, 20000}, 66667,
     {{0, 0, 3000}, {3000, 3000, 1}, {3001, 3001, 2999}}},
    {"AAC that was rounded to microseconds is even again", &audio,
     {-30667, -9334, 12000, 33333}, {-30667, -9334, 12000, 33333}, 40000,
     {{-1472, -1472, 1024}, {-448, -448, 1024}, {576, 576, 1024}, {1600, 1600, 1024}}},
    {"a hole in the sound stays a hole", &audio,
     {0, 121333, 142667}, {0, 121333, 142667}, 200000,
     {{0, 0, 5824}, {5824, 5824, 1024}, {6848, 6848, 1024}}},
    {"late sound is stretched to zero", &audio,
     {10000, 31333}, {10000, 31333}, 60000, {{0, 0, 1504}, {1504, 1504, 1024}}},
};

static void check(const struct row *row, int i, bool got, const struct rec_sample *s)
{
    if (!got || s->pts != row->expected[i].pts || s->dts != row->expected[i].dts ||
        s->duration != row->expected[i].duration)
        fail_msg("%s: sample %d: pts %lld dts %lld duration %lld", row->name, i,
                 (long long)s->pts, (long long)s->dts, (long long)s->duration);
    mcu_packet_unref(s->packet);
}

static void packets_become_samples(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        const struct row *row = &rows[r];
        const int64_t zero = row->conf->start_us;
        struct rec_track t;
        struct rec_sample s = {0};
        rec_track_init(&t, row->conf);
        assert_false(rec_track_put(&t, packet(zero + row->pts_us[0], zero + row->dts_us[0]), &s));
        int n = 1;
        for (; n < 4 && row->pts_us[n] != 0; n++)
            check(row, n - 1,
                  rec_track_put(&t, packet(zero + row->pts_us[n], zero + row->dts_us[n]), &s), &s);
        check(row, n - 1, rec_track_end(&t, row->end_us, &s), &s);
        assert_false(rec_track_end(&t, row->end_us, &s));
    }
}

static void a_day_does_not_drift(void **state)
{
    (void)state;
    struct rec_track t;
    struct rec_sample s;
    rec_track_init(&t, &audio);
    const int64_t frames = INT64_C(86400) * 48000 / 1024;
    int64_t expected = 0;
    for (int64_t n = 0; n < frames; n++) {
        const int64_t us = audio.start_us + (n * 1024 * 1000000 + 24000) / 48000;
        if (!rec_track_put(&t, packet(us, us), &s))
            continue;
        assert_int_equal(s.dts, expected);
        assert_int_equal(s.duration, 1024);
        expected += 1024;
        mcu_packet_unref(s.packet);
    }
    rec_track_finish(&t);
}

static void without_an_end_the_last_lasts_as_usual(void **state)
{
    (void)state;
    struct rec_track t;
    struct rec_sample s;
    rec_track_init(&t, &video);
    assert_false(rec_track_put(&t, packet(1000000, 1000000), &s));
    assert_true(rec_track_end(&t, REC_TRACK_NO_END, &s));
    assert_int_equal(s.duration, 3000);
    mcu_packet_unref(s.packet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_become_samples),
        cmocka_unit_test(a_day_does_not_drift),
        cmocka_unit_test(without_an_end_the_last_lasts_as_usual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
