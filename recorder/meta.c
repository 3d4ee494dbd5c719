/* Marks while a recording runs. [ctl] makes lines and puts them into a bounded queue; the thread
 * [meta] opens the file and writes them, for a disk may hang in both. A line that does not fit is dropped: marks are worth no waiting. */
#include "recorder/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/base/queue.h"
#include "mcu/base/thread.h"
#include "recorder/talk.h"

enum { ITEMS_MAX = 4096, JOBS_MAX = 4, NOBODY = -1 };

#define CLOSE_WAIT_US MCU_US_PER_S

/* A line, or something else to do. */
struct item {
    char *line; /* with its end */
    void (*job)(void *arg, bool is_wanted);
    void *arg;
};

struct person {
    char user[REC_TALK_USER_BYTES];
    bool speaks;
};

struct rec_meta {
    char *path; /* of the marks */
    int fd;     /* [meta] */
    struct mcu_queue *queue; /* of struct item */
    atomic_int job_count;    /* that wait, or run */
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t lock; /* protects the next two */
    pthread_cond_t changed;
    bool has_ended;
    bool is_left; /* the thread frees it all, when its disk lets it */

    /* [ctl] */
    int64_t start_us;
    int64_t paused_us;    /* in all */
    int64_t paused_at_us; /* -1: it runs */
    struct person *people;
    int count;
    int floor;
};

char *rec_meta_path(const char *path, const char *suffix)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash : path, '.');
    const int stem = dot && dot > (slash ? slash + 1 : path) ? (int)(dot - path) : (int)strlen(path);
    char *out = NULL;
    return asprintf(&out, "%.*s%s", stem, path, suffix) < 0 ? NULL : out;
}

/* --- [meta] -------------------------------------------------------------------------------------- */

static int write_all(int fd, const char *text)
{
    for (size_t left = strlen(text); left;) {
        const ssize_t n = write(fd, text, left);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            text += n;
            left -= (size_t)n;
        }
    }
    return 0;
}

static void drop(void *arg)
{
    struct item *item = arg;
    if (item && item->job)
        item->job(item->arg, false);
    if (item)
        free(item->line);
    free(item);
}

static void release(struct rec_meta *m)
{
    mcu_queue_destroy(m->queue, drop);
    if (m->fd >= 0)
        close(m->fd);
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->lock);
    free(m->people);
    free(m->path);
    free(m);
}

static void end_thread(struct rec_meta *m)
{
    pthread_mutex_lock(&m->lock);
    m->has_ended = true;
    const bool is_left = m->is_left;
    pthread_cond_signal(&m->changed);
    pthread_mutex_unlock(&m->lock);
    if (is_left)
        release(m);
}

static int open_file(struct rec_meta *m)
{
    m->fd = open(m->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
    return m->fd < 0 ? -errno : 0;
}

static void warn(const struct rec_meta *m, int err)
{
    if (err)
        log_warn("%s: who speaks is not noted any more: %s", m->path, strerror(-err));
}

static void do_job(struct rec_meta *m, struct item *item)
{
    item->job(item->arg, true);
    item->job = NULL;
    atomic_fetch_sub(&m->job_count, 1);
}

/* After a line that failed half-way nothing more is written: the reader takes what is whole. */
static void *run(void *arg)
{
    struct rec_meta *m = arg;
    int err = open_file(m);
    warn(m, err);
    for (struct item *item; (item = mcu_queue_take(m->queue, -1));) {
        if (item->job) {
            do_job(m, item);
        } else if (!err) {
            err = write_all(m->fd, item->line);
            warn(m, err);
        }
        drop(item);
    }
    end_thread(m);
    return NULL;
}

/* --- [ctl] --------------------------------------------------------------------------------------- */

/* Steals the object. */
static void put(struct rec_meta *m, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    struct item *item = calloc(1, sizeof(*item));
    json_decref(object);
    const bool is_whole = text && item && asprintf(&item->line, "%s\n", text) > 0;
    if (!is_whole || mcu_queue_put(m->queue, item) != 0)
        drop(item);
    free(text);
}

bool rec_meta_do(struct rec_meta *m, void (*job)(void *arg, bool is_wanted), void *arg)
{
    struct item *item = m ? calloc(1, sizeof(*item)) : NULL;
    if (item && atomic_fetch_add(&m->job_count, 1) < JOBS_MAX) {
        *item = (struct item){.job = job, .arg = arg};
        if (mcu_queue_put(m->queue, item) == 0)
            return true;
    }
    if (item)
        atomic_fetch_sub(&m->job_count, 1);
    free(item);
    job(arg, false);
    return false;
}

/* True: the thread has ended, or none runs. */
static bool wait_for_thread(struct rec_meta *m)
{
    const int64_t until_us = mcu_now_us() + CLOSE_WAIT_US;
    const struct timespec until = {.tv_sec = (time_t)(until_us / MCU_US_PER_S),
                                   .tv_nsec = (long)(until_us % MCU_US_PER_S) * 1000};
    int err = 0;
    pthread_mutex_lock(&m->lock);
    while (!err && !m->has_ended)
        err = pthread_cond_timedwait(&m->changed, &m->lock, &until);
    const bool has_ended = m->has_ended;
    m->is_left = !has_ended;
    if (!has_ended)
        pthread_detach(m->thread);
    pthread_mutex_unlock(&m->lock);
    return has_ended;
}

void rec_meta_close(struct rec_meta *m)
{
    if (!m)
        return;
    if (m->queue)
        mcu_queue_close(m->queue);
    if (m->has_thread && !wait_for_thread(m))
        return;
    if (m->has_thread)
        pthread_join(m->thread, NULL);
    release(m);
}

static void init_locks(struct rec_meta *m)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&m->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&m->lock, NULL);
}

int rec_meta_open(struct rec_meta **out, const struct rec_meta_conf *conf)
{
    if (!conf->path || conf->path[0] != '/' || !conf->room)
        return -EINVAL;
    struct rec_meta *m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    *m = (struct rec_meta){
        .fd = -1, .start_us = conf->start_us, .paused_at_us = -1, .floor = NOBODY};
    init_locks(m);
    m->path = rec_meta_path(conf->path, ".marks");
    m->people = calloc(REC_TALK_PEOPLE_MAX, sizeof(*m->people));
    int err = m->path && m->people ? mcu_queue_create(&m->queue, ITEMS_MAX) : -ENOMEM;
    if (!err)
        err = mcu_thread_start(&m->thread, "meta", run, m);
    if (err) {
        rec_meta_close(m);
        return err;
    }
    m->has_thread = true;
    const char *title = conf->title && conf->title[0] ? conf->title : conf->room;
    put(m, json_pack("{s:s, s:s, s:I}", "room", conf->room, "title", title, "started_at",
                     (json_int_t)conf->started_at_ms));
    *out = m;
    return 0;
}

static int64_t file_us(const struct rec_meta *m, int64_t at_us)
{
    const int64_t until_us = m->paused_at_us >= 0 ? m->paused_at_us : at_us;
    const int64_t us = until_us - m->start_us - m->paused_us;
    return us > 0 ? us : 0;
}

/* NOBODY when there are too many. */
static int find_person(struct rec_meta *m, const char *user, const char *name)
{
    for (int i = 0; i < m->count; i++) {
        if (strcmp(m->people[i].user, user) == 0)
            return i;
    }
    if (m->count == REC_TALK_PEOPLE_MAX || strlen(user) >= sizeof(m->people[0].user))
        return NOBODY;
    snprintf(m->people[m->count].user, sizeof(m->people[0].user), "%s", user);
    put(m, json_pack("{s:i, s:s, s:s}", "who", m->count, "user", user, "name", name));
    return m->count++;
}

void rec_meta_speak(struct rec_meta *m, const char *user, const char *name, bool speaks,
                    int64_t at_us)
{
    const int who = m ? find_person(m, user, name) : NOBODY;
    if (who == NOBODY || m->people[who].speaks == speaks)
        return;
    m->people[who].speaks = speaks;
    put(m, json_pack("{s:I, s:i, s:b}", "at", (json_int_t)file_us(m, at_us), "who", who, "on",
                     speaks));
}

void rec_meta_floor(struct rec_meta *m, const char *user, const char *name, int64_t at_us)
{
    const int who = m ? find_person(m, user, name) : NOBODY;
    if (who == NOBODY || m->floor == who)
        return;
    m->floor = who;
    put(m, json_pack("{s:I, s:i, s:b}", "at", (json_int_t)file_us(m, at_us), "who", who, "floor",
                     1));
}

void rec_meta_pause(struct rec_meta *m, int64_t at_us)
{
    if (m && m->paused_at_us < 0)
        m->paused_at_us = at_us;
}

void rec_meta_resume(struct rec_meta *m, int64_t at_us)
{
    if (!m || m->paused_at_us < 0)
        return;
    if (at_us > m->paused_at_us)
        m->paused_us += at_us - m->paused_at_us;
    m->paused_at_us = -1;
}
