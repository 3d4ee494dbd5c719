/* One direction of the rig by a virtual clock: the share of packets that each setting hits, and
 * when the rest come out. Seeded, so the figures are the same on every run. */
#include "tests/lib/netrig_link.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static const int64_t MS = 1000000;

static struct netrig_link link_;
static int64_t began_ns; /* of what a test does next: time never goes back */

static int setup(void **state)
{
    (void)state;
    began_ns = 0;
    return netrig_link_init(&link_, 1, 0);
}

static int teardown(void **state)
{
    (void)state;
    netrig_link_finish(&link_);
    return 0;
}

static void set(const char *words, int64_t now_ns)
{
    const char *why = "";
    struct netrig_conf c = link_.conf;
    assert_int_equal(netrig_conf_parse(&c, words, &why), 0);
    netrig_link_set(&link_, &c, now_ns);
}

/* An IPv4 packet with a UDP payload that begins with its number. */
static void push(uint32_t number, size_t size, int64_t now_ns)
{
    uint8_t data[1500] = {0x45};
    data[2] = (uint8_t)(size >> 8);
    data[3] = (uint8_t)size;
    data[9] = 17;
    memcpy(data + 28, &number, 4);
    netrig_link_push(&link_, data, size, now_ns);
}

static uint32_t number_of(const struct netrig_packet *p)
{
    uint32_t number;
    memcpy(&number, p->data + 28, 4);
    return number;
}

/* Pops at the very time that next_ns names; INT64_MAX: nothing more comes. */
static int64_t pop_next(uint32_t *number)
{
    for (int64_t at; (at = netrig_link_next_ns(&link_)) != INT64_MAX;) {
        struct netrig_packet *p = netrig_link_pop(&link_, at);
        if (!p)
            continue;
        *number = number_of(p);
        assert_int_equal(p->due_ns, at);
        free(p);
        return at;
    }
    return INT64_MAX;
}

static void nothing_set_passes_at_once(void **state)
{
    (void)state;
    uint32_t number;
    push(7, 100, 5 * MS);
    assert_int_equal(pop_next(&number), 5 * MS);
    assert_int_equal(number, 7);
    assert_int_equal(netrig_link_next_ns(&link_), INT64_MAX);
}

static void the_rate_spaces_packets_by_their_size(void **state)
{
    (void)state;
    uint32_t number;
    set("rate=1M", 0);
    for (uint32_t i = 0; i < 3; i++)
        push(i, 1250, 0); /* 10 ms each */
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(pop_next(&number), (i + 1) * 10 * MS);
        assert_int_equal(number, i);
    }
}

static void a_late_wake_up_moves_nothing_else(void **state)
{
    (void)state;
    set("rate=1M delay=20ms", 0);
    for (uint32_t i = 0; i < 3; i++)
        push(i, 1250, 0);
    for (int64_t i = 0; i < 3; i++) {
        struct netrig_packet *p = netrig_link_pop(&link_, 500 * MS);
        assert_non_null(p);
        assert_int_equal(p->due_ns, (i + 1) * 10 * MS + 20 * MS);
        free(p);
    }
}

static void a_new_rate_holds_for_what_is_queued(void **state)
{
    (void)state;
    uint32_t number;
    set("rate=1M", 0);
    push(0, 1250, 0);
    push(1, 1250, 0);
    set("rate=500k", 5 * MS); /* half of the first is out */
    assert_int_equal(pop_next(&number), 15 * MS);
    assert_int_equal(pop_next(&number), 35 * MS);
    push(2, 1250, 40 * MS);
    push(3, 1250, 40 * MS);
    set("rate=off", 41 * MS);
    assert_int_equal(pop_next(&number), 41 * MS);
    assert_int_equal(pop_next(&number), 41 * MS);
}

static void what_exceeds_the_queue_is_dropped_at_its_tail(void **state)
{
    (void)state;
    uint32_t number;
    set("rate=1M queue=3000b", 0);
    for (uint32_t i = 0; i < 5; i++)
        push(i, 1000, 0);
    assert_int_equal(link_.counts.tail_dropped, 2);
    assert_int_equal(link_.queue_bytes, 3000);
    for (uint32_t i = 0; i < 3; i++) {
        pop_next(&number);
        assert_int_equal(number, i);
    }
    set("queue=10b", 100 * MS);
    push(9, 1000, 100 * MS); /* alone it always goes */
    assert_int_equal(link_.counts.tail_dropped, 2);
}

/* Pushes `count`, one a ms, and pops what is due in between. `came`: 1 for each that came out. */
static void stream(uint32_t count, uint8_t *came)
{
    memset(came, 0, count);
    for (uint32_t i = 0; i < count; i++) {
        const int64_t now_ns = began_ns + i * MS;
        push(i, 100, now_ns);
        for (struct netrig_packet *p; (p = netrig_link_pop(&link_, now_ns)); free(p))
            came[number_of(p)]++;
    }
    for (uint32_t number; pop_next(&number) != INT64_MAX;)
        came[number]++;
    began_ns += (count + 1000) * MS;
}

enum { MANY = 100000 };
static uint8_t fates[MANY], other[MANY];

struct loss {
    double share, mean_burst;
};

static struct loss measure(const uint8_t *came)
{
    double lost = 0, bursts = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        lost += came[i] == 0;
        bursts += came[i] == 0 && (i == 0 || came[i - 1] != 0);
    }
    return (struct loss){lost / MANY, bursts > 0 ? lost / bursts : 0};
}

static void loss_is_what_was_asked(void **state)
{
    static const struct {
        const char *words;
        double share, mean_burst;
    } rows[] = {
        {"loss=5%", 0.05, 1 / 0.95},
        {"loss=50%", 0.5, 2},
        {"loss=10% burst=5", 0.1, 5},
        {"loss=30% burst=20", 0.3, 20},
        {"ge=1%:25%", 0.01 / 0.26, 4},
        {"loss=100%", 1, MANY},
        {"loss=0%", 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        netrig_link_seed(&link_, 5, 0);
        set("reset", 0);
        set(rows[i].words, 0);
        stream(MANY, fates);
        const struct loss got = measure(fates);
        assert_true(fabs(got.share - rows[i].share) <= (rows[i].mean_burst > 10 ? 0.02 : 0.005));
        assert_true(fabs(got.mean_burst - rows[i].mean_burst) <= rows[i].mean_burst * 0.07);
    }
    assert_int_equal(link_.packets, 0);
    assert_int_equal(link_.bytes, 0);
}

static void the_same_seed_makes_the_same_fates(void **state)
{
    (void)state;
    set("loss=10% burst=3", 0);
    netrig_link_seed(&link_, 42, 0);
    stream(MANY, fates);
    netrig_link_seed(&link_, 42, 0);
    set("jitter=5ms dist=normal reorder=1% rate=10M", 0); /* of other streams: changes no loss */
    stream(MANY, other);
    assert_memory_equal(fates, other, MANY);
    netrig_link_seed(&link_, 43, 0);
    stream(MANY, other);
    assert_memory_not_equal(fates, other, MANY);
}

static void doubling_hits_its_share(void **state)
{
    (void)state;
    uint32_t doubled = 0;
    set("dup=3%", 0);
    for (uint32_t i = 0; i < MANY; i++) {
        push(i, 100, i);
        struct netrig_packet *p = netrig_link_pop(&link_, i);
        doubled += p->is_doubled;
        free(p);
    }
    assert_true(abs((int)doubled - MANY * 3 / 100) < 300);
    assert_int_equal(link_.counts.out_packets, MANY + doubled);
}

struct moments {
    double mean_ms, sigma_ms, least_ms, most_ms;
};

/* Delays of packets that come one at a time, so that order keeps none waiting. */
static struct moments measure_delay(const char *words)
{
    struct moments m = {.least_ms = 1e9};
    double sum = 0, squares = 0;
    set("reset", 0);
    set(words, 0);
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t number;
        push(i, 100, began_ns);
        const double delay = (double)(pop_next(&number) - began_ns) / 1e6;
        began_ns += 10000 * MS;
        sum += delay;
        squares += delay * delay;
        m.least_ms = fmin(m.least_ms, delay);
        m.most_ms = fmax(m.most_ms, delay);
    }
    m.mean_ms = sum / MANY;
    m.sigma_ms = sqrt(squares / MANY - m.mean_ms * m.mean_ms);
    return m;
}

static void delays_have_their_distribution(void **state)
{
    (void)state;
    struct moments m =
        measure_delay("delay=30ms jitter=9ms"); /* constant: jitter waits for a dist */
    assert_true(m.least_ms == 30 && m.most_ms == 30);
    m = measure_delay("delay=100ms jitter=10ms dist=normal");
    assert_true(fabs(m.mean_ms - 100) < 0.2 && fabs(m.sigma_ms - 10) < 0.2);
    m = measure_delay("delay=100ms jitter=10ms dist=uniform");
    assert_true(fabs(m.mean_ms - 100) < 0.2 && m.least_ms >= 90 && m.most_ms <= 110);
    assert_true(fabs(m.sigma_ms - 10 / sqrt(3)) < 0.1);
    m = measure_delay("delay=10ms jitter=5ms dist=pareto");
    assert_true(m.least_ms >= 10 && m.most_ms <= 105 && m.most_ms > 90 && m.mean_ms < 25);
    m = measure_delay("delay=10ms peaks=1%:300ms");
    assert_true(m.least_ms == 10 && m.most_ms > 250 && m.most_ms <= 310);
    assert_true(m.mean_ms > 10.3 && m.mean_ms < 11.5);
}

static uint32_t count_overtaken(const char *words)
{
    uint32_t overtaken = 0, highest = 0;
    set("reset", 0);
    set(words, 0);
    for (uint32_t i = 0; i < 5000; i++)
        push(i, 100, began_ns + i * MS);
    began_ns += 10000 * MS;
    for (uint32_t number; pop_next(&number) != INT64_MAX;) {
        overtaken += number < highest;
        highest = number > highest ? number : highest;
    }
    return overtaken;
}

static void order_is_kept_unless_it_is_free(void **state)
{
    (void)state;
    assert_int_equal(count_overtaken("delay=50ms jitter=10ms dist=normal"), 0);
    assert_true(count_overtaken("delay=50ms jitter=10ms dist=normal order=free") > 2000);
    const uint32_t held = count_overtaken("delay=50ms reorder=4% hold=10ms");
    assert_true(held > 150 && held < 250);
}

static void a_blackout_lets_nothing_in_or_out(void **state)
{
    (void)state;
    uint32_t number;
    set("delay=50ms", 0);
    push(0, 100, 0);
    set("blackout=on", 10 * MS);
    push(1, 100, 20 * MS);
    assert_int_equal(pop_next(&number), INT64_MAX);
    set("blackout=off", 60 * MS);
    push(2, 100, 70 * MS);
    assert_int_equal(pop_next(&number), 120 * MS);
    assert_int_equal(number, 2);
    assert_int_equal(link_.counts.blacked_out, 2);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    set("delay=60s", 0);
    for (uint32_t i = 0; i < NETRIG_LINK_PACKETS + 100; i++)
        push(i, 1500, 0);
    assert_true(link_.bytes <= NETRIG_LINK_BYTES && link_.packets <= NETRIG_LINK_PACKETS);
    assert_int_equal(link_.counts.overflowed + link_.packets, NETRIG_LINK_PACKETS + 100);
    assert_true(link_.counts.overflowed >= 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_set_passes_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(the_rate_spaces_packets_by_their_size, setup, teardown),
        cmocka_unit_test_setup_teardown(a_late_wake_up_moves_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_rate_holds_for_what_is_queued, setup, teardown),
        cmocka_unit_test_setup_teardown(what_exceeds_the_queue_is_dropped_at_its_tail, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(loss_is_what_was_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_seed_makes_the_same_fates, setup, teardown),
        cmocka_unit_test_setup_teardown(doubling_hits_its_share, setup, teardown),
        cmocka_unit_test_setup_teardown(delays_have_their_distribution, setup, teardown),
        cmocka_unit_test_setup_teardown(order_is_kept_unless_it_is_free, setup, teardown),
        cmocka_unit_test_setup_teardown(a_blackout_lets_nothing_in_or_out, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_is_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
