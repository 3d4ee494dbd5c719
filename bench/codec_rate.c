/* bench/codec_rate - what one stream of the mixed picture costs with each encoder library, and how
 * good it is at the same rate: which engine serves what (compositor/engine.h).
 *
 * All contenders encode the same grid of moving people, a second each in turn, so that a busy
 * machine is equally busy for all. They keep to a rate differently well, so a first pass finds out
 * what each must be told to end at the same one. CPU is for one second of the stream; PSNR is of
 * luma after libavcodec; `key` is the first key frame. One thread each.
 *
 * Usage: codec_rate [SECONDS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>

#include "compositor/encode.h"
#include "mcu/base/clock.h"
#include "tests/lib/scenes.h"

enum { LOOP = 40, FPS = 30, FIRST_JUDGED = 15, CONTENDERS_MAX = 16 };

#define TOLD_MIN 0.5
#define TOLD_MAX 1.5

static const struct {
    const char *name;
    const struct comp_codec *codec;
    const char *preset;
    int speed;
    uint8_t layers;
} contenders[] = {
    {"x264 veryfast", &comp_codec_h264, "veryfast", 0, 1},
    {"x264 superfast", &comp_codec_h264, "superfast", 0, 1},
    {"x264 ultrafast", &comp_codec_h264, "ultrafast", 0, 1},
    {"OpenH264", &comp_codec_openh264, "", 0, 1},
    {"OpenH264, 2 layers", &comp_codec_openh264, "", 0, 2},
    {"OpenH264, 3 layers", &comp_codec_openh264, "", 0, 3},
    {"VP8 -8", &comp_codec_vp8, "", -8, 1},
    {"VP8 -8, 2 layers", &comp_codec_vp8, "", -8, 2},
    {"VP8 -8, 3 layers", &comp_codec_vp8, "", -8, 3},
    {"VP8 -12", &comp_codec_vp8, "", -12, 1},
    {"VP9 7", &comp_codec_vp9, "", -7, 1},
    {"VP9 9", &comp_codec_vp9, "", -9, 1},
    {"VP9 9, 2 layers", &comp_codec_vp9, "", -9, 2},
};
enum { CONTENDERS = sizeof(contenders) / sizeof(contenders[0]) };

static const struct round {
    const char *name;
    uint32_t width, height, bitrate_bps, cols, movers;
    uint8_t grain;
    bool is_text;
} rounds[] = {
    {"grid of 9, 1280x720, 1500 kbit/s", 1280, 720, 1500000, 3, 9, 1, false},
    {"one of 9 moves, 1280x720, 500 kbit/s", 1280, 720, 500000, 3, 1, 0, false},
    {"grid of 9, 640x360, 500 kbit/s", 640, 360, 500000, 3, 9, 1, false},
    {"grid of 4, 320x180, 150 kbit/s", 320, 180, 150000, 2, 4, 1, false},
    {"scrolled text, 1280x720, 1500 kbit/s, tuned for screens", 1280, 720, 1500000, 1, 1, 0, true},
};

struct run {
    size_t who;
    void *impl;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    const struct comp_canvas *picture; /* the one that is encoded */
    int64_t cpu_us;
    int frames;
    size_t bytes, key_bytes;
    double error, pixels;
    bool has_failed;
};

static void look(struct run *r, struct mcu_packet *packet)
{
    if (r->frames == 0)
        r->key_bytes = packet->size;
    r->packet->data = packet->data;
    r->packet->size = (int)packet->size;
    if (avcodec_send_packet(r->decoder, r->packet) || avcodec_receive_frame(r->decoder, r->frame)) {
        r->has_failed = true;
    } else if (r->frames >= FIRST_JUDGED) {
        r->bytes += packet->size;
        r->error += scene_squared_error(r->picture, r->frame->data[0], r->frame->linesize[0]);
        r->pixels += (double)r->picture->width * r->picture->height;
    }
    mcu_packet_unref(packet);
}

static int open_run(struct run *r, size_t who, const struct round *round, double told)
{
    static const enum AVCodecID ids[] = {[MCU_CODEC_H264] = AV_CODEC_ID_H264,
                                         [MCU_CODEC_VP8] = AV_CODEC_ID_VP8,
                                         [MCU_CODEC_VP9] = AV_CODEC_ID_VP9};
    struct comp_codec_conf conf = {
        .width = round->width,
        .height = round->height,
        .fps = FPS,
        .bitrate_bps = (uint32_t)(round->bitrate_bps * told),
        .speed = contenders[who].speed,
        .threads = 1,
        .temporal_layers = contenders[who].layers,
        .is_screen = round->is_text,
    };
    snprintf(conf.preset, sizeof(conf.preset), "%s", contenders[who].preset);
    *r = (struct run){.who = who};
    r->decoder = avcodec_alloc_context3(avcodec_find_decoder(ids[contenders[who].codec->codec]));
    r->packet = av_packet_alloc();
    r->frame = av_frame_alloc();
    if (!r->decoder || !r->packet || !r->frame)
        return -1;
    r->decoder->thread_count = 1;
    r->decoder->flags |= AV_CODEC_FLAG_LOW_DELAY;
    return avcodec_open2(r->decoder, NULL, NULL) || contenders[who].codec->create(&r->impl, &conf);
}

static void close_run(struct run *r)
{
    contenders[r->who].codec->destroy(r->impl);
    avcodec_free_context(&r->decoder);
    av_packet_free(&r->packet);
    av_frame_free(&r->frame);
}

static void keep(void *ctx, struct mcu_packet *packet)
{
    *(struct mcu_packet **)ctx = packet;
}

/* One second; decoding is not in the time. */
static void encode_second(struct run *r, const struct comp_canvas *loop)
{
    const struct comp_codec *codec = contenders[r->who].codec;
    for (int i = 0; i < FPS; i++) {
        const int at = r->frames % (2 * LOOP);
        r->picture = &loop[at < LOOP ? at : 2 * LOOP - 1 - at];
        struct mcu_packet *packet = NULL;
        const int64_t from_us = mcu_cpu_us();
        const int err = codec->encode(r->impl, r->picture, (int64_t)r->frames * MCU_US_PER_S / FPS,
                                      r->frames == 0, keep, &packet);
        r->cpu_us += mcu_cpu_us() - from_us;
        if (err || !packet)
            r->has_failed = true;
        else
            look(r, packet);
        r->frames++;
    }
}

static double rate_bps(const struct run *r)
{
    return (double)r->bytes * 8 * FPS / (r->frames - FIRST_JUDGED);
}

static void print_run(const struct run *r, int seconds)
{
    printf("  %-20s %8.1f %8.2f %8.0f %8.1f%s\n", contenders[r->who].name,
           (double)r->cpu_us / 1000 / seconds, scene_psnr_db(r->error, r->pixels),
           rate_bps(r) / 1000, (double)r->key_bytes / 1000, r->has_failed ? "  FAILED" : "");
}

static int paint(struct comp_canvas *loop, const struct round *round)
{
    static struct scene scene;
    scene_init(&scene, round->cols, round->grain);
    scene.movers = round->movers;
    for (int i = 0; i < LOOP; i++) {
        if (comp_canvas_init(&loop[i], round->width, round->height))
            return 1;
        if (round->is_text)
            scene_paint_text(&loop[i], i / 10 * 34);
        else
            scene_paint(&scene, &loop[i], i);
    }
    return 0;
}

/* told is what each is asked for, as a share of the round's rate. */
static int run_all(struct run *runs, const struct round *round, const struct comp_canvas *loop,
                   int seconds, const double *told)
{
    int failed = 0;
    for (size_t i = 0; i < CONTENDERS; i++)
        failed |= open_run(&runs[i], i, round, told[i]);
    for (int s = 0; s < seconds && !failed; s++) {
        for (size_t i = 0; i < CONTENDERS; i++)
            encode_second(&runs[i], loop);
    }
    for (size_t i = 0; i < CONTENDERS; i++) {
        failed |= runs[i].has_failed;
        close_run(&runs[i]);
    }
    return failed;
}

static int measure(const struct round *round, int seconds)
{
    static struct comp_canvas loop[LOOP];
    struct run runs[CONTENDERS_MAX];
    double told[CONTENDERS];
    if (paint(loop, round))
        return 1;
    for (size_t i = 0; i < CONTENDERS; i++)
        told[i] = 1;
    int failed = run_all(runs, round, loop, seconds, told);
    for (size_t i = 0; i < CONTENDERS && !failed; i++)
        told[i] = fmax(TOLD_MIN, fmin(TOLD_MAX, round->bitrate_bps / rate_bps(&runs[i])));
    failed = failed || run_all(runs, round, loop, seconds, told);
    printf("%s\n  %-20s %8s %8s %8s %8s\n", round->name, "", "ms CPU/s", "PSNR dB", "kbit/s",
           "key kB");
    for (size_t i = 0; i < CONTENDERS; i++)
        print_run(&runs[i], seconds);
    for (int i = 0; i < LOOP; i++)
        comp_canvas_finish(&loop[i]);
    return failed;
}

int main(int argc, char **argv)
{
    const int seconds = argc > 1 ? atoi(argv[1]) : 4;
    int failed = 0;
    av_log_set_level(AV_LOG_FATAL);
    for (size_t i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++)
        failed |= measure(&rounds[i], seconds < 1 ? 1 : seconds);
    return failed;
}
