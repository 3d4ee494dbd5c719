/* signaling/api.h - what the REST handlers (api_*.c) share. Front thread. */
#ifndef SIGNALING_API_H
#define SIGNALING_API_H

#include "signaling/http.h"

/* The room of the path, once the token is checked; replies itself when there is none. */
struct sig_room *sig_api_room(struct sig_http *req, struct sig_token *token);

/* The same for those who may. */
struct sig_room *sig_api_room_if(struct sig_http *req, struct sig_token *token,
                                 enum sig_right right);

/* Replies `forbidden` to who may not; room NULL: one that is not open. */
bool sig_api_may(struct sig_http *req, const struct sig_token *token, const struct sig_room *room,
                 enum sig_right right);

/* Replies with the room and its ETag; whole: for who may moderate, `banned` too. */
void sig_api_reply_room(struct sig_http *req, int status, const struct sig_room *room,
                        bool is_whole);

/* Whether If-Match, if there is one, is the room's ETag; replies `etag_mismatch` itself. */
bool sig_api_matches(struct sig_http *req, const struct sig_room *room);

/* The body, which has to be one JSON object (caller owns); replies itself when it is none. */
json_t *sig_api_body(struct sig_http *req);

/* The same for a seat that a host gives to what has no client, which may have keys in it: what came is
 * wiped. Of a room that may be opened by it. The caller owns it; NULL: answered already. */
json_t *sig_api_seat_body(struct sig_http *req);

/* The seat of that kind that the path names; NULL: answered already, `missing` where there is none. */
struct sig_member *sig_api_seat(struct sig_http *req, enum sig_kind kind, const char *missing);

/* Joins the path's room by a host's word; seat has all but room_id, is_by_host and arg (the request).
 * Returns the error, or NULL: seat->joined answers. */
const struct sig_error *sig_api_take_seat(struct sig_http *req, struct sig_join *seat);

#endif
