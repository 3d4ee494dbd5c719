/* Snapshots: [ctl] asks, a tick holds its canvas for it, [ctl] copies and releases. */
#include <errno.h>

#include <libavutil/frame.h>
#include <libavutil/imgutils.h>

#include "compositor/comp_internal.h"
#include "compositor/view.h"
#include "mcu/base/clock.h"

enum {
    PATIENCE_MS = 2000,
    WAKE_US = 1000000, /* most that a view waits for its pictures */
};

/* Puts the canvas (or NULL) in the place of one that nobody came for in time. */
static void put(struct comp_view *v, struct comp_canvas *next)
{
    struct comp_canvas *old = atomic_exchange_explicit(&v->snapshot, next, memory_order_acq_rel);
    if (old)
        comp_canvas_release(old);
}

static bool must_wait(struct comp_view *v, int64_t now_us)
{
    if (v->stream_count > 0)
        return false;
    if (v->woken_us == INT64_MAX) {
        v->woken_us = now_us;
        return true; /* what it needs is known from this tick on */
    }
    return !comp_scene_is_complete(&v->scene) && now_us - v->woken_us < WAKE_US;
}

void comp_view_serve_snapshot(struct comp_view *v, int64_t now_us)
{
    if (!atomic_load_explicit(&v->is_snapshot_asked, memory_order_acquire) || must_wait(v, now_us))
        return;
    v->woken_us = INT64_MAX;
    atomic_store_explicit(&v->is_snapshot_asked, false, memory_order_relaxed);
    comp_canvas_hold(v->canvas);
    put(v, v->canvas);
}

static int copy_canvas(const struct comp_canvas *canvas, AVFrame **out)
{
    AVFrame *f = av_frame_alloc();
    if (!f)
        return -ENOMEM;
    f->format = AV_PIX_FMT_YUV420P;
    f->width = (int)canvas->width;
    f->height = (int)canvas->height;
    f->colorspace = AVCOL_SPC_SMPTE170M;
    f->color_range = AVCOL_RANGE_MPEG;
    if (av_frame_get_buffer(f, 0) < 0) {
        av_frame_free(&f);
        return -ENOMEM;
    }
    const uint8_t *from[4] = {canvas->plane[0], canvas->plane[1], canvas->plane[2], NULL};
    const int strides[4] = {canvas->stride[0], canvas->stride[1], canvas->stride[2], 0};
    av_image_copy(f->data, f->linesize, from, strides, f->format, f->width, f->height);
    *out = f;
    return 0;
}

void comp_view_ask_snapshot(struct comp_view *v)
{
    put(v, NULL);
    atomic_store_explicit(&v->is_snapshot_asked, true, memory_order_release);
}

static int draw_now(struct comp_view *v, AVFrame **out)
{
    if (!atomic_exchange(&v->is_snapshot_asked, false))
        return -EAGAIN;
    comp_view_draw_now(v);
    return copy_canvas(v->canvas, out);
}

int comp_view_take_snapshot(struct comp_view *v, AVFrame **out)
{
    if (v->comp->conf.workers == 0)
        return draw_now(v, out);
    struct comp_canvas *canvas = atomic_exchange_explicit(&v->snapshot, NULL, memory_order_acquire);
    if (!canvas)
        return -EAGAIN;
    const int err = copy_canvas(canvas, out);
    comp_canvas_release(canvas);
    return err;
}

int comp_view_snapshot(struct comp_view *v, AVFrame **out)
{
    const int64_t until_us = mcu_now_us() + PATIENCE_MS * MCU_US_PER_MS;
    comp_view_ask_snapshot(v);
    int err;
    while ((err = comp_view_take_snapshot(v, out)) == -EAGAIN && mcu_now_us() < until_us)
        mcu_sleep_until_us(mcu_now_us() + MCU_US_PER_MS);
    return err == -EAGAIN ? -ETIMEDOUT : err;
}
