/* What lies on tiles; see decor.h. */
#include "compositor/decor.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compositor/label.h"
#include "compositor/shape.h"

/* --- people --------------------------------------------------------------------------------------
 */

int comp_person_init(struct comp_person *p, const char *user)
{
    memset(p, 0, sizeof(*p));
    p->user = strdup(user);
    if (!p->user)
        return -ENOMEM;
    pthread_mutex_init(&p->lock, NULL);
    p->look.bars = COMP_BARS_UNKNOWN;
    snprintf(p->name, sizeof(p->name), "%s", user);
    return 0;
}

void comp_person_finish(struct comp_person *p)
{
    if (!p->user)
        return;
    pthread_mutex_destroy(&p->lock);
    free(p->user);
    p->user = NULL;
}

void comp_person_set_look(struct comp_person *p, const struct comp_look *look)
{
    pthread_mutex_lock(&p->lock);
    p->look = *look;
    snprintf(p->name, sizeof(p->name), "%s", look->name ? look->name : p->user);
    snprintf(p->role, sizeof(p->role), "%s", look->role ? look->role : "");
    pthread_mutex_unlock(&p->lock);
    atomic_fetch_add_explicit(&p->generation, 1, memory_order_release);
}

/* --- drawing: [decor], or [tick] offline ---------------------------------------------------------
 */

static void free_set(struct comp_decor_set *set)
{
    comp_overlay_unref(set->label);
    comp_overlay_unref(set->avatar);
    comp_overlay_unref(set->more);
    for (size_t i = 0; i < DECOR_LEVELS; i++)
        comp_overlay_unref(set->rings[i]);
    memset(set, 0, sizeof(*set));
}

static void render_more(struct comp_decor_set *set)
{
    const struct comp_decor_want *want = &set->want;
    if (want->is_more_large)
        comp_more_render(&set->more, want->more, want->width, want->height);
    else
        comp_badge_render(&set->more, want->more, want->width, want->height);
}

static void render(struct comp_job *job)
{
    struct comp_decor *d = (struct comp_decor *)job; /* its first field */
    struct comp_decor_set *set = &d->asked;
    const struct comp_decor_want want = set->want;
    free_set(set);
    set->want = want;
    char name[COMP_NAME_BYTES];
    struct comp_person *person = d->person;
    pthread_mutex_lock(&person->lock);
    const struct comp_look look = person->look;
    memcpy(name, person->name, sizeof(name));
    pthread_mutex_unlock(&person->lock);

    const struct comp_label_conf conf = {
        .name = name,
        .tile_width = want.width,
        .tile_height = want.height,
        .is_muted = look.is_muted,
        .has_hand_up = look.has_hand_up,
        .bars = look.bars,
    };
    /* What fails for want of memory is left out until the next change. */
    if (want.has_label && name[0])
        comp_label_render(&set->label, &conf);
    if (want.has_avatar)
        comp_avatar_render(&set->avatar, person->user, name, want.width, want.height);
    for (uint32_t i = 0; i < DECOR_LEVELS && want.has_avatar && want.has_rings; i++)
        comp_ring_render(&set->rings[i], i + 1, want.width, want.height);
    if (want.more)
        render_more(set);
}

_Static_assert(offsetof(struct comp_decor, job) == 0, "render() finds the decor by its job");

void comp_decor_init(struct comp_decor *d, struct comp_person *person)
{
    d->job.run = render;
    d->person = person;
}

void comp_decor_finish(struct comp_decor *d, struct comp_decorator *decorator)
{
    comp_decorator_forget(decorator, &d->job);
    free_set(&d->asked);
    free_set(&d->has);
    memset(d, 0, sizeof(*d));
}

/* --- [tick] --------------------------------------------------------------------------------------
 */

static bool is_same(const struct comp_decor_want *a, const struct comp_decor_want *b)
{
    return a->width == b->width && a->height == b->height && a->more == b->more &&
           a->generation == b->generation && a->has_label == b->has_label &&
           a->has_avatar == b->has_avatar && a->has_rings == b->has_rings &&
           a->is_more_large == b->is_more_large;
}

/* What was drawn becomes what it has; the old pictures wait for the next drawer, who frees them. */
static void take(struct comp_decor *d)
{
    const struct comp_decor_set old = d->has;
    d->has = d->asked;
    d->asked = old;
}

/* A voice shows around the avatar where there is one for good, else around the tile. */
static bool look_who_speaks(struct comp_decor *d, bool has_ring, bool is_round)
{
    const bool is_speaking =
        has_ring && atomic_load_explicit(&d->person->is_speaking, memory_order_relaxed);
    const uint32_t heard = atomic_load_explicit(&d->person->level, memory_order_relaxed);
    const uint32_t level = is_speaking && is_round ? (heard ? heard : 1) : 0;
    const bool has_frame = is_speaking && !is_round;
    const bool has_changed = d->level != level || d->has_frame != has_frame;
    d->level = level;
    d->has_frame = has_frame;
    return has_changed;
}

bool comp_decor_update(struct comp_decor *d, struct comp_decorator *decorator,
                       const struct comp_decor_want *want, bool has_ring)
{
    bool has_changed = look_who_speaks(d, has_ring, want->has_rings);
    if (comp_job_is_idle(&d->job) && !is_same(&d->has.want, want)) {
        d->asked.want = *want;
        comp_decorator_ask(decorator, &d->job);
    }
    if (comp_job_take(&d->job)) {
        take(d);
        has_changed = true;
    }
    return has_changed;
}

static bool is_for(const struct comp_decor_set *set, const struct comp_rect *tile)
{
    return set->want.width == tile->width && set->want.height == tile->height;
}

static void blend_middle(const struct comp_overlay *o, struct comp_canvas *canvas,
                         const struct comp_rect *t)
{
    const uint32_t width = comp_overlay_width(o), height = comp_overlay_height(o);
    if (width > t->width || height > t->height)
        return;
    comp_overlay_blend(o, canvas, t->x + (((t->width - width) / 2) & ~1u),
                       t->y + (((t->height - height) / 2) & ~1u), t);
}

/* One of another size stands in the middle of its ground until the right one is there. */
void comp_decor_draw_avatar(const struct comp_decor *d, struct comp_canvas *canvas,
                            const struct comp_rect *tile)
{
    if (!d->has.avatar || !is_for(&d->has, tile)) {
        const struct comp_colour ground = comp_colour_from_rgb(comp_avatar_ground());
        comp_canvas_fill(canvas, tile, &ground);
    }
    if (d->has.avatar)
        blend_middle(d->has.avatar, canvas, tile);
    if (d->level > 0 && d->has.rings[d->level - 1])
        blend_middle(d->has.rings[d->level - 1], canvas, tile);
}

static void draw_frame(struct comp_canvas *canvas, const struct comp_rect *t,
                       const struct layout_style *style)
{
    static const uint32_t green = 0x3ddc84;
    const uint32_t px = t->height >= 240 ? 4 : 2;
    if (t->width < 4 * px || t->height < 4 * px)
        return;
    const struct comp_colour colour = comp_colour_from_rgb(green);
    comp_shape_frame(canvas, t, comp_shape_of(style, t).radius_px, px, &colour);
}

/* How far a label stands off the edges: a little, and out of the round of the corners. */
static uint32_t label_off(const struct comp_rect *t, const struct layout_style *style)
{
    const uint32_t off = t->height / 60 + 2, round = style->radius_px * 3 / 10 + 2;
    const uint32_t border = style->border_px + 2;
    uint32_t most = off > round ? off : round;
    most = most > border ? most : border;
    return most & ~1u;
}

/* Where a label of a size begins on one side of the tile: at its start, middle or end. */
static uint32_t label_at(uint32_t start, uint32_t room, uint32_t size, uint32_t off, int where)
{
    if (room <= size + off)
        return start;
    if (where == 0)
        return start + off;
    return start + ((where == 1 ? (room - size) / 2 : room - size - off) & ~1u);
}

static void draw_label(const struct comp_overlay *label, struct comp_canvas *canvas,
                       const struct comp_rect *t, const struct layout_style *style)
{
    const uint32_t off = label_off(t, style);
    const int column = (int)style->label % 3;
    const int row = style->label >= LAYOUT_BOTTOM_LEFT ? 2 : 0;
    const uint32_t x = label_at(t->x, t->width, comp_overlay_width(label), off, column);
    const uint32_t y = label_at(t->y, t->height, comp_overlay_height(label), off, row);
    comp_overlay_blend(label, canvas, x, y, t);
}

/* In the corner across from where the label is. */
static void draw_badge(const struct comp_overlay *badge, struct comp_canvas *canvas,
                       const struct comp_rect *t, const struct layout_style *style)
{
    const uint32_t off = label_off(t, style);
    const int row = style->label >= LAYOUT_BOTTOM_LEFT ? 0 : 2;
    const uint32_t x = label_at(t->x, t->width, comp_overlay_width(badge), off, 2);
    const uint32_t y = label_at(t->y, t->height, comp_overlay_height(badge), off, row);
    comp_overlay_blend(badge, canvas, x, y, t);
}

void comp_decor_draw(const struct comp_decor *d, struct comp_canvas *canvas,
                     const struct comp_rect *tile, const struct layout_style *style)
{
    const bool has_badge = d->has.more && !d->has.want.is_more_large;
    const bool is_covered = d->has.more && !has_badge && is_for(&d->has, tile);
    if (is_covered)
        comp_overlay_blend(d->has.more, canvas, tile->x, tile->y, tile);
    if (d->has_frame)
        draw_frame(canvas, tile, style);
    if (d->has.label && !is_covered) /* on a small tile it would hide the number */
        draw_label(d->has.label, canvas, tile, style);
    if (has_badge)
        draw_badge(d->has.more, canvas, tile, style);
}

bool comp_decor_is_there(const struct comp_decor *d)
{
    return d->has.label || d->has.more || d->has_frame;
}
