/* The outline of tiles: corners are cut to what lies below, borders follow them, alpha mixes; and
 * nothing outside the tile is touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "compositor/shape.h"

enum { WIDTH = 160, HEIGHT = 120, BELOW = 0x208040, ABOVE = 0xe0c020, FRAME = 0x3030e0 };

static struct comp_canvas canvas, under;
static const struct comp_rect tile = {20, 12, 100, 80};

static int make(void **state)
{
    (void)state;
    return comp_canvas_init(&canvas, WIDTH, HEIGHT) || comp_canvas_init(&under, WIDTH, HEIGHT);
}

static int drop(void **state)
{
    (void)state;
    comp_canvas_finish(&canvas);
    comp_canvas_finish(&under);
    return 0;
}

static void fill(const struct comp_rect *rect, uint32_t rgb)
{
    const struct comp_colour colour = comp_colour_from_rgb(rgb);
    comp_canvas_fill(&canvas, rect, &colour);
}

static int sample(int p, uint32_t x, uint32_t y)
{
    const int shift = p ? 1 : 0;
    return canvas.plane[p][(size_t)(y >> shift) * (size_t)canvas.stride[p] + (x >> shift)];
}

/* Which colour is at a place: 0 below, 1 the picture, 2 the frame, -1 a mixture. */
static int who(uint32_t x, uint32_t y)
{
    static const uint32_t colours[] = {BELOW, ABOVE, FRAME};
    for (int i = 0; i < 3; i++) {
        const struct comp_colour want = comp_colour_from_rgb(colours[i]);
        int off = 0;
        for (int p = 0; p < COMP_PLANES; p++)
            off += abs(sample(p, x, y) - want.plane[p]);
        if (off <= 3)
            return i;
    }
    return -1;
}

static void draw(struct comp_shape shape, uint32_t border_px)
{
    static const struct comp_rect all = {0, 0, WIDTH, HEIGHT};
    fill(&all, BELOW);
    comp_shape_save(&shape, &canvas, &under, &tile);
    fill(&tile, ABOVE);
    const struct comp_colour frame = comp_colour_from_rgb(FRAME);
    comp_shape_frame(&canvas, &tile, shape.radius_px, border_px, &frame);
    comp_shape_apply(&shape, &canvas, &under, &tile);
}

/* The distance of a pixel's middle into the rounded rectangle, negative outside, by the plain
 * formula for a box with round corners. */
static double depth(uint32_t x, uint32_t y, double radius)
{
    const double cx = abs((int)(2 * (x - tile.x)) + 1 - (int)tile.width) / 2.0;
    const double cy = abs((int)(2 * (y - tile.y)) + 1 - (int)tile.height) / 2.0;
    const double qx = cx - (tile.width / 2.0 - radius), qy = cy - (tile.height / 2.0 - radius);
    const double ox = qx > 0 ? qx : 0, oy = qy > 0 ? qy : 0;
    const double inner = qx > qy ? qx : qy;
    return radius - __builtin_sqrt(ox * ox + oy * oy) - (inner < 0 ? inner : 0);
}

static void expect(uint32_t radius, uint32_t border)
{
    for (uint32_t y = 0; y < HEIGHT; y++) {
        for (uint32_t x = 0; x < WIDTH; x++) {
            const double d = depth(x, y, radius);
            if ((d > -3 && d < 3) || (d > border - 3.0 && d < border + 3.0))
                continue; /* edges are soft, and chroma is coarse */
            const int want = d < 0 ? 0 : d < border ? 2 : 1;
            if (who(x, y) != want)
                fail_msg("radius %u, border %u: %d at %u,%u, not %d", radius, border, who(x, y), x,
                         y, want);
        }
    }
}

static void corners_and_borders_follow_the_circle(void **state)
{
    (void)state;
    static const uint32_t radii[] = {0, 2, 8, 20, 40};
    static const uint32_t borders[] = {0, 2, 8, 24};
    for (size_t r = 0; r < 5; r++) {
        for (size_t b = 0; b < 4; b++) {
            draw((struct comp_shape){.radius_px = radii[r], .alpha = 255}, borders[b]);
            expect(radii[r], borders[b]);
        }
    }
}

static void square_edges_are_sharp_to_the_pixel(void **state)
{
    (void)state;
    draw((struct comp_shape){.alpha = 255}, 4);
    assert_int_equal(who(tile.x, tile.y), 2);
    assert_int_equal(who(tile.x + 3, tile.y + 40), 2);
    assert_int_equal(who(tile.x + 4, tile.y + 4), 1);
    assert_int_equal(who(tile.x + tile.width - 1, tile.y + tile.height - 1), 2);
    assert_int_equal(who(tile.x - 1, tile.y), 0);
    assert_int_equal(who(tile.x + tile.width, tile.y), 0);
}

static void a_faint_tile_is_the_weighted_mean(void **state)
{
    (void)state;
    const struct comp_colour below = comp_colour_from_rgb(BELOW),
                             above = comp_colour_from_rgb(ABOVE);
    for (int alpha = 1; alpha < 255; alpha += 23) {
        draw((struct comp_shape){.radius_px = 16, .alpha = (uint8_t)alpha}, 0);
        for (int p = 0; p < COMP_PLANES; p++) {
            const int want = (below.plane[p] * (255 - alpha) + above.plane[p] * alpha) / 255;
            if (abs(sample(p, 70, 50) - want) > 3)
                fail_msg("alpha %d, plane %d: %d, not %d", alpha, p, sample(p, 70, 50), want);
        }
        assert_int_equal(who(tile.x, tile.y), 0); /* the corner is cut all the same */
        assert_int_equal(who(tile.x - 1, 50), 0);
    }
}

static void the_edge_of_a_corner_is_smooth(void **state)
{
    (void)state;
    draw((struct comp_shape){.radius_px = 40, .alpha = 255}, 0);
    int between = 0;
    for (uint32_t i = 0; i < 40; i++) {
        const int y = sample(0, tile.x + i, tile.y + 6);
        between += y > comp_colour_from_rgb(BELOW).plane[0] + 8 &&
                   y < comp_colour_from_rgb(ABOVE).plane[0] - 8;
    }
    assert_in_range(between, 1, 4);
}

static void a_shape_never_asks_for_more_than_its_tile(void **state)
{
    (void)state;
    const struct layout_style style = {.radius_px = 500, .alpha = 255};
    const struct comp_rect small = {0, 0, 30, 10};
    assert_int_equal(comp_shape_of(&style, &small).radius_px, 4);
    assert_true(comp_shape_is_open(&(struct comp_shape){.alpha = 254}));
    assert_false(comp_shape_is_open(&(struct comp_shape){.alpha = 255}));
    const struct comp_colour colour = comp_colour_from_rgb(FRAME);
    static const struct comp_rect all = {0, 0, WIDTH, HEIGHT};
    fill(&all, BELOW);
    comp_shape_frame(&canvas, &small, 0, 8, &colour); /* no room: nothing */
    assert_int_equal(who(0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corners_and_borders_follow_the_circle),
        cmocka_unit_test(square_edges_are_sharp_to_the_pixel),
        cmocka_unit_test(a_faint_tile_is_the_weighted_mean),
        cmocka_unit_test(the_edge_of_a_corner_is_smooth),
        cmocka_unit_test(a_shape_never_asks_for_more_than_its_tile),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
