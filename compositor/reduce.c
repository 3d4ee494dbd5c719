/* Smaller pictures of a canvas; see reduce.h. The lock covers the list, never the scaling.
 *
 * There is one place more than streams that may ask, so one is always free, and the newest picture
 * is given up last. */
#include "compositor/reduce.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <libavutil/frame.h>

#include "compositor/comp.h"
#include "compositor/scale.h"

enum { PLACES = COMP_STREAMS_MAX + 1 };

enum place_state {
    PLACE_EMPTY,
    PLACE_BUSY, /* somebody scales into it, and holds it */
    PLACE_READY,
};

struct place {
    enum place_state state;
    uint64_t picture; /* whose smaller one it is */
    struct comp_canvas canvas;
    struct comp_scaler scaler;
    AVFrame *frame; /* only refers to the canvas that is scaled */
};

struct comp_reduction {
    uint32_t width, height; /* fixed */

    pthread_mutex_t lock; /* protects the states and pictures */
    pthread_cond_t changed;
    struct place places[PLACES];
};

int comp_reduction_create(struct comp_reduction **out, uint32_t width, uint32_t height)
{
    struct comp_reduction *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    r->width = width;
    r->height = height;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    *out = r;
    return 0;
}

void comp_reduction_destroy(struct comp_reduction *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < PLACES; i++) {
        comp_canvas_finish(&r->places[i].canvas);
        comp_scaler_finish(&r->places[i].scaler);
        av_frame_free(&r->places[i].frame);
    }
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->changed);
    free(r);
}

uint32_t comp_reduction_width(const struct comp_reduction *r)
{
    return r->width;
}

uint32_t comp_reduction_height(const struct comp_reduction *r)
{
    return r->height;
}

/* --- [enc], under the lock ----------------------------------------------------------------------
 */

static struct place *find(struct comp_reduction *r, uint64_t picture)
{
    for (size_t i = 0; i < PLACES; i++) {
        if (r->places[i].state != PLACE_EMPTY && r->places[i].picture == picture)
            return &r->places[i];
    }
    return NULL;
}

/* The oldest that nobody holds, or an empty one in the place of the newest. */
static struct place *find_free(struct comp_reduction *r)
{
    struct place *oldest = NULL, *empty = NULL;
    uint64_t newest = 0;
    for (size_t i = 0; i < PLACES; i++) {
        struct place *p = &r->places[i];
        if (p->state == PLACE_EMPTY) {
            empty = empty ? empty : p;
            continue;
        }
        newest = p->picture > newest ? p->picture : newest;
        if (p->state == PLACE_READY && !comp_canvas_is_held(&p->canvas) &&
            (!oldest || p->picture < oldest->picture))
            oldest = p;
    }
    return oldest && (oldest->picture < newest || !empty) ? oldest : empty;
}

/* The place for this picture: ready, or busy and the caller's to fill. */
static struct place *take_place(struct comp_reduction *r, uint64_t picture, bool *is_mine)
{
    pthread_mutex_lock(&r->lock);
    struct place *p;
    while ((p = find(r, picture)) && p->state == PLACE_BUSY)
        pthread_cond_wait(&r->changed, &r->lock);
    *is_mine = !p;
    if (!p)
        p = find_free(r);
    if (p && *is_mine) {
        p->state = PLACE_BUSY;
        p->picture = picture;
    }
    if (p)
        comp_canvas_hold(&p->canvas);
    pthread_mutex_unlock(&r->lock);
    return p;
}

static void settle(struct comp_reduction *r, struct place *p, enum place_state state)
{
    pthread_mutex_lock(&r->lock);
    p->state = state;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

/* --- [enc] ---------------------------------------------------------------------------------------
 */

static int prepare(const struct comp_reduction *r, struct place *p)
{
    if (!p->frame)
        p->frame = av_frame_alloc();
    if (!p->frame)
        return -ENOMEM;
    return p->canvas.memory ? 0 : comp_canvas_make_memory(&p->canvas, r->width, r->height);
}

static int fill(const struct comp_reduction *r, struct place *p, const struct comp_canvas *from)
{
    const int err = prepare(r, p);
    if (err)
        return err;
    AVFrame *f = p->frame;
    f->format = AV_PIX_FMT_YUV420P;
    f->width = (int)from->width;
    f->height = (int)from->height;
    f->colorspace = AVCOL_SPC_SMPTE170M;
    f->color_range = AVCOL_RANGE_MPEG;
    for (int i = 0; i < COMP_PLANES; i++) {
        f->data[i] = from->plane[i];
        f->linesize[i] = from->stride[i];
    }
    const struct comp_rect all = {0, 0, from->width, from->height};
    const struct comp_rect whole = {0, 0, r->width, r->height};
    return comp_scale(&p->scaler, f, &all, &p->canvas, &whole);
}

struct comp_canvas *comp_reduction_get(struct comp_reduction *r, const struct comp_canvas *canvas,
                                       bool *was_made)
{
    *was_made = false;
    bool is_mine;
    struct place *p = take_place(r, canvas->picture, &is_mine);
    if (!p)
        return NULL; /* cannot be: see PLACES */
    if (!is_mine)
        return &p->canvas;
    const int err = fill(r, p, canvas);
    if (err)
        comp_canvas_release(&p->canvas);
    settle(r, p, err ? PLACE_EMPTY : PLACE_READY);
    *was_made = !err;
    return err ? NULL : &p->canvas;
}
