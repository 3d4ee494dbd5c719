/* tests/unit/recorder/synth.h - real H264 and AAC packets for the recorder's tests, and what to ask of
 * the files they become. Every test program of this folder includes it once. */
#ifndef TESTS_SYNTH_H
#define TESTS_SYNTH_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>

#include "mcu/base/packet.h"
#include "recorder/aac.h"
#include "recorder/rec.h"

#define UNUSED __attribute__((unused))

enum { SYNTH_WIDTH = 160, SYNTH_HEIGHT = 120, SYNTH_FPS = 30, SYNTH_MAX = 4096 };

/* Packets in the order their encoders gave them. */
struct synth {
    struct mcu_packet *video[SYNTH_MAX];
    size_t video_count;
    struct mcu_packet *audio[SYNTH_MAX];
    size_t audio_count;
    uint8_t audio_config[64];
    size_t audio_config_size;
};

static inline void synth_on_audio(void *ctx, struct mcu_packet *packet)
{
    struct synth *s = ctx;
    assert_true(s->audio_count < SYNTH_MAX);
    s->audio[s->audio_count++] = mcu_packet_ref(packet);
}

/* A tone of 440 Hz from pts from_us on. */
static inline void synth_audio(struct synth *s, int64_t from_us, double seconds)
{
    const struct rec_aac_conf conf = {.channels = 2, .bitrate_bps = 96000, .is_inline = true,
                                      .ctx = s, .on_packet = synth_on_audio};
    struct rec_aac *aac = NULL;
    assert_int_equal(rec_aac_create(&aac, &conf), 0);
    const uint8_t *config = rec_aac_config(aac, &s->audio_config_size);
    assert_true(s->audio_config_size <= sizeof(s->audio_config));
    memcpy(s->audio_config, config, s->audio_config_size);
    const int ticks = (int)(seconds * 50);
    for (int t = 0; t < ticks; t++) {
        float pcm[960 * 2];
        for (int i = 0; i < 960; i++) {
            const double at = (t * 960 + i) / 48000.0;
            pcm[2 * i] = pcm[2 * i + 1] = (float)(0.3 * __builtin_sin(6.283185307 * 440 * at));
        }
        assert_int_equal(rec_aac_push(aac, pcm, 960, from_us + t * INT64_C(20000)), 0);
    }
    rec_aac_destroy(aac);
}

static inline void synth_take_video(struct synth *s, AVCodecContext *codec, const AVFrame *frame,
                                    int64_t from_us)
{
    AVPacket *packet = av_packet_alloc();
    assert_non_null(packet);
    assert_true(avcodec_send_frame(codec, frame) >= 0);
    while (avcodec_receive_packet(codec, packet) >= 0) {
        struct mcu_packet *p = mcu_packet_copy(packet->data, (size_t)packet->size);
        assert_non_null(p);
        p->codec = MCU_CODEC_H264;
        p->pts_us = from_us + av_rescale(packet->pts, 1000000, SYNTH_FPS);
        p->dts_us = from_us + av_rescale(packet->dts, 1000000, SYNTH_FPS);
        p->is_key = packet->flags & AV_PKT_FLAG_KEY;
        assert_true(s->video_count < SYNTH_MAX);
        s->video[s->video_count++] = p;
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
}

/* A moving gradient; Annex B with parameter sets at every key frame, one a second. */
static inline void synth_video(struct synth *s, int64_t from_us, int frames, int b_frames)
{
    AVCodecContext *codec = avcodec_alloc_context3(avcodec_find_encoder_by_name("libx264"));
    assert_non_null(codec);
    codec->width = SYNTH_WIDTH;
    codec->height = SYNTH_HEIGHT;
    codec->pix_fmt = AV_PIX_FMT_YUV420P;
    codec->time_base = (AVRational){1, SYNTH_FPS};
    codec->gop_size = SYNTH_FPS;
    codec->max_b_frames = b_frames;
    codec->thread_count = 1;
    av_opt_set(codec->priv_data, "preset", b_frames ? "veryfast" : "ultrafast", 0);
    if (!b_frames)
        av_opt_set(codec->priv_data, "tune", "zerolatency", 0);
    assert_true(avcodec_open2(codec, NULL, NULL) >= 0);
    AVFrame *frame = av_frame_alloc();
    frame->width = SYNTH_WIDTH;
    frame->height = SYNTH_HEIGHT;
    frame->format = AV_PIX_FMT_YUV420P;
    for (int n = 0; n < frames; n++) {
        assert_true(av_frame_get_buffer(frame, 0) >= 0);
        for (int y = 0; y < SYNTH_HEIGHT; y++)
            for (int x = 0; x < SYNTH_WIDTH; x++)
                frame->data[0][y * frame->linesize[0] + x] = (uint8_t)(x + y + 3 * n);
        for (int y = 0; y < SYNTH_HEIGHT / 2; y++) {
            memset(frame->data[1] + y * frame->linesize[1], 100, SYNTH_WIDTH / 2);
            memset(frame->data[2] + y * frame->linesize[2], 160, SYNTH_WIDTH / 2);
        }
        frame->pts = n;
        synth_take_video(s, codec, frame, from_us);
        for (int i = 0; i < 8; i++)
            av_buffer_unref(&frame->buf[i]);
    }
    synth_take_video(s, codec, NULL, from_us);
    av_frame_free(&frame);
    avcodec_free_context(&codec);
}

static inline void synth_free(struct synth *s)
{
    for (size_t i = 0; i < s->video_count; i++)
        mcu_packet_unref(s->video[i]);
    for (size_t i = 0; i < s->audio_count; i++)
        mcu_packet_unref(s->audio[i]);
    s->video_count = s->audio_count = 0;
}

/* Pushes all packets before until_us, of both kinds, in the order of their dts. A recording that is
 * complete may refuse what comes from refused_from_us on. */
static inline void synth_push_past(const struct synth *s, struct rec *r, size_t *video,
                                   size_t *audio, int64_t until_us, int64_t refused_from_us)
{
    for (;;) {
        const struct mcu_packet *v = *video < s->video_count ? s->video[*video] : NULL;
        const struct mcu_packet *a = *audio < s->audio_count ? s->audio[*audio] : NULL;
        const bool is_video = v && (!a || v->dts_us <= a->dts_us);
        const struct mcu_packet *next = is_video ? v : a;
        if (!next || next->dts_us >= until_us)
            return;
        const int err = is_video ? rec_push_video(r, s->video[(*video)++])
                                 : rec_push_audio(r, s->audio[(*audio)++]);
        if (next->dts_us < refused_from_us)
            assert_int_equal(err, 0);
    }
}

static inline void synth_push(const struct synth *s, struct rec *r, size_t *video, size_t *audio,
                              int64_t until_us)
{
    synth_push_past(s, r, video, audio, until_us, INT64_MAX);
}

/* --- files ------------------------------------------------------------------------------------ */

static UNUSED char synth_dir[64];

static inline void synth_make_dir(void)
{
    snprintf(synth_dir, sizeof(synth_dir), "/tmp/mixdown-rec-XXXXXX");
    assert_non_null(mkdtemp(synth_dir));
}

static inline void synth_remove_dir(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", synth_dir);
    assert_int_equal(system(command), 0);
}

static inline void synth_path(char *out, size_t size, const char *name)
{
    assert_true((size_t)snprintf(out, size, "%s/%s", synth_dir, name) < size);
}

static inline int64_t synth_file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) < 0 ? -1 : st.st_size;
}

/* What a file holds when every packet of it is decoded. */
struct seen {
    int video_frames;
    int audio_frames;
    int64_t audio_samples;
    int errors;            /* packets that did not decode */
    int64_t video_start_us; /* of the first picture */
    int64_t video_end_us;
    int64_t audio_start_us; /* of the first sample after priming */
    int64_t audio_end_us;
    int64_t video_pts_us[SYNTH_MAX];
};

static inline AVCodecContext *seen_decoder(const AVStream *st)
{
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_decoder(st->codecpar->codec_id));
    assert_non_null(c);
    assert_true(avcodec_parameters_to_context(c, st->codecpar) >= 0);
    c->pkt_timebase = st->time_base;
    c->thread_count = 1;
    c->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK;
    assert_true(avcodec_open2(c, NULL, NULL) >= 0);
    return c;
}

static inline void seen_take(struct seen *s, AVCodecContext *c, AVFrame *f, const AVStream *st)
{
    const AVRational us = {1, 1000000};
    const int64_t at = av_rescale_q(f->best_effort_timestamp, st->time_base, us);
    if (c->codec_type == AVMEDIA_TYPE_VIDEO) {
        const int64_t end = at + av_rescale_q(f->pkt_duration, st->time_base, us);
        if (s->video_frames == 0)
            s->video_start_us = at;
        if (s->video_frames < SYNTH_MAX)
            s->video_pts_us[s->video_frames] = at;
        s->video_frames++;
        s->video_end_us = end > s->video_end_us ? end : s->video_end_us;
        return;
    }
    if (s->audio_frames == 0)
        s->audio_start_us = at;
    s->audio_frames++;
    s->audio_samples += f->nb_samples;
    s->audio_end_us = at + av_rescale(f->nb_samples, 1000000, f->sample_rate);
}

static inline void seen_decode(struct seen *s, AVCodecContext *c, const AVPacket *p,
                               const AVStream *st)
{
    AVFrame *f = av_frame_alloc();
    if (avcodec_send_packet(c, p) < 0)
        s->errors++;
    for (;;) {
        const int err = avcodec_receive_frame(c, f);
        if (err == AVERROR(EAGAIN) || err == AVERROR_EOF)
            break;
        if (err < 0) {
            s->errors++;
            break;
        }
        seen_take(s, c, f, st);
        av_frame_unref(f);
    }
    av_frame_free(&f);
}

/* Decodes a whole file. Returns 0 or libav's error of opening it. */
static inline int seen_file(const char *path, struct seen *s)
{
    *s = (struct seen){0};
    AVFormatContext *in = NULL;
    int err = avformat_open_input(&in, path, NULL, NULL);
    if (err < 0)
        return err;
    assert_true(avformat_find_stream_info(in, NULL) >= 0);
    AVCodecContext *decoders[8] = {0};
    assert_true(in->nb_streams <= 8);
    for (unsigned i = 0; i < in->nb_streams; i++)
        decoders[i] = seen_decoder(in->streams[i]);
    AVPacket *p = av_packet_alloc();
    while ((err = av_read_frame(in, p)) >= 0) {
        seen_decode(s, decoders[p->stream_index], p, in->streams[p->stream_index]);
        av_packet_unref(p);
    }
    if (err != AVERROR_EOF)
        s->errors++;
    for (unsigned i = 0; i < in->nb_streams; i++) {
        seen_decode(s, decoders[i], NULL, in->streams[i]);
        avcodec_free_context(&decoders[i]);
    }
    av_packet_free(&p);
    avformat_close_input(&in);
    return 0;
}

/* Where a top-level box of a type starts, or -1. */
static inline int64_t synth_find_box(const char *path, const char *type)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    uint8_t b[8];
    int64_t at = 0;
    while (fseek(f, (long)at, SEEK_SET) == 0 && fread(b, 1, 8, f) == 8) {
        if (memcmp(b + 4, type, 4) == 0) {
            fclose(f);
            return at;
        }
        const int64_t size = (int64_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
        if (size < 8)
            break;
        at += size;
    }
    fclose(f);
    return -1;
}

#endif
