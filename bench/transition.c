/* bench/transition.c - what a tick costs while tiles move and fade, beside one in which everybody
 * has a new picture: 16 tiles of 640x360 on 1280x720, from the grid to a lecture and back. */
#include <stdio.h>
#include <stdlib.h>

#include "compositor/encode.h"
#include "compositor/view.h"
#include "mcu/base/clock.h"

enum { PEOPLE = 16, ROUNDS = 40, TICK_US = 33333, TICKS = 8, WIDTH = 640, HEIGHT = 360 };

static void check(int err, const char *what)
{
    if (!err)
        return;
    fprintf(stderr, "bench/transition: %s: %d\n", what, err);
    exit(1);
}

static void keep(void *ctx, struct mcu_packet *packet)
{
    *(struct mcu_packet **)ctx = packet;
}

/* A key frame of something that is not flat. */
static struct mcu_packet *make_picture(void)
{
    struct comp_canvas canvas = {0};
    check(comp_canvas_init(&canvas, WIDTH, HEIGHT), "canvas");
    for (int p = 0; p < COMP_PLANES; p++) {
        for (int i = 0; i < canvas.stride[p] * (p ? HEIGHT / 2 : HEIGHT); i++)
            canvas.plane[p][i] = (uint8_t)(64 + (i * 7 % 96 + i / canvas.stride[p]) % 128);
    }
    const struct comp_codec_conf conf = {.width = WIDTH,
                                         .height = HEIGHT,
                                         .fps = 30,
                                         .bitrate_bps = 2000000,
                                         .preset = "ultrafast",
                                         .temporal_layers = 1};
    void *encoder;
    struct mcu_packet *packet = NULL;
    check(comp_codec_h264.create(&encoder, &conf), "encoder");
    check(comp_codec_h264.encode(encoder, &canvas, 0, true, keep, &packet), "encode");
    comp_codec_h264.destroy(encoder);
    comp_canvas_finish(&canvas);
    check(packet ? 0 : -1, "no packet");
    return packet;
}

static void add_people(struct comp *c)
{
    struct mcu_packet *picture = make_picture();
    for (uint32_t i = 0; i < PEOPLE; i++) {
        char user[8];
        snprintf(user, sizeof(user), "u%u", i);
        const struct comp_source_conf conf = {.codec = MCU_CODEC_H264, .user = user, .order = i};
        struct comp_source *s;
        check(comp_source_add(c, &s, &conf), "source");
        check(comp_source_push(s, picture), "push");
    }
    mcu_packet_unref(picture);
}

/* One drawn picture, in microseconds of CPU. */
static int64_t draw(struct comp_view *v)
{
    const int64_t before_us = mcu_cpu_us();
    comp_view_draw_now(v);
    return mcu_cpu_us() - before_us;
}

static void on_packet(void *ctx, void *stream_ctx, struct mcu_packet *packet)
{
    (void)ctx;
    (void)stream_ctx;
    (void)packet;
}

int main(void)
{
    const struct comp_conf conf = {.fps = 30};
    const struct comp_sink sink = {.on_packet = on_packet};
    struct layout *layouts[2];
    struct comp *c;
    struct comp_view *v;
    struct comp_stream *s;
    check(layout_builtin(&layouts[0], "grid"), "grid");
    check(layout_builtin(&layouts[1], "lecture"), "lecture");
    check(comp_create(&c, &conf, &sink), "compositor");
    const struct comp_view_conf view = {.width = 1280,
                                        .height = 720,
                                        .layout = layouts[0],
                                        .has_labels = true,
                                        .transition_us = 200000};
    check(comp_view_create(c, &v, &view), "view");
    const struct comp_stream_conf stream = {.codec = MCU_CODEC_H264,
                                            .fps = 1,
                                            .bitrate_bps = 1000000,
                                            .preset = "ultrafast",
                                            .speed = -8};
    check(comp_stream_create(v, &s, &stream), "stream");
    add_people(c);
    comp_tick(c, 0);
    comp_tick(c, TICK_US);

    int64_t whole_us = 0, first_us = 0, moving_us = 0;
    for (int i = 0; i < ROUNDS * TICKS; i++) {
        v->scene.is_all_dirty = true;
        whole_us += draw(v);
    }
    int moving = 0;
    for (int round = 1; round <= ROUNDS; round++) {
        check(comp_view_set_layout(v, layouts[round % 2]), "layout");
        for (int i = 0; i < TICKS; i++) {
            v->scene.now_us += TICK_US;
            const int64_t us = draw(v);
            if (i == 0)
                first_us += us;
            else if (i < TICKS - 1)
                moving_us += us;
            moving += i > 0 && i < TICKS - 1;
        }
    }
    printf("16 tiles, 720p           us a tick   beside all new\n");
    const double whole = (double)whole_us / (ROUNDS * TICKS);
    printf("everybody has a new one  %9.0f             1.00\n", whole);
    printf("on the way               %9.0f             %.2f\n", (double)moving_us / moving,
           (double)moving_us / moving / whole);
    printf("the change itself        %9.0f             %.2f\n", (double)first_us / ROUNDS,
           (double)first_us / ROUNDS / whole);
    comp_destroy(c);
    layout_destroy(layouts[0]);
    layout_destroy(layouts[1]);
    return 0;
}
