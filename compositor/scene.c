/* The scene; see scene.h. At most a hundred tiles, so plain loops over pairs are fast enough, and
 * they run only when somebody came, left or the layout changed. */
#include "compositor/scene.h"

#include <string.h>

#include "compositor/source.h"

void comp_scene_init(struct comp_scene *scene)
{
    scene->is_all_dirty = true;
    scene->must_place = true;
}

void comp_scene_forget(struct comp_scene *scene, struct comp_spot *spot)
{
    for (size_t i = 0; i < scene->tile_count; i++) {
        if (scene->owners[i] == spot)
            scene->owners[i] = NULL; /* the tile is cleared when people are placed next */
    }
    size_t kept = 0;
    for (size_t i = 0; i < scene->visible_count; i++) {
        if (scene->visible[i] != spot)
            scene->visible[kept++] = scene->visible[i];
    }
    scene->visible_count = kept;
    spot->is_visible = false;
    spot->is_placed = false;
    scene->must_place = true;
}

void comp_scene_set_background(struct comp_scene *scene, uint32_t rgb)
{
    const struct comp_colour colour = comp_colour_from_rgb(rgb);
    if (memcmp(&colour, &scene->background, sizeof(colour)) != 0)
        scene->is_all_dirty = true;
    scene->background = colour;
}

static void make_dirty(struct comp_spot *spot)
{
    spot->is_dirty = true;
    spot->has_bars_dirty = true;
}

static bool is_left_out(const struct comp_scene *scene, const struct comp_source *s)
{
    return scene->without_user && strcmp(scene->without_user, s->person.user) == 0;
}

static bool is_visible(const struct comp_scene *scene, const struct comp_source *s)
{
    const bool has_avatar = scene->has_avatars && !s->is_screen && !s->is_bare;
    return (s->shown || has_avatar) && !is_left_out(scene, s);
}

/* What is new on it since it was drawn last. */
static void look_at(struct comp_spot *spot)
{
    const struct comp_source *s = spot->source;
    if (s->shown && s->picture != spot->drawn_picture)
        spot->is_dirty = true;
    if (s->shown && s->is_dim != spot->is_dim)
        make_dirty(spot);
}

/* By rank; equal ones stay in the order of the roster. */
static void insert_visible(struct comp_spot **visible, size_t count, struct comp_spot *spot)
{
    size_t i = count;
    for (; i > 0 && visible[i - 1]->source->rank > spot->source->rank; i--)
        visible[i] = visible[i - 1];
    visible[i] = spot;
}

bool comp_scene_look(struct comp_scene *scene)
{
    struct comp_spot *visible[COMP_SOURCES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < scene->roster->count; i++) {
        const struct comp_source *s = scene->roster->sources[i];
        struct comp_spot *spot = &scene->spots[s->slot];
        spot->is_visible = is_visible(scene, s);
        if (!spot->is_visible)
            continue;
        look_at(spot);
        insert_visible(visible, count++, spot);
    }
    if (count != scene->visible_count ||
        memcmp(visible, scene->visible, count * sizeof(*visible)) != 0) {
        memcpy(scene->visible, visible, count * sizeof(*visible));
        scene->visible_count = count;
        scene->must_place = true;
    }
    return scene->must_place || scene->is_all_dirty;
}

bool comp_scene_wants(const struct comp_scene *scene, const struct comp_source *s)
{
    const struct comp_spot *spot = &scene->spots[s->slot];
    if (comp_source_is_hidden(s) || is_left_out(scene, s))
        return false;
    return spot->is_placed || !spot->is_visible; /* unseen: decode and see */
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
                        struct comp_spot *const *owners, size_t count)
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
    pthread_mutex_lock(&s->person.lock);
    memcpy(role, s->person.role, COMP_NAME_BYTES);
    const uint32_t seat = s->person.look.seat;
    pthread_mutex_unlock(&s->person.lock);
    return (struct layout_person){
        .user = s->person.user,
        .role = role[0] ? role : NULL,
        .seat = seat,
        .has_video = s->shown != NULL,
        .is_screen = s->is_screen,
        .is_speaker = s->had_floor,
    };
}

static size_t ask_layout(const struct comp_scene *scene, const struct layout *layout,
                         struct layout_tile *tiles)
{
    struct layout_person people[COMP_SOURCES_MAX];
    char roles[COMP_SOURCES_MAX][COMP_NAME_BYTES];
    for (size_t i = 0; i < scene->visible_count; i++)
        people[i] = describe(scene->visible[i]->source, roles[i]);
    return layout_place(layout, people, scene->visible_count, scene->width, scene->height, tiles,
                        LAYOUT_TILES_MAX);
}

/* Rectangles that are not kept are cleared, tiles that were not there are drawn. */
static void compare_tiles(struct comp_scene *scene, const struct layout_tile *tiles,
                          struct comp_spot *const *owners, size_t count)
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

static void mark_placed(struct comp_scene *scene)
{
    for (size_t i = 0; i < scene->roster->count; i++)
        scene->spots[scene->roster->sources[i]->slot].is_placed = false;
    for (size_t i = 0; i < scene->tile_count; i++) {
        const struct layout_tile *t = &scene->tiles[i];
        struct comp_spot *spot = scene->owners[i];
        const float middle = (float)t->x + (float)t->width / 2.0f;
        spot->is_placed = true;
        spot->tile_width = t->width;
        spot->tile_height = t->height;
        spot->centre = 2.0f * middle / (float)scene->width - 1.0f;
    }
}

void comp_scene_place(struct comp_scene *scene, const struct layout *layout)
{
    struct layout_tile tiles[LAYOUT_TILES_MAX];
    struct comp_spot *owners[LAYOUT_TILES_MAX];
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
    mark_placed(scene);
}

void comp_scene_decorate(struct comp_scene *scene, struct comp_decorator *decorator)
{
    for (size_t i = 0; i < scene->tile_count; i++) {
        struct comp_spot *spot = scene->owners[i];
        struct comp_person *person = spot->decor.person;
        const struct layout_tile *t = &scene->tiles[i];
        const bool is_camera = !spot->source->is_screen;
        const struct comp_decor_want want = {
            .width = t->width,
            .height = t->height,
            .more = scene->has_labels ? t->more : 0,
            .generation = atomic_load_explicit(&person->generation, memory_order_acquire),
            .has_label = scene->has_labels && is_camera,
            .has_avatar = scene->has_avatars && !spot->source->shown,
        };
        const bool has_ring = scene->has_labels && is_camera &&
                              atomic_load_explicit(&person->is_speaking, memory_order_relaxed);
        if (comp_decor_update(&spot->decor, decorator, &want, has_ring))
            make_dirty(spot);
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
                         const struct layout_tile *t, struct comp_spot *spot)
{
    struct comp_source *s = spot->source;
    const AVFrame *frame = s->shown;
    const uint32_t width = (uint32_t)frame->width, height = (uint32_t)frame->height;
    const struct comp_rect tile = rect_of(t);
    struct comp_rect crop, inner;
    if (comp_fit(t->fit, width, height, frame->sample_aspect_ratio, &tile, &crop, &inner))
        return;
    const bool has_bars = inner.width < tile.width || inner.height < tile.height;
    /* A label that reaches over the bars is blended anew onto clean ones. */
    if (has_bars &&
        (spot->has_bars_dirty || spot->drawn_width != width || spot->drawn_height != height ||
         s->is_dim || comp_decor_is_there(&spot->decor)))
        comp_canvas_fill(canvas, &tile, &scene->background);
    comp_scale(&spot->scaler, frame, &crop, canvas, &inner);
    spot->drawn_width = width;
    spot->drawn_height = height;
    comp_source_count_shown(s);
}

static void draw_tile(const struct comp_scene *scene, struct comp_canvas *canvas,
                      const struct layout_tile *t, struct comp_spot *spot)
{
    const struct comp_rect tile = rect_of(t);
    const struct comp_source *s = spot->source;
    if (s->shown) {
        draw_picture(scene, canvas, t, spot);
        if (s->is_dim)
            comp_canvas_dim(canvas, &tile);
    } else if (!comp_decor_draw_avatar(&spot->decor, canvas, &tile)) {
        comp_canvas_fill(canvas, &tile, &scene->background); /* it is still being drawn */
    }
    comp_decor_draw(&spot->decor, canvas, &tile);
    spot->drawn_picture = s->picture;
    spot->is_dim = s->is_dim;
    spot->is_dirty = false;
    spot->has_bars_dirty = false;
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
        if (!scene->owners[i]->is_dirty)
            continue;
        draw_tile(scene, canvas, &scene->tiles[i], scene->owners[i]);
        drawn++;
        if (scene->has_overlaps)
            spread_upwards(scene, i);
    }
    return drawn;
}
