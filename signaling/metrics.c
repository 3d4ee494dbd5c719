/* /healthz, /readyz, /metrics: Prometheus text, names mixdown_*. Front thread.
 *
 * Rooms are summed, not labelled: their names are people's business, and series without end are
 * nobody's. Counters of rooms that ended stay in the sums. docs/operations.md lists all of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "signaling/admission.h"
#include "signaling/calls.h"
#include "signaling/chat.h"
#include "signaling/hooks.h"
#include "signaling/http.h"
#include "signaling/http_handlers.h"
#include "signaling/store_upload.h"
#include "signaling/uploads.h"
#include "signaling/ws.h"

struct all_stats {
    struct sig_rooms_stats rooms;
    struct sig_host_stats host;
    struct sig_front_stats front;
    struct sig_store_stats store;
    struct sig_hooks_stats hooks;
    struct sig_uploads_stats uploads;
    uint64_t uploads_waiting;
    uint64_t clients;
    uint64_t trunk_clients;
    struct sig_users_stats users;
    struct sig_calls_stats calls;
    struct sig_chat_stats chat;
    uint64_t front_cpu_us;
    uint64_t load_millicores;
};

enum kind { COUNTER, GAUGE };

/* One line a metric; `wide` says whether the field is 64 or 32 bits. */
static const struct {
    const char *name;
    enum kind kind;
    size_t offset;
    bool wide;
    const char *help;
} metrics[] = {
#define M64(name, kind, field, help)                                                               \
    {                                                                                              \
        name, kind, offsetof(struct all_stats, field), true, help                                  \
    }
#define M32(name, kind, field, help)                                                               \
    {                                                                                              \
        name, kind, offsetof(struct all_stats, field), false, help                                 \
    }
    M32("mixdown_rooms", GAUGE, rooms.rooms, "Rooms that run, closing ones included"),
    M32("mixdown_members", GAUGE, rooms.members, "Seats taken"),
    M32("mixdown_recordings", GAUGE, rooms.recordings, "Recordings that run"),
    M64("mixdown_rooms_opened_total", COUNTER, rooms.rooms_opened, "Rooms opened"),
    M64("mixdown_joins_total", COUNTER, rooms.joins, "Seats given"),
    M64("mixdown_refused_overload_total", COUNTER, rooms.refused_overload,
        "Rooms, seats and views refused because the machine carries no more"),
    M64("mixdown_load_millicores", GAUGE, load_millicores,
        "Thousandths of a core that rooms use or are about to"),
    M64("mixdown_recordings_deleted_total", COUNTER, rooms.recordings_deleted,
        "Recordings that gave way to recording.keep_days or keep_mb"),
    M32("mixdown_recordings_stalled", GAUGE, rooms.stalled,
        "Recordings that the disk does not take now"),
    M64("mixdown_recordings_stalled_total", COUNTER, rooms.recordings_stalled,
        "Times that a disk did not take a recording"),
    M64("mixdown_recordings_started_total", COUNTER, rooms.recordings_started,
        "Recordings started"),
    M64("mixdown_recordings_failed_total", COUNTER, rooms.recordings_failed,
        "Recordings without a file that plays"),
    M64("mixdown_recordings_recovered_total", COUNTER, rooms.recordings_recovered,
        "Recordings finished after their room died"),
    M64("mixdown_uploads_waiting", GAUGE, uploads_waiting,
        "Files of recordings that wait for their upload, or are under way"),
    M64("mixdown_uploads_total", COUNTER, uploads.done, "Files of recordings uploaded"),
    M64("mixdown_uploads_failed_total", COUNTER, uploads.failed,
        "Files of recordings that the storage refused"),
    M64("mixdown_uploads_retries_total", COUNTER, uploads.retries, "Uploads tried again"),
    M64("mixdown_uploads_bytes_total", COUNTER, uploads.bytes, "Bytes uploaded"),
    M64("mixdown_room_processes_started_total", COUNTER, host.started,
        "Room processes started, spares included"),
    M64("mixdown_room_deaths_total", COUNTER, host.deaths, "Room processes that died unasked"),
    M64("mixdown_rooms_adopted_total", COUNTER, host.adopted,
        "Rooms taken over from another front"),
    M32("mixdown_spare_rooms", GAUGE, host.spares, "Warm room processes that wait"),
    M64("mixdown_room_cpu_microseconds_total", COUNTER, rooms.sum.cpu_us,
        "Processor time of room processes"),
    M64("mixdown_front_cpu_microseconds_total", COUNTER, front_cpu_us,
        "Processor time of the front process"),
    M64("mixdown_audio_ticks_total", COUNTER, rooms.sum.audio_ticks, "Mixes of 20 ms made"),
    M64("mixdown_audio_late_ticks_total", COUNTER, rooms.sum.audio_late_ticks,
        "Of these, late ones"),
    M64("mixdown_audio_max_late_microseconds", GAUGE, rooms.sum.audio_max_late_us,
        "The latest of these, in any room"),
    M64("mixdown_audio_encodes_total", COUNTER, rooms.sum.audio_encodes, "Opus frames encoded"),
    M64("mixdown_audio_decodes_total", COUNTER, rooms.sum.audio_decodes, "Opus frames decoded"),
    M64("mixdown_audio_switches_total", COUNTER, rooms.sum.audio_switches,
        "Listeners moved from one mix to another"),
    M64("mixdown_audio_starved_total", COUNTER, rooms.sum.audio_starved,
        "Times that a mix waited because all outputs were in use"),
    M64("mixdown_audio_outputs", GAUGE, rooms.sum.audio_outputs, "Opus streams encoded now"),
    M64("mixdown_audio_mixes", GAUGE, rooms.sum.audio_mixes, "Distinct sounds among these"),
    M64("mixdown_audio_speakers", GAUGE, rooms.sum.audio_speakers, "Voices mixed now"),
    M64("mixdown_audio_played_samples_total", COUNTER, rooms.sum.audio_frames,
        "Samples of voices played, a channel"),
    M64("mixdown_audio_concealed_samples_total", COUNTER, rooms.sum.concealed,
        "Of these, made up for lost ones"),
    M64("mixdown_audio_recovered_samples_total", COUNTER, rooms.sum.audio_recovered_fec,
        "Of these, decoded from in-band FEC"),
    M64("mixdown_audio_gated_samples_total", COUNTER, rooms.sum.audio_gated,
        "Samples not decoded because nobody would hear them"),
    M64("mixdown_audio_late_packets_total", COUNTER, rooms.sum.audio_late_packets,
        "Audio packets that came after their time"),
    M64("mixdown_audio_stretched_total", COUNTER, rooms.sum.audio_stretched,
        "Times that a few ms were left out or repeated"),
    M64("mixdown_audio_max_drift_ppm", GAUGE, rooms.sum.audio_max_drift_ppm,
        "The largest drift of a sender's clock, in any room"),
    M64("mixdown_video_ticks_total", COUNTER, rooms.sum.video_ticks, "Picture ticks"),
    M64("mixdown_video_late_ticks_total", COUNTER, rooms.sum.video_late_ticks,
        "Of these, late ones"),
    M64("mixdown_video_max_late_microseconds", GAUGE, rooms.sum.video_max_late_us,
        "The latest of these, in any room"),
    M64("mixdown_video_composed_total", COUNTER, rooms.sum.video_composed, "Pictures composed"),
    M64("mixdown_video_tiles_drawn_total", COUNTER, rooms.sum.video_tiles_drawn, "Tiles drawn"),
    M64("mixdown_video_encoded_total", COUNTER, rooms.sum.video_encoded, "Pictures encoded"),
    M64("mixdown_views", GAUGE, rooms.sum.views,
        "Pictures that rooms compose"),
    M64("mixdown_streams_1080p", GAUGE, rooms.sum.streams_1080p,
        "Encoders of pictures that run, by tier"),
    M64("mixdown_streams_720p", GAUGE, rooms.sum.streams_720p,
        "The same"),
    M64("mixdown_streams_360p", GAUGE, rooms.sum.streams_360p,
        "The same"),
    M64("mixdown_streams_180p", GAUGE, rooms.sum.streams_180p,
        "The same"),
    M64("mixdown_streams_slides", GAUGE, rooms.sum.streams_slides,
        "The same"),
    M64("mixdown_overload_step", GAUGE, rooms.sum.overload_step,
        "How far the worst room gives way in its pictures, 0 to 6"),
    M64("mixdown_overload_steps_total", COUNTER, rooms.sum.overload_steps,
        "Times that a late room gave way in its pictures"),
    M64("mixdown_video_skipped_total", COUNTER, rooms.sum.video_skipped,
        "Pictures skipped for lack of time"),
    M64("mixdown_rtp_rejected_packets_total", COUNTER, rooms.sum.rejected_packets,
        "Packets that were not believed"),
    M64("mixdown_rtp_in_packets_total", COUNTER, rooms.sum.in_packets, "RTP packets received"),
    M64("mixdown_rtp_in_bytes_total", COUNTER, rooms.sum.in_bytes, "RTP bytes received"),
    M64("mixdown_rtp_in_lost_total", COUNTER, rooms.sum.in_lost, "RTP packets that never came"),
    M64("mixdown_rtp_in_nacks_total", COUNTER, rooms.sum.in_nacks, "Packets asked for again"),
    M64("mixdown_rtp_in_plis_total", COUNTER, rooms.sum.in_plis, "Key frames asked of publishers"),
    M64("mixdown_rtp_in_recovered_total", COUNTER, rooms.sum.in_recovered,
        "Audio packets that a RED copy or a retransmission brought"),
    M64("mixdown_rtp_in_freezes_total", COUNTER, rooms.sum.in_freezes,
        "Times that a camera's picture stood still"),
    M64("mixdown_rtp_out_copies_total", COUNTER, rooms.sum.out_copies,
        "RED copies of audio and repair packets of video sent"),
    M64("mixdown_rtp_out_packets_total", COUNTER, rooms.sum.out_packets, "RTP packets sent"),
    M64("mixdown_rtp_out_bytes_total", COUNTER, rooms.sum.out_bytes, "RTP bytes sent"),
    M64("mixdown_rtp_out_lost_total", COUNTER, rooms.sum.out_lost,
        "Packets that receivers reported lost"),
    M64("mixdown_rtp_out_nacks_total", COUNTER, rooms.sum.out_nacks, "Packets asked of us again"),
    M64("mixdown_rtp_out_retransmitted_total", COUNTER, rooms.sum.out_retransmitted,
        "Packets sent again"),
    M64("mixdown_rtp_out_plis_total", COUNTER, rooms.sum.out_plis, "Key frames asked of us"),
    M32("mixdown_pushes", GAUGE, rooms.pushes, "Live pushes that run"),
    M64("mixdown_pushes_started_total", COUNTER, rooms.pushes_started, "Live pushes started"),
    M64("mixdown_pushes_failed_total", COUNTER, rooms.pushes_failed, "Of these, given up"),
    M64("mixdown_push_bytes_total", COUNTER, rooms.push_bytes, "Bytes that pushes have sent"),
    M64("mixdown_push_retries_total", COUNTER, rooms.push_retries,
        "Times that a push lost its server or could not connect"),
    M64("mixdown_push_dropped_packets_total", COUNTER, rooms.push_dropped,
        "Packets of pushes dropped to keep up"),
    M32("mixdown_inputs", GAUGE, rooms.inputs, "Outside sources in rooms"),
    M32("mixdown_inputs_waiting", GAUGE, rooms.inputs_waiting,
        "Of these, those that wait to be opened again"),
    M64("mixdown_input_retries_total", COUNTER, rooms.input_retries,
        "Times that a source was opened again, or in vain"),
    M64("mixdown_http_requests_total", COUNTER, front.http_requests, "HTTP requests"),
    M64("mixdown_ws_clients", GAUGE, clients, "WebSocket connections open"),
    M64("mixdown_ws_connections_total", COUNTER, front.ws_connections, "WebSocket connections"),
    M64("mixdown_ws_messages_in_total", COUNTER, front.ws_messages_in,
        "WebSocket messages received"),
    M64("mixdown_ws_messages_out_total", COUNTER, front.ws_messages_out, "WebSocket messages sent"),
    M64("mixdown_ws_pongs_total", COUNTER, front.ws_pongs, "Answers to the pings of 30 s"),
    M64("mixdown_ws_refused_total", COUNTER, front.ws_refused,
        "WebSocket connections refused for path, origin or token"),
    M64("mixdown_ws_rate_limited_total", COUNTER, front.ws_rate_limited,
        "WebSocket messages dropped because there were too many"),
    M64("mixdown_ws_dropped_total", COUNTER, front.ws_dropped,
        "WebSocket clients dropped: silent, or not reading"),
    M64("mixdown_auth_bad_tokens_total", COUNTER, front.bad_tokens, "Tokens and API keys refused"),
    M64("mixdown_auth_limited_total", COUNTER, front.limited_tokens,
        "Of these, with 429: too many of one address"),
    M64("mixdown_tls_reloads_total", COUNTER, front.certificates,
        "Times that a new certificate was taken"),
    M64("mixdown_trunk_clients", GAUGE, trunk_clients, "Users' devices that come over trunks"),
    M32("mixdown_users", GAUGE, users.users, "Users who are signed in"),
    M32("mixdown_users_devices", GAUGE, users.devices, "Their devices, lost ones included"),
    M32("mixdown_calls", GAUGE, calls.calls, "Calls that ring or run"),
    M32("mixdown_calls_ringing", GAUGE, calls.ringing, "Users who are being called"),
    M64("mixdown_calls_started_total", COUNTER, calls.started, "Calls"),
    M64("mixdown_calls_answered_total", COUNTER, calls.answered, "Users who answered and hung up"),
    M64("mixdown_calls_missed_total", COUNTER, calls.missed, "Users who did not answer or were away"),
    M64("mixdown_calls_rejected_total", COUNTER, calls.rejected, "Users who refused"),
    M64("mixdown_calls_busy_total", COUNTER, calls.busy, "Users who were in another call"),
    M64("mixdown_calls_cancelled_total", COUNTER, calls.cancelled, "Users called in vain, called off"),
    M64("mixdown_calls_lost_total", COUNTER, calls.lost, "Users whose connection broke in a call"),
    M64("mixdown_chat_sent_total", COUNTER, chat.sent, "Messages between users and in rooms"),
    M64("mixdown_chat_delivered_total", COUNTER, chat.delivered, "Of those to users, delivered"),
    M64("mixdown_chat_waited_total", COUNTER, chat.waited, "Of those to users, to one who was away"),
    M64("mixdown_store_written_total", COUNTER, store.written, "Database writes committed"),
    M64("mixdown_store_refused_total", COUNTER, store.refused, "Database writes lost: queue full"),
    M64("mixdown_store_failed_total", COUNTER, store.failed, "Database writes that failed"),
    M64("mixdown_store_retries_total", COUNTER, store.retries, "Database transactions tried again"),
    M64("mixdown_store_set_aside_total", COUNTER, store.set_aside,
        "Corrupt database files set aside"),
    M32("mixdown_store_waiting", GAUGE, store.waiting, "Database writes that wait"),
    M64("mixdown_hooks_posted_total", COUNTER, hooks.posted, "Events for the application's server"),
    M64("mixdown_hooks_delivered_total", COUNTER, hooks.delivered, "Of these, answered with 2xx"),
    M64("mixdown_hooks_retries_total", COUNTER, hooks.retries, "Attempts that failed, to be repeated"),
    M64("mixdown_hooks_failed_total", COUNTER, hooks.failed, "Events given up after hooks.attempts"),
    M64("mixdown_hooks_dropped_total", COUNTER, hooks.dropped, "Events lost because too many waited"),
    M32("mixdown_hooks_waiting", GAUGE, hooks.waiting, "Events that wait, those on their way included"),
    M64("mixdown_hooks_asked_total", COUNTER, hooks.asked, "Questions to the application's server"),
    M64("mixdown_hooks_refused_total", COUNTER, hooks.refused, "Of these, answered with no"),
    M64("mixdown_hooks_unanswered_total", COUNTER, hooks.unanswered,
        "Of these, without an answer: hooks.on_error counted"),
#undef M64
#undef M32
};

static void gather(struct sig_front *front, struct all_stats *a)
{
    memset(a, 0, sizeof(*a));
    sig_rooms_stats(front->rooms, &a->rooms);
    front->host.stats(front->host.ctx, &a->host);
    a->front = front->stats;
    a->clients = front->client_count;
    a->trunk_clients = sig_clients_on_trunks(front);
    sig_users_stats(front->users, &a->users);
    sig_calls_stats(front->calls, &a->calls);
    sig_chat_stats(front->chat, &a->chat);
    a->front_cpu_us = (uint64_t)mcu_cpu_us();
    a->load_millicores = (uint64_t)(1000.0 * sig_load_cores(front->rooms));
    sig_uploads_stats(front->uploads, &a->uploads);
    const int waiting = front->uploads ? sig_store_uploads_waiting(front->store) : 0;
    a->uploads_waiting = waiting > 0 ? (uint64_t)waiting : 0;
    if (front->store)
        sig_store_stats(front->store, &a->store);
    sig_hooks_stats(front->hooks, &a->hooks);
}

static uint64_t value(const struct all_stats *a, size_t i)
{
    const void *at = (const char *)a + metrics[i].offset;
    return metrics[i].wide ? *(const uint64_t *)at : *(const uint32_t *)at;
}

static void print(FILE *out, const struct all_stats *a)
{
    for (size_t i = 0; i < sizeof(metrics) / sizeof(*metrics); i++)
        fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", metrics[i].name, metrics[i].help,
                metrics[i].name, metrics[i].kind == COUNTER ? "counter" : "gauge", metrics[i].name,
                (unsigned long long)value(a, i));
    fputs("# HELP mixdown_http_replies_total HTTP replies by class of status\n"
          "# TYPE mixdown_http_replies_total counter\n",
          out);
    for (int c = 2; c <= 5; c++)
        fprintf(out, "mixdown_http_replies_total{class=\"%dxx\"} %llu\n", c,
                (unsigned long long)a->front.http_by_class[c]);
}

void sig_metrics(struct sig_http *req)
{
    struct all_stats a;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        sig_http_error(req, sig_error("too_busy"), NULL);
        return;
    }
    gather(req->front, &a);
    print(out, &a);
    fclose(out);
    sig_http_header(req, "Cache-Control", "no-store");
    sig_http_reply(req, 200, "text/plain; version=0.0.4; charset=utf-8", text, size);
    free(text);
}

void sig_healthz(struct sig_http *req)
{
    sig_http_json(req, 200, json_pack("{s:s}", "status", "ok"));
}

/* Ready for new rooms. */
void sig_readyz(struct sig_http *req)
{
    struct sig_rooms_stats rooms;
    sig_rooms_stats(req->front->rooms, &rooms);
    if (!req->front->is_ready || rooms.rooms >= req->front->config->room.max_rooms)
        sig_http_error(req, sig_error("too_many_rooms"), NULL);
    else
        sig_http_json(req, 200, json_pack("{s:s}", "status", "ready"));
}
