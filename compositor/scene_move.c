/* Tiles on their way to new places; see scene.h. While anything moves every tick draws everything:
 * it lasts for a few ticks, and what is under, over and beside a moving tile changes with it. */
#include "compositor/scene.h"

#include <string.h>

enum { OPAQUE = 255, WHOLE = 256 };

/* Where an owner's tile was, or the count of tiles. */
static size_t find_old(const struct comp_scene *scene, const struct comp_spot *owner)
{
    size_t i = 0;
    while (i < scene->tile_count && scene->owners[i] != owner)
        i++;
    return i;
}

static void add_gone(struct comp_scene *scene, const struct comp_rect *rect)
{
    if (scene->gone_count < LAYOUT_TILES_MAX)
        scene->gone[scene->gone_count++] = *rect;
    scene->gone_us = scene->now_us;
    scene->gone_alpha = OPAQUE;
    scene->must_keep_past = true;
}

void comp_scene_depart(struct comp_scene *scene, const struct layout_tile *tiles,
                       struct comp_spot *const *owners, size_t count)
{
    struct comp_motion motions[LAYOUT_TILES_MAX];
    bool stays[LAYOUT_TILES_MAX] = {false};
    const int64_t length_us = scene->has_drawn ? scene->transition_us : 0;
    scene->is_moving = scene->gone_count > 0;
    for (size_t j = 0; j < count; j++) {
        const struct comp_rect to = {tiles[j].x, tiles[j].y, tiles[j].width, tiles[j].height};
        const size_t i = find_old(scene, owners[j]);
        if (i < scene->tile_count) {
            stays[i] = true;
            motions[j] = scene->motions[i];
            comp_motion_go(&motions[j], &to, scene->now_us, length_us);
        } else {
            comp_motion_appear(&motions[j], &to, scene->now_us, length_us);
        }
        scene->is_moving = scene->is_moving || motions[j].is_moving;
    }
    for (size_t i = 0; i < scene->tile_count && length_us > 0; i++) {
        if (!stays[i])
            add_gone(scene, &scene->motions[i].now);
    }
    scene->is_moving = scene->is_moving || scene->gone_count > 0;
    memcpy(scene->motions, motions, count * sizeof(*motions));
}

static void fade_gone(struct comp_scene *scene)
{
    const uint32_t part = comp_motion_part(scene->now_us - scene->gone_us, scene->transition_us);
    scene->gone_alpha = (uint8_t)(OPAQUE * (WHOLE - part) / WHOLE);
    if (part == WHOLE)
        scene->gone_count = 0;
}

void comp_scene_move(struct comp_scene *scene)
{
    if (!scene->is_moving)
        return;
    if (scene->gone_count > 0)
        fade_gone(scene);
    scene->is_moving = scene->gone_count > 0;
    for (size_t i = 0; i < scene->tile_count; i++) {
        comp_motion_step(&scene->motions[i], scene->now_us);
        scene->is_moving = scene->is_moving || scene->motions[i].is_moving;
    }
    scene->is_all_dirty = true; /* also the last step, after which all is still */
}

static bool is_same_size(const struct comp_rect *a, const struct comp_rect *b)
{
    return a->width == b->width && a->height == b->height;
}

struct layout_tile comp_scene_drawn_tile(const struct comp_scene *scene, size_t i)
{
    const struct comp_motion *m = &scene->motions[i];
    const struct comp_rect *where =
        is_same_size(&m->now, &m->to) ? &m->now : comp_motion_large_end(m);
    struct layout_tile drawn = scene->tiles[i];
    drawn.x = where->x;
    drawn.y = where->y;
    drawn.width = where->width;
    drawn.height = where->height;
    return drawn;
}
