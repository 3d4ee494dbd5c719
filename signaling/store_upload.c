#include "signaling/store_upload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signaling/store_internal.h"

/* --- writes -------------------------------------------------------------------------------------- */

static bool copy(char *out, size_t size, const char *text)
{
    const int n = snprintf(out, size, "%s", text);
    return n >= 0 && (size_t)n < size;
}

static int post(struct sig_store *s, enum store_kind kind, const char *recording, const char *name,
                const struct store_op *more)
{
    struct store_op *op = calloc(1, sizeof(*op) + 1);
    if (!op)
        return -ENOMEM;
    *op = *more;
    op->kind = kind;
    if (copy(op->id, sizeof(op->id), recording) && copy(op->name, sizeof(op->name), name))
        return store_post(s, op);
    free(op);
    return -EINVAL;
}

int sig_store_upload_added(struct sig_store *s, const char *recording, const char *name,
                           int64_t bytes)
{
    return post(s, STORE_UPLOAD_ADDED, recording, name, &(struct store_op){.bytes = bytes});
}

int sig_store_upload_begun(struct sig_store *s, const struct sig_store_upload *u)
{
    struct store_op op = {.bytes = u->bytes};
    if (!copy(op.file, sizeof(op.file), u->upload_id))
        return -EINVAL;
    return post(s, STORE_UPLOAD_BEGUN, u->recording, u->name, &op);
}

int sig_store_upload_part(struct sig_store *s, const struct sig_store_upload *u,
                          const struct s3_part *part, int64_t bytes)
{
    struct store_op op = {.bytes = bytes, .participants = part->number};
    if (!copy(op.user, sizeof(op.user), part->etag))
        return -EINVAL;
    return post(s, STORE_UPLOAD_PART, u->recording, u->name, &op);
}

int sig_store_upload_trouble(struct sig_store *s, const struct sig_store_upload *u,
                             const char *error)
{
    struct store_op op = {.kind = STORE_UPLOAD_TROUBLE};
    copy(op.user, sizeof(op.user), error);
    return post(s, STORE_UPLOAD_TROUBLE, u->recording, u->name, &op);
}

int sig_store_upload_ended(struct sig_store *s, const struct sig_store_upload *u,
                           const char *status, const char *error)
{
    struct store_op op = {.kind = STORE_UPLOAD_ENDED};
    copy(op.status, sizeof(op.status), status);
    copy(op.user, sizeof(op.user), error);
    return post(s, STORE_UPLOAD_ENDED, u->recording, u->name, &op);
}

int sig_store_uploads_again(struct sig_store *s, const char *recording)
{
    return post(s, STORE_UPLOADS_AGAIN, recording, "", &(struct store_op){.bytes = 0});
}

/* --- reads --------------------------------------------------------------------------------------- */

static void text(sqlite3_stmt *statement, int column, char *out, size_t size)
{
    const char *found = (const char *)sqlite3_column_text(statement, column);
    snprintf(out, size, "%s", found ? found : "");
}

/* One read: each row is given to row() until it returns false. Returns how many, or an errno. */
static int read_rows(struct sig_store *s, const char *sql, const char *recording, const char *name,
                     bool (*row)(sqlite3_stmt *statement, void *arg), void *arg)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int count = 0;
    int code = store_read_begin(s, &db);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK && recording)
        code = sqlite3_bind_text(statement, 1, recording, -1, SQLITE_STATIC);
    if (code == SQLITE_OK && name)
        code = sqlite3_bind_text(statement, 2, name, -1, SQLITE_STATIC);
    bool go_on = code == SQLITE_OK;
    while (go_on) {
        code = sqlite3_step(statement);
        go_on = code == SQLITE_ROW && row(statement, arg);
        count += code == SQLITE_ROW;
    }
    sqlite3_finalize(statement);
    store_read_end(s);
    return code == SQLITE_ROW || code == SQLITE_DONE ? count : store_errno(code);
}

static bool read_next(sqlite3_stmt *statement, void *arg)
{
    struct sig_store_upload *u = arg;
    text(statement, 0, u->recording, sizeof(u->recording));
    text(statement, 1, u->name, sizeof(u->name));
    text(statement, 2, u->file, sizeof(u->file));
    text(statement, 3, u->status, sizeof(u->status));
    text(statement, 4, u->upload_id, sizeof(u->upload_id));
    text(statement, 5, u->error, sizeof(u->error));
    u->bytes = sqlite3_column_int64(statement, 6);
    u->sent = sqlite3_column_int64(statement, 7);
    return false;
}

int sig_store_upload_next(struct sig_store *s, struct sig_store_upload *out)
{
    struct sig_store_upload u = {.sent = 0};
    const int count = read_rows(
        s,
        "SELECT u.recording, u.name, r.file, u.status, u.upload_id, u.error, u.bytes, u.sent"
        " FROM uploads u JOIN recordings r ON r.id=u.recording"
        " WHERE u.status IN ('uploading', 'waiting') ORDER BY u.status, u.rowid LIMIT 1",
        NULL, NULL, read_next, &u);
    if (count == 1)
        *out = u;
    return count;
}

struct parts {
    struct s3_part *at;
    int count, max;
};

static bool read_part(sqlite3_stmt *statement, void *arg)
{
    struct parts *p = arg;
    if (p->count == p->max)
        return false;
    p->at[p->count].number = (uint32_t)sqlite3_column_int64(statement, 0);
    text(statement, 1, p->at[p->count].etag, sizeof(p->at->etag));
    p->count++;
    return true;
}

int sig_store_upload_parts(struct sig_store *s, const struct sig_store_upload *u,
                           struct s3_part *out, int max)
{
    struct parts p = {.at = out, .max = max};
    const int count = read_rows(s,
                                "SELECT part, etag FROM upload_parts"
                                " WHERE recording=? AND name=? ORDER BY part",
                                u->recording, u->name, read_part, &p);
    return count < 0 ? count : p.count;
}

static bool read_sum(sqlite3_stmt *statement, void *arg)
{
    struct sig_store_upload_sum *sum = arg;
    text(statement, 0, sum->status, sizeof(sum->status));
    sum->bytes = sqlite3_column_int64(statement, 1);
    sum->sent = sqlite3_column_int64(statement, 2);
    sum->files = (uint32_t)sqlite3_column_int64(statement, 3);
    text(statement, 4, sum->error, sizeof(sum->error));
    sum->open = (uint32_t)sqlite3_column_int64(statement, 5);
    return false;
}

int sig_store_upload_sum(struct sig_store *s, const char *recording,
                         struct sig_store_upload_sum *out)
{
    const int count =
        read_rows(s,
                  "SELECT CASE WHEN COUNT(*)=0 THEN 'none' WHEN SUM(status='failed') THEN 'failed'"
                  " WHEN SUM(status!='done')=0 THEN 'done'"
                  " WHEN SUM(status!='waiting') THEN 'uploading' ELSE 'waiting' END,"
                  " TOTAL(bytes), TOTAL(sent), COUNT(*), MAX(error),"
                  " TOTAL(status IN ('uploading', 'waiting')) FROM uploads WHERE recording=?",
                  recording, NULL, read_sum, out);
    return count < 0 ? count : 0;
}

static bool read_count(sqlite3_stmt *statement, void *arg)
{
    *(int *)arg = sqlite3_column_int(statement, 0);
    return false;
}

int sig_store_uploads_waiting(struct sig_store *s)
{
    int waiting = 0;
    const int count = read_rows(
        s, "SELECT COUNT(*) FROM uploads WHERE status IN ('uploading', 'waiting')", NULL, NULL,
        read_count, &waiting);
    return count < 0 ? count : waiting;
}
