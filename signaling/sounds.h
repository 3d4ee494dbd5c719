/* signaling/sounds.h - sounds played into a room: what REST and the WebSocket ask alike.
 *
 * The room loads and plays them and knows which there are; nothing of it is kept here. A sound is
 *   {name | file, to?: user, loop?, volume?: 0..200, duck?: 0..100, submixes?: [name]}
 * where name is one of the built-in sounds and file a path below audio.sounds_dir. Front thread. */
#ifndef SIGNALING_SOUNDS_H
#define SIGNALING_SOUNDS_H

#include "signaling/rooms.h"

/* id: of the sound, NULL with an error. */
typedef void sig_sound_fn(void *arg, const char *id, const struct sig_error *error);

/* Checks a sound that was asked for, and makes the room's command of it (caller owns *out). Returns
 * NULL, or an error, perhaps with more about it in why (MCU_WHY_MAX bytes; "" else). */
const struct sig_error *sig_sound_read(json_t **out, const struct sig_room *room,
                                       const json_t *asked, char *why);

/* Plays it; steals command. Each returns NULL and done is called later, or an error and it is not.
 */
const struct sig_error *sig_sound_start(struct sig_room *room, json_t *command, sig_sound_fn *done,
                                        void *arg);
const struct sig_error *sig_sound_stop(struct sig_room *room, const char *id, sig_sound_fn *done,
                                       void *arg);

/* A file's name below a folder: no "..", no absolute path, no control characters. Pure. */
bool sig_sound_file_is_valid(const char *file);

#endif
