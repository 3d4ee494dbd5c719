/* Layout files, which users upload. Whatever is taken keeps the rules of placing for any count of
 * people on any canvas: inside, even, nobody twice. */
#include <stdlib.h>

#include "layouts/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static void place(const struct layout *l, size_t count, uint32_t width, uint32_t height)
{
    struct layout_person people[LAYOUT_PEOPLE_MAX];
    for (size_t i = 0; i < count; i++)
        people[i] = (struct layout_person){.user = i % 2 ? "ann" : "bob",
                                           .role = i % 3 ? "host" : NULL,
                                           .seat = (uint32_t)i % 5,
                                           .has_video = i % 7 != 0,
                                           .is_screen = i % 11 == 5,
                                           .is_speaker = i == 3};
    struct layout_tile tiles[LAYOUT_TILES_MAX];
    const size_t n = layout_place(l, people, count, width, height, tiles, LAYOUT_TILES_MAX);
    check(n <= count && n <= LAYOUT_TILES_MAX);
    bool is_there[LAYOUT_PEOPLE_MAX] = {false};
    for (size_t i = 0; i < n; i++) {
        const struct layout_tile *t = &tiles[i];
        check(t->person < count && !is_there[t->person]);
        is_there[t->person] = true;
        check(t->width > 0 && t->height > 0 && !((t->x | t->y | t->width | t->height) & 1));
        check(t->x + t->width <= width && t->y + t->height <= height);
        check(t->more <= count - n);
        const uint32_t side = t->width < t->height ? t->width : t->height;
        check(t->style.radius_px * 2 <= side && t->style.border_px * 4 <= side);
        check(!((t->style.radius_px | t->style.border_px) & 1) && t->style.alpha > 0);
    }
}

static void lay_over(const struct layout *l, uint32_t width, uint32_t height)
{
    struct layout_overlay overlays[LAYOUT_OVERLAYS_MAX];
    const size_t n = layout_overlays(l, width, height, overlays, LAYOUT_OVERLAYS_MAX);
    check(n <= LAYOUT_OVERLAYS_MAX);
    for (size_t i = 0; i < n; i++) {
        const struct layout_overlay *o = &overlays[i];
        check(o->width > 0 && o->height > 0 && !((o->x | o->y | o->width | o->height) & 1));
        check(o->x + o->width <= width && o->y + o->height <= height && o->alpha > 0);
        check(o->text || (o->kind != LAYOUT_IMAGE && o->kind != LAYOUT_TEXT));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct layout *l;
    char error[LAYOUT_ERROR_MAX];
    if (layout_parse(&l, (const char *)data, size, "fuzz", error))
        return 0;
    static const size_t counts[] = {1, 2, 9, 50, LAYOUT_PEOPLE_MAX};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        place(l, counts[i], 1280, 720);
        place(l, counts[i], 180, 320);
    }
    lay_over(l, 1280, 720);
    lay_over(l, 18, 320);
    layout_destroy(l);
    return 0;
}
