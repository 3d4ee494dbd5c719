/* Taps: see tap.h. A slot is free while its studio is NULL. */
#include "mcu/tap.h"

#include <errno.h>
#include <stdlib.h>

#include "mcu/studio_internal.h"

struct mcu_tap {
    struct mcu_studio *studio; /* NULL: the slot is free */
    struct mcu_tap_sink sink;
    struct comp_stream *own; /* NULL: the room's, or none */
    int64_t start_us, end_us;
    bool wants_opus;
    bool needs_key; /* it cannot use pictures until one comes */
    int64_t key_every_us;
    int64_t keyed_us; /* the last key frame */
};

int mcu_taps_init(struct mcu_taps *t)
{
    pthread_mutex_init(&t->lock, NULL);
    t->slots = calloc(MCU_TAPS_MAX, sizeof(*t->slots));
    return t->slots ? 0 : -ENOMEM;
}

void mcu_taps_close(struct mcu_taps *t)
{
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; t->slots && i < MCU_TAPS_MAX; i++)
        t->slots[i] = (struct mcu_tap){0};
    pthread_mutex_unlock(&t->lock);
}

void mcu_taps_finish(struct mcu_taps *t)
{
    free(t->slots);
    t->slots = NULL;
    pthread_mutex_destroy(&t->lock);
}

bool mcu_taps_own(const struct mcu_taps *t, const void *stream_ctx)
{
    for (size_t i = 0; i < MCU_TAPS_MAX; i++) {
        if (stream_ctx == &t->slots[i])
            return true;
    }
    return false;
}

bool mcu_taps_share(const struct mcu_taps *t)
{
    for (size_t i = 0; i < MCU_TAPS_MAX; i++) {
        const struct mcu_tap *tap = &t->slots[i];
        if (tap->studio && tap->sink.push_video && !tap->own)
            return true;
    }
    return false;
}

/* --- [enc] [aac] ------------------------------------------------------------------------------ */

static void request_key(const struct mcu_tap *tap, bool is_urgent)
{
    if (tap->own)
        comp_stream_request_key(tap->own, is_urgent);
    else
        mcu_studio_request_key(tap->studio, is_urgent);
}

/* What is asked for now is the next frame. */
static bool is_key_due(const struct mcu_tap *tap, const struct mcu_packet *packet)
{
    const int64_t next_us = packet->pts_us + packet->duration_us + packet->duration_us / 2;
    return tap->key_every_us && next_us - tap->keyed_us >= tap->key_every_us;
}

/* It starts at a key frame, and goes on at one after its queue was full. Live encoders make them
 * only when asked, and the one asked for at the start may be of a late tick, due before it. */
static void push_video(struct mcu_tap *tap, struct mcu_packet *packet)
{
    if (packet->is_key && packet->pts_us >= tap->start_us)
        tap->needs_key = false;
    const int err = tap->sink.push_video(tap->sink.ctx, packet);
    if (err)
        tap->needs_key = err == -ENOBUFS; /* else it has failed, and needs nothing more */
    const bool came_early = packet->is_key && packet->pts_us < tap->start_us;
    if (packet->is_key)
        tap->keyed_us = packet->pts_us;
    if (tap->needs_key || is_key_due(tap, packet))
        request_key(tap, came_early && tap->needs_key);
}

static bool takes(const struct mcu_tap *tap, const struct mcu_packet *packet)
{
    return tap->studio && packet->pts_us < tap->end_us;
}

void mcu_taps_push_video(struct mcu_taps *t, const void *stream_ctx, struct mcu_packet *packet)
{
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < MCU_TAPS_MAX; i++) {
        struct mcu_tap *tap = &t->slots[i];
        if (takes(tap, packet) && tap->sink.push_video && stream_ctx == (tap->own ? tap : NULL))
            push_video(tap, packet);
    }
    pthread_mutex_unlock(&t->lock);
}

void mcu_taps_push_audio(struct mcu_taps *t, struct mcu_packet *packet)
{
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < MCU_TAPS_MAX; i++) {
        const struct mcu_tap *tap = &t->slots[i];
        const bool is_its = tap->wants_opus == (packet->codec == MCU_CODEC_OPUS);
        if (takes(tap, packet) && is_its && tap->sink.push_audio)
            tap->sink.push_audio(tap->sink.ctx, packet);
    }
    pthread_mutex_unlock(&t->lock);
}

/* --- [ctl] ------------------------------------------------------------------------------------ */

static struct mcu_tap *find_free(struct mcu_taps *t)
{
    for (size_t i = 0; i < MCU_TAPS_MAX; i++) {
        if (!t->slots[i].studio)
            return &t->slots[i];
    }
    return NULL;
}

/* *own stays NULL for the room's encoder, and for sound alone. */
static int open_video(struct mcu_studio *s, struct mcu_tap *tap, const struct mcu_tap_conf *conf,
                      struct comp_stream **own)
{
    if (!conf->sink.push_video)
        return 0;
    if (!conf->view)
        return mcu_studio_watch(s);
    struct comp_stream_conf video = *conf->video;
    video.codec = MCU_CODEC_H264;
    video.stream_ctx = tap;
    return comp_stream_create(conf->view, own, &video);
}

int mcu_tap_add(struct mcu_studio *s, struct mcu_tap **out, const struct mcu_tap_conf *conf)
{
    struct mcu_taps *t = &s->taps;
    struct mcu_tap *tap = find_free(t);
    if (!tap)
        return -ENOSPC;
    struct comp_stream *own = NULL;
    const int err = open_video(s, tap, conf, &own);
    if (err)
        return err;
    mix_want_pcm(s->mix, true);
    if (conf->wants_opus)
        rec_aac_want_opus(s->aac, true);
    pthread_mutex_lock(&t->lock);
    *tap = (struct mcu_tap){
        .studio = s,
        .sink = conf->sink,
        .own = own,
        .start_us = conf->start_us,
        .end_us = INT64_MAX,
        .wants_opus = conf->wants_opus,
        .needs_key = conf->sink.push_video != NULL,
        .key_every_us = conf->key_every_us,
    };
    pthread_mutex_unlock(&t->lock);
    if (conf->sink.push_video)
        request_key(tap, true);
    *out = tap;
    return 0;
}

void mcu_tap_remove(struct mcu_tap *tap)
{
    if (!tap)
        return;
    struct mcu_studio *s = tap->studio;
    pthread_mutex_lock(&s->taps.lock);
    const struct mcu_tap was = *tap;
    *tap = (struct mcu_tap){0};
    pthread_mutex_unlock(&s->taps.lock);
    mix_want_pcm(s->mix, false);
    if (was.wants_opus)
        rec_aac_want_opus(s->aac, false);
    if (was.own)
        comp_stream_destroy(was.own);
    else if (was.sink.push_video)
        mcu_studio_unwatch(s);
}

void mcu_tap_end_at(struct mcu_tap *tap, int64_t end_us)
{
    pthread_mutex_lock(&tap->studio->taps.lock);
    tap->end_us = end_us;
    pthread_mutex_unlock(&tap->studio->taps.lock);
}

void mcu_tap_request_key(struct mcu_tap *tap, int64_t from_us)
{
    if (!tap->sink.push_video)
        return;
    pthread_mutex_lock(&tap->studio->taps.lock);
    tap->start_us = from_us;
    tap->needs_key = true;
    pthread_mutex_unlock(&tap->studio->taps.lock);
    request_key(tap, true);
}

void mcu_tap_set_rate(struct mcu_tap *tap, uint32_t bitrate_bps, uint32_t fps)
{
    if (tap->own)
        comp_stream_set_rate(tap->own, bitrate_bps, fps);
}
