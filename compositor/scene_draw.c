/* How a scene comes onto its canvas; see scene.h.
 *
 *     background ─▶ what fades away ─▶ tiles in rising z ─▶ layers
 *
 * Most ticks draw some tiles over themselves and touch nothing else. What shines through, lies over
 * each other or moves cannot be drawn in parts: then everything is drawn, once. */
#include "compositor/scene.h"

#include "compositor/shape.h"
#include "compositor/source.h"

static struct comp_rect rect_of(const struct layout_tile *t)
{
    return (struct comp_rect){t->x, t->y, t->width, t->height};
}

static struct comp_rect whole(const struct comp_scene *scene)
{
    return (struct comp_rect){0, 0, scene->width, scene->height};
}

static void make_dirty(struct comp_spot *spot)
{
    spot->is_dirty = true;
    spot->has_bars_dirty = true;
}

/* --- what must be drawn --------------------------------------------------------------------------
 */

static uint64_t common_area(const struct comp_rect *a, const struct comp_rect *b)
{
    const uint32_t left = a->x > b->x ? a->x : b->x, top = a->y > b->y ? a->y : b->y;
    const uint32_t ar = a->x + a->width, br = b->x + b->width;
    const uint32_t ab = a->y + a->height, bb = b->y + b->height;
    const uint32_t right = ar < br ? ar : br, bottom = ab < bb ? ab : bb;
    return left < right && top < bottom ? (uint64_t)(right - left) * (bottom - top) : 0;
}

/* What a layer left or comes to is drawn again: the tiles under it, or all where there are gaps
 * between them. */
static void spread_damage(struct comp_scene *scene, const struct comp_rect *rect)
{
    uint64_t covered = 0;
    for (size_t i = 0; i < scene->tile_count; i++) {
        const struct comp_rect tile = rect_of(&scene->tiles[i]);
        const uint64_t area = common_area(&tile, rect);
        covered += area;
        if (area > 0)
            make_dirty(scene->owners[i]);
    }
    if (covered != (uint64_t)rect->width * rect->height)
        scene->is_all_dirty = true;
}

static bool has_seen_layers(const struct comp_scene *scene)
{
    struct comp_rect rect;
    for (size_t i = 0; i < scene->layers.count; i++) {
        if (comp_layer_rect(&scene->layers, i, &rect))
            return true;
    }
    return false;
}

static bool is_any_dirty(const struct comp_scene *scene)
{
    for (size_t i = 0; i < scene->tile_count; i++) {
        if (scene->owners[i]->is_dirty)
            return true;
    }
    return false;
}

bool comp_scene_is_dirty(const struct comp_scene *scene)
{
    return scene->is_all_dirty || scene->cleared_count > 0 || scene->layers.damage_count > 0 ||
           scene->layers.is_background_new || is_any_dirty(scene);
}

/* After this a tile that is dirty may be drawn over itself, with the layers inside it. */
static void settle(struct comp_scene *scene)
{
    for (size_t i = 0; i < scene->layers.damage_count; i++)
        spread_damage(scene, &scene->layers.damage[i]);
    if (scene->layers.is_background_new)
        scene->is_all_dirty = true;
    scene->layers.damage_count = 0;
    scene->layers.is_background_new = false;
    const bool is_delicate = scene->has_open || has_seen_layers(scene);
    if (is_delicate && (scene->has_overlaps || scene->cleared_count > 0))
        scene->is_all_dirty = true;
}

/* --- background ----------------------------------------------------------------------------------
 */

static void clear_rect(const struct comp_scene *scene, struct comp_canvas *canvas,
                       const struct comp_rect *rect)
{
    if (!comp_layers_clear(&scene->layers, canvas, rect))
        comp_canvas_fill(canvas, rect, &scene->background);
}

static void clear(struct comp_scene *scene, struct comp_canvas *canvas)
{
    if (scene->is_all_dirty) {
        const struct comp_rect all = whole(scene);
        clear_rect(scene, canvas, &all);
        for (size_t i = 0; i < scene->tile_count; i++)
            make_dirty(scene->owners[i]);
        return;
    }
    for (size_t i = 0; i < scene->cleared_count; i++)
        clear_rect(scene, canvas, &scene->cleared[i]);
}

/* The picture as it was before people were placed anew, where somebody has gone. */
static void draw_gone(struct comp_scene *scene, struct comp_canvas *canvas)
{
    for (size_t i = 0; i < scene->gone_count; i++)
        comp_shape_lay(canvas, &scene->past, &scene->gone[i], scene->gone_alpha);
}

/* --- tiles ---------------------------------------------------------------------------------------
 */

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
        clear_rect(scene, canvas, &tile);
    spot->scaler.is_sharp = s->is_screen;
    comp_shares_draw(&s->shares, &spot->scaler, frame, s->picture, &crop, canvas, &inner);
    spot->drawn_width = width;
    spot->drawn_height = height;
    comp_source_count_shown(s);
}

/* Everything of a tile, square and opaque. */
static void draw_content(const struct comp_scene *scene, struct comp_canvas *canvas,
                         const struct layout_tile *t, struct comp_spot *spot)
{
    const struct comp_rect tile = rect_of(t);
    const struct comp_source *s = spot->source;
    if (s->shown && !t->style.is_avatar) {
        draw_picture(scene, canvas, t, spot);
        if (s->is_dim)
            comp_canvas_dim(canvas, &tile);
    } else {
        comp_decor_draw_avatar(&spot->decor, canvas, &tile);
    }
    if (t->style.border_px > 0) {
        const struct comp_colour colour = comp_colour_from_rgb(t->style.border_rgb);
        const struct comp_shape shape = comp_shape_of(&t->style, &tile);
        comp_shape_frame(canvas, &tile, shape.radius_px, t->style.border_px, &colour);
    }
    comp_decor_draw(&spot->decor, canvas, &tile, &t->style);
    spot->drawn_picture = s->picture;
    spot->is_dim = s->is_dim;
    spot->is_dirty = false;
    spot->has_bars_dirty = false;
}

static bool is_same_size(const struct comp_rect *a, const struct comp_rect *b)
{
    return a->width == b->width && a->height == b->height;
}

/* What of the drawn tile is seen in a rectangle of another shape: its middle. */
static struct comp_rect middle_of(const struct comp_rect *drawn, const struct comp_rect *now)
{
    struct comp_rect crop, inner;
    static const AVRational square = {1, 1};
    const struct comp_rect none = *drawn;
    if (comp_fit(LAYOUT_COVER, drawn->width, drawn->height, square, now, &crop, &inner))
        return none;
    crop.x += drawn->x;
    crop.y += drawn->y;
    return crop;
}

static void draw_tile(struct comp_scene *scene, struct comp_canvas *canvas, size_t i)
{
    struct comp_spot *spot = scene->owners[i];
    const struct comp_motion *m = &scene->motions[i];
    const struct layout_tile t = comp_scene_drawn_tile(scene, i);
    const struct comp_rect drawn = rect_of(&t);
    struct comp_shape shape = comp_shape_of(&t.style, &m->now);
    shape.alpha = (uint8_t)(shape.alpha * m->alpha / 255);
    const bool is_open = comp_shape_is_open(&shape);
    if (is_open && !scene->is_all_dirty)
        clear_rect(scene, canvas, &drawn);
    if (is_open)
        comp_shape_save(&shape, canvas, &scene->under, &m->now);
    if (is_same_size(&drawn, &m->now)) {
        draw_content(scene, canvas, &t, spot);
    } else {
        draw_content(scene, &scene->away, &t, spot);
        const struct comp_rect seen = middle_of(&drawn, &m->now);
        comp_motion_scale(&scene->away, &seen, canvas, &m->now);
    }
    if (is_open)
        comp_shape_apply(&shape, canvas, &scene->under, &m->now);
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
    if (scene->must_keep_past)
        comp_canvas_copy(&scene->past, canvas);
    scene->must_keep_past = false;
    settle(scene);
    clear(scene, canvas);
    draw_gone(scene, canvas);
    size_t drawn = 0;
    for (size_t i = 0; i < scene->tile_count; i++) {
        if (!scene->owners[i]->is_dirty)
            continue;
        draw_tile(scene, canvas, i);
        drawn++;
        if (scene->has_overlaps)
            spread_upwards(scene, i);
        const struct comp_rect tile = rect_of(&scene->tiles[i]);
        if (!scene->is_all_dirty)
            comp_layers_draw(&scene->layers, canvas, &tile);
    }
    const struct comp_rect all = whole(scene);
    if (scene->is_all_dirty)
        comp_layers_draw(&scene->layers, canvas, &all);
    scene->is_all_dirty = false;
    scene->cleared_count = 0;
    scene->has_drawn = true;
    return drawn;
}
