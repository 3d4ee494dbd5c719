/* mcu/room_internal.h - what the room*.c files share. Nobody else includes it. */
#ifndef MCU_ROOM_INTERNAL_H
#define MCU_ROOM_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "layouts/layout.h"
#include "mcu/bars.h"
#include "mcu/base/queue.h"
#include "mcu/clip_loader.h"
#include "mcu/config.h"
#include "mcu/floor.h"
#include "mcu/pushes.h"
#include "mcu/control_audio.h"
#include "mcu/room.h"
#include "mcu/room_views.h"
#include "mcu/studio.h"
#include "mcu/ticker.h"
#include "recorder/meta.h"
#include "recorder/tracks.h"
#include "transport/rtc.h"

enum {
    ROOM_PEERS_MAX = MIX_INPUTS_MAX,
    ROOM_SLICE = 64, /* peers described in one message, so that it stays below the line limit */
    ROOM_SOUND_ID_MAX = 32,
    ROOM_SNAPSHOTS_MAX = 4,
    ROOM_PUSHES_MAX = 8,
    ROOM_TEXT_MAX = 320, /* above the front's limits: a name is 64 characters, so 256 bytes */
};

/* A picture that somebody waits for; room_snapshot.c. */
struct room_snapshot {
    char file[1024]; /* "": none */
    char view[ROOM_VIEW_NAME];
    int64_t width;    /* 0: the view's */
    json_int_t seq;   /* of the command */
    int64_t until_us; /* it is given up then */
    const struct room_recording *beside; /* nobody waits for an answer; NULL: somebody does */
};

/* What is known of a participant's network; room_network.c. */
struct room_network {
    int64_t look_us; /* when figures are made next */
    int64_t tell_us; /* when they are told, changed or not */
    uint64_t packets[2], lost[2], frames, concealed; /* at the last look */
    uint64_t freezes; /* of its camera, ever */
    bool is_suspect;
    struct mcu_network figures;
    struct mcu_bars bars;
};

/* One participant. */
struct room_peer {
    struct mcu_room *room;
    char id[ROOM_TEXT_MAX];
    char user[ROOM_TEXT_MAX];
    char name[ROOM_TEXT_MAX];
    char role[32];
    atomic_bool may_publish; /* by its role; [net] looks at each packet */
    json_t *session; /* the front's own; given back to `adopt` */
    json_t *sound;   /* an object: what mcu/control_audio.h calls a state */
    struct room_input *input; /* of an outside source; room_inputs.c; NULL: none */
    json_t *plain;   /* of a plain RTP participant: where it sends to, as told to the front */
    bool is_audio_muted;
    bool is_video_muted;
    uint32_t pin;          /* to the layout's "pin:N"; 0: to none */
    bool has_hand_up;
    uint32_t share_serial; /* of the screen it shares: a later one is newer; 0: none */
    struct rtc_peer *rtc;
    struct mcu_seat *seat;
    struct room_watch watch;
    struct mcu_uplink uplinks[MCU_PICTURES];
    enum rtc_audio_need audio_need;
    enum rtc_state state;
    bool sends_audio;       /* packets came within the last two seconds */
    bool sends_video;
    bool sends_screen;      /* its screen is shared, also when nothing moves on it */
    uint64_t seen_packets[2];
    int64_t seen_at_us[2];
    bool was_connected;
    struct room_network network;
    float level; /* as it was told last, falling slowly */
    bool speaks; /* as recordings have it */
    atomic_bool is_silenced; /* muted: [net] keeps it out of tracks */
    /* The codec of frames that found no open picture: [net] writes it and posts an event. */
    atomic_int asked_codecs[MCU_PICTURES];
};

/* A file of a recording that has begun and is not whole yet. */
struct room_part {
    uint32_t number; /* 0: free */
    int64_t started_at_ms;
    bool is_told;    /* something of it is on the disk, and the front knows */
};

struct room_recording {
    char id[MCU_RECORDING_ID_MAX]; /* "": free */
    char file[1024];               /* of the first part */
    struct room_part parts[MCU_PARTS_MAX];
    uint32_t part;       /* the newest that has begun */
    uint32_t width, height, bitrate_bps, fps; /* as asked for; 0: as its view has */
    char preset[16];                          /* the same; "" */
    int64_t split_ms;    /* a part is long enough; 0: never */
    int64_t split_bytes;
    bool is_paused;
    bool is_stalled;     /* the disk does not take it, as it was told */
    int64_t stalled_bytes; /* what its file had then */
    int64_t retry_us;    /* the next part is tried then */
    int64_t retry_after_us;
    int64_t started_at_ms;
    int64_t started_us;
    int64_t ended_at_ms; /* 0: it runs */
    struct room_view *view;         /* main, or held while it records */
    char layout[ROOM_LAYOUT_NAME];  /* as asked for; "": none was named */
    bool has_sign;                  /* REC is lit on its view */
    bool says_signs, is_signed;     /* as asked for */
    char title[257];
    bool is_sound_only;             /* an M4A */
    bool is_ogg;                    /* or that, as Opus in OGG */
    bool has_tracks;                /* as asked for */
    int64_t stills_s;               /* a picture beside it so often; 0: none */
    int64_t next_still_us;
    unsigned stills;                /* taken */
    struct rec_meta *meta;          /* NULL: who speaks is not noted */
};

/* A live push. */
struct room_push {
    struct mcu_room *room;
    char id[MCU_RECORDING_ID_MAX]; /* "": free */
    char url[GUARD_MASKED_MAX];    /* masked */
    int64_t started_at_ms;
    struct room_view *view;        /* main, or held while it runs */
    char layout[ROOM_LAYOUT_NAME]; /* as asked for; "": none was named */
    bool has_sign;                 /* LIVE is lit on its view */
    struct mcu_push *push;
    struct rec_live_status told;
    int64_t tell_us; /* figures, not before */
};

enum room_event_kind {
    ROOM_EVENT_STATE,
    ROOM_EVENT_CANDIDATE,
    ROOM_EVENT_VIDEO_CODEC,
    ROOM_EVENT_NEED_KEY,
    ROOM_EVENT_RECORDING,
    ROOM_EVENT_LIVE,
    ROOM_EVENT_AUDIO_NEED,
    ROOM_EVENT_CLIP,
    ROOM_EVENT_ESTIMATE,
    ROOM_EVENT_TUNED,
    ROOM_EVENT_WATCH_KEY,
};

/* What media threads tell [ctl]. */
struct room_event {
    enum room_event_kind kind;
    uint32_t seat_id;
    enum rtc_state state;
    enum mcu_codec codec;
    enum mcu_picture picture;
    enum rtc_audio_need need;
    const struct rtc_feed *feed; /* only to compare */
    struct rec_result result;
    struct mix_clip *clip; /* the event's reference */
    int error;
    uint32_t part; /* of a recording */
    char text[ROOM_TEXT_MAX]; /* candidate, reason, or id of a recording or a sound */
};

/* A sound that is loaded or plays. */
struct room_sound {
    char id[ROOM_SOUND_ID_MAX]; /* "": free */
    uint32_t serial;            /* never used again in this room */
    json_t *about;              /* as it was asked for, and as it is listed */
    char to[ROOM_TEXT_MAX];     /* peer; "": everyone */
    uint32_t buses;
    struct mix_sound *sound;    /* NULL: its clip is still loaded */
};

/* Counters summed over peers. */
struct room_totals {
    uint64_t rejected;
    uint64_t frames, concealed, recovered_fec, late, gated, stretched;
    struct rtc_stream_stats in, out;
    uint32_t drift_ppm; /* the largest, either way */
};

struct mcu_room {
    void (*send)(void *ctx, const json_t *message);
    void *send_ctx;
    struct mcu_queue *events;

    bool is_open;
    bool is_closing;
    char name[ROOM_TEXT_MAX];
    char type[32];
    int64_t opened_at_ms;
    struct mcu_config config;

    json_t *session;            /* the front's own of this room; given back to `adopt`. NULL: none */
    json_t *picture;            /* an object: what mcu/control_picture.h calls a state */
    json_t *images;             /* an object: names of uploaded pictures that it was given */
    struct layout *chosen;      /* by the hosts or the settings */
    struct layout *screenshare; /* to go to while somebody shares; NULL: none */
    struct layout *layout;      /* the one in force: one of these two */
    bool is_layout_manual;      /* it was chosen while somebody shared */
    uint32_t sharing_count;     /* peers that share a screen */
    uint32_t last_share_serial;
    struct rtc *rtc;
    struct mcu_studio *studio;
    struct rtc_feed *audio_feeds[MIX_OUTPUTS_MAX];
    struct room_views views;
    struct room_snapshot snapshots[ROOM_SNAPSHOTS_MAX];
    struct mcu_ticker *audio_ticker;
    struct mcu_ticker *video_ticker;

    struct room_peer *peers[ROOM_PEERS_MAX];
    size_t peer_count;
    struct room_recording recordings[MCU_RECORDINGS_MAX];
    pthread_mutex_t tracks_lock;                   /* [ctl] writes the next under it, [net] reads */
    struct rec_tracks *tracks[MCU_RECORDINGS_MAX]; /* of the recording in that place, or NULL */
    atomic_uint track_count;                       /* that are not NULL */
    struct room_push pushes[ROOM_PUSHES_MAX];
    char *submixes[MCU_SUBMIXES_MAX]; /* names by bus; 0 is the floor; NULL: free */
    struct room_sound sounds[MIX_SOUNDS_MAX];
    atomic_uint ended_sounds[MIX_SOUNDS_MAX]; /* [tick-a] serial of what has ended in that place */
    struct mcu_clip_loader *loader;           /* NULL until a sound is asked for */
    uint32_t last_sound;
    struct room_input *leaving_inputs; /* let go, and not ended yet */
    struct mcu_floor floor;
    uint32_t marked_floor; /* seat id; as recordings have it */
    bool was_anyone_speaking;
    int64_t next_stats_us;
    size_t next_stats_peer;      /* the first of the next slice */
    size_t next_media_peer;
    struct room_totals gone;     /* of peers that left */
};

/* room.c: makes transport, studio, feeds and tickers by r->config. On error what was made stays for
 * mcu_room_destroy(). Returns 0 or a negative errno. */
int room_open(struct mcu_room *r);

/* Frames of the mix for this one: what his network asks for. */
void room_apply_audio_quality(struct room_peer *p);
/* 0xRRGGBB, where layouts name none. */
uint32_t room_background(const struct mcu_room *r);
/* Somebody shares a screen. */
bool room_is_sharing(const struct mcu_room *r);

/* room_media.c: what media threads call. */
void room_studio_sink(struct mcu_room *r, struct mcu_studio_sink *sink);
void room_peer_sink(struct room_peer *p, struct rtc_peer_sink *sink);
/* [any] Gives an event to [ctl]; false when the queue is full. */
bool room_post(struct mcu_room *r, const struct room_event *event, const char *text);

/* room_peers.c. Codes are those of docs/control.md; NULL: done. */
struct room_peer *room_find_peer(struct mcu_room *r, const char *id);
struct room_peer *room_find_seat(struct mcu_room *r, uint32_t seat_id);
const char *room_add_peer(struct mcu_room *r, const json_t *message, json_t *reply);
void room_remove_peer(struct mcu_room *r, struct room_peer *p);
void room_mute_peer(struct room_peer *p, bool audio, bool video);
const char *room_set_peer(struct room_peer *p, const json_t *message);
void room_open_video(struct room_peer *p, enum mcu_picture picture, enum mcu_codec codec);
json_t *room_describe_peer(const struct room_peer *p);

/* Turns what was negotiated into an open voice, a place in the audience and a picture feed. Returns 0
 * or a negative errno. */
int room_wire_peer(struct room_peer *p);

/* Has a tile, with a picture or without: not who only watches. */
bool room_is_on_stage(const struct room_peer *p);

/* room_offer.c: the commands `peer_offer`, `peer_make_offer` and `peer_answer`. */
const char *room_offer(struct room_peer *p, const json_t *message, json_t *reply);
const char *room_make_offer(struct room_peer *p, json_t *reply);
const char *room_take_answer(struct room_peer *p, const json_t *message);

/* room_role.c: what he may send from now on; and an offer without what he may not. */
void room_set_role(struct room_peer *p, const char *role);
void room_set_name(struct room_peer *p, const char *name); /* at most ROOM_TEXT_MAX with its NUL */
void room_limit_offer(const struct room_peer *p, struct mcu_desc *offer);

/* room_plain.c: makes p->rtc of what mcu/control_rtp.h reads, and p->plain. */
const char *room_make_plain(struct room_peer *p, const json_t *json);

/* room_inputs.c: outside sources. Makes p->input of what mcu/control_input.h reads; its seat is there. */
const char *room_make_input(struct room_peer *p, const json_t *json);
/* On return nothing is pushed into its seat any more. */
void room_input_leave(struct room_peer *p);
/* What has become of it, and what it was asked to be ("about"); new. NULL: it is none. */
json_t *room_input_json(const struct room_peer *p);
/* p->input is there: it plays, and has such a stream. */
bool room_input_sends(const struct room_peer *p, enum mcu_kind kind);
/* Ten times a second. */
void room_inputs_housekeep(struct mcu_room *r, int64_t now_us);
/* After all peers are gone. */
void room_inputs_finish(struct mcu_room *r);
/* The command. */
const char *room_input_set(struct mcu_room *r, const json_t *message, json_t *reply);

/* room_layout.c: what hosts choose about the picture. */
/* file: of a layout that is not built in; may be NULL. Returns a code, or NULL and *out. */
const char *room_layout_load(struct layout **out, const char *name, const json_t *file);
int room_layout_open(struct mcu_room *r);
void room_layout_finish(struct mcu_room *r);
/* The command `layout_set`. */
const char *room_layout_set(struct mcu_room *r, const json_t *message, json_t *reply);
/* Puts him on a seat of the layout, 0: on none; who was on it is on none then. */
void room_layout_pin(struct room_peer *p, uint32_t pin);
/* Tells his seat where he stands; after anything of it has changed. */
void room_layout_place(struct room_peer *p);
/* He shares a screen from now on, or no longer: the room's layout may follow. */
void room_layout_shares(struct room_peer *p, bool is_sharing);
/* The peer that shares the newest screen, or null; new. */
json_t *room_layout_sharing(const struct mcu_room *r);
/* The seat id for the layout's `speaker` cell, when that of who speaks is `floor`. */
uint32_t room_layout_floor(const struct mcu_room *r, uint32_t floor);

/* room_network.c */
/* To be called often; tells at most what has changed, and figures every two seconds. */
void room_report_network(struct room_peer *p, const struct rtc_peer_stats *stats, int64_t now_us);
const char *room_restart(struct room_peer *p, const json_t *message, json_t *reply);

/* room_images.c: uploaded pictures. The command `image_set`, and the names of those that are there;
 * new. */
const char *room_image_set(struct mcu_room *r, const json_t *message, json_t *reply);
json_t *room_image_list(const struct mcu_room *r);

/* room_commands.c. A handler that returns room_reply_later calls room_reply() when it is done. */
extern const char room_reply_later[];
json_int_t room_command_seq(const json_t *message);
/* Steals reply. A code of NULL: it was done. */
void room_reply(struct mcu_room *r, json_int_t seq, const char *cmd, const char *code,
                json_t *reply);

/* room_snapshot.c: the command `snapshot`; ten times a second: those that have come. */
const char *room_snapshot(struct mcu_room *r, const json_t *message, json_t *reply);
void room_snapshots_housekeep(struct mcu_room *r, int64_t now_us);
/* The same beside a recording, written by its [meta]; false: too many are under way. */
bool room_snapshot_take(struct mcu_room *r, const struct room_recording *beside, const char *file);

/* room_sound.c: what is set about members' sound, put into force. */
const char *room_set_sound(struct room_peer *p, const json_t *patch);
/* Its voice or its ears are new: everything anew. */
void room_apply_sound(struct room_peer *p);
/* With audio.spatial, ten times a second: voices stand where their tiles are. */
void room_place_voices(struct mcu_room *r);

/* room_submix.c: names of submixes to the mixer's buses. */
/* The bus of that name, a free one when it is new; -ENOSPC. Names that nobody uses give way; as
 * sound of `changing` (may be NULL) counts `next`. */
int room_submix_bus(struct mcu_room *r, const char *name, const struct room_peer *changing,
                    const json_t *next);
void room_submix_finish(struct mcu_room *r);

/* room_sounds.c */
const char *room_sound_start(struct mcu_room *r, const json_t *message);
const char *room_sound_stop(struct mcu_room *r, const char *id);
json_t *room_sound_list(const struct mcu_room *r);
/* Plays a built-in sound to everyone, once, unless that very sound is there already. */
void room_sound_play_own(struct mcu_room *r, const char *name, uint32_t volume);
void room_sound_loaded(struct mcu_room *r, const struct room_event *e);
void room_sounds_housekeep(struct mcu_room *r);
void room_sounds_finish(struct mcu_room *r);

/* room_records.c */
/* The command: {id, file, view?, layout?, layout_file?, signs?}. */
const char *room_record_start(struct mcu_room *r, const json_t *message, json_t *reply);
const char *room_record_stop(struct mcu_room *r, const char *id);
const char *room_record_pause(struct mcu_room *r, const char *id, bool is_paused);
json_t *room_describe_recordings(const struct mcu_room *r);
struct room_recording *room_find_recording(struct mcu_room *r, const char *id);
/* Nothing of it is written any more: its place is free, and the event is told; steals fields. */
void room_recording_over(struct mcu_room *r, struct room_recording *one, json_t *fields);

/* room_parts.c: the files of recordings. */
/* Ten times a second: splits, disks that fail, and are there again. */
void room_parts_housekeep(struct mcu_room *r, int64_t now_us);
/* Tells of a part that has begun since. */
void room_parts_notice(struct mcu_room *r, struct room_recording *one);
/* The file that is written now, or was last. */
void room_parts_file(const struct room_recording *one, char *out, size_t size);
/* One is whole, or as whole as it will be. */
void room_part_ended(struct mcu_room *r, const char *id, uint32_t part,
                     const struct rec_result *result);
/* [{part, file, started_at}]; new. */
json_t *room_describe_parts(const struct room_recording *one);

/* room_stills.c: pictures beside recordings, at an interval; ten times a second. */
void room_stills_housekeep(struct mcu_room *r, int64_t now_us);

/* room_marks.c: who speaks, noted beside recordings. */
/* A file of a recording has begun at start_us: notes are made of it until room_marks_end(), or until
 * the next one begins. */
void room_marks_begin(struct mcu_room *r, struct room_recording *one, const char *file,
                      int64_t start_us);
void room_marks_end(struct room_recording *one);
void room_marks_speaks(struct room_peer *p, bool speaks, int64_t now_us);
/* To be called often: who has the floor now. */
void room_marks_floor(struct mcu_room *r, int64_t now_us);

/* room_signs.c: what is taken of which view is another. */
void room_signs_show(struct mcu_room *r);

/* room_live.c. The commands: {id, url, view?, layout?, layout_file?, signs?} and {id}. */
const char *room_live_start(struct mcu_room *r, const json_t *message, json_t *reply);
const char *room_live_stop(struct mcu_room *r, const json_t *message, json_t *reply);
json_t *room_describe_pushes(struct mcu_room *r);
/* An event of a media thread. */
void room_push_changed(struct mcu_room *r, const char *id);
/* Ten times a second: tells of figures. */
void room_pushes_housekeep(struct mcu_room *r, int64_t now_us);
size_t room_push_count(const struct mcu_room *r); /* those that are ending included */
/* All of them are to end; they do within a second. */
void room_pushes_stop(struct mcu_room *r);
/* Waits for their threads. */
void room_pushes_finish(struct mcu_room *r);

/* room_tracks.c: each one's sound beside recordings. Begin is for each file of a recording. */
void room_tracks_begin(struct mcu_room *r, struct room_recording *one, const char *file,
                       int64_t start_us);
void room_tracks_end(struct mcu_room *r, struct room_recording *one, int64_t end_us);
void room_tracks_pause(struct mcu_room *r, struct room_recording *one, bool is_paused,
                       int64_t at_us);
void room_tracks_add(struct room_peer *p);
void room_tracks_remove(struct room_peer *p);
/* [net] */
void room_tracks_push(struct room_peer *p, const struct rtc_audio *audio);

/* room_report.c: events that go to the front by time. */
/* Figures, with those of peers from number `from` on, ROOM_SLICE at most. */
json_t *room_stats(struct mcu_room *r, size_t from);
/* Its counters stay in the totals. */
void room_count_gone(struct mcu_room *r, const struct room_peer *p);
void room_report(struct mcu_room *r, int64_t now_us);
const char *room_state_name(enum rtc_state state);

/* Sends {"event": name, ...fields}; steals fields. */
void room_send_event(struct mcu_room *r, const char *name, json_t *fields);

#endif
