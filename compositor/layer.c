/* What lies over the tiles; see layer.h. */
#include "compositor/layer.h"

#include <stdio.h>
#include <string.h>

#include "compositor/comp.h"

/* --- drawing: [decor], or [tick] offline ---------------------------------------------------------
 */

static void render_image(const struct comp_layer_want *want, struct comp_images *images,
                         struct comp_caption *out)
{
    struct comp_image *image = comp_images_find(images, want->text);
    if (!image)
        return;
    const struct layout_overlay *look = &want->look;
    const uint32_t height =
        look->has_height ? look->height : comp_image_height_for(image, look->width, look->height);
    comp_image_render(&out->overlay, image, look->width, height, look->fit, look->alpha,
                      want->has_ground ? &want->ground : NULL);
    comp_image_unref(image);
}

static void render_clock(const struct comp_layer_want *want, struct comp_caption *out)
{
    char text[32];
    comp_clock_text(want->look.format, want->look.zone_min,
                    want->step * comp_clock_step_s(want->look.format), text);
    comp_caption_render(out, &want->look, text);
}

/* What fails for want of memory is left out until the next change. */
static void render(struct comp_job *job)
{
    struct comp_layer *l = (struct comp_layer *)job; /* its first field */
    comp_overlay_unref(l->made.overlay);
    l->made = (struct comp_caption){0};
    const struct comp_layer_want *want = &l->asked;
    if (!want->is_wanted)
        return;
    switch (want->look.kind) {
    case LAYOUT_IMAGE:
        render_image(want, l->images, &l->made);
        break;
    case LAYOUT_TEXT:
        comp_caption_render(&l->made, &want->look, want->text);
        break;
    case LAYOUT_CLOCK:
        render_clock(want, &l->made);
        break;
    case LAYOUT_REC:
    case LAYOUT_LIVE:
        comp_sign_render(&l->made, &want->look);
        break;
    }
}

_Static_assert(offsetof(struct comp_layer, job) == 0, "render() finds the layer by its job");

/* --- [ctl] ---------------------------------------------------------------------------------------
 */

static void init(struct comp_layer *l, struct comp_images *images)
{
    l->job.run = render;
    l->images = images;
}

void comp_layers_init(struct comp_layers *layers, struct comp_images *images, uint32_t width,
                      uint32_t height)
{
    layers->width = width;
    layers->height = height;
    init(&layers->background, images);
    for (size_t i = 0; i < COMP_LAYERS_MAX; i++)
        init(&layers->list[i], images);
}

static void finish(struct comp_layer *l, struct comp_decorator *decorator)
{
    comp_decorator_forget(decorator, &l->job);
    comp_overlay_unref(l->made.overlay);
    comp_overlay_unref(l->drawn.overlay);
    memset(l, 0, sizeof(*l));
}

void comp_layers_finish(struct comp_layers *layers, struct comp_decorator *decorator)
{
    finish(&layers->background, decorator);
    for (size_t i = 0; i < COMP_LAYERS_MAX; i++)
        finish(&layers->list[i], decorator);
}

/* --- [tick]: what is wanted ----------------------------------------------------------------------
 */

/* Without a place of their own signs stand in the upper right corner. */
static struct layout_overlay default_sign(const struct comp_layers *layers,
                                          enum layout_overlay_kind kind)
{
    const uint32_t least = layers->height < layers->width ? layers->height : layers->width;
    const uint32_t height = least < 288 ? 16 : (least / 18) & ~1u;
    const uint32_t width = 4 * height < layers->width ? 4 * height : layers->width & ~1u;
    const uint32_t off = (height / 2) & ~1u;
    return (struct layout_overlay){
        .kind = kind,
        .x = layers->width - width > off ? layers->width - width - off : 0,
        .y = layers->height > height + off ? off : 0,
        .width = width,
        .height = height,
        .alpha = 255,
        .align = LAYOUT_END,
        .has_height = true,
    };
}

/* Not by their bytes: what lies between the fields is anything. */
static bool is_same_look(const struct layout_overlay *a, const struct layout_overlay *b)
{
    return a->kind == b->kind && a->x == b->x && a->y == b->y && a->width == b->width &&
           a->height == b->height && a->alpha == b->alpha && a->fit == b->fit &&
           a->has_height == b->has_height && a->rgb == b->rgb && a->has_ground == b->has_ground &&
           a->ground_rgb == b->ground_rgb && a->align == b->align && a->format == b->format &&
           a->zone_min == b->zone_min;
}

static bool is_same(const struct comp_layer_want *a, const struct comp_layer_want *b)
{
    return is_same_look(&a->look, &b->look) && strcmp(a->text, b->text) == 0 &&
           a->step == b->step && a->images == b->images && a->ground == b->ground &&
           a->has_ground == b->has_ground && a->is_wanted == b->is_wanted;
}

static bool is_image(const struct comp_layer *l)
{
    return l->want.look.kind == LAYOUT_IMAGE;
}

static bool is_seen(const struct comp_layer *l)
{
    return l->is_lit && l->drawn.overlay;
}

static struct comp_rect rect_of(const struct comp_layer *l)
{
    return (struct comp_rect){
        .x = l->has.look.x + l->drawn.x,
        .y = l->has.look.y + l->drawn.y,
        .width = comp_overlay_width(l->drawn.overlay),
        .height = comp_overlay_height(l->drawn.overlay),
    };
}

static void damage(struct comp_layers *layers, const struct comp_layer *l)
{
    if (l == &layers->background)
        layers->is_background_new = true;
    else if (layers->damage_count < sizeof(layers->damage) / sizeof(layers->damage[0]))
        layers->damage[layers->damage_count++] = rect_of(l);
    else
        layers->is_background_new = true; /* too much to tell one by one */
}

/* What it has is of another layout unless only the time or the pictures moved on. */
static void set(struct comp_layers *layers, struct comp_layer *l, const struct layout_overlay *look,
                const uint32_t *ground)
{
    struct comp_layer_want want = {
        .look = *look,
        .is_wanted = true,
        .has_ground = ground != NULL,
        .ground = ground ? *ground : 0,
        .step = l->want.step,
        .images = l->want.images,
    };
    want.look.text = NULL;
    snprintf(want.text, sizeof(want.text), "%s", look->text ? look->text : "");
    if (is_same(&want, &l->want))
        return;
    if (is_seen(l))
        damage(layers, l);
    l->want = want;
    l->is_lit = false;
}

static void drop(struct comp_layers *layers, struct comp_layer *l)
{
    if (is_seen(l))
        damage(layers, l);
    memset(&l->want, 0, sizeof(l->want));
    l->is_lit = false;
}

static void set_background(struct comp_layers *layers, const char *name, uint32_t ground)
{
    struct comp_layer *l = &layers->background;
    if (!name) {
        drop(layers, l);
        return;
    }
    const struct layout_overlay look = {
        .kind = LAYOUT_IMAGE,
        .width = layers->width,
        .height = layers->height,
        .alpha = 255,
        .text = name,
        .fit = LAYOUT_COVER,
        .has_height = true,
    };
    set(layers, l, &look, &ground);
}

void comp_layers_set(struct comp_layers *layers, const struct layout *layout, uint32_t ground)
{
    struct layout_overlay looks[COMP_LAYERS_MAX];
    size_t count =
        layout_overlays(layout, layers->width, layers->height, looks, LAYOUT_OVERLAYS_MAX);
    const size_t named = count;
    bool has_sign[LAYOUT_LIVE + 1] = {false};
    for (size_t i = 0; i < named; i++)
        has_sign[looks[i].kind] = true;
    for (int kind = LAYOUT_REC; kind <= LAYOUT_LIVE; kind++) {
        if (!has_sign[kind])
            looks[count++] = default_sign(layers, (enum layout_overlay_kind)kind);
    }
    for (size_t i = 0; i < COMP_LAYERS_MAX; i++) {
        struct comp_layer *l = &layers->list[i];
        if (i < count)
            set(layers, l, &looks[i], NULL);
        else
            drop(layers, l);
        l->is_default = i >= named;
    }
    layers->count = count;
    set_background(layers, layout_background_image(layout), ground);
}

/* --- [tick]: what is there -----------------------------------------------------------------------
 */

static bool is_on(const struct comp_layer *l, uint32_t signs)
{
    if (!l->want.is_wanted)
        return false;
    if (l->want.look.kind == LAYOUT_REC)
        return signs & COMP_SIGN_REC;
    return l->want.look.kind != LAYOUT_LIVE || signs & COMP_SIGN_LIVE;
}

/* Without a place of its own LIVE stands beside REC, or where REC would be. */
static void move_default(struct comp_layers *layers, struct comp_layer *l, uint32_t signs)
{
    if (!l->is_default || l->want.look.kind != LAYOUT_LIVE)
        return;
    const struct layout_overlay corner = default_sign(layers, LAYOUT_LIVE);
    const uint32_t step = (corner.height * 13 / 4) & ~1u;
    const uint32_t x = signs & COMP_SIGN_REC && corner.x > step ? corner.x - step : corner.x;
    if (x == l->want.look.x)
        return;
    if (is_seen(l))
        damage(layers, l);
    l->want.look.x = l->has.look.x = x; /* the picture stays as it is */
    if (is_seen(l))
        damage(layers, l);
}

/* Only what is drawn on a tick may free it, so the old picture goes into the next job. */
static void take(struct comp_layers *layers, struct comp_layer *l)
{
    if (is_seen(l))
        damage(layers, l);
    const struct comp_caption old = l->drawn;
    l->drawn = l->made;
    l->made = old;
    l->has = l->asked;
    if (is_seen(l))
        damage(layers, l);
}

static void light(struct comp_layers *layers, struct comp_layer *l, bool is_lit)
{
    if (l->is_lit == is_lit)
        return;
    if (is_seen(l))
        damage(layers, l);
    l->is_lit = is_lit;
    if (is_seen(l))
        damage(layers, l);
}

/* Whether what it has is of the layout that it is wanted for, however old. */
static bool has_look(const struct comp_layer *l)
{
    return l->has.is_wanted && strcmp(l->has.text, l->want.text) == 0 &&
           is_same_look(&l->has.look, &l->want.look);
}

static void update(struct comp_layers *layers, struct comp_layer *l,
                   struct comp_decorator *decorator, uint32_t signs, int64_t unix_s)
{
    move_default(layers, l, signs);
    if (l->want.look.kind == LAYOUT_CLOCK)
        l->want.step = unix_s / comp_clock_step_s(l->want.look.format);
    if (is_image(l))
        l->want.images = comp_images_generation(l->images);
    const bool is_wanted = is_on(l, signs);
    if (is_wanted && comp_job_is_idle(&l->job) && !is_same(&l->has, &l->want)) {
        l->asked = l->want;
        comp_decorator_ask(decorator, &l->job);
    }
    if (comp_job_take(&l->job))
        take(layers, l);
    light(layers, l, is_wanted && has_look(l));
}

bool comp_layers_update(struct comp_layers *layers, struct comp_decorator *decorator,
                        uint32_t signs, int64_t unix_s)
{
    update(layers, &layers->background, decorator, signs, unix_s);
    for (size_t i = 0; i < layers->count; i++)
        update(layers, &layers->list[i], decorator, signs, unix_s);
    return layers->damage_count > 0 || layers->is_background_new;
}

bool comp_layers_clear(const struct comp_layers *layers, struct comp_canvas *canvas,
                       const struct comp_rect *clip)
{
    const struct comp_layer *l = &layers->background;
    if (!is_seen(l))
        return false;
    comp_overlay_copy(l->drawn.overlay, canvas, clip);
    return true;
}

void comp_layers_draw(const struct comp_layers *layers, struct comp_canvas *canvas,
                      const struct comp_rect *clip)
{
    struct comp_rect rect;
    for (size_t i = 0; i < layers->count; i++) {
        if (comp_layer_rect(layers, i, &rect) && comp_rects_meet(&rect, clip))
            comp_overlay_blend(layers->list[i].drawn.overlay, canvas, rect.x, rect.y, clip);
    }
}

bool comp_layer_rect(const struct comp_layers *layers, size_t i, struct comp_rect *rect)
{
    if (!is_seen(&layers->list[i]))
        return false;
    *rect = rect_of(&layers->list[i]);
    return true;
}
