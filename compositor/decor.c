/* What lies on tiles; see decor.h. One job per tile's owner goes back and forth between [tick] and
 * [decor]; whoever has it may touch it, so the state is all that they share. */
#include "compositor/decor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compositor/label.h"
#include "mcu/base/thread.h"

enum { DECOR_JOBS_MAX = COMP_SOURCES_MAX };

struct comp_decorator {
    pthread_t thread;
    bool is_started;

    pthread_mutex_t lock; /* protects all below */
    pthread_cond_t work;
    pthread_cond_t done;
    struct comp_decor *jobs[DECOR_JOBS_MAX]; /* asked, in order */
    size_t count;
    struct comp_decor *busy;
    bool is_stopping;
};

/* --- looks ---------------------------------------------------------------------------------------
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

static void free_set(struct comp_decor_set *set)
{
    comp_overlay_unref(set->label);
    comp_overlay_unref(set->avatar);
    comp_overlay_unref(set->more);
    memset(set, 0, sizeof(*set));
}

void comp_decor_finish(struct comp_decor *d)
{
    free_set(&d->job);
    free_set(&d->has);
    memset(d, 0, sizeof(*d));
}

/* --- drawing: [decor], or [tick] offline ---------------------------------------------------------
 */

static void render(struct comp_decor *d)
{
    const struct comp_decor_want want = d->job.want;
    free_set(&d->job);
    d->job.want = want;
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
        comp_label_render(&d->job.label, &conf);
    if (want.has_avatar)
        comp_avatar_render(&d->job.avatar, person->user, name, want.width, want.height);
    if (want.more)
        comp_more_render(&d->job.more, want.more, want.width, want.height);
}

static struct comp_decor *next_job(struct comp_decorator *w)
{
    if (w->count == 0)
        return NULL;
    struct comp_decor *d = w->jobs[0];
    w->count--;
    memmove(&w->jobs[0], &w->jobs[1], w->count * sizeof(*w->jobs));
    return d;
}

static void *run(void *arg)
{
    struct comp_decorator *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->is_stopping) {
        struct comp_decor *d = next_job(w);
        if (!d) {
            pthread_cond_wait(&w->work, &w->lock);
            continue;
        }
        w->busy = d;
        pthread_mutex_unlock(&w->lock);
        render(d);
        atomic_store_explicit(&d->state, DECOR_DONE, memory_order_release);
        pthread_mutex_lock(&w->lock);
        w->busy = NULL;
        pthread_cond_broadcast(&w->done);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

int comp_decorator_create(struct comp_decorator **out)
{
    struct comp_decorator *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    pthread_cond_init(&w->done, NULL);
    const int err = mcu_thread_start(&w->thread, "decor", run, w);
    if (err) {
        comp_decorator_destroy(w);
        return err;
    }
    w->is_started = true;
    *out = w;
    return 0;
}

void comp_decorator_destroy(struct comp_decorator *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->is_stopping = true;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    if (w->is_started)
        pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->done);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

void comp_decorator_forget(struct comp_decorator *w, struct comp_decor *d)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    size_t kept = 0;
    for (size_t i = 0; i < w->count; i++) {
        if (w->jobs[i] != d)
            w->jobs[kept++] = w->jobs[i];
    }
    w->count = kept;
    while (w->busy == d)
        pthread_cond_wait(&w->done, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

/* False: full; the next tick asks again. */
static bool ask(struct comp_decorator *w, struct comp_decor *d)
{
    pthread_mutex_lock(&w->lock);
    const bool has_room = w->count < DECOR_JOBS_MAX;
    if (has_room) {
        w->jobs[w->count++] = d;
        pthread_cond_signal(&w->work);
    }
    pthread_mutex_unlock(&w->lock);
    return has_room;
}

/* --- [tick] --------------------------------------------------------------------------------------
 */

static bool is_same(const struct comp_decor_want *a, const struct comp_decor_want *b)
{
    return a->width == b->width && a->height == b->height && a->more == b->more &&
           a->generation == b->generation && a->has_label == b->has_label &&
           a->has_avatar == b->has_avatar;
}

/* What was drawn becomes what it has; the old pictures go to the job, whose next drawer frees them.
 */
static void take_job(struct comp_decor *d)
{
    const struct comp_decor_set old = d->has;
    d->has = d->job;
    d->job = old;
    atomic_store_explicit(&d->state, DECOR_IDLE, memory_order_relaxed);
}

static void order(struct comp_decor *d, struct comp_decorator *decorator,
                  const struct comp_decor_want *want)
{
    d->job.want = *want;
    if (!decorator) {
        render(d);
        atomic_store_explicit(&d->state, DECOR_DONE, memory_order_relaxed);
        return;
    }
    atomic_store_explicit(&d->state, DECOR_ASKED, memory_order_release);
    if (!ask(decorator, d))
        atomic_store_explicit(&d->state, DECOR_IDLE, memory_order_relaxed);
}

bool comp_decor_update(struct comp_decor *d, struct comp_decorator *decorator,
                       const struct comp_decor_want *want, bool has_ring)
{
    bool has_changed = d->has_ring != has_ring;
    d->has_ring = has_ring;
    if (atomic_load_explicit(&d->state, memory_order_acquire) == DECOR_IDLE &&
        !is_same(&d->has.want, want))
        order(d, decorator, want);
    if (atomic_load_explicit(&d->state, memory_order_acquire) == DECOR_DONE) {
        take_job(d);
        has_changed = true;
    }
    return has_changed;
}

static bool is_for(const struct comp_decor_set *set, const struct comp_rect *tile)
{
    return set->want.width == tile->width && set->want.height == tile->height;
}

bool comp_decor_draw_avatar(const struct comp_decor *d, struct comp_canvas *canvas,
                            const struct comp_rect *tile)
{
    if (!d->has.avatar || !is_for(&d->has, tile))
        return false;
    comp_overlay_blend(d->has.avatar, canvas, tile->x, tile->y, tile);
    return true;
}

static void draw_ring(struct comp_canvas *canvas, const struct comp_rect *t)
{
    static const uint32_t green = 0x3ddc84;
    const uint32_t px = t->height >= 240 ? 4 : 2;
    if (t->width < 4 * px || t->height < 4 * px)
        return;
    const struct comp_colour colour = comp_colour_from_rgb(green);
    const struct comp_rect sides[] = {
        {t->x, t->y, t->width, px},
        {t->x, t->y + t->height - px, t->width, px},
        {t->x, t->y, px, t->height},
        {t->x + t->width - px, t->y, px, t->height},
    };
    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
        comp_canvas_fill(canvas, &sides[i], &colour);
}

/* In the lower left corner, a little off the edges. */
static void draw_label(const struct comp_overlay *label, struct comp_canvas *canvas,
                       const struct comp_rect *t)
{
    const uint32_t off = (t->height / 60 + 2) & ~1u;
    const uint32_t need = comp_overlay_height(label) + off;
    const uint32_t y = t->height > need ? t->y + t->height - need : t->y;
    comp_overlay_blend(label, canvas, t->x + off, y & ~1u, t);
}

void comp_decor_draw(const struct comp_decor *d, struct comp_canvas *canvas,
                     const struct comp_rect *tile)
{
    if (d->has.more && is_for(&d->has, tile))
        comp_overlay_blend(d->has.more, canvas, tile->x, tile->y, tile);
    if (d->has_ring)
        draw_ring(canvas, tile);
    if (d->has.label)
        draw_label(d->has.label, canvas, tile);
}

bool comp_decor_is_there(const struct comp_decor *d)
{
    return d->has.label || d->has.more || d->has_ring;
}
