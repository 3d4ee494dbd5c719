/* The AAC encode. PCM goes through a ring of preallocated slots, one writer and one reader, so that
 * the tick never waits, locks or allocates; a semaphore wakes the encoder.
 *
 *     push -> slots -> place on the time line (silence into gaps) -> frame of 1024 -> encoder
 *
 * Time is counted in samples from the first push: nothing is summed in microseconds. */
#include "recorder/aac.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/base/thread.h"
#include "recorder/averr.h"
#include "recorder/opus.h"

enum {
    RATE_HZ = 48000,
    FRAME_SAMPLES = 1024,
    SLOT_SAMPLES = 960,          /* one tick */
    SLOTS = 128,                 /* 2.5 s */
    SNAP_SAMPLES = 2,            /* pts in microseconds are rounded; that is no gap */
    SILENCE_MAX = 60 * RATE_HZ,  /* a longer gap is jumped over, not filled */
};

struct slot {
    int64_t pts_us;
    size_t samples; /* per channel */
    float pcm[SLOT_SAMPLES * 2];
};

struct rec_aac {
    struct rec_aac_conf conf;
    pthread_t thread;
    bool has_thread;
    sem_t filled;
    atomic_bool is_ending;
    bool has_ended; /* [ctl], inline: [any] */

    struct slot *slots;    /* SLOTS of them */
    atomic_size_t written; /* [tick] slots ever filled */
    atomic_size_t taken;   /* [aac] slots ever emptied */
    atomic_uint_fast64_t dropped;
    atomic_uint opus_wanted; /* by so many */

    /* [aac] */
    AVCodecContext *codec;
    AVFrame *frame;
    AVPacket *packet;
    bool has_base;
    int64_t base_us;  /* room clock of sample 0 */
    int64_t position; /* samples placed so far, those in `frame` included */
    int fill;         /* samples in `frame` */
    bool has_failed;
    struct rec_opus *opus; /* NULL: nobody wants it */
    bool has_no_opus;      /* it could not be had */
};

/* --- the encoder, [aac] ----------------------------------------------------------------------- */

static void give_out(struct rec_aac *a)
{
    struct mcu_packet *p = mcu_packet_copy(a->packet->data, (size_t)a->packet->size);
    if (!p)
        return;
    p->codec = MCU_CODEC_AAC;
    p->pts_us = a->base_us + av_rescale(a->packet->pts, MCU_US_PER_S, RATE_HZ);
    p->dts_us = p->pts_us;
    p->duration_us = av_rescale(FRAME_SAMPLES, MCU_US_PER_S, RATE_HZ);
    p->is_key = true;
    a->conf.on_packet(a->conf.ctx, p);
    mcu_packet_unref(p);
}

/* frame NULL: the end of the stream. */
static void encode(struct rec_aac *a, const AVFrame *frame)
{
    int err = avcodec_send_frame(a->codec, frame);
    while (err >= 0) {
        err = avcodec_receive_packet(a->codec, a->packet);
        if (err >= 0) {
            give_out(a);
            av_packet_unref(a->packet);
        }
    }
    if (err != AVERROR(EAGAIN) && err != AVERROR_EOF && !a->has_failed) {
        a->has_failed = true;
        log_error("aac: encoding failed: %s", strerror(-rec_averr(err)));
    }
}

static void encode_full_frame(struct rec_aac *a)
{
    a->frame->pts = a->position - FRAME_SAMPLES;
    a->fill = 0;
    encode(a, a->frame);
}

/* Appends samples, or silence when pcm is NULL. */
static void append(struct rec_aac *a, const float *pcm, int64_t samples)
{
    const int channels = (int)a->conf.channels;
    while (samples > 0) {
        if (a->fill == 0 && av_frame_make_writable(a->frame) < 0)
            return;
        const int n = samples < FRAME_SAMPLES - a->fill ? (int)samples : FRAME_SAMPLES - a->fill;
        for (int c = 0; c < channels; c++) {
            float *to = (float *)(void *)a->frame->extended_data[c] + a->fill;
            for (int i = 0; i < n; i++)
                to[i] = pcm ? pcm[i * channels + c] : 0.0f;
        }
        a->fill += n;
        a->position += n;
        samples -= n;
        if (pcm)
            pcm += n * channels;
        if (a->fill == FRAME_SAMPLES)
            encode_full_frame(a);
    }
}

/* Opus begins and ends with those who want it. */
static void follow_wishes(struct rec_aac *a)
{
    const bool is_wanted = atomic_load(&a->opus_wanted) > 0;
    if (is_wanted == (a->opus || a->has_no_opus))
        return;
    a->has_no_opus = false;
    if (!is_wanted) {
        rec_opus_destroy(a->opus);
        a->opus = NULL;
        return;
    }
    const struct rec_opus_conf conf = {.channels = a->conf.channels,
                                       .bitrate_bps = a->conf.bitrate_bps,
                                       .ctx = a->conf.ctx,
                                       .on_packet = a->conf.on_packet};
    const int err = rec_opus_create(&a->opus, &conf);
    a->has_no_opus = err != 0;
    if (err)
        log_error("opus: no encoder: %s", strerror(-err));
}

/* The next samples on the time line, or silence when pcm is NULL. */
static void go_on(struct rec_aac *a, const float *pcm, int64_t samples)
{
    if (a->opus)
        rec_opus_put(a->opus, pcm, (size_t)samples,
                     a->base_us + av_rescale(a->position, MCU_US_PER_S, RATE_HZ));
    append(a, pcm, samples);
}

/* Puts samples where their time says: silence before them, or their head cut off. */
static void place(struct rec_aac *a, const float *pcm, size_t samples, int64_t pts_us)
{
    follow_wishes(a);
    if (!a->has_base) {
        a->has_base = true;
        a->base_us = pts_us;
    }
    const int64_t at = av_rescale(pts_us - a->base_us, RATE_HZ, MCU_US_PER_S);
    int64_t gap = at - a->position;
    if (gap > SILENCE_MAX) {
        a->base_us += av_rescale(gap, MCU_US_PER_S, RATE_HZ);
        gap = 0;
    }
    if (gap > SNAP_SAMPLES) {
        go_on(a, NULL, gap);
    } else if (gap < -SNAP_SAMPLES) {
        const size_t late = (uint64_t)-gap < samples ? (size_t)-gap : samples;
        pcm += late * a->conf.channels;
        samples -= late;
    }
    go_on(a, pcm, (int64_t)samples);
}

static void drain(struct rec_aac *a)
{
    if (a->opus)
        rec_opus_flush(a->opus);
    if (a->fill > 0)
        append(a, NULL, FRAME_SAMPLES - a->fill);
    encode(a, NULL);
}

static void *run(void *arg)
{
    struct rec_aac *a = arg;
    for (;;) {
        while (sem_wait(&a->filled) < 0 && errno == EINTR)
            ;
        const size_t taken = atomic_load_explicit(&a->taken, memory_order_relaxed);
        if (taken == atomic_load_explicit(&a->written, memory_order_acquire)) {
            if (atomic_load(&a->is_ending))
                break;
            continue;
        }
        const struct slot *s = &a->slots[taken % SLOTS];
        place(a, s->pcm, s->samples, s->pts_us);
        atomic_store_explicit(&a->taken, taken + 1, memory_order_release);
    }
    drain(a);
    return NULL;
}

/* --- [ctl] ------------------------------------------------------------------------------------ */

static int open_codec(struct rec_aac *a)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_AAC);
    if (!codec)
        return -ENOTSUP;
    a->codec = avcodec_alloc_context3(codec);
    a->frame = av_frame_alloc();
    a->packet = av_packet_alloc();
    if (!a->codec || !a->frame || !a->packet)
        return -ENOMEM;
    a->codec->sample_rate = RATE_HZ;
    a->codec->sample_fmt = AV_SAMPLE_FMT_FLTP;
    a->codec->time_base = (AVRational){1, RATE_HZ};
    a->codec->bit_rate = a->conf.bitrate_bps;
    a->codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    av_channel_layout_default(&a->codec->ch_layout, (int)a->conf.channels);
    int err = rec_averr(avcodec_open2(a->codec, codec, NULL));
    if (err)
        return err;
    if (a->codec->frame_size != FRAME_SAMPLES || a->codec->extradata_size <= 0)
        return -ENOTSUP;
    a->frame->format = a->codec->sample_fmt;
    a->frame->sample_rate = RATE_HZ;
    a->frame->nb_samples = FRAME_SAMPLES;
    err = av_channel_layout_copy(&a->frame->ch_layout, &a->codec->ch_layout);
    if (err >= 0)
        err = av_frame_get_buffer(a->frame, 0);
    return rec_averr(err);
}

static int start_thread(struct rec_aac *a)
{
    a->slots = calloc(SLOTS, sizeof(*a->slots));
    if (!a->slots)
        return -ENOMEM;
    const int err = mcu_thread_start(&a->thread, "aac", run, a);
    a->has_thread = err == 0;
    return err;
}

int rec_aac_create(struct rec_aac **out, const struct rec_aac_conf *conf)
{
    if (conf->channels < 1 || conf->channels > 2 || !conf->on_packet ||
        conf->bitrate_bps < 8000 || conf->bitrate_bps > 512000)
        return -EINVAL;
    struct rec_aac *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->conf = *conf;
    sem_init(&a->filled, 0, 0);
    int err = open_codec(a);
    if (!err && !conf->is_inline)
        err = start_thread(a);
    if (err) {
        a->has_ended = true; /* nothing to give out */
        rec_aac_destroy(a);
        return err;
    }
    *out = a;
    return 0;
}

void rec_aac_flush(struct rec_aac *a)
{
    if (a->has_ended)
        return;
    a->has_ended = true;
    atomic_store(&a->is_ending, true);
    if (!a->has_thread) {
        drain(a);
        return;
    }
    sem_post(&a->filled);
    pthread_join(a->thread, NULL);
}

void rec_aac_destroy(struct rec_aac *a)
{
    if (!a)
        return;
    rec_aac_flush(a);
    const uint64_t dropped = atomic_load(&a->dropped);
    if (dropped)
        log_warn("aac: %llu pushes dropped, the encoder was too slow", (unsigned long long)dropped);
    avcodec_free_context(&a->codec);
    av_frame_free(&a->frame);
    av_packet_free(&a->packet);
    rec_opus_destroy(a->opus);
    sem_destroy(&a->filled);
    free(a->slots);
    free(a);
}

void rec_aac_want_opus(struct rec_aac *a, bool is_wanted)
{
    if (is_wanted)
        atomic_fetch_add(&a->opus_wanted, 1);
    else
        atomic_fetch_sub(&a->opus_wanted, 1);
}

const uint8_t *rec_aac_config(const struct rec_aac *a, size_t *size)
{
    *size = (size_t)a->codec->extradata_size;
    return a->codec->extradata;
}

/* --- [tick] ----------------------------------------------------------------------------------- */

/* All of a push or nothing: half a push would be a hole nobody knows of. */
static int push_slots(struct rec_aac *a, const float *pcm, size_t samples, int64_t pts_us)
{
    size_t written = atomic_load_explicit(&a->written, memory_order_relaxed);
    const size_t used = written - atomic_load_explicit(&a->taken, memory_order_acquire);
    const size_t needed = samples / SLOT_SAMPLES + (samples % SLOT_SAMPLES != 0);
    if (needed > SLOTS - used)
        return -ENOBUFS;
    for (size_t done = 0; done < samples;) {
        struct slot *s = &a->slots[written % SLOTS];
        s->samples = samples - done < SLOT_SAMPLES ? samples - done : SLOT_SAMPLES;
        s->pts_us = pts_us + av_rescale((int64_t)done, MCU_US_PER_S, RATE_HZ);
        memcpy(s->pcm, pcm + done * a->conf.channels,
               s->samples * a->conf.channels * sizeof(*pcm));
        done += s->samples;
        atomic_store_explicit(&a->written, ++written, memory_order_release);
        sem_post(&a->filled);
    }
    return 0;
}

int rec_aac_push(struct rec_aac *a, const float *pcm, size_t frames, int64_t pts_us)
{
    int err = 0;
    if (atomic_load(&a->is_ending))
        err = -ENOBUFS;
    else if (a->has_thread)
        err = push_slots(a, pcm, frames, pts_us);
    else
        place(a, pcm, frames, pts_us);
    if (err)
        atomic_fetch_add_explicit(&a->dropped, 1, memory_order_relaxed);
    return err;
}
