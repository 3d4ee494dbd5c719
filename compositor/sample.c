/* People and slides as simple drawings; see sample.h. */
#include "compositor/sample.h"

#include <errno.h>
#include <math.h>

#include "compositor/encode.h"
#include "compositor/overlay.h"
#include "compositor/paint.h"

enum { WIDTH = 640, HEIGHT = 360, BITRATE_BPS = 20000000 };

static void use(cairo_t *cr, uint32_t rgb)
{
    const struct comp_paint_colour colour = comp_paint_rgb(rgb);
    comp_paint_use(cr, &colour);
}

static void ellipse(cairo_t *cr, double x, double y, double rx, double ry, uint32_t rgb)
{
    use(cr, rgb);
    cairo_save(cr);
    cairo_translate(cr, x, y);
    cairo_scale(cr, rx, ry);
    cairo_arc(cr, 0, 0, 1, 0, 2 * M_PI);
    cairo_restore(cr);
    cairo_fill(cr);
}

static void box(cairo_t *cr, double x, double y, double w, double h, uint32_t rgb)
{
    use(cr, rgb);
    cairo_rectangle(cr, x, y, w, h);
    cairo_fill(cr);
}

/* A wall with light from one side, and something on it. */
static void draw_wall(cairo_t *cr, unsigned number)
{
    static const uint32_t walls[] = {0x7d8ea3, 0xa89a86, 0x7f9c8c, 0x9a8aa6, 0xb09080, 0x6f8f9c};
    static const uint32_t things[] = {0x5b6b80, 0x87765f, 0x5d7a6a, 0x78688a, 0x8f6a58, 0x4f707e};
    box(cr, 0, 0, WIDTH, HEIGHT, walls[number % 6]);
    cairo_pattern_t *light = cairo_pattern_create_linear(0, 0, WIDTH, HEIGHT);
    cairo_pattern_add_color_stop_rgba(light, 0, 1, 1, 1, 0.28);
    cairo_pattern_add_color_stop_rgba(light, 1, 0, 0, 0, 0.22);
    cairo_set_source(cr, light);
    cairo_paint(cr);
    cairo_pattern_destroy(light);
    const double x = number % 2 ? 40 : 470;
    if (number % 3 == 0) { /* shelves */
        for (int i = 0; i < 3; i++)
            box(cr, x, 60 + i * 70, 130, 8, things[number % 6]);
        for (int i = 0; i < 8; i++)
            box(cr, x + 6 + i * 13, 96 + i * 7 % 16, 9, 34 - i * 7 % 16, walls[(number + i) % 6]);
    } else { /* a picture or a window */
        box(cr, x, 50, 130, number % 3 == 1 ? 90 : 150, things[number % 6]);
        box(cr, x + 8, 58, 114, number % 3 == 1 ? 74 : 134, 0xdce6ee);
    }
}

static void draw_person(cairo_t *cr, unsigned number)
{
    static const uint32_t skins[] = {0xe8b998, 0x8d5a3c, 0xf0c8a8, 0xc68e66, 0x6b432c, 0xdca983};
    static const uint32_t hairs[] = {0x3a2a20, 0x17130f, 0xb98a4a, 0x241a14, 0x101010, 0x7a3b20};
    static const uint32_t shirts[] = {0x2f5d8a, 0xb5483f, 0x3d7a58, 0xe0b040, 0x5b4a8a, 0x2b3440};
    const uint32_t skin = skins[number % 6], hair = hairs[(number * 5 + number / 6) % 6];
    const double x = 320 + ((int)(number * 37 % 40) - 20), head = 70 + number * 11 % 12;
    draw_wall(cr, number);
    ellipse(cr, x, 400, 190, 140, shirts[(number * 7 + 2) % 6]);
    box(cr, x - 26, 210, 52, 70, skin);
    if (number % 2)
        ellipse(cr, x, 175, head * 1.12, head * 1.5, hair); /* long hair */
    ellipse(cr, x, 160, head * 0.86, head * 1.12, skin);
    cairo_save(cr);
    cairo_rectangle(cr, 0, 0, WIDTH, 160 - head * 0.42);
    cairo_clip(cr);
    ellipse(cr, x, 152, head * 0.92, head * 1.18, hair);
    cairo_restore(cr);
    ellipse(cr, x - head * 0.32, 158, 6, 7, 0x20242a);
    ellipse(cr, x + head * 0.32, 158, 6, 7, 0x20242a);
    use(cr, 0x9c4a40);
    cairo_set_line_width(cr, 5);
    cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
    cairo_arc(cr, x, 178, head * 0.34, 0.15 * M_PI, 0.85 * M_PI);
    cairo_stroke(cr);
}

static void draw_slide(cairo_t *cr)
{
    static const uint32_t bars[] = {0x4f8fd0, 0x5aa9a0, 0xe0a640, 0xc9645a};
    box(cr, 0, 0, WIDTH, HEIGHT, 0xf7f8fa);
    box(cr, 0, 0, WIDTH, 8, 0x2f5d8a);
    use(cr, 0x1d2733);
    PangoLayout *title = comp_paint_line(cr, "Results 2026", 40, -1, PANGO_WEIGHT_BOLD);
    cairo_move_to(cr, 44, 32);
    pango_cairo_show_layout(cr, title);
    g_object_unref(title);
    for (int i = 0; i < 4; i++) {
        ellipse(cr, 54, 128 + i * 50, 6, 6, 0x2f5d8a);
        box(cr, 74, 122 + i * 50, 200 - i * 37 % 90, 12, 0x9aa7b5);
    }
    for (int i = 0; i < 4; i++)
        box(cr, 350 + i * 64, 310 - 60 - i * 40, 44, 60 + i * 40, bars[i]);
    box(cr, 336, 310, 270, 3, 0x1d2733);
}

static void keep(void *ctx, struct mcu_packet *packet)
{
    struct mcu_packet **out = ctx;
    mcu_packet_unref(*out);
    *out = packet;
}

static int encode(const struct comp_canvas *canvas, struct mcu_packet **out)
{
    const struct comp_codec_conf conf = {
        .width = WIDTH,
        .height = HEIGHT,
        .fps = 30,
        .bitrate_bps = BITRATE_BPS,
        .preset = "ultrafast",
        .temporal_layers = 1,
    };
    void *encoder;
    int err = comp_codec_h264.create(&encoder, &conf);
    if (err)
        return err;
    struct mcu_packet *packet = NULL;
    err = comp_codec_h264.encode(encoder, canvas, 0, true, keep, &packet);
    comp_codec_h264.destroy(encoder);
    if (!err && !packet)
        err = -EIO;
    if (err)
        mcu_packet_unref(packet);
    else
        *out = packet;
    return err;
}

static int paint(struct comp_overlay **out, enum comp_sample kind, unsigned number)
{
    cairo_t *cr;
    const int err = comp_paint_begin(&cr, WIDTH, HEIGHT);
    if (err)
        return err;
    if (kind == COMP_SAMPLE_SLIDE)
        draw_slide(cr);
    else
        draw_person(cr, number);
    return comp_paint_end(cr, out);
}

int comp_sample_create(struct mcu_packet **out, enum comp_sample kind, unsigned number)
{
    static const struct comp_rect all = {0, 0, WIDTH, HEIGHT};
    struct comp_overlay *picture;
    int err = paint(&picture, kind, number);
    if (err)
        return err;
    struct comp_canvas canvas = {0};
    err = comp_canvas_init(&canvas, WIDTH, HEIGHT);
    if (!err) {
        comp_overlay_copy(picture, &canvas, &all);
        err = encode(&canvas, out);
    }
    comp_canvas_finish(&canvas);
    comp_overlay_unref(picture);
    return err;
}
