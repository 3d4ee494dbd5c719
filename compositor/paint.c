/* Brushes; see paint.h. */
#include "compositor/paint.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Emoji come by fallback: named here, their font would give the digits too. */
static const char families[] = "Noto Sans, Noto Sans CJK SC, Noto Sans Arabic";

struct comp_paint_colour comp_paint_rgb(uint32_t rgb)
{
    return (struct comp_paint_colour){(rgb >> 16 & 0xff) / 255.0, (rgb >> 8 & 0xff) / 255.0,
                                      (rgb & 0xff) / 255.0, 1};
}

void comp_paint_use(cairo_t *cr, const struct comp_paint_colour *c)
{
    cairo_set_source_rgba(cr, c->r, c->g, c->b, c->a);
}

bool comp_paint_is_side(uint32_t px)
{
    return px >= 2 && px <= PAINT_SIDE_MAX;
}

uint32_t comp_paint_even_up(double px)
{
    return ((uint32_t)ceil(px) + 1) & ~1u;
}

int comp_paint_begin(cairo_t **cr, uint32_t width, uint32_t height)
{
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_ARGB32, (int)width, (int)height);
    *cr = cairo_create(surface);
    cairo_surface_destroy(surface); /* the context holds it */
    if (cairo_status(*cr) == CAIRO_STATUS_SUCCESS)
        return 0;
    cairo_destroy(*cr);
    return -ENOMEM;
}

int comp_paint_end(cairo_t *cr, struct comp_overlay **out)
{
    cairo_surface_t *surface = cairo_get_target(cr);
    cairo_surface_flush(surface);
    const int err = cairo_status(cr) != CAIRO_STATUS_SUCCESS
                        ? -ENOMEM
                        : comp_overlay_create(out, cairo_image_surface_get_data(surface),
                                              (size_t)cairo_image_surface_get_stride(surface),
                                              (uint32_t)cairo_image_surface_get_width(surface),
                                              (uint32_t)cairo_image_surface_get_height(surface));
    cairo_destroy(cr);
    return err;
}

PangoLayout *comp_paint_line(cairo_t *cr, const char *text, double size_px, double width_px,
                             PangoWeight weight)
{
    PangoLayout *layout = pango_cairo_create_layout(cr);
    PangoFontDescription *font = pango_font_description_from_string(families);
    pango_font_description_set_absolute_size(font, size_px * PANGO_SCALE);
    pango_font_description_set_weight(font, weight);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
    pango_layout_set_single_paragraph_mode(layout, TRUE);
    pango_layout_set_text(layout, text, -1);
    int natural_px;
    pango_layout_get_pixel_size(layout, &natural_px, NULL);
    if (width_px >= 0 && natural_px > width_px) { /* a width moves right-to-left text to its end */
        pango_layout_set_width(layout, (int)(width_px * PANGO_SCALE));
        pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    }
    return layout;
}

void comp_paint_clean(const char *text, char out[PAINT_TEXT_BYTES])
{
    size_t used = 0;
    for (const char *p = text; *p;) {
        const gunichar c = g_utf8_get_char_validated(p, -1);
        if (c == (gunichar)-1 || c == (gunichar)-2) {
            p++;
            continue;
        }
        char bytes[6];
        const size_t n = (size_t)g_unichar_to_utf8(c, bytes);
        p = g_utf8_next_char(p);
        if (g_unichar_iscntrl(c))
            continue;
        if (used + n >= PAINT_TEXT_BYTES)
            break;
        memcpy(out + used, bytes, n);
        used += n;
    }
    out[used] = '\0';
}

void comp_paint_plate(cairo_t *cr, double width, double height, double radius,
                      const struct comp_paint_colour *c)
{
    comp_paint_use(cr, c);
    cairo_new_path(cr);
    cairo_arc(cr, width - radius, radius, radius, -M_PI / 2, 0);
    cairo_arc(cr, width - radius, height - radius, radius, 0, M_PI / 2);
    cairo_arc(cr, radius, height - radius, radius, M_PI / 2, M_PI);
    cairo_arc(cr, radius, radius, radius, M_PI, 3 * M_PI / 2);
    cairo_close_path(cr);
    cairo_fill(cr);
}
