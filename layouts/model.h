/* layouts/model.h - what a layout file becomes in memory; inside this folder only.
 *
 * parse.c fills it, place.c reads it. Fractions stay exact, so that the right edge of one cell and
 * the left edge of the next snap to the same pixel. */
#ifndef LAYOUTS_MODEL_H
#define LAYOUTS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layouts/layout.h"

enum {
    NAME_MAX_CHARS = 64,
    USER_MAX_CHARS = 128,
    DENOMINATOR_MAX = 1000000,
};

/* 0 <= num <= den <= DENOMINATOR_MAX, so products of two and a canvas size fit into 64 bits. */
struct ratio {
    int64_t num;
    int64_t den;
};

struct range {
    uint32_t min;
    uint32_t max;
};

/* In the order in which they choose: who is named comes before who speaks, and both before auto. */
enum source_kind {
    SOURCE_USER,
    SOURCE_MATCH,
    SOURCE_SCREEN, /* this and the next two match nobody until people carry what they ask for */
    SOURCE_PIN,
    SOURCE_ROLE,
    SOURCE_SPEAKER,
    SOURCE_AUTO,
};

struct source {
    enum source_kind kind;
    char text[USER_MAX_CHARS + 1]; /* the user, the pattern or the role */
    uint32_t pin;
};

enum align {
    ALIGN_START,
    ALIGN_CENTER,
    ALIGN_END,
};

struct grid {
    struct range cols;
    struct range rows;
    uint32_t gap_px;
    enum align align;
};

struct cell {
    struct ratio x, y, w, h;
    enum layout_fit fit;
    int z;
    struct source *sources;
    size_t source_count;
    bool has_grid;
    struct grid grid;
};

struct variant {
    struct range people;
    struct cell *cells;
    size_t cell_count;
};

struct layout {
    char name[NAME_MAX_CHARS + 1];
    bool has_background;
    uint32_t background;
    struct variant *variants;
    size_t variant_count;
};

#endif
