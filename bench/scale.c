/* bench/scale - which scaler is fastest at which ratio: libyuv's filters, libswscale's, and what
 * comp_scale() chooses. Microseconds a picture, the best of many runs, and PSNR (luma, dB) against
 * libswscale's Lanczos.
 *
 * Usage: scale [RUNS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/frame.h>
#include <libswscale/swscale.h>
#include <libyuv/scale.h>

#include "compositor/scale.h"
#include "mcu/base/clock.h"
#include "tests/lib/scenes.h"

enum { PAD_PX = 64 };

static const struct {
    const char *name;
    uint32_t from_width, from_height, to_width, to_height;
} ratios[] = {
    {"1:1", 640, 360, 640, 360},          {"4:3", 640, 360, 480, 270},
    {"3:2", 640, 360, 426, 240},          {"2:1", 640, 360, 320, 180},
    {"3:1", 640, 360, 212, 120},          {"4:1", 640, 360, 160, 90},
    {"8:1", 1280, 720, 160, 90},          {"up 3:2", 426, 240, 640, 360},
    {"up 2:1", 320, 180, 640, 360},       {"720p to 3x3", 1280, 720, 426, 240},
    {"720p to 4x4", 1280, 720, 320, 180}, {"720p to 5x5", 1280, 720, 256, 144},
};

static const struct way {
    const char *name;
    int libyuv; /* enum FilterMode, or -1 */
    int sws;    /* SWS_..., 0: comp_scale() */
} ways[] = {
    {"libyuv box", kFilterBox, 0},
    {"libyuv bilinear", kFilterBilinear, 0},
    {"sws fast bilinear", -1, SWS_FAST_BILINEAR},
    {"sws bilinear", -1, SWS_BILINEAR},
    {"sws area", -1, SWS_AREA},
    {"sws bicubic", -1, SWS_BICUBIC},
    {"comp_scale", -1, 0},
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static struct SwsContext *make_sws(const AVFrame *from, const AVFrame *to, int flags)
{
    return sws_getContext(from->width, from->height, AV_PIX_FMT_YUV420P, to->width, to->height,
                          AV_PIX_FMT_YUV420P, flags, NULL, NULL, NULL);
}

static AVFrame *make_frame(uint32_t width, uint32_t height)
{
    AVFrame *f = av_frame_alloc();
    if (!f)
        return NULL;
    f->format = AV_PIX_FMT_YUV420P;
    f->width = (int)width + PAD_PX; /* libswscale writes past the edge */
    f->height = (int)height;
    if (av_frame_get_buffer(f, PAD_PX) < 0)
        av_frame_free(&f);
    else
        f->width = (int)width;
    return f;
}

static void run_way(const struct way *w, struct SwsContext *sws, struct comp_scaler *scaler,
                    const AVFrame *from, const AVFrame *to)
{
    if (w->libyuv >= 0) {
        I420Scale(from->data[0], from->linesize[0], from->data[1], from->linesize[1], from->data[2],
                  from->linesize[2], from->width, from->height, to->data[0], to->linesize[0],
                  to->data[1], to->linesize[1], to->data[2], to->linesize[2], to->width, to->height,
                  (enum FilterMode)w->libyuv);
    } else if (sws) {
        sws_scale(sws, (const uint8_t *const *)from->data, from->linesize, 0, from->height,
                  to->data, to->linesize);
    } else {
        struct comp_canvas canvas = {.width = (uint32_t)to->width, .height = (uint32_t)to->height};
        for (int p = 0; p < COMP_PLANES; p++) {
            canvas.plane[p] = to->data[p];
            canvas.stride[p] = to->linesize[p];
        }
        const struct comp_rect crop = {0, 0, (uint32_t)from->width, (uint32_t)from->height};
        const struct comp_rect all = {0, 0, canvas.width, canvas.height};
        comp_scale(scaler, from, &crop, &canvas, &all);
    }
}

static int64_t best_us(const struct way *w, struct SwsContext *sws, struct comp_scaler *scaler,
                       const AVFrame *from, const AVFrame *to, int runs)
{
    enum { REPEAT = 8 };
    int64_t best = INT64_MAX;
    for (int i = 0; i < runs; i++) {
        const int64_t from_us = mcu_now_us();
        for (int k = 0; k < REPEAT; k++)
            run_way(w, sws, scaler, from, to);
        const int64_t us = (mcu_now_us() - from_us) * 10 / REPEAT;
        best = us < best ? us : best;
    }
    return best; /* tenths */
}

static double psnr_db(const AVFrame *a, const AVFrame *b)
{
    const struct comp_canvas canvas = {.width = (uint32_t)a->width,
                                       .height = (uint32_t)a->height,
                                       .plane = {a->data[0]},
                                       .stride = {a->linesize[0]}};
    return scene_psnr_db(scene_squared_error(&canvas, b->data[0], b->linesize[0]),
                         (double)a->width * a->height);
}

static int measure(size_t row, int runs)
{
    struct comp_canvas picture = {0};
    static struct scene scene;
    AVFrame *from = make_frame(ratios[row].from_width, ratios[row].from_height);
    AVFrame *to = make_frame(ratios[row].to_width, ratios[row].to_height);
    AVFrame *reference = make_frame(ratios[row].to_width, ratios[row].to_height);
    if (!from || !to || !reference ||
        comp_canvas_init(&picture, ratios[row].from_width, ratios[row].from_height))
        return 1;
    scene_init(&scene, 1, 1);
    scene_paint(&scene, &picture, 5);
    for (int p = 0; p < COMP_PLANES; p++) {
        for (int y = 0; y < from->height >> (p > 0); y++)
            memcpy(from->data[p] + y * from->linesize[p], picture.plane[p] + y * picture.stride[p],
                   (size_t)(from->width >> (p > 0)));
    }
    comp_canvas_finish(&picture);
    struct SwsContext *lanczos = make_sws(from, reference, SWS_LANCZOS | SWS_ACCURATE_RND);
    run_way(&(struct way){"", -1, SWS_LANCZOS}, lanczos, NULL, from, reference);
    sws_freeContext(lanczos);
    printf("%-12s", ratios[row].name);
    for (size_t i = 0; i < WAYS; i++) {
        struct comp_scaler scaler = {0};
        struct SwsContext *sws = ways[i].sws ? make_sws(from, to, ways[i].sws) : NULL;
        const int64_t tenths = best_us(&ways[i], sws, &scaler, from, to, runs);
        printf("%9.1f (%4.1f)", (double)tenths / 10, psnr_db(to, reference));
        sws_freeContext(sws);
        comp_scaler_finish(&scaler);
    }
    printf("\n");
    av_frame_free(&from);
    av_frame_free(&to);
    av_frame_free(&reference);
    return 0;
}

int main(int argc, char **argv)
{
    const int runs = argc > 1 ? atoi(argv[1]) : 40;
    printf("%-12s", "us (dB)");
    for (size_t i = 0; i < WAYS; i++)
        printf("%16s", ways[i].name);
    printf("\n");
    for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++) {
        if (measure(i, runs < 1 ? 1 : runs))
            return 1;
    }
    return 0;
}
