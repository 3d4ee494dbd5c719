/* A layout file becomes a struct layout: JSON is read by jansson, every value is checked by
 * check.c, and what does not fit is refused with its path. [ctl] */
#include "layouts/layout.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layouts/check.h"
#include "layouts/model.h"
#include "layouts/parse_cell.h"
#include "layouts/parse_look.h"
#include "layouts/parse_overlay.h"
#include "mcu/base/embed.h"

enum {
    FILE_MAX_BYTES = 256 * 1024,
    DEPTH_MAX = 16,
    VARIANTS_MAX = 64,
    CELLS_MAX = 100,
    OMITS_MAX = 8,
    HOLD_MAX_MS = 60000,
};

static int parse_id(struct checker *c, const struct place *at, const json_t *cells, size_t index)
{
    const json_t *id = json_object_get(json_array_get(cells, index), "id");
    if (!id)
        return 0;
    const struct place here = {.up = at, .key = "id"};
    const char *text;
    const int err = layout_check_text(c, &here, id, NAME_MAX_CHARS, &text);
    if (err)
        return err;
    for (size_t i = 0; i < index; i++) {
        if (json_equal(json_object_get(json_array_get(cells, i), "id"), id))
            return layout_check_refuse(c, &here, "is used by another cell");
    }
    return 0;
}

static int parse_variant(struct checker *c, const struct place *at, const json_t *value,
                         const struct layout_style *style, struct variant *variant)
{
    static const char *const keys[] = {"people", "cells", NULL};
    const struct place people_at = {.up = at, .key = "people"},
                       cells_at = {.up = at, .key = "cells"};
    int err = layout_check_keys(c, at, value, keys);
    if (err)
        return err;
    const json_t *people = json_object_get(value, "people");
    if (!people)
        return layout_check_refuse(c, &people_at, "is missing");
    err = layout_check_range(c, &people_at, people, LAYOUT_PEOPLE_MAX, &variant->people);
    if (err)
        return err;

    const json_t *cells = json_object_get(value, "cells");
    const size_t count = json_array_size(cells);
    if (count == 0 || count > CELLS_MAX)
        return layout_check_refuse(c, &cells_at, "must be a list of 1 to %d cells", CELLS_MAX);
    variant->cells = calloc(count, sizeof(*variant->cells));
    if (!variant->cells)
        return -ENOMEM;
    variant->cell_count = count;
    for (size_t i = 0; i < count && !err; i++) {
        const struct place here = {.up = &cells_at, .index = i};
        variant->cells[i].style.fixed = *style;
        err = layout_parse_cell(c, &here, json_array_get(cells, i), &variant->cells[i]);
        if (!err)
            err = parse_id(c, &here, cells, i);
    }
    return err;
}

static bool fits_some(const struct variants *v, uint32_t people)
{
    for (size_t i = 0; i < v->count; i++) {
        if (people >= v->list[i].people.min && people <= v->list[i].people.max)
            return true;
    }
    return false;
}

static int parse_variants(struct checker *c, const char *key, const json_t *value,
                          const struct layout_style *style, struct variants *v)
{
    const struct place at = {.key = key};
    const size_t count = json_array_size(value);
    if (count == 0 || count > VARIANTS_MAX)
        return layout_check_refuse(c, &at, "must be a list of 1 to %d variants", VARIANTS_MAX);
    v->list = calloc(count, sizeof(*v->list));
    if (!v->list)
        return -ENOMEM;
    v->count = count;
    for (size_t i = 0; i < count; i++) {
        const struct place here = {.up = &at, .index = i};
        const int err = parse_variant(c, &here, json_array_get(value, i), style, &v->list[i]);
        if (err)
            return err;
    }
    for (uint32_t people = 1; people <= LAYOUT_PEOPLE_MAX; people++) {
        if (!fits_some(v, people))
            return layout_check_refuse(c, &at, "none is for %u people", people);
    }
    return 0;
}

static int parse_omit(struct checker *c, const struct place *at, const json_t *value,
                      struct omit *omit)
{
    const char *text;
    const int err = layout_check_text(c, at, value, USER_MAX_CHARS, &text);
    if (err)
        return err;
    static const char role[] = "role:";
    if (strcmp(text, "no-video") == 0) {
        omit->kind = OMIT_NO_VIDEO;
    } else if (strncmp(text, role, strlen(role)) == 0 && text[strlen(role)]) {
        omit->kind = OMIT_ROLE;
        snprintf(omit->role, sizeof(omit->role), "%s", text + strlen(role));
    } else {
        return layout_check_refuse(c, at, "must be \"no-video\" or \"role:NAME\"");
    }
    return 0;
}

static int parse_omits(struct checker *c, const json_t *value, struct layout *l)
{
    const struct place at = {.key = "omit"};
    const size_t count = json_array_size(value);
    if (!json_is_array(value) || count > OMITS_MAX)
        return layout_check_refuse(c, &at, "must be a list of at most %d", OMITS_MAX);
    if (count == 0)
        return 0;
    l->omits = calloc(count, sizeof(*l->omits));
    if (!l->omits)
        return -ENOMEM;
    l->omit_count = count;
    int err = 0;
    for (size_t i = 0; i < count && !err; i++) {
        const struct place here = {.up = &at, .index = i};
        err = parse_omit(c, &here, json_array_get(value, i), &l->omits[i]);
    }
    return err;
}

static int parse_title(struct checker *c, const json_t *value)
{
    const struct place at = {.key = "title"};
    const char *text;
    if (!json_is_object(value))
        return layout_check_text(c, &at, value, USER_MAX_CHARS, &text);
    const char *language;
    json_t *title;
    json_object_foreach((json_t *)value, language, title)
    {
        const struct place here = {.up = &at, .key = language};
        const int err = layout_check_text(c, &here, title, USER_MAX_CHARS, &text);
        if (err)
            return err;
    }
    return 0;
}

/* The name of a layout: of this one, or of another. */
static int parse_name(struct checker *c, const char *key, const json_t *value, char *out)
{
    const struct place at = {.key = key};
    return layout_check_name(c, &at, value, out);
}

static int parse_manners(struct checker *c, const json_t *root, struct layout *l)
{
    const struct place hold_at = {.key = "hold_ms"};
    const json_t *screenshare = json_object_get(root, "screenshare");
    int err = screenshare ? parse_name(c, "screenshare", screenshare, l->screenshare) : 0;
    const json_t *omit = json_object_get(root, "omit");
    if (!err && omit)
        err = parse_omits(c, omit, l);
    const json_t *hold = json_object_get(root, "hold_ms");
    l->hold_ms = HOLD_DEFAULT_MS;
    if (!err && hold)
        err = layout_check_int(c, &hold_at, hold, 0, HOLD_MAX_MS, &l->hold_ms);
    return err;
}

/* A colour, or the name of an uploaded picture. */
static int parse_background(struct checker *c, const json_t *value, struct layout *l)
{
    const struct place at = {.key = "background"};
    const char *text = json_string_value(value);
    if (!text || text[0] == '#') {
        l->has_background = true;
        return layout_check_colour(c, &at, value, &l->background);
    }
    return layout_check_name(c, &at, value, l->background_image);
}

static int parse_overlays(struct checker *c, const json_t *value, struct layout *l)
{
    const struct place at = {.key = "overlays"};
    const size_t count = json_array_size(value);
    if (!json_is_array(value) || count > LAYOUT_OVERLAYS_MAX)
        return layout_check_refuse(c, &at, "must be a list of at most %d", LAYOUT_OVERLAYS_MAX);
    if (count == 0)
        return 0;
    l->overlays = calloc(count, sizeof(*l->overlays));
    if (!l->overlays)
        return -ENOMEM;
    l->overlay_count = count;
    int err = 0;
    for (size_t i = 0; i < count && !err; i++) {
        const struct place here = {.up = &at, .index = i};
        err = layout_parse_overlay(c, &here, json_array_get(value, i), &l->overlays[i]);
    }
    return err;
}

/* What is behind, on and over the tiles. */
static int parse_looks(struct checker *c, const json_t *root, struct layout *l)
{
    const struct place label_at = {.key = "label"};
    l->style = layout_style_plain;
    const json_t *background = json_object_get(root, "background");
    int err = background ? parse_background(c, background, l) : 0;
    if (!err)
        err = layout_parse_label(c, &label_at, json_object_get(root, "label"), &l->style);
    const json_t *overlays = json_object_get(root, "overlays");
    if (!err && overlays)
        err = parse_overlays(c, overlays, l);
    return err;
}

static int parse_root(struct checker *c, const json_t *root, struct layout *l)
{
    static const char *const keys[] = {"name",     "title",    "background", "label",
                                       "overlays", "variants", "portrait",   "screenshare",
                                       "omit",     "hold_ms",  NULL};
    const struct place name_at = {.key = "name"};
    int err = layout_check_keys(c, NULL, root, keys);
    const json_t *name = json_object_get(root, "name");
    if (!err)
        err = name ? parse_name(c, "name", name, l->name)
                   : layout_check_refuse(c, &name_at, "is missing");
    const json_t *title = json_object_get(root, "title");
    if (!err && title)
        err = parse_title(c, title);
    if (!err)
        err = parse_looks(c, root, l);
    if (!err)
        err = parse_manners(c, root, l);
    if (!err)
        err = parse_variants(c, "variants", json_object_get(root, "variants"), &l->style,
                             &l->landscape);
    const json_t *portrait = json_object_get(root, "portrait");
    if (!err && portrait)
        err = parse_variants(c, "portrait", portrait, &l->style, &l->portrait);
    return err;
}

int layout_parse(struct layout **out, const char *json, size_t size, const char *origin,
                 char *error)
{
    struct checker c = {.origin = origin, .error = error};
    if (error)
        snprintf(error, LAYOUT_ERROR_MAX, "%.100s: no memory",
                 origin); /* any other reason replaces it */
    if (size > FILE_MAX_BYTES)
        return layout_check_refuse(&c, NULL, "is larger than %d bytes", FILE_MAX_BYTES);
    int err = layout_check_depth(&c, json, size, DEPTH_MAX);
    if (err)
        return err;
    json_error_t why;
    json_t *root = json_loadb(json, size, JSON_REJECT_DUPLICATES, &why);
    if (!root)
        return layout_check_refuse(&c, NULL, "line %d, column %d: %s", why.line, why.column,
                                   why.text);
    struct layout *l = calloc(1, sizeof(*l));
    if (!l) {
        json_decref(root);
        return -ENOMEM;
    }

    err = parse_root(&c, root, l);
    json_decref(root);
    if (err) {
        layout_destroy(l); /* accepts a half-built layout */
        return err;
    }
    *out = l;
    return 0;
}

int layout_builtin(struct layout **out, const char *name)
{
    char file[NAME_MAX_CHARS + 8];
    snprintf(file, sizeof(file), "%s.json", name);
    for (const struct mcu_embedded *e = mcu_layout_files; e->name; e++) {
        if (strcmp(e->name, file) == 0)
            return layout_parse(out, (const char *)e->data, (size_t)(e->end - e->data), e->name,
                                NULL);
    }
    return -ENOENT;
}

static void free_variants(struct variants *v)
{
    for (size_t i = 0; i < v->count; i++) {
        for (size_t k = 0; k < v->list[i].cell_count; k++)
            free(v->list[i].cells[k].sources);
        free(v->list[i].cells);
    }
    free(v->list);
}

void layout_destroy(struct layout *l)
{
    if (!l)
        return;
    free_variants(&l->landscape);
    free_variants(&l->portrait);
    free(l->omits);
    free(l->overlays);
    free(l);
}

const char *layout_name(const struct layout *l)
{
    return l->name;
}

bool layout_background(const struct layout *l, uint32_t *rgb)
{
    if (l->has_background)
        *rgb = l->background;
    return l->has_background;
}

const char *layout_background_image(const struct layout *l)
{
    return l->background_image[0] ? l->background_image : NULL;
}

const char *layout_screenshare(const struct layout *l)
{
    return l->screenshare[0] ? l->screenshare : NULL;
}

int layout_hold_ms(const struct layout *l)
{
    return l->hold_ms;
}
