/* The writing connection: opening and checking the file, setting a corrupt one aside, and carrying
 * out writes with statements that were prepared once. Used by the thread "store", and by
 * sig_store_open() before that runs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"
#include "signaling/store_internal.h"

enum { BUSY_TIMEOUT_MS = 1000 };

static const char end_members[] =
    "UPDATE room_members SET left_at=:at, duration_ms=MAX(0, :at - joined_at)"
    " WHERE room_id=:room AND left_at IS NULL";
static const char end_room[] =
    "UPDATE rooms SET status='ended', ended_at=:at WHERE room_id=:room AND status='active'";

static const char end_parts[] = "DELETE FROM upload_parts WHERE recording=:id AND name=:name";

/* A room that opens while an older row says active was not seen to end: it ends now. */
static const char *const sql[STORE_KINDS][STORE_STATEMENTS_MAX] = {
    [STORE_ROOM_OPENED] = {end_room, end_members,
                           "INSERT INTO rooms(room_id, room_type, creator, created_at, status)"
                           " VALUES(:room, :role, :user, :at, 'active')"},
    [STORE_ROOM_ENDED] = {end_room, end_members},
    [STORE_MEMBER_JOINED] = {"INSERT INTO room_members(room_id, user_id, name, role, joined_at)"
                             " VALUES(:room, :user, :name, :role, :at)"},
    [STORE_MEMBER_LEFT] = {"UPDATE room_members SET left_at=:at,"
                           " duration_ms=MAX(0, :at - joined_at) WHERE id="
                           "(SELECT id FROM room_members WHERE room_id=:room AND user_id=:user"
                           " AND left_at IS NULL ORDER BY id DESC LIMIT 1)"},
    [STORE_RECORDING_STARTED] = {"INSERT INTO recordings"
                                 "(id, room_id, file, started_at, participants, status,"
                                 " recording_id, part)"
                                 " VALUES(:id, :room, :file, :at, :participants, 'recording',"
                                 " CASE WHEN :name='' THEN :id ELSE :name END, MAX(1, :row))"},
    [STORE_RECORDING_FINISHED] = {"UPDATE recordings SET ended_at=:ended, duration_ms=:duration,"
                                  " bytes=:bytes, status=:status, participants="
                                  "CASE WHEN :participants > 0 THEN :participants"
                                  " ELSE participants END WHERE id=:id"},
    [STORE_CALL_STARTED] = {"INSERT INTO calls(id, room_id, caller, callee, media, started_at)"
                            " VALUES(:row, :room, :user, :name, :role, :at)"},
    [STORE_CALL_ANSWERED] = {"UPDATE calls SET answered_at=:at WHERE id=:row"},
    [STORE_CALL_ENDED] = {"UPDATE calls SET ended_at=:at, outcome=:status WHERE id=:row",
                          "INSERT INTO missed_calls(call, callee)"
                          " SELECT id, callee FROM calls WHERE id=:row AND NOT :participants"},
    [STORE_CALLS_CUT_OFF] = {"UPDATE calls SET ended_at=:at, outcome='lost'"
                             " WHERE ended_at IS NULL"},
    [STORE_CALLS_TOLD] = {"DELETE FROM missed_calls WHERE callee=:user AND call<=:row"},
    [STORE_MESSAGE] = {"INSERT INTO messages"
                       "(id, from_user, to_user, room_id, content, sent_at, delivered_at)"
                       " VALUES(:row, :user, NULLIF(:name, ''), NULLIF(:room, ''), :text, :at,"
                       " NULLIF(:ended, 0))"},
    [STORE_MESSAGES_DELIVERED] = {"UPDATE messages SET delivered_at=:at"
                                  " WHERE to_user=:user AND id<=:row AND delivered_at IS NULL"},
    [STORE_RECORDING_DELETE] = {"DELETE FROM recordings WHERE id=:id",
                                "DELETE FROM uploads WHERE recording=:id",
                                "DELETE FROM upload_parts WHERE recording=:id"},
    [STORE_UPLOAD_ADDED] = {"INSERT OR IGNORE INTO uploads(recording, name, bytes, status)"
                            " VALUES(:id, :name, :bytes, 'waiting')"},
    [STORE_UPLOAD_BEGUN] = {"UPDATE uploads SET status='uploading', upload_id=:upload, sent=0,"
                            " error='', bytes=:bytes WHERE recording=:id AND name=:name",
                            end_parts},
    [STORE_UPLOAD_PART] = {"INSERT OR REPLACE INTO upload_parts(recording, name, part, etag, bytes)"
                           " SELECT recording, name, :part, :etag, :bytes FROM uploads"
                           " WHERE recording=:id AND name=:name",
                           "UPDATE uploads SET error='', sent=(SELECT SUM(bytes) FROM upload_parts"
                           " WHERE recording=:id AND name=:name)"
                           " WHERE recording=:id AND name=:name"},
    [STORE_UPLOAD_TROUBLE] = {"UPDATE uploads SET error=:error WHERE recording=:id AND name=:name"},
    [STORE_UPLOAD_ENDED] = {"UPDATE uploads SET status=:status, error=:error, upload_id='',"
                            " sent=CASE :status WHEN 'done' THEN bytes ELSE 0 END"
                            " WHERE recording=:id AND name=:name",
                            end_parts},
    [STORE_UPLOADS_AGAIN] = {"UPDATE uploads SET status='waiting', error=''"
                             " WHERE status='failed' AND (:id='' OR recording=:id)"},
};

struct parameter {
    const char *name;
    size_t offset;
    bool is_text;
};

static const struct parameter parameters[] = {
    {":room", offsetof(struct store_op, room), true},
    {":user", offsetof(struct store_op, user), true},
    {":name", offsetof(struct store_op, name), true},
    {":role", offsetof(struct store_op, role), true},
    {":id", offsetof(struct store_op, id), true},
    {":file", offsetof(struct store_op, file), true},
    {":status", offsetof(struct store_op, status), true},
    {":at", offsetof(struct store_op, at_ms), false},
    {":upload", offsetof(struct store_op, file), true}, /* places of others, by other names */
    {":etag", offsetof(struct store_op, user), true},
    {":error", offsetof(struct store_op, user), true},
    {":part", offsetof(struct store_op, participants), false},
    {":ended", offsetof(struct store_op, ended_at_ms), false},
    {":duration", offsetof(struct store_op, duration_ms), false},
    {":bytes", offsetof(struct store_op, bytes), false},
    {":participants", offsetof(struct store_op, participants), false},
    {":row", offsetof(struct store_op, row), false},
    {":text", offsetof(struct store_op, text), true},
};

int store_errno(int code)
{
    if (code < 0)
        return code; /* already one */
    switch (code & 0xff) {
    case SQLITE_OK:
        return 0;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
        return -EACCES;
    case SQLITE_CANTOPEN:
        return -ENOENT;
    default:
        return -EIO;
    }
}

/* --- opening --------------------------------------------------------------------------------- */

static int check_pages(sqlite3 *db)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        const char *word = (const char *)sqlite3_column_text(statement, 0);
        code = word && strcmp(word, "ok") == 0 ? SQLITE_OK : SQLITE_CORRUPT;
    }
    sqlite3_finalize(statement);
    return code;
}

static int prepare_all(struct store_db *d)
{
    for (int kind = 0; kind < STORE_KINDS; kind++) {
        for (int i = 0; i < STORE_STATEMENTS_MAX && sql[kind][i]; i++) {
            const int code = sqlite3_prepare_v3(d->db, sql[kind][i], -1, SQLITE_PREPARE_PERSISTENT,
                                                &d->statements[kind][i], NULL);
            if (code != SQLITE_OK)
                return code;
        }
    }
    return SQLITE_OK;
}

static int open_once(struct store_db *d, const char *path)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int code = sqlite3_open_v2(path, &d->db, flags, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(d->db, BUSY_TIMEOUT_MS);
    /* NORMAL: a commit survives our death; power loss may cost the newest. */
    if (code == SQLITE_OK)
        code = sqlite3_exec(d->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL", NULL, NULL,
                            NULL);
    if (code == SQLITE_OK)
        code = check_pages(d->db);
    if (code == SQLITE_OK)
        code = store_migrate(d->db);
    if (code == SQLITE_OK)
        code = prepare_all(d);
    return code;
}

void store_set_aside(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char when[32], from[1100], to[1200];
    const int64_t now_ms = mcu_wall_ms();
    const time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;
    strftime(when, sizeof(when), "%Y%m%dT%H%M%S", gmtime_r(&seconds, &utc));
    for (size_t i = 0; i < 3; i++) {
        snprintf(from, sizeof(from), "%s%s", path, suffixes[i]);
        snprintf(to, sizeof(to), "%s.corrupt-%s.%03d%s", path, when, (int)(now_ms % 1000),
                 suffixes[i]);
        if (rename(from, to) == 0 && i == 0)
            log_error("store: %s is corrupt; set aside as %s, beginning anew", path, to);
    }
}

int store_db_open(struct store_db *d, const char *path)
{
    int code = open_once(d, path);
    if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB) {
        store_db_close(d);
        store_set_aside(path);
        d->set_aside++;
        code = open_once(d, path);
    }
    const int system = (code & 0xff) == SQLITE_CANTOPEN && d->db ? sqlite3_system_errno(d->db) : 0;
    if (code != SQLITE_OK)
        store_db_close(d);
    return system ? -system : store_errno(code);
}

void store_db_close(struct store_db *d)
{
    for (int kind = 0; kind < STORE_KINDS; kind++) {
        for (int i = 0; i < STORE_STATEMENTS_MAX; i++)
            sqlite3_finalize(d->statements[kind][i]);
    }
    sqlite3_close(d->db);
    memset(d->statements, 0, sizeof(d->statements));
    d->db = NULL;
}

/* --- writes ---------------------------------------------------------------------------------- */

static int bind(sqlite3_stmt *statement, int index, const struct store_op *op)
{
    const char *name = sqlite3_bind_parameter_name(statement, index);
    for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
        const struct parameter *p = &parameters[i];
        const void *field = (const char *)op + p->offset;
        if (strcmp(p->name, name) != 0)
            continue;
        if (p->is_text)
            return sqlite3_bind_text(statement, index, field, -1, SQLITE_STATIC);
        return sqlite3_bind_int64(statement, index, *(const int64_t *)field);
    }
    return SQLITE_MISUSE;
}

static int run_statement(sqlite3_stmt *statement, const struct store_op *op)
{
    int code = SQLITE_OK;
    for (int i = 1; code == SQLITE_OK && i <= sqlite3_bind_parameter_count(statement); i++)
        code = bind(statement, i, op);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement); /* they point into op */
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

int store_run(struct store_db *d, const struct store_op *op)
{
    int code = SQLITE_OK;
    for (int i = 0; code == SQLITE_OK && i < STORE_STATEMENTS_MAX; i++) {
        if (d->statements[op->kind][i])
            code = run_statement(d->statements[op->kind][i], op);
    }
    return code;
}
