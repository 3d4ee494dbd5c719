/* The offline room: one loop that runs whichever tick comes first on the virtual clock.
 *
 *   audio ticks   |....|....|....|....|     every 20 ms
 *   video ticks   |......|......|......     every 1/fps
 *   inputs        pushed LOOKAHEAD ahead of the next tick */
#include "mcu/offline.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/audio_conf.h"
#include "mcu/base/clock.h"
#include "mcu/offline_input.h"

/* Decoders with B-frames need some pictures beyond the one that is due. */
#define LOOKAHEAD_US (500 * MCU_US_PER_MS)
#define PROGRESS_US  (100 * MCU_US_PER_MS)

static const char recording_id[] = "mix";

struct offline {
    const struct mcu_offline_conf *conf;
    struct mcu_config config;
    struct mcu_offline_result *result;
    struct mcu_studio *studio;
    struct offline_input *inputs;
    int64_t real_start_us;

    pthread_mutex_t lock; /* protects is_written and result->file until then */
    pthread_cond_t written;
    bool is_written;
};

static void on_problem(struct offline_input *in, const char *what, bool is_failure)
{
    struct offline *o = in->ctx;
    if (is_failure)
        o->result->problems++;
    if (o->conf->on_problem)
        o->conf->on_problem(o->conf->ctx, in->path, what);
}

static void on_pcm(void *ctx, const float *pcm, size_t frames, int64_t pts_us)
{
    struct offline *o = ctx;
    o->conf->on_pcm(o->conf->ctx, pcm, frames, pts_us);
}

static void on_recording(void *ctx, const char *id, uint32_t part,
                         const struct rec_result *result)
{
    struct offline *o = ctx;
    (void)id, (void)part;
    pthread_mutex_lock(&o->lock);
    o->result->file = *result;
    o->is_written = true;
    pthread_cond_signal(&o->written);
    pthread_mutex_unlock(&o->lock);
}

static bool has_labels(const struct mcu_offline_conf *c)
{
    for (size_t i = 0; i < c->input_count; i++) {
        if (c->inputs[i].label)
            return true;
    }
    return false;
}

static int open_studio(struct offline *o)
{
    const struct mcu_offline_conf *c = o->conf;
    struct mcu_studio_conf conf = {
        .comp = {.fps = c->fps, .is_offline = true},
        .view = {.width = c->width,
                 .height = c->height,
                 .background = 0x101418,
                 .has_labels = has_labels(c)},
        .video = {.bitrate_bps = c->video_bitrate_bps,
                  .speed = -8,
                  .threads = c->encoder_threads,
                  .key_every_us = 500000},
        .layout = c->layout,
        .aac_bitrate_bps = c->audio_bitrate_bps,
        .fragment_ms = 500,
    };
    /* Nothing is late in a file: no jitter buffer. */
    mcu_audio_mix_conf(&conf.mix, &o->config);
    conf.mix.min_delay_us = conf.mix.max_delay_us = 0;
    snprintf(conf.video.preset, sizeof(conf.video.preset), "%s", c->preset);
    const struct mcu_studio_sink sink = {
        .ctx = o,
        .on_pcm = c->on_pcm ? on_pcm : NULL,
        .on_recording = on_recording,
    };
    return mcu_studio_create(&o->studio, &conf, &sink);
}

static int open_inputs(struct offline *o)
{
    size_t usable = 0;
    for (size_t i = 0; i < o->conf->input_count; i++) {
        struct offline_input *in = &o->inputs[i];
        in->path = o->conf->inputs[i].path;
        in->label = o->conf->inputs[i].label;
        in->start_us = o->conf->inputs[i].start_us;
        mcu_audio_treatment(&in->treatment, &o->config);
        in->on_problem = on_problem;
        in->ctx = o;
        in->result = &o->result->inputs[i];
        offline_input_open(in);
        usable += in->source != NULL;
    }
    return usable ? 0 : -ENODATA;
}

static int64_t expected_end_us(const struct offline *o)
{
    int64_t end_us = 0;
    for (size_t i = 0; i < o->conf->input_count; i++) {
        const struct offline_input *in = &o->inputs[i];
        if (!in->source)
            continue;
        const int64_t duration_us = rec_source_info(in->source)->duration_us;
        if (!duration_us && !in->has_left)
            return 0;
        if (in->start_us + duration_us > end_us)
            end_us = in->start_us + duration_us;
    }
    return end_us;
}

/* Feeds all inputs. Returns when the mix ends, as far as is known: INT64_MAX while a file is still
 * being read. Files are read ahead, so the end is known before it comes. */
static int64_t feed(struct offline *o, int64_t now_us)
{
    int64_t end_us = 0;
    for (size_t i = 0; i < o->conf->input_count; i++) {
        struct offline_input *in = &o->inputs[i];
        offline_input_feed(in, o->studio, now_us + LOOKAHEAD_US);
        offline_input_leave_when_over(in, now_us);
        if (!in->is_read || in->audio.count || in->video.count)
            end_us = INT64_MAX;
        else if (in->end_us > end_us)
            end_us = in->end_us;
    }
    return end_us;
}

static void report_progress(struct offline *o, int64_t now_us)
{
    if (o->conf->on_progress && now_us >= 0 && now_us % PROGRESS_US == 0)
        o->conf->on_progress(o->conf->ctx, now_us, expected_end_us(o));
}

static int64_t run_ticks(struct offline *o)
{
    int64_t video_us = 0;
    uint64_t video_ticks = 0;
    int64_t audio_us = -MIX_TICK_US; /* what the mix holds back has come by the time that it is 0 */
    int64_t end_us = 0;
    for (; audio_us < (end_us = feed(o, audio_us)); audio_us += MIX_TICK_US) {
        mcu_studio_record_end_at(o->studio, recording_id, end_us);
        if (o->conf->is_realtime)
            mcu_sleep_until_us(o->real_start_us + audio_us);
        mcu_studio_tick_audio(o->studio, audio_us);
        while (video_us < audio_us + MIX_TICK_US && video_us < end_us) {
            mcu_studio_tick_video(o->studio, video_us);
            video_us = (int64_t)(++video_ticks * MCU_US_PER_S / o->conf->fps);
        }
        report_progress(o, audio_us);
    }
    return end_us;
}

static void finish_file(struct offline *o, int64_t stop_us)
{
    mcu_studio_flush(o->studio);
    mcu_studio_record_stop(o->studio, recording_id, stop_us);
    pthread_mutex_lock(&o->lock);
    while (!o->is_written)
        pthread_cond_wait(&o->written, &o->lock);
    pthread_mutex_unlock(&o->lock);
    mcu_studio_read_stats(o->studio, &o->result->mix, &o->result->comp);
    mcu_studio_record_reap(o->studio, recording_id, 1);
}

static int run(struct offline *o)
{
    int err = open_inputs(o);
    if (!err)
        err = open_studio(o);
    const struct mcu_record_conf file = {.id = recording_id, .path = o->conf->out};
    if (!err)
        err = mcu_studio_record(o->studio, &file);
    if (err)
        return err;
    o->real_start_us = mcu_now_us();
    finish_file(o, run_ticks(o));
    return o->result->file.error;
}

int mcu_offline_run(const struct mcu_offline_conf *conf, struct mcu_offline_result *result)
{
    if (!conf->input_count || conf->input_count > MCU_OFFLINE_INPUTS_MAX)
        return -EINVAL;
    memset(result, 0, sizeof(*result));
    struct offline o = {.conf = conf, .result = result};
    if (conf->config)
        o.config = *conf->config;
    else
        mcu_config_init(&o.config);
    o.inputs = calloc(conf->input_count, sizeof(*o.inputs));
    if (!o.inputs)
        return -ENOMEM;
    pthread_mutex_init(&o.lock, NULL);
    pthread_cond_init(&o.written, NULL);
    const int err = run(&o);
    for (size_t i = 0; i < conf->input_count; i++)
        offline_input_close(&o.inputs[i]);
    mcu_studio_destroy(o.studio);
    pthread_cond_destroy(&o.written);
    pthread_mutex_destroy(&o.lock);
    free(o.inputs);
    return err;
}
