/* What room processes tell (docs/control.md, events), put into the model and passed on. Front
 * thread.
 *
 * A room process decodes strangers' media, so its words are checked as a stranger's are. */
#include <stdio.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "signaling/rooms_internal.h"
#include "signaling/sdp.h"

static struct sig_member *member_of(const struct sig_room *room, const json_t *event)
{
    char peer[65];
    if (mcu_json_string(event, "peer", MCU_JSON_REQUIRED, 1, peer, sizeof(peer)))
        return NULL;
    return member_find(room, peer);
}

static void tell_client(struct sig_member *m, const char *action, json_t *data)
{
    json_t *event = json_pack("{s:s, s:s, s:o}", "type", "rtc", "action", action, "data", data);
    if (event && m->client)
        m->room->rooms->conf.send(m->client, event);
    json_decref(event);
}

static void on_candidate(struct sig_room *room, const json_t *event)
{
    struct sig_member *m = member_of(room, event);
    char mid[32] = "0";
    const char *candidate = NULL;
    size_t size = 0;
    if (!m || mcu_json_view(event, "candidate", MCU_JSON_REQUIRED, 255, &candidate, &size) ||
        mcu_json_string(event, "mid", MCU_JSON_OPTIONAL, 0, mid, sizeof(mid)))
        return;
    if (size && !sig_sdp_candidate_is_valid(candidate, size))
        return;
    tell_client(
        m, "candidate",
        json_pack("{s:s, s:s, s:i}", "candidate", candidate, "sdpMid", mid, "sdpMLineIndex", 0));
}

static void on_peer_state(struct sig_room *room, const json_t *event)
{
    struct sig_member *m = member_of(room, event);
    char state[sizeof(m->state)];
    if (!m || mcu_json_string(event, "state", MCU_JSON_REQUIRED, 1, state, sizeof(state)))
        return;
    if (strcmp(state, m->state) == 0)
        return;
    snprintf(m->state, sizeof(m->state), "%s", state);
    if (m->kind != SIG_KIND_WS)
        m->lost_at_us = mcu_now_us();
    const bool is_over = strcmp(state, "failed") == 0 || strcmp(state, "closed") == 0;
    log_info("room=%s user=%s media is %s", room->id, m->user, state);
    if (is_over && m->kind != SIG_KIND_WS)
        sig_member_leave(m, "lost"); /* nobody else says that it has gone */
    else if (strcmp(state, "connected") == 0 || is_over)
        tell_client(m, "network", json_pack("{s:s}", "state", is_over ? "failed" : "connected"));
}

static void on_peer_media(struct sig_room *room, const json_t *event)
{
    struct sig_member *m = member_of(room, event);
    bool audio = false;
    bool video = false;
    if (!m || mcu_json_bool(event, "audio", MCU_JSON_REQUIRED, &audio) ||
        mcu_json_bool(event, "video", MCU_JSON_REQUIRED, &video))
        return;
    m->sends_audio = audio;
    m->sends_video = video;
    if (!m->is_joining)
        sig_room_tell(
            room, NULL, "media",
            json_pack("{s:s, s:b, s:b}", "userId", m->user, "audio", audio, "video", video));
}

static void on_speaking(struct sig_room *room, const json_t *event)
{
    json_t *said = NULL;
    if (mcu_json_array(event, "speakers", MCU_JSON_REQUIRED, 256, &said))
        return;
    json_t *speakers = json_array();
    size_t i;
    const json_t *one;
    json_array_foreach(said, i, one)
    {
        const struct sig_member *m = member_of(room, one);
        double level = 0;
        if (m && !m->is_joining &&
            mcu_json_number(one, "level", MCU_JSON_REQUIRED, 0, 1, &level) == 0)
            json_array_append_new(speakers,
                                  json_pack("{s:s, s:f}", "userId", m->user, "level", level));
    }
    sig_room_tell(room, NULL, "speaking", json_pack("{s:o}", "speakers", speakers));
}

/* --- stats ------------------------------------------------------------------------------------ */

static void add_number(const json_t *object, const char *key, uint64_t *sum)
{
    int64_t n = 0;
    if (mcu_json_int(object, key, MCU_JSON_OPTIONAL, 0, INT64_MAX, &n) == 0)
        *sum += (uint64_t)n;
}

static void add_stream(struct sig_room_stats *s, const json_t *stream, bool in)
{
    add_number(stream, "packets", in ? &s->in_packets : &s->out_packets);
    add_number(stream, "bytes", in ? &s->in_bytes : &s->out_bytes);
    add_number(stream, "lost", in ? &s->in_lost : &s->out_lost);
    add_number(stream, "nacks", in ? &s->in_nacks : &s->out_nacks);
    add_number(stream, "plis", in ? &s->in_plis : &s->out_plis);
    if (!in)
        add_number(stream, "retransmitted", &s->out_retransmitted);
}

static void add_peer(struct sig_room_stats *s, const json_t *peer)
{
    const json_t *in = json_object_get(peer, "in");
    const json_t *out = json_object_get(peer, "out");
    add_number(peer, "rejected", &s->rejected_packets);
    add_number(peer, "concealed", &s->concealed);
    add_stream(s, json_object_get(in, "audio"), true);
    add_stream(s, json_object_get(in, "video"), true);
    add_stream(s, json_object_get(out, "audio"), false);
    add_stream(s, json_object_get(out, "video"), false);
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
    add_number(audio, "outputs", &s->audio_outputs);
    add_number(video, "ticks", &s->video_ticks);
    add_number(video, "late_ticks", &s->video_late_ticks);
    add_number(video, "max_late_us", &s->video_max_late_us);
    add_number(video, "composed", &s->video_composed);
    add_number(video, "tiles_drawn", &s->video_tiles_drawn);
    add_number(video, "encoded", &s->video_encoded);
    add_number(video, "skipped", &s->video_skipped);
}

static void on_stats(struct sig_room *room, const json_t *event)
{
    struct sig_room_stats s = {0};
    json_t *peers = NULL;
    read_ticks(&s, event);
    if (mcu_json_array(event, "peers", MCU_JSON_OPTIONAL, 4096, &peers))
        return;
    size_t i;
    const json_t *peer;
    json_array_foreach(peers, i, peer) add_peer(&s, peer);
    room->stats = s;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void stats_add(struct sig_room_stats *sum, const struct sig_room_stats *add)
{
    const uint64_t audio_late_us = larger(sum->audio_max_late_us, add->audio_max_late_us);
    const uint64_t video_late_us = larger(sum->video_max_late_us, add->video_max_late_us);
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)add;
    for (size_t i = 0; i < sizeof(*sum) / sizeof(uint64_t); i++) /* it has nothing but counters */
        to[i] += from[i];
    sum->audio_max_late_us = audio_late_us;
    sum->video_max_late_us = video_late_us;
}

/* --- dispatch --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*handle)(struct sig_room *room, const json_t *event);
} handlers[] = {
    {"candidate", on_candidate}, {"peer_state", on_peer_state},  {"peer_media", on_peer_media},
    {"speaking", on_speaking},   {"recording", recording_event}, {"stats", on_stats},
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
