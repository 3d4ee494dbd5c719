/* signaling/store_internal.h - what the store's files share; only signaling/store*.c include it. */
#ifndef SIGNALING_STORE_INTERNAL_H
#define SIGNALING_STORE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "mcu/base/queue.h"
#include "signaling/store.h"

enum store_kind {
    STORE_ROOM_OPENED,
    STORE_ROOM_ENDED,
    STORE_MEMBER_JOINED,
    STORE_MEMBER_LEFT,
    STORE_RECORDING_STARTED,
    STORE_RECORDING_FINISHED,
    STORE_RECORDING_DELETE,
    STORE_CALL_STARTED,
    STORE_CALL_ANSWERED,
    STORE_CALL_ENDED,
    STORE_CALLS_CUT_OFF,
    STORE_CALLS_TOLD,
    STORE_MESSAGE,
    STORE_MESSAGES_DELIVERED,
    STORE_UPLOAD_ADDED,
    STORE_UPLOAD_BEGUN,
    STORE_UPLOAD_PART,
    STORE_UPLOAD_TROUBLE,
    STORE_UPLOAD_ENDED,
    STORE_UPLOADS_AGAIN,
    STORE_KINDS,
};

enum { STORE_STATEMENTS_MAX = 3 }; /* of one write */

/* One write that waits. Each statement takes the fields that it names (":room", ":at"). */
struct store_op {
    enum store_kind kind;
    char room[65];
    char user[129];
    char name[257];
    char role[16]; /* or the room's type */
    char id[65];
    char file[1024];
    char status[16];
    int64_t at_ms;
    int64_t ended_at_ms;
    int64_t duration_ms;
    int64_t bytes;
    int64_t participants;
    int64_t row;  /* of calls and messages: the front numbers them */
    char text[]; /* of a message; a NUL else */
};

/* The writing connection and its statements; the store's thread only, once it runs. */
struct store_db {
    sqlite3 *db;
    _Atomic uint64_t set_aside; /* corrupt files; [any] reads it */
    sqlite3_stmt *statements[STORE_KINDS][STORE_STATEMENTS_MAX];
};

struct sig_store {
    char path[1024];
    pthread_t thread;
    bool has_thread;
    struct mcu_queue *queue; /* of struct store_op */
    struct store_db writer;  /* [store] */

    pthread_mutex_t read_lock; /* protects reader; held for one read */
    sqlite3 *reader;           /* opened by the first read */

    pthread_mutex_t lock; /* protects all below */
    pthread_cond_t changed;
    uint64_t posted;
    uint64_t done; /* carried out or given up */
    bool is_closing;
    int64_t close_deadline_us;
    struct sig_store_stats stats;
};

/* Opens, checks and migrates; sets a corrupt file aside and makes a new one. 0 or an errno. */
int store_db_open(struct store_db *d, const char *path);
void store_db_close(struct store_db *d);

/* Moves a corrupt database out of the way, with its log. d is closed before. */
void store_set_aside(const char *path);

/* Brings the tables to the newest version. SQLITE_OK, an SQLite code, or -ENOTSUP. */
int store_migrate(sqlite3 *db);

/* Carries out one write inside a transaction. An SQLite code; SQLITE_CONSTRAINT: dropped. */
int store_run(struct store_db *d, const struct store_op *op);

/* Queues a write; takes op, whatever comes of it. 0 or a negative errno. */
int store_post(struct sig_store *s, struct store_op *op);

/* A reader of the caller's own, for one read: takes read_lock, *db is good until store_read_end().
 * An SQLite code. */
int store_read_begin(struct sig_store *s, sqlite3 **db);
void store_read_end(struct sig_store *s);

/* An SQLite code as a negative errno. */
int store_errno(int code);

#endif
