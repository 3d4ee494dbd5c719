/* How often a picture stood still. */
#include "tests/unit/transport/pure.h"
#include "transport/freeze.h"

enum { MS = 1000 };

static void frames(struct rtc_freeze *f, int64_t *now_us, unsigned count, int64_t every_us)
{
    for (unsigned i = 0; i < count; i++)
        rtc_freeze_note(f, *now_us += every_us);
}

static void what_comes_late_is_counted_once(void **state)
{
    (void)state;
    static const struct {
        int64_t every_ms, gap_ms;
        unsigned before;
        uint64_t freezes;
    } rows[] = {
        {33, 33, 100, 0},    {33, 180, 100, 0},   {33, 190, 100, 1},
        {33, 3000, 100, 1},  {33, 3000, 5, 0}, /* it has only begun */
        {33, 11000, 100, 0},                   /* none was sent */
        {100, 240, 100, 0},  {100, 310, 100, 1},  {100, 290, 100, 0},
        {1000, 2900, 40, 0}, {1000, 3100, 40, 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rtc_freeze f = {0};
        int64_t now_us = 1000 * MS;
        frames(&f, &now_us, rows[i].before, rows[i].every_ms * MS);
        frames(&f, &now_us, 1, rows[i].gap_ms * MS);
        frames(&f, &now_us, 100, rows[i].every_ms * MS);
        if (f.count != rows[i].freezes)
            fail_msg("row %zu: %u", i, (unsigned)f.count);
    }
}

static void a_slower_camera_is_no_frozen_one(void **state)
{
    (void)state;
    struct rtc_freeze f = {0};
    int64_t now_us = 1000 * MS;
    frames(&f, &now_us, 100, 33 * MS);
    frames(&f, &now_us, 100, 125 * MS);
    assert_int_equal(f.count, 0);
    frames(&f, &now_us, 100, 1000 * MS); /* a step is told, and then it is usual */
    assert_in_range(f.count, 1, 20);
    const uint64_t count = f.count;
    frames(&f, &now_us, 100, 1000 * MS);
    assert_int_equal(f.count, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_late_is_counted_once),
        cmocka_unit_test(a_slower_camera_is_no_frozen_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
