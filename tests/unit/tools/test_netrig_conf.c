/* The rig's command lines: what is taken, and that nonsense changes nothing. */
#include "tests/lib/netrig_conf.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void settings_are_read_with_their_units(void **state)
{
    (void)state;
    const char *why;
    struct netrig_conf c;
    netrig_conf_init(&c);
    assert_int_equal(netrig_conf_parse(&c,
                                       "rate=2.5M queue=100ms delay=1.5s jitter=300us dist=pareto "
                                       "order=free loss=12.5% peaks=2%:300ms reorder=3% hold=7ms "
                                       "dup=1% corrupt=4% bits=9 checksum=wrong blackout=on",
                                       &why),
                     0);
    assert_int_equal(c.rate_bps, 2500000);
    assert_int_equal(netrig_conf_queue_bytes(&c), 31250);
    assert_int_equal(c.delay_ns, 1500000000);
    assert_int_equal(c.jitter_ns, 300000);
    assert_int_equal(c.dist, NETRIG_PARETO);
    assert_true(c.may_overtake && c.is_checksum_wrong && c.is_black);
    assert_true(fabs(c.loss - 0.125) < 1e-9 && fabs(c.peaks - 0.02) < 1e-9);
    assert_true(fabs(c.reorder - 0.03) < 1e-9 && fabs(c.dup - 0.01) < 1e-9);
    assert_int_equal(c.peak_ns, 300000000);
    assert_int_equal(c.hold_ns, 7000000);
    assert_int_equal(c.corrupt_bits, 9);
    assert_int_equal(netrig_conf_parse(&c, "queue=30000b", &why), 0);
    assert_int_equal(netrig_conf_queue_bytes(&c), 30000);
    assert_int_equal(netrig_conf_parse(&c, "reset", &why), 0);
    assert_true(c.rate_bps == 0 && c.loss == 0 && !c.is_black);
    assert_int_equal(netrig_conf_queue_bytes(&c), 0);
}

static void nonsense_changes_nothing(void **state)
{
    static const char *const bad[] = {
        "rate=5",
        "rate=-1M",
        "rate=nan",
        "rate=1e99M",
        "rate=0x10k",
        "rate=1Mb",
        "rate=",
        "rate",
        "loss=101%",
        "loss=-1%",
        "loss=5",
        "loss= 5%",
        "loss=inf%",
        "delay=5",
        "delay=61s",
        "delay=5ms x",
        "dist=gauss",
        "order=maybe",
        "ge=1%",
        "ge=1%:0%",
        "ge=1%:2",
        "peaks=1%",
        "bits=0",
        "bits=2000",
        "checksum=no",
        "blackout=1",
        "=",
        "queue=0b",
        "queue=99999999b",
        "loss=90% burst=2",
        "loss=5%%",
        "dup=1%dup=1%",
        "delay=1111111111111111111111111111111111111111111111111111111s",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *why = NULL;
        char words[128] = "delay=9ms ";
        struct netrig_conf c, before;
        memset(&c, 0, sizeof(c));
        netrig_conf_init(&c);
        before = c;
        strcat(words, bad[i]);
        assert_int_equal(netrig_conf_parse(&c, words, &why), -EINVAL);
        assert_non_null(why);
        assert_int_equal(c.delay_ns, before.delay_ns);
    }
}

static void lines_say_who_and_when(void **state)
{
    (void)state;
    const char *why;
    struct netrig_command c;
    assert_int_equal(netrig_command_parse(&c, "  at 5.5 down  rate=150k", &why), 0);
    assert_true(c.verb == NETRIG_SET && c.at_ns == 5500000000 && !c.is_relative);
    assert_int_equal(c.directions, 1u << NETRIG_DOWN);
    assert_string_equal(c.words, "rate=150k");
    assert_int_equal(netrig_command_parse(&c, "at +0.25 both reset loss=1%", &why), 0);
    assert_true(c.is_relative && c.at_ns == 250000000 && c.directions == 3);
    assert_int_equal(netrig_command_parse(&c, "seed 77", &why), 0);
    assert_true(c.verb == NETRIG_SEED && c.seed == 77 && c.at_ns == 0);
    assert_int_equal(netrig_command_parse(&c, "mark any \"words\"", &why), 0);
    assert_string_equal(c.words, "any \"words\"");
    assert_int_equal(netrig_command_parse(&c, "quit", &why), 0);
    assert_int_equal(netrig_command_parse(&c, "", &why), -ENODATA);
    assert_int_equal(netrig_command_parse(&c, "  # note", &why), -ENODATA);
}

static void bad_lines_are_refused_with_a_reason(void **state)
{
    static const char *const bad[] = {
        "at",
        "at 5",
        "at x up",
        "at -1 up",
        "at + up",
        "at 1e9 up",
        "left rate=1k",
        "seed",
        "seed x",
        "seed -1",
        "nat",
        "nat on",
        "nat addr=1.2.3",
        "nat addr6=1.2.3.4",
        "nat port=5",
        "nat port=+99999",
        "up loss",
        "atdown",
    };
    (void)state;
    char longest[NETRIG_LINE_MAX + 2];
    struct netrig_command c;
    const char *why;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        why = NULL;
        assert_int_equal(netrig_command_parse(&c, bad[i], &why), -EINVAL);
        assert_non_null(why);
    }
    memset(longest, 'm', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(netrig_command_parse(&c, longest, &why), -EINVAL);
}

static void the_other_address_is_read(void **state)
{
    (void)state;
    const char *why;
    struct netrig_nat_conf c = {0};
    assert_int_equal(netrig_nat_parse(&c, "addr=203.0.113.9 addr6=2001:db8::9 port=+1000", &why),
                     0);
    assert_true(c.is_on && c.has_addr && c.has_addr6 && c.addr[3] == 9 && c.addr6[15] == 9);
    assert_int_equal(c.port_shift, 1000);
    assert_int_equal(netrig_nat_parse(&c, "off", &why), 0);
    assert_false(c.is_on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_read_with_their_units),
        cmocka_unit_test(nonsense_changes_nothing),
        cmocka_unit_test(lines_say_who_and_when),
        cmocka_unit_test(bad_lines_are_refused_with_a_reason),
        cmocka_unit_test(the_other_address_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
