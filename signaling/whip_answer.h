/* signaling/whip_answer.h - the answer to our counter-offer by PATCH (draft-ietf-wish-whep).
 *
 * Front thread. */
#ifndef SIGNALING_WHIP_ANSWER_H
#define SIGNALING_WHIP_ANSWER_H

#include "signaling/http.h"
#include "signaling/rooms.h"

/* Takes the request's body as the answer of a member that is_offered. Answers the request, now or
 * when the room has: 204, or an error, after which another answer may be tried. An If-Match need
 * not be there, but is believed. */
void whip_answer(struct sig_http *req, struct sig_member *m);

#endif
