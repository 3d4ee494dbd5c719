/* Streams: one encoder for all who watch a view in one codec at one tier. [ctl], save where
 * encoders call back.
 *
 * What a recording takes is the studio's own stream, which lives as long as it records and never
 * changes; whoever watches the same picture then is sent that one, too. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/log.h"
#include "mcu/room_internal.h"

enum {
    FEW_FPS = 5,         /* so few frames are not made fewer */
    FASTEST_SPEED = -16, /* cpu-used */
};

/* --- ladders ---------------------------------------------------------------------------------- */

static int index_of(enum mcu_codec codec)
{
    switch (codec) {
    case MCU_CODEC_H264:
        return 0;
    case MCU_CODEC_VP8:
        return 1;
    case MCU_CODEC_VP9:
        return 2;
    default:
        return -1;
    }
}

const struct mcu_ladder *room_view_ladder(const struct room_view *v, enum mcu_codec codec)
{
    const int i = index_of(codec);
    return i < 0 ? NULL : &v->ladders[i];
}

static enum comp_engine engine_of(const struct room_view *v, const struct mcu_rung *rung,
                                  bool is_fast, bool is_screen)
{
    const char *engine = v->room->config.video.engine;
    if (strcmp(engine, "openh264") == 0)
        return COMP_ENGINE_OPENH264;
    if (strcmp(engine, "x264") == 0)
        return COMP_ENGINE_X264;
    const struct comp_engine_need need = {
        .width = rung->width,
        .height = rung->height,
        .temporal_layers = rung->temporal_layers,
        .is_screen = is_screen,
        .is_personal = v->kind == ROOM_VIEW_OWN,
        .is_overloaded = is_fast,
    };
    return comp_engine_for(&need);
}

/* Layers are had where the library that makes the tier anyway has them. */
static uint32_t layered(const struct room_view *v, const struct mcu_ladder_conf *conf)
{
    if (conf->codec != MCU_CODEC_H264)
        return MCU_TIERS_ALL;
    struct mcu_ladder plain;
    mcu_ladder_init(&plain, conf);
    uint32_t tiers = 0;
    for (int t = 0; t < MCU_TIERS; t++) {
        if (engine_of(v, &plain.rungs[t], false, false) == COMP_ENGINE_OPENH264)
            tiers |= 1u << t;
    }
    /* What is recorded has none, and so what is sent when nobody records. */
    return v->kind == ROOM_VIEW_MAIN ? tiers & ~(1u << mcu_ladder_top(&plain)) : tiers;
}

void room_view_make_ladders(struct room_view *v)
{
    static const enum mcu_codec codecs[] = {MCU_CODEC_H264, MCU_CODEC_VP8, MCU_CODEC_VP9};
    for (size_t i = 0; i < ROOM_CODECS; i++) {
        struct mcu_ladder_conf conf = {
            .width = v->width,
            .height = v->height,
            .fps = v->fps,
            .bitrate_bps = v->bitrate_bps,
            .codec = codecs[i],
        };
        conf.layered = layered(v, &conf);
        mcu_ladder_init(&v->ladders[i], &conf);
    }
}

/* --- one stream ------------------------------------------------------------------------------- */

static const struct mcu_rung *rung_of(const struct room_view *v, enum mcu_codec codec,
                                      enum mcu_tier tier)
{
    return &room_view_ladder(v, codec)->rungs[tier];
}

static uint32_t fps_of(const struct room_view *v, enum mcu_codec codec, enum mcu_tier tier)
{
    const uint32_t fps = rung_of(v, codec, tier)->fps;
    return fps <= FEW_FPS ? fps : mcu_overload_fps(v->room->views.overload.step, fps);
}

/* Whether it is the picture that recordings take. */
static bool is_for_recordings(const struct room_view *v, enum mcu_codec codec, enum mcu_tier tier)
{
    return v->kind == ROOM_VIEW_MAIN && codec == MCU_CODEC_H264 &&
           tier == mcu_ladder_top(room_view_ladder(v, codec));
}

/* What a stream has to be like now. */
static void fill_wish(struct room_stream *s, struct room_view *v, enum mcu_codec codec,
                      enum mcu_tier tier)
{
    const struct mcu_room *r = v->room;
    *s = (struct room_stream){.view = v, .codec = codec, .tier = tier};
    s->is_recorded = is_for_recordings(v, codec, tier) && mcu_studio_is_tapped(r->studio);
    if (s->is_recorded)
        return;
    s->is_fast = mcu_overload_is_fast(r->views.overload.step);
    s->is_screen = room_is_sharing(r);
}

static bool is_like(const struct room_stream *s, const struct room_stream *wish)
{
    return s->codec == wish->codec && s->tier == wish->tier && s->is_fast == wish->is_fast &&
           s->is_screen == wish->is_screen && s->is_recorded == wish->is_recorded;
}

bool room_stream_is_right(const struct room_stream *s)
{
    struct room_stream wish;
    fill_wish(&wish, s->view, s->codec, s->tier);
    return is_like(s, &wish);
}

static int start_own(struct room_stream *s)
{
    struct mcu_room *r = s->view->room;
    const struct mcu_rung *rung = rung_of(s->view, s->codec, s->tier);
    struct comp_stream_conf conf = {
        .codec = s->codec,
        .engine = engine_of(s->view, rung, s->is_fast, s->is_screen),
        .width = rung->width,
        .height = rung->height,
        .fps = fps_of(s->view, s->codec, s->tier),
        .bitrate_bps = rung->bitrate_bps,
        .speed = s->is_fast ? FASTEST_SPEED : -(int)r->config.video.vp8_speed,
        .threads = 1,
        .temporal_layers = rung->temporal_layers,
        .is_screen = s->is_screen,
        .key_every_us = rung->key_every_us,
        .stream_ctx = s,
    };
    snprintf(conf.preset, sizeof(conf.preset), "%.15s",
             s->is_fast ? "ultrafast" : r->config.video.preset);
    const int err = rtc_feed_create(r->rtc, &s->feed, s->codec);
    return err ? err : comp_stream_create(s->view->view, &s->stream, &conf);
}

static int start_recorded(struct room_stream *s)
{
    struct mcu_room *r = s->view->room;
    const int err = mcu_studio_watch(r->studio);
    if (!err)
        s->feed = r->views.recorded_feed;
    return err;
}

static void stop(struct room_stream *s)
{
    struct mcu_room *r = s->view->room;
    if (s->is_recorded) {
        if (s->feed)
            mcu_studio_unwatch(r->studio);
        return;
    }
    comp_stream_destroy(s->stream); /* on return it pushes no more */
    rtc_feed_destroy(s->feed);
}

static struct room_stream *start(const struct room_stream *wish)
{
    struct room_stream *s = malloc(sizeof(*s));
    if (!s)
        return NULL;
    *s = *wish;
    const int err = s->is_recorded ? start_recorded(s) : start_own(s);
    if (err) {
        log_error("view %s: no %s at %s: %s", s->view->name, mcu_codec_name(s->codec),
                  mcu_tier_name(s->tier), strerror(-err));
        stop(s);
        free(s);
        return NULL;
    }
    s->next = s->view->streams;
    s->view->streams = s;
    log_debug("view %s: %s at %s begins", s->view->name, mcu_codec_name(s->codec),
              mcu_tier_name(s->tier));
    return s;
}

struct room_stream *room_stream_get(struct room_view *v, enum mcu_codec codec, enum mcu_tier tier)
{
    struct room_stream wish;
    fill_wish(&wish, v, codec, tier);
    struct room_stream *s = v->streams;
    while (s && !is_like(s, &wish))
        s = s->next;
    if (!s)
        s = start(&wish);
    if (s)
        s->users++;
    return s;
}

void room_stream_put(struct room_stream *s)
{
    if (!s || --s->users > 0)
        return;
    struct room_stream **at = &s->view->streams;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    log_debug("view %s: %s at %s ends", s->view->name, mcu_codec_name(s->codec),
              mcu_tier_name(s->tier));
    stop(s);
    free(s);
}

void room_stream_request_key(struct room_stream *s)
{
    if (s->stream)
        comp_stream_request_key(s->stream, false);
    else
        mcu_studio_request_key(s->view->room->studio, false);
}

/* --- recordings ------------------------------------------------------------------------------- */

static void recorded_at(const struct mcu_config *c, const struct mcu_rung *rung,
                        struct comp_stream_conf *conf)
{
    *conf = (struct comp_stream_conf){
        .codec = MCU_CODEC_H264,
        .engine =
            strcmp(c->video.engine, "openh264") == 0 ? COMP_ENGINE_OPENH264 : COMP_ENGINE_X264,
        .width = rung->width,
        .height = rung->height,
        .fps = rung->fps,
        .bitrate_bps = rung->bitrate_bps,
        .speed = -(int)c->video.vp8_speed,
        .threads = 1,
        .temporal_layers = 1,
        .key_every_us = rung->key_every_us,
    };
    snprintf(conf->preset, sizeof(conf->preset), "%.15s", c->video.preset);
}

void room_recorded_conf(const struct mcu_config *c, struct comp_stream_conf *conf)
{
    const struct mcu_ladder_conf ladder_conf = {
        .width = c->video.width,
        .height = c->video.height,
        .fps = c->video.fps,
        .bitrate_bps = c->video.bitrate_kbps * 1000,
        .codec = MCU_CODEC_H264,
    };
    struct mcu_ladder l;
    mcu_ladder_init(&l, &ladder_conf);
    recorded_at(c, &l.rungs[mcu_ladder_top(&l)], conf);
}

void room_view_recorded_conf(const struct room_view *v, struct comp_stream_conf *conf)
{
    const struct mcu_ladder *l = room_view_ladder(v, MCU_CODEC_H264);
    recorded_at(&v->room->config, &l->rungs[mcu_ladder_top(l)], conf);
}

enum mcu_codec room_best_codec(const struct mcu_room *r)
{
    const struct mcu_ladder *l = room_view_ladder(r->views.first, MCU_CODEC_H264);
    return l->rungs[mcu_ladder_top(l)].needs_level_4 ? MCU_CODEC_VP8 : MCU_CODEC_H264;
}

/* --- all of them ------------------------------------------------------------------------------ */

static void set_rate_of_recording(struct mcu_room *r, const struct room_recording *recording)
{
    const struct room_view *v = recording->view;
    if (!recording->id[0] || v->kind == ROOM_VIEW_MAIN)
        return;
    const struct mcu_ladder *l = room_view_ladder(v, MCU_CODEC_H264);
    const uint32_t fps = fps_of(v, MCU_CODEC_H264, mcu_ladder_top(l));
    mcu_studio_record_set_rate(
        r->studio, recording->id,
        recording->bitrate_bps ? recording->bitrate_bps : l->rungs[mcu_ladder_top(l)].bitrate_bps,
        recording->fps && recording->fps < fps ? recording->fps : fps);
}

static void set_rate_of_push(const struct room_push *push)
{
    if (!push->id[0] || push->view->kind == ROOM_VIEW_MAIN)
        return;
    const struct mcu_ladder *l = room_view_ladder(push->view, MCU_CODEC_H264);
    mcu_push_set_rate(push->push, l->rungs[mcu_ladder_top(l)].bitrate_bps,
                      fps_of(push->view, MCU_CODEC_H264, mcu_ladder_top(l)));
}

void room_streams_set_rates(struct mcu_room *r)
{
    for (const struct room_view *v = r->views.first; v; v = v->next) {
        for (struct room_stream *s = v->streams; s; s = s->next) {
            if (s->stream)
                comp_stream_set_rate(s->stream, rung_of(v, s->codec, s->tier)->bitrate_bps,
                                     fps_of(v, s->codec, s->tier));
        }
    }
    const struct room_view *main_view = r->views.first;
    const struct mcu_ladder *l = room_view_ladder(main_view, MCU_CODEC_H264);
    mcu_studio_set_rate(r->studio, l->rungs[mcu_ladder_top(l)].bitrate_bps,
                        fps_of(main_view, MCU_CODEC_H264, mcu_ladder_top(l)));
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++)
        set_rate_of_recording(r, &r->recordings[i]);
    for (size_t i = 0; i < ROOM_PUSHES_MAX; i++)
        set_rate_of_push(&r->pushes[i]);
}

json_t *room_streams_count(const struct mcu_room *r)
{
    int counts[MCU_TIERS] = {0};
    for (const struct room_view *v = r->views.first; v; v = v->next) {
        for (const struct room_stream *s = v->streams; s; s = s->next)
            counts[s->tier]++;
    }
    json_t *json = json_object();
    for (int t = 0; t < MCU_TIERS; t++)
        json_object_set_new(json, mcu_tier_name((enum mcu_tier)t), json_integer(counts[t]));
    return json;
}

void room_stream_packet(struct mcu_room *r, void *stream_ctx, struct mcu_packet *packet)
{
    const struct room_stream *s = stream_ctx;
    rtc_feed_push(s ? s->feed : r->views.recorded_feed, packet);
}
