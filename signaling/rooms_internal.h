/* signaling/rooms_internal.h - shared by the files of the model. */
#ifndef SIGNALING_ROOMS_INTERNAL_H
#define SIGNALING_ROOMS_INTERNAL_H

#include "signaling/retention.h"
#include "signaling/rooms.h"

struct sig_rooms {
    struct sig_rooms_conf conf;
    char recordings_dir[512];
    struct sig_room *first;
    bool is_closing;               /* no new ones */
    struct sig_recording *orphans; /* whose room is over, being recovered */
    struct sig_rooms_stats stats;
    struct sig_retention retention;
    struct sig_room_stats ended; /* summed from processes that are gone */
};

/* members.c */
void member_add_all_again(struct sig_room *room);
struct sig_member *member_find(const struct sig_room *room, const char *peer);
void member_unlist(struct sig_member *m);
struct sig_member *member_create(struct sig_room *room, const char *peer);
json_t *member_session_json(const struct sig_member *m);
/* Where a room takes a plain participant's packets, as it says; NULL: it does not. Caller owns. */
json_t *member_read_rtp(const json_t *rtp);

/* room_events.c */
/* The member that an event's `peer` names, or NULL. */
struct sig_member *member_of_event(const struct sig_room *room, const json_t *event);
/* An event to his client, once his join is answered. Steals data. */
void member_tell(struct sig_member *m, const char *action, json_t *data);
void room_event(void *ctx, const json_t *event);
void stats_add(struct sig_room_stats *sum, const struct sig_room_stats *add);
/* The same for a process that is over: what was only true while it ran is left out. */
void stats_end(struct sig_room_stats *sum, const struct sig_room_stats *ended);

/* recordings.c */
void recording_event(struct sig_room *room, const json_t *event);
/* room_network.c and room_speaking.c: the events of those names. */
void event_network(struct sig_room *room, const json_t *event);
void event_speaking(struct sig_room *room, const json_t *event);

void recordings_restarted(struct sig_room *room);
void recordings_orphaned(struct sig_room *room);
/* said: what the room says of it, with id, file and started_at. */
struct sig_recording *recording_adopt(struct sig_room *room, const json_t *said);
void recording_count_member(struct sig_room *room);

/* Takes it out of its room and frees it. */
void recording_drop(struct sig_recording *r);
/* Something of it has changed: {active, id, startedAt, by, paused}, for sig_room_tell(); new. */
json_t *recording_news(const struct sig_recording *r);
int recording_post_row(const struct sig_recording *r, const struct sig_recording_part *part);

/* recording_parts.c */
/* NULL: no memory. */
struct sig_recording_part *recording_add_part(struct sig_recording *r, uint32_t number,
                                              const char *file, int64_t started_at_ms);
void recording_free_parts(struct sig_recording *r);
/* Row of a part: the recording's id, and from the second on "-2", ... */
void recording_part_id(const struct sig_recording *r, uint32_t number, char out[65]);
/* Its own or that of a part that is not whole yet. */
bool recording_has_id(const struct sig_recording *r, const char *id);
bool recording_has_file(const struct sig_recording *r, const char *file);
/* Its files are finished by `recover`, each on its own. Frees r. */
void recording_orphan(struct sig_recording *r);
/* To the application's server: recording.WHAT. */
void recording_hook(const struct sig_recording *r, const char *what, const char *id,
                    json_t *more /* stolen; may be NULL */);

/* recordings_recover.c; r is the row of one file */
void recording_recover(struct sig_recording *r);
void recording_finish_row(struct sig_rooms *rooms, const struct sig_recording *r, bool ok,
                          int64_t duration_ms, int64_t bytes);
void recording_tell_done(struct sig_room *room, const struct sig_recording *r, bool ok,
                         int64_t duration_ms);
/* Those that had no room on the disk are tried again. */
void recordings_retry(struct sig_rooms *rooms, int64_t now_us);

/* rooms_adopt.c */
void *room_adopted(void *ctx, struct sig_link *link, const json_t *answer);

/* rooms.c */
struct sig_room *room_create(struct sig_rooms *r, const char *id, const char *type,
                             int64_t opened_at_ms);
void room_free(struct sig_room *room);

#endif
