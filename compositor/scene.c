/* The scene; see scene.h. At most a hundred tiles, so plain loops over pairs are fast enough, and
 * they run only when somebody came, left or the layout changed. */
#include "compositor/scene.h"

#include <string.h>

#include "compositor/source.h"

int comp_scene_init(struct comp_scene *scene, struct comp_images *images)
{
    scene->is_all_dirty = true;
    scene->must_place = true;
    comp_layers_init(&scene->layers, images, scene->width, scene->height);
    int err = comp_canvas_init(&scene->under, scene->width, scene->height);
    if (!err && scene->transition_us > 0)
        err = comp_canvas_init(&scene->away, scene->width, scene->height);
    if (!err && scene->transition_us > 0)
        err = comp_canvas_init(&scene->past, scene->width, scene->height);
    return err;
}

void comp_scene_finish(struct comp_scene *scene, struct comp_decorator *decorator)
{
    for (size_t i = 0; i < COMP_SOURCES_MAX; i++)
        comp_spot_finish(&scene->spots[i], decorator);
    comp_layers_finish(&scene->layers, decorator);
    comp_canvas_finish(&scene->under);
    comp_canvas_finish(&scene->away);
    comp_canvas_finish(&scene->past);
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
    if (spot->is_placed)
        return !spot->is_avatar;
    return !spot->is_visible; /* unseen: decode and see */
}

static bool is_complete(const struct comp_spot *spot)
{
    const struct comp_source *s = spot->source;
    const bool has_fresh = s->shown && s->fresh_us >= s->wanted_us;
    return comp_job_is_idle(&spot->decor.job) && (has_fresh || !s->has_video || spot->is_avatar);
}

bool comp_scene_is_complete(const struct comp_scene *scene)
{
    for (size_t i = 0; i < scene->tile_count; i++) {
        if (scene->owners[i] && !is_complete(scene->owners[i]))
            return false;
    }
    return true;
}

static struct comp_rect rect_of(const struct layout_tile *t)
{
    return (struct comp_rect){t->x, t->y, t->width, t->height};
}

static bool is_same_style(const struct layout_style *a, const struct layout_style *b)
{
    return a->radius_px == b->radius_px && a->border_px == b->border_px &&
           a->border_rgb == b->border_rgb && a->alpha == b->alpha && a->is_avatar == b->is_avatar &&
           a->has_label == b->has_label && a->label == b->label;
}

static bool is_same_tile(const struct layout_tile *a, const struct layout_tile *b)
{
    return a->x == b->x && a->y == b->y && a->width == b->width && a->height == b->height &&
           a->fit == b->fit && a->z == b->z && is_same_style(&a->style, &b->style);
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

static bool have_open(const struct layout_tile *tiles, size_t count)
{
    bool is_any = false;
    for (size_t i = 0; i < count; i++)
        is_any = is_any || tiles[i].style.radius_px > 0 || tiles[i].style.alpha < 255;
    return is_any;
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
        .has_video = s->has_video,
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
        spot->is_avatar = t->style.is_avatar;
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
    comp_scene_depart(scene, tiles, owners, count);
    memcpy(scene->tiles, tiles, count * sizeof(*tiles));
    memcpy(scene->owners, owners, count * sizeof(*owners));
    scene->tile_count = count;
    scene->has_overlaps = have_overlaps(tiles, count);
    scene->has_open = have_open(tiles, count);
    scene->must_place = false;
    mark_placed(scene);
}

static void decorate(struct comp_scene *scene, struct comp_decorator *decorator, size_t i)
{
    struct comp_spot *spot = scene->owners[i];
    struct comp_person *person = spot->decor.person;
    const struct layout_tile t = comp_scene_drawn_tile(scene, i);
    const bool is_camera = !spot->source->is_screen;
    const struct comp_decor_want want = {
        .width = t.width,
        .height = t.height,
        .more = scene->has_labels ? t.more : 0,
        .is_more_large = t.is_more_large,
        .generation = atomic_load_explicit(&person->generation, memory_order_acquire),
        .has_label = scene->has_labels && is_camera && t.style.has_label,
        .has_avatar = t.style.is_avatar || (scene->has_avatars && !spot->source->shown),
        .has_rings = t.style.is_avatar,
    };
    if (comp_decor_update(&spot->decor, decorator, &want, scene->has_labels && is_camera))
        make_dirty(spot);
}

void comp_scene_decorate(struct comp_scene *scene, struct comp_decorator *decorator, uint32_t signs,
                         int64_t unix_s)
{
    for (size_t i = 0; i < scene->tile_count; i++)
        decorate(scene, decorator, i);
    comp_layers_update(&scene->layers, decorator, signs, unix_s);
}
