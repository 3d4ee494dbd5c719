/* Recordings that nobody writes any more: finished by `mixdown recover`, row by row. Front thread.
 *
 * At the start that is every row in status "recording" that no living room claims, and every
 * recording in the folder (.mp4, .m4a, .ogg) that has no row (the front died before it was written). */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "signaling/rooms_internal.h"
#include "signaling/token.h"

enum { PAGE_ROWS = 100 };

#define RETRY_US (30 * MCU_US_PER_S)

static void unlist_orphan(struct sig_recording *r)
{
    struct sig_recording **at = &r->rooms->orphans;
    while (*at && *at != r)
        at = &(*at)->next;
    if (*at)
        *at = r->next;
}

static void on_recovered(void *arg, const json_t *result)
{
    struct sig_recording *r = arg;
    struct sig_rooms *rooms = r->rooms;
    const bool ok = json_is_true(json_object_get(result, "ok"));
    int64_t duration_ms = 0;
    int64_t bytes = 0;
    mcu_json_int(result, "duration_ms", MCU_JSON_OPTIONAL, 0, INT64_MAX, &duration_ms);
    mcu_json_int(result, "bytes", MCU_JSON_OPTIONAL, 0, INT64_MAX, &bytes);
    const char *error = json_string_value(json_object_get(result, "error"));
    if (!ok && json_is_true(json_object_get(result, "retry"))) {
        log_warn("room=%s recording %s is not finished yet: %s; it is tried again", r->room_id,
                 r->id, error ? error : "no reason given");
        r->retry_at_us = mcu_now_us() + RETRY_US;
        return;
    }
    if (ok)
        log_info("room=%s recording %s recovered: %lld ms", r->room_id, r->id,
                 (long long)duration_ms);
    else
        log_error("room=%s recording %s: nothing that plays in %s: %s", r->room_id, r->id, r->file,
                  error ? error : "no reason given");
    unlist_orphan(r);
    recording_finish_row(rooms, r, ok, duration_ms, bytes);
    rooms->stats.recordings_recovered += ok ? 1 : 0;
    recording_hook(r, ok ? "ready" : "failed", r->id,
                   json_pack("{s:I, s:I}", "durationMs", (json_int_t)duration_ms, "bytes",
                             (json_int_t)bytes));
    struct sig_room *room = sig_rooms_find(rooms, r->room_id);
    if (room)
        recording_tell_done(room, r, ok, duration_ms);
    free(r);
}

static void ask(struct sig_recording *r)
{
    struct sig_rooms *rooms = r->rooms;
    if (rooms->conf.host.recover(rooms->conf.host.ctx, r->file, on_recovered, r) == 0)
        return;
    unlist_orphan(r);
    free(r); /* the row stays "recording": the next start recovers it */
}

void recording_recover(struct sig_recording *r)
{
    struct sig_rooms *rooms = r->rooms;
    r->room = NULL;
    r->is_recovering = true;
    r->next = rooms->orphans;
    rooms->orphans = r;
    ask(r);
}

void recordings_retry(struct sig_rooms *rooms, int64_t now_us)
{
    struct sig_recording *next = NULL;
    for (struct sig_recording *r = rooms->orphans; r; r = next) {
        next = r->next;
        if (r->retry_at_us == 0 || now_us < r->retry_at_us)
            continue;
        r->retry_at_us = 0;
        ask(r);
    }
}

/* --- at the start ----------------------------------------------------------------------------- */

static struct sig_recording *from_row(struct sig_rooms *rooms,
                                      const struct sig_store_recording *row)
{
    struct sig_recording *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->rooms = rooms;
    r->started_at_ms = row->started_at_ms;
    r->participants = row->participants;
    snprintf(r->id, sizeof(r->id), "%s", row->id);
    snprintf(r->room_id, sizeof(r->room_id), "%s", row->room_id);
    snprintf(r->file, sizeof(r->file), "%s", row->file);
    return r;
}

static int recover_row(struct sig_rooms *rooms, const struct sig_store_recording *row)
{
    if (sig_rooms_find_recording(rooms, row->id))
        return 0; /* a living room writes it */
    struct sig_recording *r = from_row(rooms, row);
    if (!r)
        return -ENOMEM;
    recording_recover(r);
    return 1;
}

/* Rows are read page by page; none changes while we do, the store was just opened. */
static int each_row(struct sig_rooms *rooms, const char *status,
                    int (*fn)(void *ctx, const struct sig_store_recording *row), void *ctx)
{
    struct sig_store_recording *page = calloc(PAGE_ROWS, sizeof(*page));
    if (!page)
        return -ENOMEM;
    struct sig_store_filter filter = {.status = status, .limit = PAGE_ROWS};
    int total = 0;
    int n;
    while ((n = sig_store_recordings(rooms->conf.store, &filter, page, NULL)) > 0) {
        for (int i = 0; i < n; i++) {
            const int did = fn(ctx, &page[i]);
            total += did > 0 ? did : 0;
        }
        filter.offset += (uint32_t)n;
    }
    free(page);
    return n < 0 ? n : total;
}

static int recover_each(void *ctx, const struct sig_store_recording *row)
{
    return recover_row(ctx, row);
}

/* The files of the folder that are recordings, by name. */
struct file {
    char *name;
    bool has_row;
};

struct files {
    struct file *at;
    size_t count;
    size_t capacity;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static int add_file(struct files *f, const char *name)
{
    if (f->count == f->capacity) {
        const size_t capacity = f->capacity ? f->capacity * 2 : 64;
        struct file *grown = realloc(f->at, capacity * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        f->at = grown;
        f->capacity = capacity;
    }
    f->at[f->count] = (struct file){.name = strdup(name)};
    if (!f->at[f->count].name)
        return -ENOMEM;
    f->count++;
    return 0;
}

/* STEM.track-01-ann.ogg is what lies beside one. */
static bool is_recording(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (!dot || dot == name || name[0] == '.')
        return false;
    return strcmp(dot, ".mp4") == 0 || strcmp(dot, ".m4a") == 0 ||
           (strcmp(dot, ".ogg") == 0 && !strstr(name, ".track-"));
}

static int list_files(struct files *f, const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return errno == ENOENT ? 0 : -errno;
    const struct dirent *entry;
    int err = 0;
    while (!err && (entry = readdir(dir))) {
        if (is_recording(entry->d_name))
            err = add_file(f, entry->d_name);
    }
    closedir(dir);
    if (f->count)
        qsort(f->at, f->count, sizeof(*f->at), compare_names);
    return err;
}

static int mark_file(void *ctx, const struct sig_store_recording *row)
{
    struct files *f = ctx;
    const char *slash = strrchr(row->file, '/');
    char name[sizeof(row->file)];
    snprintf(name, sizeof(name), "%s", slash ? slash + 1 : row->file);
    const struct file key = {.name = name};
    struct file *found =
        f->count ? bsearch(&key, f->at, f->count, sizeof(key), compare_names) : NULL;
    if (found)
        found->has_row = true;
    return 0;
}

/* ROOM-20261121-014157-123.mp4 says the room and the start; of any other name only the time of its
 * last write is known. */
static void read_name(struct sig_store_recording *row, const char *name, const struct stat *st)
{
    enum { TAIL = sizeof("-20261121-014157-123.mp4") - 1 };
    const size_t n = strlen(name);
    char id[65] = "";
    struct tm tm = {0};
    snprintf(row->room_id, sizeof(row->room_id), "unknown");
    row->started_at_ms = (int64_t)st->st_mtime * 1000;
    if (n <= TAIL || n - TAIL > 64 || !strptime(name + n - TAIL, "-%Y%m%d-%H%M%S-", &tm))
        return;
    memcpy(id, name, n - TAIL);
    if (!sig_room_id_is_valid(id))
        return;
    memcpy(row->room_id, id, sizeof(id));
    row->started_at_ms = (int64_t)timegm(&tm) * 1000;
}

static const struct sig_recording *find_by_file(const struct sig_rooms *rooms, const char *file)
{
    for (const struct sig_room *room = rooms->first; room; room = room->next) {
        for (const struct sig_recording *r = room->recordings; r; r = r->next) {
            if (recording_has_file(r, file))
                return r;
        }
    }
    return NULL;
}

static int recover_file(struct sig_rooms *rooms, const char *name)
{
    struct sig_store_recording row = {0};
    struct stat st;
    const int n = snprintf(row.file, sizeof(row.file), "%s/%s", rooms->recordings_dir, name);
    if (n < 0 || (size_t)n >= sizeof(row.file) || stat(row.file, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    const struct sig_recording *living = find_by_file(rooms, row.file);
    if (living)
        snprintf(row.id, sizeof(row.id), "%s", living->id);
    else
        sig_id_make(row.id, SIG_ID_SIZE);
    read_name(&row, name, &st);
    log_warn("recording %s has no row: it gets one", row.file);
    const int err = sig_store_recording_started(rooms->conf.store, &row);
    return err ? err : recover_row(rooms, &row);
}

static int recover_files(struct sig_rooms *rooms)
{
    struct files f = {0};
    int count = 0;
    int err = list_files(&f, rooms->recordings_dir);
    if (!err)
        err = each_row(rooms, NULL, mark_file, &f);
    for (size_t i = 0; i < f.count; i++) {
        if (err >= 0 && !f.at[i].has_row && recover_file(rooms, f.at[i].name) > 0)
            count++;
        free(f.at[i].name);
    }
    free(f.at);
    return err < 0 ? err : count;
}

int sig_rooms_recover(struct sig_rooms *rooms)
{
    if (!rooms->conf.store)
        return 0;
    const int rows = each_row(rooms, "recording", recover_each, rooms);
    const int files = recover_files(rooms);
    return rows < 0 ? rows : files < 0 ? files : rows + files;
}
