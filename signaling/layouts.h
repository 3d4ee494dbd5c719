/* signaling/layouts.h - which layouts there are, and which one a room has. Front thread.
 *
 * The front knows layouts by name and title only; geometry is the room's. */
#ifndef SIGNALING_LAYOUTS_H
#define SIGNALING_LAYOUTS_H

#include <jansson.h>
#include <stdbool.h>

#include "signaling/rooms.h"

/* [{name, title: {en, zh}, picture}], by name; new. picture is a path on this server. */
json_t *sig_layouts_json(void);

/* One file as it is, new; NULL: there is none of that name. */
json_t *sig_layout_file(const char *name);

typedef void sig_layout_fn(void *arg, const struct sig_error *error);

/* Asks the room for it, keeps it and tells everybody (event `layout`). `by` is the user who asks, ""
 * for one without a name. Returns NULL and done(arg, NULL) or done(arg, error) follows; or an error at
 * once (no_such_layout, room_restarted, too_busy) and done is not called. */
const struct sig_error *sig_room_set_layout(struct sig_room *room, const char *name, const char *by,
                                            sig_layout_fn *done, void *arg);

/* The room's process is new: tells it the layout that was chosen, if one was. */
void sig_room_restore_layout(struct sig_room *room);

/* The name of the layout in force. */
const char *sig_room_layout(const struct sig_room *room);

#endif
