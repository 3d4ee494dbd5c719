/* The playout delay and the speech decision, by the numbers alone. */
#include "rig.h"

#include "mixer/inbox.h"
#include "mixer/level.h"
#include "mixer/playout.h"

struct row {
    const char *name;
    int64_t lateness_us;       /* of every packet, */
    uint32_t jitter_us;        /* plus 0..this, uniform, */
    uint32_t spike_every;      /* and every so many packets, */
    int64_t spike_us;          /* this more */
    int64_t least_us, most_us; /* target after 20 s */
};

static const struct row rows[] = {
    {"no jitter: one tick", 0, 0, 0, 0, 20000, 20000},
    {"early packets ask for no less", -50000, 0, 0, 0, 20000, 20000},
    {"a constant lateness is added", 30000, 0, 0, 0, 50000, 50000},
    {"jitter of 40 ms", 0, 40000, 0, 0, 56000, 60000},
    {"one spike in 100 is not paid for", 0, 5000, 100, 150000, 20000, 26000},
    {"one spike in 10 is", 0, 5000, 10, 150000, 170000, 176000},
    {"never above the maximum", 0, 0, 2, 450000, 300000, 300000},
    {"a wrong time is no lateness", 0, 0, 3, 5000000, 20000, 20000},
};

static void target_follows_lateness(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        struct mix_playout p;
        mix_playout_init(&p, 20000, 300000);
        uint32_t seed = 1;
        for (uint32_t k = 0; k < 1000; k++) {
            int64_t late = r->lateness_us + rig_random(&seed, r->jitter_us + 1);
            if (r->spike_every && k % r->spike_every == r->spike_every - 1)
                late += r->spike_us;
            mix_playout_arrived(&p, late, (int64_t)k * 20000, MIX_ARRIVAL_FIRST);
        }
        const int64_t target = mix_playout_target_us(&p, 0);
        if (target < r->least_us || target > r->most_us)
            fail_msg("%s: target %lld us", r->name, (long long)target);
    }
}

static void rises_at_once_and_falls_slowly(void **state)
{
    (void)state;
    struct mix_playout p;
    mix_playout_init(&p, 20000, 300000);
    int64_t now = 0;
    for (int k = 0; k < 500; k++, now += 20000)
        mix_playout_arrived(&p, 0, now, MIX_ARRIVAL_FIRST);
    assert_int_equal(mix_playout_target_us(&p, 0), 20000);
    for (int k = 0; k < 2; k++, now += 20000)
        mix_playout_arrived(&p, 100000, now, MIX_ARRIVAL_MISSED);
    assert_int_equal(mix_playout_target_us(&p, 0), 120000);
    for (int k = 0; k < 100; k++, now += 20000)
        mix_playout_arrived(&p, 0, now, MIX_ARRIVAL_FIRST);
    assert_true(mix_playout_target_us(&p, 0) >= 100000); /* 2 s later */
    int64_t before = mix_playout_target_us(&p, 0);
    for (int k = 0; k < 1000; k++, now += 20000) {
        mix_playout_arrived(&p, 0, now, MIX_ARRIVAL_FIRST);
        assert_true(before - mix_playout_target_us(&p, 0) <= 200); /* 10 ms a second */
        before = mix_playout_target_us(&p, 0);
    }
    assert_int_equal(before, 20000);
}

static int64_t target_with_repairs(uint32_t share_percent, int64_t repair_us)
{
    struct mix_playout p;
    mix_playout_init(&p, 20000, 300000);
    uint32_t seed = 2;
    for (int64_t k = 0; k < 2000; k++) {
        const bool is_repair = rig_random(&seed, 1000) < share_percent * 10;
        mix_playout_arrived(&p, is_repair ? repair_us : 0, k * 20000,
                            is_repair ? MIX_ARRIVAL_REPAIR : MIX_ARRIVAL_FIRST);
    }
    return mix_playout_target_us(&p, 0);
}

static void repairs_are_waited_for_where_loss_persists(void **state)
{
    (void)state;
    assert_int_equal(target_with_repairs(0, 40000), 20000);
    assert_int_equal(target_with_repairs(5, 40000), 60000);
    assert_int_equal(target_with_repairs(30, 80000), 100000);
    assert_int_equal(target_with_repairs(30, 240000), 260000); /* the third answer */
    assert_int_equal(target_with_repairs(30, 270000), 20000);  /* too long to wait for */
}

static void the_floor_holds_below_the_maximum(void **state)
{
    (void)state;
    struct mix_playout p;
    mix_playout_init(&p, 20000, 300000);
    assert_int_equal(mix_playout_target_us(&p, 80000), 80000);
    assert_int_equal(mix_playout_target_us(&p, 900000), 300000);
    assert_int_equal(mix_playout_target_us(&p, -5), 20000);
}

static void a_pinned_delay_stays(void **state)
{
    (void)state;
    struct mix_playout p;
    mix_playout_init(&p, 0, 0);
    for (int k = 0; k < 100; k++)
        mix_playout_arrived(&p, 90000, k * 20000, MIX_ARRIVAL_MISSED);
    assert_int_equal(mix_playout_target_us(&p, 50000), 0);
}

static void hours_of_packets_keep_the_histogram_finite(void **state)
{
    (void)state;
    struct mix_playout p;
    mix_playout_init(&p, 20000, 300000);
    for (int64_t k = 0; k < 100000; k++)
        mix_playout_arrived(&p, k % 2 ? 0 : 30000, k * 20000, MIX_ARRIVAL_FIRST);
    assert_true(isfinite(p.total) && p.total > 0);
    assert_int_equal(mix_playout_target_us(&p, 0), 50000);
}

static float mean_square(float dbov)
{
    return powf(10.0f, dbov / 10.0f);
}

static int ticks_until(struct mix_level *l, float dbov, bool speaking)
{
    for (int k = 1; k <= 200; k++) {
        mix_level_update(l, mean_square(dbov));
        if (l->is_speaking == speaking)
            return k;
    }
    return 0;
}

static void speech_begins_soon_and_ends_late(void **state)
{
    (void)state;
    struct mix_level l;
    mix_level_init(&l);
    assert_true(l.dbov == -127.0f);
    assert_int_equal(ticks_until(&l, -80, true), 0);
    const int on = ticks_until(&l, -20, true);
    assert_true(on >= 3 && on <= 7); /* 60 to 140 ms */
    for (int k = 0; k < 20; k++)     /* a pause between words */
        mix_level_update(&l, 0);
    assert_true(l.is_speaking);
    for (int k = 0; k < 20; k++)
        mix_level_update(&l, mean_square(-20));
    assert_true(fabsf(l.dbov + 20) < 0.5f);
    const int off = ticks_until(&l, -127, false);
    assert_true(off >= 30 && off <= 35); /* 600 to 700 ms */
    for (int k = 0; k < 100; k++)
        mix_level_update(&l, 0);
    assert_true(l.dbov >= -127.0f && l.dbov < -126.0f);
    mix_level_update(&l, 100.0f);
    assert_true(l.dbov <= 0.0f);
}

static void between_the_thresholds_nothing_changes(void **state)
{
    (void)state;
    struct mix_level l;
    mix_level_init(&l);
    assert_int_equal(ticks_until(&l, -47.5f, true), 0);
    ticks_until(&l, -20, true);
    assert_int_equal(ticks_until(&l, -47.5f, false), 0);
}

static void the_inbox_bounds_and_keeps_order(void **state)
{
    (void)state;
    struct mix_inbox box = {0};
    assert_int_equal(mix_inbox_init(&box, 1500), 0);
    for (int round = 0; round < 5; round++) {
        for (uint32_t k = 0; k < MIX_SLOTS; k++) {
            struct mix_slot *s = mix_inbox_claim(&box);
            assert_non_null(s);
            s->sequence = k;
            s->frames = 100;
            mix_inbox_send(&box, s);
        }
        assert_null(mix_inbox_claim(&box));
        assert_true(mix_inbox_is_full(&box, MIX_INBOX_FRAMES_MAX - 12800 + 1));
        assert_false(mix_inbox_is_full(&box, MIX_INBOX_FRAMES_MAX - 12800));
        for (uint32_t k = 0; k < MIX_SLOTS; k++) {
            struct mix_slot *s = mix_inbox_take(&box);
            assert_non_null(s);
            assert_int_equal(s->sequence, k);
            mix_inbox_give_back(&box, s);
        }
        assert_null(mix_inbox_take(&box));
        assert_false(mix_inbox_is_full(&box, MIX_INBOX_FRAMES_MAX));
    }
    assert_ptr_equal((uint8_t *)mix_inbox_claim(&box), box.slots); /* the first again: warm memory */
    mix_inbox_finish(&box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(target_follows_lateness),
        cmocka_unit_test(rises_at_once_and_falls_slowly),
        cmocka_unit_test(repairs_are_waited_for_where_loss_persists),
        cmocka_unit_test(the_floor_holds_below_the_maximum),
        cmocka_unit_test(a_pinned_delay_stays),
        cmocka_unit_test(hours_of_packets_keep_the_histogram_finite),
        cmocka_unit_test(speech_begins_soon_and_ends_late),
        cmocka_unit_test(between_the_thresholds_nothing_changes),
        cmocka_unit_test(the_inbox_bounds_and_keeps_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
