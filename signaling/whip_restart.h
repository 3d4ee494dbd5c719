/* signaling/whip_restart.h - ICE restarts of WHIP and WHEP sessions by PATCH (RFC 9725, section 4.3.2).
 *
 * Front thread. */
#ifndef SIGNALING_WHIP_RESTART_H
#define SIGNALING_WHIP_RESTART_H

#include "signaling/http.h"
#include "signaling/rooms.h"
#include "signaling/sdp.h"

/* Answers the request, now or when the room has answered: 200 with our new credentials and candidates
 * and a new ETag, or an error. f is read before it returns. */
void whip_restart(struct sig_http *req, struct sig_member *m, const struct sig_sdp_fragment *f);

#endif
