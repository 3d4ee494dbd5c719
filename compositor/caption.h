/* compositor/caption.h - words, clocks and signs that lie over a view, drawn with Pango and Cairo;
 * inside this folder only. Never on [tick]: drawing takes a millisecond and allocates. All [any];
 * the caller owns *out. */
#ifndef COMPOSITOR_CAPTION_H
#define COMPOSITOR_CAPTION_H

#include <stddef.h>
#include <stdint.h>

#include "compositor/overlay.h"
#include "layouts/layout.h"

/* An overlay, and where in its box (even) its corner is. */
struct comp_caption {
    struct comp_overlay *overlay;
    uint32_t x, y;
};

/* A line of text as high as the box of width x height pixels, on a plate if the overlay has a
 * ground; of what the layout says only the letters' keys, alpha and align are looked at. Returns 0,
 * -EINVAL (a side under 2 or over 4096) or -ENOMEM. */
int comp_caption_render(struct comp_caption *out, const struct layout_overlay *look,
                        const char *text);

/* "REC" with its dot, or "LIVE", as high as the box. */
int comp_sign_render(struct comp_caption *out, const struct layout_overlay *look);

/* What a clock says at a time (seconds since 1970, UTC). */
void comp_clock_text(enum layout_clock_format format, int32_t zone_min, int64_t unix_s,
                     char out[32]);

/* The seconds after which it says something else: 1 or 60. */
int64_t comp_clock_step_s(enum layout_clock_format format);

#endif
