/* Loss to redundancy: quick to rise, slow to fall. */
#include <stdbool.h>
#include <stdio.h>

#include "pure.h"
#include "transport/audio_loss.h"

static const int64_t second_us = 1000000;

/* Reports of this loss, one a second. */
static int64_t report(struct rtc_audio_loss *l, uint32_t permille, int seconds, int64_t now_us)
{
    for (int i = 0; i < seconds; i++, now_us += second_us)
        rtc_audio_loss_report(l, (uint8_t)(permille * 256 / 1000), now_us);
    return now_us;
}

static void steady_loss_leads_to_its_step(void **state)
{
    (void)state;
    static const struct {
        uint32_t permille, copies;
        enum rtc_audio_need need;
    } rows[] = {
        {0, 0, RTC_AUDIO_CLEAN}, {5, 0, RTC_AUDIO_CLEAN}, {20, 1, RTC_AUDIO_CLEAN},
        {40, 1, RTC_AUDIO_FEC},  {80, 2, RTC_AUDIO_FEC},  {200, 3, RTC_AUDIO_FEC},
        {350, 4, RTC_AUDIO_FEC}, {500, 4, RTC_AUDIO_LOW},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rtc_audio_loss l = {0};
        report(&l, rows[i].permille, 20, second_us);
        print_message("%u permille\n", rows[i].permille);
        assert_int_equal(l.copies, rows[i].copies);
        assert_int_equal(l.need, rows[i].need);
        l = (struct rtc_audio_loss){0}; /* and from a calm time, within three reports */
        report(&l, rows[i].permille, 3, report(&l, 0, 20, second_us));
        assert_int_equal(l.copies, rows[i].permille == 350 ? 4 : rows[i].copies);
    }
}

static void it_falls_slowly_and_step_by_step(void **state)
{
    (void)state;
    struct rtc_audio_loss l = {0};
    int64_t now_us = report(&l, 500, 5, second_us);
    uint32_t before = l.copies;
    enum rtc_audio_need need = l.need;
    int seconds = 0;
    while ((l.copies > 0 || l.need != RTC_AUDIO_CLEAN) && seconds < 120) {
        now_us = report(&l, 0, 1, now_us);
        assert_true(l.copies == before || l.copies == before - 1);
        assert_true(l.need == need || l.need == need - 1);
        before = l.copies;
        need = l.need;
        seconds++;
    }
    assert_in_range(seconds, 12, 40);
}

/* Copies make more of what there is too much of already. */
static void where_a_queue_is_full_loss_asks_for_less(void **state)
{
    (void)state;
    struct rtc_audio_loss l = {0};
    int64_t now_us = report(&l, 350, 5, second_us);
    assert_int_equal(l.copies, 4);
    rtc_audio_loss_crowded(&l, true, now_us);
    assert_int_equal(l.copies, 1);
    assert_int_equal(l.need, RTC_AUDIO_LOW);
    now_us = report(&l, 350, 5, now_us);
    assert_int_equal(l.copies, 1);
    rtc_audio_loss_crowded(&l, false, now_us); /* the path's own loss stays */
    report(&l, 350, 1, now_us);
    assert_int_equal(l.copies, 4);
}

/* Low loss for two seconds is no calm yet. */
static void a_step_down_waits_for_calm(void **state)
{
    (void)state;
    struct rtc_audio_loss l = {0};
    int64_t now_us = report(&l, 20, 10, second_us);
    for (int i = 0; i < 20; i++, now_us += 100000)
        rtc_audio_loss_report(&l, 0, now_us);
    assert_true(l.loss_ppm < 1000);
    assert_int_equal(l.copies, 1);
    for (int i = 0; i < 40; i++, now_us += 100000)
        rtc_audio_loss_report(&l, 0, now_us);
    assert_int_equal(l.copies, 0);
}

/* Around a threshold nothing flaps. */
static void it_does_not_flap(void **state)
{
    (void)state;
    struct rtc_audio_loss l = {0};
    int64_t now_us = report(&l, 60, 10, second_us);
    int changes = 0;
    for (int i = 0; i < 100; i++) {
        const uint32_t before = l.copies;
        const enum rtc_audio_need need = l.need;
        now_us = report(&l, i % 2 ? 40 : 60, 1, now_us);
        changes += (l.copies != before) + (l.need != need);
    }
    assert_int_equal(changes, 0);
    assert_int_equal(l.copies, 2);
}

static void a_low_estimate_asks_for_little(void **state)
{
    (void)state;
    struct rtc_audio_loss l = {0};
    rtc_audio_loss_remb(&l, 500000, second_us);
    assert_int_equal(l.need, RTC_AUDIO_CLEAN);
    rtc_audio_loss_remb(&l, 50000, 2 * second_us);
    assert_int_equal(l.need, RTC_AUDIO_LOW);
    for (int64_t t = 3; t < 20; t++)
        rtc_audio_loss_remb(&l, 70000, t * second_us); /* not yet good */
    assert_int_equal(l.need, RTC_AUDIO_LOW);
    for (int64_t t = 20; t < 28; t++)
        rtc_audio_loss_remb(&l, 300000, t * second_us);
    assert_int_equal(l.need, RTC_AUDIO_CLEAN);
    rtc_audio_loss_remb(&l, 50000, 30 * second_us);
    assert_int_equal(l.need, RTC_AUDIO_LOW);
    report(&l, 0, 20, 45 * second_us); /* a long time without: it does not count any more */
    assert_int_equal(l.need, RTC_AUDIO_CLEAN);
}

static void feedback_is_summed_up_and_comes_before_reports(void **state)
{
    (void)state;
    struct rtc_audio_loss l = {0};
    int64_t now_us = second_us;
    for (int i = 0; i < 4; i++, now_us += 100000)
        rtc_audio_loss_fates(&l, 10, 3, now_us);
    assert_false(l.is_started); /* not half a second yet */
    for (int i = 0; i < 4; i++, now_us += 100000)
        rtc_audio_loss_fates(&l, 10, 3, now_us);
    assert_int_equal(l.loss_ppm, 300000);
    assert_int_equal(l.copies, 4);
    rtc_audio_loss_report(&l, 255, now_us);
    assert_int_equal(l.loss_ppm, 300000);
    rtc_audio_loss_report(&l, 128, now_us + 5 * second_us); /* no feedback for long: they count */
    assert_true(l.loss_ppm > 400000);
    rtc_audio_loss_fates(&l, 5, 99, now_us + 6 * second_us); /* nonsense is bounded */
    rtc_audio_loss_fates(&l, 15, 99, now_us + 7 * second_us);
    assert_true(l.loss_ppm <= 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steady_loss_leads_to_its_step),
        cmocka_unit_test(it_falls_slowly_and_step_by_step),
        cmocka_unit_test(a_step_down_waits_for_calm),
        cmocka_unit_test(it_does_not_flap),
        cmocka_unit_test(where_a_queue_is_full_loss_asks_for_less),
        cmocka_unit_test(a_low_estimate_asks_for_little),
        cmocka_unit_test(feedback_is_summed_up_and_comes_before_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
