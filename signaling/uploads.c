/* The thread [upload]: takes what the store has next, brings it there, says so to the store. */
#include "signaling/uploads.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/base/thread.h"
#include "signaling/recording_files.h"
#include "signaling/uploads_internal.h"

enum {
    FLUSH_MS = 5000,
    LOOK_AGAIN_MS = 60000,
    PAUSE_FIRST_MS = 500,
    PAUSE_MOST_MS = 60000,
    REFUSALS_MAX = 3,
};

/* --- waiting ------------------------------------------------------------------------------------- */

static void wait_ms(struct sig_uploads *u, int64_t ms)
{
    const int64_t until_us = mcu_now_us() + ms * MCU_US_PER_MS;
    const struct timespec until = {.tv_sec = (time_t)(until_us / MCU_US_PER_S),
                                   .tv_nsec = (long)(until_us % MCU_US_PER_S) * 1000};
    pthread_mutex_lock(&u->lock);
    int err = 0;
    while (!err && !u->is_woken && !atomic_load(&u->stop))
        err = pthread_cond_timedwait(&u->changed, &u->lock, &until);
    u->is_woken = false;
    pthread_mutex_unlock(&u->lock);
}

static void wake(struct sig_uploads *u)
{
    pthread_mutex_lock(&u->lock);
    u->is_woken = true;
    pthread_cond_signal(&u->changed);
    pthread_mutex_unlock(&u->lock);
}

/* --- what became of a file ----------------------------------------------------------------------- */

static void count(struct sig_uploads *u, uint64_t done, uint64_t failed, uint64_t retries,
                  int64_t bytes)
{
    pthread_mutex_lock(&u->lock);
    u->stats.done += done;
    u->stats.failed += failed;
    u->stats.retries += retries;
    u->stats.bytes += (uint64_t)bytes;
    pthread_mutex_unlock(&u->lock);
}

/* For on_end, which is the front's. */
static void tell_end(struct sig_uploads *u, const char *recording, bool is_done)
{
    struct upload_end *end = calloc(1, sizeof(*end));
    if (!end) {
        log_error("recording %s: nobody is told that its upload has ended", recording);
        return;
    }
    snprintf(end->recording, sizeof(end->recording), "%s", recording);
    end->is_done = is_done;
    pthread_mutex_lock(&u->lock);
    *u->last_end = end;
    u->last_end = &end->next;
    pthread_mutex_unlock(&u->lock);
    eventfd_write(u->fd, 1);
}

/* Its other files may still be on their way. */
static void end_recording(struct sig_uploads *u, const struct sig_store_upload *job)
{
    struct sig_store_upload_sum sum;
    if (sig_store_flush(u->conf.store, FLUSH_MS) != 0 ||
        sig_store_upload_sum(u->conf.store, job->recording, &sum) < 0 || sum.open > 0)
        return;
    const bool is_done = strcmp(sum.status, "done") == 0;
    if (is_done || strcmp(sum.status, "failed") == 0)
        tell_end(u, job->recording, is_done);
    if (!is_done)
        return;
    log_info("recording %s is uploaded: %u files, %lld bytes", job->recording, sum.files,
             (long long)sum.bytes);
    if (!u->conf.config->storage.s3_keep_local && sig_recording_remove_files(job->file) < 0)
        log_warn("recording %s: its local file is not there to delete", job->recording);
}

static void end_done(struct sig_uploads *u, const struct sig_store_upload *job)
{
    u->pause_ms = PAUSE_FIRST_MS;
    u->refusals = 0;
    sig_store_upload_ended(u->conf.store, job, "done", "");
    count(u, 1, 0, 0, job->bytes);
    end_recording(u, job);
}

static void end_failed(struct sig_uploads *u, const struct sig_store_upload *job, const char *error)
{
    u->pause_ms = PAUSE_FIRST_MS;
    u->refusals = 0;
    log_error("upload of %s failed: %s", job->name, error);
    sig_store_upload_ended(u->conf.store, job, "failed", error);
    count(u, 0, 1, 0, 0);
    end_recording(u, job);
}

static void try_later(struct sig_uploads *u, const struct sig_store_upload *job,
                      const struct upload_result *result)
{
    if (result->is_final && ++u->refusals >= REFUSALS_MAX) {
        end_failed(u, job, result->error);
        return;
    }
    log_warn("upload of %s: %s; it is tried again", job->name, result->error);
    if (result->must_restart) {
        upload_forget(u, job);
        sig_store_upload_ended(u->conf.store, job, "waiting", result->error);
    } else {
        sig_store_upload_trouble(u->conf.store, job, result->error);
    }
    count(u, 0, 0, 1, 0);
    u->pause_ms = result->has_progress ? PAUSE_FIRST_MS : u->pause_ms;
    wait_ms(u, u->pause_ms);
    u->pause_ms = u->pause_ms * 2 < PAUSE_MOST_MS ? u->pause_ms * 2 : PAUSE_MOST_MS;
}

/* --- the thread ---------------------------------------------------------------------------------- */

static int open_file(const struct sig_store_upload *job, int64_t *size)
{
    char path[sizeof(job->file) + sizeof(job->name)];
    const char *slash = strrchr(job->file, '/');
    struct stat st;
    snprintf(path, sizeof(path), "%.*s/%s", slash ? (int)(slash - job->file) : 0, job->file,
             job->name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return -EINVAL;
    }
    *size = st.st_size;
    return fd;
}

static void work(struct sig_uploads *u, struct sig_store_upload *job)
{
    int64_t size = 0;
    struct upload_result result = {.error = ""};
    const int fd = open_file(job, &size);
    if (fd < 0) {
        upload_forget(u, job);
        end_failed(u, job, strerror(-fd));
        return;
    }
    const bool is_done = upload_file(u, job, fd, size, &result);
    close(fd);
    if (atomic_load(&u->stop))
        return;
    if (is_done)
        end_done(u, job);
    else
        try_later(u, job, &result);
}

static void *run(void *arg)
{
    struct sig_uploads *u = arg;
    struct sig_store_upload job;
    sig_store_uploads_again(u->conf.store, "");
    while (!atomic_load(&u->stop)) {
        const int err = sig_store_flush(u->conf.store, FLUSH_MS);
        const int found = err ? err : sig_store_upload_next(u->conf.store, &job);
        if (found == 1)
            work(u, &job);
        else
            wait_ms(u, found < 0 ? PAUSE_FIRST_MS : LOOK_AGAIN_MS);
    }
    return NULL;
}

/* --- the front ----------------------------------------------------------------------------------- */

static int open_storage(struct sig_uploads *u)
{
    const struct mcu_config *c = u->conf.config;
    const struct s3_conf conf = {
        .endpoint = c->storage.s3_endpoint,
        .bucket = c->storage.s3_bucket,
        .region = c->storage.s3_region,
        .access_key = c->storage.s3_access_key,
        .secret_key = c->storage.s3_secret_key,
        .timeout_s = c->storage.s3_timeout_s,
        .stop = &u->stop,
    };
    if (!conf.bucket[0] || !conf.access_key[0] || !conf.secret_key[0])
        return -EINVAL;
    u->part_bytes = (int64_t)c->storage.s3_part_mb * 1024 * 1024;
    return s3_create(&u->s3, &conf);
}

static void init_locks(struct sig_uploads *u)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&u->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&u->lock, NULL);
}

int sig_uploads_create(struct sig_uploads **out, const struct sig_uploads_conf *conf)
{
    *out = NULL;
    if (!conf->config->storage.s3_endpoint[0] || !conf->store)
        return 0;
    struct sig_uploads *u = calloc(1, sizeof(*u));
    if (!u)
        return -ENOMEM;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    u->conf = *conf;
    u->pause_ms = PAUSE_FIRST_MS;
    u->last_end = &u->ends;
    init_locks(u);
    u->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int err = u->fd < 0 ? -errno : open_storage(u);
    if (!err)
        err = mcu_thread_start(&u->thread, "upload", run, u);
    u->has_thread = !err;
    if (err)
        sig_uploads_destroy(u);
    else
        *out = u;
    return err;
}

static void free_ends(struct upload_end *end)
{
    while (end) {
        struct upload_end *next = end->next;
        free(end);
        end = next;
    }
}

void sig_uploads_destroy(struct sig_uploads *u)
{
    if (!u)
        return;
    atomic_store(&u->stop, true);
    wake(u);
    if (u->has_thread)
        pthread_join(u->thread, NULL);
    s3_destroy(u->s3);
    free_ends(u->ends);
    if (u->fd >= 0)
        close(u->fd);
    pthread_cond_destroy(&u->changed);
    pthread_mutex_destroy(&u->lock);
    free(u->buffer);
    free(u);
}

void sig_uploads_add(struct sig_uploads *u, const char *recording, const char *file)
{
    struct sig_recording_file *files = NULL;
    if (!u)
        return;
    const int found = sig_recording_files(file, &files);
    for (int i = 0; i < found; i++) {
        if (sig_store_upload_added(u->conf.store, recording, files[i].name, files[i].bytes) != 0)
            log_error("recording %s: %s will not be uploaded", recording, files[i].name);
    }
    free(files);
    wake(u);
}

void sig_uploads_again(struct sig_uploads *u, const char *recording)
{
    if (!u)
        return;
    sig_store_uploads_again(u->conf.store, recording);
    wake(u);
}

int sig_uploads_fd(const struct sig_uploads *u)
{
    return u ? u->fd : -1;
}

void sig_uploads_service(struct sig_uploads *u)
{
    eventfd_t unused;
    if (!u)
        return;
    eventfd_read(u->fd, &unused);
    pthread_mutex_lock(&u->lock);
    struct upload_end *ends = u->ends;
    u->ends = NULL;
    u->last_end = &u->ends;
    pthread_mutex_unlock(&u->lock);
    for (const struct upload_end *end = ends; end && u->conf.on_end; end = end->next)
        u->conf.on_end(u->conf.ctx, end->recording, end->is_done);
    free_ends(ends);
}

void sig_uploads_stats(struct sig_uploads *u, struct sig_uploads_stats *out)
{
    *out = (struct sig_uploads_stats){.done = 0};
    if (!u)
        return;
    pthread_mutex_lock(&u->lock);
    *out = u->stats;
    pthread_mutex_unlock(&u->lock);
}

json_t *sig_upload_json(struct sig_store *store, const char *recording)
{
    struct sig_store_upload_sum sum = {.status = "none"};
    if (store)
        sig_store_upload_sum(store, recording, &sum);
    json_t *json = json_pack("{s:s, s:I, s:I}", "status", sum.status, "bytes",
                             (json_int_t)sum.bytes, "sent", (json_int_t)sum.sent);
    if (sum.error[0])
        json_object_set_new(json, "error", json_string(sum.error));
    return json;
}
