/* The recordings of a studio: each has a writer and a tap (mcu/tap.h) that feeds it for as long as
 * the writer runs. [ctl]; on_done() comes on [rec]. */
#include "mcu/studio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mcu/studio_internal.h"

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

static int push_video(void *ctx, struct mcu_packet *packet)
{
    return rec_push_video(ctx, packet);
}

static int push_audio(void *ctx, struct mcu_packet *packet)
{
    return rec_push_audio(ctx, packet);
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
    int err = open_writer(s, path, start_us, video, &rec);
    if (err)
        return err;
    const struct mcu_tap_conf tap = {
        .sink = {rec, push_video, push_audio}, .start_us = start_us, .view = view, .video = video};
    err = mcu_tap_add(s, &slot->tap, &tap);
    if (err) {
        rec_destroy(rec);
        return err;
    }
    snprintf(slot->id, sizeof(slot->id), "%s", id);
    slot->studio = s;
    slot->is_stopping = false;
    slot->rec = rec;
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
    if (slot)
        mcu_tap_set_rate(slot->tap, bitrate_bps, fps);
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
    mcu_tap_end_at(slot->tap, end_us);
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
    struct mcu_recording *slot = find(&s->recordings, id);
    if (!slot)
        return;
    mcu_tap_remove(slot->tap);
    rec_destroy(slot->rec);
    slot->tap = NULL;
    slot->rec = NULL;
}

size_t mcu_studio_recording_count(const struct mcu_studio *s)
{
    size_t n = 0;
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++)
        n += s->recordings.slots[i].rec != NULL;
    return n;
}

void mcu_recordings_finish(struct mcu_recordings *r)
{
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        rec_destroy(r->slots[i].rec);
        r->slots[i].rec = NULL;
    }
}
