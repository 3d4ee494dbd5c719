/* What media threads call in a room: packets go straight on, everything else becomes an event for
 * [ctl]. Nothing here looks at the room's lists.
 *
 * [net]: on_peer_*; [tick-a]: on_mix, on_assign; [enc]: on_picture; [dec]: on_need_key; [rec]:
 * on_recording. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/log.h"
#include "mcu/room_internal.h"

bool room_post(struct mcu_room *r, const struct room_event *event, const char *text)
{
    struct room_event *copy = malloc(sizeof(*copy));
    if (!copy)
        return false;
    *copy = *event;
    snprintf(copy->text, sizeof(copy->text), "%s", text ? text : "");
    if (mcu_queue_put(r->events, copy) == 0)
        return true;
    log_warn("event queue full: an event is lost");
    free(copy);
    return false;
}

/* --- studio --- */

static void on_mix(void *ctx, uint32_t output, struct mcu_packet *packet)
{
    struct mcu_room *r = ctx;
    rtc_feed_push(r->audio_feeds[output], packet);
}

static void on_assign(void *ctx, void *seat_ctx, int32_t output)
{
    struct mcu_room *r = ctx;
    struct room_peer *p = seat_ctx;
    rtc_peer_tune(p->rtc, MCU_AUDIO, output == MIX_NOTHING ? NULL : r->audio_feeds[output]);
}

/* The place is all that [tick] may look at: [ctl] looks there by and by. */
static void on_sound_end(void *ctx, void *sound_ctx)
{
    struct mcu_room *r = ctx;
    const uint32_t serial = (uint32_t)(uintptr_t)sound_ctx;
    atomic_store(&r->ended_sounds[serial % MIX_SOUNDS_MAX], serial);
}

static void on_picture(void *ctx, void *stream_ctx, struct mcu_packet *packet)
{
    room_stream_packet(ctx, stream_ctx, packet);
}

static void on_need_key(void *ctx, uint32_t seat_id, enum mcu_picture picture)
{
    const struct room_event event = {
        .kind = ROOM_EVENT_NEED_KEY,
        .seat_id = seat_id,
        .picture = picture,
    };
    room_post(ctx, &event, NULL);
}

static void on_recording(void *ctx, const char *id, uint32_t part,
                         const struct rec_result *result)
{
    const struct room_event event = {
        .kind = ROOM_EVENT_RECORDING, .result = *result, .part = part};
    room_post(ctx, &event, id);
}

void room_studio_sink(struct mcu_room *r, struct mcu_studio_sink *sink)
{
    *sink = (struct mcu_studio_sink){
        .ctx = r,
        .on_audio = on_mix,
        .on_assign = on_assign,
        .on_sound_end = on_sound_end,
        .on_video = on_picture,
        .on_need_key = on_need_key,
        .on_recording = on_recording,
    };
}

/* --- peers --- */

static void on_peer_state(void *ctx, enum rtc_state state, const char *reason)
{
    struct room_peer *p = ctx;
    const struct room_event event = {
        .kind = ROOM_EVENT_STATE,
        .seat_id = mcu_seat_id(p->seat),
        .state = state,
    };
    room_post(p->room, &event, reason);
}

static void on_peer_candidate(void *ctx, const char *candidate)
{
    struct room_peer *p = ctx;
    const struct room_event event = {
        .kind = ROOM_EVENT_CANDIDATE,
        .seat_id = mcu_seat_id(p->seat),
    };
    room_post(p->room, &event, candidate);
}

static void on_peer_audio(void *ctx, const struct rtc_audio *audio)
{
    struct room_peer *p = ctx;
    if (!atomic_load(&p->may_publish))
        return;
    room_tracks_push(p, audio);
    const struct mix_packet packet = {
        .data = audio->payload,
        .size = audio->size,
        .sequence = audio->sequence,
        .pts_us = audio->pts_us,
        .arrival_us = audio->arrival_us,
        .level_dbov = audio->level_dbov,
        .is_repair = audio->is_repair,
    };
    mcu_seat_push_audio(p->seat, &packet);
}

_Static_assert((int)RTC_CAMERA == (int)MCU_CAMERA && (int)RTC_SCREEN == (int)MCU_SCREEN,
               "pictures have the same numbers everywhere");

static void on_peer_video(void *ctx, enum rtc_picture from, struct mcu_packet *frame)
{
    struct room_peer *p = ctx;
    const enum mcu_picture picture = (enum mcu_picture)from;
    if (!atomic_load(&p->may_publish))
        return;
    if (mcu_seat_push_video(p->seat, picture, frame) != -ENODEV)
        return;
    /* The first frame, or another codec than before: [ctl] opens the picture and asks for a key
     * frame. One event a codec is enough. */
    if (atomic_exchange(&p->asked_codecs[picture], (int)frame->codec) == (int)frame->codec)
        return;
    const struct room_event event = {
        .kind = ROOM_EVENT_VIDEO_CODEC,
        .seat_id = mcu_seat_id(p->seat),
        .codec = frame->codec,
        .picture = picture,
    };
    room_post(p->room, &event, NULL);
}

/* One event at a time: [ctl] clears *has_posted when it takes it. */
static void post_once(struct room_peer *p, atomic_bool *has_posted, enum room_event_kind kind)
{
    const struct room_event event = {.kind = kind, .seat_id = mcu_seat_id(p->seat)};
    if (!atomic_exchange(has_posted, true) && !room_post(p->room, &event, NULL))
        atomic_store(has_posted, false);
}

static void on_peer_need_key(void *ctx, enum mcu_codec codec)
{
    struct room_peer *p = ctx;
    (void)codec;
    post_once(p, &p->watch.has_posted_key, ROOM_EVENT_WATCH_KEY);
}

static void on_peer_tuned(void *ctx, struct rtc_feed *feed)
{
    struct room_peer *p = ctx;
    const struct room_event event = {
        .kind = ROOM_EVENT_TUNED,
        .seat_id = mcu_seat_id(p->seat),
        .feed = feed,
    };
    room_post(p->room, &event, NULL);
}

/* The room looks ten times a second; what does not fit any more cannot wait for that. */
static void on_peer_estimate(void *ctx, const struct rtc_estimate *estimate)
{
    struct room_peer *p = ctx;
    atomic_store(&p->watch.is_probing, estimate->is_probing);
    atomic_store(&p->watch.estimate_bps, estimate->bitrate_bps);
    if (estimate->bitrate_bps < atomic_load(&p->watch.need_bps))
        post_once(p, &p->watch.has_posted_estimate, ROOM_EVENT_ESTIMATE);
}

static void on_peer_audio_need(void *ctx, enum rtc_audio_need need)
{
    struct room_peer *p = ctx;
    const struct room_event event = {
        .kind = ROOM_EVENT_AUDIO_NEED,
        .seat_id = mcu_seat_id(p->seat),
        .need = need,
    };
    room_post(p->room, &event, NULL);
}

void room_peer_sink(struct room_peer *p, struct rtc_peer_sink *sink)
{
    *sink = (struct rtc_peer_sink){
        .ctx = p,
        .on_state = on_peer_state,
        .on_candidate = on_peer_candidate,
        .on_audio = on_peer_audio,
        .on_video = on_peer_video,
        .on_need_key = on_peer_need_key,
        .on_audio_need = on_peer_audio_need,
        .on_tuned = on_peer_tuned,
        .on_estimate = on_peer_estimate,
    };
}
