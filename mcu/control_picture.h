/* mcu/control_picture.h - what hosts choose about a room's picture, as JSON: the same object
 * crosses WebSocket, REST, the control socket and a restart of either side, and is checked at each.
 *
 *   {layout: NAME, order: [user], spotlight: user, hideWithoutVideo}
 *
 * A patch has any of these, and what it does not name stays; null takes a choice back. `order` is
 * said whole. A state is all patches so far, without what is as it would be anyway.
 *
 * Threads: pure, [any]. */
#ifndef MCU_CONTROL_PICTURE_H
#define MCU_CONTROL_PICTURE_H

#include <jansson.h>
#include <stdbool.h>

#include "mcu/control_patch.h"

enum {
    MCU_ORDER_MAX = 200, /* as many as a layout may place */
    MCU_PIN_MAX = 100,   /* seats that a layout may name: "pin:1" to "pin:100" */
    MCU_LAYOUT_NAME_MAX = 64,
};

/* 1 to MCU_LAYOUT_NAME_MAX of a-z 0-9 -, as in layout files. */
bool mcu_layout_name_is_valid(const char *name);

/* Whether patch is one: nothing unknown in it, all within bounds. Returns 0, or -EINVAL with what
 * is wrong in why (MCU_WHY_MAX bytes). */
int mcu_picture_check(const json_t *patch, char *why);

/* Puts a checked patch into state (an object). Returns 0 or -ENOMEM: then state is as it was. */
int mcu_picture_merge(json_t *state, const json_t *patch);

/* What is in force of a state: NULL where nothing was chosen. Borrowed. */
const char *mcu_picture_layout(const json_t *state);
const char *mcu_picture_spotlight(const json_t *state);
bool mcu_picture_hides(const json_t *state);

/* The place of a user in `order`, from 0; -1: he is not named. */
int mcu_picture_place(const json_t *state, const char *user);

#endif
