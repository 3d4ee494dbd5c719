/* Uploaded pictures, captions and signs: what is refused, and that what is drawn has the right
 * colours in the right places. PICTURES_PNG=FILE saves a sheet for a look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include <libavcodec/avcodec.h>
#include <libavutil/frame.h>
#include <libavutil/log.h>

#include "compositor/caption.h"
#include "compositor/image.h"

enum { WIDTH = 192, HEIGHT = 128 };

static struct comp_canvas canvas;

static int make_canvas(void **state)
{
    (void)state;
    av_log_set_level(AV_LOG_QUIET);
    return comp_canvas_init(&canvas, WIDTH, HEIGHT);
}

static int drop_canvas(void **state)
{
    (void)state;
    comp_canvas_finish(&canvas);
    return 0;
}

static void fill(uint32_t rgb)
{
    const struct comp_rect all = {0, 0, canvas.width, canvas.height};
    const struct comp_colour colour = comp_colour_from_rgb(rgb);
    comp_canvas_fill(&canvas, &all, &colour);
}

static void blend(struct comp_overlay *o, uint32_t x, uint32_t y)
{
    const struct comp_rect all = {0, 0, canvas.width, canvas.height};
    comp_overlay_blend(o, &canvas, x, y, &all);
    comp_overlay_unref(o);
}

static void assert_colour_at(uint32_t x, uint32_t y, uint32_t rgb)
{
    const struct comp_colour want = comp_colour_from_rgb(rgb);
    for (int p = 0; p < COMP_PLANES; p++) {
        const int shift = p ? 1 : 0;
        const int got =
            canvas.plane[p][(size_t)(y >> shift) * (size_t)canvas.stride[p] + (x >> shift)];
        if (abs(got - want.plane[p]) > 4)
            fail_msg("plane %d at %u,%u: %d, not %d", p, x, y, got, want.plane[p]);
    }
}

/* A picture of size x size/2: the left half red, the right half blue; RGBA with its right half
 * clear if it is has_alpha. */
static uint8_t *make_file(enum AVCodecID id, int size, bool has_alpha, size_t *bytes)
{
    const AVCodec *codec = avcodec_find_encoder(id);
    AVCodecContext *ctx = avcodec_alloc_context3(codec);
    ctx->width = size;
    ctx->height = size / 2;
    ctx->pix_fmt = id == AV_CODEC_ID_MJPEG ? AV_PIX_FMT_YUVJ444P : AV_PIX_FMT_RGBA;
    ctx->time_base = (AVRational){1, 25};
    assert_true(avcodec_open2(ctx, codec, NULL) >= 0);
    AVFrame *f = av_frame_alloc();
    f->width = ctx->width;
    f->height = ctx->height;
    f->format = ctx->pix_fmt;
    assert_true(av_frame_get_buffer(f, 0) >= 0);
    for (int y = 0; y < f->height; y++) {
        for (int x = 0; x < f->width; x++) {
            const bool is_left = x < f->width / 2;
            if (id == AV_CODEC_ID_MJPEG) { /* BT.601, full range, red and blue */
                f->data[0][y * f->linesize[0] + x] = is_left ? 76 : 29;
                f->data[1][y * f->linesize[1] + x] = is_left ? 85 : 255;
                f->data[2][y * f->linesize[2] + x] = is_left ? 255 : 107;
            } else {
                const uint8_t pixel[] = {is_left ? 255 : 0, 0, is_left ? 0 : 255,
                                         is_left || !has_alpha ? 255 : 0};
                memcpy(f->data[0] + y * f->linesize[0] + 4 * x, pixel, 4);
            }
        }
    }
    AVPacket *p = av_packet_alloc();
    assert_true(avcodec_send_frame(ctx, f) >= 0 && avcodec_receive_packet(ctx, p) >= 0);
    uint8_t *data = malloc((size_t)p->size);
    memcpy(data, p->data, (size_t)p->size);
    *bytes = (size_t)p->size;
    av_packet_free(&p);
    av_frame_free(&f);
    avcodec_free_context(&ctx);
    return data;
}

static struct comp_image *make_image(enum AVCodecID id, int size, bool has_alpha)
{
    size_t bytes;
    uint8_t *file = make_file(id, size, has_alpha, &bytes);
    struct comp_image *image = NULL;
    assert_int_equal(comp_image_create(&image, file, bytes), 0);
    free(file);
    assert_int_equal(comp_image_width(image), size);
    assert_int_equal(comp_image_height(image), size / 2);
    return image;
}

static void png_and_jpeg_keep_their_colours(void **state)
{
    (void)state;
    static const enum AVCodecID ids[] = {AV_CODEC_ID_PNG, AV_CODEC_ID_MJPEG};
    for (int i = 0; i < 2; i++) {
        struct comp_image *image = make_image(ids[i], 64, false);
        struct comp_overlay *o;
        assert_int_equal(comp_image_render(&o, image, 64, 32, LAYOUT_FILL, 255, NULL), 0);
        fill(0x808080);
        blend(o, 8, 8);
        assert_colour_at(8 + 10, 8 + 16, 0xff0000);
        assert_colour_at(8 + 54, 8 + 16, 0x0000ff);
        assert_colour_at(6, 6, 0x808080);
        comp_image_unref(image);
    }
}

static void pictures_of_any_size_are_taken(void **state)
{
    (void)state;
    for (int size = 2; size < 80; size += 3) {
        comp_image_unref(make_image(AV_CODEC_ID_PNG, size, false));
        comp_image_unref(make_image(AV_CODEC_ID_MJPEG, size, false));
    }
}

static void what_is_clear_in_the_file_stays_clear(void **state)
{
    (void)state;
    struct comp_image *image = make_image(AV_CODEC_ID_PNG, 64, true);
    struct comp_overlay *o;
    assert_int_equal(comp_image_render(&o, image, 128, 64, LAYOUT_FILL, 255, NULL), 0);
    fill(0x30c060);
    blend(o, 0, 0);
    assert_colour_at(30, 30, 0xff0000);
    assert_colour_at(100, 30, 0x30c060);
    const uint32_t ground = 0xf0f000;
    assert_int_equal(comp_image_render(&o, image, 128, 64, LAYOUT_FILL, 255, &ground), 0);
    blend(o, 0, 0);
    assert_colour_at(100, 30, 0xf0f000);
    assert_int_equal(comp_image_render(&o, image, 128, 64, LAYOUT_FILL, 128, NULL), 0);
    fill(0x000000);
    blend(o, 0, 0);
    assert_colour_at(30, 30, 0x800000); /* half of it */
    comp_image_unref(image);
}

static void fits_are_what_they_are_on_tiles(void **state)
{
    (void)state;
    struct comp_image *image = make_image(AV_CODEC_ID_PNG, 64, false); /* 2:1 */
    struct comp_overlay *o;
    fill(0x808080);
    assert_int_equal(comp_image_render(&o, image, 64, 64, LAYOUT_CONTAIN, 255, NULL), 0);
    blend(o, 0, 0);
    assert_colour_at(10, 6, 0x808080); /* free above */
    assert_colour_at(10, 32, 0xff0000);
    assert_colour_at(50, 58, 0x808080);
    assert_int_equal(comp_image_render(&o, image, 64, 64, LAYOUT_COVER, 255, NULL), 0);
    blend(o, 64, 0);
    assert_colour_at(64 + 4, 4, 0xff0000);
    assert_colour_at(64 + 60, 60, 0x0000ff);
    assert_int_equal(comp_image_height_for(image, 100, 1000), 50);
    assert_int_equal(comp_image_height_for(image, 100, 30), 30);
    assert_int_equal(comp_image_height_for(image, 2, 30), 2);
    comp_image_unref(image);
}

static void put_be32(uint8_t *at, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void hostile_files_are_refused(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *png = make_file(AV_CODEC_ID_PNG, 64, false, &bytes);
    struct comp_image *image = NULL;
    enum comp_image_kind kind;
    uint32_t w, h;
    for (size_t cut = 0; cut + 12 < bytes; cut++) /* the end chunk alone may be missing */
        assert_true(comp_image_create(&image, png, cut) < 0);
    png[bytes - 13] ^= 0x55; /* the check sum of the last chunk with pixels */
    assert_int_equal(comp_image_create(&image, png, bytes), -EINVAL);
    png[bytes - 13] ^= 0x55;
    assert_int_equal(comp_image_create(&image, png, bytes), 0);
    comp_image_unref(image);
    image = NULL;
    put_be32(png + 16, 4097);
    assert_int_equal(comp_image_probe(png, bytes, &kind, &w, &h), -EFBIG);
    put_be32(png + 16, 0x80000000u);
    assert_int_equal(comp_image_probe(png, bytes, &kind, &w, &h), -EFBIG);
    put_be32(png + 16, 4096);
    put_be32(png + 20, 4096); /* sides are fine, the area is not */
    assert_int_equal(comp_image_probe(png, bytes, &kind, &w, &h), -EFBIG);
    put_be32(png + 16, 0);
    assert_int_equal(comp_image_probe(png, bytes, &kind, &w, &h), -EINVAL);
    free(png);

    uint8_t *jpeg = make_file(AV_CODEC_ID_MJPEG, 64, false, &bytes);
    assert_int_equal(comp_image_probe(jpeg, bytes, &kind, &w, &h), 0);
    assert_int_equal(kind, COMP_IMAGE_JPEG);
    assert_int_equal(w, 64);
    assert_int_equal(h, 32);
    for (size_t cut = 0; cut < 100; cut++)
        assert_true(comp_image_create(&image, jpeg, cut) < 0);
    free(jpeg);
    static const char *const others[] = {"", "GIF89a..............", "<svg xmlns=\"...\"/>........",
                                         "\xff\xd8\xff\xe0",
                                         "\xff\xd8\xff\xff\xff\xff\xff\xff\xff"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(comp_image_create(&image, (const uint8_t *)others[i], strlen(others[i])),
                         -EINVAL);
    assert_null(image);
}

static void clocks_tell_the_time_of_their_zone(void **state)
{
    (void)state;
    static const struct {
        enum layout_clock_format format;
        int32_t zone_min;
        int64_t unix_s;
        const char *says;
    } rows[] = {
        {LAYOUT_HH_MM, 0, 0, "00:00"},
        {LAYOUT_HH_MM_SS, 0, 1795280461, "17:01:01"},
        {LAYOUT_HH_MM, -210, 3600, "21:30"},
        {LAYOUT_DATE, -1, 0, "1969-12-31"},
        {LAYOUT_DATE_HH_MM, 330, 951782400, "2000-02-29 05:30"},
        {LAYOUT_DATE_HH_MM_SS, 480, 1795280461, "2026-11-22 01:01:01"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[32];
        comp_clock_text(rows[i].format, rows[i].zone_min, rows[i].unix_s, text);
        assert_string_equal(text, rows[i].says);
    }
    assert_int_equal(comp_clock_step_s(LAYOUT_HH_MM), 60);
    assert_int_equal(comp_clock_step_s(LAYOUT_DATE_HH_MM_SS), 1);
}

static int count_near(uint32_t rgb)
{
    const struct comp_colour want = comp_colour_from_rgb(rgb);
    int count = 0;
    for (uint32_t y = 0; y < HEIGHT; y++) {
        for (uint32_t x = 0; x < WIDTH; x++)
            count +=
                abs(canvas.plane[0][(size_t)y * (size_t)canvas.stride[0] + x] - want.plane[0]) <= 4;
    }
    return count;
}

static void captions_stand_where_they_are_told(void **state)
{
    (void)state;
    struct layout_overlay look = {
        .kind = LAYOUT_TEXT,
        .width = 160,
        .height = 32,
        .alpha = 255,
        .rgb = 0xffffff,
        .has_ground = true,
        .ground_rgb = 0x000000,
    };
    for (int align = LAYOUT_START; align <= LAYOUT_END; align++) {
        look.align = (enum layout_align)align;
        struct comp_caption c;
        assert_int_equal(comp_caption_render(&c, &look, "Hi"), 0);
        const uint32_t width = comp_overlay_width(c.overlay);
        assert_in_range(width, 30, 100);
        assert_int_equal(comp_overlay_height(c.overlay), 32);
        assert_true(c.x + width <= 160);
        fill(0x808080);
        blend(c.overlay, 16 + c.x, 8);
        assert_colour_at(16 + c.x + width / 2, 9, 0x000000); /* the plate */
        assert_true(count_near(0xffffff) > 10);              /* the letters */
        assert_colour_at(align == LAYOUT_START ? 170 : 18, 24, 0x808080);
    }
    struct comp_caption c;
    assert_int_equal(comp_caption_render(&c, &look, "a text that is far too long for the box"), 0);
    assert_true(comp_overlay_width(c.overlay) <= 160);
    comp_overlay_unref(c.overlay);
    look.alpha = 128;
    assert_int_equal(comp_caption_render(&c, &look, "Hi"), 0);
    fill(0x808080);
    const uint32_t middle = comp_overlay_width(c.overlay) / 2;
    blend(c.overlay, 0, 0);
    assert_colour_at(middle, 1, 0x404040);
    look.height = 0;
    assert_int_equal(comp_caption_render(&c, &look, "Hi"), -EINVAL);
}

static void signs_are_red(void **state)
{
    (void)state;
    struct layout_overlay look = {.width = 160, .height = 40, .alpha = 255};
    struct comp_caption c;
    look.kind = LAYOUT_LIVE;
    assert_int_equal(comp_sign_render(&c, &look), 0);
    fill(0xffffff);
    const uint32_t middle = comp_overlay_width(c.overlay) / 2;
    blend(c.overlay, 0, 0);
    assert_colour_at(middle, 3, 0xdf2f35); /* the plate, nearly opaque over white */
    look.kind = LAYOUT_REC;
    look.align = LAYOUT_START;
    assert_int_equal(comp_sign_render(&c, &look), 0);
    fill(0x000000);
    blend(c.overlay, 0, 0);
    assert_colour_at((uint32_t)(40 * 0.36 + 24 * 0.3), 20, 0xf54242); /* the dot */
}

/* --- for the eye ---------------------------------------------------------------------------------
 */

static void a_sheet_for_the_eye(void **state)
{
    (void)state;
    const char *path = getenv("PICTURES_PNG");
    if (!path)
        return;
    struct comp_canvas kept = canvas;
    assert_int_equal(comp_canvas_init(&canvas, 1280, 400), 0);
    fill(0x506070);
    static const char *const texts[] = {"Quarterly review", "第三季度回顾 2026", "四半期レビュー",
                                        "مراجعة الربع", "축하해요 🎉"};
    for (uint32_t i = 0; i < 5; i++) {
        struct layout_overlay look = {.width = 600,
                                      .height = 56,
                                      .alpha = 255,
                                      .rgb = 0xffffff,
                                      .has_ground = i % 2 == 0,
                                      .ground_rgb = 0x102030,
                                      .align = LAYOUT_START};
        struct comp_caption c;
        assert_int_equal(comp_caption_render(&c, &look, texts[i]), 0);
        blend(c.overlay, 20 + c.x, 20 + i * 72);
        look.kind = i % 2 ? LAYOUT_REC : LAYOUT_LIVE;
        look.height = 24 + 8 * i;
        assert_int_equal(comp_sign_render(&c, &look), 0);
        blend(c.overlay, 700, 20 + i * 72);
        char text[32];
        comp_clock_text((enum layout_clock_format)i, 0, 1795280461, text);
        assert_int_equal(comp_caption_render(&c, &look, text), 0);
        blend(c.overlay, 900, 20 + i * 72);
    }
    char command[512];
    snprintf(command, sizeof(command),
             "ffmpeg -loglevel error -y -f rawvideo -pix_fmt yuv420p -s 1280x400 -i - '%s'", path);
    FILE *out = popen(command, "w");
    assert_non_null(out);
    for (int p = 0; p < COMP_PLANES; p++) {
        for (uint32_t y = 0; y < canvas.height >> (p > 0); y++)
            fwrite(canvas.plane[p] + (size_t)y * (size_t)canvas.stride[p], 1, 1280 >> (p > 0), out);
    }
    assert_int_equal(pclose(out), 0);
    comp_canvas_finish(&canvas);
    canvas = kept;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_and_jpeg_keep_their_colours),
        cmocka_unit_test(pictures_of_any_size_are_taken),
        cmocka_unit_test(what_is_clear_in_the_file_stays_clear),
        cmocka_unit_test(fits_are_what_they_are_on_tiles),
        cmocka_unit_test(hostile_files_are_refused),
        cmocka_unit_test(clocks_tell_the_time_of_their_zone),
        cmocka_unit_test(captions_stand_where_they_are_told),
        cmocka_unit_test(signs_are_red),
        cmocka_unit_test(a_sheet_for_the_eye),
    };
    return cmocka_run_group_tests(tests, make_canvas, drop_canvas);
}
