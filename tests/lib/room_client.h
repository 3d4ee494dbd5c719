/* tests/lib/room_client.h - a front of a few lines: starts a room process and speaks docs/control.md
 * to it. For tests and benches; one thread. */
#ifndef TESTS_LIB_ROOM_CLIENT_H
#define TESTS_LIB_ROOM_CLIENT_H

#include <jansson.h>
#include <sys/types.h>

struct room_client;

/* Starts `program room`, connects and opens a room with the default settings and these changes
 * ({section: {key: value}}, borrowed, may be NULL). Returns 0 or a negative errno. */
int room_client_start(struct room_client **out, const char *program, const json_t *changes);

/* Closes the room and waits for its process (killed after 10 s). NULL is fine. */
void room_client_stop(struct room_client *c);

pid_t room_client_pid(const struct room_client *c);

/* Events go here, from within room_client_call() and room_client_poll(). Borrowed. */
void room_client_on_event(struct room_client *c, void (*on_event)(void *ctx, const json_t *event),
                          void *ctx);

/* Sends a command (steals it) and waits for its reply, 10 s at most. The caller owns the reply; NULL:
 * none came. */
json_t *room_client_call(struct room_client *c, json_t *command);

/* Takes what has come, waits at most timeout_ms for it. -EPIPE when the room is gone. */
int room_client_poll(struct room_client *c, int timeout_ms);

#endif
