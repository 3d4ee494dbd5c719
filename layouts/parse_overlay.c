/* One overlay of a layout file: a picture, words, a clock or a sign; see parse_overlay.h. Which
 * keys there may be depends on the kind, so a key in the wrong place is an unknown one. [ctl] */
#include "layouts/parse_overlay.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* In the order of enum layout_overlay_kind. */
static const char *const kinds[] = {"image", "text", "clock", "rec", "live", NULL};

#define BOX "kind", "x", "y", "w", "h", "alpha"

static const char *const image_keys[] = {BOX, "name", "fit", NULL};
static const char *const text_keys[] = {BOX, "text", "color", "ground", "align", NULL};
static const char *const clock_keys[] = {BOX, "format", "zone", "color", "ground", "align", NULL};
static const char *const sign_keys[] = {BOX, "align", NULL};

static const char *const *const keys_of[] = {image_keys, text_keys, clock_keys, sign_keys,
                                             sign_keys};

/* An image may leave its height to its shape: then it reaches to the bottom at most. */
static int parse_box(struct checker *c, const struct place *at, const json_t *value,
                     struct overlay *out)
{
    int err = layout_check_side(c, at, value, "x", "w", &out->x, &out->w);
    out->fixed.has_height = json_object_get(value, "h") || out->fixed.kind != LAYOUT_IMAGE;
    if (!err && out->fixed.has_height)
        return layout_check_side(c, at, value, "y", "h", &out->y, &out->h);
    const struct place y_at = {.up = at, .key = "y"};
    const json_t *y = json_object_get(value, "y");
    if (!err)
        err = y ? layout_check_ratio(c, &y_at, y, &out->y)
                : layout_check_refuse(c, &y_at, "is missing");
    out->h = (struct ratio){out->y.den - out->y.num, out->y.den};
    if (!err && out->h.num == 0)
        return layout_check_refuse(c, &y_at, "must be below 1");
    return err;
}

static int parse_image(struct checker *c, const struct place *at, const json_t *value,
                       struct overlay *out)
{
    static const char *const fits[] = {"cover", "contain", "fill", NULL};
    const struct place name_at = {.up = at, .key = "name"}, fit_at = {.up = at, .key = "fit"};
    const json_t *name = json_object_get(value, "name"), *fit = json_object_get(value, "fit");
    int err = name ? layout_check_name(c, &name_at, name, out->text)
                   : layout_check_refuse(c, &name_at, "is missing");
    int how = LAYOUT_CONTAIN;
    if (!err && fit)
        err = layout_check_word(c, &fit_at, fit, fits, &how);
    out->fixed.fit = (enum layout_fit)how;
    return err;
}

static int parse_words(struct checker *c, const struct place *at, const json_t *value,
                       struct overlay *out)
{
    const struct place here = {.up = at, .key = "text"};
    const json_t *words = json_object_get(value, "text");
    const char *text = "";
    const int err = words ? layout_check_text(c, &here, words, TEXT_MAX_BYTES, &text)
                          : layout_check_refuse(c, &here, "is missing");
    snprintf(out->text, sizeof(out->text), "%s", text);
    return err;
}

/* "local", "UTC", "+05:30" */
static int parse_zone(struct checker *c, const struct place *at, const json_t *value, int32_t *out)
{
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    if (strcmp(text, "local") == 0) {
        *out = LAYOUT_ZONE_LOCAL;
        return 0;
    }
    if (strcmp(text, "UTC") == 0) {
        *out = 0;
        return 0;
    }
    const bool is_shaped = strlen(text) == 6 && (text[0] == '+' || text[0] == '-') &&
                           isdigit((unsigned char)text[1]) && isdigit((unsigned char)text[2]) &&
                           text[3] == ':' && isdigit((unsigned char)text[4]) &&
                           isdigit((unsigned char)text[5]);
    const int hours = is_shaped ? (text[1] - '0') * 10 + text[2] - '0' : 99;
    const int minutes = is_shaped ? (text[4] - '0') * 10 + text[5] - '0' : 99;
    if (hours > 14 || minutes > 59)
        return layout_check_refuse(c, at, "must be \"local\", \"UTC\" or like \"+05:30\"");
    *out = (text[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
    return 0;
}

static int parse_clock(struct checker *c, const struct place *at, const json_t *value,
                       struct overlay *out)
{
    static const char *const formats[] = {
        "HH:MM", "HH:MM:SS", "YYYY-MM-DD", "YYYY-MM-DD HH:MM", "YYYY-MM-DD HH:MM:SS",
        NULL}; /* as enum layout_clock_format */
    const struct place format_at = {.up = at, .key = "format"}, zone_at = {.up = at, .key = "zone"};
    const json_t *format = json_object_get(value, "format"), *zone = json_object_get(value, "zone");
    int which = LAYOUT_HH_MM;
    int err = format ? layout_check_word(c, &format_at, format, formats, &which) : 0;
    out->fixed.format = (enum layout_clock_format)which;
    out->fixed.zone_min = LAYOUT_ZONE_LOCAL;
    if (!err && zone)
        err = parse_zone(c, &zone_at, zone, &out->fixed.zone_min);
    return err;
}

/* The keys of letters: color, ground, align. */
static int parse_letters(struct checker *c, const struct place *at, const json_t *value,
                         struct layout_overlay *out)
{
    static const char *const aligns[] = {"start", "center", "end", NULL};
    const struct place color_at = {.up = at, .key = "color"},
                       ground_at = {.up = at, .key = "ground"},
                       align_at = {.up = at, .key = "align"};
    const json_t *color = json_object_get(value, "color"),
                 *ground = json_object_get(value, "ground"),
                 *align = json_object_get(value, "align");
    out->rgb = 0xffffff;
    int err = color ? layout_check_colour(c, &color_at, color, &out->rgb) : 0;
    out->has_ground = ground != NULL;
    if (!err && ground)
        err = layout_check_colour(c, &ground_at, ground, &out->ground_rgb);
    int how = LAYOUT_CENTER;
    if (!err && align)
        err = layout_check_word(c, &align_at, align, aligns, &how);
    out->align = (enum layout_align)how;
    return err;
}

static int parse_kind(struct checker *c, const struct place *at, const json_t *value,
                      struct overlay *out)
{
    const struct place kind_at = {.up = at, .key = "kind"};
    if (!json_is_object(value))
        return layout_check_refuse(c, at, "must be an object");
    const json_t *kind = json_object_get(value, "kind");
    int which = 0;
    int err = kind ? layout_check_word(c, &kind_at, kind, kinds, &which)
                   : layout_check_refuse(c, &kind_at, "is missing");
    if (!err)
        err = layout_check_keys(c, at, value, keys_of[which]);
    out->fixed.kind = (enum layout_overlay_kind)which;
    return err;
}

int layout_parse_overlay(struct checker *c, const struct place *at, const json_t *value,
                         struct overlay *out)
{
    const struct place alpha_at = {.up = at, .key = "alpha"};
    int err = parse_kind(c, at, value, out);
    if (!err)
        err = parse_box(c, at, value, out);
    const json_t *alpha = json_object_get(value, "alpha");
    out->fixed.alpha = 255;
    if (!err && alpha)
        err = layout_check_alpha(c, &alpha_at, alpha, &out->fixed.alpha);
    if (!err)
        err = parse_letters(c, at, value, &out->fixed);
    if (!err && out->fixed.kind == LAYOUT_IMAGE)
        err = parse_image(c, at, value, out);
    if (!err && out->fixed.kind == LAYOUT_TEXT)
        err = parse_words(c, at, value, out);
    if (!err && out->fixed.kind == LAYOUT_CLOCK)
        err = parse_clock(c, at, value, out);
    return err;
}
