/* compositor/layer.h - what lies over the tiles of a view, and the picture behind them; inside this
 * folder only.
 *
 *     layout [tick, placing] ──▶ wanted ──▶ drawn [decor] ──▶ has ──▶ blended [tick]
 *
 * A layer is drawn by the decorator when its layout, its picture or its time changed, and blended
 * from then on. What a new layout does not have is gone at once. */
#ifndef COMPOSITOR_LAYER_H
#define COMPOSITOR_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compositor/canvas.h"
#include "compositor/caption.h"
#include "compositor/decorator.h"
#include "compositor/images.h"
#include "layouts/layout.h"

enum {
    COMP_LAYERS_MAX = LAYOUT_OVERLAYS_MAX + 2, /* and signs without a place in the layout */
    COMP_LAYER_TEXT_BYTES = 256,
};

/* All that the picture of a layer depends on. */
struct comp_layer_want {
    struct layout_overlay look; /* text is NULL; see below */
    char text[COMP_LAYER_TEXT_BYTES];
    int64_t step;    /* of a clock: number of the second or minute that it shows */
    uint32_t images; /* of an image: generation of the pictures */
    uint32_t ground; /* 0xRRGGBB, where has_ground */
    bool has_ground; /* opaque: the picture behind everything */
    bool is_wanted;  /* false: nothing */
};

struct comp_layer {
    struct comp_job job; /* while it is asked, `asked` and `made` are [decor]'s */
    struct comp_images *images;
    struct comp_layer_want asked;
    struct comp_caption made; /* asked again: what [decor] is to free */

    /* [tick] */
    struct comp_layer_want want, has;
    struct comp_caption drawn;
    bool is_lit;     /* seen now, as far as it is there: a sign may be off */
    bool is_default; /* a sign that the layout has no place for */
};

struct comp_layers {
    struct comp_layer list[COMP_LAYERS_MAX];
    size_t count; /* in the order of drawing */
    struct comp_layer background;
    uint32_t width, height; /* of the canvas */

    /* What differs from what was drawn; the scene takes it. */
    struct comp_rect damage[2 * COMP_LAYERS_MAX];
    size_t damage_count;
    bool is_background_new;
};

/* [ctl] Of a zeroed one. finish: no tick knows it any more. */
void comp_layers_init(struct comp_layers *layers, struct comp_images *images, uint32_t width,
                      uint32_t height);
void comp_layers_finish(struct comp_layers *layers, struct comp_decorator *decorator);

/* [tick] What this layout has; copied. ground is the colour behind everything. */
void comp_layers_set(struct comp_layers *layers, const struct layout *layout, uint32_t ground);

/* [tick] Lights the signs (COMP_SIGN_*), turns the clocks, asks for what is missing (at once
 * without a decorator) and takes what is ready. Returns whether there is damage. */
bool comp_layers_update(struct comp_layers *layers, struct comp_decorator *decorator,
                        uint32_t signs, int64_t unix_s);

/* [tick] The picture behind everything, within the clip. False: there is none. */
bool comp_layers_clear(const struct comp_layers *layers, struct comp_canvas *canvas,
                       const struct comp_rect *clip);

/* [tick] All that lies over the tiles, within the clip, which holds none of it yet. */
void comp_layers_draw(const struct comp_layers *layers, struct comp_canvas *canvas,
                      const struct comp_rect *clip);

/* [tick] Where layer i is seen; false: it is not. */
bool comp_layer_rect(const struct comp_layers *layers, size_t i, struct comp_rect *rect);

#endif
