/* WebSocket request `quality`: which picture the client watches, and how good at most. Front
 * thread. */
#include <string.h>

#include "signaling/watch.h"
#include "signaling/ws_internal.h"

static void on_watched(void *arg, struct sig_member *m, const struct sig_error *error)
{
    ws_finish(arg, m ? json_pack("{s:o}", "watching", sig_member_watching_json(m)) : NULL, error,
              NULL);
}

const struct sig_error *ws_on_quality(const struct ws_request *q)
{
    struct sig_member *me = q->client->member;
    json_t *wish = NULL;
    if (!me)
        return sig_error("not_joined");
    const struct sig_error *error = sig_wish_read(&wish, me->room, q->data, me->wish);
    if (error)
        return error;
    struct ws_pending *p = ws_pending_create(q, me);
    if (!p) {
        json_decref(wish);
        return sig_error("too_busy");
    }
    error = sig_member_watch(me, wish, on_watched, p);
    if (error)
        ws_pending_free(p);
    return error;
}
