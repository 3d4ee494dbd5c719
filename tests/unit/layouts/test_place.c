/* Geometry: properties that hold for every count of people on every shape of canvas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "layouts/layout.h"

static const struct {
    uint32_t width, height;
} shapes[] = {{1280, 720}, {720, 1280}, {640, 480}, {720, 720}, {1680, 720}, {182, 138}};

enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

static char users[LAYOUT_PEOPLE_MAX + 50][8];
static struct layout_person people[LAYOUT_PEOPLE_MAX + 50];

static int make_people(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(people) / sizeof(people[0]); i++) {
        snprintf(users[i], sizeof(users[i]), "u%zu", i);
        people[i] = (struct layout_person){.user = users[i], .has_video = true};
    }
    return 0;
}

static struct layout *load(const char *json)
{
    struct layout *l = NULL;
    char error[LAYOUT_ERROR_MAX];
    if (layout_parse(&l, json, strlen(json), "test", error))
        fail_msg("%s", error);
    return l;
}

static bool overlap(const struct layout_tile *a, const struct layout_tile *b)
{
    return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height &&
           b->y < a->y + a->height;
}

static void check_tiles(const char *name, size_t count, uint32_t width, uint32_t height,
                        const struct layout_tile *tiles, size_t n)
{
    bool seen[LAYOUT_PEOPLE_MAX] = {false};
    for (size_t i = 0; i < n; i++) {
        const struct layout_tile *t = &tiles[i];
        if (t->person >= count || seen[t->person])
            fail_msg("%s, %zu people: %zu twice or not there", name, count, t->person);
        seen[t->person] = true;
        if ((t->x | t->y | t->width | t->height) & 1 || t->width == 0 || t->height == 0)
            fail_msg("%s, %zu people: odd or empty tile", name, count);
        if (t->x + t->width > width || t->y + t->height > height)
            fail_msg("%s, %zu people on %ux%u: off the canvas", name, count, width, height);
        if (i > 0 && t->z < tiles[i - 1].z)
            fail_msg("%s, %zu people: z falls", name, count);
        for (size_t j = 0; j < i; j++) {
            if (tiles[j].z == t->z && overlap(t, &tiles[j]))
                fail_msg("%s, %zu people on %ux%u: overlap", name, count, width, height);
        }
    }
}

/* Most people that each built-in shows, on a landscape and on a portrait canvas; whether a tile is
 * covered to tell how many did not fit, or has a badge for it. */
static const struct {
    const char *name;
    size_t wide, tall;
    bool has_grid;
} builtins[] = {
    {"grid", 49, 49, true},
    {"sidebyside", 2, 2, false},
    {"pip", 2, 2, false},
    {"duo", 10, 10, true},
    {"interview", 9, 9, true},
    {"panel", 16, 16, true},
    {"lecture", 17, 17, false},
    {"speaker", 9, 9, true},
    {"speaker-side", 6, 9, true},
    {"speaker-pip", 5, 5, true},
    {"presentation", 9, 9, true},
    {"presentation-side", 6, 9, true},
    {"presentation-pip", 5, 5, true},
    {"single", 1, 1, false},
    {"portrait", 13, 13, true},
    {"audio", 40, 40, true},
};

static uint32_t more_of(const struct layout_tile *tiles, size_t n, bool is_large)
{
    uint32_t more = 0;
    for (size_t i = 0; i < n; i++)
        more += tiles[i].more && tiles[i].is_more_large == is_large ? tiles[i].more : 0;
    return more;
}

static void check_builtin(const struct layout *l, size_t b, size_t n, uint32_t width,
                          uint32_t height)
{
    struct layout_tile tiles[LAYOUT_TILES_MAX];
    const size_t put = layout_place(l, people, n, width, height, tiles, LAYOUT_TILES_MAX);
    const size_t shows = height > width ? builtins[b].tall : builtins[b].wide;
    if (put != (n < shows ? n : shows))
        fail_msg("%s on %ux%u: %zu of %zu people placed", builtins[b].name, width, height, put, n);
    check_tiles(builtins[b].name, n, width, height, tiles, put);
    const bool is_large = builtins[b].has_grid;
    if (more_of(tiles, put, is_large) != n - put || more_of(tiles, put, !is_large) != 0)
        fail_msg("%s: %zu of %zu people, and +%u", builtins[b].name, put, n,
                 more_of(tiles, put, is_large));
}

static void builtins_keep_the_rules_for_any_count_on_any_shape(void **state)
{
    (void)state;
    for (size_t b = 0; b < sizeof(builtins) / sizeof(builtins[0]); b++) {
        struct layout *l;
        assert_int_equal(layout_builtin(&l, builtins[b].name), 0);
        assert_string_equal(layout_name(l), builtins[b].name);
        for (size_t n = 0; n <= LAYOUT_PEOPLE_MAX; n++) {
            for (size_t s = 0; s < SHAPES; s++)
                check_builtin(l, b, n, shapes[s].width, shapes[s].height);
        }
        layout_destroy(l);
    }
}

static const struct {
    size_t people;
    uint32_t width, height;
    uint32_t cols, rows;
} best[] = {
    {1, 1280, 720, 1, 1},  {2, 1280, 720, 2, 1},  {3, 1280, 720, 2, 2},  {4, 1280, 720, 2, 2},
    {5, 1280, 720, 3, 2},  {9, 1280, 720, 3, 3},  {16, 1280, 720, 4, 4}, {25, 1280, 720, 5, 5},
    {49, 1280, 720, 7, 7}, {2, 720, 1280, 1, 2},  {3, 720, 1280, 1, 3},  {4, 720, 1280, 1, 4},
    {8, 720, 1280, 2, 4},  {49, 720, 1280, 7, 7}, {2, 720, 720, 1, 2},   {3, 3840, 720, 3, 1},
};

static void grid_takes_the_best_columns_for_count_and_shape(void **state)
{
    (void)state;
    struct layout *l;
    assert_int_equal(layout_builtin(&l, "grid"), 0);
    for (size_t i = 0; i < sizeof(best) / sizeof(best[0]); i++) {
        struct layout_tile t[LAYOUT_TILES_MAX];
        const size_t n = layout_place(l, people, best[i].people, best[i].width, best[i].height, t,
                                      LAYOUT_TILES_MAX);
        assert_int_equal(n, best[i].people);
        if (t[0].width != (best[i].width / best[i].cols & ~1u) ||
            t[0].height != (best[i].height / best[i].rows & ~1u))
            fail_msg("%zu people on %ux%u: cells of %ux%u", n, best[i].width, best[i].height,
                     t[0].width, t[0].height);
        for (size_t k = 0; k < n; k++) {
            assert_int_equal(t[k].width, t[0].width);
            assert_int_equal(t[k].height, t[0].height);
            assert_int_equal(t[k].person, k);
        }
    }
    layout_destroy(l);
}

static void last_row_of_a_grid_is_centred(void **state)
{
    (void)state;
    struct layout *l;
    assert_int_equal(layout_builtin(&l, "grid"), 0);
    struct layout_tile t[LAYOUT_TILES_MAX];
    assert_int_equal(layout_place(l, people, 3, 1280, 720, t, LAYOUT_TILES_MAX), 3);
    assert_int_equal(t[2].x, 320);
    assert_int_equal(t[2].y, 360);
    assert_int_equal(layout_place(l, people, 5, 1920, 1080, t, LAYOUT_TILES_MAX), 5);
    assert_int_equal(t[3].x, 320);
    assert_int_equal(t[4].x, 960);
    layout_destroy(l);
}

static void gap_and_alignment(void **state)
{
    (void)state;
    static const struct {
        const char *align;
        uint32_t x;
    } rows[] = {{"start", 0}, {"center", 322}, {"end", 644}};
    for (size_t i = 0; i < 3; i++) {
        char json[300];
        snprintf(
            json, sizeof(json),
            "{\"name\":\"t\",\"variants\":[{\"people\":\"1-\",\"cells\":[{\"x\":0,\"y\":0,\"w\":1,"
            "\"h\":1,\"source\":\"auto\",\"grid\":{\"cols\":2,\"gap\":7,\"align\":\"%s\"}}]}]}",
            rows[i].align);
        struct layout *l = load(json);
        struct layout_tile t[4];
        assert_int_equal(layout_place(l, people, 3, 1280, 720, t, 4), 3);
        assert_int_equal(t[0].width, 636); /* a gap of 7 is made 8 */
        assert_int_equal(t[1].x, 644);
        assert_int_equal(t[2].y, 364);
        assert_int_equal(t[2].x, rows[i].x);
        layout_destroy(l);
    }
}

#define STRIP                                                                                      \
    "{\"x\":0,\"y\":\"4/5\",\"w\":1,\"h\":\"1/5\",\"source\":\"auto\",\"grid\":{\"rows\":1}}"
#define MAIN(source)                                                                               \
    "{\"name\":\"t\",\"variants\":[{\"people\":\"1-\",\"cells\":[" STRIP                           \
    ",{\"x\":0,\"y\":0,\"w\":1,\"h\":\"4/5\",\"fit\":\"contain\",\"source\":" source "}]}]}"

static const struct {
    const char *name;
    const char *source;
    size_t person;
} wants[] = {
    {"a named user before auto in the file", "[\"user:u2\"]", 2},
    {"a pattern", "\"match:*3\"", 3},
    {"a pattern with several stars", "\"match:*u*2*\"", 2},
    {"nobody shares: the next source", "[\"screen\",\"pin:1\",\"speaker\"]", 0},
    {"a user who is not there", "[\"user:gone\",\"user:u1\"]", 1},
    {"the speaker comes before a later named one", "[\"speaker\",\"user:u3\"]", 0},
};

static void sources_are_tried_in_order_and_names_come_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
        char json[600];
        snprintf(json, sizeof(json), MAIN("%s"), wants[i].source);
        struct layout *l = load(json);
        struct layout_tile t[LAYOUT_TILES_MAX];
        const size_t n = layout_place(l, people, 4, 1280, 720, t, LAYOUT_TILES_MAX);
        assert_int_equal(n, 4);
        check_tiles(wants[i].name, 4, 1280, 720, t, n);
        if (t[3].height != 576 || t[3].person != wants[i].person || t[3].fit != LAYOUT_CONTAIN)
            fail_msg("%s: person %zu", wants[i].name, t[3].person);
        layout_destroy(l);
    }
}

/* Four people and ann's screen, after u0 (the host), u1, u2 (pinned to 1), u3. */
static const struct {
    const char *name;
    const char *source;
    bool speaks; /* u3 has the floor */
    size_t person;
} seats[] = {
    {"the screen", "[\"screen\",\"pin:1\",\"speaker\"]", true, 4},
    {"a pin before the speaker", "[\"pin:1\",\"speaker\"]", true, 2},
    {"a pin that nobody has", "[\"pin:2\",\"speaker\"]", true, 3},
    {"the speaker", "[\"speaker\"]", true, 3},
    {"nobody spoke yet", "[\"speaker\"]", false, 0},
    {"a role", "[\"role:host\"]", true, 0},
    {"a user is his camera, not his screen", "[\"user:u1\"]", true, 1},
};

static void seats_go_to_screens_pins_roles_and_speakers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(seats) / sizeof(seats[0]); i++) {
        struct layout_person who[5];
        memcpy(who, people, sizeof(who));
        who[0].role = "host";
        who[2].seat = 1;
        who[3].is_speaker = seats[i].speaks;
        who[4] = (struct layout_person){.user = "u1", .has_video = true, .is_screen = true};
        char json[600];
        snprintf(json, sizeof(json), MAIN("%s"), seats[i].source);
        struct layout *l = load(json);
        struct layout_tile t[LAYOUT_TILES_MAX];
        assert_int_equal(layout_place(l, who, 5, 1280, 720, t, LAYOUT_TILES_MAX), 5);
        check_tiles(seats[i].name, 5, 1280, 720, t, 5);
        if (t[4].height != 576 || t[4].person != seats[i].person)
            fail_msg("%s: person %zu", seats[i].name, t[4].person);
        layout_destroy(l);
    }
}

static void who_is_omitted_has_no_tile_and_does_not_count(void **state)
{
    (void)state;
    struct layout *l =
        load("{\"name\":\"t\",\"omit\":[\"no-video\",\"role:bot\"],\"hold_ms\":500,\"variants\":["
             "{\"people\":\"1\",\"cells\":[{\"x\":0,\"y\":0,\"w\":1,\"h\":1,\"source\":\"auto\"}]},"
             "{\"people\":\"2-\",\"cells\":[{\"x\":0,\"y\":0,\"w\":\"1/"
             "2\",\"h\":1,\"source\":\"auto\"}]}]}");
    struct layout_person who[3];
    memcpy(who, people, sizeof(who));
    who[0].has_video = false;
    who[1].role = "bot";
    struct layout_tile t[LAYOUT_TILES_MAX];
    assert_int_equal(layout_place(l, who, 3, 1280, 720, t, LAYOUT_TILES_MAX), 1);
    assert_int_equal(t[0].person, 2);
    assert_int_equal(t[0].width, 1280); /* the variant for one */
    who[2].has_video = false;
    assert_int_equal(layout_place(l, who, 3, 1280, 720, t, LAYOUT_TILES_MAX), 0);
    assert_int_equal(layout_hold_ms(l), 500);
    assert_null(layout_screenshare(l));
    layout_destroy(l);
}

static void built_ins_switch_to_built_ins_while_a_screen_is_shared(void **state)
{
    (void)state;
    for (size_t b = 0; b < sizeof(builtins) / sizeof(builtins[0]); b++) {
        struct layout *l, *other;
        assert_int_equal(layout_builtin(&l, builtins[b].name), 0);
        const char *name = layout_screenshare(l);
        if (name) {
            assert_int_equal(layout_builtin(&other, name), 0);
            assert_null(layout_screenshare(other));
            layout_destroy(other);
        }
        layout_destroy(l);
    }
}

static void nobody_gets_a_cell_whose_sources_match_nobody(void **state)
{
    (void)state;
    struct layout *l = load(MAIN("[\"role:host\"]"));
    struct layout_tile t[LAYOUT_TILES_MAX];
    assert_int_equal(layout_place(l, people, 2, 1280, 720, t, LAYOUT_TILES_MAX), 2);
    assert_int_equal(t[0].y, 576);
    assert_int_equal(t[1].y, 576);
    layout_destroy(l);
}

static void tiles_rise_in_z(void **state)
{
    (void)state;
    struct layout *l =
        load("{\"name\":\"t\",\"variants\":[{\"people\":\"1-\",\"cells\":["
             "{\"x\":0,\"y\":0,\"w\":\"1/4\",\"h\":\"1/4\",\"z\":5,\"source\":\"auto\"},"
             "{\"x\":0,\"y\":0,\"w\":1,\"h\":1,\"z\":-1,\"source\":\"auto\"}]}]}");
    struct layout_tile t[LAYOUT_TILES_MAX];
    assert_int_equal(layout_place(l, people, 2, 1280, 720, t, LAYOUT_TILES_MAX), 2);
    assert_int_equal(t[0].person, 1);
    assert_int_equal(t[0].z, -1);
    assert_int_equal(t[1].person, 0);
    layout_destroy(l);
}

static void neighbours_meet_on_the_same_pixel(void **state)
{
    (void)state;
    struct layout *l =
        load("{\"name\":\"t\",\"variants\":[{\"people\":\"1-\",\"cells\":["
             "{\"x\":0,\"y\":0,\"w\":\"1/3\",\"h\":1,\"source\":\"auto\"},"
             "{\"x\":\"1/3\",\"y\":0,\"w\":\"1/3\",\"h\":1,\"source\":\"auto\"},"
             "{\"x\":\"2/3\",\"y\":0,\"w\":\"1/3\",\"h\":1,\"source\":\"auto\"}]}]}");
    for (uint32_t width = 16; width <= 4096; width += 2) {
        struct layout_tile t[3];
        assert_int_equal(layout_place(l, people, 3, width, 720, t, 3), 3);
        assert_int_equal(t[0].x + t[0].width, t[1].x);
        assert_int_equal(t[1].x + t[1].width, t[2].x);
        assert_int_equal(t[2].x + t[2].width, width);
    }
    layout_destroy(l);
}

static void small_canvases_and_small_buffers_are_safe(void **state)
{
    (void)state;
    struct layout *l;
    assert_int_equal(layout_builtin(&l, "duo"), 0);
    struct layout_tile t[LAYOUT_TILES_MAX];
    for (uint32_t size = 16; size < 64; size += 2) {
        const size_t n = layout_place(l, people, 49, size, size, t, LAYOUT_TILES_MAX);
        check_tiles("duo", 49, size, size, t, n);
    }
    layout_destroy(l);
    assert_int_equal(layout_builtin(&l, "grid"), 0);
    assert_int_equal(layout_place(l, people, 49, 1280, 720, t, 3), 3);
    assert_int_equal(layout_place(l, people, 0, 1280, 720, t, 3), 0);
    assert_int_equal(
        layout_place(l, people, LAYOUT_PEOPLE_MAX + 50, 1280, 720, t, LAYOUT_TILES_MAX), 49);
    layout_destroy(l);
}

static void only_built_in_names_are_found(void **state)
{
    (void)state;
    struct layout *l = NULL;
    char longest[300];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(layout_builtin(&l, "nothing"), -ENOENT);
    assert_int_equal(layout_builtin(&l, ""), -ENOENT);
    assert_int_equal(layout_builtin(&l, "../layouts/grid"), -ENOENT);
    assert_int_equal(layout_builtin(&l, longest), -ENOENT);
    assert_null(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builtins_keep_the_rules_for_any_count_on_any_shape),
        cmocka_unit_test(grid_takes_the_best_columns_for_count_and_shape),
        cmocka_unit_test(last_row_of_a_grid_is_centred),
        cmocka_unit_test(gap_and_alignment),
        cmocka_unit_test(sources_are_tried_in_order_and_names_come_first),
        cmocka_unit_test(seats_go_to_screens_pins_roles_and_speakers),
        cmocka_unit_test(who_is_omitted_has_no_tile_and_does_not_count),
        cmocka_unit_test(built_ins_switch_to_built_ins_while_a_screen_is_shared),
        cmocka_unit_test(nobody_gets_a_cell_whose_sources_match_nobody),
        cmocka_unit_test(tiles_rise_in_z),
        cmocka_unit_test(neighbours_meet_on_the_same_pixel),
        cmocka_unit_test(small_canvases_and_small_buffers_are_safe),
        cmocka_unit_test(only_built_in_names_are_found),
    };
    return cmocka_run_group_tests(tests, make_people, NULL);
}
