/* tests/unit/compositor/codec_rig.h - one encoder driven by hand, and libavcodec to look at what
 * comes out of it. Everything asserts. */
#ifndef TESTS_UNIT_COMPOSITOR_CODEC_RIG_H
#define TESTS_UNIT_COMPOSITOR_CODEC_RIG_H

#include "tests/unit/compositor/media.h"

#include "compositor/encode.h"
#include "compositor/engine.h"
#include "tests/lib/scenes.h"

enum { RIG_LOOP = 24, RIG_FPS = 30 };

struct rig {
    const struct comp_codec *codec;
    struct comp_codec_conf conf;
    void *impl;
    struct comp_canvas loop[RIG_LOOP]; /* pictures, forth and back */
    int painted;                       /* how many of them */
    int frames;                        /* encoded */
    int64_t pts_us;
    uint32_t fps;
    struct clip out;
};

static inline void rig_take(void *ctx, struct mcu_packet *packet)
{
    struct rig *r = ctx;
    assert_true(r->out.count < PACKETS_MAX);
    r->out.packets[r->out.count++] = packet;
}

static inline struct comp_codec_conf rig_conf(uint32_t width, uint32_t height, uint32_t bps)
{
    return (struct comp_codec_conf){
        .width = width,
        .height = height,
        .fps = RIG_FPS,
        .bitrate_bps = bps,
        .preset = "superfast",
        .speed = -12,
        .threads = 1,
        .temporal_layers = 1,
    };
}

static inline void rig_open(struct rig *r, const struct comp_codec *codec,
                            const struct comp_codec_conf *conf)
{
    memset(r, 0, sizeof(*r));
    r->codec = codec;
    r->conf = *conf;
    r->fps = conf->fps;
    const int err = codec->create(&r->impl, conf);
    if (err)
        fail_msg("%s: create: %s", codec->thread_name, strerror(-err));
}

/* People in a grid; much grain costs whatever it is given. */
static inline void rig_paint(struct rig *r, int pictures, uint8_t grain)
{
    static struct scene scene;
    scene_init(&scene, 2, grain);
    r->painted = pictures;
    for (int i = 0; i < pictures; i++) {
        assert_int_equal(comp_canvas_init(&r->loop[i], r->conf.width, r->conf.height), 0);
        scene_paint(&scene, &r->loop[i], i);
    }
}

static inline void rig_paint_text(struct rig *r, int pictures)
{
    r->painted = pictures;
    for (int i = 0; i < pictures; i++) {
        assert_int_equal(comp_canvas_init(&r->loop[i], r->conf.width, r->conf.height), 0);
        scene_paint_text(&r->loop[i], i / 8 * 34);
    }
}

static inline const struct comp_canvas *rig_picture(const struct rig *r, int n)
{
    const int at = n % (2 * r->painted);
    return &r->loop[at < r->painted ? at : 2 * r->painted - 1 - at];
}

static inline void rig_encode(struct rig *r, int frames, bool is_first_key)
{
    for (int i = 0; i < frames; i++) {
        const bool is_key = r->frames == 0 || (i == 0 && is_first_key);
        assert_int_equal(
            r->codec->encode(r->impl, rig_picture(r, r->frames), r->pts_us, is_key, rig_take, r),
            0);
        r->frames++;
        r->pts_us += 1000000 / r->fps;
    }
}

static inline void rig_close(struct rig *r)
{
    r->codec->destroy(r->impl);
    clip_free(&r->out);
    for (int i = 0; i < r->painted; i++)
        comp_canvas_finish(&r->loop[i]);
}

static inline size_t rig_bytes(const struct rig *r, size_t first)
{
    size_t bytes = 0;
    for (size_t i = first; i < r->out.count; i++)
        bytes += r->out.packets[i]->size;
    return bytes;
}

/* Decodes the packets of layers up to max_layer strictly; every one of them must give its picture.
 * Returns the PSNR of luma in dB over those of layers up to judged_layer, from packet `first` on.
 */
static inline double rig_look(const struct rig *r, uint8_t max_layer, uint8_t judged_layer,
                              size_t first)
{
    static const enum AVCodecID ids[] = {[MCU_CODEC_H264] = AV_CODEC_ID_H264,
                                         [MCU_CODEC_VP8] = AV_CODEC_ID_VP8,
                                         [MCU_CODEC_VP9] = AV_CODEC_ID_VP9};
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_decoder(ids[r->codec->codec]));
    c->thread_count = 1;
    c->flags |= AV_CODEC_FLAG_LOW_DELAY;
    c->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER;
    assert_int_equal(avcodec_open2(c, NULL, NULL), 0);
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    double error = 0, pixels = 0;
    for (size_t i = 0; i < r->out.count; i++) {
        if (r->out.packets[i]->temporal_id > max_layer)
            continue;
        packet->data = r->out.packets[i]->data;
        packet->size = (int)r->out.packets[i]->size;
        if (avcodec_send_packet(c, packet) || avcodec_receive_frame(c, frame))
            fail_msg("%s: packet %zu is not decodable", r->codec->thread_name, i);
        assert_int_equal(frame->decode_error_flags, 0);
        assert_int_equal(frame->flags & AV_FRAME_FLAG_CORRUPT, 0);
        assert_int_equal(frame->width, (int)r->conf.width);
        assert_int_equal(frame->height, (int)r->conf.height);
        if (i < first || r->out.packets[i]->temporal_id > judged_layer)
            continue;
        error += scene_squared_error(rig_picture(r, (int)i), frame->data[0], frame->linesize[0]);
        pixels += (double)r->conf.width * r->conf.height;
    }
    av_frame_free(&frame);
    av_packet_free(&packet);
    avcodec_free_context(&c);
    return scene_psnr_db(error, pixels);
}

#endif
