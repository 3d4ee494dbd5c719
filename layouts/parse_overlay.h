/* layouts/parse_overlay.h - what lies over the tiles; inside this folder only. */
#ifndef LAYOUTS_PARSE_OVERLAY_H
#define LAYOUTS_PARSE_OVERLAY_H

#include <jansson.h>

#include "layouts/check.h"
#include "layouts/model.h"

/* [ctl] Fills a zeroed overlay. Returns 0 or -EINVAL (the checker's error is filled). */
int layout_parse_overlay(struct checker *c, const struct place *at, const json_t *value,
                         struct overlay *out);

#endif
