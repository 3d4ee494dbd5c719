/* The tables, and how older files are brought to them. Migrations are never edited once released,
 * only added to; PRAGMA user_version counts those that a file has seen. Times are Unix ms. */
#include <errno.h>
#include <stdio.h>

#include "signaling/store_internal.h"

static const char *const migrations[] = {
    /* 1: the first tables */
    "CREATE TABLE rooms("
    "  id INTEGER PRIMARY KEY, room_id TEXT NOT NULL, room_type TEXT NOT NULL,"
    "  creator TEXT NOT NULL DEFAULT '', created_at INTEGER NOT NULL, ended_at INTEGER,"
    "  status TEXT NOT NULL, metadata TEXT NOT NULL DEFAULT '{}');"
    "CREATE INDEX rooms_by_room ON rooms(room_id, created_at);"
    "CREATE TABLE room_members("
    "  id INTEGER PRIMARY KEY, room_id TEXT NOT NULL, user_id TEXT NOT NULL, name TEXT NOT NULL,"
    "  role TEXT NOT NULL, joined_at INTEGER NOT NULL, left_at INTEGER, duration_ms INTEGER);"
    "CREATE INDEX room_members_by_room ON room_members(room_id, joined_at);"
    "CREATE TABLE recordings("
    "  id TEXT PRIMARY KEY, room_id TEXT NOT NULL, file TEXT NOT NULL, started_at INTEGER NOT NULL,"
    "  ended_at INTEGER, duration_ms INTEGER, bytes INTEGER,"
    "  participants INTEGER NOT NULL DEFAULT 0, status TEXT NOT NULL);"
    "CREATE INDEX recordings_by_room ON recordings(room_id, started_at);"
    "CREATE INDEX recordings_by_status ON recordings(status, started_at);"
    "CREATE INDEX recordings_by_time ON recordings(started_at);"
    "CREATE TABLE calls("
    "  id INTEGER PRIMARY KEY, room_id TEXT NOT NULL, caller TEXT NOT NULL, callee TEXT NOT NULL,"
    "  media TEXT NOT NULL, started_at INTEGER NOT NULL, answered_at INTEGER, ended_at INTEGER,"
    "  outcome TEXT);"
    "CREATE TABLE messages("
    "  id INTEGER PRIMARY KEY, from_user TEXT NOT NULL, to_user TEXT, room_id TEXT,"
    "  content TEXT NOT NULL, sent_at INTEGER NOT NULL, delivered_at INTEGER);",
    /* calls that were missed are told of once; histories of people and rooms */
    "CREATE TABLE missed_calls(call INTEGER PRIMARY KEY, callee TEXT NOT NULL);"
    "CREATE INDEX missed_calls_by_callee ON missed_calls(callee, call);"
    "CREATE INDEX calls_by_callee ON calls(callee, id);"
    "CREATE INDEX calls_by_caller ON calls(caller, id);"
    "CREATE INDEX calls_by_room ON calls(room_id, id);"
    "CREATE INDEX messages_by_pair ON messages(from_user, to_user, id);"
    "CREATE INDEX messages_by_room ON messages(room_id, id) WHERE room_id IS NOT NULL;"
    "CREATE INDEX messages_waiting ON messages(to_user, id)"
    " WHERE delivered_at IS NULL AND to_user IS NOT NULL;",
    /* uploads to storage elsewhere: of each file of a recording, with the parts that are there */
    "CREATE TABLE uploads("
    "  recording TEXT NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL, status TEXT NOT NULL,"
    "  sent INTEGER NOT NULL DEFAULT 0, upload_id TEXT NOT NULL DEFAULT '',"
    "  error TEXT NOT NULL DEFAULT '', PRIMARY KEY(recording, name));"
    "CREATE INDEX uploads_by_status ON uploads(status);"
    "CREATE TABLE upload_parts("
    "  recording TEXT NOT NULL, name TEXT NOT NULL, part INTEGER NOT NULL, etag TEXT NOT NULL,"
    "  bytes INTEGER NOT NULL, PRIMARY KEY(recording, name, part));",
    /* a recording in several files: one row each, all with the id of the first */
    "ALTER TABLE recordings ADD COLUMN recording_id TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE recordings ADD COLUMN part INTEGER NOT NULL DEFAULT 1;"
    "UPDATE recordings SET recording_id=id;",
};

enum { NEWEST = sizeof(migrations) / sizeof(migrations[0]) };

static int read_version(sqlite3 *db, int *version)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *version = sqlite3_column_int(statement, 0);
        code = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return code;
}

static int migrate_one(sqlite3 *db, int to)
{
    char set_version[64];
    snprintf(set_version, sizeof(set_version), "PRAGMA user_version=%d", to);
    int code = sqlite3_exec(db, migrations[to - 1], NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, set_version, NULL, NULL, NULL);
    return code;
}

int store_migrate(sqlite3 *db)
{
    int version = 0;
    /* The lock comes first: two that start at once must not both migrate. */
    int code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return code;
    code = read_version(db, &version);
    if (code == SQLITE_OK && version > NEWEST)
        code = -ENOTSUP;
    for (int to = version + 1; code == SQLITE_OK && to <= NEWEST; to++)
        code = migrate_one(db, to);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}
