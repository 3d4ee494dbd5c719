/* signaling/room_images.h - which uploaded pictures a room's process has been given: those that the
 * layouts name with which it works. Front thread. */
#ifndef SIGNALING_ROOM_IMAGES_H
#define SIGNALING_ROOM_IMAGES_H

#include "signaling/rooms.h"

enum { SIG_ROOM_IMAGES_MAX = 16 }; /* as many as a room takes */

/* A layout's file is about to be sent to the room: the pictures that it names go before it. When
 * the room has as many as it takes, those go that no layout in use names. file may be NULL. */
void sig_room_give_images(struct sig_room *room, const json_t *file);

/* A picture came, is another, or went: rooms whose layouts name it are told. ctx: a struct
 * sig_rooms. */
void sig_rooms_image_changed(void *ctx, const char *name);

/* The room's process is new and has none. */
void sig_room_forget_images(struct sig_room *room);

/* An earlier front gave it some, which may be others by now. */
void sig_room_adopt_images(struct sig_room *room, const json_t *answer);

#endif
