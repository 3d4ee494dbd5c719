/* mcu/room_views.h - a room's pictures, and who watches which.
 *
 *     view     a canvas with a layout: "main", what hosts add by name, "layout:NAME" for those who
 *              asked for one, "own:PEER" for somebody alone, "record:ID" for a recording
 *     stream   one encoding of a view at a codec and a tier; there while somebody watches it
 *     watch    what one peer watches: a view, and the stream that its network carries
 *
 * Views that were asked for by watching end some seconds after the last watcher. A peer that moves
 * from one stream to another holds both until the new one has begun.
 *
 * All of it is [ctl], but what says otherwise. Included by mcu/room_internal.h only. */
#ifndef MCU_ROOM_VIEWS_H
#define MCU_ROOM_VIEWS_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "compositor/comp.h"
#include "mcu/ladder.h"
#include "mcu/overload.h"
#include "mcu/uplink.h"
#include "transport/rtc.h"

struct mcu_config;
struct mcu_room;
struct room_peer;

enum {
    ROOM_CODECS = 3,      /* that pictures are sent in: H264, VP8, VP9 */
    ROOM_VIEW_NAME = 340, /* "own:" and a peer's id */
    ROOM_LAYOUT_NAME = 65,
    ROOM_HELD_MAX = 4,
};

enum room_view_kind {
    ROOM_VIEW_MAIN,
    ROOM_VIEW_NAMED,  /* by hosts; ends when they say so */
    ROOM_VIEW_LAYOUT, /* of everybody, in another layout */
    ROOM_VIEW_OWN,    /* of one watcher */
    ROOM_VIEW_RECORD, /* "record:ID": main without signs, for that recording */
};

struct room_stream {
    struct room_stream *next;
    struct room_view *view;
    enum mcu_codec codec;
    enum mcu_tier tier;
    bool is_fast;     /* made under overload */
    bool is_screen;   /* tuned for text */
    bool is_recorded; /* the studio's own, which recordings take */
    uint32_t users;
    struct rtc_feed *feed;
    struct comp_stream *stream; /* NULL: is_recorded */
};

struct room_view {
    struct room_view *next;
    struct mcu_room *room;
    enum room_view_kind kind;
    char name[ROOM_VIEW_NAME];
    char layout_name[ROOM_LAYOUT_NAME]; /* "": it follows the room's */
    struct layout *layout;              /* its own; NULL: the room's */
    uint32_t width, height, fps, bitrate_bps;
    struct comp_view *view;
    struct mcu_ladder ladders[ROOM_CODECS];
    struct room_stream *streams;
    uint32_t watchers;
    uint32_t recordings; /* that hold it */
    int64_t unused_us; /* nobody watches it since; 0: somebody does */
    uint32_t tiles_serial;
    int64_t tiles_told_us;
};

/* Of a peer. */
struct room_watch {
    struct room_view *view; /* NULL: it watches nothing */
    enum mcu_codec codec;
    enum mcu_tier ceiling;
    struct mcu_chooser chooser;
    struct mcu_choice choice;
    struct room_stream *wanted;              /* it is tuned to this; NULL: to nothing */
    struct room_stream *held[ROOM_HELD_MAX]; /* one of them may still play */
    uint32_t held_count;
    int64_t tuned_us; /* when wanted was */
    bool is_audio_low;
    int64_t retry_us; /* no new stream before */

    /* [net] writes, [ctl] reads */
    atomic_uint_fast64_t estimate_bps;
    atomic_bool is_probing;
    atomic_uint_fast64_t need_bps; /* of what is sent; [ctl] writes */
    atomic_bool has_posted_estimate;
    atomic_bool has_posted_key;
};

/* Of a room. */
struct room_views {
    struct room_view *first; /* main */
    struct rtc_feed *recorded_feed;
    struct comp_tile *tiles; /* to read into */
    struct mcu_overload overload;
    int64_t next_overload_us;
    int64_t next_uplink_us;
    uint64_t overload_downs;
};

/* --- room_views.c ----------------------------------------------------------------------------- */

/* After the studio is there. Returns 0 or a negative errno. */
int room_views_open(struct mcu_room *r);
/* After the peers are gone and before the studio is. */
void room_views_finish(struct mcu_room *r);

/* The room's layout is another: views that follow it do so on return. */
void room_views_follow(struct mcu_room *r);

uint32_t room_views_count(const struct mcu_room *r);
struct room_view *room_view_find(const struct mcu_room *r, const char *name);

/* The view of that layout, or one for `p` alone (layout NULL: the room's), made when there is none.
 * Returns a code, or NULL and *out. */
const char *room_view_for(struct room_peer *p, bool is_own, const char *layout, const json_t *file,
                          bool is_without_self, struct room_view **out);

void room_view_enter(struct room_view *v);
void room_view_leave(struct room_view *v);

/* What a recording takes: the view of that name (not somebody's own), the one of that layout, or one
 * of its own that is like main and has no signs. It is held until room_view_drop(). Return a code,
 * or NULL and *out. */
const char *room_view_hold(struct mcu_room *r, const char *name, struct room_view **out);
const char *room_view_hold_layout(struct mcu_room *r, const char *layout, const json_t *file,
                                  struct room_view **out);
const char *room_view_hold_unsigned(struct mcu_room *r, const char *id, struct room_view **out);
void room_view_drop(struct room_view *v);

/* The commands. */
const char *room_view_add(struct mcu_room *r, const json_t *message, json_t *reply);
const char *room_view_set(struct mcu_room *r, const json_t *message, json_t *reply);
const char *room_view_remove(struct mcu_room *r, const json_t *message, json_t *reply);
/* `layout_file`: the file of that name is another, for every view that has it. */
const char *room_view_reload(struct mcu_room *r, const json_t *message, json_t *reply);
json_t *room_view_list(const struct mcu_room *r);

/* Who listens is another: where tiles are is told anew. */
void room_views_tell_again(struct mcu_room *r);

/* Ten times a second: tells of tiles that moved, ends what nobody watches. */
void room_views_housekeep(struct mcu_room *r, int64_t now_us);

/* --- room_streams.c --------------------------------------------------------------------------- */

/* The ladder for that codec; NULL: pictures are not sent in it. */
const struct mcu_ladder *room_view_ladder(const struct room_view *v, enum mcu_codec codec);
void room_view_make_ladders(struct room_view *v);

/* The stream as it has to be now (recorded, under overload), made when there is none; one more
 * user. NULL: it cannot be made. */
struct room_stream *room_stream_get(struct room_view *v, enum mcu_codec codec, enum mcu_tier tier);
/* One user less; the last ends it. NULL is fine. */
void room_stream_put(struct room_stream *s);
/* Whether room_stream_get() would return this one. */
bool room_stream_is_right(const struct room_stream *s);
void room_stream_request_key(struct room_stream *s);

/* How recordings take the room's picture. */
void room_recorded_conf(const struct mcu_config *c, struct comp_stream_conf *conf);
/* The same of another view. */
void room_view_recorded_conf(const struct room_view *v, struct comp_stream_conf *conf);

/* The codec that browsers are asked to take first: H264, unless the whole canvas is too much for
 * the level that they offer. */
enum mcu_codec room_best_codec(const struct mcu_room *r);

/* Frames a second as overload has it, for all. */
void room_streams_set_rates(struct mcu_room *r);

/* {"720p": n, ...} of encoders that run. */
json_t *room_streams_count(const struct mcu_room *r);

/* [enc] A packet of the stream with this stream_ctx; NULL: of the recorded one. */
void room_stream_packet(struct mcu_room *r, void *stream_ctx, struct mcu_packet *packet);

/* --- room_watch.c ----------------------------------------------------------------------------- */

/* What it is sent was negotiated. Returns 0 or a negative errno. */
int room_watch_wire(struct room_peer *p);
/* It watches nothing any more. */
void room_watch_stop(struct room_peer *p);
/* The command `peer_watch`. */
const char *room_watch_set(struct room_peer *p, const json_t *message);
/* Its network, what it may be sent, or the streams are others: chooses anew. */
void room_watch_update(struct room_peer *p, int64_t now_us);
void room_watch_update_all(struct mcu_room *r, int64_t now_us);
/* Everybody who watches the view goes to main. */
void room_watch_leave_view(struct room_view *v);
/* Events of media threads. */
void room_watch_tuned(struct room_peer *p, const struct rtc_feed *feed);
void room_watch_need_key(struct room_peer *p);
json_t *room_watch_json(const struct room_peer *p);

/* --- room_load.c ------------------------------------------------------------------------------ */

/* Ten times a second: overload, and what publishers are told to send. */
void room_load_housekeep(struct mcu_room *r, int64_t now_us);

#endif
