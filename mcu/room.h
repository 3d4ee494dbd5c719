/* mcu/room.h - one room: participants over WebRTC, one studio, recordings, told what to do by
 * control messages.
 *
 * Threads: everything here is [ctl], the room process's main thread, save where media threads
 * call back (room_media.c). Media threads never touch the room's lists: they push into a seat or a
 * feed, or post an event that [ctl] takes from the queue (mcu_room_events_fd()). */
#ifndef MCU_ROOM_H
#define MCU_ROOM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct mcu_room;

/* A room process before `open`. send(ctx, message) hands a message to the front; borrowed. Returns 0
 * or -ENOMEM. */
int mcu_room_create(struct mcu_room **out, void (*send)(void *ctx, const json_t *message), void *ctx);

/* Ends all media and recordings (their files are finished) and frees. NULL is fine. */
void mcu_room_destroy(struct mcu_room *r);

/* Carries out one command and sends its reply; events may come before it. docs/control.md. */
void mcu_room_command(struct mcu_room *r, const json_t *message);

/* Readable when media threads have posted events; then call mcu_room_take_events(). */
int mcu_room_events_fd(const struct mcu_room *r);
void mcu_room_take_events(struct mcu_room *r);

/* Call every 100 ms: speakers, lips, media flags, and every 2 s stats. */
void mcu_room_housekeep(struct mcu_room *r, int64_t now_us);

/* Begins to close: recordings are stopped and finished. True once it is over. */
void mcu_room_close(struct mcu_room *r);
bool mcu_room_is_closed(const struct mcu_room *r);

bool mcu_room_is_open(const struct mcu_room *r);

/* Nobody is in it and nothing is recorded. */
bool mcu_room_is_idle(const struct mcu_room *r);

#endif
