/* tests/unit/compositor/media.h - test pictures in and out: encoders make what peers would send, a
 * decoder looks at what the compositor gives out. Everything asserts; nothing returns errors. */
#ifndef TESTS_UNIT_COMPOSITOR_MEDIA_H
#define TESTS_UNIT_COMPOSITOR_MEDIA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>

#include "compositor/comp.h"
#include "layouts/layout.h"
#include "mcu/base/packet.h"

enum { PACKETS_MAX = 4096 };

struct yuv {
    int y, u, v;
};

static const struct yuv red = {81, 90, 240}, green = {145, 54, 34}, blue = {41, 240, 110},
                        white = {235, 128, 128}, black = {16, 128, 128}, grey = {126, 128, 128};

/* --- making -------------------------------------------------------------------------------------
 */

/* What one encoder gave out, in order of decoding. */
struct clip {
    struct mcu_packet *packets[PACKETS_MAX];
    size_t count;
    uint8_t extradata[1024];
    size_t extradata_size;
};

struct maker {
    AVCodecContext *codec;
    enum mcu_codec id;
    AVFrame *frame;
    AVPacket *packet;
    struct clip *clip;
};

struct maker_conf {
    enum mcu_codec codec;
    int width, height;
    int b_frames;
    enum AVPixelFormat format;    /* 0: yuv420p */
    enum AVColorSpace colorspace; /* as the number says; AVCOL_SPC_UNSPECIFIED is 2 */
    enum AVColorRange range;
    bool has_global_header;
};

static inline void maker_open(struct maker *m, const struct maker_conf *conf, struct clip *clip)
{
    const char *names[] = {[MCU_CODEC_H264] = "libx264",
                           [MCU_CODEC_VP8] = "libvpx",
                           [MCU_CODEC_VP9] = "libvpx-vp9",
                           [MCU_CODEC_AV1] = "libaom-av1"};
    const AVCodec *codec = avcodec_find_encoder_by_name(names[conf->codec]);
    assert_non_null(codec);
    AVCodecContext *c = avcodec_alloc_context3(codec);
    assert_non_null(c);
    c->width = conf->width;
    c->height = conf->height;
    c->time_base = (AVRational){1, 1000000};
    c->framerate = (AVRational){30, 1};
    c->pix_fmt = conf->format;
    c->colorspace = conf->colorspace ? conf->colorspace : AVCOL_SPC_UNSPECIFIED;
    c->color_range = conf->range;
    c->gop_size = 10000;
    c->max_b_frames = conf->b_frames;
    c->thread_count = 1;
    c->bit_rate = 8000000;
    if (conf->has_global_header)
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    AVDictionary *options = NULL;
    if (conf->codec == MCU_CODEC_H264) {
        av_dict_set(&options, "preset", "ultrafast", 0);
        av_dict_set(&options, "crf", "12", 0);
        av_dict_set(&options, "forced-idr", "1", 0);
        av_dict_set(&options, "x264-params", "log-level=none:scenecut=0", 0);
        if (!conf->b_frames)
            av_dict_set(&options, "tune", "zerolatency", 0);
        else
            av_dict_set(&options, "bf", "3", 0);
    } else {
        av_dict_set(&options, "deadline", "realtime", 0);
        av_dict_set(&options, "cpu-used", "8", 0);
        av_dict_set(&options, "lag-in-frames", "0", 0);
        if (conf->codec == MCU_CODEC_AV1)
            av_dict_set(&options, "usage", "realtime", 0);
    }
    av_log_set_level(AV_LOG_FATAL);
    assert_int_equal(avcodec_open2(c, codec, &options), 0);
    av_dict_free(&options);
    *m = (struct maker){.codec = c, .id = conf->codec, .clip = clip};
    m->packet = av_packet_alloc();
    m->frame = av_frame_alloc();
    m->frame->width = conf->width;
    m->frame->height = conf->height;
    m->frame->format = conf->format;
    m->frame->color_range = conf->range;
    assert_int_equal(av_frame_get_buffer(m->frame, 0), 0);
    clip->extradata_size = (size_t)c->extradata_size;
    assert_true(clip->extradata_size <= sizeof(clip->extradata));
    if (c->extradata_size)
        memcpy(clip->extradata, c->extradata, (size_t)c->extradata_size);
}

static inline void maker_collect(struct maker *m)
{
    while (avcodec_receive_packet(m->codec, m->packet) == 0) {
        struct mcu_packet *p = mcu_packet_copy(m->packet->data, (size_t)m->packet->size);
        assert_non_null(p);
        p->codec = m->id;
        p->pts_us = m->packet->pts;
        p->dts_us = m->packet->dts;
        p->is_key = (m->packet->flags & AV_PKT_FLAG_KEY) != 0;
        assert_true(m->clip->count < PACKETS_MAX);
        m->clip->packets[m->clip->count++] = p;
        av_packet_unref(m->packet);
    }
}

/* A block of 16 pixels of luma in the middle differs with n, so that pictures move; not in tiny
 * ones. */
static inline void maker_paint(AVFrame *f, struct yuv colour, int n)
{
    for (int p = 0; p < 3; p++) {
        const int width = p ? (f->width + 1) / 2 : f->width;
        const int height = p ? (f->height + 1) / 2 : f->height;
        const int value = p == 0 ? colour.y : p == 1 ? colour.u : colour.v;
        for (int y = 0; y < height; y++)
            memset(f->data[p] + y * f->linesize[p], value, (size_t)width);
    }
    if (n < 0 || f->width < 16 || f->height < 16)
        return;
    for (int y = f->height / 2 - 8; y < f->height / 2 + 8; y++)
        memset(f->data[0] + y * f->linesize[0] + f->width / 2 - 8, 20 + n * 37 % 200, 16);
}

static inline void maker_add(struct maker *m, struct yuv colour, int n, int64_t pts_us, bool is_key)
{
    assert_int_equal(av_frame_make_writable(m->frame), 0);
    maker_paint(m->frame, colour, n);
    m->frame->pts = pts_us;
    m->frame->pict_type = is_key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    assert_int_equal(avcodec_send_frame(m->codec, m->frame), 0);
    maker_collect(m);
}

static inline void maker_close(struct maker *m)
{
    avcodec_send_frame(m->codec, NULL);
    maker_collect(m);
    av_packet_free(&m->packet);
    av_frame_free(&m->frame);
    avcodec_free_context(&m->codec);
}

static inline void clip_free(struct clip *clip)
{
    for (size_t i = 0; i < clip->count; i++)
        mcu_packet_unref(clip->packets[i]);
    clip->count = 0;
}

/* frames pictures of one colour, every_us apart, the first at first_us; key frames at each multiple
 * of key_every. */
static inline void clip_make(struct clip *clip, const struct maker_conf *conf, struct yuv colour,
                             int frames, int64_t first_us, int64_t every_us, int key_every)
{
    struct maker m;
    clip->count = 0;
    maker_open(&m, conf, clip);
    for (int i = 0; i < frames; i++)
        maker_add(&m, colour, i, first_us + i * every_us, i % key_every == 0);
    maker_close(&m);
}

/* --- looking ------------------------------------------------------------------------------------
 */

/* Keeps what came out of one encoder, and decodes it on demand. */
struct eye {
    struct mcu_packet *packets[PACKETS_MAX];
    size_t count;
    size_t total;   /* also those that were too many to keep */
    size_t decoded; /* packets that the decoder got */
    AVCodecContext *codec;
    AVFrame *frame; /* the newest */
    AVFrame *next;
};

static inline void eye_open(struct eye *e, enum mcu_codec codec)
{
    memset(e, 0, sizeof(*e));
    e->codec = avcodec_alloc_context3(
        avcodec_find_decoder(codec == MCU_CODEC_H264 ? AV_CODEC_ID_H264 : AV_CODEC_ID_VP8));
    e->codec->thread_count = 1;
    e->codec->flags |= AV_CODEC_FLAG_LOW_DELAY;
    assert_int_equal(avcodec_open2(e->codec, NULL, NULL), 0);
    e->frame = av_frame_alloc();
    e->next = av_frame_alloc();
}

static inline void eye_take(struct eye *e, struct mcu_packet *packet)
{
    e->total++;
    if (e->count < PACKETS_MAX)
        e->packets[e->count++] = mcu_packet_ref(packet);
}

/* Decodes up to packet n (not with it) and returns the newest picture. */
static inline const AVFrame *eye_see_until(struct eye *e, size_t n)
{
    AVPacket *packet = av_packet_alloc();
    for (; e->decoded < n; e->decoded++) {
        packet->data = e->packets[e->decoded]->data;
        packet->size = (int)e->packets[e->decoded]->size;
        packet->pts = e->packets[e->decoded]->pts_us;
        assert_int_equal(avcodec_send_packet(e->codec, packet), 0);
        while (avcodec_receive_frame(e->codec, e->next) == 0) {
            av_frame_unref(e->frame);
            av_frame_move_ref(e->frame, e->next);
        }
    }
    av_packet_free(&packet);
    return e->frame;
}

static inline const AVFrame *eye_see(struct eye *e)
{
    return eye_see_until(e, e->count);
}

static inline void eye_close(struct eye *e)
{
    for (size_t i = 0; i < e->count; i++)
        mcu_packet_unref(e->packets[i]);
    av_frame_free(&e->frame);
    av_frame_free(&e->next);
    avcodec_free_context(&e->codec);
}

static inline bool is_near(const AVFrame *f, int x, int y, struct yuv colour, int tolerance)
{
    if (!f->data[0] || x >= f->width || y >= f->height)
        return false;
    return abs(f->data[0][y * f->linesize[0] + x] - colour.y) <= tolerance &&
           abs(f->data[1][y / 2 * f->linesize[1] + x / 2] - colour.u) <= tolerance &&
           abs(f->data[2][y / 2 * f->linesize[2] + x / 2] - colour.v) <= tolerance;
}

#define assert_colour(f, x, y, colour)                                                             \
    do {                                                                                           \
        if (!is_near(f, x, y, colour, 12))                                                         \
            fail_msg("at %d,%d: %d %d %d", x, y,                                                   \
                     (f)->data[0] ? (f)->data[0][(y) * (f)->linesize[0] + (x)] : -1,               \
                     (f)->data[0] ? (f)->data[1][(y) / 2 * (f)->linesize[1] + (x) / 2] : -1,       \
                     (f)->data[0] ? (f)->data[2][(y) / 2 * (f)->linesize[2] + (x) / 2] : -1);      \
    } while (0)

#endif
