/* mcu/control_audio.h - what can be set about one member's sound, as JSON: the same object crosses
 * REST, the control socket and a restart of either side, and is checked at each.
 *
 *   {volume: 0..200, deaf, original, levelling, noiseSuppression, pan: -1..1,
 *    volumes: {user: 0..200}, hears: {submix: 0..200}, speaksTo: [submix]}
 *
 * A patch has any of these; null takes a setting back to what the room does without it. Volumes are
 * percent and are added to those there are; hears and speaksTo are said whole. A state is all
 * patches so far, without what is as it would be anyway. Threads: pure, [any]. */
#ifndef MCU_CONTROL_AUDIO_H
#define MCU_CONTROL_AUDIO_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "mcu/control_patch.h"

enum {
    MCU_VOLUME_MAX = 200,
    MCU_VOLUMES_MAX = 64,  /* other users whose volume one member has set for himself */
    MCU_SUBMIXES_MAX = 16, /* of a room, MCU_FLOOR included */
    MCU_SUBMIX_CHARS_MAX = 32,
};

/* The submix that everybody speaks to and hears unless told otherwise. */
#define MCU_FLOOR "floor"

/* 1 to 32 characters that people can read. */
bool mcu_submix_name_is_valid(const char *name);

/* A list of different submix names, {"submixes": [...]} and the like. */
bool mcu_submix_list_is_valid(const json_t *list);

/* Whether patch is one: nothing unknown in it, all within bounds. Returns 0, or -EINVAL with what
 * is wrong in why (MCU_WHY_MAX bytes). */
int mcu_audio_check(const json_t *patch, char *why);

/* Puts a checked patch into state (an object). Returns 0, or -ENOSPC (over MCU_VOLUMES_MAX) or
 * -ENOMEM: then state is as it was. */
int mcu_audio_merge(json_t *state, const json_t *patch);

#endif
