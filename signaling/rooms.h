/* signaling/rooms.h - the front's model: which rooms there are, who has a seat, what is recorded.
 *
 * A seat (struct sig_member) belongs to a WebSocket client, a WHIP publisher, a WHEP viewer or a
 * plain RTP participant. A
 * client that is lost keeps its seat for rtc.grace_s; a room that is lost is run again by the host
 * and its seats are added again. Media is the room process's: this asks it through struct sig_host.
 *
 * Everything is on the front's thread. Answers that need the room come later through callbacks,
 * which are called exactly once, whatever happens to the room, and never before the asking call
 * returns. */
#ifndef SIGNALING_ROOMS_H
#define SIGNALING_ROOMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "mcu/admission.h"
#include "mcu/config.h"
#include "signaling/errors.h"
#include "signaling/host.h"
#include "signaling/ids.h"
#include "signaling/rights.h"
#include "signaling/rules.h"
#include "signaling/store.h"

struct sig_rooms;
struct sig_hooks;
struct sig_layouts;
struct sig_images;
struct sig_uploads;
struct sig_client; /* whoever sits on a WebSocket seat: signaling/ws.h */

enum sig_kind {
    SIG_KIND_WS,
    SIG_KIND_WHIP,
    SIG_KIND_WHEP,
    SIG_KIND_RTP, /* without ICE: a gateway or a tool, put here by REST */
    SIG_KIND_INPUT, /* a file or a stream, put here by REST (signaling/inputs.h) */
};

/* The numbers of a room's last `stats` event, summed where they are of many. */
struct sig_room_stats {
    uint64_t cpu_us;
    uint64_t audio_ticks, audio_late_ticks, audio_max_late_us, audio_encodes, audio_decodes;
    uint64_t audio_switches, audio_starved, audio_outputs, audio_mixes, audio_speakers;
    uint64_t audio_frames, audio_recovered_fec, audio_late_packets, audio_gated, audio_stretched;
    uint64_t audio_max_drift_ppm;
    uint64_t video_ticks, video_late_ticks, video_max_late_us;
    uint64_t video_composed, video_tiles_drawn, video_encoded, video_skipped;
    uint64_t views, streams_1080p, streams_720p, streams_360p, streams_180p, streams_slides;
    uint64_t overload_step, overload_steps;
    uint64_t rejected_packets, concealed;
    uint64_t in_packets, in_bytes, in_lost, in_nacks, in_plis, in_recovered;
    uint64_t in_freezes;
    uint64_t out_packets, out_bytes, out_lost, out_nacks, out_retransmitted, out_plis;
    uint64_t out_copies;
};

/* Which picture is recorded, and how. All zero: the room's own, as the settings say. */
struct sig_record_wish {
    char view[65];   /* one that hosts added; "": the room's */
    char layout[65]; /* "": the view's; else view is "" */
    bool has_signs;  /* `signs` was said */
    bool signs;      /* REC is on it */
    bool is_sound_only; /* an M4A */
    bool is_ogg;        /* or that, as Opus in OGG */
    bool has_tracks;    /* each one's sound beside it */
    int64_t stills_s;   /* and a picture so often; 0: none */
    char title[257];    /* "": the room's name */
    int64_t width, height, fps, bitrate_kbps; /* 0: as the picture is sent */
    char preset[16];                          /* of x264; "": as the settings say */
};

/* A file of a recording that is not whole yet. */
struct sig_recording_part {
    struct sig_recording_part *next;
    uint32_t number; /* 1 is sig_recording.file */
    char file[1024];
    int64_t started_at_ms;
};

struct sig_recording {
    struct sig_recording *next;
    struct sig_rooms *rooms;
    struct sig_room *room; /* NULL: its room is over, it is being recovered */
    char id[65];           /* as the store keeps it */
    char room_id[65];
    char file[1024];
    char by[129]; /* user */
    struct sig_record_wish wish;
    int64_t started_at_ms;
    uint32_t participants;
    struct sig_recording_part *parts; /* newest first */
    bool is_starting;
    bool is_stopping;
    bool is_recovering;
    bool is_paused;
    bool is_stalled;      /* the disk does not take it */
    int64_t retry_at_us;  /* its recovery is tried again; 0: no */
};

struct sig_member {
    struct sig_member *next;
    uint32_t refs;
    struct sig_room *room; /* NULL once the seat is given up */
    enum sig_kind kind;
    char peer[SIG_ID_SIZE];   /* to the room; the id of a WHIP or WHEP session */
    char resume[SIG_ID_SIZE]; /* known to its client only */
    char etag[SIG_ID_SIZE];
    char user[129];
    char name[257];
    char role[16];
    struct sig_claims claims; /* of the token that it came with */
    bool is_heir;             /* a host because the last one left */
    int64_t joined_at_ms;
    struct sig_client *client; /* NULL: lost, or not a WebSocket's */
    int64_t lost_at_us; /* its client; of WHIP and WHEP: since when the media path is not up */
    uint32_t answers;   /* session descriptions given, for the version in their o= line */
    bool is_joining;    /* not seen by others yet */
    bool is_echo;       /* hears itself, too */
    bool is_offered;    /* of WHEP: our offer waits for its answer */
    bool is_asking;     /* the application's server may refuse; its room does not know of it yet */
    bool was_retried;   /* its joining was asked of a second process, after the first died */
    bool is_moved;      /* the room was restarted while its client was lost */
    bool sends_audio, sends_video, sends_screen;
    bool muted_audio, muted_video;
    uint32_t pin; /* to this seat of the layout; 0: to none */
    bool has_hand_up;
    json_t *wish;     /* what it asked to watch (signaling/watch.h); NULL: nothing */
    char view[128];   /* that it watches, as the room calls it; "": none */
    char tier[16];
    uint32_t view_width, view_height;
    json_t *input; /* of SIG_KIND_INPUT; a secret: signaling/inputs.h */
    json_t *input_status;
    json_t *sound; /* an object: what mcu/control_audio.h calls a state */
    json_t *wanted_rtp; /* while it is being asked; it has keys */
    char refusal[200];  /* the application's words */
    json_t *rtp; /* of SIG_KIND_RTP: {host, port, audio, video}, where the room takes its packets */
    int bars;          /* of its network, 0..5; -1: not known */
    json_t *network;   /* its newest figures, as it is told them; NULL: none yet */
    bool is_thin;      /* it carries little: what is not needed is left out */
    bool is_suspect;   /* its media path: nothing comes, since lost_at_us if it is not a WebSocket's */
    char state[16]; /* of the media path: "new", "connecting", "connected", "failed", "closed" */
    void (*joined)(void *arg, struct sig_member *m, const struct sig_error *error);
    void *joined_arg;
};

struct sig_room {
    struct sig_room *next;
    struct sig_rooms *rooms;
    struct sig_link *link;
    char id[65];
    char type[16];
    json_t *picture;           /* an object: what mcu/control_picture.h calls a state */
    char layout[65];           /* in force, as the room says; "": as chosen */
    json_t *views;             /* that hosts added, by name */
    json_t *images;            /* given to its process: {name: serial} (signaling/room_images.h) */
    json_t *tiles;             /* of each view, as clients are told, by the room's name of it */
    uint32_t snapshots_due;
    char sharing[SIG_ID_SIZE]; /* peer that shares the newest screen; "": nobody */
    int64_t opened_at_ms;
    int64_t empty_since_us; /* 0: somebody is there */
    int64_t unwatched_since_us; /* what is published; 0: somebody watches (room_hooks.c) */
    bool was_none_reader_said;
    bool is_closing;        /* its name is free again */
    uint32_t member_count;
    struct sig_member *members;
    struct sig_rules rules;
    struct sig_waiting *waiting; /* to be let in, in the order of coming (signaling/lobby.h) */
    uint32_t waiting_count;
    struct sig_recording *recordings;
    struct sig_push *pushes;      /* signaling/live.h */
    struct sig_recording *active; /* the one that new frames go to */
    bool was_recorded_itself;     /* recording.auto has started one */
    uint32_t speaking_events; /* that came */
    struct sig_room_stats stats;
    struct mcu_load load;
};

struct sig_rooms_conf {
    const struct mcu_config *config;
    struct sig_store *store; /* may be NULL: nothing is remembered */
    struct sig_hooks *hooks; /* may be NULL: nobody is told */
    struct sig_host host;
    const char *recordings_dir; /* absolute */
    const struct sig_layouts *layouts; /* may be NULL: only the built-in ones */
    const struct sig_images *images;   /* may be NULL: there are none */
    struct sig_uploads *uploads;       /* may be NULL: recordings stay here */

    /* An event for a client; must not give up seats from within. event is borrowed. */
    void (*send)(struct sig_client *client, const json_t *event);
    /* The client's seat is gone: for a reason of sig_member_leave(), or "resumed" elsewhere. */
    void (*unseat)(struct sig_client *client, const char *reason);
};

struct sig_rooms_stats {
    uint32_t rooms, members, recordings;
    uint64_t rooms_opened, joins, recordings_started, recordings_failed, recordings_recovered;
    uint64_t recordings_deleted;
    uint64_t recordings_stalled; /* times; `stalled` are so now */
    uint32_t stalled;
    uint64_t refused_overload;
    uint32_t pushes;
    uint32_t inputs, inputs_waiting;
    uint64_t input_retries;
    uint64_t pushes_started, pushes_failed, push_bytes, push_retries, push_dropped;
    struct sig_room_stats sum; /* of all rooms since the start: only grows, but for the maxima */
};

int sig_rooms_create(struct sig_rooms **out, const struct sig_rooms_conf *conf);
void sig_rooms_destroy(struct sig_rooms *r);

/* What the host tells us by. */
void sig_rooms_events(struct sig_rooms *r, struct sig_host_events *out);

/* The host is about to go: nothing more is asked of it. */
void sig_rooms_detach(struct sig_rooms *r);

/* Once, after the host has adopted: recovers recordings that no living room writes. Returns how
 * many, or a negative errno. */
int sig_rooms_recover(struct sig_rooms *r);

/* About once a second: seats whose grace is over, rooms that stay empty. */
void sig_rooms_tick(struct sig_rooms *r, int64_t now_us);

void sig_rooms_stats(const struct sig_rooms *r, struct sig_rooms_stats *out);

/* --- rooms ------------------------------------------------------------------------------------ */

struct sig_room *sig_rooms_first(const struct sig_rooms *r); /* closing ones included */
struct sig_room *sig_rooms_find(const struct sig_rooms *r, const char *id);

/* Opens a room. Returns NULL with *error set: room_exists, too_many_rooms, overloaded,
 * room_failed. */
struct sig_room *sig_rooms_open(struct sig_rooms *r, const char *id, const char *type,
                                const char *creator, const struct sig_error **error);

/* Ends every room; no new ones are opened. */
void sig_rooms_close_all(struct sig_rooms *r);

/* Ends a room: everybody leaves, recordings are finished. */
void sig_room_close(struct sig_room *room, const char *reason);

/* --- seats ------------------------------------------------------------------------------------ */

struct sig_join {
    enum sig_kind kind;
    const char *room_id; /* the room is opened when there is none */
    const char *room_type; /* of one that a call opens; NULL: "mcu", and no call does */
    const char *user;    /* "": one is made */
    const char *name;
    const char *role;
    struct sig_claims claims;
    const char *password; /* as said; may be NULL */
    bool is_by_host;      /* who asks may moderate: lock, password and lobby are not for him */
    bool is_admitted;     /* a host has let this one in */
    bool is_echo; /* it hears itself, too */
    struct sig_client *client;
    json_t *input; /* of SIG_KIND_INPUT: what mcu/control_input.h reads; borrowed */
    json_t *sound; /* a checked patch (mcu/control_audio.h), borrowed; may be NULL */
    json_t
        *rtp; /* of SIG_KIND_RTP: what mcu/control_rtp.h reads; borrowed. Not kept: it has keys */
    void (*joined)(void *arg, struct sig_member *m, const struct sig_error *error);
    void *arg;
};

/* Takes a seat, in the role that hosts gave the user if they did; joined(arg, m, NULL) when the room has agreed, joined(arg, NULL, error) when not. A
 * user that is in the room already is moved here: the older seat is given up. Returns NULL, or the
 * error at once, and then joined is not called. */
const struct sig_error *sig_rooms_join(struct sig_rooms *r, const struct sig_join *join);

/* Gives up a seat: "left", "lost", "replaced", "ended", "kicked". Others are told. */
void sig_member_leave(struct sig_member *m, const char *reason);

/* Its WebSocket is gone: the seat is kept for rtc.grace_s. */
void sig_member_lost(struct sig_member *m, int64_t now_us);

/* The seat of that resume token, now client's; an earlier client of it is unseated. NULL: none. */
struct sig_member *sig_rooms_resume(struct sig_rooms *r, const char *resume,
                                    struct sig_client *client);

/* "ws", "whip", ... */
const char *sig_kind_name(enum sig_kind kind);

struct sig_member *sig_rooms_find_peer(const struct sig_rooms *r, const char *peer);

/* Who waits for a room's answer holds a reference; m->room is NULL when the seat is gone. */
struct sig_member *sig_member_ref(struct sig_member *m);
void sig_member_unref(struct sig_member *m);

/* Has the room keep the session as it is now for the next front. */
void sig_member_save(struct sig_member *m);
/* Another ETag, which is kept so, too. */
void sig_member_renew_etag(struct sig_member *m);

/* Sends the room a command about this seat; adds "peer". Steals command. done may be NULL and is
 * called as sig_host.send does. Returns 0, -EPIPE or -ENOMEM. */
int sig_member_command(struct sig_member *m, json_t *command, sig_reply_fn *done, void *arg);

/* The room's answer to this seat's offer, "desc" of its reply, as SDP. The caller frees it; NULL:
 * it is no description, or no memory. */
char *sig_member_answer(struct sig_member *m, const json_t *reply);
/* The same of the room's own offer to this seat. */
char *sig_member_offer(struct sig_member *m, const json_t *reply);

/* One change of a seat. */
typedef void sig_change_fn(void *arg, struct sig_member *m, const struct sig_error *error);

struct sig_change {
    const bool *audio, *video; /* muted; NULL: as it is */
    json_t *sound;             /* a checked patch (mcu/control_audio.h), borrowed; NULL: none */
    const uint32_t *pin;       /* a seat of the layout, 0: none; NULL: as it is */
    const bool *hand;          /* raised; NULL: as it is */
    const char *role;          /* NULL: as it is */
    bool is_heir;              /* that role because the last host left */
    const char *by;            /* user who asks; "": somebody without a name */
    sig_change_fn *done;       /* (arg, m, NULL) or (arg, NULL, error); may be NULL */
    void *arg;
};

/* Asks the room for it, keeps it and tells the others. Returns NULL, or an error at once and done
 * is not called. */
const struct sig_error *sig_member_change(struct sig_member *m, const struct sig_change *change);

/* Mutes everybody but hosts and whoever asks: audio or video or both, those that are not NULL. done
 * gets neither seat nor error, and may be called before this returns. */
const struct sig_error *sig_room_mute_all(struct sig_room *room, const struct sig_change *change);

/* Sends a member away; keeps_out: for as long as the room lives. */
void sig_member_kick(struct sig_member *m, const char *by, bool keeps_out);

/* NULL, or last_host: without this one, or with him in that role (NULL: gone), nobody is a host. */
const struct sig_error *sig_member_may_become(const struct sig_member *m, const char *role);

/* A host has left: the publisher who is there longest becomes one if nobody else is, unless
 * room.handover says no. */
void sig_room_hand_over(struct sig_room *room);

/* What is in force: percent; and, borrowed, a list and an object of submixes. */
int sig_member_volume(const struct sig_member *m);
bool sig_member_is_deaf(const struct sig_member *m);
json_t *sig_member_speaks_to(const struct sig_member *m);
json_t *sig_member_hears(const struct sig_member *m);

/* The seat of that user, once it is taken. NULL: none. */
struct sig_member *sig_room_find_user(const struct sig_room *room, const char *user);

/* Sends the room's process a command that is about no seat. Steals command; as sig_member_command.
 */
int sig_room_command(struct sig_room *room, json_t *command, sig_reply_fn *done, void *arg);

/* An event to everybody in the room but one (NULL: nobody is left out). Steals data. */
void sig_room_tell(struct sig_room *room, const struct sig_member *but, const char *action,
                   json_t *data);

/* The same to those who have a right only. */
void sig_room_tell_those(struct sig_room *room, enum sig_right right, const char *action,
                         json_t *data);

/* The same of any type; event is borrowed. */
void sig_room_send(struct sig_room *room, const struct sig_member *but, const json_t *event);

/* --- recordings ------------------------------------------------------------------------------- */

typedef void sig_recording_fn(void *arg, const struct sig_recording *r,
                              const struct sig_error *error);

/* Reads {view, layout, signs}, all optional, of data (NULL: nothing is said). Returns NULL and *wish,
 * or bad_request, no_such_layout, no_such_view, overloaded (another picture is another encoder). */
const struct sig_error *sig_record_wish_read(struct sig_record_wish *wish, struct sig_room *room,
                                             const json_t *data);

/* Starts one. Returns NULL, and done(arg, r, NULL) or done(arg, NULL, error) follows; or an error
 * at once (already_recording, internal) and done is not called. done may be NULL; wish, too. */
const struct sig_error *sig_room_record(struct sig_room *room, const char *by,
                                        const struct sig_record_wish *wish, sig_recording_fn *done,
                                        void *arg);

/* Stops it; the file is whole when the `recording` event says so. */
void sig_recording_stop(struct sig_recording *r);

/* Leaves out what comes from now on, or no longer does. Nothing where it is so already, or ends. */
void sig_recording_pause(struct sig_recording *r, bool is_paused);

/* The one that runs or is being finished, in any room, by its id or that of one of its files. NULL:
 * none. */
struct sig_recording *sig_rooms_find_recording(const struct sig_rooms *r, const char *id);

/* --- as JSON (caller owns) -------------------------------------------------------------------- */

json_t *sig_member_json(const struct sig_member *m);
json_t *sig_member_whole_json(const struct sig_member *m); /* for itself and for hosts */
json_t *sig_room_json(const struct sig_room *room);
json_t *sig_room_members_json(const struct sig_room *room, bool is_whole);
json_t *sig_recording_json(const struct sig_recording *r);
json_t *sig_recording_row_json(const struct sig_store_recording *row);

/* All files of that row are in the storage elsewhere, or some have failed to get there: told to the
 * application, and, where its room runs (again), to those in it. */
void sig_recording_uploaded(struct sig_rooms *rooms, const char *id, bool is_done);

/* {active, id, startedAt}, as `join` answers. */
json_t *sig_room_recording_json(const struct sig_room *room);

#endif
