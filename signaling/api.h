/* signaling/api.h - what the REST handlers (api_*.c) share. Front thread. */
#ifndef SIGNALING_API_H
#define SIGNALING_API_H

#include "signaling/http.h"

/* The room of the path, once the token is checked; replies itself when there is none. */
struct sig_room *sig_api_room(struct sig_http *req, struct sig_token *token);

/* The same for hosts of the room and admins only. */
struct sig_room *sig_api_room_of_host(struct sig_http *req, struct sig_token *token);

bool sig_api_is_host(const struct sig_token *token);

/* The body, which has to be one JSON object (caller owns); replies itself when it is none. */
json_t *sig_api_body(struct sig_http *req);

#endif
