/* layouts/choose.h - who goes into which cell; inside this folder only.
 *
 * Choosing goes in three passes, so that a cell for a named person gets him even when an "auto"
 * cell stands before it in the file:
 *
 *     pass      a cell tries its sources in their order, up to the first of a later pass
 *     named     user, match, screen, pin, role
 *     speaking  and speaker
 *     auto      and auto */
#ifndef LAYOUTS_CHOOSE_H
#define LAYOUTS_CHOOSE_H

#include "layouts/layout.h"
#include "layouts/model.h"

/* Who was put where, in the order of choosing. Zeroed is empty. */
struct picks {
    uint8_t cell[LAYOUT_TILES_MAX];
    uint8_t person[LAYOUT_TILES_MAX];
    size_t count;
    bool taken[LAYOUT_PEOPLE_MAX];
};

_Static_assert(LAYOUT_PEOPLE_MAX <= 256 && LAYOUT_TILES_MAX <= 256, "picks hold bytes");

/* How many a cell holds. */
size_t layout_capacity(const struct cell *cell);

/* Puts at most max of `count` people (whose `taken` is false) into the cells of a variant. */
void layout_choose(struct picks *picks, const struct variant *v, const struct layout_person *people,
                   size_t count, size_t max);

#endif
