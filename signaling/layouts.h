/* signaling/layouts.h - which layouts there are. Front thread.
 *
 * The front knows layouts by name, title and text only; geometry is the room's. */
#ifndef SIGNALING_LAYOUTS_H
#define SIGNALING_LAYOUTS_H

#include <jansson.h>
#include <stdbool.h>

/* [{name, title: {en, zh}, picture}], by name; new. picture is a path on this server. */
json_t *sig_layouts_json(void);

/* One file as it is, new; NULL: there is none of that name. */
json_t *sig_layout_file(const char *name);

bool sig_layout_exists(const char *name);

#endif
