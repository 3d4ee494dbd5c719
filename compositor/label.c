/* Labels; see label.h. Everything is laid out in units of the text's size, which is a share of the
 * tile's height within what can be read and what does not cover the picture. */
#include "compositor/label.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compositor/paint.h"

enum {
    TEXT_MIN_PX = 11,
    TEXT_MAX_PX = 30,
};

static const struct comp_paint_colour ground = {0.04, 0.05, 0.07, 0.62};
static const struct comp_paint_colour veil = {0.04, 0.05, 0.07, 0.85};
static const struct comp_paint_colour white = {1, 1, 1, 1};
static const struct comp_paint_colour red = {0.96, 0.30, 0.30, 1};
static const struct comp_paint_colour amber = {0.98, 0.75, 0.20, 1};
static const struct comp_paint_colour grey = {1, 1, 1, 0.35};

/* --- signs: each in a square of `s` pixels at the origin -----------------------------------------
 */

static void draw_muted(cairo_t *cr, double s)
{
    comp_paint_use(cr, &red);
    cairo_set_line_width(cr, s * 0.10);
    cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
    cairo_new_sub_path(cr); /* the capsule */
    cairo_arc(cr, s * 0.5, s * 0.28, s * 0.14, M_PI, 0);
    cairo_arc(cr, s * 0.5, s * 0.48, s * 0.14, 0, M_PI);
    cairo_close_path(cr);
    cairo_fill(cr);
    cairo_arc(cr, s * 0.5, s * 0.48, s * 0.26, 0, M_PI); /* its holder and foot */
    cairo_move_to(cr, s * 0.5, s * 0.74);
    cairo_line_to(cr, s * 0.5, s * 0.90);
    cairo_stroke(cr);
    cairo_move_to(cr, s * 0.16, s * 0.14); /* crossed out */
    cairo_line_to(cr, s * 0.84, s * 0.86);
    cairo_stroke(cr);
}

static void draw_bars(cairo_t *cr, double s, int bars)
{
    for (int i = 0; i < 4; i++) {
        comp_paint_use(cr, i < bars ? &amber : &grey);
        const double h = s * (0.25 + 0.19 * i);
        cairo_rectangle(cr, s * (0.10 + 0.21 * i), s * 0.88 - h, s * 0.15, h);
        cairo_fill(cr);
    }
}

static void draw_hand(cairo_t *cr, double s)
{
    PangoLayout *layout = comp_paint_line(cr, "\xe2\x9c\x8b", s * 0.8, -1, PANGO_WEIGHT_NORMAL);
    int width, height;
    pango_layout_get_pixel_size(layout, &width, &height);
    cairo_move_to(cr, (s - width) / 2, (s - height) / 2);
    pango_cairo_show_layout(cr, layout);
    g_object_unref(layout);
}

/* --- label ---------------------------------------------------------------------------------------
 */

struct pill {
    double text_px; /* size of the text */
    double sign_px; /* side of a sign */
    double pad_px;
    double width_max_px; /* of the pill */
    int signs;
    double name_at_px;
    double name_max_px;
};

static bool has_poor_network(const struct comp_label_conf *conf)
{
    return conf->bars >= 0 && conf->bars <= 2;
}

static struct pill measure(const struct comp_label_conf *conf)
{
    struct pill p = {.text_px = fmin(conf->tile_height, conf->tile_width) * 0.075};
    p.text_px = fmax(TEXT_MIN_PX, fmin(TEXT_MAX_PX, p.text_px));
    p.sign_px = p.text_px * 1.25;
    p.pad_px = p.text_px * 0.45;
    p.width_max_px = conf->tile_width * 0.94;
    p.signs = conf->is_muted + conf->has_hand_up + has_poor_network(conf);
    p.name_at_px = p.pad_px + p.signs * p.sign_px + (p.signs ? p.pad_px * 0.5 : 0);
    p.name_max_px = p.width_max_px - p.name_at_px - p.pad_px;
    return p;
}

static void draw_signs(cairo_t *cr, const struct comp_label_conf *conf, const struct pill *p)
{
    if (conf->has_hand_up) {
        draw_hand(cr, p->sign_px);
        cairo_translate(cr, p->sign_px, 0);
    }
    if (conf->is_muted) {
        draw_muted(cr, p->sign_px);
        cairo_translate(cr, p->sign_px, 0);
    }
    if (has_poor_network(conf)) {
        draw_bars(cr, p->sign_px, conf->bars);
        cairo_translate(cr, p->sign_px, 0);
    }
}

/* The width that the name takes, and its height. */
static int size_of_name(const char *name, const struct pill *p, int *width, int *height)
{
    cairo_t *cr;
    const int err = comp_paint_begin(&cr, 2, 2);
    if (err)
        return err;
    PangoLayout *layout =
        comp_paint_line(cr, name, p->text_px, fmax(0, p->name_max_px), PANGO_WEIGHT_MEDIUM);
    pango_layout_get_pixel_size(layout, width, height);
    g_object_unref(layout);
    cairo_destroy(cr);
    return 0;
}

int comp_label_render(struct comp_overlay **out, const struct comp_label_conf *conf)
{
    if (!comp_paint_is_side(conf->tile_width) || !comp_paint_is_side(conf->tile_height))
        return -EINVAL;
    char name[PAINT_TEXT_BYTES];
    comp_paint_clean(conf->name, name);
    const struct pill p = measure(conf);
    int text_width, text_height;
    int err = size_of_name(name, &p, &text_width, &text_height);
    if (err)
        return err;
    const double wanted = p.name_at_px + text_width + p.pad_px;
    const uint32_t width = comp_paint_even_up(fmin(wanted, p.width_max_px) - 1);
    /* the same in every script: what their fonts keep free above and below differs */
    const uint32_t height = comp_paint_even_up(p.text_px * 1.7);
    cairo_t *cr;
    err = comp_paint_begin(&cr, width, height);
    if (err)
        return err;
    comp_paint_plate(cr, width, height, height * 0.28, &ground);
    cairo_save(cr);
    cairo_translate(cr, p.pad_px, (height - p.sign_px) / 2);
    draw_signs(cr, conf, &p);
    cairo_restore(cr);
    comp_paint_use(cr, &white);
    PangoLayout *layout =
        comp_paint_line(cr, name, p.text_px, fmax(0, p.name_max_px), PANGO_WEIGHT_MEDIUM);
    cairo_move_to(cr, p.name_at_px, (height - text_height) / 2.0);
    pango_cairo_show_layout(cr, layout);
    g_object_unref(layout);
    return comp_paint_end(cr, out);
}

/* --- avatar and "+N" -----------------------------------------------------------------------------
 */

void comp_initials(const char *name, char out[32])
{
    char clean[PAINT_TEXT_BYTES];
    comp_paint_clean(name, clean);
    size_t used = 0;
    int taken = 0;
    bool is_start = true;
    for (const char *p = clean; *p && taken < 2; p = g_utf8_next_char(p)) {
        const gunichar c = g_utf8_get_char(p);
        const bool is_gap = g_unichar_isspace(c) || c == '-' || c == '_' || c == '.';
        if (is_start && !is_gap) {
            used += (size_t)g_unichar_to_utf8(g_unichar_toupper(c), out + used);
            const bool has_cases = g_unichar_toupper(c) != g_unichar_tolower(c);
            taken += has_cases ? 1 : 2;
        }
        is_start = is_gap;
    }
    out[used] = '\0';
}

static void draw_centred(cairo_t *cr, const char *text, double size_px, double x, double y)
{
    comp_paint_use(cr, &white);
    PangoLayout *layout = comp_paint_line(cr, text, size_px, -1, PANGO_WEIGHT_MEDIUM);
    int width, height;
    pango_layout_get_pixel_size(layout, &width, &height);
    cairo_move_to(cr, x - width / 2.0, y - height / 2.0);
    pango_cairo_show_layout(cr, layout);
    g_object_unref(layout);
}

/* FNV-1a with the high bits folded in: spreads users over the hues, also those that differ little.
 */
static double hue_of(const char *user)
{
    uint32_t hash = 2166136261u;
    for (const char *p = user; *p; p++)
        hash = (hash ^ (uint8_t)*p) * 16777619u;
    hash = (hash ^ hash >> 15) * 2246822519u;
    return (hash >> 16) % 360 / 60.0;
}

/* Hue in sixths of the circle, at a saturation and a value on which white text reads well. */
static struct comp_paint_colour disc_colour(double hue)
{
    const double value = 0.58, low = value * 0.42, x = 1 - fabs(fmod(hue, 2) - 1);
    const double mid = low + (value - low) * x;
    switch ((int)hue) {
    case 0:
        return (struct comp_paint_colour){value, mid, low, 1};
    case 1:
        return (struct comp_paint_colour){mid, value, low, 1};
    case 2:
        return (struct comp_paint_colour){low, value, mid, 1};
    case 3:
        return (struct comp_paint_colour){low, mid, value, 1};
    case 4:
        return (struct comp_paint_colour){mid, low, value, 1};
    default:
        return (struct comp_paint_colour){value, low, mid, 1};
    }
}

static double disc_radius(uint32_t tile_width, uint32_t tile_height)
{
    return fmin(tile_width, tile_height) * 0.26;
}

uint32_t comp_avatar_ground(void)
{
    return 0x21262e;
}

int comp_avatar_render(struct comp_overlay **out, const char *user, const char *name,
                       uint32_t tile_width, uint32_t tile_height)
{
    if (!comp_paint_is_side(tile_width) || !comp_paint_is_side(tile_height))
        return -EINVAL;
    cairo_t *cr;
    const int err = comp_paint_begin(&cr, tile_width & ~1u, tile_height & ~1u);
    if (err)
        return err;
    const struct comp_paint_colour dark = comp_paint_rgb(comp_avatar_ground());
    comp_paint_use(cr, &dark);
    cairo_paint(cr);
    const double radius = disc_radius(tile_width, tile_height);
    const double x = tile_width / 2.0, y = tile_height / 2.0;
    const struct comp_paint_colour disc = disc_colour(hue_of(user));
    comp_paint_use(cr, &disc);
    cairo_arc(cr, x, y, radius, 0, 2 * M_PI);
    cairo_fill(cr);
    char initials[32];
    comp_initials(name, initials);
    draw_centred(cr, initials, radius * 0.85, x, y);
    return comp_paint_end(cr, out);
}

int comp_ring_render(struct comp_overlay **out, uint32_t level, uint32_t tile_width,
                     uint32_t tile_height)
{
    if (!comp_paint_is_side(tile_width) || !comp_paint_is_side(tile_height))
        return -EINVAL;
    static const struct comp_paint_colour green = {0.24, 0.86, 0.52, 1};
    const double radius = disc_radius(tile_width, tile_height);
    const double inner = radius * 1.08, width = fmax(1.5, radius * 0.07 * level);
    const uint32_t side = comp_paint_even_up(2 * (inner + width) + 2);
    cairo_t *cr;
    const int err = comp_paint_begin(&cr, side, side);
    if (err)
        return err;
    comp_paint_use(cr, &green);
    cairo_set_line_width(cr, width);
    cairo_arc(cr, side / 2.0, side / 2.0, inner + width / 2, 0, 2 * M_PI);
    cairo_stroke(cr);
    return comp_paint_end(cr, out);
}

int comp_badge_render(struct comp_overlay **out, uint32_t count, uint32_t tile_width,
                      uint32_t tile_height)
{
    if (!comp_paint_is_side(tile_width) || !comp_paint_is_side(tile_height))
        return -EINVAL;
    char text[16];
    snprintf(text, sizeof(text), "+%u", count);
    const struct comp_label_conf conf = {
        .name = text,
        .tile_width = tile_width,
        .tile_height = tile_height,
        .bars = COMP_BARS_UNKNOWN,
    };
    return comp_label_render(out, &conf);
}

int comp_more_render(struct comp_overlay **out, uint32_t count, uint32_t tile_width,
                     uint32_t tile_height)
{
    if (!comp_paint_is_side(tile_width) || !comp_paint_is_side(tile_height))
        return -EINVAL;
    cairo_t *cr;
    const int err = comp_paint_begin(&cr, tile_width & ~1u, tile_height & ~1u);
    if (err)
        return err;
    comp_paint_use(cr, &veil);
    cairo_paint(cr);
    char text[16];
    snprintf(text, sizeof(text), "+%u", count);
    draw_centred(cr, text, fmin(tile_width, tile_height) * 0.3, tile_width / 2.0,
                 tile_height / 2.0);
    return comp_paint_end(cr, out);
}

int comp_label_unknown_glyphs(const char *text)
{
    cairo_t *cr;
    const int err = comp_paint_begin(&cr, 2, 2);
    if (err)
        return err;
    PangoLayout *layout = comp_paint_line(cr, text, TEXT_MAX_PX, -1, PANGO_WEIGHT_MEDIUM);
    const int unknown = pango_layout_get_unknown_glyphs_count(layout);
    g_object_unref(layout);
    cairo_destroy(cr);
    return unknown;
}
