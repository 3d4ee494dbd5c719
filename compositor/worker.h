/* compositor/worker.h - decoder threads "dec-N"; inside this folder only.
 *
 * Each source belongs to one worker, which gives its sources with work one turn each, round and
 * round, so a burst of one does not hold up the others. */
#ifndef COMPOSITOR_WORKER_H
#define COMPOSITOR_WORKER_H

#include <stddef.h>

struct comp_source;
struct comp_worker; /* opaque */

/* [ctl] A thread called dec-INDEX. The caller owns *out. Returns 0 or a negative errno. */
int comp_worker_create(struct comp_worker **out, unsigned index);

/* [ctl] Ends the thread; all sources were removed. NULL is fine. */
void comp_worker_destroy(struct comp_worker *w);

/* [ctl] Returns 0 or -ENOSPC. */
int comp_worker_add(struct comp_worker *w, struct comp_source *s);

/* [ctl] On return no turn of this source runs or will. Waits for the one that runs. */
void comp_worker_remove(struct comp_worker *w, struct comp_source *s);

/* [any] The source may have work. */
void comp_worker_wake(struct comp_worker *w, struct comp_source *s);

/* [ctl] How many sources it has. */
size_t comp_worker_load(const struct comp_worker *w);

#endif
