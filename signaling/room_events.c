/* What room processes tell (docs/control.md, events), put into the model and passed on. Front
 * thread.
 *
 * A room process decodes strangers' media, so its words are checked as a stranger's are. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "signaling/admission.h"
#include "signaling/live.h"
#include "signaling/inputs.h"
#include "signaling/room_picture.h"
#include "signaling/rooms_internal.h"
#include "signaling/sdp.h"
#include "signaling/watch.h"

struct sig_member *member_of_event(const struct sig_room *room, const json_t *event)
{
    char peer[65];
    if (mcu_json_string(event, "peer", MCU_JSON_REQUIRED, 1, peer, sizeof(peer)))
        return NULL;
    return member_find(room, peer);
}

void member_tell(struct sig_member *m, const char *action, json_t *data)
{
    json_t *event = json_pack("{s:s, s:s, s:o}", "type", "rtc", "action", action, "data", data);
    if (event && m->client && !m->is_joining)
        m->room->rooms->conf.send(m->client, event);
    json_decref(event);
}

static void on_candidate(struct sig_room *room, const json_t *event)
{
    struct sig_member *m = member_of_event(room, event);
    char mid[32] = "0";
    const char *candidate = NULL;
    size_t size = 0;
    if (!m || mcu_json_view(event, "candidate", MCU_JSON_REQUIRED, 255, &candidate, &size) ||
        mcu_json_string(event, "mid", MCU_JSON_OPTIONAL, 0, mid, sizeof(mid)))
        return;
    if (size && !sig_sdp_candidate_is_valid(candidate, size))
        return;
    member_tell(
        m, "candidate",
        json_pack("{s:s, s:s, s:i}", "candidate", candidate, "sdpMid", mid, "sdpMLineIndex", 0));
}

static void on_peer_state(struct sig_room *room, const json_t *event)
{
    struct sig_member *m = member_of_event(room, event);
    char state[sizeof(m->state)];
    if (!m || mcu_json_string(event, "state", MCU_JSON_REQUIRED, 1, state, sizeof(state)))
        return;
    if (strcmp(state, m->state) == 0)
        return;
    snprintf(m->state, sizeof(m->state), "%s", state);
    const bool is_closed = strcmp(state, "closed") == 0;
    const bool is_over = strcmp(state, "failed") == 0 || is_closed;
    if (m->kind != SIG_KIND_WS && !m->is_suspect) /* else it began with that */
        m->lost_at_us = mcu_now_us();
    if (!is_over)
        m->is_suspect = false;
    log_info("room=%s user=%s media is %s", room->id, m->user, state);
    if (is_closed && m->kind != SIG_KIND_WS && m->kind != SIG_KIND_RTP)
        sig_member_leave(m, "lost"); /* nobody else says that it has gone */
    else if (strcmp(state, "connected") == 0 || is_over)
        member_tell(m, "network", json_pack("{s:s}", "state", is_over ? "failed" : "connected"));
}

static void on_peer_media(struct sig_room *room, const json_t *event)
{
    struct sig_member *m = member_of_event(room, event);
    bool audio = false;
    bool video = false;
    bool screen = false;
    if (!m || mcu_json_bool(event, "audio", MCU_JSON_REQUIRED, &audio) ||
        mcu_json_bool(event, "video", MCU_JSON_REQUIRED, &video) ||
        mcu_json_bool(event, "screen", MCU_JSON_OPTIONAL, &screen))
        return;
    m->sends_audio = audio;
    m->sends_video = video;
    m->sends_screen = screen;
    if (!m->is_joining)
        sig_room_tell(room, NULL, "media",
                      json_pack("{s:s, s:b, s:b, s:b}", "userId", m->user, "audio", audio, "video",
                                video, "screen", screen));
}

static void on_sound(struct sig_room *room, const json_t *event)
{
    char id[SIG_ID_SIZE];
    char state[16];
    if (mcu_json_string(event, "id", MCU_JSON_REQUIRED, 1, id, sizeof(id)) ||
        mcu_json_string(event, "state", MCU_JSON_REQUIRED, 1, state, sizeof(state)))
        return;
    sig_room_tell(room, NULL, "sound", json_pack("{s:s, s:s}", "id", id, "state", state));
}

/* --- stats ------------------------------------------------------------------------------------ */

static void add_number(const json_t *object, const char *key, uint64_t *sum)
{
    int64_t n = 0;
    if (mcu_json_int(object, key, MCU_JSON_OPTIONAL, 0, INT64_MAX, &n) == 0)
        *sum += (uint64_t)n;
}

static void read_stream(struct sig_room_stats *s, const json_t *stream, bool in)
{
    add_number(stream, "packets", in ? &s->in_packets : &s->out_packets);
    add_number(stream, "bytes", in ? &s->in_bytes : &s->out_bytes);
    add_number(stream, "lost", in ? &s->in_lost : &s->out_lost);
    add_number(stream, "nacks", in ? &s->in_nacks : &s->out_nacks);
    add_number(stream, "plis", in ? &s->in_plis : &s->out_plis);
    if (in) {
        add_number(stream, "recovered", &s->in_recovered);
        add_number(stream, "freezes", &s->in_freezes);
    } else {
        add_number(stream, "retransmitted", &s->out_retransmitted);
        add_number(stream, "copies", &s->out_copies);
    }
}

/* Over all peers that the room has or had. */
static void read_totals(struct sig_room_stats *s, const json_t *totals)
{
    add_number(totals, "rejected", &s->rejected_packets);
    add_number(totals, "frames", &s->audio_frames);
    add_number(totals, "concealed", &s->concealed);
    add_number(totals, "recovered_fec", &s->audio_recovered_fec);
    add_number(totals, "late", &s->audio_late_packets);
    add_number(totals, "gated", &s->audio_gated);
    add_number(totals, "stretched", &s->audio_stretched);
    add_number(totals, "max_drift_ppm", &s->audio_max_drift_ppm);
    read_stream(s, json_object_get(totals, "in"), true);
    read_stream(s, json_object_get(totals, "out"), false);
}

static void read_ticks(struct sig_room_stats *s, const json_t *event)
{
    const json_t *audio = json_object_get(event, "audio");
    const json_t *video = json_object_get(event, "video");
    add_number(event, "cpu_us", &s->cpu_us);
    add_number(audio, "ticks", &s->audio_ticks);
    add_number(audio, "late_ticks", &s->audio_late_ticks);
    add_number(audio, "max_late_us", &s->audio_max_late_us);
    add_number(audio, "encodes", &s->audio_encodes);
    add_number(audio, "decodes", &s->audio_decodes);
    add_number(audio, "switches", &s->audio_switches);
    add_number(audio, "starved", &s->audio_starved);
    add_number(audio, "outputs", &s->audio_outputs);
    add_number(audio, "mixes", &s->audio_mixes);
    add_number(audio, "speakers", &s->audio_speakers);
    add_number(video, "ticks", &s->video_ticks);
    add_number(video, "late_ticks", &s->video_late_ticks);
    add_number(video, "max_late_us", &s->video_max_late_us);
    add_number(video, "composed", &s->video_composed);
    add_number(video, "tiles_drawn", &s->video_tiles_drawn);
    add_number(video, "encoded", &s->video_encoded);
    add_number(video, "skipped", &s->video_skipped);
}

static void read_views(struct sig_room_stats *s, const json_t *event)
{
    const json_t *video = json_object_get(event, "video");
    const json_t *streams = json_object_get(video, "streams");
    add_number(video, "views", &s->views);
    add_number(video, "overload", &s->overload_step);
    add_number(video, "overload_steps", &s->overload_steps);
    add_number(streams, "1080p", &s->streams_1080p);
    add_number(streams, "720p", &s->streams_720p);
    add_number(streams, "360p", &s->streams_360p);
    add_number(streams, "180p", &s->streams_180p);
    add_number(streams, "slides", &s->streams_slides);
}

static void on_stats(struct sig_room *room, const json_t *event)
{
    struct sig_room_stats s = {0};
    read_ticks(&s, event);
    read_views(&s, event);
    read_totals(&s, json_object_get(event, "totals"));
    room->stats = s;
    sig_load_measure(room);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What is true now or at most, and no sum over time: it ends with the process. */
static const size_t momentary[] = {
    offsetof(struct sig_room_stats, audio_outputs),
    offsetof(struct sig_room_stats, audio_mixes),
    offsetof(struct sig_room_stats, audio_speakers), offsetof(struct sig_room_stats, views),
    offsetof(struct sig_room_stats, streams_1080p),  offsetof(struct sig_room_stats, streams_720p),
    offsetof(struct sig_room_stats, streams_360p),   offsetof(struct sig_room_stats, streams_180p),
    offsetof(struct sig_room_stats, streams_slides), offsetof(struct sig_room_stats, overload_step),
};
static const size_t maxima[] = {
    offsetof(struct sig_room_stats, audio_max_late_us),
    offsetof(struct sig_room_stats, video_max_late_us),
    offsetof(struct sig_room_stats, audio_max_drift_ppm),
    offsetof(struct sig_room_stats, overload_step),
};

static uint64_t *number_at(struct sig_room_stats *s, size_t offset)
{
    return (uint64_t *)(void *)((char *)s + offset);
}

void stats_add(struct sig_room_stats *sum, const struct sig_room_stats *add)
{
    struct sig_room_stats more = *add;
    for (size_t i = 0; i < sizeof(maxima) / sizeof(*maxima); i++) {
        uint64_t *to = number_at(sum, maxima[i]);
        *to = larger(*to, *number_at(&more, maxima[i]));
        *number_at(&more, maxima[i]) = 0;
    }
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)&more;
    for (size_t i = 0; i < sizeof(*sum) / sizeof(uint64_t); i++) /* it has nothing but counters */
        to[i] += from[i];
}

void stats_end(struct sig_room_stats *sum, const struct sig_room_stats *ended)
{
    struct sig_room_stats rest = *ended;
    for (size_t i = 0; i < sizeof(momentary) / sizeof(*momentary); i++)
        *number_at(&rest, momentary[i]) = 0;
    rest.audio_max_drift_ppm = 0;
    stats_add(sum, &rest);
}

/* --- dispatch --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*handle)(struct sig_room *room, const json_t *event);
} handlers[] = {
    {"candidate", on_candidate}, {"peer_state", on_peer_state},  {"peer_media", on_peer_media},
    {"speaking", event_speaking}, {"recording", recording_event}, {"stats", on_stats},
    {"sound", on_sound},         {"layout", sig_room_picture_event},
    {"watching", sig_watching_event}, {"tiles", sig_tiles_event},
    {"input", sig_input_event},
    {"uplink", sig_uplink_event}, {"overload", sig_overload_event},
    {"sound", on_sound},         {"network", event_network},
    {"live", live_event},
};

void room_event(void *ctx, const json_t *event)
{
    struct sig_room *room = ctx;
    const char *name = json_string_value(json_object_get(event, "event"));
    for (size_t i = 0; name && i < sizeof(handlers) / sizeof(*handlers); i++) {
        if (strcmp(handlers[i].name, name) == 0) {
            handlers[i].handle(room, event);
            return;
        }
    }
    log_debug("room=%s unknown event", room->id);
}
