/* Colours through the decoder and the scaler onto the canvas, against double precision: every
 * matrix, range and depth that a peer may send ends as the same red. */
#include "tests/unit/compositor/media.h"

#include <math.h>

#include <libavutil/pixdesc.h>

#include "compositor/decoder.h"
#include "compositor/recolour.h"
#include "compositor/scale.h"

struct matrix {
    enum AVColorSpace space;
    double red, blue; /* weights in white */
};

static const struct matrix bt601 = {AVCOL_SPC_SMPTE170M, 0.299, 0.114};
static const struct matrix matrices[] = {
    {AVCOL_SPC_SMPTE170M, 0.299, 0.114}, {AVCOL_SPC_BT470BG, 0.299, 0.114},
    {AVCOL_SPC_BT709, 0.2126, 0.0722},   {AVCOL_SPC_SMPTE240M, 0.212, 0.087},
    {AVCOL_SPC_FCC, 0.30, 0.11},         {AVCOL_SPC_BT2020_NCL, 0.2627, 0.0593}};
enum { MATRICES = sizeof(matrices) / sizeof(matrices[0]) };

struct sample {
    double y, cb, cr; /* of 8 bits, not rounded */
};

static struct sample from_rgb(const double rgb[3], const struct matrix *m, bool is_full)
{
    const double y = m->red * rgb[0] + (1 - m->red - m->blue) * rgb[1] + m->blue * rgb[2];
    const double cb = (rgb[2] - y) / (2 * (1 - m->blue)), cr = (rgb[0] - y) / (2 * (1 - m->red));
    return is_full ? (struct sample){255 * y, 128 + 255 * cb, 128 + 255 * cr}
                   : (struct sample){16 + 219 * y, 128 + 224 * cb, 128 + 224 * cr};
}

static void to_rgb(const struct sample *s, const struct matrix *m, bool is_full, double rgb[3])
{
    const double y = is_full ? s->y / 255 : (s->y - 16) / 219;
    const double cb = (s->cb - 128) / (is_full ? 255 : 224);
    const double cr = (s->cr - 128) / (is_full ? 255 : 224);
    rgb[0] = y + 2 * (1 - m->red) * cr;
    rgb[2] = y + 2 * (1 - m->blue) * cb;
    rgb[1] = (y - m->red * rgb[0] - m->blue * rgb[2]) / (1 - m->red - m->blue);
}

static double clip(double value)
{
    return value < 0 ? 0 : value > 255 ? 255 : value;
}

static uint32_t seed;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

enum { SIDE_MAX = 200 };

struct planes {
    uint8_t y[SIDE_MAX * SIDE_MAX], cb[SIDE_MAX * SIDE_MAX], cr[SIDE_MAX * SIDE_MAX];
};

static void check_picture(const struct planes *in, const struct planes *out, const struct matrix *m,
                          bool is_full, uint32_t width, uint32_t height)
{
    for (uint32_t row = 0; row < height; row++) {
        for (uint32_t x = 0; x < width; x++) {
            const uint32_t at = row * SIDE_MAX + x, half = row / 2 * SIDE_MAX + x / 2;
            const struct sample s = {in->y[at], in->cb[half], in->cr[half]};
            double rgb[3];
            to_rgb(&s, m, is_full, rgb);
            const struct sample t = from_rgb(rgb, &bt601, false);
            if (fabs(out->y[at] - clip(t.y)) > 0.75 || fabs(out->cb[half] - clip(t.cb)) > 0.75 ||
                fabs(out->cr[half] - clip(t.cr)) > 0.75)
                fail_msg("matrix %d, full %d: %.0f %.0f %.0f is %.2f %.2f %.2f, not %d %d %d",
                         m->space, is_full, s.y, s.cb, s.cr, t.y, t.cb, t.cr, out->y[at],
                         out->cb[half], out->cr[half]);
        }
    }
}

static void any_samples_become_what_arithmetic_says(void **state)
{
    (void)state;
    static struct planes in, out;
    seed = 3;
    for (int i = 0; i < 240; i++) {
        const struct matrix *m = &matrices[i % MATRICES];
        const bool is_full = i / MATRICES % 2;
        const uint32_t width = 2 + 2 * random_below(SIDE_MAX / 2),
                       height = 2 + 2 * random_below(SIDE_MAX / 2);
        for (size_t k = 0; k < sizeof(in); k++)
            ((uint8_t *)&in)[k] = (uint8_t)random_below(256);
        out = in;
        uint8_t *const plane[] = {out.y, out.cb, out.cr};
        const int stride[] = {SIDE_MAX, SIDE_MAX, SIDE_MAX};
        comp_recolour(&(struct comp_colours){m->space, is_full}, plane, stride, width, height);
        check_picture(&in, &out, m, is_full, width, height);
        for (uint32_t row = 0; row < height; row++) /* not a sample beside it */
            assert_memory_equal(out.y + row * SIDE_MAX + width, in.y + row * SIDE_MAX + width,
                                SIDE_MAX - width);
        assert_memory_equal(out.y + height * SIDE_MAX, in.y + height * SIDE_MAX,
                            (SIDE_MAX - height) * SIDE_MAX);
        assert_memory_equal(out.cr + height / 2 * SIDE_MAX, in.cr + height / 2 * SIDE_MAX,
                            (SIDE_MAX - height / 2) * SIDE_MAX);
    }
}

/* --- decoded -------------------------------------------------------------------------------------
 */

enum { PATCH = 32, PATCHES = 9, WIDTH = PATCH * PATCHES, HEIGHT = 64 };

static const double patches[PATCHES][3] = {{0, 0, 0},       {1, 1, 1},       {1, 0, 0},
                                           {0, 1, 0},       {0, 0, 1},       {0.5, 0.5, 0.5},
                                           {0.8, 0.3, 0.1}, {0.9, 0.7, 0.6}, {0.1, 0.4, 0.7}};

static const struct kind {
    const char *name;
    struct maker_conf conf;
    size_t matrix; /* that it was made with */
    bool is_full;
    int depth;
    bool is_told; /* beside the stream, which says nothing or is wrong */
} kinds[] = {
    {"H264", {.codec = MCU_CODEC_H264, .colorspace = AVCOL_SPC_SMPTE170M}, 0, false, 8, false},
    {"H264, says nothing", {.codec = MCU_CODEC_H264}, 0, false, 8, false},
    {"H264, 709", {.codec = MCU_CODEC_H264, .colorspace = AVCOL_SPC_BT709}, 2, false, 8, false},
    {"H264, full",
     {.codec = MCU_CODEC_H264, .colorspace = AVCOL_SPC_SMPTE170M, .range = AVCOL_RANGE_JPEG},
     0,
     true,
     8, false},
    {"H264, 709, full",
     {.codec = MCU_CODEC_H264, .colorspace = AVCOL_SPC_BT709, .range = AVCOL_RANGE_JPEG},
     2,
     true,
     8, false},
    {"H264, 4:4:4",
     {.codec = MCU_CODEC_H264, .format = AV_PIX_FMT_YUV444P, .colorspace = AVCOL_SPC_BT709},
     2,
     false,
     8, false},
    {"H264, 4:2:2, 10 bits",
     {.codec = MCU_CODEC_H264, .format = AV_PIX_FMT_YUV422P10, .colorspace = AVCOL_SPC_BT709},
     2,
     false,
     10, false},
    {"H264, 10 bits, full",
     {.codec = MCU_CODEC_H264,
      .format = AV_PIX_FMT_YUV420P10,
      .colorspace = AVCOL_SPC_SMPTE170M,
      .range = AVCOL_RANGE_JPEG},
     0,
     true,
     10, false},
    {"VP8", {.codec = MCU_CODEC_VP8}, 0, false, 8, false},
    {"VP8, told 709, full", {.codec = MCU_CODEC_VP8}, 2, true, 8, true},
    {"VP9, says 2020, told 601, full",
     {.codec = MCU_CODEC_VP9, .colorspace = AVCOL_SPC_BT2020_NCL},
     0,
     true,
     8,
     true},
    {"VP9, 709", {.codec = MCU_CODEC_VP9, .colorspace = AVCOL_SPC_BT709}, 2, false, 8, false},
    {"VP9, 2020, 10 bits",
     {.codec = MCU_CODEC_VP9, .format = AV_PIX_FMT_YUV420P10, .colorspace = AVCOL_SPC_BT2020_NCL},
     5,
     false,
     10, false},
    {"VP9, full",
     {.codec = MCU_CODEC_VP9, .colorspace = AVCOL_SPC_SMPTE170M, .range = AVCOL_RANGE_JPEG},
     0,
     true,
     8, false},
    {"AV1, 709, full",
     {.codec = MCU_CODEC_AV1, .colorspace = AVCOL_SPC_BT709, .range = AVCOL_RANGE_JPEG},
     2,
     true,
     8, false},
    {"AV1, 10 bits",
     {.codec = MCU_CODEC_AV1, .format = AV_PIX_FMT_YUV420P10, .colorspace = AVCOL_SPC_BT709},
     2,
     false,
     10, false},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void put(AVFrame *f, int p, int x, int y, int depth, double value)
{
    const int sample = (int)lrint(fmin(value * (1 << (depth - 8)), (1 << depth) - 1));
    uint8_t *at = f->data[p] + y * f->linesize[p] + x * (depth > 8 ? 2 : 1);
    at[0] = (uint8_t)sample;
    if (depth > 8)
        at[1] = (uint8_t)(sample >> 8);
}

static void paint_patches(AVFrame *f, const struct kind *k)
{
    const bool is_wide = f->format == AV_PIX_FMT_YUV444P;
    const bool is_tall = is_wide || f->format == AV_PIX_FMT_YUV422P10;
    for (int y = 0; y < f->height; y++) {
        for (int x = 0; x < f->width; x++) {
            const struct sample s = from_rgb(patches[x / PATCH], &matrices[k->matrix], k->is_full);
            put(f, 0, x, y, k->depth, s.y);
            put(f, 1, is_wide ? x : x / 2, is_tall ? y : y / 2, k->depth, s.cb);
            put(f, 2, is_wide ? x : x / 2, is_tall ? y : y / 2, k->depth, s.cr);
        }
    }
}

/* The last one, as it comes out of our decoder. */
static AVFrame *decode(const struct clip *clip, enum mcu_codec codec, bool is_live)
{
    struct comp_decoder *d = NULL;
    assert_int_equal(comp_decoder_create(&d, codec, NULL, 0, is_live), 0);
    AVFrame *frame = av_frame_alloc(), *next = av_frame_alloc();
    for (size_t i = 0; i <= clip->count; i++) {
        assert_int_equal(comp_decoder_send(d, i < clip->count ? clip->packets[i] : NULL), 0);
        while (comp_decoder_receive(d, next) == 0) {
            av_frame_unref(frame);
            av_frame_move_ref(frame, next);
        }
    }
    av_frame_free(&next);
    comp_decoder_destroy(d);
    assert_non_null(frame->data[0]);
    return frame;
}

/* As RTP's header extension tells it: with a key frame. */
static void tell(const struct clip *clip, const struct kind *k)
{
    static const enum AVColorSpace h273[] = {AVCOL_SPC_SMPTE170M, 0, AVCOL_SPC_BT709};
    for (size_t i = 0; i < clip->count; i++) {
        if (clip->packets[i]->is_key)
            clip->packets[i]->colours = (struct mcu_colours){
                .is_said = true, .is_full_range = k->is_full, .matrix = (uint8_t)h273[k->matrix]};
    }
}

static AVFrame *make(const struct kind *k)
{
    struct clip clip = {.count = 0};
    struct maker m;
    struct maker_conf conf = k->conf;
    conf.width = WIDTH;
    conf.height = HEIGHT;
    maker_open(&m, &conf, &clip);
    paint_patches(m.frame, k);
    for (int i = 0; i < 12; i++) { /* the rate has room: the last of them is as good as it gets */
        assert_int_equal(av_frame_make_writable(m.frame), 0);
        m.frame->pts = (int64_t)i * 33333;
        assert_int_equal(avcodec_send_frame(m.codec, m.frame), 0);
        maker_collect(&m);
    }
    maker_close(&m);
    if (k->is_told)
        tell(&clip, k);
    AVFrame *frame = decode(&clip, k->conf.codec, true);
    clip_free(&clip);
    return frame;
}

static double get(const AVFrame *f, int p, int x, int y, int depth)
{
    const uint8_t *at = f->data[p] + y * f->linesize[p] + x * (depth > 8 ? 2 : 1);
    return depth > 8 ? (double)(at[0] | at[1] << 8) / (1 << (depth - 8)) : at[0];
}

/* What patch i should be, from what the encoder left of it. */
static struct sample wanted(const AVFrame *f, const struct kind *k, size_t i)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f->format);
    const int x = (int)i * PATCH + PATCH / 2, y = HEIGHT / 2;
    const int cx = x >> d->log2_chroma_w, cy = y >> d->log2_chroma_h;
    const struct sample s = {get(f, 0, x, y, k->depth), get(f, 1, cx, cy, k->depth),
                             get(f, 2, cx, cy, k->depth)};
    double rgb[3];
    to_rgb(&s, &matrices[k->matrix], k->is_full, rgb);
    for (int c = 0; c < 3; c++) /* it is near what was painted, so that is it */
        assert_true(fabs(rgb[c] - patches[i][c]) < 0.06);
    return from_rgb(rgb, &bt601, false);
}

static void check_patches(const AVFrame *f, const struct kind *k, const struct comp_canvas *canvas,
                          const struct comp_rect *inner)
{
    for (size_t i = 0; i < PATCHES; i++) {
        const struct sample s = wanted(f, k, i);
        const uint32_t x = inner->x + (uint32_t)(2 * i + 1) * inner->width / (2 * PATCHES),
                       y = inner->y + inner->height / 2;
        const int got[] = {canvas->plane[0][y * (uint32_t)canvas->stride[0] + x],
                           canvas->plane[1][y / 2 * (uint32_t)canvas->stride[1] + x / 2],
                           canvas->plane[2][y / 2 * (uint32_t)canvas->stride[2] + x / 2]};
        if (fabs(got[0] - s.y) > 2 || fabs(got[1] - s.cb) > 2 || fabs(got[2] - s.cr) > 2)
            fail_msg("%s, %ux%u, patch %zu: %d %d %d, not %.1f %.1f %.1f", k->name, inner->width,
                     inner->height, i, got[0], got[1], got[2], s.y, s.cb, s.cr);
    }
}

static void every_kind_of_stream_keeps_its_colours(void **state)
{
    (void)state;
    static const struct comp_rect inners[] = {{0, 0, WIDTH, HEIGHT},
                                              {4, 2, WIDTH / 2, HEIGHT / 2},
                                              {6, 2, WIDTH * 2 / 3, 42},
                                              {2, 0, WIDTH * 3 / 4, HEIGHT * 3 / 4},
                                              {2, 4, WIDTH + 90, HEIGHT + 20}};
    struct comp_canvas canvas = {0};
    assert_int_equal(comp_canvas_init(&canvas, 400, 100), 0);
    for (size_t i = 0; i < KINDS; i++) {
        AVFrame *f = make(&kinds[i]);
        for (size_t r = 0; r < sizeof(inners) / sizeof(inners[0]); r++) {
            for (int sharp = 0; sharp < 2; sharp++) {
                struct comp_scaler scaler = {.is_sharp = sharp};
                const struct comp_rect crop = {0, 0, WIDTH, HEIGHT};
                assert_int_equal(comp_scale(&scaler, f, &crop, &canvas, &inners[r]), 0);
                check_patches(f, &kinds[i], &canvas, &inners[r]);
                comp_scaler_finish(&scaler);
            }
        }
        av_frame_free(&f);
    }
    comp_canvas_finish(&canvas);
}

/* Peers' is BT.601 whatever the size; of files only small ones, and VP8. */
static void what_says_nothing_is_taken_for_what_its_makers_do(void **state)
{
    (void)state;
    static const struct {
        enum mcu_codec codec;
        int width, height;
        enum AVColorSpace said;
        bool is_live, is_709;
    } rows[] = {
        {MCU_CODEC_H264, 1280, 720, 0, true, false},
        {MCU_CODEC_H264, 1280, 720, 0, false, true},
        {MCU_CODEC_H264, 640, 360, 0, false, false},
        {MCU_CODEC_H264, 1280, 720, AVCOL_SPC_SMPTE170M, false, false},
        {MCU_CODEC_H264, 640, 360, AVCOL_SPC_BT709, true, true},
        {MCU_CODEC_VP8, 1280, 720, 0, false, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct clip clip;
        const struct maker_conf conf = {.codec = rows[i].codec,
                                        .width = rows[i].width,
                                        .height = rows[i].height,
                                        .colorspace = rows[i].said};
        clip_make(&clip, &conf, red, 2, 0, 33333, 1);
        AVFrame *f = decode(&clip, rows[i].codec, rows[i].is_live);
        const struct comp_colours colours = comp_colours_of(f);
        if ((colours.matrix == AVCOL_SPC_BT709) != rows[i].is_709 ||
            comp_colours_are_plain(&colours) == rows[i].is_709)
            fail_msg("row %zu: matrix %d", i, colours.matrix);
        av_frame_free(&f);
        clip_free(&clip);
    }
}

static void grey_pictures_are_grey_in_their_range(void **state)
{
    (void)state;
    struct comp_canvas canvas = {0};
    assert_int_equal(comp_canvas_init(&canvas, 128, 64), 0);
    for (int full = 0; full < 2; full++) {
        for (uint32_t width = 64; width <= 128; width += 64) {
            AVFrame *f = av_frame_alloc();
            f->format = AV_PIX_FMT_GRAY8;
            f->width = 64;
            f->height = 64;
            f->color_range = full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
            assert_int_equal(av_frame_get_buffer(f, 0), 0);
            memset(f->data[0], 200, (size_t)f->linesize[0] * 64);
            struct comp_scaler scaler = {0};
            const struct comp_rect crop = {0, 0, 64, 64}, inner = {0, 0, width, 64};
            assert_int_equal(comp_scale(&scaler, f, &crop, &canvas, &inner), 0);
            const double want = full ? 16 + 200 * 219.0 / 255 : 200;
            if (fabs(canvas.plane[0][32 * canvas.stride[0] + 32] - want) > 1 ||
                abs(canvas.plane[1][16 * canvas.stride[1] + 16] - 128) > 1)
                fail_msg("full %d: %d", full, canvas.plane[0][32 * canvas.stride[0] + 32]);
            comp_scaler_finish(&scaler);
            av_frame_free(&f);
        }
    }
    comp_canvas_finish(&canvas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_samples_become_what_arithmetic_says),
        cmocka_unit_test(every_kind_of_stream_keeps_its_colours),
        cmocka_unit_test(what_says_nothing_is_taken_for_what_its_makers_do),
        cmocka_unit_test(grey_pictures_are_grey_in_their_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
