/* mcu/room_link.h - a room's end of the control socket: accept, lines in, lines out.
 *
 * One connection at a time; a newer one replaces it (a new front has started). What is sent while
 * nobody is connected is dropped: `adopt` tells a new front everything. [ctl] only. */
#ifndef MCU_ROOM_LINK_H
#define MCU_ROOM_LINK_H

#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

struct mcu_room_link;

enum { MCU_ROOM_LINK_FDS = 2 };

/* listen_fd is a listening UNIX stream socket and becomes the link's. on_message is called from
 * mcu_room_link_serve() with a borrowed message. Returns 0, -EINVAL or -ENOMEM. */
int mcu_room_link_create(struct mcu_room_link **out, int listen_fd,
                         void (*on_message)(void *ctx, const json_t *message), void *ctx);
void mcu_room_link_destroy(struct mcu_room_link *l);

/* Fills what to poll for (MCU_ROOM_LINK_FDS entries). */
void mcu_room_link_poll(const struct mcu_room_link *l, struct pollfd *fds);

/* Does what poll(2) said can be done. */
void mcu_room_link_serve(struct mcu_room_link *l, const struct pollfd *fds);

/* Queues a message; a front that leaves more than 8 MiB unread is disconnected. */
void mcu_room_link_send(struct mcu_room_link *l, const json_t *message);

bool mcu_room_link_is_connected(const struct mcu_room_link *l);

/* Blocks until what is queued is written, at most timeout_ms. */
void mcu_room_link_flush(struct mcu_room_link *l, int timeout_ms);

#endif
