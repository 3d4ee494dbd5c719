/* The scene; see scene.h. At most a hundred tiles, so plain loops over pairs are fast enough, and
 * they run only when somebody came, left or the layout changed. */
#include "compositor/scene.h"

#include <string.h>

#include "compositor/source.h"

enum { FREEZE_GONE = 5 }; /* times as long as until it is dimmed */

void comp_scene_init(struct comp_scene *scene, uint32_t width, uint32_t height)
{
    memset(scene, 0, sizeof(*scene));
    scene->width = width;
    scene->height = height;
    scene->is_all_dirty = true;
    scene->must_place = true;
}

void comp_scene_join(struct comp_scene *scene, struct comp_source *s)
{
    size_t i = scene->source_count++;
    for (; i > 0 && scene->sources[i - 1]->order > s->order; i--)
        scene->sources[i] = scene->sources[i - 1];
    scene->sources[i] = s;
}

void comp_scene_leave(struct comp_scene *scene, struct comp_source *s)
{
    for (size_t i = 0; i < scene->source_count; i++) {
        if (scene->sources[i] != s)
            continue;
        scene->source_count--;
        memmove(&scene->sources[i], &scene->sources[i + 1],
                (scene->source_count - i) * sizeof(*scene->sources));
        break;
    }
    for (size_t i = 0; i < scene->tile_count; i++) {
        if (scene->owners[i] == s)
            scene->owners[i] = NULL; /* the tile is cleared when people are placed next */
    }
    scene->must_place = true;
}

void comp_scene_set_background(struct comp_scene *scene, uint32_t rgb)
{
    const struct comp_colour colour = comp_colour_from_rgb(rgb);
    if (memcmp(&colour, &scene->background, sizeof(colour)) != 0)
        scene->is_all_dirty = true;
    scene->background = colour;
}

static bool is_hidden(const struct comp_source *s)
{
    return atomic_load_explicit(&s->is_hidden, memory_order_relaxed);
}

static void make_dirty(struct comp_source *s)
{
    s->is_dirty = true;
    s->has_bars_dirty = true;
}

/* A camera that brings nothing new is dimmed; later its picture is taken away. */
static void watch_freeze(const struct comp_scene *scene, struct comp_source *s, int64_t now_us)
{
    const int64_t still_us = now_us - s->fresh_us;
    const bool is_dim = still_us >= scene->freeze_us;
    if (s->is_dim != is_dim)
        make_dirty(s);
    s->is_dim = is_dim;
    if (still_us >= FREEZE_GONE * scene->freeze_us)
        comp_source_blank(s);
}

static void advance(const struct comp_scene *scene, struct comp_source *s, int64_t now_us)
{
    if (is_hidden(s)) {
        atomic_store_explicit(&s->is_wanted, false, memory_order_relaxed);
        comp_source_advance(s, now_us); /* takes what was decoded before it was hidden */
        comp_source_blank(s);
        return;
    }
    if (!s->shown && (!scene->has_avatars || s->placed_bare)) /* it may get a tile: decode and see */
        atomic_store_explicit(&s->is_wanted, true, memory_order_relaxed);
    comp_source_advance(s, now_us - atomic_load_explicit(&s->delay_us, memory_order_relaxed));
    if (s->is_new) {
        s->is_dirty = true;
        s->fresh_us = now_us;
    }
    if (s->shown && scene->freeze_us && !s->is_screen)
        watch_freeze(scene, s, now_us);
}

static bool is_visible(const struct comp_scene *scene, const struct comp_source *s)
{
    return s->shown || (scene->has_avatars && !s->is_screen && !s->placed_bare);
}

static void read_standing(struct comp_source *s)
{
    pthread_mutex_lock(&s->decor.lock);
    s->placed_rank = s->decor.look.rank;
    s->placed_bare = s->decor.look.has_no_avatar;
    pthread_mutex_unlock(&s->decor.lock);
}

/* Whether a layout may choose otherwise because of what is known of s. */
static bool has_new_look(struct comp_source *s)
{
    const uint32_t generation = atomic_load_explicit(&s->decor.generation, memory_order_acquire);
    const bool has_floor = atomic_load_explicit(&s->has_floor, memory_order_relaxed);
    const bool is_off = is_hidden(s);
    const bool is_new = generation != s->placed_generation || has_floor != s->placed_floor ||
                        is_off != s->placed_hidden;
    if (generation != s->placed_generation)
        read_standing(s);
    s->placed_hidden = is_off;
    s->placed_generation = generation;
    s->placed_floor = has_floor;
    return is_new;
}

/* By rank; equal ones stay in the order in which they joined. */
static void insert_visible(struct comp_source **visible, size_t count, struct comp_source *s)
{
    size_t i = count;
    for (; i > 0 && visible[i - 1]->placed_rank > s->placed_rank; i--)
        visible[i] = visible[i - 1];
    visible[i] = s;
}

bool comp_scene_advance(struct comp_scene *scene, int64_t now_us)
{
    struct comp_source *visible[COMP_SOURCES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < scene->source_count; i++) {
        struct comp_source *s = scene->sources[i];
        const bool had_picture = s->shown != NULL;
        advance(scene, s, now_us);
        if (has_new_look(s) || had_picture != (s->shown != NULL))
            scene->must_place = true;
        if (is_visible(scene, s))
            insert_visible(visible, count++, s);
    }
    if (count != scene->visible_count ||
        memcmp(visible, scene->visible, count * sizeof(*visible)) != 0) {
        memcpy(scene->visible, visible, count * sizeof(*visible));
        scene->visible_count = count;
        scene->must_place = true;
    }
    return scene->must_place || scene->is_all_dirty;
}

static struct comp_rect rect_of(const struct layout_tile *t)
{
    return (struct comp_rect){t->x, t->y, t->width, t->height};
}

static bool is_same_tile(const struct layout_tile *a, const struct layout_tile *b)
{
    return a->x == b->x && a->y == b->y && a->width == b->width && a->height == b->height &&
           a->fit == b->fit && a->z == b->z;
}

/* The tile that the owner of old tile i keeps, or the count of new ones. */
static size_t find_kept(const struct comp_scene *scene, size_t i, const struct layout_tile *tiles,
                        struct comp_source *const *owners, size_t count)
{
    size_t j = 0;
    while (j < count &&
           !(scene->owners[i] == owners[j] && is_same_tile(&scene->tiles[i], &tiles[j])))
        j++;
    return j;
}

static bool have_overlaps(const struct layout_tile *tiles, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct comp_rect a = rect_of(&tiles[i]), b = rect_of(&tiles[j]);
            if (comp_rects_meet(&a, &b))
                return true;
        }
    }
    return false;
}

static struct layout_person describe(struct comp_source *s, char role[COMP_NAME_BYTES])
{
    pthread_mutex_lock(&s->decor.lock);
    memcpy(role, s->decor.role, COMP_NAME_BYTES);
    const uint32_t seat = s->decor.look.seat;
    pthread_mutex_unlock(&s->decor.lock);
    return (struct layout_person){
        .user = s->decor.user,
        .role = role[0] ? role : NULL,
        .seat = seat,
        .has_video = s->shown != NULL,
        .is_screen = s->is_screen,
        .is_speaker = s->placed_floor,
    };
}

static size_t ask_layout(const struct comp_scene *scene, const struct layout *layout,
                         struct layout_tile *tiles)
{
    struct layout_person people[COMP_SOURCES_MAX];
    char roles[COMP_SOURCES_MAX][COMP_NAME_BYTES];
    for (size_t i = 0; i < scene->visible_count; i++)
        people[i] = describe(scene->visible[i], roles[i]);
    return layout_place(layout, people, scene->visible_count, scene->width, scene->height, tiles,
                        LAYOUT_TILES_MAX);
}

/* Rectangles that are not kept are cleared, tiles that were not there are drawn. */
static void compare_tiles(struct comp_scene *scene, const struct layout_tile *tiles,
                          struct comp_source *const *owners, size_t count)
{
    bool is_kept[LAYOUT_TILES_MAX] = {false};
    for (size_t i = 0; i < scene->tile_count; i++) {
        const size_t kept = scene->owners[i] ? find_kept(scene, i, tiles, owners, count) : count;
        if (kept < count)
            is_kept[kept] = true;
        else
            scene->cleared[scene->cleared_count++] = rect_of(&scene->tiles[i]);
    }
    for (size_t j = 0; j < count; j++) {
        if (!is_kept[j])
            make_dirty(owners[j]);
        const struct comp_rect tile = rect_of(&tiles[j]);
        for (size_t i = 0; i < scene->cleared_count; i++) {
            if (comp_rects_meet(&tile, &scene->cleared[i]))
                make_dirty(owners[j]);
        }
    }
}

/* What has no tile is not decoded, until it may get one. */
static void want_placed(struct comp_scene *scene)
{
    for (size_t i = 0; i < scene->source_count; i++)
        scene->sources[i]->is_placed = false;
    for (size_t i = 0; i < scene->tile_count; i++)
        scene->owners[i]->is_placed = true;
    for (size_t i = 0; i < scene->visible_count; i++)
        atomic_store_explicit(&scene->visible[i]->is_wanted,
                              scene->visible[i]->is_placed && !is_hidden(scene->visible[i]),
                              memory_order_relaxed);
}

/* Voices may be placed where people are seen. */
static void tell_centres(struct comp_scene *scene)
{
    for (size_t i = 0; i < scene->source_count; i++) {
        if (!scene->sources[i]->is_placed)
            atomic_store_explicit(&scene->sources[i]->centre, 0.0f, memory_order_relaxed);
    }
    for (size_t i = 0; i < scene->tile_count; i++) {
        const struct layout_tile *t = &scene->tiles[i];
        const float middle = (float)t->x + (float)t->width / 2.0f;
        atomic_store_explicit(&scene->owners[i]->centre,
                              2.0f * middle / (float)scene->width - 1.0f, memory_order_relaxed);
    }
}

void comp_scene_place(struct comp_scene *scene, const struct layout *layout)
{
    struct layout_tile tiles[LAYOUT_TILES_MAX];
    struct comp_source *owners[LAYOUT_TILES_MAX];
    const size_t count = ask_layout(scene, layout, tiles);
    for (size_t i = 0; i < count; i++)
        owners[i] = scene->visible[tiles[i].person];

    scene->cleared_count = 0;
    compare_tiles(scene, tiles, owners, count);
    memcpy(scene->tiles, tiles, count * sizeof(*tiles));
    memcpy(scene->owners, owners, count * sizeof(*owners));
    scene->tile_count = count;
    scene->has_overlaps = have_overlaps(tiles, count);
    scene->must_place = false;
    want_placed(scene);
    tell_centres(scene);
}

void comp_scene_decorate(struct comp_scene *scene, struct comp_decorator *decorator)
{
    for (size_t i = 0; i < scene->tile_count; i++) {
        struct comp_source *s = scene->owners[i];
        const struct layout_tile *t = &scene->tiles[i];
        const bool is_camera = !s->is_screen;
        const struct comp_decor_want want = {
            .width = t->width,
            .height = t->height,
            .more = scene->has_labels ? t->more : 0,
            .generation = atomic_load_explicit(&s->decor.generation, memory_order_acquire),
            .has_label = scene->has_labels && is_camera,
            .has_avatar = scene->has_avatars && !s->shown,
        };
        const bool has_ring = scene->has_labels && is_camera &&
                              atomic_load_explicit(&s->decor.is_speaking, memory_order_relaxed);
        if (comp_decor_update(&s->decor, decorator, &want, has_ring))
            make_dirty(s);
    }
}

bool comp_scene_is_dirty(const struct comp_scene *scene)
{
    if (scene->is_all_dirty || scene->cleared_count > 0)
        return true;
    for (size_t i = 0; i < scene->tile_count; i++) {
        if (scene->owners[i]->is_dirty)
            return true;
    }
    return false;
}

static void clear(struct comp_scene *scene, struct comp_canvas *canvas)
{
    if (scene->is_all_dirty) {
        const struct comp_rect all = {0, 0, scene->width, scene->height};
        comp_canvas_fill(canvas, &all, &scene->background);
        for (size_t i = 0; i < scene->tile_count; i++)
            make_dirty(scene->owners[i]);
    }
    for (size_t i = 0; i < scene->cleared_count; i++)
        comp_canvas_fill(canvas, &scene->cleared[i], &scene->background);
    scene->is_all_dirty = false;
    scene->cleared_count = 0;
}

/* The picture of a tile; a frame that cannot be drawn leaves what was there. */
static void draw_picture(const struct comp_scene *scene, struct comp_canvas *canvas,
                         const struct layout_tile *t, struct comp_source *s)
{
    const AVFrame *frame = s->shown;
    const uint32_t width = (uint32_t)frame->width, height = (uint32_t)frame->height;
    const struct comp_rect tile = rect_of(t);
    struct comp_rect crop, inner;
    if (comp_fit(t->fit, width, height, frame->sample_aspect_ratio, &tile, &crop, &inner))
        return;
    const bool has_bars = inner.width < tile.width || inner.height < tile.height;
    /* A label that reaches over the bars is blended anew onto clean ones. */
    if (has_bars && (s->has_bars_dirty || s->drawn_width != width || s->drawn_height != height ||
                     s->is_dim || comp_decor_is_there(&s->decor)))
        comp_canvas_fill(canvas, &tile, &scene->background);
    comp_scale(&s->scaler, frame, &crop, canvas, &inner);
    s->drawn_width = width;
    s->drawn_height = height;
    if (s->is_new)
        comp_source_count_shown(s);
}

static void draw_tile(const struct comp_scene *scene, struct comp_canvas *canvas,
                      const struct layout_tile *t, struct comp_source *s)
{
    const struct comp_rect tile = rect_of(t);
    if (s->shown) {
        draw_picture(scene, canvas, t, s);
        if (s->is_dim)
            comp_canvas_dim(canvas, &tile);
    } else if (!comp_decor_draw_avatar(&s->decor, canvas, &tile)) {
        comp_canvas_fill(canvas, &tile, &scene->background); /* it is still being drawn */
    }
    comp_decor_draw(&s->decor, canvas, &tile);
}

static void spread_upwards(struct comp_scene *scene, size_t drawn)
{
    const struct comp_rect rect = rect_of(&scene->tiles[drawn]);
    for (size_t i = drawn + 1; i < scene->tile_count; i++) {
        const struct comp_rect above = rect_of(&scene->tiles[i]);
        if (comp_rects_meet(&rect, &above))
            make_dirty(scene->owners[i]);
    }
}

size_t comp_scene_draw(struct comp_scene *scene, struct comp_canvas *canvas)
{
    clear(scene, canvas);
    size_t drawn = 0;
    for (size_t i = 0; i < scene->tile_count; i++) {
        struct comp_source *s = scene->owners[i];
        if (!s->is_dirty)
            continue;
        draw_tile(scene, canvas, &scene->tiles[i], s);
        s->is_dirty = false;
        s->has_bars_dirty = false;
        s->is_new = false;
        drawn++;
        if (scene->has_overlaps)
            spread_upwards(scene, i);
    }
    return drawn;
}
