/* layouts/layout.h - who is where on the canvas: a layout file and the people become rectangles.
 *
 * Pure: no pixels, no threads; a layout is read-only once loaded and may be shared. The format is
 * in docs/layouts.md. */
#ifndef LAYOUTS_LAYOUT_H
#define LAYOUTS_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LAYOUT_PEOPLE_MAX = 200,
    LAYOUT_TILES_MAX = 100,
    LAYOUT_ERROR_MAX = 256,
    LAYOUT_OVERLAYS_MAX = 16,
};

struct layout; /* opaque */

enum layout_fit {
    LAYOUT_COVER,   /* fill the rectangle, crop what does not fit */
    LAYOUT_CONTAIN, /* the whole picture, bars beside it */
    LAYOUT_FILL,    /* stretch */
};

/* Where something small stands in its rectangle. */
enum layout_spot {
    LAYOUT_TOP_LEFT,
    LAYOUT_TOP,
    LAYOUT_TOP_RIGHT,
    LAYOUT_BOTTOM_LEFT,
    LAYOUT_BOTTOM,
    LAYOUT_BOTTOM_RIGHT,
};

/* How a tile looks. */
struct layout_style {
    uint32_t radius_px;  /* of its corners, even; 0: square */
    uint32_t border_px;  /* inside its rectangle, even; 0: none */
    uint32_t border_rgb; /* 0xRRGGBB */
    uint8_t alpha;       /* 255: nothing shines through */
    bool is_avatar;      /* the avatar, also of who has a picture */
    bool has_label;      /* as far as the room wants labels at all */
    enum layout_spot label;
};

/* One picture that may be placed: a person's camera (or avatar), or a screen that he shares, which
 * is an entry of its own with the same user. */
struct layout_person {
    const char *user;
    const char *role; /* NULL: none */
    uint32_t seat;    /* pinned to "pin:N"; 0: to none */
    bool has_video;
    bool is_screen;
    bool is_speaker; /* who has the floor now; hold is the caller's matter */
};

/* Pixels on the canvas, all even. */
struct layout_tile {
    size_t person; /* index into people */
    uint32_t x, y, width, height;
    enum layout_fit fit;
    int z; /* drawn in rising order */
    /* On one tile: so many people did not fit into the layout. Else 0. */
    uint32_t more;
    /* The tile is the last of a grid, and may be covered to say so; else a badge must do. */
    bool is_more_large;
    struct layout_style style;
};

enum layout_overlay_kind {
    LAYOUT_IMAGE,
    LAYOUT_TEXT,
    LAYOUT_CLOCK,
    LAYOUT_REC,  /* seen while the room records */
    LAYOUT_LIVE, /* and while it is pushed somewhere */
};

enum layout_align {
    LAYOUT_START,
    LAYOUT_CENTER,
    LAYOUT_END,
};

enum layout_clock_format {
    LAYOUT_HH_MM,
    LAYOUT_HH_MM_SS,
    LAYOUT_DATE,
    LAYOUT_DATE_HH_MM,
    LAYOUT_DATE_HH_MM_SS,
};

enum { LAYOUT_ZONE_LOCAL = INT32_MAX }; /* the server's own */

/* Something that lies over all tiles, in the order of the file. Pixels, all even. */
struct layout_overlay {
    enum layout_overlay_kind kind;
    uint32_t x, y, width, height;
    uint8_t alpha;
    const char *text;    /* TEXT: what it says; IMAGE: the picture's name; the layout's own */
    enum layout_fit fit; /* of an image */
    bool has_height;     /* false: an image's height follows from its shape; height is the most */
    uint32_t rgb;        /* of letters */
    bool has_ground;     /* a plate behind the letters */
    uint32_t ground_rgb;
    enum layout_align align; /* of letters in their box */
    enum layout_clock_format format;
    int32_t zone_min; /* of a clock: east of Greenwich, or LAYOUT_ZONE_LOCAL */
};

/* [ctl] Reads a layout from JSON text; origin names it in errors ("layouts/grid.json"). The caller
 * frees *out with layout_destroy(). Returns 0, -EINVAL or -ENOMEM; then error (LAYOUT_ERROR_MAX
 * bytes, may be NULL) says what and where (origin, JSON path, reason). */
int layout_parse(struct layout **out, const char *json, size_t size, const char *origin,
                 char *error);

/* [ctl] A built-in layout by name ("grid"), compiled in from layouts/NAME.json. -ENOENT: none. */
int layout_builtin(struct layout **out, const char *name);

/* NULL is fine. */
void layout_destroy(struct layout *l);

const char *layout_name(const struct layout *l);

/* The colour behind the tiles (0xRRGGBB), when the file names one; else false, *rgb untouched. */
bool layout_background(const struct layout *l, uint32_t *rgb);

/* The name of the uploaded picture behind the tiles, or NULL. */
const char *layout_background_image(const struct layout *l);

/* [any] What lies over the tiles of a canvas of width x height: writes at most max, returns how
 * many. What would have no area is left out. */
size_t layout_overlays(const struct layout *l, uint32_t width, uint32_t height,
                       struct layout_overlay *overlays, size_t max);

/* The layout to switch to while somebody shares a screen, or NULL. */
const char *layout_screenshare(const struct layout *l);

/* How long whoever speaks keeps a `speaker` cell after he stopped or another began. */
int layout_hold_ms(const struct layout *l);

/* [any] Places people on a canvas of width x height: writes at most max tiles, returns how many.
 * The same people, in the same order, always get the same tiles. */
size_t layout_place(const struct layout *l, const struct layout_person *people, size_t count,
                    uint32_t width, uint32_t height, struct layout_tile *tiles, size_t max);

#endif
