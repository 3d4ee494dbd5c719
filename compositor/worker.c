/* Decoder threads; see worker.h. The lock is held to look at the list, never during a turn. */
#include "compositor/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "compositor/source.h"
#include "mcu/base/thread.h"

struct worker_entry {
    struct comp_source *source;
    bool has_work;
};

struct comp_worker {
    pthread_t thread;
    bool is_started;

    pthread_mutex_t lock; /* protects all below */
    pthread_cond_t work;
    pthread_cond_t done;
    struct worker_entry entries[COMP_SOURCES_MAX];
    size_t count;
    size_t next; /* whose turn it is */
    struct comp_source *busy;
    bool is_stopping;
};

/* The next source with work, from w->next on; NULL when there is none. */
static struct comp_source *pick(struct comp_worker *w)
{
    for (size_t i = 0; i < w->count; i++) {
        struct worker_entry *e = &w->entries[(w->next + i) % w->count];
        if (!e->has_work)
            continue;
        e->has_work = false; /* set again by a push that comes during the turn */
        w->next = (w->next + i + 1) % w->count;
        return e->source;
    }
    return NULL;
}

static struct worker_entry *find(struct comp_worker *w, const struct comp_source *s)
{
    for (size_t i = 0; i < w->count; i++) {
        if (w->entries[i].source == s)
            return &w->entries[i];
    }
    return NULL;
}

static void *run(void *arg)
{
    struct comp_worker *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->is_stopping) {
        struct comp_source *s = pick(w);
        if (!s) {
            pthread_cond_wait(&w->work, &w->lock);
            continue;
        }
        w->busy = s;
        pthread_mutex_unlock(&w->lock);
        const bool has_more = comp_source_turn(s);
        pthread_mutex_lock(&w->lock);
        w->busy = NULL;
        struct worker_entry *e = find(w, s); /* it may be gone */
        if (e && has_more)
            e->has_work = true;
        pthread_cond_broadcast(&w->done);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

int comp_worker_create(struct comp_worker **out, unsigned index)
{
    struct comp_worker *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    pthread_cond_init(&w->done, NULL);
    char name[16];
    snprintf(name, sizeof(name), "dec-%u", index);
    const int err = mcu_thread_start(&w->thread, name, run, w);
    if (err) {
        comp_worker_destroy(w);
        return err;
    }
    w->is_started = true;
    *out = w;
    return 0;
}

void comp_worker_destroy(struct comp_worker *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->is_stopping = true;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    if (w->is_started)
        pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->done);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

int comp_worker_add(struct comp_worker *w, struct comp_source *s)
{
    int err = -ENOSPC;
    pthread_mutex_lock(&w->lock);
    if (w->count < COMP_SOURCES_MAX) {
        w->entries[w->count++] = (struct worker_entry){.source = s};
        err = 0;
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

void comp_worker_remove(struct comp_worker *w, struct comp_source *s)
{
    pthread_mutex_lock(&w->lock);
    struct worker_entry *e = find(w, s);
    if (e)
        *e = w->entries[--w->count];
    while (w->busy == s)
        pthread_cond_wait(&w->done, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

void comp_worker_wake(struct comp_worker *w, struct comp_source *s)
{
    pthread_mutex_lock(&w->lock);
    struct worker_entry *e = find(w, s);
    if (e && !e->has_work) {
        e->has_work = true;
        pthread_cond_signal(&w->work);
    }
    pthread_mutex_unlock(&w->lock);
}

size_t comp_worker_load(const struct comp_worker *w)
{
    return w->count; /* only [ctl] changes it */
}
