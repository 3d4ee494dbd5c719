/* What a room says of its recordings: files that begin and end, and disks that fail. A recording is
 * one struct for as long as it runs; each of its files is a row of its own, and what has to be
 * recovered is a struct of its own, too. Front thread. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "signaling/hooks.h"
#include "signaling/rooms_internal.h"
#include "signaling/uploads.h"

void recording_part_id(const struct sig_recording *r, uint32_t number, char out[65])
{
    if (number <= 1)
        snprintf(out, 65, "%s", r->id);
    else
        snprintf(out, 65, "%.53s-%u", r->id, (unsigned)number);
}

struct sig_recording_part *recording_add_part(struct sig_recording *r, uint32_t number,
                                              const char *file, int64_t started_at_ms)
{
    struct sig_recording_part *part = calloc(1, sizeof(*part));
    if (!part)
        return NULL;
    part->number = number;
    part->started_at_ms = started_at_ms;
    snprintf(part->file, sizeof(part->file), "%s", file);
    part->next = r->parts;
    r->parts = part;
    return part;
}

bool recording_has_id(const struct sig_recording *r, const char *id)
{
    char part_id[65];
    bool has_it = strcmp(r->id, id) == 0;
    for (const struct sig_recording_part *part = r->parts; part && !has_it; part = part->next) {
        recording_part_id(r, part->number, part_id);
        has_it = strcmp(part_id, id) == 0;
    }
    return has_it;
}

bool recording_has_file(const struct sig_recording *r, const char *file)
{
    const struct sig_recording_part *part = r->parts;
    while (part && strcmp(part->file, file) != 0)
        part = part->next;
    return part != NULL;
}

static struct sig_recording_part *find_part(const struct sig_recording *r, uint32_t number)
{
    struct sig_recording_part *part = r->parts;
    while (part && part->number != number)
        part = part->next;
    return part;
}

static void drop_part(struct sig_recording *r, struct sig_recording_part *part)
{
    struct sig_recording_part **at = &r->parts;
    while (*at != part)
        at = &(*at)->next;
    *at = part->next;
    free(part);
}

void recording_free_parts(struct sig_recording *r)
{
    while (r->parts)
        drop_part(r, r->parts);
}

void recording_hook(const struct sig_recording *r, const char *what, const char *id, json_t *more)
{
    char event[32];
    snprintf(event, sizeof(event), "recording.%s", what);
    json_t *data = json_pack("{s:s, s:s, s:I, s:s}", "id", id, "recordingId", r->id, "startedAt",
                             (json_int_t)r->started_at_ms, "by", r->by);
    if (more)
        json_object_update(data, more);
    json_decref(more);
    sig_hooks_post(r->rooms->conf.hooks, event, r->room_id, data);
}

void sig_recording_uploaded(struct sig_rooms *rooms, const char *id, bool is_done)
{
    struct sig_store_recording row;
    struct sig_store *store = rooms->conf.store;
    if (!store || sig_store_recording_get(store, id, &row) != 1)
        return; /* it was deleted meanwhile */
    sig_hooks_post(rooms->conf.hooks, is_done ? "recording.uploaded" : "recording.upload_failed",
                   row.room_id,
                   json_pack("{s:s, s:s, s:I, s:i, s:o}", "id", row.id, "recordingId",
                             row.recording_id, "startedAt", (json_int_t)row.started_at_ms, "part",
                             (int)row.part, "upload", sig_upload_json(store, id)));
    struct sig_room *room = sig_rooms_find(rooms, row.room_id);
    if (room)
        sig_room_tell(room, NULL, "upload",
                      json_pack("{s:s, s:s, s:I, s:s}", "id", row.id, "recordingId",
                                row.recording_id, "startedAt", (json_int_t)row.started_at_ms,
                                "status", is_done ? "done" : "failed"));
}

/* --- what has to be recovered ----------------------------------------------------------------- */

/* One file as a recording that nobody writes: its id is that of the row. NULL: no memory; then the
 * row stays as it is, and the next start finds it. */
static struct sig_recording *file_of(const struct sig_recording *r,
                                     const struct sig_recording_part *part)
{
    struct sig_recording *one = malloc(sizeof(*one));
    if (!one)
        return NULL;
    *one = *r;
    one->next = NULL;
    one->parts = NULL;
    one->started_at_ms = part->started_at_ms;
    recording_part_id(r, part->number, one->id);
    snprintf(one->file, sizeof(one->file), "%s", part->file);
    return one;
}

static void recover_part(const struct sig_recording *r, const struct sig_recording_part *part)
{
    struct sig_recording *one = file_of(r, part);
    if (one)
        recording_recover(one);
}

void recording_orphan(struct sig_recording *r)
{
    for (const struct sig_recording_part *part = r->parts; part; part = part->next)
        recover_part(r, part);
    recording_free_parts(r);
    free(r);
}

/* --- events ----------------------------------------------------------------------------------- */

struct said {
    char state[16];
    char file[1024];
    char error[128];
    int64_t part, started_at_ms, duration_ms, bytes;
    bool is_final;
};

static int read_event(struct said *s, const json_t *event)
{
    *s = (struct said){.part = 1, .is_final = true};
    return mcu_json_string(event, "state", MCU_JSON_REQUIRED, 1, s->state, sizeof(s->state)) ||
           mcu_json_string(event, "file", MCU_JSON_OPTIONAL, 0, s->file, sizeof(s->file)) ||
           mcu_json_string(event, "error", MCU_JSON_OPTIONAL, 0, s->error, sizeof(s->error)) ||
           mcu_json_int(event, "part", MCU_JSON_OPTIONAL, 1, INT32_MAX, &s->part) ||
           mcu_json_int(event, "started_at", MCU_JSON_OPTIONAL, 0, INT64_MAX, &s->started_at_ms) ||
           mcu_json_int(event, "duration_ms", MCU_JSON_OPTIONAL, 0, INT64_MAX, &s->duration_ms) ||
           mcu_json_int(event, "bytes", MCU_JSON_OPTIONAL, 0, INT64_MAX, &s->bytes) ||
           mcu_json_bool(event, "final", MCU_JSON_OPTIONAL, &s->is_final);
}

/* Another file has begun, or was not known to have. */
static struct sig_recording_part *begin_part(struct sig_recording *r, const struct said *said)
{
    struct sig_recording_part *part = find_part(r, (uint32_t)said->part);
    if (part || !said->file[0])
        return part;
    part = recording_add_part(r, (uint32_t)said->part, said->file, said->started_at_ms);
    if (part && recording_post_row(r, part) != 0)
        log_error("room=%s recording %s: no row for its part %u; the next start makes one",
                  r->room_id, r->id, (unsigned)part->number);
    return part;
}

static void part_ready(struct sig_recording *r, const struct sig_recording_part *part,
                       const struct said *said)
{
    struct sig_recording *one = file_of(r, part);
    if (!one)
        return;
    recording_finish_row(r->rooms, one, true, said->duration_ms, said->bytes);
    recording_tell_done(r->room, one, true, said->duration_ms);
    recording_hook(r, "ready", one->id,
                   json_pack("{s:i, s:I, s:I}", "part", (int)part->number, "durationMs",
                             (json_int_t)said->duration_ms, "bytes", (json_int_t)said->bytes));
    log_info("room=%s recording %s is ready: %lld ms, %lld bytes", r->room_id, one->id,
             (long long)said->duration_ms, (long long)said->bytes);
    free(one);
}

static void end_part(struct sig_recording *r, const struct said *said)
{
    struct sig_recording_part *part = begin_part(r, said);
    if (part && strcmp(said->state, "ready") == 0) {
        part_ready(r, part, said);
    } else if (part) { /* what there is of the file may still play */
        log_error("room=%s recording %s failed in the room: %s; recovering its file", r->room_id,
                  r->id, said->error);
        recover_part(r, part);
    }
    if (part)
        drop_part(r, part);
}

static void on_part(struct sig_recording *r, const struct said *said)
{
    begin_part(r, said);
}

static void tell_state(const struct sig_recording *r, const struct said *said)
{
    json_t *news = recording_news(r);
    json_object_set_new(news, "state", json_string(r->is_stalled ? "stalled" : "recording"));
    if (r->is_stalled)
        json_object_set_new(news, "error", json_string(said->error));
    sig_room_tell(r->room, NULL, "recording", news);
}

static void on_stalled(struct sig_recording *r, const struct said *said)
{
    r->is_stalled = true;
    r->rooms->stats.recordings_stalled++;
    log_error("room=%s recording %s stalls: %s", r->room_id, r->id, said->error);
    tell_state(r, said);
    recording_hook(r, "stalled", r->id, json_pack("{s:s}", "error", said->error));
}

static void on_resumed(struct sig_recording *r, const struct said *said)
{
    r->is_stalled = false;
    log_info("room=%s recording %s is written again", r->room_id, r->id);
    tell_state(r, said);
    recording_hook(r, "unstalled", r->id, NULL);
}

static void on_end(struct sig_recording *r, const struct said *said)
{
    if (said->is_final && r->room->active == r)
        r->room->active = NULL; /* it has ended by itself */
    end_part(r, said);
    if (said->is_final)
        recording_drop(r);
}

static void on_ended(struct sig_recording *r, const struct said *said)
{
    (void)said;
    recording_drop(r);
}

static const struct {
    const char *state;
    void (*handle)(struct sig_recording *r, const struct said *said);
} states[] = {
    {"part", on_part}, {"stalled", on_stalled}, {"resumed", on_resumed},
    {"ready", on_end}, {"failed", on_end},      {"ended", on_ended},
};

void recording_event(struct sig_room *room, const json_t *event)
{
    char id[65];
    struct said said;
    if (mcu_json_string(event, "id", MCU_JSON_REQUIRED, 1, id, sizeof(id)) ||
        read_event(&said, event))
        return;
    struct sig_recording *r = room->recordings;
    while (r && strcmp(r->id, id) != 0)
        r = r->next;
    for (size_t i = 0; r && i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(states[i].state, said.state) == 0) {
            states[i].handle(r, &said);
            return;
        }
    }
}
