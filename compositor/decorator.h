/* compositor/decorator.h - the thread "decor", which draws what takes too long for a tick: text,
 * avatars, uploaded pictures; inside this folder only.
 *
 *     [tick] fills a job ──▶ comp_decorator_ask() ──▶ [decor] runs it ──▶ comp_job_take() [tick]
 *
 * Whoever has the job may touch what it is about, so its state is all that they share. Offline
 * there is no decorator: jobs run at once, so that files come out the same every time. */
#ifndef COMPOSITOR_DECORATOR_H
#define COMPOSITOR_DECORATOR_H

#include <stdatomic.h>
#include <stdbool.h>

struct comp_decorator; /* the thread; one per compositor */

enum comp_job_state {
    JOB_IDLE,  /* [tick]'s */
    JOB_ASKED, /* [decor]'s */
    JOB_DONE,  /* [tick]'s, with what it asked for */
};

/* Kept in the thing that it is about. Zeroed but for `run` it is ready. */
struct comp_job {
    void (*run)(struct comp_job *job); /* [decor] */
    _Atomic enum comp_job_state state;
    struct comp_job *next; /* the decorator's */
};

/* [ctl] Returns 0 or a negative errno. NULL may be destroyed. */
int comp_decorator_create(struct comp_decorator **out);
void comp_decorator_destroy(struct comp_decorator *w);

/* [tick] Whether the job is free to be filled. */
bool comp_job_is_idle(const struct comp_job *job);

/* [tick] Hands an idle job over; without a decorator it has run when this returns. */
void comp_decorator_ask(struct comp_decorator *w, struct comp_job *job);

/* [tick] True: it is done, and idle from now on. */
bool comp_job_take(struct comp_job *job);

/* [ctl] On return the thread does not know the job any more, and never will. NULL decorator:
 * nothing. */
void comp_decorator_forget(struct comp_decorator *w, struct comp_job *job);

#endif
