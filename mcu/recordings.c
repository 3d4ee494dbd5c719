/* The recordings of a studio. Encoders push under the tap's lock, [ctl] moves parts in and out
 * under the recording's own, which is held to walk four pointers and to put references into queues.
 *
 *     writing   the part that everything belongs to
 *     next      waits for its first key frame, and then is `writing`
 *     others    have ended, or are told to, and still get what belongs before their end */
#include "mcu/recordings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/studio_internal.h"

#define KEY_EVERY_US (10 * MCU_US_PER_S)

static struct mcu_recording *find(struct mcu_studio *s, const char *id)
{
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        struct mcu_recording *r = &s->recordings.slots[i];
        if (r->studio && strcmp(r->id, id) == 0)
            return r;
    }
    return NULL;
}

static struct mcu_recording *find_free(struct mcu_studio *s)
{
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        if (!s->recordings.slots[i].studio)
            return &s->recordings.slots[i];
    }
    return NULL;
}

static struct mcu_part *find_part(struct mcu_recording *r, uint32_t number)
{
    for (size_t i = 0; i < MCU_PARTS_MAX; i++) {
        if (r->parts[i].rec && r->parts[i].number == number)
            return &r->parts[i];
    }
    return NULL;
}

static struct mcu_part *find_free_part(struct mcu_recording *r)
{
    for (size_t i = 0; i < MCU_PARTS_MAX; i++) {
        if (!r->parts[i].rec)
            return &r->parts[i];
    }
    return NULL;
}

static void on_done(void *ctx, const struct rec_result *result)
{
    const struct mcu_part *part = ctx;
    const struct mcu_studio_sink *sink = &part->recording->studio->sink;
    if (sink->on_recording)
        sink->on_recording(sink->ctx, part->recording->id, part->number, result);
}

/* Once; both [ctl] and [enc] may come to it, with the lock held. */
static void end_part_locked(struct mcu_part *part, int64_t end_us)
{
    if (!part->is_ending)
        rec_stop(part->rec, end_us, on_done, part);
    part->is_ending = true;
}

/* --- [enc] [aac] ------------------------------------------------------------------------------ */

/* The part that follows has its first key frame: it takes over. */
static void follow_locked(struct mcu_recording *r, int64_t at_us)
{
    if (r->writing)
        end_part_locked(r->writing, at_us);
    r->writing = r->next;
    r->writing->begun_us = at_us;
    r->next = NULL;
}

/* Players seek to key frames, and live encoders make them only when asked. */
static bool wants_key(struct mcu_recording *r, const struct mcu_packet *packet)
{
    if (packet->is_key)
        r->keyed_us = packet->pts_us;
    return r->writing && packet->pts_us - r->keyed_us >= KEY_EVERY_US;
}

static int push_video_locked(struct mcu_recording *r, struct mcu_packet *packet)
{
    int err = 0;
    const struct mcu_part *begun = NULL;
    if (r->next && packet->is_key && packet->pts_us >= r->next_from_us) {
        err = rec_push_video(r->next->rec, packet);
        if (!err) {
            follow_locked(r, packet->pts_us);
            begun = r->writing;
        }
    }
    for (size_t i = 0; i < MCU_PARTS_MAX; i++) {
        const struct mcu_part *part = &r->parts[i];
        if (!part->rec || part == r->next || part == begun)
            continue;
        const int e = rec_push_video(part->rec, packet);
        if (part == r->writing && !err)
            err = e;
    }
    return !err && wants_key(r, packet) ? -ENOBUFS : err; /* so it is asked for */
}

static int push_video(void *ctx, struct mcu_packet *packet)
{
    struct mcu_recording *r = ctx;
    pthread_mutex_lock(&r->lock);
    const int err = push_video_locked(r, packet);
    pthread_mutex_unlock(&r->lock);
    return err;
}

static int push_audio(void *ctx, struct mcu_packet *packet)
{
    struct mcu_recording *r = ctx;
    pthread_mutex_lock(&r->lock);
    if (!r->width && r->next && packet->pts_us >= r->next_from_us)
        follow_locked(r, packet->pts_us); /* sound needs no key frame */
    for (size_t i = 0; i < MCU_PARTS_MAX; i++) {
        if (r->parts[i].rec)
            rec_push_audio(r->parts[i].rec, packet);
    }
    pthread_mutex_unlock(&r->lock);
    return 0;
}

/* --- [ctl]: beginning ------------------------------------------------------------------------- */

static int open_part(struct mcu_recording *r, const char *path, int64_t start_us, struct rec **out)
{
    const struct mcu_studio *s = r->studio;
    size_t config_size = 0;
    const uint8_t *config = rec_aac_config(s->aac, &config_size);
    const bool follows = r->last_part > 0;
    const struct rec_conf conf = {
        .path = path,
        .width = r->width,
        .height = r->height,
        .fps = r->fps,
        .channels = s->conf.mix.channels,
        .audio_config = config,
        .audio_config_size = config_size,
        .fragment_ms = s->conf.fragment_ms,
        .is_ogg = r->is_ogg,
        .title = r->title[0] ? r->title : NULL,
        .start_us = start_us,
        .is_reordered = r->is_reordered,
        .starts_at_key = follows && r->width > 0,
        .opens_later = follows,
        .min_free_bytes = r->min_free_bytes,
        .may_block = s->conf.comp.is_offline,
    };
    return rec_start(out, &conf);
}

static void fill(struct mcu_recording *r, struct mcu_studio *s, const struct mcu_record_conf *conf)
{
    const struct comp_stream_conf *video = conf->view ? conf->video : NULL;
    const bool has_picture = !conf->is_sound_only && !conf->is_ogg;
    *r = (struct mcu_recording){
        .studio = s,
        .width = !has_picture ? 0 : video ? video->width : s->conf.view.width,
        .height = !has_picture ? 0 : video ? video->height : s->conf.view.height,
        .fps = video ? video->fps : s->conf.comp.fps,
        .is_reordered = video && video->b_frames > 0,
        .min_free_bytes = conf->min_free_bytes,
        .is_ogg = conf->is_ogg,
    };
    snprintf(r->id, sizeof(r->id), "%s", conf->id);
    snprintf(r->title, sizeof(r->title), "%s", conf->title ? conf->title : "");
    pthread_mutex_init(&r->lock, NULL);
}

static void release(struct mcu_recording *r)
{
    mcu_tap_remove(r->tap);
    for (size_t i = 0; i < MCU_PARTS_MAX; i++)
        rec_destroy(r->parts[i].rec);
    pthread_mutex_destroy(&r->lock);
    *r = (struct mcu_recording){0};
}

static void add_part_locked(struct mcu_recording *r, struct rec *rec, struct mcu_part **out)
{
    struct mcu_part *part = find_free_part(r);
    *part = (struct mcu_part){.recording = r, .rec = rec, .number = ++r->last_part};
    *out = part;
}

int mcu_studio_record(struct mcu_studio *s, const struct mcu_record_conf *conf)
{
    if (!*conf->id || strlen(conf->id) >= MCU_RECORDING_ID_MAX)
        return -EINVAL;
    if (find(s, conf->id))
        return -EEXIST;
    struct mcu_recording *r = find_free(s);
    if (!r)
        return -ENOSPC;
    fill(r, s, conf);
    struct rec *rec = NULL;
    int err = open_part(r, conf->path, conf->start_us, &rec);
    if (err)
        goto fail;
    add_part_locked(r, rec, &r->writing);
    r->writing->begun_us = conf->start_us;
    const struct mcu_tap_conf tap = {.sink = {r, r->width ? push_video : NULL, push_audio},
                                     .start_us = conf->start_us,
                                     .wants_opus = conf->is_ogg,
                                     .view = conf->view,
                                     .video = conf->view ? conf->video : NULL};
    err = mcu_tap_add(s, &r->tap, &tap);
    if (!err)
        return 0;
    unlink(conf->path); /* ours, and still empty */

fail:
    release(r);
    return err;
}

int mcu_studio_record_next(struct mcu_studio *s, const char *id, const char *path, int64_t at_us,
                           uint32_t *part)
{
    struct mcu_recording *r = find(s, id);
    if (!r || r->is_stopping)
        return -ENOENT;
    pthread_mutex_lock(&r->lock);
    const bool is_busy = r->next || !find_free_part(r);
    pthread_mutex_unlock(&r->lock);
    if (is_busy)
        return -EBUSY; /* nobody but this thread sets `next` */
    struct rec *rec = NULL;
    const int err = open_part(r, path, at_us, &rec);
    if (err)
        return err;
    if (r->is_paused)
        rec_pause(rec, at_us);
    pthread_mutex_lock(&r->lock);
    struct mcu_part *next = NULL;
    add_part_locked(r, rec, &next);
    r->next_from_us = r->is_paused ? INT64_MAX : at_us;
    r->next = next;
    pthread_mutex_unlock(&r->lock);
    if (!r->is_paused)
        mcu_tap_request_key(r->tap, at_us);
    *part = next->number;
    return 0;
}

/* --- [ctl]: going on -------------------------------------------------------------------------- */

void mcu_studio_record_set_rate(struct mcu_studio *s, const char *id, uint32_t bitrate_bps,
                                uint32_t fps)
{
    const struct mcu_recording *r = find(s, id);
    if (r)
        mcu_tap_set_rate(r->tap, bitrate_bps, fps);
}

static int mark(struct mcu_studio *s, const char *id, bool is_pause, int64_t at_us)
{
    struct mcu_recording *r = find(s, id);
    if (!r)
        return -ENOENT;
    if (r->is_stopping || r->is_paused == is_pause)
        return -EALREADY;
    int err = 0;
    pthread_mutex_lock(&r->lock);
    struct mcu_part *both[] = {r->writing, r->next};
    for (size_t i = 0; i < 2 && !err; i++) {
        if (both[i])
            err = is_pause ? rec_pause(both[i]->rec, at_us) : rec_resume(both[i]->rec, at_us);
    }
    if (!err)
        r->next_from_us = is_pause ? INT64_MAX : at_us;
    pthread_mutex_unlock(&r->lock);
    if (err)
        return err;
    r->is_paused = is_pause;
    if (!is_pause || r->is_reordered)
        mcu_tap_request_key(r->tap, at_us);
    return 0;
}

int mcu_studio_record_pause(struct mcu_studio *s, const char *id, int64_t at_us)
{
    return mark(s, id, true, at_us);
}

int mcu_studio_record_resume(struct mcu_studio *s, const char *id, int64_t at_us)
{
    return mark(s, id, false, at_us);
}

int mcu_studio_record_status(struct mcu_studio *s, const char *id, struct mcu_record_status *status)
{
    struct mcu_recording *r = find(s, id);
    if (!r)
        return -ENOENT;
    *status = (struct mcu_record_status){0};
    struct rec_status of = {0};
    pthread_mutex_lock(&r->lock);
    if (r->writing) {
        rec_read_status(r->writing->rec, &of);
        status->part = r->writing->number;
        status->part_at_us = r->writing->begun_us;
        status->error = of.error;
        status->bytes = of.bytes;
        status->duration_ms = of.duration_ms;
        status->stuck_us = of.stuck_us;
    }
    if (r->next) {
        rec_read_status(r->next->rec, &of);
        status->next = r->next->number;
        status->next_error = of.error;
    }
    pthread_mutex_unlock(&r->lock);
    return 0;
}

uint32_t mcu_studio_record_last_part(struct mcu_studio *s, const char *id)
{
    const struct mcu_recording *r = find(s, id);
    return r ? r->last_part : 0;
}

static bool has_failed(const struct mcu_part *part)
{
    struct rec_status status = {0};
    if (part)
        rec_read_status(part->rec, &status);
    return status.error != 0;
}

void mcu_studio_record_break(struct mcu_studio *s, const char *id)
{
    struct mcu_recording *r = find(s, id);
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    if (has_failed(r->next)) {
        end_part_locked(r->next, 0);
        r->next = NULL;
    }
    if (has_failed(r->writing)) {
        end_part_locked(r->writing, INT64_MAX);
        r->writing = NULL;
    }
    pthread_mutex_unlock(&r->lock);
}

/* --- [ctl]: ending ---------------------------------------------------------------------------- */

int mcu_studio_record_end_at(struct mcu_studio *s, const char *id, int64_t end_us)
{
    struct mcu_recording *r = find(s, id);
    if (!r)
        return -ENOENT;
    mcu_tap_end_at(r->tap, end_us);
    return 0;
}

int mcu_studio_record_stop(struct mcu_studio *s, const char *id, int64_t end_us)
{
    struct mcu_recording *r = find(s, id);
    if (!r)
        return -ENOENT;
    if (r->is_stopping)
        return -EALREADY;
    r->is_stopping = true;
    pthread_mutex_lock(&r->lock);
    if (r->next)
        end_part_locked(r->next, 0); /* before it began: nothing is in it */
    if (r->writing)
        end_part_locked(r->writing, end_us);
    r->next = NULL;
    r->writing = NULL;
    pthread_mutex_unlock(&r->lock);
    if (r->is_reordered)
        mcu_tap_request_key(r->tap, end_us);
    return 0;
}

static bool has_parts(const struct mcu_recording *r)
{
    for (size_t i = 0; i < MCU_PARTS_MAX; i++) {
        if (r->parts[i].rec)
            return true;
    }
    return false;
}

bool mcu_studio_record_reap(struct mcu_studio *s, const char *id, uint32_t number)
{
    struct mcu_recording *r = find(s, id);
    if (!r)
        return true;
    struct mcu_part *part = find_part(r, number);
    if (part) {
        pthread_mutex_lock(&r->lock);
        struct rec *rec = part->rec;
        *part = (struct mcu_part){0};
        pthread_mutex_unlock(&r->lock);
        rec_destroy(rec);
    }
    if (!r->is_stopping || has_parts(r))
        return false;
    release(r);
    return true;
}

size_t mcu_studio_recording_count(const struct mcu_studio *s)
{
    size_t n = 0;
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++)
        n += s->recordings.slots[i].studio != NULL;
    return n;
}

void mcu_recordings_finish(struct mcu_recordings *recordings)
{
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        struct mcu_recording *r = &recordings->slots[i];
        if (!r->studio)
            continue;
        r->tap = NULL; /* all taps are closed already */
        release(r);
    }
}
