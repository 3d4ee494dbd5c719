/* One recording: the inbox, the thread [rec] that empties it into the writer, and the finish.
 *
 * The tricky thing is the end. Live, packets from before the end are still inside the encoders when
 * rec_stop() is called: the thread goes on until every stream has brought one from past the end, or
 * STOP_PATIENCE_MS have gone by. Offline (may_block) all was pushed before, and it only drains. */
#include "recorder/rec.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
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
    STOP_PATIENCE_MS = 500,         /* more than look-ahead and B-frames may hold back */
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
    int fd;
    bool may_block;
    struct rec_inbox *inbox;
    struct rec_writer *writer; /* [rec] */
    pthread_t thread;
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

/* --- [rec] ----------------------------------------------------------------------------------- */

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
    const bool is_all_here = r->may_block || r->end_us == REC_TRACK_NO_END;
    return is_all_here ? 0 : STOP_PATIENCE_MS * MCU_US_PER_MS;
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
        int err = has_item ? rec_writer_put(r->writer, item.packet, item.kind, now_us) : 0;
        if (!err)
            err = rec_writer_poll(r->writer, now_us);
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

static void finish(struct rec *r, int err)
{
    if (!err)
        err = rec_writer_finish(r->writer);
    struct rec_result result = {0};
    rec_writer_result(r->writer, &result);
    const int64_t video_end_us = rec_writer_video_end_us(r->writer);
    rec_inbox_close(r->inbox);
    rec_writer_destroy(r->writer);
    r->writer = NULL;
    if (!err)
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
    const int err = record(r);
    if (err) {
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
    if (c->channels > 0 && (!c->audio_config || c->audio_config_size < 2))
        return false;
    return c->fragment_ms > 0 && c->fragment_ms <= FRAGMENT_MS_MAX;
}

static int open_file(struct rec *r)
{
    r->fd = open(r->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    return r->fd < 0 ? -errno : 0;
}

static void release(struct rec *r)
{
    rec_writer_destroy(r->writer);
    rec_inbox_destroy(r->inbox);
    if (r->fd >= 0)
        close(r->fd);
    pthread_mutex_destroy(&r->marks_lock);
    free(r->path);
    free(r);
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
    r->may_block = conf->may_block;
    const struct rec_inbox_conf inbox = {
        .packets_max = INBOX_PACKETS, .bytes_max = INBOX_BYTES, .may_block = conf->may_block};
    int err = -ENOMEM;
    r->path = strdup(conf->path);
    if (!r->path)
        goto fail;
    err = rec_inbox_create(&r->inbox, &inbox);
    if (err)
        goto fail;
    err = open_file(r);
    if (err)
        goto fail;
    struct rec_conf own = *conf;
    own.path = r->path;
    err = rec_writer_create(&r->writer, r->fd, &own);
    if (!err)
        err = mcu_thread_start(&r->thread, "rec", run, r);
    if (err) {
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

void rec_destroy(struct rec *r)
{
    if (!r)
        return;
    rec_stop(r, REC_TRACK_NO_END, NULL, NULL);
    pthread_join(r->thread, NULL);
    release(r);
}
