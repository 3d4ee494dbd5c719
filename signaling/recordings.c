/* Recordings of rooms that run: starting, stopping, and going on when the room's process dies.
 * Front thread. The row is posted before the room is asked, so a file is never without one for
 * long.
 *
 *   sig_room_record -> is_starting -> (room says ok) -> runs -> is_stopping -> `recording` event
 *                                                        \-> process dies -> is_recovering */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/control_picture.h"
#include "mcu/file_name.h"
#include "signaling/admission.h"
#include "signaling/layouts.h"
#include "signaling/retention.h"
#include "signaling/room_images.h"
#include "signaling/rooms_internal.h"
#include "signaling/uploads.h"

struct starting {
    struct sig_rooms *rooms;
    char id[65];
    sig_recording_fn *done;
    void *arg;
};

static void unlist(struct sig_recording *r)
{
    struct sig_recording **at = &r->room->recordings;
    while (*at && *at != r)
        at = &(*at)->next;
    if (*at)
        *at = r->next;
    r->next = NULL;
    if (r->room->active == r)
        r->room->active = NULL;
}

static struct sig_recording *find_in_room(const struct sig_room *room, const char *id)
{
    struct sig_recording *r = room->recordings;
    while (r && !recording_has_id(r, id))
        r = r->next;
    return r;
}

struct sig_recording *sig_rooms_find_recording(const struct sig_rooms *rooms, const char *id)
{
    for (const struct sig_room *room = rooms->first; room; room = room->next) {
        struct sig_recording *r = find_in_room(room, id);
        if (r)
            return r;
    }
    struct sig_recording *r = rooms->orphans;
    while (r && strcmp(r->id, id) != 0)
        r = r->next;
    return r;
}

/* Also how its file ends; NULL: nothing was wished. */
static const char *format_of(const struct sig_record_wish *w)
{
    return !w || !w->is_sound_only ? "mp4" : w->is_ogg ? "ogg" : "m4a";
}

/* DATA/recordings/ROOM-20261121-014157-123.mp4, as recording.template says. A name that is taken gets
 * the recording's id behind it; two templates may make the same for two rooms. */
static int make_path(char *out, size_t size, const struct sig_room *room, const char *id,
                     int64_t now_ms, const struct sig_record_wish *wish)
{
    char name[MCU_FILE_NAME_MAX + 1];
    const struct mcu_file_name values = {.room = room->id, .id = id, .at_ms = now_ms};
    const char *folder = room->rooms->recordings_dir;
    const int err = mcu_file_name(name, room->rooms->conf.config->recording.template, &values);
    if (err)
        return err;
    const char *end = format_of(wish);
    int n = snprintf(out, size, "%s/%s.%s", folder, name, end);
    if (n > 0 && (size_t)n < size && access(out, F_OK) == 0)
        n = snprintf(out, size, "%s/%s-%s.%s", folder, name, id, end);
    return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

static struct sig_recording *new_recording(struct sig_room *room, const char *by,
                                           const struct sig_record_wish *wish)
{
    struct sig_recording *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->started_at_ms = mcu_wall_ms();
    sig_id_make(r->id, SIG_ID_SIZE);
    if (make_path(r->file, sizeof(r->file), room, r->id, r->started_at_ms, wish) != 0) {
        free(r);
        return NULL;
    }
    r->rooms = room->rooms;
    r->room = room;
    r->participants = room->member_count;
    if (!recording_add_part(r, 1, r->file, r->started_at_ms)) {
        free(r);
        return NULL;
    }
    snprintf(r->room_id, sizeof(r->room_id), "%s", room->id);
    snprintf(r->by, sizeof(r->by), "%s", by);
    r->next = room->recordings;
    room->recordings = r;
    return r;
}

json_t *recording_news(const struct sig_recording *r)
{
    return json_pack("{s:b, s:s, s:I, s:s, s:b}", "active", r->room->active != NULL, "id", r->id,
                     "startedAt", (json_int_t)r->started_at_ms, "by", r->by, "paused",
                     r->is_paused);
}

static void tell(const struct sig_recording *r)
{
    sig_room_tell(r->room, NULL, "recording", recording_news(r));
}

void recording_drop(struct sig_recording *r)
{
    unlist(r);
    recording_free_parts(r);
    free(r);
}

void recording_tell_done(struct sig_room *room, const struct sig_recording *r, bool ok,
                         int64_t duration_ms)
{
    char url[128];
    snprintf(url, sizeof(url), "/api/v1/recordings/%s/file", r->id);
    json_t *data = json_pack("{s:b, s:s, s:I, s:s, s:s}", "active", room->active != NULL, "id",
                             r->id, "startedAt", (json_int_t)r->started_at_ms, "by", r->by, "state",
                             ok ? "ready" : "failed");
    if (ok) {
        json_object_set_new(data, "url", json_string(url));
        json_object_set_new(data, "durationMs", json_integer(duration_ms));
    }
    sig_room_tell(room, NULL, "recording", data);
}

void recording_finish_row(struct sig_rooms *rooms, const struct sig_recording *r, bool ok,
                          int64_t duration_ms, int64_t bytes)
{
    if (!ok)
        rooms->stats.recordings_failed++;
    if (!rooms->conf.store)
        return;
    struct sig_store_recording row = {
        .ended_at_ms = ok ? r->started_at_ms + duration_ms : mcu_wall_ms(),
        .duration_ms = duration_ms,
        .bytes = bytes,
        .participants = r->participants,
    };
    snprintf(row.id, sizeof(row.id), "%s", r->id);
    snprintf(row.status, sizeof(row.status), ok ? "ready" : "failed");
    if (sig_store_recording_finished(rooms->conf.store, &row) != 0)
        log_error("recording %s: its row cannot be finished; the next start does it", r->id);
    else if (ok)
        sig_uploads_add(rooms->conf.uploads, r->id, r->file);
}

/* --- starting --------------------------------------------------------------------------------- */

static void start_refused(struct sig_recording *r, const char *why)
{
    log_error("room=%s recording %s not started: %s", r->room_id, r->id, why);
    recording_finish_row(r->room->rooms, r, false, 0, 0);
    recording_drop(r);
}

static void send_pause(const struct sig_recording *r)
{
    if (!r->room->link)
        return;
    const char *cmd = r->is_paused ? "record_pause" : "record_resume";
    r->rooms->conf.host.send(r->room->link, json_pack("{s:s, s:s}", "cmd", cmd, "id", r->id), NULL,
                             NULL);
}

static void on_started(void *arg, const json_t *reply)
{
    struct starting *s = arg;
    struct sig_recording *r = sig_rooms_find_recording(s->rooms, s->id);
    const struct sig_error *error = sig_error_of_reply(reply);
    if (r && r->room && !error) {
        r->is_starting = false;
        mcu_json_int(reply, "started_at", MCU_JSON_OPTIONAL, 1, INT64_MAX, &r->started_at_ms);
        s->rooms->stats.recordings_started++;
        log_info("room=%s recording %s started by %s: %s", r->room_id, r->id,
                 r->by[0] ? r->by : "REST", r->file);
        tell(r);
        recording_hook(r, "started", r->id, NULL);
        if (r->is_paused)
            send_pause(r);
    } else if (r && r->room && strcmp(error->code, "room_restarted") != 0) {
        start_refused(r, error->code);
        r = NULL;
    } /* else it is restarted with the room, under another id */
    if (s->done)
        s->done(s->arg, error ? NULL : r, error ? error : r ? NULL : sig_error("internal"));
    free(s);
}

int recording_post_row(const struct sig_recording *r, const struct sig_recording_part *part)
{
    struct sig_store *store = r->rooms->conf.store;
    if (!store)
        return 0;
    struct sig_store_recording row = {
        .started_at_ms = part->started_at_ms,
        .participants = r->participants,
        .part = part->number,
    };
    recording_part_id(r, part->number, row.id);
    snprintf(row.recording_id, sizeof(row.recording_id), "%s", r->id);
    snprintf(row.room_id, sizeof(row.room_id), "%s", r->room_id);
    snprintf(row.file, sizeof(row.file), "%s", part->file);
    snprintf(row.status, sizeof(row.status), "recording");
    return sig_store_recording_started(store, &row);
}

/* Whether it is encoded for the file alone. */
static bool has_own_encoder(const struct sig_record_wish *w)
{
    return w->width || w->fps || w->bitrate_kbps || w->preset[0];
}

static int read_video(struct sig_record_wish *w, const json_t *data)
{
    return mcu_json_int(data, "width", MCU_JSON_OPTIONAL, 16, 3840, &w->width) ||
           mcu_json_int(data, "height", MCU_JSON_OPTIONAL, 16, 3840, &w->height) ||
           mcu_json_int(data, "fps", MCU_JSON_OPTIONAL, 1, 60, &w->fps) ||
           mcu_json_int(data, "bitrateKbps", MCU_JSON_OPTIONAL, 50, 50000, &w->bitrate_kbps) ||
           mcu_json_string(data, "preset", MCU_JSON_OPTIONAL, 1, w->preset, sizeof(w->preset)) ||
           (w->width > 0) != (w->height > 0) || (w->is_sound_only && has_own_encoder(w));
}

static void tell_video(const struct sig_record_wish *w, json_t *command)
{
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {{"width", w->width},
                   {"height", w->height},
                   {"fps", w->fps},
                   {"bitrateKbps", w->bitrate_kbps}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (numbers[i].value)
            json_object_set_new(command, numbers[i].key, json_integer(numbers[i].value));
    }
    if (w->preset[0])
        json_object_set_new(command, "preset", json_string(w->preset));
}

static json_t *start_command(const struct sig_recording *r)
{
    const struct sig_record_wish *w = &r->wish;
    json_t *command =
        json_pack("{s:s, s:s, s:s}", "cmd", "record_start", "id", r->id, "file", r->file);
    if (w->is_sound_only)
        json_object_set_new(command, "format", json_string(format_of(w)));
    if (w->stills_s)
        json_object_set_new(command, "snapshots", json_integer(w->stills_s));
    if (w->has_tracks)
        json_object_set_new(command, "tracks", json_true());
    if (w->title[0])
        json_object_set_new(command, "title", json_string(w->title));
    tell_video(w, command);
    if (w->view[0])
        json_object_set_new(command, "view", json_string(w->view));
    if (w->has_signs)
        json_object_set_new(command, "signs", json_boolean(w->signs));
    if (!w->layout[0])
        return command;
    json_object_set_new(command, "layout", json_string(w->layout));
    json_t *file = sig_layout_stored(r->rooms->conf.layouts, w->layout);
    sig_room_give_images(r->room, file);
    if (file)
        json_object_set_new(command, "layout_file", file);
    return command;
}

static int ask_room(struct sig_recording *r, sig_recording_fn *done, void *arg)
{
    struct sig_rooms *rooms = r->room->rooms;
    struct starting *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    *s = (struct starting){.rooms = rooms, .done = done, .arg = arg};
    snprintf(s->id, sizeof(s->id), "%s", r->id);
    const int err = rooms->conf.host.send(r->room->link, start_command(r), on_started, s);
    if (err)
        free(s);
    return err;
}

/* "mp4", or sound alone: "m4a", "ogg". */
static int read_format(struct sig_record_wish *w, const json_t *data)
{
    char format[8] = "mp4";
    if (mcu_json_string(data, "format", MCU_JSON_OPTIONAL, 1, format, sizeof(format)))
        return -1;
    w->is_ogg = strcmp(format, "ogg") == 0;
    w->is_sound_only = w->is_ogg || strcmp(format, "m4a") == 0;
    return w->is_sound_only || strcmp(format, "mp4") == 0 ? 0 : -1;
}

static int read_wish(struct sig_record_wish *wish, const json_t *data)
{
    struct sig_record_wish w = {.has_signs = json_object_get(data, "signs") != NULL};
    if (mcu_json_string(data, "view", MCU_JSON_OPTIONAL, 1, w.view, sizeof(w.view)) ||
        mcu_json_string(data, "layout", MCU_JSON_OPTIONAL, 1, w.layout, sizeof(w.layout)) ||
        mcu_json_bool(data, "signs", MCU_JSON_OPTIONAL, &w.signs) || read_format(&w, data) ||
        read_video(&w, data) ||
        mcu_json_bool(data, "tracks", MCU_JSON_OPTIONAL, &w.has_tracks) ||
        mcu_json_int(data, "snapshots", MCU_JSON_OPTIONAL, 1, 3600, &w.stills_s) ||
        mcu_json_text(data, "title", MCU_JSON_OPTIONAL, 0, 64, w.title, sizeof(w.title)) || (w.view[0] && w.layout[0]) ||
        (w.layout[0] && !mcu_layout_name_is_valid(w.layout)))
        return -1;
    if (strcmp(w.view, "main") == 0)
        w.view[0] = '\0';
    *wish = w;
    return 0;
}

const struct sig_error *sig_record_wish_read(struct sig_record_wish *wish, struct sig_room *room,
                                             const json_t *data)
{
    struct sig_record_wish w = {0};
    if (data && read_wish(&w, data))
        return sig_error("bad_request");
    if (w.layout[0] && !sig_layout_exists(room->rooms->conf.layouts, w.layout))
        return sig_error("no_such_layout");
    if (w.view[0] && !json_object_get(room->views, w.view))
        return sig_error("no_such_view");
    const bool is_unsigned = w.has_signs && !w.signs && room->rooms->conf.config->video.signs;
    const bool is_another = w.view[0] || w.layout[0] || is_unsigned || has_own_encoder(&w);
    const struct sig_error *error = is_another ? sig_admit(room->rooms, room, MCU_LOAD_VIEW) : NULL;
    if (!error)
        *wish = w;
    return error;
}

const struct sig_error *sig_room_record(struct sig_room *room, const char *by,
                                        const struct sig_record_wish *wish, sig_recording_fn *done,
                                        void *arg)
{
    if (room->active)
        return sig_error("already_recording");
    if (room->is_closing || !room->link)
        return sig_error("no_such_room");
    if (sig_retention_is_full(room->rooms))
        return sig_error("quota_reached");
    struct sig_recording *r = new_recording(room, by, wish);
    if (!r)
        return sig_error("internal");
    if (wish)
        r->wish = *wish;
    r->is_starting = true;
    room->active = r;
    if (recording_post_row(r, r->parts) == 0 && ask_room(r, done, arg) == 0)
        return NULL;
    start_refused(r, "the store or the room does not take it");
    return sig_error("internal");
}

/* --- running and stopping --------------------------------------------------------------------- */

void recording_count_member(struct sig_room *room)
{
    if (room->rooms->conf.config->recording.starts_itself && !room->was_recorded_itself) {
        room->was_recorded_itself = true; /* once: who stops it has a reason */
        if (!room->active && sig_room_record(room, "", NULL, NULL, NULL))
            log_error("room=%s cannot be recorded", room->id);
    }
    if (room->active && room->active->participants < UINT32_MAX)
        room->active->participants++;
}

void sig_recording_stop(struct sig_recording *r)
{
    if (!r->room || r->is_stopping || r->is_recovering)
        return;
    r->is_stopping = true;
    struct sig_room *room = r->room;
    if (room->active == r)
        room->active = NULL;
    if (room->link)
        room->rooms->conf.host.send(
            room->link, json_pack("{s:s, s:s}", "cmd", "record_stop", "id", r->id), NULL, NULL);
    tell(r);
}

void sig_recording_pause(struct sig_recording *r, bool is_paused)
{
    if (!r->room || r->is_stopping || r->is_recovering || r->is_paused == is_paused)
        return;
    r->is_paused = is_paused;
    if (r->is_starting)
        return; /* told when it has started */
    send_pause(r);
    tell(r);
    recording_hook(r, is_paused ? "paused" : "resumed", r->id, NULL);
}

/* The process that wrote them is gone: what it left is finished by `recover`, and what was going on
 * goes on in a new file. */
void recordings_restarted(struct sig_room *room)
{
    char by[129] = "";
    struct sig_record_wish wish = {0};
    const bool was_active = room->active != NULL;
    const bool was_paused = was_active && room->active->is_paused;
    if (was_active) {
        snprintf(by, sizeof(by), "%s", room->active->by);
        wish = room->active->wish;
    }
    recordings_orphaned(room);
    if (was_active && sig_room_record(room, by, &wish, NULL, NULL))
        log_error("room=%s its recording could not be taken up again", room->id);
    if (room->active)
        room->active->is_paused = was_paused;
}

void recordings_orphaned(struct sig_room *room)
{
    while (room->recordings) {
        struct sig_recording *r = room->recordings;
        unlist(r);
        recording_orphan(r);
    }
}

/* Without `parts` it is a room of an earlier version, with one. */
static int adopt_parts(struct sig_recording *r, const json_t *parts)
{
    size_t i;
    json_t *said;
    json_array_foreach(parts, i, said)
    {
        char file[sizeof(r->file)];
        int64_t number = 0;
        int64_t started_at_ms = 0;
        if (mcu_json_int(said, "part", MCU_JSON_REQUIRED, 1, INT32_MAX, &number) ||
            mcu_json_int(said, "started_at", MCU_JSON_REQUIRED, 0, INT64_MAX, &started_at_ms) ||
            mcu_json_string(said, "file", MCU_JSON_REQUIRED, 1, file, sizeof(file)) ||
            !recording_add_part(r, (uint32_t)number, file, started_at_ms))
            return -EPROTO;
    }
    const bool has_parts = json_is_array(parts);
    return has_parts || recording_add_part(r, 1, r->file, r->started_at_ms) ? 0 : -ENOMEM;
}

static int adopt(struct sig_recording *r, const json_t *said)
{
    if (mcu_json_string(said, "id", MCU_JSON_REQUIRED, 1, r->id, sizeof(r->id)) ||
        mcu_json_string(said, "file", MCU_JSON_REQUIRED, 1, r->file, sizeof(r->file)) ||
        mcu_json_int(said, "started_at", MCU_JSON_REQUIRED, 0, INT64_MAX, &r->started_at_ms) ||
        mcu_json_bool(said, "paused", MCU_JSON_OPTIONAL, &r->is_paused) ||
        mcu_json_bool(said, "stalled", MCU_JSON_OPTIONAL, &r->is_stalled) ||
        read_wish(&r->wish, said))
        return -EPROTO;
    return adopt_parts(r, json_object_get(said, "parts"));
}

struct sig_recording *recording_adopt(struct sig_room *room, const json_t *said)
{
    struct sig_recording *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    if (adopt(r, said)) {
        recording_free_parts(r);
        free(r);
        return NULL;
    }
    r->rooms = room->rooms;
    r->room = room;
    r->participants = room->member_count;
    snprintf(r->room_id, sizeof(r->room_id), "%s", room->id);
    r->next = room->recordings;
    room->recordings = r;
    room->active = r;
    return r;
}
