/* Tiles on their way: every rectangle is even and inside, the ends are met, a change on the way
 * goes on from where things are; and the scaler of moving tiles against a plain one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "compositor/motion.h"

enum { LENGTH_US = 200000, TICK_US = 33333 };

static bool is_rect(const struct comp_rect *r, uint32_t x, uint32_t y, uint32_t w, uint32_t h)
{
    return r->x == x && r->y == y && r->width == w && r->height == h;
}

static uint32_t even_random(uint32_t below)
{
    return ((uint32_t)rand() % below) & ~1u;
}

static struct comp_rect any_rect(void)
{
    const uint32_t x = even_random(1000), y = even_random(600);
    return (struct comp_rect){x, y, 2 + even_random(1280 - x - 2), 2 + even_random(720 - y - 2)};
}

static void every_step_is_even_and_between_the_ends(void **state)
{
    (void)state;
    srand(3);
    for (int i = 0; i < 2000; i++) {
        const struct comp_rect a = any_rect(), b = any_rect();
        struct comp_motion m;
        comp_motion_put(&m, &a);
        comp_motion_go(&m, &b, 0, LENGTH_US);
        for (int64_t t = 0; t <= LENGTH_US + TICK_US; t += 1 + rand() % TICK_US) {
            comp_motion_step(&m, t);
            const struct comp_rect *r = &m.now;
            assert_int_equal((r->x | r->y | r->width | r->height) & 1, 0);
            assert_true(r->width >= 2 && r->height >= 2);
            assert_true(r->x >= (a.x < b.x ? a.x : b.x) && r->y >= (a.y < b.y ? a.y : b.y));
            const uint32_t right = r->x + r->width, bottom = r->y + r->height;
            assert_true(right <= a.x + a.width || right <= b.x + b.width);
            assert_true(bottom <= a.y + a.height || bottom <= b.y + b.height);
            assert_int_equal(m.alpha, 255);
        }
        assert_false(m.is_moving);
        assert_true(is_rect(&m.now, b.x, b.y, b.width, b.height));
    }
}

static void tiles_that_meet_at_both_ends_meet_on_the_way(void **state)
{
    (void)state;
    const struct comp_rect a1 = {0, 0, 640, 720}, a2 = {640, 0, 640, 720};
    const struct comp_rect b1 = {0, 0, 426, 360}, b2 = {426, 0, 426, 360};
    struct comp_motion one, two;
    comp_motion_put(&one, &a1);
    comp_motion_put(&two, &a2);
    comp_motion_go(&one, &b1, 0, LENGTH_US);
    comp_motion_go(&two, &b2, 0, LENGTH_US);
    for (int64_t t = 0; t <= LENGTH_US; t += 1000) {
        comp_motion_step(&one, t);
        comp_motion_step(&two, t);
        assert_int_equal(one.now.x + one.now.width, two.now.x);
    }
}

static void it_moves_all_the_time_and_stops(void **state)
{
    (void)state;
    const struct comp_rect a = {0, 0, 320, 180}, b = {960, 540, 320, 180};
    struct comp_motion m;
    comp_motion_put(&m, &a);
    comp_motion_go(&m, &b, 1000, LENGTH_US);
    uint32_t last = 0;
    int steps = 0;
    for (int64_t t = 1000 + TICK_US; m.is_moving; t += TICK_US, steps++) {
        assert_true(comp_motion_step(&m, t));
        assert_true(m.now.x > last);
        last = m.now.x;
    }
    assert_int_equal(steps, 7);
    assert_false(comp_motion_step(&m, 1000000));
    assert_true(is_rect(&m.now, 960, 540, 320, 180));
}

static void a_second_change_goes_on_from_where_it_is(void **state)
{
    (void)state;
    const struct comp_rect a = {0, 0, 320, 180}, b = {960, 540, 320, 180};
    struct comp_motion m;
    comp_motion_put(&m, &a);
    comp_motion_go(&m, &b, 0, LENGTH_US);
    comp_motion_step(&m, LENGTH_US / 2);
    const struct comp_rect half = m.now;
    assert_true(is_rect(&half, 480, 270, 320, 180));
    comp_motion_go(&m, &a, LENGTH_US / 2, LENGTH_US);
    assert_false(comp_motion_step(&m, LENGTH_US / 2)); /* no jump */
    comp_motion_step(&m, LENGTH_US / 2 + 20000);
    assert_true(m.now.x < half.x && m.now.x > 400);
    comp_motion_step(&m, LENGTH_US * 2);
    assert_true(is_rect(&m.now, 0, 0, 320, 180));
}

static void who_appears_fades_in_where_he_is(void **state)
{
    (void)state;
    const struct comp_rect a = {100, 100, 320, 180}, b = {200, 100, 320, 180};
    struct comp_motion m;
    comp_motion_appear(&m, &a, 0, LENGTH_US);
    assert_int_equal(m.alpha, 0);
    comp_motion_step(&m, LENGTH_US / 2);
    assert_in_range(m.alpha, 126, 129);
    comp_motion_go(&m, &b, LENGTH_US / 2, LENGTH_US); /* goes on from half */
    comp_motion_step(&m, LENGTH_US / 2 + 1);
    assert_in_range(m.alpha, 126, 130);
    comp_motion_step(&m, 2 * LENGTH_US);
    assert_int_equal(m.alpha, 255);
    assert_true(is_rect(&m.now, 200, 100, 320, 180));
}

static void no_length_is_at_once(void **state)
{
    (void)state;
    const struct comp_rect a = {0, 0, 320, 180}, b = {960, 540, 160, 90};
    struct comp_motion m;
    comp_motion_appear(&m, &a, 0, 0);
    assert_false(m.is_moving);
    assert_int_equal(m.alpha, 255);
    comp_motion_go(&m, &b, 0, 0);
    assert_false(m.is_moving);
    assert_true(is_rect(&m.now, 960, 540, 160, 90));
    comp_motion_go(&m, &b, 0, LENGTH_US); /* nowhere to go */
    assert_false(m.is_moving);
}

/* --- scaling -------------------------------------------------------------------------------------
 */

static double sample(const struct comp_canvas *c, const struct comp_rect *r, int p, double x,
                     double y)
{
    const int shift = p ? 1 : 0;
    const int w = (int)(r->width >> shift), h = (int)(r->height >> shift);
    x = x < 0 ? 0 : x > w - 1 ? w - 1 : x;
    y = y < 0 ? 0 : y > h - 1 ? h - 1 : y;
    const int x0 = (int)x, y0 = (int)y, x1 = x0 + 1 < w ? x0 + 1 : x0,
              y1 = y0 + 1 < h ? y0 + 1 : y0;
    const uint8_t *at = c->plane[p] + (r->y >> shift) * (size_t)c->stride[p] + (r->x >> shift);
    const size_t stride = (size_t)c->stride[p];
    const double fx = x - x0, fy = y - y0;
    const double above =
        at[(size_t)y0 * stride + (size_t)x0] * (1 - fx) + at[(size_t)y0 * stride + (size_t)x1] * fx;
    const double below =
        at[(size_t)y1 * stride + (size_t)x0] * (1 - fx) + at[(size_t)y1 * stride + (size_t)x1] * fx;
    return above * (1 - fy) + below * fy;
}

static void scaling_is_bilinear_and_stays_inside(void **state)
{
    (void)state;
    struct comp_canvas a = {0}, b = {0};
    assert_int_equal(comp_canvas_init(&a, 256, 200), 0);
    assert_int_equal(comp_canvas_init(&b, 256, 200), 0);
    srand(9);
    for (int p = 0; p < COMP_PLANES; p++) {
        for (int i = 0; i < a.stride[p] * (p ? 100 : 200); i++)
            a.plane[p][i] = (uint8_t)rand();
    }
    static const struct comp_rect from = {16, 8, 200, 120};
    static const struct comp_rect tos[] = {{20, 10, 200, 120}, {2, 4, 100, 60},  {0, 0, 256, 200},
                                           {30, 30, 2, 2},     {40, 6, 34, 190}, {6, 8, 200, 60}};
    for (size_t i = 0; i < sizeof(tos) / sizeof(tos[0]); i++) {
        const struct comp_rect all = {0, 0, 256, 200}, *to = &tos[i];
        const struct comp_colour mark = {{7, 7, 7}};
        comp_canvas_fill(&b, &all, &mark);
        comp_motion_scale(&a, &from, &b, to);
        for (int p = 0; p < COMP_PLANES; p++) {
            const uint32_t s = p ? 1 : 0;
            const double sx = (double)from.width / to->width, sy = (double)from.height / to->height;
            for (uint32_t y = 0; y < 200u >> s; y++) {
                for (uint32_t x = 0; x < 256u >> s; x++) {
                    const int got = b.plane[p][y * (size_t)b.stride[p] + x];
                    const bool is_in = x >= to->x >> s && x < (to->x + to->width) >> s &&
                                       y >= to->y >> s && y < (to->y + to->height) >> s;
                    const double want =
                        is_in ? sample(&a, &from, p, (x - (to->x >> s) + 0.5) * sx - 0.5,
                                       (y - (to->y >> s) + 0.5) * sy - 0.5)
                              : 7;
                    if (got - want > 3 || want - got > 3)
                        fail_msg("%zu, plane %d at %u,%u: %d, not %.1f", i, p, x, y, got, want);
                }
            }
        }
    }
    comp_canvas_finish(&a);
    comp_canvas_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_is_even_and_between_the_ends),
        cmocka_unit_test(tiles_that_meet_at_both_ends_meet_on_the_way),
        cmocka_unit_test(it_moves_all_the_time_and_stops),
        cmocka_unit_test(a_second_change_goes_on_from_where_it_is),
        cmocka_unit_test(who_appears_fades_in_where_he_is),
        cmocka_unit_test(no_length_is_at_once),
        cmocka_unit_test(scaling_is_bilinear_and_stays_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
