/* signaling/watch.h - who watches which picture of a room, and further pictures ("views") that
 * hosts add. Front thread.
 *
 * A wish is what a client asked for, an object: {view, quality, layout, without_self}, as the
 * command `peer_watch` takes it; it is kept with the seat and given to the room again after every
 * offer, so that it outlives the room's process. Views are kept with the room for the same. */
#ifndef SIGNALING_WATCH_H
#define SIGNALING_WATCH_H

#include "signaling/rooms.h"

enum { SIG_VIEW_NAME_MAX = 64, SIG_VIEWS_MAX = 16 };

/* --- wishes ----------------------------------------------------------------------------------- */

/* Reads {quality, view, layout, withoutSelf}, all optional, over what is wished already (may be
 * NULL). Returns NULL and *wish (caller owns), or bad_request, no_such_layout, no_such_view. */
const struct sig_error *sig_wish_read(json_t **wish, const struct sig_room *room,
                                      const json_t *data, const json_t *before);

/* An object that is a wish, as an earlier front left it; new, or NULL. */
json_t *sig_wish_from_session(const json_t *session);

/* Whether the machine carries the picture that the wish would make; NULL: it does, or there is none
 * to make. Else `overloaded`. */
const struct sig_error *sig_wish_admit(const struct sig_member *m, const json_t *wish);

typedef void sig_watch_fn(void *arg, struct sig_member *m, const struct sig_error *error);

/* Asks the room for it and keeps it, if it is admitted; steals wish. Returns NULL, and done(arg, m, NULL) or done(arg,
 * NULL, error) follows; or an error at once and done is not called. done may be NULL. */
const struct sig_error *sig_member_watch(struct sig_member *m, json_t *wish, sig_watch_fn *done,
                                         void *arg);

/* What it is sent was negotiated anew: the room is told what it wished for. */
void sig_member_watch_again(struct sig_member *m);

/* What an earlier front knew of it; said: of the room's answer to `adopt`. */
void sig_member_adopt_watching(struct sig_member *m, const json_t *said);

/* It was away: events `watching` and `tiles`, as they are now. */
void sig_member_tell_watching(struct sig_member *m);

/* {view, quality, width, height}, or null before there is a picture; new. */
json_t *sig_member_watching_json(const struct sig_member *m);

/* --- views ------------------------------------------------------------------------------------ */

typedef void sig_view_fn(void *arg, const json_t *reply, const struct sig_error *error);

/* Asks the room to add, change or remove the view of that name; what it agreed to is kept and told
 * (event `views`). patch: {layout, width, height, fps}, checked; NULL removes. Returns as
 * sig_member_watch(). */
const struct sig_error *sig_view_add(struct sig_room *room, const char *name, json_t *patch,
                                     sig_view_fn *done, void *arg);
const struct sig_error *sig_view_set(struct sig_room *room, const char *name, json_t *patch,
                                     sig_view_fn *done, void *arg);
const struct sig_error *sig_view_remove(struct sig_room *room, const char *name, sig_view_fn *done,
                                        void *arg);

/* Whether patch is one for sig_view_add(), or only names a layout for sig_view_set(). why: of
 * MCU_WHY_MAX bytes. Returns NULL, bad_request or no_such_layout. */
const struct sig_error *sig_view_check(const struct sig_room *room, const json_t *patch,
                                       bool is_new, char *why);
bool sig_view_name_is_valid(const char *name);

/* [{view, layout, width, height, fps}], those that hosts added; new. */
json_t *sig_views_json(const struct sig_room *room);

/* The room's process is new: its views are added again. */
void sig_room_restore_views(struct sig_room *room);

/* An earlier front may have added some. */
void sig_room_adopt_views(struct sig_room *room);

/* The layout's file is another: views that have it are given it, those included that were made for
 * watchers. */
void sig_room_reload_views(struct sig_room *room, const char *layout);
bool sig_room_views_use(const struct sig_room *room, const char *layout);
bool sig_room_is_wished(const struct sig_room *room, const char *layout); /* by a watcher */

/* --- the room's events ------------------------------------------------------------------------ */

void sig_watching_event(struct sig_room *room, const json_t *event);
void sig_tiles_event(struct sig_room *room, const json_t *event);
void sig_uplink_event(struct sig_room *room, const json_t *event);
void sig_overload_event(struct sig_room *room, const json_t *event);

#endif
