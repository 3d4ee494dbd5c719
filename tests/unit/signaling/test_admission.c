/* What members are expected to cost, by how they came and as whom. The estimate itself is tested in
 * tests/unit/mcu/test_admission.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signaling/admission.h"

static void who_only_watches_costs_as_a_viewer(void **state)
{
    (void)state;
    static const struct {
        enum sig_kind kind;
        const char *role;
        enum mcu_load_kind load;
    } rows[] = {
        {SIG_KIND_WS, "host", MCU_LOAD_PUBLISHER},
        {SIG_KIND_WS, "publisher", MCU_LOAD_PUBLISHER},
        {SIG_KIND_WS, "subscriber", MCU_LOAD_VIEWER},
        {SIG_KIND_WHIP, "publisher", MCU_LOAD_PUBLISHER},
        {SIG_KIND_WHEP, "subscriber", MCU_LOAD_VIEWER},
        {SIG_KIND_WHEP, "host", MCU_LOAD_VIEWER},
        {SIG_KIND_RTP, "publisher", MCU_LOAD_PUBLISHER},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(sig_load_kind(rows[i].kind, rows[i].role), rows[i].load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_only_watches_costs_as_a_viewer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
