/* What a room tells the front by time: who speaks, who sends, and figures. [ctl], ten times a
 * second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/room_internal.h"

#define STATS_EVERY_US (2 * MCU_US_PER_S)
#define SENDS_FOR_US   (2 * MCU_US_PER_S)

const char *room_state_name(enum rtc_state state)
{
    static const char *const names[] = {
        [RTC_NEW] = "new",       [RTC_CONNECTING] = "connecting", [RTC_CONNECTED] = "connected",
        [RTC_FAILED] = "failed", [RTC_CLOSED] = "closed",
    };
    return names[state];
}

/* --- speakers --- */

struct speaker {
    const struct room_peer *peer;
    float level;
};

static int louder_first(const void *a, const void *b)
{
    const float x = ((const struct speaker *)a)->level;
    const float y = ((const struct speaker *)b)->level;
    return (x < y) - (x > y);
}

static void report_speakers(struct mcu_room *r)
{
    struct speaker speakers[ROOM_PEERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < r->peer_count; i++) {
        const struct room_peer *p = r->peers[i];
        const float level = p->is_audio_muted ? 0.0f : mcu_seat_speaking_level(p->seat);
        if (level > 0.0f)
            speakers[count++] = (struct speaker){.peer = p, .level = level};
    }
    if (!count && !r->was_anyone_speaking)
        return;
    r->was_anyone_speaking = count > 0;
    qsort(speakers, count, sizeof(speakers[0]), louder_first);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        /* Two digits are enough for a ring that moves. */
        const double level = (int)(speakers[i].level * 100.0f) / 100.0;
        json_array_append_new(list,
                              json_pack("{s:s,s:s,s:f}", "peer", speakers[i].peer->id, "user",
                                        speakers[i].peer->user, "level", level));
    }
    room_send_event(r, "speaking", json_pack("{s:o}", "speakers", list));
}

/* --- who sends --- */

static bool sends(struct room_peer *p, const struct rtc_peer_stats *stats, enum mcu_kind kind,
                  int64_t now_us)
{
    if (stats->in[kind].packets != p->seen_packets[kind]) {
        p->seen_packets[kind] = stats->in[kind].packets;
        p->seen_at_us[kind] = now_us;
    }
    return p->seen_at_us[kind] && now_us - p->seen_at_us[kind] < SENDS_FOR_US;
}

static void report_media(struct mcu_room *r, int64_t now_us)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        struct room_peer *p = r->peers[i];
        struct rtc_peer_stats stats;
        rtc_peer_read_stats(p->rtc, &stats);
        const bool audio = sends(p, &stats, MCU_AUDIO, now_us);
        const bool video = sends(p, &stats, MCU_VIDEO, now_us);
        if (audio == p->sends_audio && video == p->sends_video)
            continue;
        p->sends_audio = audio;
        p->sends_video = video;
        room_send_event(r, "peer_media",
                        json_pack("{s:s,s:b,s:b}", "peer", p->id, "audio", audio, "video", video));
    }
}

/* --- figures --- */

static json_t *stream_stats(const struct rtc_stream_stats *s)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:i}", "packets", (json_int_t)s->packets, "bytes",
                     (json_int_t)s->bytes, "lost", (json_int_t)s->lost, "nacks",
                     (json_int_t)s->nacks, "retransmitted", (json_int_t)s->retransmitted, "plis",
                     (json_int_t)s->plis, "jitter_us", (int)s->jitter_us);
}

static json_t *peer_stats(const struct room_peer *p)
{
    struct rtc_peer_stats rtc;
    struct mix_input_stats audio;
    struct comp_source_stats video;
    rtc_peer_read_stats(p->rtc, &rtc);
    mcu_seat_read_audio(p->seat, &audio);
    mcu_seat_read_video(p->seat, &video);
    return json_pack(
        "{s:s,s:s,s:s,s:I,s:I,s:{s:o,s:o},s:{s:o,s:o},s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:i}", "peer", p->id,
        "user", p->user, "state", room_state_name(p->state), "rtt_us", (json_int_t)rtc.rtt_us,
        "rejected", (json_int_t)rtc.rejected, "in", "audio", stream_stats(&rtc.in[MCU_AUDIO]),
        "video", stream_stats(&rtc.in[MCU_VIDEO]), "out", "audio", stream_stats(&rtc.out[MCU_AUDIO]),
        "video", stream_stats(&rtc.out[MCU_VIDEO]), "delay_us", (json_int_t)audio.delay_us,
        "frames", (json_int_t)audio.frames, "concealed", (json_int_t)audio.concealed, "late",
        (json_int_t)audio.late, "decoded", (json_int_t)video.decoded, "lateness_us",
        (json_int_t)video.lateness_us, "width", (int)video.width, "height", (int)video.height);
}

static json_t *ticker_stats(struct mcu_ticker *t)
{
    struct mcu_ticker_stats s;
    mcu_ticker_read_stats(t, &s);
    return json_pack("{s:I,s:I,s:I,s:I,s:I}", "ticks", (json_int_t)s.ticks, "late_ticks",
                     (json_int_t)s.late, "skipped_ticks", (json_int_t)s.skipped, "max_late_us",
                     (json_int_t)s.max_late_us, "max_busy_us", (json_int_t)s.max_busy_us);
}

json_t *room_stats(struct mcu_room *r)
{
    struct mix_stats mix;
    struct comp_stats comp;
    mcu_studio_read_stats(r->studio, &mix, &comp);
    json_t *audio = ticker_stats(r->audio_ticker);
    json_object_set_new(audio, "encodes", json_integer((json_int_t)mix.encodes));
    json_object_set_new(audio, "outputs", json_integer((json_int_t)mix.outputs));
    json_t *video = ticker_stats(r->video_ticker);
    json_object_set_new(video, "composed", json_integer((json_int_t)comp.composed));
    json_object_set_new(video, "tiles_drawn", json_integer((json_int_t)comp.tiles_drawn));
    json_object_set_new(video, "encoded", json_integer((json_int_t)comp.encoded));
    json_object_set_new(video, "skipped", json_integer((json_int_t)comp.skipped));
    json_t *peers = json_array();
    for (size_t i = 0; i < r->peer_count; i++)
        json_array_append_new(peers, peer_stats(r->peers[i]));
    return json_pack("{s:I,s:o,s:o,s:o}", "cpu_us", (json_int_t)mcu_cpu_us(), "audio", audio,
                     "video", video, "peers", peers);
}

void room_report(struct mcu_room *r, int64_t now_us)
{
    report_speakers(r);
    report_media(r, now_us);
    if (now_us < r->next_stats_us)
        return;
    r->next_stats_us = now_us + STATS_EVERY_US;
    room_send_event(r, "stats", room_stats(r));
}
