/* Overlays and what is written on them. LABEL_PNG=FILE saves a sheet of all for a look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "compositor/label.h"
#include "compositor/overlay.h"

enum { WIDTH = 128, HEIGHT = 96 };

static struct comp_canvas canvas;

static int make_canvas(void **state)
{
    (void)state;
    return comp_canvas_init(&canvas, WIDTH, HEIGHT);
}

static int drop_canvas(void **state)
{
    (void)state;
    comp_canvas_finish(&canvas);
    return 0;
}

static void fill(uint32_t rgb)
{
    const struct comp_rect all = {0, 0, WIDTH, HEIGHT};
    const struct comp_colour colour = comp_colour_from_rgb(rgb);
    comp_canvas_fill(&canvas, &all, &colour);
}

static uint8_t luma(uint32_t x, uint32_t y)
{
    return canvas.plane[0][(size_t)y * (size_t)canvas.stride[0] + x];
}

static uint8_t chroma(int plane, uint32_t x, uint32_t y)
{
    return canvas.plane[plane][(size_t)(y / 2) * (size_t)canvas.stride[plane] + x / 2];
}

static uint32_t premultiplied(uint32_t rgb, uint32_t a)
{
    const uint32_t r = (rgb >> 16 & 0xff) * a / 255, g = (rgb >> 8 & 0xff) * a / 255,
                   b = (rgb & 0xff) * a / 255;
    return a << 24 | r << 16 | g << 8 | b;
}

static void blending_is_the_weighted_mean_inside_the_clip_alone(void **state)
{
    (void)state;
    static uint32_t argb[32 * 16];
    srand(7);
    for (size_t i = 0; i < 32 * 16; i++) { /* blocks of four are alike, so that chroma is exact */
        const size_t block = i / 64 * 16 + i % 32 / 2;
        const uint32_t a = (uint32_t)(block * 37 % 256);
        argb[i] = premultiplied(0xf08020, a);
    }
    struct comp_overlay *o;
    assert_int_equal(comp_overlay_create(&o, (const uint8_t *)argb, 32 * 4, 32, 16), 0);
    fill(0x204060);
    const struct comp_colour under = comp_colour_from_rgb(0x204060),
                             over = comp_colour_from_rgb(0xf08020);
    const struct comp_rect clip = {44, 20, 20, 10};
    comp_overlay_blend(o, &canvas, 40, 16, &clip);
    for (uint32_t y = 0; y < HEIGHT; y++) {
        for (uint32_t x = 0; x < WIDTH; x++) {
            const bool is_in = x >= 44 && x < 64 && y >= 20 && y < 30;
            const uint32_t a = is_in ? argb[(y - 16) * 32 + x - 40] >> 24 : 0;
            for (int p = 0; p < COMP_PLANES; p++) {
                const int got = p ? chroma(p, x, y) : luma(x, y);
                const int want = (int)((over.plane[p] * a + under.plane[p] * (255 - a)) / 255);
                /* unmultiplying a faint colour is coarse, and then it hardly shows */
                if (abs(got - want) > 3)
                    fail_msg("plane %d at %u,%u: %d, not %d (alpha %u)", p, x, y, got, want, a);
            }
        }
    }
    comp_overlay_unref(o);
}

static void an_overlay_may_hang_over_the_edge_of_the_canvas(void **state)
{
    (void)state;
    static uint32_t argb[32 * 16];
    for (size_t i = 0; i < 32 * 16; i++)
        argb[i] = 0xffffffff;
    struct comp_overlay *o;
    assert_int_equal(comp_overlay_create(&o, (const uint8_t *)argb, 32 * 4, 32, 16), 0);
    const struct comp_rect all = {0, 0, 4096, 4096};
    fill(0);
    comp_overlay_blend(o, &canvas, WIDTH - 8, HEIGHT - 4, &all);
    assert_int_equal(luma(WIDTH - 1, HEIGHT - 1), 235);
    assert_int_equal(luma(WIDTH - 9, HEIGHT - 1), 16);
    comp_overlay_blend(o, &canvas, WIDTH, 0, &all);
    comp_overlay_blend(o, &canvas, 0, HEIGHT + 100, &all);
    assert_int_equal(luma(0, HEIGHT - 5), 16);
    comp_overlay_unref(o);
}

static void odd_empty_and_huge_overlays_are_refused(void **state)
{
    (void)state;
    static const uint32_t sides[][2] = {{3, 2}, {2, 3}, {0, 2}, {2, 0}, {4098, 2}, {2, 4098}};
    const uint8_t pixels[64] = {0};
    struct comp_overlay *o = NULL;
    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
        assert_int_equal(comp_overlay_create(&o, pixels, 16, sides[i][0], sides[i][1]), -EINVAL);
    assert_null(o);
}

static const char *const names[] = {
    "Ann Baker",
    "王小明",
    "たなか ゆうこ",
    "김민준",
    "ليلى حسن",
    "Zoë 🎉🚀",
    "Олександр Шевченко",
    "A very long name indeed, longer than any tile is wide, with all the titles of its bearer",
};

enum { NAMES = sizeof(names) / sizeof(names[0]) };

static void every_script_has_its_glyphs(void **state)
{
    (void)state;
    for (size_t i = 0; i < NAMES; i++)
        assert_int_equal(comp_label_unknown_glyphs(names[i]), 0);
    assert_true(comp_label_unknown_glyphs("\xf3\xb0\x80\x80") > 0); /* private use: none has it */
}

/* How much light the overlay brings onto black. */
static uint64_t ink(const struct comp_overlay *o)
{
    struct comp_canvas c = {0};
    assert_int_equal(comp_canvas_init(&c, 640, 360), 0);
    const struct comp_rect all = {0, 0, 640, 360};
    const struct comp_colour black = comp_colour_from_rgb(0);
    comp_canvas_fill(&c, &all, &black);
    comp_overlay_blend(o, &c, 0, 0, &all);
    uint64_t sum = 0;
    for (uint32_t y = 0; y < 360; y++) {
        for (uint32_t x = 0; x < 640; x++)
            sum += (uint64_t)(c.plane[0][(size_t)y * (size_t)c.stride[0] + x] - 16);
    }
    comp_canvas_finish(&c);
    return sum;
}

static struct comp_overlay *label(const char *name, uint32_t width, uint32_t height, bool muted,
                                  bool hand, int bars)
{
    const struct comp_label_conf conf = {.name = name,
                                         .tile_width = width,
                                         .tile_height = height,
                                         .is_muted = muted,
                                         .has_hand_up = hand,
                                         .bars = bars};
    struct comp_overlay *o;
    assert_int_equal(comp_label_render(&o, &conf), 0);
    return o;
}

static void labels_fit_their_tiles_and_say_something(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{1280, 720}, {640, 360}, {320, 180},
                                        {160, 90},   {64, 36},   {16, 16}};
    uint32_t heights[6] = {0};
    for (size_t i = 0; i < NAMES; i++) {
        for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
            struct comp_overlay *o = label(names[i], sizes[s][0], sizes[s][1], false, false, 5);
            assert_true(comp_overlay_width(o) <= sizes[s][0]);
            assert_true(comp_overlay_height(o) <= 72);
            heights[s] = heights[s] ? heights[s] : comp_overlay_height(o);
            assert_int_equal(comp_overlay_height(o), heights[s]); /* in every script */
            if (sizes[s][0] >= 160 && ink(o) < 1000)
                fail_msg("%s on %ux%u: nothing to read", names[i], sizes[s][0], sizes[s][1]);
            comp_overlay_unref(o);
        }
    }
}

static void every_sign_changes_the_label(void **state)
{
    (void)state;
    struct comp_overlay *plain = label("Ann", 640, 360, false, false, COMP_BARS_UNKNOWN);
    struct comp_overlay *good = label("Ann", 640, 360, false, false, 4);
    assert_int_equal(ink(plain), ink(good));
    struct comp_overlay *others[] = {
        label("Ann", 640, 360, true, false, 5), label("Ann", 640, 360, false, true, 5),
        label("Ann", 640, 360, false, false, 1), label("Ann", 640, 360, false, false, 2)};
    for (size_t i = 0; i < 4; i++) {
        assert_true(comp_overlay_width(others[i]) > comp_overlay_width(plain));
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(ink(others[i]), ink(others[j]));
    }
    for (size_t i = 0; i < 4; i++)
        comp_overlay_unref(others[i]);
    comp_overlay_unref(plain);
    comp_overlay_unref(good);
}

static void hostile_names_are_cleaned(void **state)
{
    (void)state;
    static const char *const bad[] = {"",         "\xff\xfe",    "a\nb\tc", "\xed\xa0\x80",
                                      "\xf0\x9f", "<b>&amp;</b>"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        comp_overlay_unref(label(bad[i], 320, 180, true, true, 0));
    char longest[4096];
    memset(longest, 'W', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    comp_overlay_unref(label(longest, 320, 180, false, false, 5));
    struct comp_overlay *o = NULL;
    const struct comp_label_conf none = {.name = "x"};
    assert_int_equal(comp_label_render(&o, &none), -EINVAL);
    assert_int_equal(comp_avatar_render(&o, "u", "x", 5000, 20), -EINVAL);
    assert_int_equal(comp_more_render(&o, 1, 20, 0), -EINVAL);
}

static void initials_come_from_words_or_characters(void **state)
{
    (void)state;
    static const struct {
        const char *name, *initials;
    } rows[] = {{"Ann Baker", "AB"}, {"ann", "A"},         {"王小明", "王"}, {"김민준", "김"},
                {"ليلى حسن", "ل"},   {"éric o-dea", "ÉO"}, {"  x  ", "X"},   {"", ""},
                {"🎉 party", "🎉"},    {"jean.luc_p", "JL"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char got[32];
        comp_initials(rows[i].name, got);
        assert_string_equal(got, rows[i].initials);
    }
}

static void avatars_fill_their_tile_and_differ_by_user(void **state)
{
    (void)state;
    struct comp_overlay *a, *b;
    assert_int_equal(comp_avatar_render(&a, "ann", "Ann", WIDTH, HEIGHT), 0);
    assert_int_equal(comp_avatar_render(&b, "bob", "Ann", WIDTH, HEIGHT), 0);
    const struct comp_rect all = {0, 0, WIDTH, HEIGHT};
    fill(0xffffff);
    comp_overlay_blend(a, &canvas, 0, 0, &all);
    assert_true(luma(0, 0) < 60 && luma(WIDTH - 1, HEIGHT - 1) < 60); /* opaque to the corners */
    const int of_a[] = {chroma(1, WIDTH / 2 - 20, HEIGHT / 2),
                        chroma(2, WIDTH / 2 - 20, HEIGHT / 2)};
    comp_overlay_blend(b, &canvas, 0, 0, &all);
    const int of_b[] = {chroma(1, WIDTH / 2 - 20, HEIGHT / 2),
                        chroma(2, WIDTH / 2 - 20, HEIGHT / 2)};
    assert_true(abs(of_a[0] - of_b[0]) + abs(of_a[1] - of_b[1]) > 10);
    comp_overlay_unref(a);
    comp_overlay_unref(b);
}

/* --- for the eye ---------------------------------------------------------------------------------
 */

static void save(const struct comp_canvas *c, const char *path)
{
    char command[512];
    snprintf(command, sizeof(command),
             "ffmpeg -loglevel error -y -f rawvideo -pix_fmt yuv420p -s %ux%u -i - '%s'", c->width,
             c->height, path);
    FILE *out = popen(command, "w");
    assert_non_null(out);
    for (int p = 0; p < COMP_PLANES; p++) {
        for (uint32_t y = 0; y < c->height >> (p > 0); y++)
            fwrite(c->plane[p] + (size_t)y * (size_t)c->stride[p], 1, c->width >> (p > 0), out);
    }
    assert_int_equal(pclose(out), 0);
}

static void a_sheet_for_the_eye(void **state)
{
    (void)state;
    const char *path = getenv("LABEL_PNG");
    if (!path)
        return;
    struct comp_canvas sheet = {0};
    assert_int_equal(comp_canvas_init(&sheet, 1280, 720), 0);
    for (uint32_t i = 0; i < 9; i++) {
        const struct comp_rect tile = {i % 3 * 426, i / 3 * 240, 424, 238};
        struct comp_overlay *o;
        if (i % 2) {
            const struct comp_colour colour = comp_colour_from_rgb(0x708090 + 0x101000 * i);
            comp_canvas_fill(&sheet, &tile, &colour);
        } else {
            assert_int_equal(comp_avatar_render(&o, names[i % NAMES], names[i % NAMES], 424, 238),
                             0);
            comp_overlay_blend(o, &sheet, tile.x, tile.y, &tile);
            comp_overlay_unref(o);
        }
        if (i == 8) {
            assert_int_equal(comp_more_render(&o, 12, 424, 238), 0);
            comp_overlay_blend(o, &sheet, tile.x, tile.y, &tile);
            comp_overlay_unref(o);
        }
        o = label(names[i % NAMES], 424, 238, i % 3 == 1, i % 4 == 2, (int)i);
        comp_overlay_blend(o, &sheet, tile.x + 6, tile.y + 232 - comp_overlay_height(o), &tile);
        comp_overlay_unref(o);
    }
    save(&sheet, path);
    comp_canvas_finish(&sheet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blending_is_the_weighted_mean_inside_the_clip_alone),
        cmocka_unit_test(an_overlay_may_hang_over_the_edge_of_the_canvas),
        cmocka_unit_test(odd_empty_and_huge_overlays_are_refused),
        cmocka_unit_test(every_script_has_its_glyphs),
        cmocka_unit_test(labels_fit_their_tiles_and_say_something),
        cmocka_unit_test(every_sign_changes_the_label),
        cmocka_unit_test(hostile_names_are_cleaned),
        cmocka_unit_test(initials_come_from_words_or_characters),
        cmocka_unit_test(avatars_fill_their_tile_and_differ_by_user),
        cmocka_unit_test(a_sheet_for_the_eye),
    };
    return cmocka_run_group_tests(tests, make_canvas, drop_canvas);
}
