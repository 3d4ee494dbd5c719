/* layouts/parse_look.h - how tiles look: labels, corners, borders, alpha; inside this folder only.
 * All [ctl]; what is not named stays as it is in *out. Return 0 or -EINVAL, as check.h says. */
#ifndef LAYOUTS_PARSE_LOOK_H
#define LAYOUTS_PARSE_LOOK_H

#include <jansson.h>

#include "layouts/check.h"
#include "layouts/model.h"

/* The style where a file names none. */
extern const struct layout_style layout_style_plain;

/* {"show": true, "position": "bottom-left"} at `at`; a value of NULL is fine. */
int layout_parse_label(struct checker *c, const struct place *at, const json_t *value,
                       struct layout_style *out);

/* The keys radius, border, alpha, label and show of a cell. */
int layout_parse_style(struct checker *c, const struct place *at, const json_t *cell,
                       struct style *out);

#endif
