/* signaling/room_hooks.h - what the application's server is told and asked about rooms and seats.
 *
 * room.started, room.ended, member.joined and member.left are events; on_publish and on_play are
 * asked before a seat is taken; on_stream_not_found says that somebody plays what nobody publishes;
 * on_stream_none_reader, that what is published has had nobody to watch it for
 * hooks.none_reader_s, and its answer {"close": true} ends the room. docs/protocol.md has the
 * fields. Front thread; everything is fine without hooks. */
#ifndef SIGNALING_ROOM_HOOKS_H
#define SIGNALING_ROOM_HOOKS_H

#include "signaling/hooks.h"
#include "signaling/rooms.h"

void room_hook_started(struct sig_room *room, const char *creator);
void room_hook_ended(struct sig_room *room, const char *reason);
void room_hook_joined(struct sig_member *m);
void room_hook_left(struct sig_room *room, const struct sig_member *m, const char *reason);

/* on_publish for who may send, on_play for who only watches. As sig_hooks_ask(). */
int room_hook_ask(struct sig_member *m, sig_hook_fn *done, void *arg);

/* About once a second. */
void room_hook_tick(struct sig_room *room, int64_t now_us);

#endif
