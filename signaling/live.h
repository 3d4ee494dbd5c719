/* signaling/live.h - live pushes of rooms: starting, stopping, what is known of each. Front thread.
 *
 * A push's url is kept as long as it runs, so that it can be started again when the room's process
 * dies; nothing but the command to the room has it. A front that adopts a room knows only the
 * masked one: such a push ends with its process. */
#ifndef SIGNALING_LIVE_H
#define SIGNALING_LIVE_H

#include "recorder/guard.h"
#include "signaling/rooms.h"

enum { SIG_PUSHES_MAX = 8 }; /* of a room */

struct sig_push {
    struct sig_push *next;
    struct sig_room *room;
    char id[65];
    char secret[GUARD_URL_MAX]; /* the url; "": not known */
    char url[GUARD_MASKED_MAX]; /* masked; of HLS: its playlist's path here */
    bool is_hls;
    char by[129];
    struct sig_record_wish wish; /* view, layout, signs */
    char state[16];              /* "connecting" "live" "retrying" "failed" "ended" */
    char error[160];             /* the last one, for people */
    int64_t since_ms, started_at_ms;
    uint64_t bytes, retries, dropped;
    bool is_starting;
    bool was_live; /* at least once */
    bool is_stopping;
};

struct sig_live_wish {
    bool is_hls; /* and there is no url */
    char url[GUARD_URL_MAX];
    struct guard_url parts;
    struct sig_record_wish picture;
};

typedef void sig_push_fn(void *arg, const struct sig_push *p, const struct sig_error *error);

/* Reads {url or hls: true, view?, layout?, signs?}. Returns NULL and *wish, or an error; *why may
 * say more (static). */
const struct sig_error *sig_live_wish_read(struct sig_live_wish *wish, struct sig_room *room,
                                           const json_t *data, const char **why);

/* Starts one. Returns NULL, and done(arg, p, NULL) or done(arg, NULL, error) follows; or an error
 * at once. done may be NULL. */
const struct sig_error *sig_live_start(struct sig_room *room, const char *by,
                                       const struct sig_live_wish *wish, sig_push_fn *done,
                                       void *arg);

/* Ends it; a `live` event says when it has. */
void sig_live_stop(struct sig_push *p);

struct sig_push *sig_live_find(const struct sig_room *room, const char *id);

/* The room's HLS; NULL: it is off. */
struct sig_push *sig_hls_of(const struct sig_room *room);

/* --- hls.c: the folders of HLS ---------------------------------------------------------------- */

struct sig_http;

/* Where a room's is, made when it is not there; absolute. Returns 0 or a negative errno. */
int sig_hls_folder(const struct sig_rooms *rooms, const char *room_id, char *out, size_t size);

/* Now and then: those of rooms without HLS are removed live.hls_keep_h after their last change. */
void sig_hls_sweep(const struct sig_rooms *rooms, int64_t now_s);

/* GET /hls/{room}/{file} */
void sig_hls_get(struct sig_http *req);

/* {id, url (masked), state, since, startedAt, bytes, retries, dropped, lastError?, view?, layout?,
 * by}. */
json_t *sig_push_json(const struct sig_push *p);
json_t *sig_live_list(const struct sig_room *room);

/* --- the model's part ------------------------------------------------------------------------- */

/* The room's event of that name. */
void live_event(struct sig_room *room, const json_t *event);
/* Its process is another, and knows of none. */
void live_restarted(struct sig_room *room);
/* said: the room's own list. */
void live_adopt(struct sig_room *room, const json_t *said);
/* It is over, and they with it. */
void live_end_all(struct sig_room *room);
void live_free(struct sig_room *room);

#endif
