/* Calls and messages in the store: their writes, and their reads by person, pair and room. The
 * table of statements is store_db.c's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signaling/store_internal.h"

/* --- writes ----------------------------------------------------------------------------------- */

struct texts {
    const char *room, *user, *name, *role, *status, *text;
};

static bool copy(char *out, size_t size, const char *text)
{
    const size_t length = text ? strlen(text) : 0;
    if (length >= size)
        return false;
    memcpy(out, text ? text : "", length + 1);
    return true;
}

static struct store_op *make_op(enum store_kind kind, int64_t row, int64_t at_ms,
                                const struct texts *t)
{
    const size_t size = t->text ? strlen(t->text) : 0;
    struct store_op *op = calloc(1, sizeof(*op) + size + 1);
    if (!op)
        return NULL;
    op->kind = kind;
    op->row = row;
    op->at_ms = at_ms;
    if (size)
        memcpy(op->text, t->text, size);
    if (copy(op->room, sizeof(op->room), t->room) && copy(op->user, sizeof(op->user), t->user) &&
        copy(op->name, sizeof(op->name), t->name) && copy(op->role, sizeof(op->role), t->role) &&
        copy(op->status, sizeof(op->status), t->status))
        return op;
    free(op);
    return NULL;
}

static int post(struct sig_store *s, enum store_kind kind, int64_t row, int64_t at_ms,
                const struct texts *t)
{
    struct store_op *op = make_op(kind, row, at_ms, t);
    return op ? store_post(s, op) : -EINVAL;
}

int sig_store_call_started(struct sig_store *s, int64_t row, const char *room_id,
                           const char *caller, const char *callee, const char *media, int64_t at_ms)
{
    return post(s, STORE_CALL_STARTED, row, at_ms,
                &(struct texts){.room = room_id, .user = caller, .name = callee, .role = media});
}

int sig_store_call_answered(struct sig_store *s, int64_t row, int64_t at_ms)
{
    return post(s, STORE_CALL_ANSWERED, row, at_ms, &(struct texts){.room = NULL});
}

int sig_store_call_ended(struct sig_store *s, int64_t row, const char *outcome, int64_t at_ms,
                         bool is_known)
{
    struct store_op *op = make_op(STORE_CALL_ENDED, row, at_ms, &(struct texts){.status = outcome});
    if (!op)
        return -EINVAL;
    op->participants = is_known;
    return store_post(s, op);
}

int sig_store_calls_cut_off(struct sig_store *s, int64_t at_ms)
{
    return post(s, STORE_CALLS_CUT_OFF, 0, at_ms, &(struct texts){.room = NULL});
}

int sig_store_calls_told(struct sig_store *s, const char *callee, int64_t row, int64_t at_ms)
{
    return post(s, STORE_CALLS_TOLD, row, at_ms, &(struct texts){.user = callee});
}

int sig_store_message(struct sig_store *s, int64_t row, const char *from, const char *to,
                      const char *room_id, const char *content, int64_t at_ms,
                      int64_t delivered_at_ms)
{
    struct store_op *op =
        make_op(STORE_MESSAGE, row, at_ms,
                &(struct texts){.user = from, .name = to, .room = room_id, .text = content});
    if (!op)
        return -EINVAL;
    op->ended_at_ms = delivered_at_ms;
    return store_post(s, op);
}

int sig_store_messages_delivered(struct sig_store *s, const char *to, int64_t row, int64_t at_ms)
{
    return post(s, STORE_MESSAGES_DELIVERED, row, at_ms, &(struct texts){.user = to});
}

/* --- reads ------------------------------------------------------------------------------------ */

#define CALL_COLUMNS                                                                               \
    "SELECT id, room_id, caller, callee, media, started_at, answered_at, ended_at, outcome"        \
    " FROM calls WHERE "
#define MESSAGE_COLUMNS                                                                            \
    "SELECT id, from_user, to_user, room_id, sent_at, delivered_at, content FROM messages WHERE "
#define PAGE   " AND (:before=0 OR id<:before) AND id>:after ORDER BY id "
#define NEWEST PAGE "DESC LIMIT :limit"
#define OLDEST PAGE "ASC LIMIT :limit"
/* Both ways of a pair, each by its index. */
#define PAIR(page, order)                                                                          \
    "SELECT * FROM (SELECT * FROM (" MESSAGE_COLUMNS "from_user=:user AND to_user=:peer" page      \
    ") UNION SELECT * FROM (" MESSAGE_COLUMNS "from_user=:peer AND to_user=:user" page             \
    ")) ORDER BY id " order " LIMIT :limit"

static void column_text(sqlite3_stmt *statement, int column, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    snprintf(out, size, "%s", text ? text : "");
}

static bool read_call(sqlite3_stmt *statement, void *rows, size_t index)
{
    struct sig_store_call *r = (struct sig_store_call *)rows + index;
    r->id = sqlite3_column_int64(statement, 0);
    column_text(statement, 1, r->room_id, sizeof(r->room_id));
    column_text(statement, 2, r->caller, sizeof(r->caller));
    column_text(statement, 3, r->callee, sizeof(r->callee));
    column_text(statement, 4, r->media, sizeof(r->media));
    r->started_at_ms = sqlite3_column_int64(statement, 5);
    r->answered_at_ms = sqlite3_column_int64(statement, 6);
    r->ended_at_ms = sqlite3_column_int64(statement, 7);
    column_text(statement, 8, r->outcome, sizeof(r->outcome));
    return true;
}

static bool read_message(sqlite3_stmt *statement, void *rows, size_t index)
{
    struct sig_store_message *r = (struct sig_store_message *)rows + index;
    const char *content = (const char *)sqlite3_column_text(statement, 6);
    r->id = sqlite3_column_int64(statement, 0);
    column_text(statement, 1, r->from, sizeof(r->from));
    column_text(statement, 2, r->to, sizeof(r->to));
    column_text(statement, 3, r->room_id, sizeof(r->room_id));
    r->sent_at_ms = sqlite3_column_int64(statement, 4);
    r->delivered_at_ms = sqlite3_column_int64(statement, 5);
    r->content = strdup(content ? content : "");
    return r->content != NULL;
}

static void bind_text(sqlite3_stmt *statement, const char *name, const char *text)
{
    const int index = sqlite3_bind_parameter_index(statement, name);
    if (index && text)
        sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static void bind_int(sqlite3_stmt *statement, const char *name, int64_t n)
{
    const int index = sqlite3_bind_parameter_index(statement, name);
    if (index)
        sqlite3_bind_int64(statement, index, n);
}

static int step_rows(sqlite3_stmt *statement, bool (*read)(sqlite3_stmt *, void *, size_t),
                     void *out, uint32_t limit, uint32_t *count)
{
    int code = SQLITE_ROW;
    while (*count < limit && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        if (!read(statement, out, *count))
            return SQLITE_NOMEM;
        (*count)++;
    }
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static int read_rows(struct sig_store *s, const char *sql, const struct sig_store_talk *which,
                     bool (*read)(sqlite3_stmt *, void *, size_t), void *out)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    uint32_t count = 0;
    if (which->limit == 0 || which->limit > SIG_STORE_PAGE_MAX)
        return -EINVAL;
    int code = store_read_begin(s, &db);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        bind_text(statement, ":user", which->user);
        bind_text(statement, ":peer", which->peer);
        bind_text(statement, ":room", which->room_id);
        bind_int(statement, ":before", which->before);
        bind_int(statement, ":after", which->after);
        bind_int(statement, ":limit", which->limit);
        code = step_rows(statement, read, out, which->limit, &count);
    }
    sqlite3_finalize(statement);
    store_read_end(s);
    if (code == SQLITE_OK)
        return (int)count;
    for (uint32_t i = 0; read == read_message && i < count; i++)
        free(((struct sig_store_message *)out)[i].content);
    return store_errno(code);
}

int sig_store_calls(struct sig_store *s, const struct sig_store_talk *which,
                    struct sig_store_call *out)
{
    static const char of_user[] =
        CALL_COLUMNS "(caller=:user OR callee=:user) AND (:room IS NULL OR room_id=:room)" NEWEST;
    static const char of_all[] = CALL_COLUMNS "(:room IS NULL OR room_id=:room)" NEWEST;
    return read_rows(s, which->user ? of_user : of_all, which, read_call, out);
}

int sig_store_messages(struct sig_store *s, const struct sig_store_talk *which,
                       struct sig_store_message *out)
{
    static const char *const of_room[] = {MESSAGE_COLUMNS "room_id=:room" NEWEST,
                                          MESSAGE_COLUMNS "room_id=:room" OLDEST};
    static const char *const of_pair[] = {PAIR(NEWEST, "DESC"), PAIR(OLDEST, "ASC")};
    if (!which->room_id && (!which->user || !which->peer))
        return -EINVAL;
    return read_rows(s, (which->room_id ? of_room : of_pair)[which->after > 0], which, read_message,
                     out);
}

int sig_store_calls_missed(struct sig_store *s, const char *callee, int64_t after, uint32_t limit,
                           struct sig_store_call *out)
{
    static const char sql[] =
        CALL_COLUMNS "id IN (SELECT call FROM missed_calls WHERE callee=:user AND call>:after"
                     " ORDER BY call LIMIT :limit) ORDER BY id";
    const struct sig_store_talk which = {.user = callee, .after = after, .limit = limit};
    return read_rows(s, sql, &which, read_call, out);
}

int sig_store_messages_waiting(struct sig_store *s, const char *to, int64_t after, uint32_t limit,
                               struct sig_store_message *out)
{
    static const char sql[] = MESSAGE_COLUMNS
        "to_user=:user AND delivered_at IS NULL AND id>:after ORDER BY id LIMIT :limit";
    const struct sig_store_talk which = {.user = to, .after = after, .limit = limit};
    return read_rows(s, sql, &which, read_message, out);
}

int sig_store_talk_rows(struct sig_store *s, int64_t *calls, int64_t *messages)
{
    static const char sql[] = "SELECT (SELECT IFNULL(MAX(id), 0) FROM calls),"
                              " (SELECT IFNULL(MAX(id), 0) FROM messages)";
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int code = store_read_begin(s, &db);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *calls = sqlite3_column_int64(statement, 0);
        *messages = sqlite3_column_int64(statement, 1);
    }
    sqlite3_finalize(statement);
    store_read_end(s);
    return code == SQLITE_ROW ? 0 : store_errno(code);
}
