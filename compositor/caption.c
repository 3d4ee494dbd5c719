/* Captions; see caption.h. The overlay is as large as its plate, not as its box, so that blending
 * costs what is seen. */
#include "compositor/caption.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "compositor/paint.h"

/* A plate with text, and a dot before it. */
struct plate {
    const char *text;
    struct comp_paint_colour letters, ground;
    bool has_ground, has_dot;
    double width, height; /* of the box */
    double text_px, pad_px, text_at_px;
};

static void measure(struct plate *p)
{
    p->text_px = p->height * (p->has_ground ? 0.60 : 0.74);
    p->pad_px = p->has_ground ? p->height * 0.36 : 0;
    p->text_at_px = p->pad_px + (p->has_dot ? p->text_px * 0.95 : 0);
}

static int size_of_text(const struct plate *p, double max_px, int *width, int *height)
{
    cairo_t *cr;
    const int err = comp_paint_begin(&cr, 2, 2);
    if (err)
        return err;
    PangoLayout *line = comp_paint_line(cr, p->text, p->text_px, max_px, PANGO_WEIGHT_MEDIUM);
    pango_layout_get_pixel_size(line, width, height);
    g_object_unref(line);
    cairo_destroy(cr);
    return 0;
}

static void paint(cairo_t *cr, const struct plate *p, double width, double max_px, int text_height)
{
    static const struct comp_paint_colour dot = {0.96, 0.26, 0.26, 1};
    if (p->has_ground)
        comp_paint_plate(cr, width, p->height, p->height * 0.24, &p->ground);
    if (p->has_dot) {
        comp_paint_use(cr, &dot);
        cairo_arc(cr, p->pad_px + p->text_px * 0.30, p->height / 2, p->text_px * 0.32, 0, 2 * M_PI);
        cairo_fill(cr);
    }
    PangoLayout *line = comp_paint_line(cr, p->text, p->text_px, max_px, PANGO_WEIGHT_MEDIUM);
    comp_paint_use(cr, &p->letters);
    cairo_move_to(cr, p->text_at_px, (p->height - text_height) / 2);
    pango_cairo_show_layout(cr, line);
    g_object_unref(line);
}

static uint32_t offset(uint32_t free_px, enum layout_align align)
{
    if (align == LAYOUT_START)
        return 0;
    return (align == LAYOUT_END ? free_px : free_px / 2) & ~1u;
}

static int render(struct comp_caption *out, const struct layout_overlay *look, struct plate *p)
{
    if (!comp_paint_is_side(look->width) || !comp_paint_is_side(look->height))
        return -EINVAL;
    p->width = look->width;
    p->height = look->height;
    measure(p);
    const double max_px = fmax(0, p->width - p->text_at_px - p->pad_px);
    int text_width = 0, text_height = 0;
    int err = size_of_text(p, max_px, &text_width, &text_height);
    if (err)
        return err;
    uint32_t width = comp_paint_even_up(p->text_at_px + fmin(text_width, max_px) + p->pad_px);
    width = width < look->width ? width : look->width;
    cairo_t *cr;
    err = comp_paint_begin(&cr, width < 2 ? 2 : width, look->height);
    if (err)
        return err;
    cairo_push_group(cr);
    paint(cr, p, width, max_px, text_height);
    cairo_pop_group_to_source(cr);
    cairo_paint_with_alpha(cr, look->alpha / 255.0);
    struct comp_overlay *overlay;
    err = comp_paint_end(cr, &overlay);
    if (err)
        return err;
    *out = (struct comp_caption){overlay, offset(look->width - width, look->align), 0};
    return 0;
}

int comp_caption_render(struct comp_caption *out, const struct layout_overlay *look,
                        const char *text)
{
    char clean[PAINT_TEXT_BYTES];
    comp_paint_clean(text, clean);
    struct plate p = {
        .text = clean,
        .letters = comp_paint_rgb(look->rgb),
        .ground = comp_paint_rgb(look->ground_rgb),
        .has_ground = look->has_ground,
    };
    return render(out, look, &p);
}

int comp_sign_render(struct comp_caption *out, const struct layout_overlay *look)
{
    static const struct comp_paint_colour dark = {0.04, 0.05, 0.07, 0.62},
                                          red = {0.85, 0.13, 0.16, 0.95};
    const bool is_rec = look->kind == LAYOUT_REC;
    struct plate p = {
        .text = is_rec ? "REC" : "LIVE",
        .letters = comp_paint_rgb(0xffffff),
        .ground = is_rec ? dark : red,
        .has_ground = true,
        .has_dot = is_rec,
    };
    return render(out, look, &p);
}

void comp_clock_text(enum layout_clock_format format, int32_t zone_min, int64_t unix_s,
                     char out[32])
{
    static const char *const formats[] = {
        [LAYOUT_HH_MM] = "%H:%M",
        [LAYOUT_HH_MM_SS] = "%H:%M:%S",
        [LAYOUT_DATE] = "%Y-%m-%d",
        [LAYOUT_DATE_HH_MM] = "%Y-%m-%d %H:%M",
        [LAYOUT_DATE_HH_MM_SS] = "%Y-%m-%d %H:%M:%S",
    };
    struct tm tm = {0};
    if (zone_min == LAYOUT_ZONE_LOCAL) {
        const time_t when = (time_t)unix_s;
        localtime_r(&when, &tm);
    } else {
        const time_t when = (time_t)(unix_s + (int64_t)zone_min * 60);
        gmtime_r(&when, &tm);
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* it comes from the table above */
    if (strftime(out, 32, formats[format], &tm) == 0)
        out[0] = '\0';
#pragma GCC diagnostic pop
}

int64_t comp_clock_step_s(enum layout_clock_format format)
{
    return format == LAYOUT_HH_MM_SS || format == LAYOUT_DATE_HH_MM_SS ? 1 : 60;
}
