/* Fitting and scaling: the right part of a frame, in the right place, in the right colours, and not
 * one byte beside it. */
#include "tests/unit/compositor/media.h"

#include <math.h>

#include <errno.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include "compositor/scale.h"

static uint32_t seed;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static const struct {
    const char *name;
    enum layout_fit fit;
    uint32_t width, height;
    AVRational pixel;
    struct comp_rect tile, crop, inner;
} fits[] = {
    {"the same shape",
     LAYOUT_COVER,
     640,
     360,
     {1, 1},
     {0, 0, 320, 180},
     {0, 0, 640, 360},
     {0, 0, 320, 180}},
    {"wider than the tile",
     LAYOUT_COVER,
     640,
     360,
     {1, 1},
     {8, 6, 100, 100},
     {140, 0, 360, 360},
     {8, 6, 100, 100}},
    {"taller than the tile",
     LAYOUT_COVER,
     360,
     640,
     {0, 1},
     {0, 0, 200, 100},
     {0, 230, 360, 180},
     {0, 0, 200, 100}},
    {"bars above and below",
     LAYOUT_CONTAIN,
     640,
     360,
     {1, 1},
     {10, 20, 320, 320},
     {0, 0, 640, 360},
     {10, 90, 320, 180}},
    {"bars beside",
     LAYOUT_CONTAIN,
     360,
     640,
     {1, 1},
     {0, 0, 320, 320},
     {0, 0, 360, 640},
     {70, 0, 180, 320}},
    {"stretched",
     LAYOUT_FILL,
     360,
     640,
     {1, 1},
     {2, 4, 320, 320},
     {0, 0, 360, 640},
     {2, 4, 320, 320}},
    {"wide pixels",
     LAYOUT_CONTAIN,
     320,
     480,
     {2, 1},
     {0, 0, 640, 640},
     {0, 0, 320, 480},
     {0, 80, 640, 480}},
    {"pixels of a silly shape",
     LAYOUT_CONTAIN,
     640,
     360,
     {1, 2000000000},
     {0, 0, 640, 360},
     {0, 0, 640, 360},
     {0, 0, 640, 360}},
    {"an odd size",
     LAYOUT_COVER,
     641,
     361,
     {1, 1},
     {0, 0, 640, 360},
     {0, 0, 640, 360},
     {0, 0, 640, 360}},
    {"a thread", LAYOUT_COVER, 4096, 2, {1, 1}, {0, 0, 2, 640}, {2046, 0, 2, 2}, {0, 0, 2, 640}},
    {"a thread, whole",
     LAYOUT_CONTAIN,
     4096,
     2,
     {1, 1},
     {0, 0, 640, 360},
     {0, 0, 4096, 2},
     {0, 178, 640, 2}},
};

static bool is_rect(const struct comp_rect *a, const struct comp_rect *b)
{
    return a->x == b->x && a->y == b->y && a->width == b->width && a->height == b->height;
}

static void frames_fit_tiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(fits) / sizeof(fits[0]); i++) {
        struct comp_rect crop, inner;
        assert_int_equal(comp_fit(fits[i].fit, fits[i].width, fits[i].height, fits[i].pixel,
                                  &fits[i].tile, &crop, &inner),
                         0);
        if (!is_rect(&crop, &fits[i].crop) || !is_rect(&inner, &fits[i].inner))
            fail_msg("%s: crop %u,%u %ux%u inner %u,%u %ux%u", fits[i].name, crop.x, crop.y,
                     crop.width, crop.height, inner.x, inner.y, inner.width, inner.height);
    }
    struct comp_rect crop, inner;
    assert_int_equal(comp_fit(LAYOUT_COVER, 1, 9, (AVRational){1, 1}, &fits[0].tile, &crop, &inner),
                     -EINVAL);
    assert_int_equal(
        comp_fit(LAYOUT_COVER, 99999, 9, (AVRational){1, 1}, &fits[0].tile, &crop, &inner),
        -EINVAL);
}

static void any_frame_fits_any_tile_within_bounds(void **state)
{
    (void)state;
    seed = 1;
    for (int i = 0; i < 200000; i++) {
        const enum layout_fit fit = (enum layout_fit)random_below(3);
        const uint32_t w = 2 + random_below(4096), h = 2 + random_below(4096);
        const AVRational pixel = {(int)random_below(70), (int)random_below(70)};
        const struct comp_rect tile = {2 * random_below(99), 2 * random_below(99),
                                       2 + 2 * random_below(2000), 2 + 2 * random_below(2000)};
        struct comp_rect c, n;
        assert_int_equal(comp_fit(fit, w, h, pixel, &tile, &c, &n), 0);
        const bool is_even =
            !((c.x | c.y | c.width | c.height | n.x | n.y | n.width | n.height) & 1);
        if (!is_even || !c.width || !c.height || !n.width || !n.height || c.x + c.width > w ||
            c.y + c.height > h || n.x < tile.x || n.y < tile.y ||
            n.x + n.width > tile.x + tile.width || n.y + n.height > tile.y + tile.height)
            fail_msg("fit %d of %ux%u, pixel %d/%d, into %ux%u", fit, w, h, pixel.num, pixel.den,
                     tile.width, tile.height);
    }
}

static AVFrame *make_frame(int format, int width, int height)
{
    AVFrame *f = av_frame_alloc();
    f->format = format;
    f->width = width;
    f->height = height;
    assert_int_equal(av_frame_get_buffer(f, 0), 0);
    return f;
}

/* A smooth picture: what scaling filters agree on. */
static void paint_waves(AVFrame *f)
{
    for (int p = 0; p < 3; p++) {
        const int w = p ? (f->width + 1) / 2 : f->width, h = p ? (f->height + 1) / 2 : f->height;
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++)
                f->data[p][y * f->linesize[p] + x] =
                    (uint8_t)(128 + 50 * sin(6.0 * x / w + p) + 40 * cos(5.0 * y / h));
        }
    }
}

static double psnr(const struct comp_canvas *canvas, const struct comp_rect *r,
                   const AVFrame *reference)
{
    double error = 0;
    size_t n = 0;
    for (int p = 0; p < 3; p++) {
        const uint32_t shift = p ? 1 : 0;
        for (uint32_t y = 0; y < r->height >> shift; y++) {
            for (uint32_t x = 0; x < r->width >> shift; x++, n++) {
                const int a = canvas->plane[p][((r->y >> shift) + y) * (uint32_t)canvas->stride[p] +
                                               (r->x >> shift) + x];
                const int b = reference->data[p][y * (uint32_t)reference->linesize[p] + x];
                error += (a - b) * (a - b);
            }
        }
    }
    return error > 0 ? 10 * log10(255.0 * 255.0 * (double)n / error) : 100;
}

static AVFrame *scale_plainly(const AVFrame *f, const struct comp_rect *crop, uint32_t w,
                              uint32_t h)
{
    AVFrame *out = make_frame(AV_PIX_FMT_YUV420P, (int)w, (int)h);
    struct SwsContext *sws =
        sws_getContext((int)crop->width, (int)crop->height, f->format, (int)w, (int)h,
                       AV_PIX_FMT_YUV420P, SWS_AREA | SWS_ACCURATE_RND, NULL, NULL, NULL);
    const uint8_t *planes[4] = {NULL};
    for (int p = 0; p < 3; p++) {
        const uint32_t shift = p ? 1 : 0;
        planes[p] = f->data[p] + (crop->y >> shift) * (uint32_t)f->linesize[p] + (crop->x >> shift);
    }
    sws_scale(sws, planes, f->linesize, 0, (int)crop->height, out->data, out->linesize);
    sws_freeContext(sws);
    return out;
}

enum { GUARD = 201, CANVAS_W = 400, CANVAS_H = 300 };

static void fill_guard(struct comp_canvas *canvas)
{
    const struct comp_rect all = {0, 0, canvas->width, canvas->height};
    comp_canvas_fill(canvas, &all, &(struct comp_colour){{GUARD, GUARD, GUARD}});
}

static size_t changed_outside(const struct comp_canvas *canvas, const struct comp_rect *r)
{
    size_t changed = 0;
    for (int p = 0; p < 3; p++) {
        const uint32_t shift = p ? 1 : 0, x0 = r->x >> shift, y0 = r->y >> shift;
        for (uint32_t y = 0; y < canvas->height >> shift; y++) {
            for (uint32_t x = 0; x < canvas->width >> shift; x++) {
                const bool is_inside = x >= x0 && x < x0 + (r->width >> shift) && y >= y0 &&
                                       y < y0 + (r->height >> shift);
                changed +=
                    !is_inside && canvas->plane[p][y * (uint32_t)canvas->stride[p] + x] != GUARD;
            }
        }
    }
    return changed;
}

static struct comp_rect random_rect(void)
{
    struct comp_rect r = {.width = 2 + 2 * random_below(CANVAS_W / 2 - 1),
                          .height = 2 + 2 * random_below(CANVAS_H / 2 - 1)};
    r.x = 2 * random_below((CANVAS_W - r.width) / 2 + 1);
    r.y = 2 * random_below((CANVAS_H - r.height) / 2 + 1);
    return r;
}

static void scaling_stays_in_its_rectangle_and_looks_right(void **state)
{
    (void)state;
    seed = 7;
    struct comp_canvas canvas = {0};
    assert_int_equal(comp_canvas_init(&canvas, CANVAS_W, CANVAS_H), 0);
    struct comp_scaler scaler = {0};
    for (int i = 0; i < 400; i++) {
        const struct comp_rect tile = random_rect();
        /* every third time an exact ratio, where the shortcuts are */
        const int factor = 1 << random_below(4);
        const int third = i % 2 ? 3 : 1; /* and 4:3, 8:3 where it is a whole number */
        const int w = i % 3 ? 16 + (int)random_below(800) : (int)tile.width * factor / third;
        const int h = i % 3 ? 16 + (int)random_below(600) : (int)tile.height * factor / third;
        AVFrame *f = make_frame(AV_PIX_FMT_YUV420P, w, h);
        paint_waves(f);
        struct comp_rect crop, inner;
        scaler.is_sharp = random_below(4) == 0;
        comp_fit((enum layout_fit)random_below(3), (uint32_t)w, (uint32_t)h, (AVRational){1, 1},
                 &tile, &crop, &inner);
        fill_guard(&canvas);
        assert_int_equal(comp_scale(&scaler, f, &crop, &canvas, &inner), 0);
        if (changed_outside(&canvas, &inner))
            fail_msg("%dx%d into %ux%u at %u,%u draws outside", w, h, inner.width, inner.height,
                     inner.x, inner.y);
        AVFrame *reference = scale_plainly(f, &crop, inner.width, inner.height);
        const double db = psnr(&canvas, &inner, reference);
        if (db < 28 && inner.width >= 16 && inner.height >= 16)
            fail_msg("%ux%u into %ux%u: %.1f dB", crop.width, crop.height, inner.width,
                     inner.height, db);
        av_frame_free(&reference);
        av_frame_free(&f);
    }
    comp_scaler_finish(&scaler);
    comp_canvas_finish(&canvas);
}

static void equal_sizes_are_copied_exactly(void **state)
{
    (void)state;
    struct comp_canvas canvas = {0};
    assert_int_equal(comp_canvas_init(&canvas, 640, 360), 0);
    struct comp_scaler scaler = {0};
    AVFrame *f = make_frame(AV_PIX_FMT_YUV420P, 320, 180);
    paint_waves(f);
    const struct comp_rect crop = {0, 0, 320, 180}, inner = {322, 2, 318, 180};
    const struct comp_rect narrow = {2, 0, 318, 180};
    assert_int_equal(comp_scale(&scaler, f, &narrow, &canvas, &inner), 0);
    for (uint32_t y = 0; y < 180; y++)
        assert_memory_equal(canvas.plane[0] + (y + 2) * (uint32_t)canvas.stride[0] + 322,
                            f->data[0] + y * (uint32_t)f->linesize[0] + 2, 318);
    const struct comp_rect same = {0, 0, 320, 180};
    assert_int_equal(comp_scale(&scaler, f, &crop, &canvas, &same), 0);
    assert_true(psnr(&canvas, &same, f) > 99);
    av_frame_free(&f);
    comp_scaler_finish(&scaler);
    comp_canvas_finish(&canvas);
}

/* Thin lines, scaled and compared with a far better filter than any that is affordable. */
static double lines_db(bool is_sharp, uint32_t width, uint32_t height)
{
    struct comp_canvas canvas = {0};
    assert_int_equal(comp_canvas_init(&canvas, CANVAS_W, CANVAS_H), 0);
    AVFrame *f = make_frame(AV_PIX_FMT_YUV420P, 400, 240);
    paint_waves(f);
    for (int y = 0; y < 240; y++) {
        for (int x = 0; x < 400; x++) {
            if (x % 7 < 2 || y % 9 < 2 || (x + y) % 11 < 2)
                f->data[0][y * f->linesize[0] + x] = 30;
        }
    }
    struct SwsContext *sws =
        sws_getContext(400, 240, f->format, (int)width, (int)height, AV_PIX_FMT_YUV420P,
                       SWS_LANCZOS | SWS_ACCURATE_RND, NULL, NULL, NULL);
    AVFrame *best = make_frame(AV_PIX_FMT_YUV420P, (int)width, (int)height);
    sws_scale(sws, (const uint8_t *const *)f->data, f->linesize, 0, 240, best->data,
              best->linesize);
    sws_freeContext(sws);
    struct comp_scaler scaler = {.is_sharp = is_sharp};
    const struct comp_rect crop = {0, 0, 400, 240}, inner = {0, 0, width, height};
    assert_int_equal(comp_scale(&scaler, f, &crop, &canvas, &inner), 0);
    const double db = psnr(&canvas, &inner, best);
    comp_scaler_finish(&scaler);
    comp_canvas_finish(&canvas);
    av_frame_free(&best);
    av_frame_free(&f);
    return db;
}

static void text_is_scaled_sharper(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{200, 120}, {266, 160}, {300, 180}, {100, 60}, {160, 96}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const double plain = lines_db(false, sizes[i][0], sizes[i][1]);
        const double sharp = lines_db(true, sizes[i][0], sizes[i][1]);
        if (sharp < plain + 2)
            fail_msg("to %ux%u: %.1f dB, sharp %.1f", sizes[i][0], sizes[i][1], plain, sharp);
    }
}

/* R 0.8, G 0.3, B 0.1 in each representation; on the canvas it is one and the same. */
static const struct {
    const char *name;
    enum AVPixelFormat format;
    enum AVColorSpace space;
    enum AVColorRange range;
    int y, u, v;
} colours[] = {
    {"BT.601", AV_PIX_FMT_YUV420P, AVCOL_SPC_SMPTE170M, AVCOL_RANGE_MPEG, 109, 87, 188},
    {"nothing said", AV_PIX_FMT_YUV420P, AVCOL_SPC_UNSPECIFIED, AVCOL_RANGE_UNSPECIFIED, 109, 87,
     188},
    {"BT.709", AV_PIX_FMT_YUV420P, AVCOL_SPC_BT709, AVCOL_RANGE_MPEG, 102, 93, 186},
    {"full range", AV_PIX_FMT_YUV420P, AVCOL_SPC_SMPTE170M, AVCOL_RANGE_JPEG, 109, 81, 196},
    {"full range by format", AV_PIX_FMT_YUVJ420P, AVCOL_SPC_SMPTE170M, AVCOL_RANGE_UNSPECIFIED, 109,
     81, 196},
    {"10 bits", AV_PIX_FMT_YUV420P10, AVCOL_SPC_SMPTE170M, AVCOL_RANGE_MPEG, 109, 87, 188},
    {"NV12", AV_PIX_FMT_NV12, AVCOL_SPC_SMPTE170M, AVCOL_RANGE_MPEG, 109, 87, 188},
    {"4:4:4", AV_PIX_FMT_YUV444P, AVCOL_SPC_SMPTE170M, AVCOL_RANGE_MPEG, 109, 87, 188},
    {"4:2:2, 10 bits", AV_PIX_FMT_YUV422P10, AVCOL_SPC_BT709, AVCOL_RANGE_MPEG, 102, 93, 186},
};

static void paint_any(AVFrame *f, int y, int u, int v)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f->format);
    for (int i = 0; i < 3; i++) {
        const AVComponentDescriptor *c = &d->comp[i];
        const int w = i ? AV_CEIL_RSHIFT(f->width, d->log2_chroma_w) : f->width;
        const int h = i ? AV_CEIL_RSHIFT(f->height, d->log2_chroma_h) : f->height;
        const int value = (i == 0 ? y : i == 1 ? u : v) << (c->depth - 8);
        for (int row = 0; row < h; row++) {
            for (int x = 0; x < w; x++) {
                uint8_t *at =
                    f->data[c->plane] + row * f->linesize[c->plane] + x * c->step + c->offset;
                at[0] = (uint8_t)value;
                if (c->depth > 8)
                    at[1] = (uint8_t)(value >> 8);
            }
        }
    }
}

static void every_format_comes_out_in_the_canvas_colours(void **state)
{
    (void)state;
    struct comp_canvas canvas = {0};
    assert_int_equal(comp_canvas_init(&canvas, CANVAS_W, CANVAS_H), 0);
    for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
        static const struct comp_rect inners[] = {
            {10, 20, 126, 90}, {10, 20, 252, 180}, {10, 20, 130, 130}};
        for (size_t k = 0; k < 3; k++) {
            struct comp_scaler scaler = {0};
            AVFrame *f = make_frame(colours[i].format, 252, 180);
            f->colorspace = colours[i].space;
            f->color_range = colours[i].range;
            paint_any(f, colours[i].y, colours[i].u, colours[i].v);
            const struct comp_rect crop = {0, 0, 252, 180};
            fill_guard(&canvas);
            assert_int_equal(comp_scale(&scaler, f, &crop, &canvas, &inners[k]), 0);
            assert_int_equal(changed_outside(&canvas, &inners[k]), 0);
            const int y = canvas.plane[0][60 * canvas.stride[0] + 60];
            const int u = canvas.plane[1][30 * canvas.stride[1] + 30];
            const int v = canvas.plane[2][30 * canvas.stride[2] + 30];
            if (abs(y - 109) > 2 || abs(u - 87) > 2 || abs(v - 188) > 2)
                fail_msg("%s: %d %d %d", colours[i].name, y, u, v);
            av_frame_free(&f);
            comp_scaler_finish(&scaler);
        }
    }
    comp_canvas_finish(&canvas);
}

static void formats_that_cannot_be_read_are_refused(void **state)
{
    (void)state;
    struct comp_canvas canvas = {0};
    assert_int_equal(comp_canvas_init(&canvas, 64, 64), 0);
    struct comp_scaler scaler = {0};
    AVFrame *f = make_frame(AV_PIX_FMT_PAL8, 64, 64);
    const struct comp_rect all = {0, 0, 64, 64};
    fill_guard(&canvas);
    assert_int_equal(comp_scale(&scaler, f, &all, &canvas, &all), -ENOTSUP);
    f->format = AV_PIX_FMT_VAAPI;
    assert_int_equal(comp_scale(&scaler, f, &all, &canvas, &all), -ENOTSUP);
    f->format = 12345;
    assert_int_equal(comp_scale(&scaler, f, &all, &canvas, &all), -ENOTSUP);
    assert_int_equal(canvas.plane[0][0], GUARD);
    av_frame_free(&f);
    comp_scaler_finish(&scaler);
    comp_canvas_finish(&canvas);
}

static void background_colours_are_bt601(void **state)
{
    (void)state;
    static const struct {
        uint32_t rgb;
        int y, u, v;
    } rows[] = {{0x000000, 16, 128, 128}, {0xffffff, 235, 128, 128}, {0xff0000, 81, 90, 240},
                {0x00ff00, 145, 54, 34},  {0x0000ff, 41, 240, 110},  {0x101418, 33, 130, 127}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct comp_colour c = comp_colour_from_rgb(rows[i].rgb);
        if (abs(c.plane[0] - rows[i].y) > 1 || abs(c.plane[1] - rows[i].u) > 1 ||
            abs(c.plane[2] - rows[i].v) > 1)
            fail_msg("%06x: %d %d %d", rows[i].rgb, c.plane[0], c.plane[1], c.plane[2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_fit_tiles),
        cmocka_unit_test(any_frame_fits_any_tile_within_bounds),
        cmocka_unit_test(scaling_stays_in_its_rectangle_and_looks_right),
        cmocka_unit_test(equal_sizes_are_copied_exactly),
        cmocka_unit_test(text_is_scaled_sharper),
        cmocka_unit_test(every_format_comes_out_in_the_canvas_colours),
        cmocka_unit_test(formats_that_cannot_be_read_are_refused),
        cmocka_unit_test(background_colours_are_bt601),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
