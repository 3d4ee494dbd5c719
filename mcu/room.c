/* A room's life: open makes transport, studio, feeds and tickers; close finishes recordings; events
 * from media threads are carried out here, on [ctl]. */
#include "mcu/room.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mcu/audio_conf.h"
#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "mcu/room_internal.h"

enum {
    EVENTS_MAX = 8192,
    /* Of the mix: beyond it a thread that could not run for a while goes on with what is new. */
    AUDIO_STALE_US = 200 * 1000,
    CHIME_VOLUME = 60, /* percent */
};

int mcu_room_create(struct mcu_room **out, void (*send)(void *ctx, const json_t *message),
                    void *ctx)
{
    struct mcu_room *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    const int err = mcu_queue_create(&r->events, EVENTS_MAX);
    if (err) {
        free(r);
        return err;
    }
    pthread_mutex_init(&r->tracks_lock, NULL);
    r->send = send;
    r->send_ctx = ctx;
    *out = r;
    return 0;
}

static void destroy_media(struct mcu_room *r)
{
    mcu_ticker_stop(r->audio_ticker);
    mcu_ticker_stop(r->video_ticker);
    r->audio_ticker = NULL;
    r->video_ticker = NULL;
    room_sounds_finish(r);
    room_pushes_finish(r);
    while (r->peer_count)
        room_remove_peer(r, r->peers[r->peer_count - 1]);
    room_inputs_finish(r);
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++) {
        room_marks_end(&r->recordings[i]);
        room_tracks_end(r, &r->recordings[i], mcu_now_us());
    }
    room_views_finish(r);
    mcu_studio_destroy(r->studio);
    for (size_t i = 0; i < MIX_OUTPUTS_MAX; i++)
        rtc_feed_destroy(r->audio_feeds[i]);
    rtc_feed_destroy(r->views.recorded_feed);
    rtc_destroy(r->rtc);
    room_layout_finish(r);
    room_submix_finish(r);
}

static void drop_event(void *item)
{
    struct room_event *e = item;
    mix_clip_unref(e->clip);
    free(e);
}

void mcu_room_destroy(struct mcu_room *r)
{
    if (!r)
        return;
    destroy_media(r);
    mcu_queue_destroy(r->events, drop_event);
    pthread_mutex_destroy(&r->tracks_lock);
    json_decref(r->session);
    free(r);
}

static void tick_audio(void *ctx, int64_t due_us)
{
    struct mcu_room *r = ctx;
    mcu_studio_tick_audio(r->studio, due_us);
}

static void tick_video(void *ctx, int64_t due_us)
{
    struct mcu_room *r = ctx;
    mcu_studio_tick_video(r->studio, due_us);
}

static uint32_t decoder_threads(const struct mcu_config *c)
{
    if (c->video.decoder_threads)
        return c->video.decoder_threads;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > 4 ? 4 : (uint32_t)cores;
}

uint32_t room_background(const struct mcu_room *r)
{
    return (uint32_t)strtoul(r->config.video.background + 1, NULL, 16);
}

static int open_studio(struct mcu_room *r)
{
    const struct mcu_config *c = &r->config;
    const int err = room_layout_open(r);
    if (err)
        return err;
    struct mcu_studio_conf conf = {
        .comp = {.fps = c->video.fps,
                 .workers = decoder_threads(c),
                 .freeze_us = c->video.freeze_ms * MCU_US_PER_MS},
        .view = {.width = c->video.width,
                 .height = c->video.height,
                 .background = room_background(r),
                 .has_labels = c->video.labels,
                 .has_avatars = c->video.avatars,
                 .transition_us = c->video.transition_ms * MCU_US_PER_MS,
                 .wall_offset_us = mcu_wall_ms() * MCU_US_PER_MS - mcu_now_us()},
        .layout = r->layout,
        .aac_bitrate_bps = c->recording.audio_bitrate_kbps * 1000,
        .fragment_ms = c->recording.fragment_ms,
    };
    mcu_audio_mix_conf(&conf.mix, c);
    room_recorded_conf(c, &conf.video);
    struct mcu_studio_sink sink;
    room_studio_sink(r, &sink);
    return mcu_studio_create(&r->studio, &conf, &sink);
}

static size_t copy_list(const char **out, const struct mcu_config_list *list)
{
    for (uint32_t i = 0; i < list->count && i < RTC_ADDRESSES_MAX; i++)
        out[i] = list->item[i];
    return list->count < RTC_ADDRESSES_MAX ? list->count : RTC_ADDRESSES_MAX;
}

static int open_transport(struct mcu_room *r)
{
    const struct mcu_config *c = &r->config;
    struct rtc_conf conf = {
        .port_min = (uint16_t)c->rtc.port_min,
        .port_max = (uint16_t)c->rtc.port_max,
        .has_loopback = c->rtc.loopback,
        .has_tcp = c->rtc.tcp,
        .dscp = (uint8_t)c->rtc.dscp,
        .is_one_port = strcmp(c->rtc.mode, "one-port") == 0 || strcmp(r->type, "broadcast") == 0,
        .stun_server = c->rtc.stun_server[0] ? c->rtc.stun_server : NULL,
        .turn = {.server = c->rtc.turn_server[0] ? c->rtc.turn_server : NULL,
                 .user = c->rtc.turn_user,
                 .password = c->rtc.turn_password,
                 .is_tcp = strcmp(c->rtc.turn_transport, "tcp") == 0,
                 .is_only = c->rtc.turn_only},
        .peers_per_thread = 32,
        .red_copies_max = c->audio.red_copies,
        .audio_channels = c->audio.original ? 2 : c->audio.channels,
        .audio_stale_us = AUDIO_STALE_US,
        .audio_bitrate_bps = c->audio.original ? 128000 : 0,
        .plain_address = c->rtc.plain_address[0] ? c->rtc.plain_address : NULL,
    };
    conf.listen_count = copy_list(conf.listen, &c->rtc.listen);
    conf.announced_count = copy_list(conf.announced, &c->rtc.announced);
    int err = rtc_create(&r->rtc, &conf);
    for (size_t i = 0; !err && i < MIX_OUTPUTS_MAX; i++)
        err = rtc_feed_create(r->rtc, &r->audio_feeds[i], MCU_CODEC_OPUS);
    return err;
}

static int start_tickers(struct mcu_room *r)
{
    const struct mcu_ticker_conf audio = {
        .name = "tick-audio",
        .ticks = 1,
        .per_us = MIX_TICK_US,
        .late_us = 10 * MCU_US_PER_MS,
        .skip_after_us = MCU_US_PER_S,
        .priority = 10, /* sound never waits for pictures */
        .tick = tick_audio,
        .ctx = r,
    };
    const int err = mcu_ticker_start(&r->audio_ticker, &audio);
    if (err)
        return err;
    /* Pictures that are late are not made up for: the next one shows what is due then. */
    const struct mcu_ticker_conf video = {
        .name = "tick-video",
        .ticks = r->config.video.fps,
        .per_us = MCU_US_PER_S,
        .late_us = MCU_US_PER_S / r->config.video.fps,
        .skip_after_us = MCU_US_PER_S / r->config.video.fps,
        .tick = tick_video,
        .ctx = r,
    };
    return mcu_ticker_start(&r->video_ticker, &video);
}

int room_open(struct mcu_room *r)
{
    int err = open_transport(r);
    if (!err)
        err = open_studio(r);
    if (!err)
        err = room_views_open(r);
    if (!err)
        err = start_tickers(r);
    if (err)
        return err;
    r->is_open = true;
    log_info("open: %ux%u at %u, layout %s", r->config.video.width, r->config.video.height,
             r->config.video.fps, r->config.video.layout);
    return 0;
}

void mcu_room_close(struct mcu_room *r)
{
    if (r->is_closing)
        return;
    r->is_closing = true;
    for (size_t i = 0; i < MCU_RECORDINGS_MAX; i++)
        room_record_stop(r, r->recordings[i].id);
    room_pushes_stop(r);
}

static bool takes_nothing(const struct mcu_room *r)
{
    return mcu_studio_recording_count(r->studio) == 0 && room_push_count(r) == 0;
}

bool mcu_room_is_closed(const struct mcu_room *r)
{
    return r->is_closing && (!r->is_open || takes_nothing(r));
}

bool mcu_room_is_open(const struct mcu_room *r)
{
    return r->is_open;
}

bool mcu_room_is_idle(const struct mcu_room *r)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        if (r->peers[i]->state == RTC_CONNECTED)
            return false;
    }
    return !r->is_open || takes_nothing(r);
}

void room_send_event(struct mcu_room *r, const char *name, json_t *fields)
{
    json_object_set_new(fields, "event", json_string(name));
    r->send(r->send_ctx, fields);
    json_decref(fields);
}

/* --- events from media threads --- */

static void peer_state(struct mcu_room *r, struct room_peer *p, const struct room_event *e)
{
    p->state = e->state;
    log_info("peer=%s user=%s %s%s%s", p->id, p->user, room_state_name(e->state),
             e->text[0] ? ": " : "", e->text);
    if (e->state == RTC_CONNECTED && !p->was_connected && r->config.audio.join_chime)
        room_sound_play_own(r, "join", CHIME_VOLUME);
    p->was_connected |= e->state == RTC_CONNECTED;
    if (e->state == RTC_CONNECTED)
        room_watch_need_key(p);
    room_send_event(r, "peer_state",
                    json_pack("{s:s,s:s,s:s}", "peer", p->id, "state", room_state_name(e->state),
                              "reason", e->text));
}

static enum mix_quality quality_of(enum rtc_audio_need need)
{
    switch (need) {
    case RTC_AUDIO_FEC:
        return MIX_FEC;
    case RTC_AUDIO_LOW:
        return MIX_LOW;
    case RTC_AUDIO_CLEAN:
        break;
    }
    return MIX_CLEAN;
}

void room_apply_audio_quality(struct room_peer *p)
{
    mcu_seat_set_quality(p->seat,
                         p->watch.is_audio_low ? MIX_LOW : quality_of(p->audio_need));
}

static void take_event(struct mcu_room *r, const struct room_event *e)
{
    if (e->kind == ROOM_EVENT_RECORDING) {
        room_part_ended(r, e->text, e->part, &e->result);
        return;
    }
    if (e->kind == ROOM_EVENT_LIVE) {
        room_push_changed(r, e->text);
        return;
    }
    if (e->kind == ROOM_EVENT_CLIP) {
        room_sound_loaded(r, e);
        return;
    }
    struct room_peer *p = room_find_seat(r, e->seat_id);
    if (!p)
        return; /* it left meanwhile */
    switch (e->kind) {
    case ROOM_EVENT_STATE:
        peer_state(r, p, e);
        break;
    case ROOM_EVENT_CANDIDATE:
        room_send_event(r, "candidate",
                        json_pack("{s:s,s:s}", "peer", p->id, "candidate", e->text));
        break;
    case ROOM_EVENT_VIDEO_CODEC:
        room_open_video(p, e->picture, e->codec);
        break;
    case ROOM_EVENT_NEED_KEY:
        rtc_peer_request_key(p->rtc, (enum rtc_picture)e->picture);
        break;
    case ROOM_EVENT_AUDIO_NEED:
        p->audio_need = e->need;
        room_apply_audio_quality(p);
        break;
    case ROOM_EVENT_ESTIMATE:
        atomic_store(&p->watch.has_posted_estimate, false);
        room_watch_update(p, mcu_now_us());
        break;
    case ROOM_EVENT_TUNED:
        room_watch_tuned(p, e->feed);
        break;
    case ROOM_EVENT_WATCH_KEY:
        atomic_store(&p->watch.has_posted_key, false);
        room_watch_need_key(p);
        break;
    case ROOM_EVENT_RECORDING:
    case ROOM_EVENT_LIVE:
    case ROOM_EVENT_CLIP:
        break;
    }
}

int mcu_room_events_fd(const struct mcu_room *r)
{
    return mcu_queue_fd(r->events);
}

void mcu_room_take_events(struct mcu_room *r)
{
    uint64_t count;
    if (read(mcu_queue_fd(r->events), &count, sizeof(count)) < 0 && errno != EAGAIN)
        log_warn("events: %s", strerror(errno));
    for (struct room_event *e; (e = mcu_queue_try_take(r->events));) {
        take_event(r, e);
        free(e);
    }
}

void mcu_room_housekeep(struct mcu_room *r, int64_t now_us)
{
    if (!r->is_open)
        return;
    for (size_t i = 0; i < r->peer_count; i++)
        mcu_seat_align_lips(r->peers[i]->seat);
    room_place_voices(r);
    room_sounds_housekeep(r);
    room_inputs_housekeep(r, now_us);
    room_load_housekeep(r, now_us);
    room_views_housekeep(r, now_us);
    room_parts_housekeep(r, now_us);
    room_stills_housekeep(r, now_us);
    room_snapshots_housekeep(r, now_us);
    room_pushes_housekeep(r, now_us);
    room_report(r, now_us);
}
