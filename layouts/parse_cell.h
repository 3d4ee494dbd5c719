/* layouts/parse_cell.h - one cell of a layout file; inside this folder only. */
#ifndef LAYOUTS_PARSE_CELL_H
#define LAYOUTS_PARSE_CELL_H

#include <jansson.h>

#include "layouts/check.h"
#include "layouts/model.h"

/* [ctl] Fills a cell, zeroed but for its style, which holds where the file names none; the sources
 * are then the layout's to free, also on error. Returns 0, -EINVAL (the checker's error is filled)
 * or -ENOMEM. */
int layout_parse_cell(struct checker *c, const struct place *at, const json_t *value,
                      struct cell *cell);

#endif
