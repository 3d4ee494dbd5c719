/* What a room tells the front by time: who speaks, who sends, and figures. [ctl], ten times a
 * second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/room_internal.h"

#define STATS_EVERY_US (2 * MCU_US_PER_S)
#define SENDS_FOR_US   (2 * MCU_US_PER_S)

enum { MEDIA_AT_ONCE = 128 }; /* of 1280 peers each is looked at once a second */

const char *room_state_name(enum rtc_state state)
{
    static const char *const names[] = {
        [RTC_NEW] = "new",       [RTC_CONNECTING] = "connecting", [RTC_CONNECTED] = "connected",
        [RTC_FAILED] = "failed", [RTC_CLOSED] = "closed",
    };
    return names[state];
}

/* --- speakers --- */

/* Levels that a ring can follow: up at once, down by half in about 150 ms. */
#define LEVEL_FALL 0.6f
#define LEVEL_LEAST 0.01f

enum { SPEAKERS_TOLD_MAX = 32 };

struct speaker {
    const struct room_peer *peer;
    float level;
};

static float smooth(struct room_peer *p)
{
    const float level = p->is_audio_muted ? 0.0f : mcu_seat_speaking_level(p->seat);
    const float fallen = p->level * LEVEL_FALL;
    p->level = level > fallen ? level : fallen < LEVEL_LEAST ? 0.0f : fallen;
    /* Who does not speak is not in the list, however his ring still falls. */
    return level > 0.0f ? p->level : 0.0f;
}

/* Loudest first; the list is short. */
static void insert(struct speaker *list, size_t *count, const struct speaker *one)
{
    size_t at = *count < SPEAKERS_TOLD_MAX ? (*count)++ : SPEAKERS_TOLD_MAX - 1;
    if (at == SPEAKERS_TOLD_MAX - 1 && list[at].peer && list[at].level >= one->level)
        return;
    for (; at > 0 && list[at - 1].level < one->level; at--)
        list[at] = list[at - 1];
    list[at] = *one;
}

/* Rings on the tiles, and who is in the layout's `speaker` cell. */
static void show_speakers(struct mcu_room *r, const struct room_peer *loudest, int64_t now_us)
{
    const int64_t hold_us = layout_hold_ms(r->layout) * MCU_US_PER_MS;
    const uint32_t speaks =
        mcu_floor_update(&r->floor, loudest ? mcu_seat_id(loudest->seat) : 0, now_us, hold_us);
    const uint32_t floor = room_layout_floor(r, speaks);
    for (size_t i = 0; i < r->peer_count; i++) {
        const struct room_peer *p = r->peers[i];
        mcu_seat_set_speaking(p->seat, p->level, mcu_seat_id(p->seat) == floor);
    }
}

static void report_speakers(struct mcu_room *r, int64_t now_us)
{
    struct speaker speakers[SPEAKERS_TOLD_MAX] = {{0}};
    size_t count = 0;
    for (size_t i = 0; i < r->peer_count; i++) {
        const struct speaker one = {.peer = r->peers[i], .level = smooth(r->peers[i])};
        room_marks_speaks(r->peers[i], one.level > 0.0f, now_us);
        if (one.level > 0.0f)
            insert(speakers, &count, &one);
    }
    show_speakers(r, count ? speakers[0].peer : NULL, now_us);
    room_marks_floor(r, now_us);
    if (!count && !r->was_anyone_speaking)
        return;
    r->was_anyone_speaking = count > 0;
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

/* A screen on which nothing moves sends nothing: it is there until it says that it has ended. */
static bool shares_screen(struct room_peer *p, const struct rtc_peer_stats *stats)
{
    const struct rtc_stream_stats *screen = &stats->in[MCU_VIDEO + RTC_SCREEN];
    if (!rtc_peer_receives_picture(p->rtc, RTC_SCREEN) || screen->is_ended) {
        mcu_seat_close_video(p->seat, MCU_SCREEN); /* its last picture must not stay */
        return false;
    }
    return mcu_seat_has_video(p->seat, MCU_SCREEN);
}

bool room_is_sharing(const struct mcu_room *r)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        if (r->peers[i]->sends_screen)
            return true;
    }
    return false;
}

static void report_peer_media(struct room_peer *p, int64_t now_us)
{
    struct rtc_peer_stats stats;
    rtc_peer_read_stats(p->rtc, &stats);
    if (!p->input) /* how its source is, `input` tells */
        room_report_network(p, &stats, now_us);
    const bool may = atomic_load(&p->may_publish);
    const bool audio =
        (p->input ? room_input_sends(p, MCU_AUDIO) : sends(p, &stats, MCU_AUDIO, now_us)) && may;
    const bool video =
        (p->input ? room_input_sends(p, MCU_VIDEO) : sends(p, &stats, MCU_VIDEO, now_us)) && may;
    const bool screen = shares_screen(p, &stats);
    room_layout_shares(p, screen);
    if (audio == p->sends_audio && video == p->sends_video && screen == p->sends_screen)
        return;
    p->sends_audio = audio;
    p->sends_video = video;
    p->sends_screen = screen;
    room_send_event(p->room, "peer_media",
                    json_pack("{s:s,s:b,s:b,s:b}", "peer", p->id, "audio", audio, "video", video,
                              "screen", screen));
}

/* A small room is looked at whole each time, a large one in turn. */
static void report_media(struct mcu_room *r, int64_t now_us)
{
    const size_t count = r->peer_count < MEDIA_AT_ONCE ? r->peer_count : MEDIA_AT_ONCE;
    for (size_t i = 0; i < count; i++) {
        if (r->next_media_peer >= r->peer_count)
            r->next_media_peer = 0;
        report_peer_media(r->peers[r->next_media_peer++], now_us);
    }
}

/* --- figures --- */

static json_t *stream_stats(const struct rtc_stream_stats *s)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:i,s:I,s:I,s:I}", "packets",
                     (json_int_t)s->packets, "bytes", (json_int_t)s->bytes, "lost",
                     (json_int_t)s->lost, "nacks", (json_int_t)s->nacks, "retransmitted",
                     (json_int_t)s->retransmitted, "plis", (json_int_t)s->plis, "jitter_us",
                     (int)s->jitter_us, "loss_permille", (int)s->loss_permille, "recovered",
                     (json_int_t)s->recovered, "copies", (json_int_t)s->copies, "freezes",
                     (json_int_t)s->freezes);
}

/* What one peer's figures are made of. */
struct figures {
    struct rtc_peer_stats rtc;
    struct mix_input_stats audio;
};

static void read_figures(struct figures *f, const struct room_peer *p)
{
    rtc_peer_read_stats(p->rtc, &f->rtc);
    mcu_seat_read_audio(p->seat, &f->audio);
}

static json_t *peer_stats(const struct room_peer *p)
{
    struct figures f;
    struct comp_source_stats video;
    read_figures(&f, p);
    mcu_seat_read_video(p->seat, MCU_CAMERA, &video);
    json_t *json = json_pack(
        "{s:s,s:s,s:s,s:I,s:I,s:{s:o,s:o,s:o},s:{s:o,s:o},s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:i}", "peer",
        p->id, "user", p->user, "state", room_state_name(p->state), "rtt_us",
        (json_int_t)f.rtc.rtt_us, "rejected", (json_int_t)f.rtc.rejected, "in", "audio",
        stream_stats(&f.rtc.in[MCU_AUDIO]), "video", stream_stats(&f.rtc.in[MCU_VIDEO]),
        "screen", stream_stats(&f.rtc.in[MCU_VIDEO + RTC_SCREEN]), "out", "audio", stream_stats(&f.rtc.out[MCU_AUDIO]), "video", stream_stats(&f.rtc.out[MCU_VIDEO]),
        "delay_us", (json_int_t)f.audio.delay_us, "frames", (json_int_t)f.audio.frames, "concealed",
        (json_int_t)f.audio.concealed, "late", (json_int_t)f.audio.late, "decoded",
        (json_int_t)video.decoded, "lateness_us", (json_int_t)video.lateness_us, "width",
        (int)video.width, "height", (int)video.height);
    json_t *more = json_pack("{s:b,s:i,s:I,s:I,s:I}", "mixed", mcu_seat_is_mixed(p->seat),
                             "drift_ppm", (int)f.audio.drift_ppm, "gated",
                             (json_int_t)f.audio.gated, "recovered_fec",
                             (json_int_t)f.audio.recovered_fec, "stretched",
                             (json_int_t)f.audio.stretched);
    json_object_update(json, more);
    json_decref(more);
    json_object_set_new(json, "watching", room_watch_json(p));
    json_object_set_new(json, "estimate_bps",
                        json_integer((json_int_t)atomic_load(&p->watch.estimate_bps)));
    return json;
}

static void add_stream(struct rtc_stream_stats *sum, const struct rtc_stream_stats *add)
{
    sum->packets += add->packets;
    sum->bytes += add->bytes;
    sum->lost += add->lost;
    sum->nacks += add->nacks;
    sum->retransmitted += add->retransmitted;
    sum->plis += add->plis;
    sum->recovered += add->recovered;
    sum->copies += add->copies;
    sum->freezes += add->freezes;
}

static void add_peer(struct room_totals *t, const struct room_peer *p)
{
    struct figures f;
    read_figures(&f, p);
    t->rejected += f.rtc.rejected;
    t->frames += f.audio.frames;
    t->concealed += f.audio.concealed;
    t->recovered_fec += f.audio.recovered_fec;
    t->late += f.audio.late;
    t->gated += f.audio.gated;
    t->stretched += f.audio.stretched;
    for (int kind = 0; kind < 2; kind++) {
        add_stream(&t->in, &f.rtc.in[kind]);
        add_stream(&t->out, &f.rtc.out[kind]);
    }
    add_stream(&t->in, &f.rtc.in[MCU_VIDEO + RTC_SCREEN]);
    const uint32_t drift_ppm = (uint32_t)abs(f.audio.drift_ppm);
    if (drift_ppm > t->drift_ppm)
        t->drift_ppm = drift_ppm;
}

void room_count_gone(struct mcu_room *r, const struct room_peer *p)
{
    add_peer(&r->gone, p);
    r->gone.drift_ppm = 0; /* of those who are here */
}

static json_t *totals(const struct mcu_room *r)
{
    struct room_totals t = r->gone;
    for (size_t i = 0; i < r->peer_count; i++)
        add_peer(&t, r->peers[i]);
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:o,s:o}", "rejected",
                     (json_int_t)t.rejected, "frames", (json_int_t)t.frames, "concealed",
                     (json_int_t)t.concealed, "recovered_fec", (json_int_t)t.recovered_fec, "late",
                     (json_int_t)t.late, "gated", (json_int_t)t.gated, "stretched",
                     (json_int_t)t.stretched, "max_drift_ppm", (int)t.drift_ppm, "in",
                     stream_stats(&t.in), "out", stream_stats(&t.out));
}

static json_t *ticker_stats(struct mcu_ticker *t)
{
    struct mcu_ticker_stats s;
    mcu_ticker_read_stats(t, &s);
    return json_pack("{s:I,s:I,s:I,s:I,s:I}", "ticks", (json_int_t)s.ticks, "late_ticks",
                     (json_int_t)s.late, "skipped_ticks", (json_int_t)s.skipped, "max_late_us",
                     (json_int_t)s.max_late_us, "max_busy_us", (json_int_t)s.max_busy_us);
}

static json_t *audio_stats(const struct mcu_room *r, const struct mix_stats *mix)
{
    json_t *audio = ticker_stats(r->audio_ticker);
    json_t *more = json_pack("{s:I,s:I,s:I,s:i,s:i,s:i,s:I,s:I}", "encodes",
                             (json_int_t)mix->encodes, "decodes", (json_int_t)mix->decodes,
                             "switches", (json_int_t)mix->switches, "outputs", (int)mix->outputs,
                             "mixes", (int)mix->mixes, "speakers", (int)mix->speakers,
                             "pool_misses", (json_int_t)mix->pool_misses, "starved",
                             (json_int_t)mix->starved);
    json_object_update(audio, more);
    json_decref(more);
    return audio;
}

json_t *room_stats(struct mcu_room *r, size_t from)
{
    struct mix_stats mix;
    struct comp_stats comp;
    mcu_studio_read_stats(r->studio, &mix, &comp);
    json_t *video = ticker_stats(r->video_ticker);
    json_object_set_new(video, "composed", json_integer((json_int_t)comp.composed));
    json_object_set_new(video, "tiles_drawn", json_integer((json_int_t)comp.tiles_drawn));
    json_object_set_new(video, "encoded", json_integer((json_int_t)comp.encoded));
    json_object_set_new(video, "skipped", json_integer((json_int_t)comp.skipped));
    json_object_set_new(video, "views", json_integer(room_views_count(r)));
    json_object_set_new(video, "streams", room_streams_count(r));
    json_object_set_new(video, "overload", json_integer(r->views.overload.step));
    json_object_set_new(video, "overload_steps", json_integer((json_int_t)r->views.overload_downs));
    json_t *peers = json_array();
    for (size_t i = from; i < r->peer_count && i < from + ROOM_SLICE; i++)
        json_array_append_new(peers, peer_stats(r->peers[i]));
    return json_pack("{s:I,s:o,s:o,s:o,s:I,s:I,s:o}", "cpu_us", (json_int_t)mcu_cpu_us(), "audio",
                     audio_stats(r, &mix), "video", video, "totals", totals(r), "total",
                     (json_int_t)r->peer_count, "from", (json_int_t)from, "peers", peers);
}

void room_report(struct mcu_room *r, int64_t now_us)
{
    report_speakers(r, now_us);
    report_media(r, now_us);
    if (now_us < r->next_stats_us)
        return;
    r->next_stats_us = now_us + STATS_EVERY_US;
    if (r->next_stats_peer >= r->peer_count)
        r->next_stats_peer = 0;
    room_send_event(r, "stats", room_stats(r, r->next_stats_peer));
    r->next_stats_peer += ROOM_SLICE;
}
