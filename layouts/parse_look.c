/* How tiles look; see parse_look.h. [ctl] */
#include "layouts/parse_look.h"

enum { BORDER_MAX_PX = 32 };

const struct layout_style layout_style_plain = {
    .alpha = 255,
    .border_rgb = 0xffffff,
    .has_label = true,
    .label = LAYOUT_BOTTOM_LEFT,
};

int layout_parse_label(struct checker *c, const struct place *at, const json_t *value,
                       struct layout_style *out)
{
    static const char *const keys[] = {"show", "position", NULL};
    static const char *const spots[] = {"top-left", "top",          "top-right", "bottom-left",
                                        "bottom",   "bottom-right", NULL}; /* as enum layout_spot */
    const struct place show_at = {.up = at, .key = "show"},
                       position_at = {.up = at, .key = "position"};
    if (!value)
        return 0;
    int err = layout_check_keys(c, at, value, keys);
    const json_t *show = json_object_get(value, "show");
    if (!err && show)
        err = layout_check_bool(c, &show_at, show, &out->has_label);
    const json_t *position = json_object_get(value, "position");
    int spot = (int)out->label;
    if (!err && position)
        err = layout_check_word(c, &position_at, position, spots, &spot);
    out->label = (enum layout_spot)spot;
    return err;
}

static int parse_border(struct checker *c, const struct place *at, const json_t *value,
                        struct layout_style *out)
{
    static const char *const keys[] = {"width", "color", NULL};
    const struct place width_at = {.up = at, .key = "width"}, color_at = {.up = at, .key = "color"};
    int err = layout_check_keys(c, at, value, keys);
    const json_t *width = json_object_get(value, "width"), *color = json_object_get(value, "color");
    int px = 0;
    if (!err)
        err = width ? layout_check_int(c, &width_at, width, 0, BORDER_MAX_PX, &px)
                    : layout_check_refuse(c, &width_at, "is missing");
    if (!err && color)
        err = layout_check_colour(c, &color_at, color, &out->border_rgb);
    out->border_px = ((uint32_t)px + 1) & ~1u;
    return err;
}

static int parse_radius(struct checker *c, const struct place *at, const json_t *value,
                        struct ratio *out)
{
    const int err = layout_check_ratio(c, at, value, out);
    if (!err && 2 * out->num > out->den)
        return layout_check_refuse(c, at, "must be at most \"1/2\"");
    return err;
}

int layout_parse_style(struct checker *c, const struct place *at, const json_t *cell,
                       struct style *out)
{
    static const char *const shows[] = {"video", "avatar", NULL};
    const struct place radius_at = {.up = at, .key = "radius"},
                       border_at = {.up = at, .key = "border"},
                       alpha_at = {.up = at, .key = "alpha"}, label_at = {.up = at, .key = "label"},
                       show_at = {.up = at, .key = "show"};
    out->radius = (struct ratio){0, 1};
    const json_t *radius = json_object_get(cell, "radius");
    int err = radius ? parse_radius(c, &radius_at, radius, &out->radius) : 0;
    const json_t *border = json_object_get(cell, "border");
    if (!err && border)
        err = parse_border(c, &border_at, border, &out->fixed);
    const json_t *alpha = json_object_get(cell, "alpha");
    if (!err && alpha)
        err = layout_check_alpha(c, &alpha_at, alpha, &out->fixed.alpha);
    if (!err)
        err = layout_parse_label(c, &label_at, json_object_get(cell, "label"), &out->fixed);
    const json_t *show = json_object_get(cell, "show");
    int what = 0;
    if (!err && show)
        err = layout_check_word(c, &show_at, show, shows, &what);
    out->fixed.is_avatar = what == 1;
    return err;
}
