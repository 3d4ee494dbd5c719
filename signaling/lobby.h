/* signaling/lobby.h - who waits until a host lets him in: a list beside the room's seats.
 *
 * Only WebSocket clients wait; others are refused (`lobby`). The room stays open while somebody
 * waits, so that people may come before the host does. Front thread. */
#ifndef SIGNALING_LOBBY_H
#define SIGNALING_LOBBY_H

#include "signaling/rooms.h"

enum { SIG_LOBBY_MAX = 200 }; /* of one room */

/* One who waits. */
struct sig_waiting {
    struct sig_waiting *next;
    struct sig_room *room;
    char user[129];
    char name[257];
    int64_t since_ms;
    /* Called once, when it is decided: NULL, come in, or why not: "refused", "kicked", "replaced",
     * or how the room ended. The waiting one is gone after it. Not called after a cancel. */
    void (*decided)(void *arg, const char *reason);
    void *arg;
};

/* Puts one on the list and tells those who decide (event `waiting`). user "": one is made. An older
 * one of the same user gives way. Returns NULL and *out, valid until it is decided or cancelled; or
 * room_full, too_busy. */
const struct sig_error *sig_lobby_wait(struct sig_waiting **out, struct sig_room *room,
                                       const char *user, const char *name,
                                       void (*decided)(void *arg, const char *reason), void *arg);

/* It does not want to wait any more, or cannot. */
void sig_lobby_cancel(struct sig_waiting *w);

/* Lets in or refuses: one user, or with NULL everybody. Returns how many. */
uint32_t sig_lobby_decide(struct sig_room *room, const char *user, bool is_admitted);

/* The room ends: all are told why. */
void sig_lobby_end(struct sig_room *room, const char *reason);

/* [{userId, name, since}], who came first stands first; new. */
json_t *sig_lobby_json(const struct sig_room *room);

#endif
