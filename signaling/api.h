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

#endif
