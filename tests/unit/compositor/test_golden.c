/* Goldens: every built-in layout with patterned pictures against what plain arithmetic expects, and
 * what is written on tiles in five scripts against a kept picture, both by PSNR.
 *
 * tests/golden/labels.png is written anew by GOLDEN_WRITE=1; look at it then. */
#include "tests/unit/compositor/room.h"

#include <math.h>

#include "compositor/image.h"
#include "compositor/label.h"
#include "compositor/picture.h"
#include "compositor/view.h"

enum { W = 640, H = 360, SOURCE_W = 320, SOURCE_H = 180, PEOPLE = 7 };

/* --- layouts -------------------------------------------------------------------------------------
 */

/* Sample p of person i's picture at u, v of 0..1: slopes that differ in every person, and that no
 * scaler changes. */
static double pattern(int i, int p, double u, double v)
{
    const double angle = i * 2.39996; /* spread well */
    const double along = (u - 0.5) * cos(angle) + (v - 0.5) * sin(angle);
    if (p == 0)
        return 120 + 100 * along + 6 * (i % 3);
    return 128 + 70 * cos(angle + p * 2.1) + 20 * along;
}

static AVFrame *make_pattern(int i)
{
    AVFrame *f = av_frame_alloc();
    f->format = AV_PIX_FMT_YUV420P;
    f->width = SOURCE_W;
    f->height = SOURCE_H;
    assert_true(av_frame_get_buffer(f, 0) >= 0);
    for (int p = 0; p < 3; p++) {
        const int w = p ? SOURCE_W / 2 : SOURCE_W, h = p ? SOURCE_H / 2 : SOURCE_H;
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++)
                f->data[p][y * f->linesize[p] + x] =
                    (uint8_t)(pattern(i, p, (x + 0.5) / w, (y + 0.5) / h) + 0.5);
        }
    }
    f->pts = 0;
    return f;
}

/* H264 that loses nothing worth mentioning. */
static struct mcu_packet *encode_pattern(int i)
{
    AVCodecContext *ctx = avcodec_alloc_context3(avcodec_find_encoder_by_name("libx264"));
    ctx->width = SOURCE_W;
    ctx->height = SOURCE_H;
    ctx->pix_fmt = AV_PIX_FMT_YUV420P;
    ctx->time_base = (AVRational){1, 30};
    ctx->max_b_frames = 0;
    av_opt_set(ctx->priv_data, "preset", "superfast", 0);
    av_opt_set(ctx->priv_data, "tune", "zerolatency", 0);
    av_opt_set(ctx->priv_data, "qp", "4", 0);
    assert_true(avcodec_open2(ctx, NULL, NULL) >= 0);
    AVFrame *f = make_pattern(i);
    AVPacket *p = av_packet_alloc();
    assert_true(avcodec_send_frame(ctx, f) >= 0 && avcodec_send_frame(ctx, NULL) >= 0);
    assert_true(avcodec_receive_packet(ctx, p) >= 0);
    struct mcu_packet *packet = mcu_packet_copy(p->data, (size_t)p->size);
    assert_non_null(packet);
    packet->codec = MCU_CODEC_H264;
    packet->is_key = true;
    av_packet_free(&p);
    av_frame_free(&f);
    avcodec_free_context(&ctx);
    return packet;
}

/* What plain arithmetic puts at the middle of sample x, y of plane p, from the tiles in rising z.
 */
static double expected(const struct layout_tile *tiles, size_t count, int p, int x, int y)
{
    static const struct yuv ground = {33, 130, 126}; /* #101418 */
    double value = p == 0 ? ground.y : p == 1 ? ground.u : ground.v;
    const double scale = p ? 2 : 1, px = (x + 0.5) * scale, py = (y + 0.5) * scale;
    for (size_t i = 0; i < count; i++) {
        const struct layout_tile *t = &tiles[i];
        double u = (px - t->x) / t->width, v = (py - t->y) / t->height;
        if (u < 0 || u >= 1 || v < 0 || v >= 1)
            continue;
        const uint32_t b = t->style.border_px;
        if (b && (px < t->x + b || px >= t->x + t->width - b || py < t->y + b ||
                  py >= t->y + t->height - b)) {
            const struct comp_colour colour = comp_colour_from_rgb(t->style.border_rgb);
            value = colour.plane[p];
            continue;
        }
        const double wide = (double)t->width / t->height * SOURCE_H / SOURCE_W;
        const bool is_cover = t->fit == LAYOUT_COVER;
        if ((wide > 1) == is_cover) /* what is cut, or left free, is above and below */
            v = 0.5 + (v - 0.5) / wide;
        else
            u = 0.5 + (u - 0.5) * wide;
        if (u >= 0 && u < 1 && v >= 0 && v < 1)
            value = pattern((int)t->person, p, u, v);
        else
            value = p == 0 ? ground.y : p == 1 ? ground.u : ground.v;
    }
    return value;
}

static double psnr_of(const struct comp_canvas *c, const struct layout_tile *tiles, size_t count)
{
    double sum = 0;
    size_t samples = 0;
    for (int p = 0; p < COMP_PLANES; p++) {
        const int w = p ? W / 2 : W, h = p ? H / 2 : H;
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                const double off =
                    c->plane[p][y * c->stride[p] + x] - expected(tiles, count, p, x, y);
                sum += off * off;
            }
        }
        samples += (size_t)(w * h);
    }
    return 10 * log10(255 * 255 / (sum / (double)samples + 1e-9));
}

static void check_layout(const char *name, struct mcu_packet *const *pictures, int people)
{
    struct room r;
    struct room_conf conf = room_conf(W, H, 0);
    struct layout *l;
    assert_int_equal(layout_builtin(&l, name), 0);
    room_open(&r, &conf, NULL);
    assert_int_equal(comp_view_set_layout(r.view, l), 0);
    room_watch(&r, MCU_CODEC_VP8);
    for (int i = 0; i < people; i++) {
        char user[16];
        snprintf(user, sizeof(user), "u%d", i);
        struct comp_source *s = room_add(&r, MCU_CODEC_H264, user);
        assert_int_equal(comp_source_push(s, pictures[i]), 0);
        comp_source_drain(s);
    }
    room_tick(&r, 2);
    struct layout_person who[PEOPLE];
    char users[PEOPLE][16];
    for (int i = 0; i < people; i++) {
        snprintf(users[i], sizeof(users[i]), "u%d", i);
        who[i] = (struct layout_person){.user = users[i], .has_video = true};
    }
    struct layout_tile tiles[LAYOUT_TILES_MAX];
    const size_t count = layout_place(l, who, (size_t)people, W, H, tiles, LAYOUT_TILES_MAX);
    const double psnr = psnr_of(r.view->canvas, tiles, count);
    if (psnr < 36)
        fail_msg("%s with %d people: %.1f dB", name, people, psnr);
    room_close(&r);
    layout_destroy(l);
}

static void every_layout_shows_everybody_where_arithmetic_says(void **state)
{
    (void)state;
    static const char *const names[] = {
        "grid",   "speaker",   "speaker-side", "speaker-pip", "presentation", "presentation-side",
        "panel",  "lecture",   "sidebyside",   "pip",         "duo",          "presentation-pip",
        "single", "interview", "portrait"};
    static const int counts[] = {1, 2, 5, PEOPLE};
    struct mcu_packet *pictures[PEOPLE];
    for (int i = 0; i < PEOPLE; i++)
        pictures[i] = encode_pattern(i);
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++)
            check_layout(names[n], pictures, counts[k]);
    }
    for (int i = 0; i < PEOPLE; i++)
        mcu_packet_unref(pictures[i]);
}

/* --- what is written -----------------------------------------------------------------------------
 */

enum { COLS = 2, ROWS = 5, CELL_W = W / COLS, CELL_H = H / ROWS };

static const char golden[] = "tests/golden/labels.png";

static const char *const names[] = {
    "王小明",    "たなか ゆうこ", "김민준",     "ليلى حسن",    "Zoë 🎉🚀",
    "Ann Baker", "Олена Бойко",   "José Ñandú", "陈静 (主持)", "علي"};

static void blend(struct comp_canvas *c, struct comp_overlay *o, uint32_t x, uint32_t y)
{
    const struct comp_rect all = {0, 0, W, H};
    comp_overlay_blend(o, c, x, y, &all);
    comp_overlay_unref(o);
}

/* One person: avatar, name, and a different set of signs in each. */
static void draw_cell(struct comp_canvas *c, uint32_t i)
{
    const uint32_t x = i % COLS * CELL_W, y = i / COLS * CELL_H;
    const struct comp_label_conf conf = {
        .name = names[i],
        .tile_width = 240,
        .tile_height = 240,
        .is_muted = i % 2,
        .has_hand_up = i % 3 == 1,
        .bars = i % 4 == 2 ? 1 : COMP_BARS_UNKNOWN,
    };
    struct comp_overlay *o;
    assert_int_equal(comp_avatar_render(&o, names[i], names[i], CELL_H, CELL_H), 0);
    blend(c, o, x, y);
    assert_int_equal(comp_ring_render(&o, 1 + i % 3, CELL_H, CELL_H), 0);
    blend(c, o, x + (CELL_H - comp_overlay_width(o)) / 2,
          y + (CELL_H - comp_overlay_height(o)) / 2);
    assert_int_equal(comp_label_render(&o, &conf), 0);
    blend(c, o, x + CELL_H + 8, y + 4);
    assert_int_equal(comp_badge_render(&o, i + 1, 160, 160), 0);
    blend(c, o, x + CELL_H + 8, y + CELL_H - comp_overlay_height(o) - 2);
}

static void write_golden(const struct comp_canvas *c)
{
    AVFrame *f = av_frame_alloc();
    f->format = AV_PIX_FMT_YUV420P;
    f->width = W;
    f->height = H;
    assert_true(av_frame_get_buffer(f, 0) >= 0);
    for (int p = 0; p < COMP_PLANES; p++) {
        for (int y = 0; y < (p ? H / 2 : H); y++)
            memcpy(f->data[p] + y * f->linesize[p], c->plane[p] + y * c->stride[p], p ? W / 2 : W);
    }
    uint8_t *data;
    size_t size;
    assert_int_equal(comp_picture_encode(f, COMP_PNG, 0, &data, &size), 0);
    FILE *out = fopen(golden, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(data, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
    free(data);
    av_frame_free(&f);
}

static void read_golden(struct comp_canvas *c)
{
    static uint8_t bytes[1 << 20];
    FILE *in = fopen(golden, "rb");
    if (!in)
        fail_msg("%s is missing: run from the top of the tree", golden);
    const size_t size = fread(bytes, 1, sizeof(bytes), in);
    fclose(in);
    struct comp_image *image;
    struct comp_overlay *o;
    assert_int_equal(comp_image_create(&image, bytes, size), 0);
    assert_int_equal(comp_image_render(&o, image, W, H, LAYOUT_FILL, 255, NULL), 0);
    comp_image_unref(image);
    blend(c, o, 0, 0);
}

static double cell_psnr(const struct comp_canvas *a, const struct comp_canvas *b, uint32_t i)
{
    const uint32_t x0 = i % COLS * CELL_W, y0 = i / COLS * CELL_H;
    double sum = 0;
    for (uint32_t y = y0; y < y0 + CELL_H; y++) {
        for (uint32_t x = x0; x < x0 + CELL_W; x++) {
            const double off = a->plane[0][y * (size_t)a->stride[0] + x] -
                               b->plane[0][y * (size_t)b->stride[0] + x];
            sum += off * off;
        }
    }
    return 10 * log10(255 * 255 / (sum / (CELL_W * CELL_H) + 1e-9));
}

static void names_in_five_scripts_look_as_they_were_seen(void **state)
{
    (void)state;
    struct comp_canvas drawn = {0}, kept = {0};
    const struct comp_rect all = {0, 0, W, H};
    const struct comp_colour ground = comp_colour_from_rgb(0x607080);
    assert_int_equal(comp_canvas_init(&drawn, W, H), 0);
    assert_int_equal(comp_canvas_init(&kept, W, H), 0);
    comp_canvas_fill(&drawn, &all, &ground);
    for (uint32_t i = 0; i < COLS * ROWS; i++)
        draw_cell(&drawn, i);
    if (getenv("GOLDEN_WRITE"))
        write_golden(&drawn);
    read_golden(&kept);
    for (uint32_t i = 0; i < COLS * ROWS; i++) {
        const double psnr = cell_psnr(&drawn, &kept, i);
        if (psnr < 30)
            fail_msg("%s: %.1f dB from %s", names[i], psnr, golden);
    }
    comp_canvas_finish(&drawn);
    comp_canvas_finish(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_shows_everybody_where_arithmetic_says),
        cmocka_unit_test(names_in_five_scripts_look_as_they_were_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
