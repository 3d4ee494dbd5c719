/* tests/unit/compositor/views.h - further views and streams of a room, for tests. */
#ifndef TESTS_UNIT_COMPOSITOR_VIEWS_H
#define TESTS_UNIT_COMPOSITOR_VIEWS_H

#include "tests/unit/compositor/room.h"

/* One who watches: a stream, and what comes out of it. */
struct viewer {
    struct eye eye;
    struct comp_stream *stream;
};

static inline struct comp_view *view_open(struct room *r, uint32_t width, uint32_t height,
                                          const struct layout *layout, const char *without)
{
    struct comp_view_conf conf = view_conf_of(&r->conf, layout);
    conf.width = width;
    conf.height = height;
    conf.without_user = without;
    struct comp_view *v = NULL;
    assert_int_equal(comp_view_create(r->comp, &v, &conf), 0);
    return v;
}

static inline void viewer_open_as(struct viewer *w, struct comp_view *v,
                                  const struct comp_stream_conf *wanted)
{
    struct comp_stream_conf conf = *wanted;
    conf.stream_ctx = &w->eye;
    eye_open(&w->eye, conf.codec);
    assert_int_equal(comp_stream_create(v, &w->stream, &conf), 0);
}

/* 0 x 0: as large as the view. */
static inline void viewer_open(struct viewer *w, struct room *r, struct comp_view *v,
                               enum mcu_codec codec, uint32_t width, uint32_t height)
{
    struct comp_stream_conf conf = stream_conf_of(&r->conf, codec);
    conf.width = width;
    conf.height = height;
    viewer_open_as(w, v, &conf);
}

/* After the room is closed, or its stream is destroyed. */
static inline void viewer_close(struct viewer *w)
{
    eye_close(&w->eye);
}

static inline size_t count_keys(const struct eye *e)
{
    size_t keys = 0;
    for (size_t i = 0; i < e->count; i++)
        keys += e->packets[i]->is_key;
    return keys;
}

/* A source that moves: a new frame at every tick. */
static inline struct comp_source *add_moving(struct room *r, struct clip *clip, int frames)
{
    const struct maker_conf conf = {.codec = MCU_CODEC_VP8, .width = 320, .height = 180};
    clip_make(clip, &conf, green, frames, 0, TICK_US, 10000);
    struct comp_source *s = room_add(r, MCU_CODEC_VP8, "mover");
    push_all(s, clip);
    return s;
}

#endif
