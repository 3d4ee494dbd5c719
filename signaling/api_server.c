/* REST for those who run the server: how it does, and what a room's processes say. Front thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/log.h"
#include "signaling/admission.h"
#include "signaling/api.h"
#include "signaling/http_handlers.h"

enum { LOG_BYTES_MAX = 64 * 1024, LINES_MAX = 2 * MCU_LOG_KEPT };

static json_t *room_load(const struct sig_room *room)
{
    return json_pack("{s:s, s:f, s:b, s:I, s:I, s:I, s:I}", "roomId", room->id, "cores",
                     mcu_load_cores(&room->load), "isLate", room->load.is_late, "views",
                     (json_int_t)room->stats.views, "overload", (json_int_t)room->stats.overload_step,
                     "audioLateTicks", (json_int_t)room->stats.audio_late_ticks, "bytesOut",
                     (json_int_t)room->stats.out_bytes);
}

void sig_api_server(struct sig_http *req)
{
    struct sig_token token;
    struct sig_rooms_stats stats;
    if (!sig_http_authorize(req, NULL, &token))
        return;
    const struct sig_front *front = req->front;
    json_t *rooms = json_array();
    for (const struct sig_room *room = sig_rooms_first(front->rooms); room; room = room->next)
        json_array_append_new(rooms, room_load(room));
    sig_rooms_stats(front->rooms, &stats);
    sig_http_json(req, 200,
                  json_pack("{s:s, s:I, s:i, s:i, s:f, s:i, s:i, s:i, s:I, s:o}", "version",
                            MIXDOWN_VERSION, "startedAt", (json_int_t)front->started_at_ms, "cores",
                            (int)sig_cores(), "maxLoad", (int)front->config->room.max_load,
                            "load", sig_load_cores(front->rooms), "members", (int)stats.members,
                            "clients", (int)front->client_count, "recordings",
                            (int)stats.recordings, "refusedOverload",
                            (json_int_t)stats.refused_overload, "rooms", rooms));
}

/* --- a room's log -------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
    /* lines begin with it */
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

/* Ours about the room and the room's own, in the order of time. */
static json_t *merge(char *ours, const json_t *rooms)
{
    json_t *lines[LINES_MAX], *list = json_array();
    size_t count = 0;
    char *rest = NULL;
    for (char *line = strtok_r(ours, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *text = json_string(line);
        if (text && count < LINES_MAX)
            lines[count++] = text;
    }
    for (size_t i = 0; i < json_array_size(rooms) && count < LINES_MAX; i++) {
        json_t *text = json_array_get(rooms, i);
        if (json_is_string(text))
            lines[count++] = json_incref(text);
    }
    qsort(lines, count, sizeof(*lines), by_time);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, lines[i]);
    return list;
}

static void reply_log(struct sig_http *req, const json_t *rooms)
{
    char words[80];
    char *ours = malloc(LOG_BYTES_MAX);
    if (!ours) {
        sig_http_error(req, sig_error("too_busy"), NULL);
        return;
    }
    snprintf(words, sizeof(words), " room=%s ", sig_http_param(req, 0));
    mcu_log_recent(words, ours, LOG_BYTES_MAX);
    sig_http_json(req, 200, json_pack("{s:o}", "lines", merge(ours, rooms)));
    free(ours);
}

static void on_log(void *arg, const json_t *reply)
{
    struct sig_http *req = arg;
    reply_log(req, json_object_get(reply, "lines"));
    sig_http_unref(req);
}

/* Of a room that is over, too, as long as its lines are remembered. */
void sig_api_room_log(struct sig_http *req)
{
    struct sig_token token;
    if (!sig_http_authorize(req, NULL, &token))
        return;
    struct sig_room *room = sig_rooms_find(req->front->rooms, sig_http_param(req, 0));
    if (room &&
        sig_room_command(room, json_pack("{s:s}", "cmd", "log"), on_log, sig_http_ref(req)) == 0)
        return;
    if (room)
        sig_http_unref(req);
    reply_log(req, NULL);
}
