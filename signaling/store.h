/* signaling/store.h - what the server remembers: rooms, members and recordings in SQLite (WAL).
 *
 * Writes are posted to one thread, "store", which carries them out in order, several in one
 * transaction when several wait. While the database is locked or the disk full they are kept and
 * tried again; the queue is bounded. Reads run on the caller's thread through a second, read-only
 * connection and see what was committed: what is live is known by the front, not read from here.
 *
 * A file that is corrupt is set aside as PATH.corrupt-TIME, said loudly, and a new one is made.
 *
 * Status of a room: "active", "ended". Status of a recording: "recording" (being written, or its
 * process died and it was not recovered yet), "ready" (a whole file; also one that was recovered),
 * "failed" (no file that plays).
 *
 * Threads: [any] unless said otherwise. Times are Unix milliseconds; strings longer than the fields
 * below are refused with -EINVAL. */
#ifndef SIGNALING_STORE_H
#define SIGNALING_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sig_store; /* opaque */

enum {
    SIG_STORE_QUEUE_MAX = 4096, /* writes that may wait */
    SIG_STORE_PAGE_MAX = 500,   /* rows of one read */
};

struct sig_store_room {
    int64_t id;              /* of the row: a room that is opened again gets a new one */
    char room_id[65];
    char room_type[16];      /* "mcu", "1v1", "broadcast", "p2p" */
    char creator[129];       /* user, "": not known */
    int64_t created_at_ms;
    int64_t ended_at_ms;     /* 0: not yet */
    char status[16];
};

struct sig_store_member {
    int64_t id;
    char room_id[65];
    char user_id[129];
    char name[257];
    char role[16];
    int64_t joined_at_ms;
    int64_t left_at_ms;      /* 0: still there */
    int64_t duration_ms;
};

struct sig_store_recording {
    char id[65];
    char room_id[65];
    char file[1024];         /* absolute path */
    int64_t started_at_ms;
    int64_t ended_at_ms;     /* 0: not yet */
    int64_t duration_ms;     /* of the media */
    int64_t bytes;
    uint32_t participants;   /* how many were in the room while it ran */
    char status[16];
    char recording_id[65];   /* the id of the first part; "" when it is started: its own */
    uint32_t part;           /* 1..; 0 when it is started: 1 */
};

/* Which rows; empty fields choose all. Newest first. A member counts as "active" or "ended". */
struct sig_store_filter {
    const char *room_id;     /* NULL: every room */
    const char *status;      /* NULL: every status */
    uint32_t offset;
    uint32_t limit;          /* 1..SIG_STORE_PAGE_MAX */
};

struct sig_store_stats {
    uint64_t written;        /* writes committed */
    uint64_t refused;        /* posts refused because the queue was full */
    uint64_t failed;         /* writes dropped: a constraint, or still waiting at the end */
    uint64_t retries;        /* transactions tried again: locked or full */
    uint64_t set_aside;      /* files that were corrupt */
    uint32_t waiting;        /* in the queue now */
};

/* [ctl] Opens or creates the database and brings it to the newest version; starts the thread. The
 * caller owns *out. Returns 0, -ENOTSUP (made by a newer Mixdown; left untouched), -EBUSY (locked
 * by somebody for seconds), -ENOMEM, or the errno of the file. */
int sig_store_open(struct sig_store **out, const char *path);

/* [ctl] Carries out what waits (for at most 5 s when the database refuses), stops. NULL is fine. */
void sig_store_close(struct sig_store *s);

/* Waits until every write posted before has been carried out. Returns 0 or -ETIMEDOUT. Blocks: for
 * tests and for the end. */
int sig_store_flush(struct sig_store *s, int64_t timeout_ms);

/* Writes. They never wait. Return 0, -EINVAL, -ENOMEM, or -ENOBUFS when the queue is full (the
 * write is lost and counted). */
int sig_store_room_opened(struct sig_store *s, const char *room_id, const char *room_type,
                          const char *creator, int64_t at_ms);
/* The newest active row of room_id ends, and its members that are still there leave. */
int sig_store_room_ended(struct sig_store *s, const char *room_id, int64_t at_ms);
int sig_store_member_joined(struct sig_store *s, const char *room_id, const char *user_id,
                            const char *name, const char *role, int64_t at_ms);
/* The newest row of that user in that room that has no end. */
int sig_store_member_left(struct sig_store *s, const char *room_id, const char *user_id,
                          int64_t at_ms);
/* Takes id, room_id, file, started_at_ms, participants, recording_id, part; the status becomes
 * "recording". */
int sig_store_recording_started(struct sig_store *s, const struct sig_store_recording *r);
/* Finds the row by id; takes ended_at_ms, duration_ms, bytes, participants (0: left as it was),
 * status ("ready" or "failed"). */
int sig_store_recording_finished(struct sig_store *s, const struct sig_store_recording *r);
/* Deletes the row; the file is the caller's to delete. */
int sig_store_recording_delete(struct sig_store *s, const char *id);

/* Of calls and messages (store_talk.c). The front numbers rows: `row` rises. */
int sig_store_call_started(struct sig_store *s, int64_t row, const char *room_id,
                           const char *caller, const char *callee, const char *media,
                           int64_t at_ms);
int sig_store_call_answered(struct sig_store *s, int64_t row, int64_t at_ms);
/* is_known: he need not be told of it when he is back. */
int sig_store_call_ended(struct sig_store *s, int64_t row, const char *outcome, int64_t at_ms,
                         bool is_known);
/* Calls that an earlier front did not see the end of are "lost". */
int sig_store_calls_cut_off(struct sig_store *s, int64_t at_ms);
/* That callee knows of his missed calls up to that row. */
int sig_store_calls_told(struct sig_store *s, const char *callee, int64_t row, int64_t at_ms);
/* To a user or a room: the other is "". delivered_at_ms 0: not yet. */
int sig_store_message(struct sig_store *s, int64_t row, const char *from, const char *to,
                      const char *room_id, const char *content, int64_t at_ms,
                      int64_t delivered_at_ms);
/* All that waited for him, up to that row, are delivered. */
int sig_store_messages_delivered(struct sig_store *s, const char *to, int64_t row, int64_t at_ms);

struct sig_store_call {
    int64_t id;
    char room_id[65];
    char caller[129];
    char callee[129];
    char media[16];
    int64_t started_at_ms;
    int64_t answered_at_ms;  /* 0: never */
    int64_t ended_at_ms;     /* 0: not yet */
    char outcome[16];        /* "answered" "rejected" "busy" "no_answer" "offline" "cancelled" "lost" */
};

struct sig_store_message {
    int64_t id;
    char from[129];
    char to[129];            /* "": a room */
    char room_id[65];        /* "": a user */
    int64_t sent_at_ms;
    int64_t delivered_at_ms; /* 0: not yet */
    char *content;           /* the caller frees it */
};

/* Which calls or messages; newest first, or oldest first from `after`. */
struct sig_store_talk {
    const char *user;        /* caller or callee; of messages: one of the two */
    const char *peer;        /* of messages: the other; NULL: of a room */
    const char *room_id;     /* NULL: any */
    int64_t before;          /* ids below; 0: all */
    int64_t after;           /* ids above */
    uint32_t limit;          /* 1..SIG_STORE_PAGE_MAX */
};

/* Reads. Return the number of rows put into out, or a negative errno. */
int sig_store_calls(struct sig_store *s, const struct sig_store_talk *which,
                    struct sig_store_call *out);
int sig_store_messages(struct sig_store *s, const struct sig_store_talk *which,
                       struct sig_store_message *out);
/* What waits for that user: calls that he missed and was not told of; messages not delivered.
 * Oldest first, ids above `after`. */
int sig_store_calls_missed(struct sig_store *s, const char *callee, int64_t after, uint32_t limit,
                           struct sig_store_call *out);
int sig_store_messages_waiting(struct sig_store *s, const char *to, int64_t after, uint32_t limit,
                               struct sig_store_message *out);
/* The highest row of each table, 0 without one. 0 or a negative errno. */
int sig_store_talk_rows(struct sig_store *s, int64_t *calls, int64_t *messages);

/* Reads. Return the number of rows put into out (0..limit, or 0/1), or a negative errno; *total
 * (may be NULL) is how many match without offset and limit. */
int sig_store_recordings(struct sig_store *s, const struct sig_store_filter *filter,
                         struct sig_store_recording *out, uint64_t *total);
/* Finished ones, oldest first, at most limit; and the bytes of all that are finished. As above. */
int sig_store_recordings_oldest(struct sig_store *s, uint32_t offset, uint32_t limit,
                                struct sig_store_recording *out);
int sig_store_recordings_bytes(struct sig_store *s, int64_t *bytes);
int sig_store_recording_get(struct sig_store *s, const char *id, struct sig_store_recording *out);
int sig_store_rooms(struct sig_store *s, const struct sig_store_filter *filter,
                    struct sig_store_room *out, uint64_t *total);
int sig_store_members(struct sig_store *s, const struct sig_store_filter *filter,
                      struct sig_store_member *out, uint64_t *total);

void sig_store_stats(struct sig_store *s, struct sig_store_stats *out);

#endif
