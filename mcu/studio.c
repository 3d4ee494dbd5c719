/* The studio: makes the parts, forwards what they call, and lets [ctl] know that a tick is over.
 *
 * on_assign() comes on [tick-a] with a pointer to the seat's owner. [ctl] may free that only when
 * no tick still holds it: the audio tick counts its phases (odd while it runs) and wait_for_tick()
 * waits for the phase to move. A tick lasts a few milliseconds; it never waits for [ctl]. */
#include "mcu/studio.h"

#include <errno.h>
#include <stdlib.h>

#include "mcu/base/clock.h"
#include "mcu/studio_internal.h"

static void on_mix_packet(void *ctx, uint32_t output, struct mcu_packet *packet)
{
    struct mcu_studio *s = ctx;
    if (s->sink.on_audio)
        s->sink.on_audio(s->sink.ctx, output, packet);
}

static void on_mix_assign(void *ctx, void *listener_ctx, int32_t output)
{
    struct mcu_studio *s = ctx;
    s->sink.on_assign(s->sink.ctx, listener_ctx, output);
}

static void on_mix_pcm(void *ctx, const float *pcm, size_t frames, int64_t pts_us)
{
    struct mcu_studio *s = ctx;
    if (pts_us < 0) /* offline, before time begins: only to fill what the mix holds back */
        return;
    if (s->sink.on_pcm)
        s->sink.on_pcm(s->sink.ctx, pcm, frames, pts_us);
    rec_aac_push(s->aac, pcm, frames, pts_us);
}

static void on_mix_sound_end(void *ctx, void *sound_ctx)
{
    struct mcu_studio *s = ctx;
    if (s->sink.on_sound_end)
        s->sink.on_sound_end(s->sink.ctx, sound_ctx);
}

static void on_comp_packet(void *ctx, void *stream_ctx, struct mcu_packet *packet)
{
    struct mcu_studio *s = ctx;
    const bool is_taps = mcu_taps_own(&s->taps, stream_ctx);
    if (s->sink.on_video && !is_taps)
        s->sink.on_video(s->sink.ctx, stream_ctx, packet);
    if (!stream_ctx || is_taps)
        mcu_taps_push_video(&s->taps, stream_ctx, packet);
}

static void on_comp_need_key(void *ctx, void *source_ctx)
{
    struct mcu_studio *s = ctx;
    if (s->sink.on_need_key)
        s->sink.on_need_key(s->sink.ctx, mcu_source_seat(source_ctx),
                            mcu_source_picture(source_ctx));
}

static void on_aac_packet(void *ctx, struct mcu_packet *packet)
{
    struct mcu_studio *s = ctx;
    mcu_taps_push_audio(&s->taps, packet);
}

static int create_parts(struct mcu_studio *s)
{
    const struct mix_sink mix_sink = {
        .ctx = s,
        .on_packet = on_mix_packet,
        .on_assign = on_mix_assign,
        .on_pcm = on_mix_pcm,
        .on_sound_end = on_mix_sound_end,
    };
    int err = mix_create(&s->mix, &s->conf.mix, &mix_sink);
    if (err)
        return err;
    const struct comp_sink comp_sink = {
        .ctx = s,
        .on_packet = on_comp_packet,
        .on_need_key = on_comp_need_key,
    };
    err = comp_create(&s->comp, &s->conf.comp, &comp_sink);
    if (err)
        return err;
    struct comp_view_conf view_conf = s->conf.view;
    view_conf.layout = s->conf.layout;
    err = comp_view_create(s->comp, &s->view, &view_conf);
    if (err)
        return err;
    const struct rec_aac_conf aac_conf = {
        .channels = s->conf.mix.channels,
        .bitrate_bps = s->conf.aac_bitrate_bps,
        .is_inline = s->conf.comp.is_offline,
        .ctx = s,
        .on_packet = on_aac_packet,
    };
    return rec_aac_create(&s->aac, &aac_conf);
}

int mcu_studio_create(struct mcu_studio **out, const struct mcu_studio_conf *conf,
                      const struct mcu_studio_sink *sink)
{
    struct mcu_studio *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->conf = *conf;
    s->sink = *sink;
    pthread_mutex_init(&s->stream_lock, NULL);
    int err = mcu_taps_init(&s->taps);
    if (!err)
        err = create_parts(s);
    if (err) {
        mcu_studio_destroy(s);
        return err;
    }
    if (s->sink.on_pcm)
        mix_want_pcm(s->mix, true);
    *out = s;
    return 0;
}

void mcu_studio_destroy(struct mcu_studio *s)
{
    if (!s)
        return;
    mcu_taps_close(&s->taps);
    mcu_recordings_finish(&s->recordings);
    for (size_t i = 0; i < MIX_INPUTS_MAX; i++)
        mcu_seat_remove(s->seats[i]);
    comp_destroy(s->comp);
    mix_destroy(s->mix);
    rec_aac_destroy(s->aac);
    mcu_taps_finish(&s->taps);
    pthread_mutex_destroy(&s->stream_lock);
    free(s);
}

void mcu_studio_tick_audio(struct mcu_studio *s, int64_t now_us)
{
    atomic_fetch_add(&s->audio_phase, 1);
    mix_tick(s->mix, now_us);
    atomic_fetch_add(&s->audio_phase, 1);
}

void mcu_studio_tick_video(struct mcu_studio *s, int64_t now_us)
{
    comp_tick(s->comp, now_us);
}

void mcu_studio_wait_for_tick(struct mcu_studio *s)
{
    const unsigned phase = atomic_load(&s->audio_phase);
    if (phase % 2 == 0)
        return;
    while (atomic_load(&s->audio_phase) == phase)
        mcu_sleep_until_us(mcu_now_us() + MCU_US_PER_MS / 2);
}

bool mcu_studio_is_tapped(const struct mcu_studio *s)
{
    return mcu_taps_share(&s->taps);
}

struct comp *mcu_studio_comp(struct mcu_studio *s)
{
    return s->comp;
}

struct comp_view *mcu_studio_view(struct mcu_studio *s)
{
    return s->view;
}

uint32_t mcu_tile_seat_id(const struct comp_tile *tile)
{
    return mcu_source_seat(tile->source_ctx);
}

/* Returns what was there before. */
static struct comp_stream *set_stream(struct mcu_studio *s, struct comp_stream *stream)
{
    pthread_mutex_lock(&s->stream_lock);
    struct comp_stream *old = s->stream;
    s->stream = stream;
    pthread_mutex_unlock(&s->stream_lock);
    return old;
}

static int open_stream(struct mcu_studio *s)
{
    struct comp_stream_conf conf = s->conf.video;
    conf.codec = MCU_CODEC_H264;
    conf.stream_ctx = NULL;
    struct comp_stream *stream = NULL;
    const int err = comp_stream_create(s->view, &stream, &conf);
    if (!err)
        set_stream(s, stream);
    return err;
}

int mcu_studio_watch(struct mcu_studio *s)
{
    const int err = s->stream_users == 0 ? open_stream(s) : 0;
    s->stream_users += err == 0;
    return err;
}

void mcu_studio_unwatch(struct mcu_studio *s)
{
    if (s->stream_users > 0 && --s->stream_users == 0)
        comp_stream_destroy(set_stream(s, NULL));
}

void mcu_studio_request_key(struct mcu_studio *s, bool is_urgent)
{
    pthread_mutex_lock(&s->stream_lock);
    if (s->stream)
        comp_stream_request_key(s->stream, is_urgent);
    pthread_mutex_unlock(&s->stream_lock);
}

void mcu_studio_set_rate(struct mcu_studio *s, uint32_t bitrate_bps, uint32_t fps)
{
    pthread_mutex_lock(&s->stream_lock);
    if (s->stream)
        comp_stream_set_rate(s->stream, bitrate_bps, fps);
    pthread_mutex_unlock(&s->stream_lock);
}

void mcu_studio_stop_sound(struct mcu_studio *s, struct mix_sound *sound)
{
    mix_sound_stop(s->mix, sound);
}

void mcu_studio_flush(struct mcu_studio *s)
{
    comp_flush(s->comp);
    rec_aac_flush(s->aac);
}

void mcu_studio_read_stats(const struct mcu_studio *s, struct mix_stats *mix,
                           struct comp_stats *comp)
{
    mix_read_stats(s->mix, mix);
    comp_read_stats(s->comp, comp);
}
