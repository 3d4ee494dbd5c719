/* tests/unit/compositor/room.h - a compositor with eyes on its encoders, for tests. */
#ifndef TESTS_UNIT_COMPOSITOR_ROOM_H
#define TESTS_UNIT_COMPOSITOR_ROOM_H

#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/compositor/media.h"

enum { TICK_US = 33333 };

/* All that a room with one view, and a stream of each codec, needs to know. */
struct room_conf {
    uint32_t width, height, fps, workers, background, bitrate_bps;
    char preset[16];
    int vp8_speed;
    uint32_t encoder_threads;
    bool is_offline, has_labels, has_avatars;
    int64_t freeze_us, transition_us, wall_offset_us;
};

struct room {
    struct room_conf conf;
    struct comp *comp;
    struct comp_view *view;
    struct comp_stream *h264_stream, *vp8_stream; /* NULL: not watched */
    struct layout *layout;
    struct eye h264, vp8;
    pthread_mutex_t lock; /* the eyes: packets come on encoder threads */
    atomic_int key_requests;
    void *_Atomic key_source; /* of the newest request */
    int64_t now_us;
    pthread_mutex_t gate; /* held by a test: encoders stop after their next packet */
};

static inline void room_packet(void *ctx, void *stream_ctx, struct mcu_packet *packet)
{
    struct room *r = ctx;
    pthread_mutex_lock(&r->lock);
    eye_take(stream_ctx, packet);
    pthread_mutex_unlock(&r->lock);
    pthread_mutex_lock(&r->gate);
    pthread_mutex_unlock(&r->gate);
}

static inline void room_need_key(void *ctx, void *source_ctx)
{
    struct room *r = ctx;
    atomic_store(&r->key_source, source_ctx);
    atomic_fetch_add(&r->key_requests, 1);
}

static inline struct room_conf room_conf(uint32_t width, uint32_t height, uint32_t workers)
{
    struct room_conf conf = {
        .width = width,
        .height = height,
        .fps = 30,
        .workers = workers,
        .background = 0x101418,
        .bitrate_bps = 4000000,
        .preset = "ultrafast",
        .vp8_speed = -12,
        .encoder_threads = 1,
    };
    return conf;
}

static inline struct layout *layout_from(const char *json)
{
    struct layout *l = NULL;
    char error[LAYOUT_ERROR_MAX];
    if (layout_parse(&l, json, strlen(json), "test", error))
        fail_msg("%s", error);
    return l;
}

static inline struct comp_conf comp_conf_of(const struct room_conf *conf)
{
    return (struct comp_conf){.fps = conf->fps,
                              .workers = conf->workers,
                              .is_offline = conf->is_offline,
                              .freeze_us = conf->freeze_us};
}

static inline struct comp_view_conf view_conf_of(const struct room_conf *conf,
                                                 const struct layout *layout)
{
    return (struct comp_view_conf){.width = conf->width,
                                   .height = conf->height,
                                   .background = conf->background,
                                   .layout = layout,
                                   .has_labels = conf->has_labels,
                                   .has_avatars = conf->has_avatars,
                                   .transition_us = conf->transition_us,
                                   .wall_offset_us = conf->wall_offset_us};
}

static inline struct comp_stream_conf stream_conf_of(const struct room_conf *conf,
                                                     enum mcu_codec codec)
{
    struct comp_stream_conf stream = {.codec = codec,
                                      .bitrate_bps = conf->bitrate_bps,
                                      .speed = conf->vp8_speed,
                                      .threads = conf->encoder_threads,
                                      .key_every_us = 500000};
    memcpy(stream.preset, conf->preset, sizeof(stream.preset));
    return stream;
}

static inline void room_open(struct room *r, const struct room_conf *conf, const char *layout)
{
    memset(r, 0, sizeof(*r));
    r->conf = *conf;
    pthread_mutex_init(&r->lock, NULL);
    pthread_mutex_init(&r->gate, NULL);
    eye_open(&r->h264, MCU_CODEC_H264);
    eye_open(&r->vp8, MCU_CODEC_VP8);
    if (layout)
        r->layout = layout_from(layout);
    else
        assert_int_equal(layout_builtin(&r->layout, "grid"), 0);
    const struct comp_sink sink = {r, room_packet, room_need_key};
    const struct comp_conf comp_conf = comp_conf_of(conf);
    const struct comp_view_conf view_conf = view_conf_of(conf, r->layout);
    assert_int_equal(comp_create(&r->comp, &comp_conf, &sink), 0);
    assert_int_equal(comp_view_create(r->comp, &r->view, &view_conf), 0);
}

static inline struct comp_stream **room_stream(struct room *r, enum mcu_codec codec)
{
    return codec == MCU_CODEC_H264 ? &r->h264_stream : &r->vp8_stream;
}

static inline void room_watch(struct room *r, enum mcu_codec codec)
{
    struct comp_stream_conf conf = stream_conf_of(&r->conf, codec);
    conf.stream_ctx = codec == MCU_CODEC_H264 ? &r->h264 : &r->vp8;
    assert_int_equal(comp_stream_create(r->view, room_stream(r, codec), &conf), 0);
}

static inline void room_unwatch(struct room *r, enum mcu_codec codec)
{
    comp_stream_destroy(*room_stream(r, codec));
    *room_stream(r, codec) = NULL;
}

static inline void room_ask_key(struct room *r, enum mcu_codec codec, bool is_urgent)
{
    if (*room_stream(r, codec))
        comp_stream_request_key(*room_stream(r, codec), is_urgent);
}

static inline void room_close(struct room *r)
{
    comp_destroy(r->comp);
    layout_destroy(r->layout);
    eye_close(&r->h264);
    eye_close(&r->vp8);
    pthread_mutex_destroy(&r->lock);
    pthread_mutex_destroy(&r->gate);
}

static inline struct comp_source *room_add(struct room *r, enum mcu_codec codec, const char *user)
{
    const struct comp_source_conf conf = {.codec = codec, .user = user, .source_ctx = r};
    struct comp_source *s = NULL;
    assert_int_equal(comp_source_add(r->comp, &s, &conf), 0);
    return s;
}

static inline void room_tick(struct room *r, int ticks)
{
    for (int i = 0; i < ticks; i++) {
        comp_tick(r->comp, r->now_us);
        r->now_us += TICK_US;
    }
}

static inline struct comp_stats room_stats(struct room *r)
{
    struct comp_stats stats;
    comp_read_stats(r->comp, &stats);
    return stats;
}

static inline struct comp_source_stats source_stats(struct comp_source *s)
{
    struct comp_source_stats stats;
    comp_source_read_stats(s, &stats);
    return stats;
}

static inline void push_all(struct comp_source *s, struct clip *clip)
{
    for (size_t i = 0; i < clip->count; i++)
        assert_int_equal(comp_source_push(s, clip->packets[i]), 0);
}

/* One frame of one colour, a key frame, at pts_us. */
static inline void push_picture(struct comp_source *s, enum mcu_codec codec, int width, int height,
                                struct yuv colour, int64_t pts_us)
{
    struct clip clip;
    const struct maker_conf conf = {.codec = codec, .width = width, .height = height};
    clip_make(&clip, &conf, colour, 1, pts_us, TICK_US, 1);
    push_all(s, &clip);
    clip_free(&clip);
}

#endif
