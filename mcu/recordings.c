/* The recordings of a studio. They share the room's H264 encoder and its one AAC encode; a
 * recording holds both for as long as its writer runs. One of another view has an encoder of its
 * own in place of the room's. */
#include "mcu/studio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mcu/studio_internal.h"

void mcu_recordings_init(struct mcu_recordings *r)
{
    pthread_mutex_init(&r->lock, NULL);
}

static struct mcu_recording *find(struct mcu_recordings *r, const char *id)
{
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        struct mcu_recording *slot = &r->slots[i];
        if (slot->rec && strcmp(slot->id, id) == 0)
            return slot;
    }
    return NULL;
}

static struct mcu_recording *find_free(struct mcu_recordings *r)
{
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        if (!r->slots[i].rec)
            return &r->slots[i];
    }
    return NULL;
}

/* A recording starts at a key frame, and goes on at one after its queue was full. Live encoders
 * make them only when asked, and the one asked for at the start may be of a late tick, due before
 * it. */
static void push_video(struct mcu_recording *slot, struct mcu_packet *packet)
{
    if (packet->is_key && packet->pts_us >= slot->start_us)
        slot->needs_key = false;
    const int err = rec_push_video(slot->rec, packet);
    if (err)
        slot->needs_key = err == -ENOBUFS; /* else it has failed, and needs nothing more */
    if (!slot->needs_key)
        return;
    if (slot->own)
        comp_stream_request_key(slot->own, false);
    else
        mcu_studio_request_key(slot->studio, false);
}

static bool takes(const struct mcu_recording *slot, const struct mcu_packet *packet)
{
    return slot->rec && packet->pts_us < slot->end_us;
}

void mcu_recordings_push_video(struct mcu_recordings *r, const void *stream_ctx,
                               struct mcu_packet *packet)
{
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        struct mcu_recording *slot = &r->slots[i];
        if (takes(slot, packet) && stream_ctx == (slot->own ? slot : NULL))
            push_video(slot, packet);
    }
    pthread_mutex_unlock(&r->lock);
}

void mcu_recordings_push_audio(struct mcu_recordings *r, struct mcu_packet *packet)
{
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        if (takes(&r->slots[i], packet))
            rec_push_audio(r->slots[i].rec, packet);
    }
    pthread_mutex_unlock(&r->lock);
}

bool mcu_recordings_own(const struct mcu_recordings *r, const void *stream_ctx)
{
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        if (stream_ctx == &r->slots[i])
            return true;
    }
    return false;
}

/* video: NULL for the room's. */
static int open_writer(struct mcu_studio *s, const char *path, int64_t start_us,
                       const struct comp_stream_conf *video, struct rec **out)
{
    size_t config_size = 0;
    const uint8_t *config = rec_aac_config(s->aac, &config_size);
    const struct rec_conf conf = {
        .path = path,
        .width = video ? video->width : s->conf.view.width,
        .height = video ? video->height : s->conf.view.height,
        .fps = video ? video->fps : s->conf.comp.fps,
        .channels = s->conf.mix.channels,
        .audio_config = config,
        .audio_config_size = config_size,
        .fragment_ms = s->conf.fragment_ms,
        .start_us = start_us,
        .may_block = s->conf.comp.is_offline,
    };
    return rec_start(out, &conf);
}

/* *own stays NULL for the room's encoder. */
static int open_video(struct mcu_recording *slot, struct mcu_studio *s, struct comp_view *view,
                      const struct comp_stream_conf *video, struct comp_stream **own)
{
    if (!view)
        return mcu_studio_watch(s);
    struct comp_stream_conf conf = *video;
    conf.codec = MCU_CODEC_H264;
    conf.stream_ctx = slot;
    return comp_stream_create(view, own, &conf);
}

static int start(struct mcu_studio *s, const char *id, const char *path, int64_t start_us,
                 struct comp_view *view, const struct comp_stream_conf *video)
{
    struct mcu_recordings *r = &s->recordings;
    if (!*id || strlen(id) >= MCU_RECORDING_ID_MAX)
        return -EINVAL;
    if (find(r, id))
        return -EEXIST;
    struct mcu_recording *slot = find_free(r);
    if (!slot)
        return -ENOSPC;

    struct rec *rec = NULL;
    struct comp_stream *own = NULL;
    int err = open_writer(s, path, start_us, video, &rec);
    if (err)
        return err;
    err = open_video(slot, s, view, video, &own);
    if (err) {
        rec_destroy(rec);
        return err;
    }
    mix_want_pcm(s->mix, true);

    pthread_mutex_lock(&r->lock);
    snprintf(slot->id, sizeof(slot->id), "%s", id);
    slot->studio = s;
    slot->is_stopping = false;
    slot->start_us = start_us;
    slot->end_us = INT64_MAX;
    slot->needs_key = true;
    slot->own = own;
    slot->rec = rec;
    pthread_mutex_unlock(&r->lock);
    if (own)
        comp_stream_request_key(own, true);
    else
        mcu_studio_request_key(s, true);
    return 0;
}

int mcu_studio_record_start(struct mcu_studio *s, const char *id, const char *path,
                            int64_t start_us)
{
    return start(s, id, path, start_us, NULL, NULL);
}

int mcu_studio_record_view(struct mcu_studio *s, const char *id, const char *path, int64_t start_us,
                           struct comp_view *view, const struct comp_stream_conf *video)
{
    return start(s, id, path, start_us, view, video);
}

void mcu_studio_record_set_rate(struct mcu_studio *s, const char *id, uint32_t bitrate_bps,
                                uint32_t fps)
{
    const struct mcu_recording *slot = find(&s->recordings, id);
    if (slot && slot->own)
        comp_stream_set_rate(slot->own, bitrate_bps, fps);
}

static void on_done(void *ctx, const struct rec_result *result)
{
    struct mcu_recording *slot = ctx;
    const struct mcu_studio_sink *sink = &slot->studio->sink;
    if (sink->on_recording)
        sink->on_recording(sink->ctx, slot->id, result);
}

int mcu_studio_record_end_at(struct mcu_studio *s, const char *id, int64_t end_us)
{
    struct mcu_recording *slot = find(&s->recordings, id);
    if (!slot)
        return -ENOENT;
    pthread_mutex_lock(&s->recordings.lock);
    slot->end_us = end_us;
    pthread_mutex_unlock(&s->recordings.lock);
    return 0;
}

int mcu_studio_record_stop(struct mcu_studio *s, const char *id, int64_t end_us)
{
    struct mcu_recording *slot = find(&s->recordings, id);
    if (!slot)
        return -ENOENT;
    if (slot->is_stopping)
        return -EALREADY;
    slot->is_stopping = true;
    rec_stop(slot->rec, end_us, on_done, slot);
    return 0;
}

void mcu_studio_record_reap(struct mcu_studio *s, const char *id)
{
    struct mcu_recordings *r = &s->recordings;
    struct mcu_recording *slot = find(r, id);
    if (!slot)
        return;
    pthread_mutex_lock(&r->lock);
    struct rec *rec = slot->rec;
    struct comp_stream *own = slot->own;
    slot->rec = NULL;
    slot->own = NULL;
    pthread_mutex_unlock(&r->lock);
    rec_destroy(rec);
    mix_want_pcm(s->mix, false);
    if (own)
        comp_stream_destroy(own);
    else
        mcu_studio_unwatch(s);
}

size_t mcu_studio_recording_count(const struct mcu_studio *s)
{
    size_t n = 0;
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++)
        n += s->recordings.slots[i].rec != NULL;
    return n;
}

bool mcu_studio_is_recorded(const struct mcu_studio *s)
{
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        if (s->recordings.slots[i].rec && !s->recordings.slots[i].own)
            return true;
    }
    return false;
}

/* Streams end with their views, which may be gone already. */
void mcu_recordings_finish(struct mcu_recordings *r)
{
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        pthread_mutex_lock(&r->lock);
        struct rec *rec = r->slots[i].rec;
        r->slots[i].rec = NULL;
        r->slots[i].own = NULL;
        pthread_mutex_unlock(&r->lock);
        rec_destroy(rec);
    }
}
