/* The thread "decor"; see decorator.h. Jobs wait in a list of their own links, so asking never
 * fails. */
#include "compositor/decorator.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "mcu/base/thread.h"

struct comp_decorator {
    pthread_t thread;
    bool is_started;

    pthread_mutex_t lock; /* protects all below */
    pthread_cond_t work;
    pthread_cond_t done;
    struct comp_job *first, **end; /* asked, in order */
    struct comp_job *busy;
    bool is_stopping;
};

static struct comp_job *take_first(struct comp_decorator *w)
{
    struct comp_job *job = w->first;
    if (!job)
        return NULL;
    w->first = job->next;
    if (!w->first)
        w->end = &w->first;
    return job;
}

static void *run(void *arg)
{
    struct comp_decorator *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->is_stopping) {
        struct comp_job *job = take_first(w);
        if (!job) {
            pthread_cond_wait(&w->work, &w->lock);
            continue;
        }
        w->busy = job;
        pthread_mutex_unlock(&w->lock);
        job->run(job);
        atomic_store_explicit(&job->state, JOB_DONE, memory_order_release);
        pthread_mutex_lock(&w->lock);
        w->busy = NULL;
        pthread_cond_broadcast(&w->done);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

int comp_decorator_create(struct comp_decorator **out)
{
    struct comp_decorator *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    pthread_cond_init(&w->done, NULL);
    w->end = &w->first;
    const int err = mcu_thread_start(&w->thread, "decor", run, w);
    if (err) {
        comp_decorator_destroy(w);
        return err;
    }
    w->is_started = true;
    *out = w;
    return 0;
}

void comp_decorator_destroy(struct comp_decorator *w)
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

bool comp_job_is_idle(const struct comp_job *job)
{
    return atomic_load_explicit(&job->state, memory_order_acquire) == JOB_IDLE;
}

void comp_decorator_ask(struct comp_decorator *w, struct comp_job *job)
{
    if (!w) {
        job->run(job);
        atomic_store_explicit(&job->state, JOB_DONE, memory_order_relaxed);
        return;
    }
    atomic_store_explicit(&job->state, JOB_ASKED, memory_order_release);
    pthread_mutex_lock(&w->lock);
    job->next = NULL;
    *w->end = job;
    w->end = &job->next;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
}

bool comp_job_take(struct comp_job *job)
{
    if (atomic_load_explicit(&job->state, memory_order_acquire) != JOB_DONE)
        return false;
    atomic_store_explicit(&job->state, JOB_IDLE, memory_order_relaxed);
    return true;
}

void comp_decorator_forget(struct comp_decorator *w, struct comp_job *job)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    struct comp_job **at = &w->first;
    while (*at && *at != job)
        at = &(*at)->next;
    if (*at) {
        *at = job->next;
        if (!*at)
            w->end = at;
    }
    while (w->busy == job)
        pthread_cond_wait(&w->done, &w->lock);
    pthread_mutex_unlock(&w->lock);
}
