/* Scaled pictures that several views want; see share.h. */
#include "compositor/share.h"

#include <string.h>

#include <libyuv/planar_functions.h>

void comp_shares_finish(struct comp_shares *shares)
{
    for (size_t i = 0; i < COMP_SHARES_MAX; i++)
        comp_canvas_finish(&shares->share[i].canvas);
    memset(shares, 0, sizeof(*shares));
}

static bool is_for(const struct comp_share *s, const struct comp_rect *crop,
                   const struct comp_rect *inner)
{
    return s->width == inner->width && s->height == inner->height &&
           memcmp(&s->crop, crop, sizeof(*crop)) == 0;
}

/* The share of this size; a new one takes the place of the one that was drawn longest ago. */
static struct comp_share *find(struct comp_shares *shares, const struct comp_rect *crop,
                               const struct comp_rect *inner)
{
    struct comp_share *oldest = &shares->share[0];
    for (size_t i = 0; i < COMP_SHARES_MAX; i++) {
        struct comp_share *s = &shares->share[i];
        if (is_for(s, crop, inner))
            return s;
        if (s->picture < oldest->picture)
            oldest = s;
    }
    oldest->crop = *crop;
    oldest->width = inner->width;
    oldest->height = inner->height;
    oldest->picture = 0;
    oldest->is_wanted = false;
    oldest->is_ready = false;
    return oldest;
}

static int make_room(struct comp_share *s)
{
    if (s->canvas.memory && s->canvas.width == s->width && s->canvas.height == s->height)
        return 0;
    comp_canvas_finish(&s->canvas);
    return comp_canvas_init(&s->canvas, s->width, s->height);
}

static void copy(const struct comp_canvas *from, struct comp_canvas *to, const struct comp_rect *at)
{
    for (int p = 0; p < COMP_PLANES; p++) {
        const int shift = p ? 1 : 0;
        CopyPlane(from->plane[p], from->stride[p],
                  to->plane[p] + (size_t)(at->y >> shift) * (size_t)to->stride[p] +
                      (at->x >> shift),
                  to->stride[p], (int)(at->width >> shift), (int)(at->height >> shift));
    }
}

/* A picture that was not drawn at this size yet. */
static void begin(struct comp_share *s, uint64_t picture)
{
    if (s->is_ready && s->taken == 0)
        s->is_wanted = false; /* nobody came for the last one */
    s->picture = picture;
    s->is_ready = false;
}

/* What fails for want of memory is drawn directly. */
static void scale_aside(struct comp_share *s, struct comp_scaler *scaler, const AVFrame *frame)
{
    const struct comp_rect whole = {0, 0, s->width, s->height};
    s->is_ready = !make_room(s) && !comp_scale(scaler, frame, &s->crop, &s->canvas, &whole);
    s->taken = 0;
}

/* Brings the share up to this picture, if it is to have it at all. */
static void update(struct comp_shares *shares, struct comp_share *s, struct comp_scaler *scaler,
                   const AVFrame *frame, uint64_t picture)
{
    if (s->picture != picture) {
        begin(s, picture);
        s->by = scaler;
        if (s->is_wanted)
            scale_aside(s, scaler, frame);
    } else if (s->by != scaler) { /* another view, not this one again for the sake of a label */
        s->is_wanted = true;
        s->taken += s->is_ready;
        shares->taken += s->is_ready;
    }
}

int comp_shares_draw(struct comp_shares *shares, struct comp_scaler *scaler, const AVFrame *frame,
                     uint64_t picture, const struct comp_rect *crop, struct comp_canvas *canvas,
                     const struct comp_rect *inner)
{
    if (crop->width == inner->width && crop->height == inner->height)
        return comp_scale(scaler, frame, crop, canvas, inner); /* a copy anyway */
    struct comp_share *s = find(shares, crop, inner);
    update(shares, s, scaler, frame, picture);
    if (!s->is_ready)
        return comp_scale(scaler, frame, crop, canvas, inner);
    copy(&s->canvas, canvas, inner);
    return 0;
}
