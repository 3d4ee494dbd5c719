/* One recording: the inbox, the thread [rec] that empties it into the writer, and the finish.
 *
 * The tricky thing is the end. Live, packets from before the end are still inside the encoders when
 * rec_stop() is called: the thread goes on until every stream has brought one from past the end, or
 * STOP_PATIENCE_MS have gone by. Offline (may_block) all was pushed before, and it only drains. */
#include "recorder/rec.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/base/thread.h"
#include "recorder/inbox.h"
#include "recorder/meta.h"
#include "recorder/remux.h"
#include "recorder/track.h"
#include "recorder/writer.h"

enum {
    INBOX_PACKETS = 512,            /* six seconds of 30 pictures and 47 AAC frames */
    INBOX_BYTES = 32 * 1024 * 1024,
    STOP_PATIENCE_MS = 500,
    REORDERED_PATIENCE_MS = 2000,   /* look-ahead holds 400 ms back, and a key frame is on its way */
    SIDE_MAX = 16384,
    AUDIO_CONFIG_MAX = 64,
    FRAGMENT_MS_MAX = 10000,
    MARKS_MAX = 16,
};

/* A pause or its end, on the way to the writer. */
struct mark {
    int64_t at_us;
    bool is_pause;
};

struct rec {
    char *path;
    char *title;
    struct rec_conf conf; /* with copies of what it points to */
    uint8_t audio_config[AUDIO_CONFIG_MAX];
    struct rec_inbox *inbox;
    pthread_t thread;

    int fd;                    /* [rec], once that runs */
    struct rec_writer *writer; /* [rec] */

    /* [rec] writes, [any] reads. */
    atomic_int error;
    atomic_int_fast64_t bytes;
    atomic_int_fast64_t duration_ms;
    atomic_int_fast64_t busy_since_us; /* it writes; 0: it waits */

    bool is_paused; /* [ctl] */

    pthread_mutex_t marks_lock;
    struct mark marks[MARKS_MAX];
    size_t mark_count;

    /* [ctl] writes these, then sets is_stopping. */
    int64_t end_us;
    void (*on_done)(void *ctx, const struct rec_result *result);
    void *ctx;
    atomic_bool is_stopping;
};

/* --- the file: [ctl] in rec_start(), or [rec] ------------------------------------------------ */

static int64_t free_bytes(const struct statvfs *fs)
{
    return (int64_t)(fs->f_bavail * fs->f_frsize);
}

/* Whether there is room to begin. */
static int look_for_room(const struct rec *r)
{
    int64_t wanted = r->conf.min_free_bytes;
    if (wanted <= 0)
        return 0;
    if (r->conf.opens_later)
        wanted += wanted / 4; /* else it would begin and end again and again */
    char *folder = strdup(r->path);
    struct statvfs fs;
    if (!folder)
        return -ENOMEM;
    const int err = statvfs(dirname(folder), &fs) < 0 ? -errno : 0;
    free(folder);
    return err ? err : free_bytes(&fs) < wanted ? -ENOSPC : 0;
}

static int open_file(struct rec *r)
{
    int err = look_for_room(r);
    if (err)
        return err;
    r->fd = open(r->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (r->fd < 0)
        return -errno;
    err = rec_writer_create(&r->writer, r->fd, &r->conf);
    if (err)
        unlink(r->path); /* ours, and still empty */
    return err;
}

/* --- [rec] ----------------------------------------------------------------------------------- */

/* After each flush: what others may know, and whether there is room for more. */
static int look_at_disk(struct rec *r)
{
    struct rec_result so_far = {0};
    rec_writer_result(r->writer, &so_far);
    if (so_far.bytes == atomic_load(&r->bytes))
        return 0;
    atomic_store(&r->bytes, so_far.bytes);
    atomic_store(&r->duration_ms, so_far.duration_ms);
    struct statvfs fs;
    if (r->conf.min_free_bytes <= 0 || fstatvfs(r->fd, &fs) < 0)
        return 0;
    return free_bytes(&fs) < r->conf.min_free_bytes ? -ENOSPC : 0;
}

static int64_t wait_us(const struct rec *r, int64_t give_up_us)
{
    const int64_t due_us = rec_writer_due_us(r->writer);
    int64_t until_us = give_up_us;
    if (due_us >= 0 && (until_us < 0 || due_us < until_us))
        until_us = due_us;
    if (until_us < 0)
        return -1;
    const int64_t now_us = mcu_now_us();
    return until_us > now_us ? until_us - now_us : 0;
}

/* How long packets from before the end may still come after rec_stop(). */
static int64_t patience_us(const struct rec *r)
{
    const bool is_all_here = r->conf.may_block || r->end_us == REC_TRACK_NO_END;
    const int ms = r->conf.is_reordered ? REORDERED_PATIENCE_MS : STOP_PATIENCE_MS;
    return is_all_here ? 0 : ms * MCU_US_PER_MS;
}

/* Those that the writer has no room for stay where they are. */
static void take_marks(struct rec *r)
{
    size_t done = 0;
    pthread_mutex_lock(&r->marks_lock);
    for (; done < r->mark_count; done++) {
        const struct mark *m = &r->marks[done];
        const int err = m->is_pause ? rec_writer_pause(r->writer, m->at_us)
                                    : rec_writer_resume(r->writer, m->at_us);
        if (err == -EAGAIN)
            break;
    }
    memmove(r->marks, r->marks + done, (r->mark_count - done) * sizeof(r->marks[0]));
    r->mark_count -= done;
    pthread_mutex_unlock(&r->marks_lock);
}

/* Takes packets until the recording is stopped and complete, or writing fails. Wishes are looked at
 * after the wait: none of them is later than the packet that ended it. */
static int record(struct rec *r)
{
    bool was_stopping = false;
    int64_t give_up_us = -1; /* -1: not stopping */
    for (;;) {
        struct rec_inbox_item item;
        const bool has_item = rec_inbox_take(r->inbox, &item, wait_us(r, give_up_us));
        const int64_t now_us = mcu_now_us();
        take_marks(r);
        if (!was_stopping && atomic_load(&r->is_stopping)) {
            was_stopping = true;
            rec_writer_set_end(r->writer, r->end_us);
            give_up_us = now_us + patience_us(r);
        }
        atomic_store(&r->busy_since_us, now_us);
        int err = has_item ? rec_writer_put(r->writer, item.packet, item.kind, now_us) : 0;
        if (!err)
            err = rec_writer_poll(r->writer, now_us);
        if (!err)
            err = look_at_disk(r);
        atomic_store(&r->busy_since_us, 0);
        if (err)
            return err;
        const bool gave_up = was_stopping && !has_item && now_us >= give_up_us;
        if (was_stopping && (gave_up || rec_writer_is_complete(r->writer)))
            return 0;
    }
}

static void wait_for_stop(struct rec *r)
{
    struct rec_inbox_item item;
    while (!atomic_load(&r->is_stopping))
        if (rec_inbox_take(r->inbox, &item, -1))
            mcu_packet_unref(item.packet);
}

/* A file that nothing was written to is of no use to anybody. */
static void close_writer(struct rec *r, struct rec_result *result)
{
    if (!r->writer)
        return;
    rec_writer_result(r->writer, result);
    rec_writer_destroy(r->writer);
    r->writer = NULL;
    if (result->bytes == 0 && r->conf.opens_later)
        unlink(r->path);
}

static void finish(struct rec *r, int err)
{
    struct rec_result result = {0};
    if (!err)
        err = rec_writer_finish(r->writer);
    const int64_t video_end_us = r->writer ? rec_writer_video_end_us(r->writer) : -1;
    rec_inbox_close(r->inbox);
    close_writer(r, &result);
    if (!err && r->conf.is_ogg)
        err = fsync(r->fd) < 0 ? -errno : 0;
    else if (!err)
        err = rec_remux(r->path, r->fd, result.bytes, video_end_us, &result);
    if (!err)
        rec_meta_finish(r->path, result.duration_ms);
    result.error = err;
    result.dropped += rec_inbox_dropped(r->inbox);
    if (err)
        log_error("recording %s: %s; what was written so far is kept", r->path, strerror(-err));
    if (result.dropped)
        log_warn("recording %s: %llu packets dropped", r->path,
                 (unsigned long long)result.dropped);
    if (r->on_done)
        r->on_done(r->ctx, &result);
}

static void *run(void *arg)
{
    struct rec *r = arg;
    int err = r->conf.opens_later ? open_file(r) : 0;
    if (!err)
        err = record(r);
    if (err) {
        atomic_store(&r->error, err);
        rec_inbox_close(r->inbox); /* from here on pushes fail with -EIO */
        wait_for_stop(r);
    }
    finish(r, err);
    return NULL;
}

/* --- [ctl] ----------------------------------------------------------------------------------- */

static bool is_valid(const struct rec_conf *c)
{
    if (!c->path || c->path[0] != '/' || (c->width == 0 && c->channels == 0))
        return false;
    if (c->width > SIDE_MAX || c->height > SIDE_MAX || (c->width > 0) != (c->height > 0))
        return false;
    if (c->channels > 2 || c->audio_config_size > AUDIO_CONFIG_MAX)
        return false;
    if (c->is_ogg && (c->width > 0 || c->channels == 0))
        return false;
    if (!c->is_ogg && c->channels > 0 && (!c->audio_config || c->audio_config_size < 2))
        return false;
    return c->fragment_ms > 0 && c->fragment_ms <= FRAGMENT_MS_MAX;
}

static void release(struct rec *r)
{
    rec_writer_destroy(r->writer);
    rec_inbox_destroy(r->inbox);
    if (r->fd >= 0)
        close(r->fd);
    pthread_mutex_destroy(&r->marks_lock);
    free(r->title);
    free(r->path);
    free(r);
}

static int keep_conf(struct rec *r, const struct rec_conf *conf)
{
    r->path = strdup(conf->path);
    r->title = strdup(conf->title ? conf->title : "");
    if (!r->path || !r->title)
        return -ENOMEM;
    r->conf = *conf;
    r->conf.path = r->path;
    r->conf.title = conf->title ? r->title : NULL;
    r->conf.audio_config = r->audio_config;
    if (conf->audio_config && conf->audio_config_size)
        memcpy(r->audio_config, conf->audio_config, conf->audio_config_size);
    return 0;
}

int rec_start(struct rec **out, const struct rec_conf *conf)
{
    if (!is_valid(conf))
        return -EINVAL;
    struct rec *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    r->fd = -1;
    pthread_mutex_init(&r->marks_lock, NULL);
    const struct rec_inbox_conf inbox = {
        .packets_max = INBOX_PACKETS, .bytes_max = INBOX_BYTES, .may_block = conf->may_block};
    int err = keep_conf(r, conf);
    if (!err)
        err = rec_inbox_create(&r->inbox, &inbox);
    if (!err && !conf->opens_later)
        err = open_file(r);
    if (err)
        goto fail;
    err = mcu_thread_start(&r->thread, "rec", run, r);
    if (err) {
        if (r->fd >= 0)
            unlink(r->path); /* ours, and still empty */
        goto fail;
    }
    *out = r;
    return 0;

fail:
    release(r);
    return err;
}

static int push(struct rec *r, struct mcu_packet *packet, enum mcu_kind kind)
{
    const int err = rec_inbox_put(r->inbox, packet, kind);
    return err == -EPIPE ? -EIO : err;
}

int rec_push_video(struct rec *r, struct mcu_packet *packet)
{
    return push(r, packet, MCU_VIDEO);
}

int rec_push_audio(struct rec *r, struct mcu_packet *packet)
{
    return push(r, packet, MCU_AUDIO);
}

static int post_mark(struct rec *r, bool is_pause, int64_t at_us)
{
    if (r->is_paused == is_pause || atomic_load(&r->is_stopping))
        return -EALREADY;
    pthread_mutex_lock(&r->marks_lock);
    const bool has_room = r->mark_count < MARKS_MAX;
    if (has_room)
        r->marks[r->mark_count++] = (struct mark){.at_us = at_us, .is_pause = is_pause};
    pthread_mutex_unlock(&r->marks_lock);
    if (!has_room)
        return -EAGAIN;
    r->is_paused = is_pause;
    rec_inbox_wake(r->inbox);
    return 0;
}

int rec_pause(struct rec *r, int64_t at_us)
{
    return post_mark(r, true, at_us);
}

int rec_resume(struct rec *r, int64_t at_us)
{
    return post_mark(r, false, at_us);
}

void rec_stop(struct rec *r, int64_t end_us, void (*on_done)(void *ctx, const struct rec_result *),
              void *ctx)
{
    if (atomic_load(&r->is_stopping))
        return;
    r->end_us = end_us;
    r->on_done = on_done;
    r->ctx = ctx;
    atomic_store(&r->is_stopping, true);
    rec_inbox_wake(r->inbox);
}

void rec_read_status(const struct rec *r, struct rec_status *status)
{
    const int64_t since_us = atomic_load(&r->busy_since_us);
    *status = (struct rec_status){
        .error = atomic_load(&r->error),
        .bytes = atomic_load(&r->bytes),
        .duration_ms = atomic_load(&r->duration_ms),
        .stuck_us = since_us ? mcu_now_us() - since_us : 0,
    };
}

void rec_destroy(struct rec *r)
{
    if (!r)
        return;
    rec_stop(r, REC_TRACK_NO_END, NULL, NULL);
    pthread_join(r->thread, NULL);
    release(r);
}
