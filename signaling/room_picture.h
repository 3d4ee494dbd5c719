/* signaling/room_picture.h - what a room's hosts have chosen about its picture
 * (mcu/control_picture.h), and what is in force. Front thread. */
#ifndef SIGNALING_ROOM_PICTURE_H
#define SIGNALING_ROOM_PICTURE_H

#include "signaling/rooms.h"

typedef void sig_picture_fn(void *arg, const struct sig_error *error);

/* Asks the room for a checked patch, keeps it and tells everybody (event `layout`). `by` is the
 * user who asks, "" for one without a name. Returns NULL and done(arg, NULL) or done(arg, error)
 * follows; or an error at once (no_such_layout, room_restarted, too_busy) and done is not called.
 */
const struct sig_error *sig_room_change_picture(struct sig_room *room, json_t *patch,
                                                const char *by, sig_picture_fn *done, void *arg);

/* The room's process is new: tells it what was chosen, and layouts that it cannot know. */
void sig_room_restore_picture(struct sig_room *room);

/* What an earlier front chose, as the room answers to `adopt`. */
void sig_room_adopt_picture(struct sig_room *room, const json_t *answer);

/* The room's event `layout`. */
void sig_room_picture_event(struct sig_room *room, const json_t *event);

/* A layout of the folder is another: rooms that use it are given it anew. ctx: a struct sig_rooms.
 */
void sig_rooms_layout_changed(void *ctx, const char *name);
bool sig_room_uses_layout(const struct sig_room *room, const char *name); /* beside its views */
bool sig_rooms_use_layout(const struct sig_rooms *r, const char *name);

/* The name of the layout in force. */
const char *sig_room_layout(const struct sig_room *room);

/* {layout, order, spotlight, hideWithoutVideo, sharing}; new. */
json_t *sig_room_picture_json(const struct sig_room *room);

#endif
