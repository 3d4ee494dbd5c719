/* When packets from outside are due, on a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mcu/base/clock.h"
#include "recorder/pace.h"

#define MS MCU_US_PER_MS
#define S  MCU_US_PER_S

static void the_first_packet_sets_the_clock(void **state)
{
    (void)state;
    static const int64_t delays_us[] = {100 * MS, 1000 * MS, 250 * MS};
    for (int kind = REC_PACE_FILE; kind <= REC_PACE_LIVE; kind++) {
        struct rec_pace p;
        rec_pace_init(&p, (enum rec_pace_kind)kind);
        rec_pace_arrived(&p, 7000 * S, 3 * S);
        assert_int_equal(rec_pace_due(&p, 7000 * S), 3 * S + delays_us[kind]);
        assert_int_equal(rec_pace_due(&p, 7001 * S), 4 * S + delays_us[kind]);
    }
}

/* One packet each 20 ms of the sender, whose clock runs ppm too fast, for so long. */
static void send(struct rec_pace *p, int64_t ppm, int64_t seconds, int64_t *slack_us)
{
    for (int64_t i = 0; i < seconds * 50; i++) {
        const int64_t dts_us = i * 20 * MS;
        const int64_t arrival_us = dts_us - dts_us * ppm / 1000000 + (i % 7) * 3 * MS;
        rec_pace_arrived(p, dts_us, arrival_us);
        rec_pace_check(p, dts_us, arrival_us);
        *slack_us = rec_pace_due(p, dts_us) - arrival_us;
    }
}

static void drift_is_followed(void **state)
{
    (void)state;
    static const int64_t ppms[] = {0, 100, -100, 500, -500};
    for (size_t i = 0; i < sizeof(ppms) / sizeof(ppms[0]); i++) {
        struct rec_pace p;
        int64_t slack_us = 0;
        rec_pace_init(&p, REC_PACE_LIVE);
        send(&p, ppms[i], 4 * 3600, &slack_us);
        assert_int_equal(p.resyncs, 0); /* nothing jumps */
        assert_in_range(slack_us, 220 * MS, 290 * MS);
    }
}

static void a_file_keeps_its_clock(void **state)
{
    (void)state;
    struct rec_pace p;
    rec_pace_init(&p, REC_PACE_FILE);
    rec_pace_arrived(&p, 0, 0);
    rec_pace_arrived(&p, 2 * S, 1 * MS); /* it is read ahead */
    rec_pace_check(&p, 2 * S, 1 * MS);
    assert_int_equal(rec_pace_due(&p, 2 * S), 2 * S + 100 * MS);
    assert_int_equal(p.resyncs, 0);
}

static void what_was_held_back_is_left_behind(void **state)
{
    (void)state;
    struct rec_pace p;
    rec_pace_init(&p, REC_PACE_LIVE);
    for (int64_t i = 0; i < 100; i++) /* two seconds at once, as servers give the last GOP */
        rec_pace_arrived(&p, i * 20 * MS, 5 * S);
    const int64_t wait_us = rec_pace_due(&p, 99 * 20 * MS) - 5 * S;
    assert_in_range(wait_us, 200 * MS, 660 * MS);
}

static void who_is_late_begins_anew(void **state)
{
    (void)state;
    struct rec_pace p;
    rec_pace_init(&p, REC_PACE_PIECES);
    rec_pace_arrived(&p, 0, 0);
    rec_pace_check(&p, 0, 1100 * MS); /* 100 ms late: it happens */
    assert_int_equal(p.resyncs, 0);
    rec_pace_check(&p, 0, 1300 * MS);
    assert_int_equal(p.resyncs, 1);
    assert_int_equal(rec_pace_due(&p, 0), 2300 * MS);
    /* As long as something is there in time, an old packet is only pushed at once. */
    rec_pace_check(&p, 3 * S, 4 * S);
    assert_int_equal(p.resyncs, 1);
}

static void a_jump_of_the_clock_is_bridged(void **state)
{
    (void)state;
    struct rec_pace p;
    rec_pace_init(&p, REC_PACE_PIECES);
    rec_pace_arrived(&p, 0, 0);
    rec_pace_check(&p, 90000 * S, 20 * MS);
    assert_int_equal(rec_pace_due(&p, 90000 * S), 1020 * MS);
    rec_pace_check(&p, 0, 40 * MS);
    assert_int_equal(rec_pace_due(&p, 0), 1040 * MS);
    assert_int_equal(p.resyncs, 2);
}

static void a_pause_shifts(void **state)
{
    (void)state;
    struct rec_pace p;
    rec_pace_init(&p, REC_PACE_FILE);
    rec_pace_arrived(&p, 0, 0);
    rec_pace_shift(&p, 5 * S);
    assert_int_equal(rec_pace_due(&p, 1 * S), 6 * S + 100 * MS);
    rec_pace_restart(&p);
    rec_pace_arrived(&p, 60 * S, 10 * S);
    assert_int_equal(rec_pace_due(&p, 60 * S), 10 * S + 100 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_packet_sets_the_clock),
        cmocka_unit_test(drift_is_followed),
        cmocka_unit_test(a_file_keeps_its_clock),
        cmocka_unit_test(what_was_held_back_is_left_behind),
        cmocka_unit_test(who_is_late_begins_anew),
        cmocka_unit_test(a_jump_of_the_clock_is_bridged),
        cmocka_unit_test(a_pause_shifts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
