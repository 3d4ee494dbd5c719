/* Old recordings give way. Rows are deleted through the store's thread, so each look begins with
 * what is committed by then; looks are seconds apart. */
#include "signaling/retention.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "signaling/recording_files.h"
#include "signaling/rooms_internal.h"
#include "signaling/uploads.h"

enum { AT_ONCE = 20, BYTES_PER_MB = 1000 * 1000, MS_PER_DAY = 24 * 3600 * 1000 };

#define LOOK_EVERY_US (5 * MCU_US_PER_S)

/* --- deleting --------------------------------------------------------------------------------- */

/* It is nowhere else yet, though it should be. */
static bool is_on_its_way(struct sig_rooms *rooms, const char *id)
{
    if (!rooms->conf.uploads)
        return false;
    json_t *upload = sig_upload_json(rooms->conf.store, id);
    const char *status = json_string_value(json_object_get(upload, "status"));
    const bool is_there = !status || strcmp(status, "done") == 0 || strcmp(status, "none") == 0;
    json_decref(upload);
    return !is_there;
}

static void delete (struct sig_rooms *rooms, const struct sig_store_recording *row, const char *why)
{
    if (sig_store_recording_delete(rooms->conf.store, row->id) != 0)
        return; /* the store is full of work: the next look tries again */
    if (sig_recording_remove_files(row->file) < 0)
        log_warn("recording %s: its file is not there to delete: %s", row->id, row->file);
    rooms->retention.deleted++;
    log_info("room=%s recording %s is deleted: %s", row->room_id, row->id, why);
}

static const char *reason(const struct sig_rooms *rooms, const struct sig_store_recording *row,
                          int64_t bytes)
{
    const struct mcu_config *c = rooms->conf.config;
    const int64_t keep_ms = (int64_t)c->recording.keep_days * MS_PER_DAY;
    const int64_t keep_bytes = (int64_t)c->recording.keep_mb * BYTES_PER_MB;
    if (keep_ms > 0 && row->ended_at_ms < mcu_wall_ms() - keep_ms)
        return "it is older than recording.keep_days";
    return keep_bytes > 0 && bytes > keep_bytes ? "all have more than recording.keep_mb" : NULL;
}

/* Returns the bytes that are left. Those that have to stay are stepped over. */
static int64_t delete_oldest(struct sig_rooms *rooms, int64_t bytes)
{
    struct sig_store_recording *rows = calloc(AT_ONCE, sizeof(*rows));
    uint32_t offset = 0;
    int n = 0;
    uint64_t deleted = 0;
    while (rows && deleted == 0 &&
           (n = sig_store_recordings_oldest(rooms->conf.store, offset, AT_ONCE, rows)) > 0) {
        for (int i = 0; i < n; i++) {
            const char *why = reason(rooms, &rows[i], bytes);
            if (!why || is_on_its_way(rooms, rows[i].id))
                continue;
            delete (rooms, &rows[i], why);
            bytes -= rows[i].bytes;
            deleted++;
        }
        if (!reason(rooms, &rows[n - 1], bytes))
            break; /* the rest is younger */
        offset += (uint32_t)n;
    }
    free(rows);
    return bytes;
}

/* --- the quota -------------------------------------------------------------------------------- */

static int64_t bytes_of_running(const struct sig_rooms *rooms)
{
    int64_t bytes = 0;
    for (const struct sig_room *room = rooms->first; room; room = room->next) {
        for (const struct sig_recording *r = room->recordings; r; r = r->next) {
            struct stat st;
            for (const struct sig_recording_part *p = r->parts; p; p = p->next)
                bytes += stat(p->file, &st) == 0 ? st.st_size : 0;
        }
    }
    return bytes;
}

static void stop_all(struct sig_rooms *rooms)
{
    for (struct sig_room *room = rooms->first; room; room = room->next) {
        if (!room->active)
            continue;
        log_error("room=%s recording %s ends: recording.quota_mb is reached", room->id,
                  room->active->id);
        recording_hook(room->active, "stopped", room->active->id,
                       json_pack("{s:s}", "reason", "quota_reached"));
        sig_recording_stop(room->active);
    }
}

static void look_at_quota(struct sig_rooms *rooms, int64_t bytes)
{
    const int64_t quota = (int64_t)rooms->conf.config->recording.quota_mb * BYTES_PER_MB;
    rooms->retention.is_full = quota > 0 && bytes + bytes_of_running(rooms) >= quota;
    if (rooms->retention.is_full)
        stop_all(rooms);
}

void sig_retention_tick(struct sig_rooms *rooms, int64_t now_us)
{
    const struct mcu_config *c = rooms->conf.config;
    int64_t bytes = 0;
    if (!rooms->conf.store || now_us < rooms->retention.look_us ||
        (!c->recording.quota_mb && !c->recording.keep_days && !c->recording.keep_mb))
        return;
    rooms->retention.look_us = now_us + LOOK_EVERY_US;
    if (sig_store_recordings_bytes(rooms->conf.store, &bytes) < 0)
        return;
    look_at_quota(rooms, delete_oldest(rooms, bytes));
}

bool sig_retention_is_full(const struct sig_rooms *rooms)
{
    return rooms->retention.is_full;
}
