/* The store's queue and its thread.
 *
 * Writes wait in a bounded queue; the thread "store" takes as many as wait, up to BATCH_MAX, and
 * carries them out in one transaction. What the database refuses for now (locked, full, a failing
 * disk) stays in the thread's hands and is tried again with a growing pause, so order is kept and
 * the queue behind it fills; only what can never work (a constraint) is dropped. */
#include "signaling/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/base/thread.h"
#include "signaling/store_internal.h"

enum {
    BATCH_MAX = 256,
    PAUSE_FIRST_MS = 50,
    PAUSE_MOST_MS = 2000,
    CLOSE_WAIT_MS = 5000,
};

/* --- the thread ------------------------------------------------------------------------------ */

/* All writes of a batch in one transaction. SQLITE_OK, or why nothing of it was done; *dropped
 * counts the writes that can never work. */
static int try_batch(struct store_db *d, struct store_op *const *batch, size_t count,
                     size_t *dropped)
{
    *dropped = 0;
    int code = sqlite3_exec(d->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return code;
    for (size_t i = 0; code == SQLITE_OK && i < count; i++) {
        code = store_run(d, batch[i]);
        if ((code & 0xff) != SQLITE_CONSTRAINT)
            continue;
        log_error("store: a write was refused (kind %d, room=%s): %s", (int)batch[i]->kind,
                  batch[i]->room, sqlite3_errmsg(d->db));
        (*dropped)++;
        code = SQLITE_OK;
    }
    if (code == SQLITE_OK)
        code = sqlite3_exec(d->db, "COMMIT", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

/* The database turned out to be corrupt while in use. */
static void begin_anew(struct sig_store *s)
{
    pthread_mutex_lock(&s->read_lock);
    sqlite3_close(s->reader);
    s->reader = NULL;
    store_db_close(&s->writer);
    store_set_aside(s->path);
    s->writer.set_aside++;
    pthread_mutex_unlock(&s->read_lock);
}

static int try_once(struct sig_store *s, struct store_op *const *batch, size_t count,
                    size_t *dropped)
{
    if (!s->writer.db) {
        const int err = store_db_open(&s->writer, s->path);
        if (err)
            return err;
    }
    const int code = try_batch(&s->writer, batch, count, dropped);
    if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB)
        begin_anew(s);
    return store_errno(code);
}

static struct timespec to_timespec(int64_t at_us)
{
    return (struct timespec){
        .tv_sec = (time_t)(at_us / MCU_US_PER_S),
        .tv_nsec = (long)(at_us % MCU_US_PER_S) * 1000,
    };
}

/* Waits pause_ms, or less when the store is being closed. False: time is up, give up. */
static bool pause_for(struct sig_store *s, int64_t pause_ms)
{
    const int64_t until_us = mcu_now_us() + pause_ms * MCU_US_PER_MS;
    const struct timespec until = to_timespec(until_us);
    pthread_mutex_lock(&s->lock);
    s->stats.retries++;
    const bool was_closing = s->is_closing;
    bool go_on = !was_closing || mcu_now_us() < s->close_deadline_us;
    while (go_on && mcu_now_us() < until_us && s->is_closing == was_closing)
        pthread_cond_timedwait(&s->changed, &s->lock, &until);
    go_on = !s->is_closing || mcu_now_us() < s->close_deadline_us;
    pthread_mutex_unlock(&s->lock);
    return go_on;
}

/* Tries until it is done or the store closes. Returns how many writes were lost. */
static size_t carry_out(struct sig_store *s, struct store_op *const *batch, size_t count)
{
    size_t dropped = 0;
    int64_t pause_ms = PAUSE_FIRST_MS;
    int err = try_once(s, batch, count, &dropped);
    if (!err)
        return dropped;
    log_warn("store: %s: %s; writes are kept and tried again", s->path, strerror(-err));
    while (err) {
        if (!pause_for(s, pause_ms)) {
            log_error("store: %s: %s; %zu writes are lost", s->path, strerror(-err), count);
            if (s->writer.db)
                sqlite3_busy_timeout(s->writer.db,
                                     0); /* what is left gets one try without waiting */
            return count;
        }
        pause_ms = pause_ms * 2 < PAUSE_MOST_MS ? pause_ms * 2 : PAUSE_MOST_MS;
        err = try_once(s, batch, count, &dropped);
    }
    log_info("store: %s takes writes again", s->path);
    return dropped;
}

static size_t gather(struct sig_store *s, struct store_op **batch)
{
    size_t count = 0;
    for (struct store_op *op = mcu_queue_take(s->queue, -1); op;
         op = count < BATCH_MAX ? mcu_queue_try_take(s->queue) : NULL)
        batch[count++] = op;
    return count;
}

static void *run(void *arg)
{
    struct sig_store *s = arg;
    struct store_op *batch[BATCH_MAX];
    for (size_t count; (count = gather(s, batch)) > 0;) {
        const size_t lost = carry_out(s, batch, count);
        for (size_t i = 0; i < count; i++)
            free(batch[i]);
        pthread_mutex_lock(&s->lock);
        s->done += count;
        s->stats.written += count - lost;
        s->stats.failed += lost;
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

/* --- opening and closing --------------------------------------------------------------------- */

static void init_locks(struct sig_store *s)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->read_lock, NULL);
}

int sig_store_open(struct sig_store **out, const char *path)
{
    struct sig_store *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    init_locks(s);
    int err = strlen(path) < sizeof(s->path) ? 0 : -ENAMETOOLONG;
    if (err)
        goto fail;
    strcpy(s->path, path);
    err = mcu_queue_create(&s->queue, SIG_STORE_QUEUE_MAX);
    if (err)
        goto fail;
    err = store_db_open(&s->writer, path);
    if (err)
        goto fail;
    err = mcu_thread_start(&s->thread, "store", run, s);
    if (err)
        goto fail;
    s->has_thread = true;
    *out = s;
    return 0;

fail:
    sig_store_close(s);
    return err;
}

void sig_store_close(struct sig_store *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->is_closing = true;
    s->close_deadline_us = mcu_now_us() + CLOSE_WAIT_MS * MCU_US_PER_MS;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (s->queue)
        mcu_queue_close(s->queue);
    if (s->has_thread)
        pthread_join(s->thread, NULL);
    mcu_queue_destroy(s->queue, free);
    sqlite3_close(s->reader);
    store_db_close(&s->writer);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->read_lock);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int sig_store_flush(struct sig_store *s, int64_t timeout_ms)
{
    const int64_t until_us = mcu_now_us() + timeout_ms * MCU_US_PER_MS;
    const struct timespec until = to_timespec(until_us);
    pthread_mutex_lock(&s->lock);
    const uint64_t wanted = s->posted;
    while (s->done < wanted && mcu_now_us() < until_us)
        pthread_cond_timedwait(&s->changed, &s->lock, &until);
    const bool is_done = s->done >= wanted;
    pthread_mutex_unlock(&s->lock);
    return is_done ? 0 : -ETIMEDOUT;
}

void sig_store_stats(struct sig_store *s, struct sig_store_stats *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->stats;
    out->set_aside = s->writer.set_aside;
    out->waiting = (uint32_t)(s->posted - s->done);
    pthread_mutex_unlock(&s->lock);
}

/* --- posting writes -------------------------------------------------------------------------- */

static int copy(char *out, size_t size, const char *text)
{
    const size_t length = text ? strlen(text) : 0;
    if (length >= size)
        return -EINVAL;
    memcpy(out, text ? text : "", length + 1);
    return 0;
}

/* Takes op, whatever comes of it. */
int store_post(struct sig_store *s, struct store_op *op)
{
    pthread_mutex_lock(&s->lock);
    const int err = mcu_queue_put(s->queue, op);
    if (err)
        s->stats.refused++;
    else
        s->posted++;
    const bool is_first = err && s->stats.refused == 1;
    pthread_mutex_unlock(&s->lock);
    if (err)
        free(op);
    if (is_first)
        log_error("store: %s: the queue is full, writes are being lost", s->path);
    return err;
}

/* A write about a room; texts that are not needed are NULL. */
static int post_room(struct sig_store *s, enum store_kind kind, const char *room, const char *user,
                     const char *name, const char *role, int64_t at_ms)
{
    struct store_op *op = calloc(1, sizeof(*op) + 1);
    if (!op)
        return -ENOMEM;
    op->kind = kind;
    op->at_ms = at_ms;
    if (!room || !room[0] || copy(op->room, sizeof(op->room), room) ||
        copy(op->user, sizeof(op->user), user) || copy(op->name, sizeof(op->name), name) ||
        copy(op->role, sizeof(op->role), role)) {
        free(op);
        return -EINVAL;
    }
    return store_post(s, op);
}

int sig_store_room_opened(struct sig_store *s, const char *room_id, const char *room_type,
                          const char *creator, int64_t at_ms)
{
    return post_room(s, STORE_ROOM_OPENED, room_id, creator, NULL, room_type, at_ms);
}

int sig_store_room_ended(struct sig_store *s, const char *room_id, int64_t at_ms)
{
    return post_room(s, STORE_ROOM_ENDED, room_id, NULL, NULL, NULL, at_ms);
}

int sig_store_member_joined(struct sig_store *s, const char *room_id, const char *user_id,
                            const char *name, const char *role, int64_t at_ms)
{
    return post_room(s, STORE_MEMBER_JOINED, room_id, user_id, name, role, at_ms);
}

int sig_store_member_left(struct sig_store *s, const char *room_id, const char *user_id,
                          int64_t at_ms)
{
    return post_room(s, STORE_MEMBER_LEFT, room_id, user_id, NULL, NULL, at_ms);
}

static int post_recording(struct sig_store *s, enum store_kind kind,
                          const struct sig_store_recording *r)
{
    struct store_op *op = calloc(1, sizeof(*op) + 1);
    if (!op)
        return -ENOMEM;
    *op = (struct store_op){
        .kind = kind,
        .at_ms = r->started_at_ms,
        .ended_at_ms = r->ended_at_ms,
        .duration_ms = r->duration_ms,
        .bytes = r->bytes,
        .participants = r->participants,
        .row = r->part,
    };
    memcpy(op->name, r->recording_id, sizeof(r->recording_id));
    memcpy(op->id, r->id, sizeof(op->id));
    memcpy(op->room, r->room_id, sizeof(op->room));
    memcpy(op->file, r->file, sizeof(op->file));
    memcpy(op->status, r->status, sizeof(op->status));
    return store_post(s, op);
}

int sig_store_recording_started(struct sig_store *s, const struct sig_store_recording *r)
{
    if (!r->id[0] || !r->room_id[0] || !r->file[0])
        return -EINVAL;
    return post_recording(s, STORE_RECORDING_STARTED, r);
}

int sig_store_recording_finished(struct sig_store *s, const struct sig_store_recording *r)
{
    if (!r->id[0] || (strcmp(r->status, "ready") != 0 && strcmp(r->status, "failed") != 0))
        return -EINVAL;
    return post_recording(s, STORE_RECORDING_FINISHED, r);
}

int sig_store_recording_delete(struct sig_store *s, const char *id)
{
    struct sig_store_recording r = {.id = ""};
    if (!id[0] || copy(r.id, sizeof(r.id), id))
        return -EINVAL;
    return post_recording(s, STORE_RECORDING_DELETE, &r);
}
