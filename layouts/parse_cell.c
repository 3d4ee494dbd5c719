/* One cell of a layout file: where it is, who is in it, whether it is a grid. See parse_cell.h.
 * [ctl] */
#include "layouts/parse_cell.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layouts/parse_look.h"

enum {
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
    int align = LAYOUT_CENTER;
    const json_t *align_value = json_object_get(value, "align");
    if (!err && align_value)
        err = layout_check_word(c, &align_at, align_value, aligns, &align);
    grid->align = (enum layout_align)align;
    return err;
}

int layout_parse_cell(struct checker *c, const struct place *at, const json_t *value,
                      struct cell *cell)
{
    static const char *const keys[] = {"id",    "x",      "y",     "w",    "h",
                                       "fit",   "source", "z",     "grid", "radius",
                                       "alpha", "border", "label", "show", NULL};
    static const char *const fits[] = {"cover", "contain", "fill", NULL};
    const struct place fit_at = {.up = at, .key = "fit"}, source_at = {.up = at, .key = "source"},
                       z_at = {.up = at, .key = "z"}, grid_at = {.up = at, .key = "grid"};

    int err = layout_check_keys(c, at, value, keys);
    if (!err)
        err = layout_check_side(c, at, value, "x", "w", &cell->x, &cell->w);
    if (!err)
        err = layout_check_side(c, at, value, "y", "h", &cell->y, &cell->h);
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
    if (!err)
        err = layout_parse_style(c, at, value, &cell->style);
    return err;
}
