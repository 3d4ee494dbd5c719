/* layouts/model.h - what a layout file becomes in memory; inside this folder only.
 *
 * parse*.c fill it, choose.c and place.c read it. Fractions stay exact, so that the right edge of
 * one cell and the left edge of the next snap to the same pixel. */
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
    HOLD_DEFAULT_MS = 2000,
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
    SOURCE_SCREEN,
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

struct grid {
    struct range cols;
    struct range rows;
    uint32_t gap_px;
    enum layout_align align;
};

/* What of a tile's look does not depend on its size, and its radius as a share of the shorter side.
 */
struct style {
    struct ratio radius;
    struct layout_style fixed;
};

struct cell {
    struct ratio x, y, w, h;
    enum layout_fit fit;
    int z;
    struct source *sources;
    size_t source_count;
    bool has_grid;
    struct grid grid;
    struct style style;
};

enum { TEXT_MAX_BYTES = 200 };

struct overlay {
    struct ratio x, y, w, h;
    char text[TEXT_MAX_BYTES + 1];
    struct layout_overlay fixed; /* all but the box, and text */
};

struct variant {
    struct range people;
    struct cell *cells;
    size_t cell_count;
};

struct variants {
    struct variant *list;
    size_t count;
};

enum omit_kind {
    OMIT_NO_VIDEO,
    OMIT_ROLE,
};

struct omit {
    enum omit_kind kind;
    char role[USER_MAX_CHARS + 1];
};

struct layout {
    char name[NAME_MAX_CHARS + 1];
    bool has_background;
    uint32_t background;
    char background_image[NAME_MAX_CHARS + 1]; /* "": none */
    char screenshare[NAME_MAX_CHARS + 1];      /* "": stay as it is */
    int hold_ms;
    struct omit *omits;
    size_t omit_count;
    struct variants landscape;
    struct layout_style style; /* of cells that do not say otherwise */
    struct overlay *overlays;
    size_t overlay_count;
    struct variants portrait; /* none: the others serve */
};

#endif
