/* Commands and packets go through one queue, in order, to the thread [tracks], which alone knows the
 * files. */
#include "recorder/tracks.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/base/queue.h"
#include "mcu/base/thread.h"
#include "recorder/meta.h"
#include "recorder/ogg.h"

enum {
    QUEUE_MAX = 8192, /* two seconds of 80 people */
    HELD_MAX = 32,    /* packets of one source that wait for those before them */
    RESTART = 3000,   /* numbers that far back are no late packet */
    PACKET_MAX = 4096,
    NAME_BYTES = 321,
    USER_BYTES = 129,
};

#define HELD_US       (500 * MCU_US_PER_MS)
#define CLOSE_WAIT_US MCU_US_PER_S

enum job_kind { JOB_ADD, JOB_REMOVE, JOB_PACKET };

struct job {
    enum job_kind kind;
    uint32_t source;
    uint64_t sequence;
    int64_t at_us; /* of the file's time */
    char *user, *name;
    size_t size;
    uint8_t data[];
};

struct track {
    uint32_t source; /* 0: free */
    char user[USER_BYTES];
    char name[NAME_BYTES];
    struct rec_ogg *ogg; /* NULL: nothing has come */
    bool has_failed;
    bool has_written;
    uint64_t written; /* sequence of the last one */
    struct job *held[HELD_MAX]; /* by sequence */
    size_t held_count;
};

struct rec_tracks {
    char *path;
    struct mcu_queue *queue;
    pthread_t thread;
    bool has_thread;
    atomic_uint_fast64_t dropped;

    /* [tracks] */
    struct track tracks[REC_TRACKS_MAX];
    unsigned files; /* opened so far */

    pthread_mutex_t lock; /* protects all below */
    pthread_cond_t changed;
    int64_t start_us;
    int64_t paused_us;
    int64_t paused_at_us; /* -1: it runs */
    int64_t end_us;
    bool has_ended;
    bool is_left; /* the thread frees it all */
};

char *rec_tracks_path(const char *path, unsigned n, const char *user)
{
    char suffix[96];
    char plain[65];
    size_t i = 0;
    for (; user[i] && i < sizeof(plain) - 1; i++) {
        const unsigned char c = (unsigned char)user[i];
        plain[i] = c < 128 && (isalnum(c) || c == '-') ? (char)c : '_';
    }
    plain[i] = '\0';
    snprintf(suffix, sizeof(suffix), ".track-%02u-%s.ogg", n, plain);
    return rec_meta_path(path, suffix);
}

static void free_job(void *item)
{
    struct job *job = item;
    if (!job)
        return;
    free(job->user);
    free(job->name);
    free(job);
}

/* --- [tracks] ------------------------------------------------------------------------------------ */

static struct track *find(struct rec_tracks *t, uint32_t source)
{
    for (size_t i = 0; i < REC_TRACKS_MAX; i++) {
        if (t->tracks[i].source == source)
            return &t->tracks[i];
    }
    return NULL;
}

static int open_file(struct rec_tracks *t, struct track *k)
{
    if (t->files == REC_TRACKS_MAX)
        return -ENOSPC;
    char *path = rec_tracks_path(t->path, ++t->files, k->user);
    if (!path)
        return -ENOMEM;
    const struct rec_ogg_conf conf = {
        .path = path, .title = k->name, .artist = k->name, .channels = 2};
    const int err = rec_ogg_open(&k->ogg, &conf);
    free(path);
    return err;
}

static void fail(struct track *k, int err)
{
    log_warn("track of %s: %s; what is written is kept", k->user, strerror(-err));
    k->has_failed = true;
}

static void write_out(struct rec_tracks *t, struct track *k, const struct job *job)
{
    int err = k->ogg ? 0 : open_file(t, k);
    if (!err)
        err = rec_ogg_write(k->ogg, job->at_us, job->data, job->size);
    k->has_written = true;
    k->written = job->sequence;
    if (err && err != -EINVAL && err != -ERANGE)
        fail(k, err);
}

static void write_first(struct rec_tracks *t, struct track *k)
{
    struct job *job = k->held[0];
    memmove(k->held, k->held + 1, --k->held_count * sizeof(k->held[0]));
    if (!k->has_failed)
        write_out(t, k, job);
    free_job(job);
}

/* Takes the job. A copy of one that is there, or came before, is nothing new. */
static void hold(struct track *k, struct job *job)
{
    size_t at = k->held_count;
    if (k->has_written && job->sequence + RESTART < k->written)
        k->has_written = false; /* it counts anew */
    while (at > 0 && k->held[at - 1]->sequence > job->sequence)
        at--;
    const bool is_copy = (at > 0 && k->held[at - 1]->sequence == job->sequence) ||
                         (k->has_written && job->sequence <= k->written);
    if (is_copy) {
        free_job(job);
        return;
    }
    memmove(k->held + at + 1, k->held + at, (k->held_count - at) * sizeof(k->held[0]));
    k->held[at] = job;
    k->held_count++;
}

static bool is_due(const struct track *k)
{
    const bool is_next = k->has_written && k->held[0]->sequence == k->written + 1;
    return is_next || k->held_count == HELD_MAX ||
           k->held[k->held_count - 1]->at_us - k->held[0]->at_us >= HELD_US;
}

/* Takes the job. */
static void on_packet(struct rec_tracks *t, struct job *job)
{
    struct track *k = find(t, job->source);
    if (!k || k->has_failed) {
        free_job(job);
        return;
    }
    hold(k, job);
    while (k->held_count && is_due(k))
        write_first(t, k);
}

static void end_track(struct rec_tracks *t, struct track *k)
{
    while (k->held_count)
        write_first(t, k);
    const int err = rec_ogg_close(k->ogg);
    if (err && !k->has_failed)
        fail(k, err);
    *k = (struct track){.source = 0};
}

static void on_add(struct rec_tracks *t, const struct job *job)
{
    struct track *k = find(t, 0);
    if (!k || find(t, job->source))
        return;
    k->source = job->source;
    snprintf(k->user, sizeof(k->user), "%s", job->user);
    snprintf(k->name, sizeof(k->name), "%s", job->name);
}

static void release(struct rec_tracks *t)
{
    mcu_queue_destroy(t->queue, free_job);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    free(t->path);
    free(t);
}

static void end_thread(struct rec_tracks *t)
{
    pthread_mutex_lock(&t->lock);
    t->has_ended = true;
    const bool is_left = t->is_left;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
    if (is_left)
        release(t);
}

static void *run(void *arg)
{
    struct rec_tracks *t = arg;
    for (struct job *job; (job = mcu_queue_take(t->queue, -1));) {
        struct track *k = job->kind == JOB_REMOVE ? find(t, job->source) : NULL;
        if (job->kind == JOB_PACKET) {
            on_packet(t, job);
            continue;
        }
        if (job->kind == JOB_ADD)
            on_add(t, job);
        else if (k)
            end_track(t, k);
        free_job(job);
    }
    for (size_t i = 0; i < REC_TRACKS_MAX; i++) {
        if (t->tracks[i].source)
            end_track(t, &t->tracks[i]);
    }
    end_thread(t);
    return NULL;
}

/* --- [ctl] and [net] ----------------------------------------------------------------------------- */

static void init_locks(struct rec_tracks *t)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&t->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&t->lock, NULL);
}

int rec_tracks_open(struct rec_tracks **out, const char *path, int64_t start_us)
{
    struct rec_tracks *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    init_locks(t);
    t->start_us = start_us;
    t->paused_at_us = -1;
    t->end_us = INT64_MAX;
    t->path = strdup(path);
    int err = t->path ? mcu_queue_create(&t->queue, QUEUE_MAX) : -ENOMEM;
    if (!err)
        err = mcu_thread_start(&t->thread, "tracks", run, t);
    t->has_thread = !err;
    if (err)
        release(t);
    else
        *out = t;
    return err;
}

/* Takes the job. */
static void put(struct rec_tracks *t, struct job *job)
{
    if (job && mcu_queue_put(t->queue, job) == 0)
        return;
    atomic_fetch_add(&t->dropped, 1);
    free_job(job);
}

void rec_tracks_add(struct rec_tracks *t, uint32_t source, const char *user, const char *name)
{
    struct job *job = t ? calloc(1, sizeof(*job)) : NULL;
    if (!job)
        return;
    *job = (struct job){
        .kind = JOB_ADD, .source = source, .user = strdup(user), .name = strdup(name)};
    if (job->user && job->name)
        put(t, job);
    else
        free_job(job);
}

void rec_tracks_remove(struct rec_tracks *t, uint32_t source)
{
    struct job *job = t ? calloc(1, sizeof(*job)) : NULL;
    if (!job)
        return;
    *job = (struct job){.kind = JOB_REMOVE, .source = source};
    put(t, job);
}

void rec_tracks_pause(struct rec_tracks *t, int64_t at_us)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    if (t->paused_at_us < 0)
        t->paused_at_us = at_us;
    pthread_mutex_unlock(&t->lock);
}

void rec_tracks_resume(struct rec_tracks *t, int64_t at_us)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    if (t->paused_at_us >= 0 && at_us > t->paused_at_us)
        t->paused_us += at_us - t->paused_at_us;
    t->paused_at_us = -1;
    pthread_mutex_unlock(&t->lock);
}

/* Negative: that moment is not in the file. */
static int64_t file_us(struct rec_tracks *t, int64_t pts_us)
{
    pthread_mutex_lock(&t->lock);
    const bool is_out =
        pts_us >= t->end_us || (t->paused_at_us >= 0 && pts_us >= t->paused_at_us);
    const int64_t at_us = pts_us - t->start_us - t->paused_us;
    pthread_mutex_unlock(&t->lock);
    return is_out ? -1 : at_us;
}

void rec_tracks_push(struct rec_tracks *t, const struct rec_tracks_packet *packet)
{
    if (!t || packet->size > PACKET_MAX)
        return;
    const int64_t at_us = file_us(t, packet->pts_us);
    if (at_us < 0)
        return;
    struct job *job = malloc(sizeof(*job) + packet->size);
    if (job) {
        *job = (struct job){.kind = JOB_PACKET,
                            .source = packet->source,
                            .sequence = packet->sequence,
                            .at_us = at_us,
                            .size = packet->size};
        memcpy(job->data, packet->data, packet->size);
    }
    put(t, job);
}

static bool wait_for_thread(struct rec_tracks *t)
{
    const int64_t until_us = mcu_now_us() + CLOSE_WAIT_US;
    const struct timespec until = {.tv_sec = (time_t)(until_us / MCU_US_PER_S),
                                   .tv_nsec = (long)(until_us % MCU_US_PER_S) * 1000};
    int err = 0;
    pthread_mutex_lock(&t->lock);
    while (!err && !t->has_ended)
        err = pthread_cond_timedwait(&t->changed, &t->lock, &until);
    const bool has_ended = t->has_ended;
    t->is_left = !has_ended;
    if (!has_ended)
        pthread_detach(t->thread);
    pthread_mutex_unlock(&t->lock);
    return has_ended;
}

void rec_tracks_close(struct rec_tracks *t, int64_t end_us)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->end_us = end_us;
    pthread_mutex_unlock(&t->lock);
    mcu_queue_close(t->queue);
    const uint64_t dropped = rec_tracks_dropped(t);
    if (dropped)
        log_warn("recording %s: %llu packets of its tracks dropped", t->path,
                 (unsigned long long)dropped);
    if (!wait_for_thread(t))
        return;
    pthread_join(t->thread, NULL);
    release(t);
}

uint64_t rec_tracks_dropped(const struct rec_tracks *t)
{
    return atomic_load(&t->dropped);
}
