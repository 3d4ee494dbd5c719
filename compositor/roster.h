/* compositor/roster.h - the sources that [tick] knows, in the order of their tiles, and what of
 * them is the same in all views; inside this folder only. All [tick]. */
#ifndef COMPOSITOR_ROSTER_H
#define COMPOSITOR_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compositor/comp.h"

struct comp_roster {
    struct comp_source *sources[COMP_SOURCES_MAX];
    size_t count;
    int64_t freeze_us; /* 0: never */
    bool is_offline;
    bool has_left; /* somebody, since the last advance */
};

/* There is always room: comp_source_add() counts. */
void comp_roster_join(struct comp_roster *r, struct comp_source *s);
void comp_roster_leave(struct comp_roster *r, struct comp_source *s);

/* Lets every source show what is due at now_us. Returns whether views must place people anew. */
bool comp_roster_advance(struct comp_roster *r, int64_t now_us);

#endif
