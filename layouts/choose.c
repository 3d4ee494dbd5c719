/* Who goes into which cell; see choose.h. Pure: the same input gives the same picks. */
#include "layouts/choose.h"

#include <string.h>

/* '*' stands for any run of characters. Goes back to the last star only, so it takes at most
 * pattern x text steps. */
static bool matches(const char *pattern, const char *text)
{
    const char *star = NULL, *retry = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            retry = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool is_for(const struct source *source, const struct layout_person *person)
{
    switch (source->kind) {
    case SOURCE_USER:
        return !person->is_screen && strcmp(source->text, person->user) == 0;
    case SOURCE_MATCH:
        return !person->is_screen && matches(source->text, person->user);
    case SOURCE_SCREEN:
        return person->is_screen;
    case SOURCE_PIN:
        return person->seat == source->pin;
    case SOURCE_ROLE:
        return !person->is_screen && person->role && strcmp(source->text, person->role) == 0;
    case SOURCE_SPEAKER:
        return person->is_speaker;
    case SOURCE_AUTO:
        return true;
    }
    return false;
}

static bool pick_match(struct picks *picks, size_t cell, const struct source *source,
                       const struct layout_person *people, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (picks->taken[i] || !is_for(source, &people[i]))
            continue;
        picks->taken[i] = true;
        picks->cell[picks->count] = (uint8_t)cell;
        picks->person[picks->count] = (uint8_t)i;
        picks->count++;
        return true;
    }
    return false;
}

/* Before anybody spoke the cell of the speaker has the first camera that is free. */
static bool pick_from(struct picks *picks, size_t cell, const struct source *source,
                      const struct layout_person *people, size_t count)
{
    if (pick_match(picks, cell, source, people, count))
        return true;
    static const struct source any = {.kind = SOURCE_AUTO};
    for (size_t i = 0; i < count; i++) {
        if (people[i].is_speaker)
            return false; /* somebody has the floor, and has his cell already */
    }
    return source->kind == SOURCE_SPEAKER && pick_match(picks, cell, &any, people, count);
}

/* One more person for the cell, from its sources up to the given kind. */
static bool pick_one(struct picks *picks, const struct variant *v, size_t cell,
                     enum source_kind last, const struct layout_person *people, size_t count)
{
    for (size_t i = 0; i < v->cells[cell].source_count; i++) {
        const struct source *source = &v->cells[cell].sources[i];
        if (source->kind > last)
            return false;
        if (pick_from(picks, cell, source, people, count))
            return true;
    }
    return false;
}

size_t layout_capacity(const struct cell *cell)
{
    if (!cell->has_grid)
        return 1;
    const size_t product = (size_t)cell->grid.cols.max * cell->grid.rows.max;
    return product < LAYOUT_TILES_MAX ? product : LAYOUT_TILES_MAX;
}

void layout_choose(struct picks *picks, const struct variant *v, const struct layout_person *people,
                   size_t count, size_t max)
{
    static const enum source_kind passes[] = {SOURCE_ROLE, SOURCE_SPEAKER, SOURCE_AUTO};
    uint8_t filled[LAYOUT_TILES_MAX] = {0};
    for (size_t pass = 0; pass < sizeof(passes) / sizeof(passes[0]); pass++) {
        for (size_t cell = 0; cell < v->cell_count; cell++) {
            while (filled[cell] < layout_capacity(&v->cells[cell]) && picks->count < max &&
                   pick_one(picks, v, cell, passes[pass], people, count))
                filled[cell]++;
        }
    }
}
