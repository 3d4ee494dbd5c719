/* A layout file becomes a struct layout: JSON is read by jansson, every value is checked by
 * check.c, and what does not fit is refused with its path. [ctl] */
#include "layouts/layout.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layouts/check.h"
#include "layouts/model.h"
#include "mcu/base/embed.h"

enum {
    FILE_MAX_BYTES = 256 * 1024,
    DEPTH_MAX = 16,
    VARIANTS_MAX = 64,
    CELLS_MAX = 100,
    SOURCES_MAX = 8,
    PIN_MAX = 100,
    GAP_MAX_PX = 64,
    Z_MAX = 1000,
};

static int parse_pin(struct checker *c, const struct place *at, const char *text, uint32_t *out)
{
    char *end;
    const unsigned long number = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || number < 1 || number > PIN_MAX)
        return layout_check_refuse(c, at, "must be a pin from \"pin:1\" to \"pin:%d\"", PIN_MAX);
    *out = (uint32_t)number;
    return 0;
}

static int parse_prefixed(struct checker *c, const struct place *at, const char *text,
                          struct source *out)
{
    static const struct {
        const char *prefix;
        enum source_kind kind;
    } kinds[] = {
        {"pin:", SOURCE_PIN},
        {"user:", SOURCE_USER},
        {"role:", SOURCE_ROLE},
        {"match:", SOURCE_MATCH},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const size_t skip = strlen(kinds[i].prefix);
        if (strncmp(text, kinds[i].prefix, skip) != 0)
            continue;
        if (text[skip] == '\0')
            return layout_check_refuse(c, at, "says nothing after \"%s\"", kinds[i].prefix);
        out->kind = kinds[i].kind;
        if (out->kind == SOURCE_PIN)
            return parse_pin(c, at, text + skip, &out->pin);
        snprintf(out->text, sizeof(out->text), "%s", text + skip);
        return 0;
    }
    return layout_check_refuse(c, at, "unknown source");
}

static int parse_one_source(struct checker *c, const struct place *at, const json_t *value,
                            struct source *out)
{
    const char *text;
    const int err = layout_check_text(c, at, value, USER_MAX_CHARS, &text);
    if (err)
        return err;
    if (strcmp(text, "auto") == 0)
        out->kind = SOURCE_AUTO;
    else if (strcmp(text, "speaker") == 0)
        out->kind = SOURCE_SPEAKER;
    else if (strcmp(text, "screen") == 0)
        out->kind = SOURCE_SCREEN;
    else
        return parse_prefixed(c, at, text, out);
    return 0;
}

static int parse_source(struct checker *c, const struct place *at, const json_t *value,
                        struct cell *cell)
{
    const size_t count = json_is_array(value) ? json_array_size(value) : 1;
    if (count == 0 || count > SOURCES_MAX)
        return layout_check_refuse(c, at, "must have 1 to %d sources", SOURCES_MAX);
    cell->sources = calloc(count, sizeof(*cell->sources));
    if (!cell->sources)
        return -ENOMEM;
    cell->source_count = count;
    if (!json_is_array(value))
        return parse_one_source(c, at, value, &cell->sources[0]);
    int err = 0;
    for (size_t i = 0; i < count && !err; i++) {
        const struct place here = {.up = at, .index = i};
        err = parse_one_source(c, &here, json_array_get(value, i), &cell->sources[i]);
    }
    return err;
}

static int parse_grid(struct checker *c, const struct place *at, const json_t *value,
                      struct grid *grid)
{
    static const char *const keys[] = {"cols", "rows", "gap", "align", NULL};
    static const char *const aligns[] = {"start", "center", "end", NULL};
    const struct place cols_at = {.up = at, .key = "cols"}, rows_at = {.up = at, .key = "rows"},
                       gap_at = {.up = at, .key = "gap"}, align_at = {.up = at, .key = "align"};
    *grid = (struct grid){.cols = {1, LAYOUT_TILES_MAX}, .rows = {1, LAYOUT_TILES_MAX}};

    int err = layout_check_keys(c, at, value, keys);
    const json_t *cols = json_object_get(value, "cols");
    if (!err && cols)
        err = layout_check_range(c, &cols_at, cols, LAYOUT_TILES_MAX, &grid->cols);
    const json_t *rows = json_object_get(value, "rows");
    if (!err && rows)
        err = layout_check_range(c, &rows_at, rows, LAYOUT_TILES_MAX, &grid->rows);
    int gap = 0;
    const json_t *gap_value = json_object_get(value, "gap");
    if (!err && gap_value)
        err = layout_check_int(c, &gap_at, gap_value, 0, GAP_MAX_PX, &gap);
    grid->gap_px = ((uint32_t)gap + 1) & ~1u;
    int align = ALIGN_CENTER;
    const json_t *align_value = json_object_get(value, "align");
    if (!err && align_value)
        err = layout_check_word(c, &align_at, align_value, aligns, &align);
    grid->align = (enum align)align;
    return err;
}

/* x and w, or y and h: both there, an area, and not past the edge. */
static int parse_side(struct checker *c, const struct place *at, const json_t *value,
                      const char *start_key, const char *size_key, struct ratio *start,
                      struct ratio *size)
{
    const struct place start_at = {.up = at, .key = start_key},
                       size_at = {.up = at, .key = size_key};
    const json_t *start_value = json_object_get(value, start_key);
    const json_t *size_value = json_object_get(value, size_key);
    if (!start_value)
        return layout_check_refuse(c, &start_at, "is missing");
    if (!size_value)
        return layout_check_refuse(c, &size_at, "is missing");
    int err = layout_check_ratio(c, &start_at, start_value, start);
    if (!err)
        err = layout_check_ratio(c, &size_at, size_value, size);
    if (err)
        return err;
    if (size->num == 0)
        return layout_check_refuse(c, &size_at, "must be above 0");
    if (start->num * size->den + size->num * start->den > start->den * size->den)
        return layout_check_refuse(c, at, "%s + %s is off the canvas", start_key, size_key);
    return 0;
}

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

static int parse_cell(struct checker *c, const struct place *at, const json_t *value,
                      struct cell *cell)
{
    static const char *const keys[] = {"id",  "x",      "y", "w",    "h",
                                       "fit", "source", "z", "grid", NULL};
    static const char *const fits[] = {"cover", "contain", "fill", NULL};
    const struct place fit_at = {.up = at, .key = "fit"}, source_at = {.up = at, .key = "source"},
                       z_at = {.up = at, .key = "z"}, grid_at = {.up = at, .key = "grid"};

    int err = layout_check_keys(c, at, value, keys);
    if (!err)
        err = parse_side(c, at, value, "x", "w", &cell->x, &cell->w);
    if (!err)
        err = parse_side(c, at, value, "y", "h", &cell->y, &cell->h);
    int fit = LAYOUT_COVER;
    const json_t *fit_value = json_object_get(value, "fit");
    if (!err && fit_value)
        err = layout_check_word(c, &fit_at, fit_value, fits, &fit);
    cell->fit = (enum layout_fit)fit;
    const json_t *z = json_object_get(value, "z");
    if (!err && z)
        err = layout_check_int(c, &z_at, z, -Z_MAX, Z_MAX, &cell->z);
    const json_t *source = json_object_get(value, "source");
    if (!err)
        err = source ? parse_source(c, &source_at, source, cell)
                     : layout_check_refuse(c, &source_at, "is missing");
    const json_t *grid = json_object_get(value, "grid");
    cell->has_grid = grid != NULL;
    if (!err && grid)
        err = parse_grid(c, &grid_at, grid, &cell->grid);
    return err;
}

static int parse_variant(struct checker *c, const struct place *at, const json_t *value,
                         struct variant *variant)
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
        err = parse_cell(c, &here, json_array_get(cells, i), &variant->cells[i]);
        if (!err)
            err = parse_id(c, &here, cells, i);
    }
    return err;
}

static bool fits_some(const struct layout *l, uint32_t people)
{
    for (size_t i = 0; i < l->variant_count; i++) {
        if (people >= l->variants[i].people.min && people <= l->variants[i].people.max)
            return true;
    }
    return false;
}

static int parse_variants(struct checker *c, const json_t *value, struct layout *l)
{
    const struct place at = {.key = "variants"};
    const size_t count = json_array_size(value);
    if (count == 0 || count > VARIANTS_MAX)
        return layout_check_refuse(c, &at, "must be a list of 1 to %d variants", VARIANTS_MAX);
    l->variants = calloc(count, sizeof(*l->variants));
    if (!l->variants)
        return -ENOMEM;
    l->variant_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct place here = {.up = &at, .index = i};
        const int err = parse_variant(c, &here, json_array_get(value, i), &l->variants[i]);
        if (err)
            return err;
    }
    for (uint32_t people = 1; people <= LAYOUT_PEOPLE_MAX; people++) {
        if (!fits_some(l, people))
            return layout_check_refuse(c, &at, "none is for %u people", people);
    }
    return 0;
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

static int parse_name(struct checker *c, const json_t *value, struct layout *l)
{
    const struct place at = {.key = "name"};
    if (!value)
        return layout_check_refuse(c, &at, "is missing");
    const char *text;
    const int err = layout_check_text(c, &at, value, NAME_MAX_CHARS, &text);
    if (err)
        return err;
    for (size_t i = 0; text[i]; i++) {
        if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) && text[i] != '-')
            return layout_check_refuse(c, &at, "may have a-z, 0-9 and - only");
    }
    snprintf(l->name, sizeof(l->name), "%s", text);
    return 0;
}

static int parse_root(struct checker *c, const json_t *root, struct layout *l)
{
    static const char *const keys[] = {"name", "title", "background", "variants", NULL};
    const struct place background_at = {.key = "background"};
    int err = layout_check_keys(c, NULL, root, keys);
    if (!err)
        err = parse_name(c, json_object_get(root, "name"), l);
    const json_t *title = json_object_get(root, "title");
    if (!err && title)
        err = parse_title(c, title);
    const json_t *background = json_object_get(root, "background");
    l->has_background = background != NULL;
    if (!err && background)
        err = layout_check_colour(c, &background_at, background, &l->background);
    if (!err)
        err = parse_variants(c, json_object_get(root, "variants"), l);
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

void layout_destroy(struct layout *l)
{
    if (!l)
        return;
    for (size_t v = 0; v < l->variant_count; v++) {
        for (size_t i = 0; i < l->variants[v].cell_count; i++)
            free(l->variants[v].cells[i].sources);
        free(l->variants[v].cells);
    }
    free(l->variants);
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
