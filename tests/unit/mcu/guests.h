/* tests/unit/mcu/guests.h - people in a room that runs inside the test: real transport over
 * loopback at both ends, cameras of one colour each, and eyes that know what colour they see. [ctl]
 * of the room and of the guests is the test's thread. */
#ifndef TESTS_UNIT_MCU_GUESTS_H
#define TESTS_UNIT_MCU_GUESTS_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>

#include "mcu/base/clock.h"
#include "mcu/config.h"
#include "mcu/control.h"
#include "mcu/room.h"
#include "transport/rtc.h"

enum {
    CAMERA_WIDTH = 160,
    CAMERA_HEIGHT = 90,
    LOOP = 10, /* pictures, the first of them a key frame */
    COLOURS = 3,
    GUESTS_MAX = 24,
    PICTURE_US = 100 * 1000,
    PATIENCE_S = 60,
};

enum colour { RED, GREEN, BLUE, NO_COLOUR };

static const uint8_t colours[COLOURS][3] = {{82, 90, 240}, {145, 54, 34}, {41, 240, 110}};

/* What a guest saw last. */
struct sight {
    int frames;
    int keys;
    int width, height;
    enum colour left, right;
};

struct guest {
    char id[24];
    struct rtc_peer *rtc;
    struct rtc_feed *video;
    enum colour colour; /* NO_COLOUR: it has no camera */
    enum mcu_codec codec;
    atomic_int state;
    pthread_mutex_t lock;
    AVCodecContext *decoder; /* under the lock, as what follows */
    AVFrame *frame;
    AVPacket *packet;
    struct sight sight;
};

struct stage {
    struct mcu_room *room;
    struct rtc *rtc;
    json_t *reply;
    json_t *events; /* {name: newest of it} */
    json_t *recordings; /* every `recording`, in order */
    int counts_recording_ready;
    struct guest *guests[GUESTS_MAX];
    struct mcu_packet *cameras[COLOURS][LOOP];
    int64_t next_picture_us;
    int64_t next_housekeep_us;
    unsigned number;
};

/* --- cameras ---------------------------------------------------------------------------------- */

static inline AVCodecContext *open_camera(void)
{
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_encoder_by_name("libvpx"));
    c->width = CAMERA_WIDTH;
    c->height = CAMERA_HEIGHT;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->time_base = (AVRational){1, 10};
    c->gop_size = LOOP;
    c->thread_count = 1;
    av_opt_set(c->priv_data, "deadline", "realtime", 0);
    av_opt_set_int(c->priv_data, "lag-in-frames", 0, 0);
    assert_int_equal(avcodec_open2(c, NULL, NULL), 0);
    return c;
}

static inline void make_camera(struct mcu_packet **out, const uint8_t yuv[3])
{
    AVCodecContext *c = open_camera();
    AVFrame *f = av_frame_alloc();
    AVPacket *p = av_packet_alloc();
    f->width = CAMERA_WIDTH;
    f->height = CAMERA_HEIGHT;
    f->format = AV_PIX_FMT_YUV420P;
    assert_int_equal(av_frame_get_buffer(f, 0), 0);
    for (int n = 0; n < LOOP; n++) {
        assert_int_equal(av_frame_make_writable(f), 0);
        /* A little brighter each time, so that there is always something new. */
        memset(f->data[0], yuv[0] + n, (size_t)(f->linesize[0] * CAMERA_HEIGHT));
        memset(f->data[1], yuv[1], (size_t)(f->linesize[1] * CAMERA_HEIGHT / 2));
        memset(f->data[2], yuv[2], (size_t)(f->linesize[2] * CAMERA_HEIGHT / 2));
        f->pts = n;
        assert_int_equal(avcodec_send_frame(c, f), 0);
        assert_int_equal(avcodec_receive_packet(c, p), 0);
        out[n] = mcu_packet_copy(p->data, (size_t)p->size);
        out[n]->codec = MCU_CODEC_VP8;
        out[n]->is_key = (p->flags & AV_PKT_FLAG_KEY) != 0;
        av_packet_unref(p);
    }
    av_packet_free(&p);
    av_frame_free(&f);
    avcodec_free_context(&c);
}

static inline void push_picture(struct guest *g, const struct mcu_packet *of, int64_t pts_us)
{
    struct mcu_packet *p = mcu_packet_copy(of->data, of->size);
    p->codec = of->codec;
    p->is_key = of->is_key;
    p->pts_us = p->dts_us = pts_us;
    rtc_feed_push(g->video, p);
    mcu_packet_unref(p);
}

static inline void send_pictures(struct stage *s, int64_t now_us)
{
    if (now_us < s->next_picture_us)
        return;
    s->next_picture_us = now_us + PICTURE_US;
    for (int i = 0; i < GUESTS_MAX; i++) {
        struct guest *g = s->guests[i];
        if (g && g->colour != NO_COLOUR)
            push_picture(g, s->cameras[g->colour][s->number % LOOP], now_us);
    }
    s->number++;
}

/* --- eyes ------------------------------------------------------------------------------------- */

/* Of the middle of the left (0) or right (1) half. */
static inline enum colour colour_at(const AVFrame *f, int half)
{
    const int x = f->width * (1 + 2 * half) / 4 / 2;
    const int y = f->height / 2 / 2;
    const int u = f->data[1][y * f->linesize[1] + x];
    const int v = f->data[2][y * f->linesize[2] + x];
    for (int i = 0; i < COLOURS; i++) {
        if (abs(u - colours[i][1]) < 24 && abs(v - colours[i][2]) < 24)
            return (enum colour)i;
    }
    return NO_COLOUR;
}

static inline void look(struct guest *g, const struct mcu_packet *packet)
{
    g->packet->data = packet->data;
    g->packet->size = (int)packet->size;
    if (avcodec_send_packet(g->decoder, g->packet) < 0)
        return;
    while (avcodec_receive_frame(g->decoder, g->frame) == 0) {
        g->sight.width = g->frame->width;
        g->sight.height = g->frame->height;
        g->sight.left = colour_at(g->frame, 0);
        g->sight.right = colour_at(g->frame, 1);
        av_frame_unref(g->frame);
    }
}

static inline void guest_on_video(void *ctx, enum rtc_picture picture, struct mcu_packet *packet)
{
    struct guest *g = ctx;
    (void)picture;
    pthread_mutex_lock(&g->lock);
    g->sight.frames++;
    g->sight.keys += packet->is_key;
    look(g, packet);
    pthread_mutex_unlock(&g->lock);
}

static inline struct sight sees(struct guest *g)
{
    pthread_mutex_lock(&g->lock);
    const struct sight s = g->sight;
    pthread_mutex_unlock(&g->lock);
    return s;
}

static inline void open_eyes(struct guest *g)
{
    const enum AVCodecID id = g->codec == MCU_CODEC_H264 ? AV_CODEC_ID_H264 : AV_CODEC_ID_VP8;
    g->decoder = avcodec_alloc_context3(avcodec_find_decoder(id));
    g->decoder->thread_count = 1;
    g->decoder->flags |= AV_CODEC_FLAG_LOW_DELAY;
    assert_int_equal(avcodec_open2(g->decoder, NULL, NULL), 0);
    g->frame = av_frame_alloc();
    g->packet = av_packet_alloc();
    g->sight.left = g->sight.right = NO_COLOUR;
}

/* --- the room --------------------------------------------------------------------------------- */

static inline struct guest *find_guest(struct stage *s, const char *id)
{
    for (int i = 0; i < GUESTS_MAX; i++) {
        if (s->guests[i] && strcmp(s->guests[i]->id, id) == 0)
            return s->guests[i];
    }
    return NULL;
}

static inline void on_event(struct stage *s, const json_t *message)
{
    const char *name = json_string_value(json_object_get(message, "event"));
    const char *id = json_string_value(json_object_get(message, "peer"));
    assert_non_null(name);
    char key[64];
    snprintf(key, sizeof(key), "%s%s%s", name, id ? " " : "", id ? id : "");
    json_object_set_new(s->events, key, json_deep_copy(message));
    if (strcmp(name, "recording") == 0)
        json_array_append_new(s->recordings, json_deep_copy(message));
    if (strcmp(name, "recording") == 0 &&
        strcmp(json_string_value(json_object_get(message, "state")), "ready") == 0)
        s->counts_recording_ready++;
    struct guest *g = id ? find_guest(s, id) : NULL;
    if (g && strcmp(name, "candidate") == 0)
        rtc_peer_add_candidate(g->rtc, json_string_value(json_object_get(message, "candidate")));
}

static inline void on_send(void *ctx, const json_t *message)
{
    struct stage *s = ctx;
    if (!json_object_get(message, "reply")) {
        on_event(s, message);
        return;
    }
    json_decref(s->reply);
    s->reply = json_deep_copy(message);
}

/* Returns the code of the refusal, or NULL. Steals command. */
static inline const char *ask(struct stage *s, json_t *command)
{
    assert_non_null(command);
    mcu_room_command(s->room, command);
    json_decref(command);
    if (json_is_true(json_object_get(s->reply, "ok")))
        return NULL;
    return json_string_value(json_object_get(json_object_get(s->reply, "error"), "code"));
}

static inline void tell(struct stage *s, json_t *command)
{
    const char *code = ask(s, command);
    if (code)
        fail_msg("refused: %s", code);
}

static inline void turn(struct stage *s)
{
    struct pollfd fd = {.fd = mcu_room_events_fd(s->room), .events = POLLIN};
    poll(&fd, 1, 2);
    mcu_room_take_events(s->room);
    const int64_t now_us = mcu_now_us();
    send_pictures(s, now_us);
    if (now_us < s->next_housekeep_us)
        return;
    s->next_housekeep_us = now_us + 100 * MCU_US_PER_MS;
    mcu_room_housekeep(s->room, now_us);
}

static inline void run_for(struct stage *s, int ms)
{
    const int64_t end_us = mcu_now_us() + ms * MCU_US_PER_MS;
    while (mcu_now_us() < end_us)
        turn(s);
}

/* The newest event of that name (and about that guest), or NULL. */
static inline const json_t *newest(const struct stage *s, const char *name, const struct guest *g)
{
    char key[64];
    snprintf(key, sizeof(key), "%s%s%s", name, g ? " " : "", g ? g->id : "");
    return json_object_get(s->events, key);
}

/* Turns until the condition holds. */
#define UNTIL(s, condition)                                                                        \
    do {                                                                                           \
        const int64_t end_us = mcu_now_us() + PATIENCE_S * MCU_US_PER_S;                           \
        while (!(condition)) {                                                                     \
            if (mcu_now_us() >= end_us)                                                            \
                fail_msg("never: %s", #condition);                                                 \
            turn(s);                                                                               \
        }                                                                                          \
    } while (0)

/* --- guests ----------------------------------------------------------------------------------- */

static inline void guest_on_state(void *ctx, enum rtc_state state, const char *reason)
{
    (void)reason;
    atomic_store(&((struct guest *)ctx)->state, (int)state);
}

/* Their network is not to be judged: how busy this machine is would decide what they see. */
static inline void forget_feedback(struct mcu_desc *desc)
{
    for (size_t i = 0; i < desc->media_count; i++) {
        desc->media[i].ext.transport_cc = 0;
        for (size_t c = 0; c < desc->media[i].codec_count; c++)
            desc->media[i].codecs[c].has_transport_cc = desc->media[i].codecs[c].has_remb = false;
    }
}

/* A silent guest is known to the room, but never answers: nothing comes through. */
static inline void offer(struct stage *s, struct guest *g, bool is_silent)
{
    struct mcu_desc *desc = calloc(1, sizeof(*desc));
    assert_non_null(desc);
    const enum mcu_direction video = g->colour == NO_COLOUR ? MCU_RECVONLY : MCU_SENDRECV;
    assert_int_equal(rtc_peer_offer(g->rtc, MCU_INACTIVE, video, g->codec, desc), 0);
    forget_feedback(desc);
    tell(s, json_pack("{s:s,s:s,s:o}", "cmd", "peer_offer", "peer", g->id, "desc",
                      mcu_desc_to_json(desc)));
    assert_int_equal(mcu_desc_from_json(desc, json_object_get(s->reply, "desc")), 0);
    if (!is_silent)
        assert_int_equal(rtc_peer_answered(g->rtc, desc), 0);
    free(desc);
    if (g->colour != NO_COLOUR)
        rtc_peer_tune(g->rtc, MCU_VIDEO, g->video);
}

/* Takes a seat, and says nothing yet. */
static inline struct guest *enter(struct stage *s, int i, enum colour colour, enum mcu_codec codec)
{
    struct guest *g = calloc(1, sizeof(*g));
    assert_non_null(g);
    snprintf(g->id, sizeof(g->id), "guest-%d", i);
    g->colour = colour;
    g->codec = codec;
    pthread_mutex_init(&g->lock, NULL);
    open_eyes(g);
    s->guests[i] = g; /* from here on tear_down() frees it */
    const struct rtc_peer_sink sink = {
        .ctx = g, .on_state = guest_on_state, .on_video = guest_on_video};
    assert_int_equal(rtc_peer_create(s->rtc, &g->rtc, &sink), 0);
    assert_int_equal(rtc_feed_create(s->rtc, &g->video, MCU_CODEC_VP8), 0);
    tell(s, json_pack("{s:s,s:s,s:s}", "cmd", "peer_add", "peer", g->id, "user", g->id));
    return g;
}

/* Cameras are VP8, so who has one sees VP8. */
static inline struct guest *come(struct stage *s, int i, enum colour colour, enum mcu_codec codec,
                                 bool is_silent)
{
    struct guest *g = enter(s, i, colour, codec);
    offer(s, g, is_silent);
    return g;
}

static inline struct guest *join(struct stage *s, int i, enum colour colour, enum mcu_codec codec)
{
    return come(s, i, colour, codec, false);
}

static inline void free_guest(struct stage *s, int i)
{
    struct guest *g = s->guests[i];
    if (!g)
        return;
    s->guests[i] = NULL;
    rtc_peer_destroy(g->rtc); /* nothing looks any more */
    rtc_feed_destroy(g->video);
    avcodec_free_context(&g->decoder);
    av_frame_free(&g->frame);
    av_packet_free(&g->packet);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static inline void leave(struct stage *s, int i)
{
    tell(s, json_pack("{s:s,s:s}", "cmd", "peer_remove", "peer", s->guests[i]->id));
    free_guest(s, i);
}

static inline bool sees_colours(struct guest *g, enum colour left, enum colour right)
{
    const struct sight s = sees(g);
    return s.left == left && s.right == right;
}

/* --- what is asked and told ------------------------------------------------------------------- */

/* A layout of one cell, for that user only. */
static inline json_t *layout_of(const char *user)
{
    char source[40];
    snprintf(source, sizeof(source), "user:%s", user);
    return json_pack("{s:s,s:[{s:s,s:[{s:i,s:i,s:i,s:i,s:s}]}]}", "name", "one", "variants",
                     "people", "1-", "cells", "x", 0, "y", 0, "w", 1, "h", 1, "source", source);
}

static inline json_t *watch(const struct guest *g, const char *key, const char *value)
{
    return json_pack("{s:s,s:s,s:s}", "cmd", "peer_watch", "peer", g->id, key, value);
}

static inline size_t views(struct stage *s)
{
    tell(s, json_pack("{s:s}", "cmd", "view_list"));
    return json_array_size(json_object_get(s->reply, "views"));
}

static inline const char *text(const json_t *event, const char *key)
{
    const char *value = json_string_value(json_object_get(event, key));
    return value ? value : "";
}

/* --- set-up ----------------------------------------------------------------------------------- */

/* A canvas of 704x396: one step above 360p, so that its key frames are rare. */
static inline void stage_config(struct mcu_config *c)
{
    mcu_config_init(c);
    c->rtc.loopback = true;
    c->room.overload = false;
    c->video.width = 704;
    c->video.height = 396;
    c->video.fps = 10;
    c->video.bitrate_kbps = 400;
    c->video.labels = false;
    c->video.transition_ms = 0;
    snprintf(c->video.preset, sizeof(c->video.preset), "ultrafast");
    c->video.vp8_speed = 16;
}

static inline void open_stage(struct stage *s, const struct mcu_config *c, const char *type)
{
    assert_int_equal(mcu_room_create(&s->room, on_send, s), 0);
    tell(s, json_pack("{s:s,s:s,s:s,s:o}", "cmd", "open", "room", "r", "type", type, "config",
                      mcu_config_to_json(c)));
}

static inline void open_room(struct stage *s, const char *type)
{
    struct mcu_config c;
    stage_config(&c);
    open_stage(s, &c, type);
}

static inline int stage_set_up(void **state)
{
    struct stage *s = calloc(1, sizeof(*s));
    *state = s;
    s->events = json_object();
    s->recordings = json_array();
    for (int i = 0; i < COLOURS; i++)
        make_camera(s->cameras[i], colours[i]);
    const struct rtc_conf conf = {.has_loopback = true};
    return rtc_create(&s->rtc, &conf);
}

static inline int stage_tear_down(void **state)
{
    struct stage *s = *state;
    for (int i = 0; i < GUESTS_MAX; i++)
        free_guest(s, i);
    mcu_room_destroy(s->room);
    rtc_destroy(s->rtc);
    json_decref(s->reply);
    json_decref(s->events);
    json_decref(s->recordings);
    for (int i = 0; i < COLOURS; i++) {
        for (int n = 0; n < LOOP; n++)
            mcu_packet_unref(s->cameras[i][n]);
    }
    free(s);
    return 0;
}

#endif
