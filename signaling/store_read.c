/* Reads, on the caller's thread, through a read-only connection of their own. Readers of a WAL
 * never wait for the writer. Callers on several threads take turns under read_lock. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "signaling/store_internal.h"

/* The front waits so long, at most; in WAL readers are let by but for moments. */
enum { BUSY_TIMEOUT_MS = 50 };

struct list {
    const char *select; /* columns and table */
    const char *count;
    const char *where;
    const char *order;
};

#define WHERE(condition)                                                                           \
    " WHERE (:room IS NULL OR room_id=:room) AND (:status IS NULL OR " condition ")"

static const struct list recordings = {
    .select = "SELECT id, room_id, file, started_at, ended_at, duration_ms, bytes, participants,"
              " status, recording_id, part FROM recordings",
    .count = "SELECT COUNT(*) FROM recordings",
    .where = WHERE("status=:status"),
    .order = " ORDER BY started_at DESC, rowid DESC",
};

static const struct list rooms = {
    .select = "SELECT id, room_id, room_type, creator, created_at, ended_at, status FROM rooms",
    .count = "SELECT COUNT(*) FROM rooms",
    .where = WHERE("status=:status"),
    .order = " ORDER BY created_at DESC, id DESC",
};

static const struct list members = {
    .select = "SELECT id, room_id, user_id, name, role, joined_at, left_at, duration_ms"
              " FROM room_members",
    .count = "SELECT COUNT(*) FROM room_members",
    .where = WHERE("(left_at IS NULL)=(:status='active')"),
    .order = " ORDER BY joined_at DESC, id DESC",
};

static void column_text(sqlite3_stmt *statement, int column, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    snprintf(out, size, "%s", text ? text : "");
}

#define TEXT(column, field) column_text(statement, column, field, sizeof(field))

static void read_recording(sqlite3_stmt *statement, void *rows, size_t index)
{
    struct sig_store_recording *r = (struct sig_store_recording *)rows + index;
    TEXT(0, r->id);
    TEXT(1, r->room_id);
    TEXT(2, r->file);
    r->started_at_ms = sqlite3_column_int64(statement, 3);
    r->ended_at_ms = sqlite3_column_int64(statement, 4);
    r->duration_ms = sqlite3_column_int64(statement, 5);
    r->bytes = sqlite3_column_int64(statement, 6);
    r->participants = (uint32_t)sqlite3_column_int64(statement, 7);
    TEXT(8, r->status);
    TEXT(9, r->recording_id);
    r->part = (uint32_t)sqlite3_column_int64(statement, 10);
}

static void read_room(sqlite3_stmt *statement, void *rows, size_t index)
{
    struct sig_store_room *r = (struct sig_store_room *)rows + index;
    r->id = sqlite3_column_int64(statement, 0);
    TEXT(1, r->room_id);
    TEXT(2, r->room_type);
    TEXT(3, r->creator);
    r->created_at_ms = sqlite3_column_int64(statement, 4);
    r->ended_at_ms = sqlite3_column_int64(statement, 5);
    TEXT(6, r->status);
}

static void read_member(sqlite3_stmt *statement, void *rows, size_t index)
{
    struct sig_store_member *m = (struct sig_store_member *)rows + index;
    m->id = sqlite3_column_int64(statement, 0);
    TEXT(1, m->room_id);
    TEXT(2, m->user_id);
    TEXT(3, m->name);
    TEXT(4, m->role);
    m->joined_at_ms = sqlite3_column_int64(statement, 5);
    m->left_at_ms = sqlite3_column_int64(statement, 6);
    m->duration_ms = sqlite3_column_int64(statement, 7);
}

/* --- queries --------------------------------------------------------------------------------- */

static int open_reader(struct sig_store *s)
{
    if (s->reader)
        return SQLITE_OK;
    int code =
        sqlite3_open_v2(s->path, &s->reader, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(s->reader, BUSY_TIMEOUT_MS);
    if (code != SQLITE_OK) {
        sqlite3_close(s->reader);
        s->reader = NULL;
    }
    return code;
}

int store_read_begin(struct sig_store *s, sqlite3 **db)
{
    pthread_mutex_lock(&s->read_lock);
    const int code = open_reader(s);
    *db = s->reader;
    return code;
}

void store_read_end(struct sig_store *s)
{
    pthread_mutex_unlock(&s->read_lock);
}

static void bind_text(sqlite3_stmt *statement, const char *name, const char *text)
{
    const int index = sqlite3_bind_parameter_index(statement, name);
    if (index && text) /* not bound is NULL */
        sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static void bind_int(sqlite3_stmt *statement, const char *name, int64_t n)
{
    const int index = sqlite3_bind_parameter_index(statement, name);
    if (index)
        sqlite3_bind_int64(statement, index, n);
}

static int prepare(sqlite3 *db, sqlite3_stmt **out, const char *text,
                   const struct sig_store_filter *filter)
{
    const int code = sqlite3_prepare_v2(db, text, -1, out, NULL);
    if (code != SQLITE_OK)
        return code;
    bind_text(*out, ":room", filter->room_id);
    bind_text(*out, ":status", filter->status);
    bind_int(*out, ":limit", filter->limit);
    bind_int(*out, ":offset", filter->offset);
    return SQLITE_OK;
}

static int count_rows(sqlite3 *db, const struct list *list, const struct sig_store_filter *filter,
                      uint64_t *total)
{
    char text[512];
    sqlite3_stmt *statement = NULL;
    snprintf(text, sizeof(text), "%s%s", list->count, list->where);
    int code = prepare(db, &statement, text, filter);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *total = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return code == SQLITE_ROW ? SQLITE_OK : code;
}

static int read_rows(sqlite3 *db, const struct list *list, const struct sig_store_filter *filter,
                     void (*read)(sqlite3_stmt *, void *, size_t), void *out, uint32_t *count)
{
    char text[512];
    sqlite3_stmt *statement = NULL;
    uint32_t n = 0;
    snprintf(text, sizeof(text), "%s%s%s LIMIT :limit OFFSET :offset", list->select, list->where,
             list->order);
    int code = prepare(db, &statement, text, filter);
    while (code == SQLITE_OK && n < filter->limit) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            read(statement, out, n++);
            code = SQLITE_OK;
        }
    }
    sqlite3_finalize(statement);
    *count = n;
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int list_rows(struct sig_store *s, const struct list *list,
                     const struct sig_store_filter *filter,
                     void (*read)(sqlite3_stmt *, void *, size_t), void *out, uint64_t *total)
{
    uint32_t count = 0;
    uint64_t all = 0;
    if (filter->limit == 0 || filter->limit > SIG_STORE_PAGE_MAX)
        return -EINVAL;
    pthread_mutex_lock(&s->read_lock);
    int code = open_reader(s);
    if (code == SQLITE_OK) /* one snapshot for the rows and their number */
        code = sqlite3_exec(s->reader, "BEGIN", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = read_rows(s->reader, list, filter, read, out, &count);
    if (code == SQLITE_OK && total)
        code = count_rows(s->reader, list, filter, &all);
    if (s->reader)
        sqlite3_exec(s->reader, "COMMIT", NULL, NULL, NULL);
    pthread_mutex_unlock(&s->read_lock);
    if (code != SQLITE_OK)
        return store_errno(code);
    if (total)
        *total = all;
    return (int)count;
}

int sig_store_recordings(struct sig_store *s, const struct sig_store_filter *filter,
                         struct sig_store_recording *out, uint64_t *total)
{
    return list_rows(s, &recordings, filter, read_recording, out, total);
}

int sig_store_recordings_oldest(struct sig_store *s, uint32_t offset, uint32_t limit,
                                struct sig_store_recording *out)
{
    struct list oldest = recordings;
    const struct sig_store_filter filter = {.status = "ready", .offset = offset, .limit = limit};
    oldest.order = " ORDER BY started_at, rowid";
    return list_rows(s, &oldest, &filter, read_recording, out, NULL);
}

static void read_bytes(sqlite3_stmt *statement, void *rows, size_t index)
{
    ((int64_t *)rows)[index] = sqlite3_column_int64(statement, 0);
}

int sig_store_recordings_bytes(struct sig_store *s, int64_t *bytes)
{
    static const struct list sum = {
        .select = "SELECT COALESCE(SUM(bytes), 0) FROM recordings", .where = WHERE("status=:status"),
        .order = ""};
    const struct sig_store_filter filter = {.limit = 1};
    const int n = list_rows(s, &sum, &filter, read_bytes, bytes, NULL);
    return n < 0 ? n : 0;
}

int sig_store_rooms(struct sig_store *s, const struct sig_store_filter *filter,
                    struct sig_store_room *out, uint64_t *total)
{
    return list_rows(s, &rooms, filter, read_room, out, total);
}

int sig_store_members(struct sig_store *s, const struct sig_store_filter *filter,
                      struct sig_store_member *out, uint64_t *total)
{
    return list_rows(s, &members, filter, read_member, out, total);
}

int sig_store_recording_get(struct sig_store *s, const char *id, struct sig_store_recording *out)
{
    static const struct list by_id = {
        .select = "SELECT id, room_id, file, started_at, ended_at, duration_ms, bytes,"
                  " participants, status, recording_id, part FROM recordings",
        .where = " WHERE id=:room", /* the filter's only text */
        .order = "",
    };
    const struct sig_store_filter filter = {.room_id = id, .limit = 1};
    return list_rows(s, &by_id, &filter, read_recording, out, NULL);
}
