/* The WebSocket request `live`: {} lists, {active: true, url, view?, layout?, signs?} starts a
 * push, {active: false, id} ends it. Front thread. */
#include "mcu/base/json.h"
#include "signaling/live.h"
#include "signaling/ws_internal.h"

static void on_started(void *arg, const struct sig_push *p, const struct sig_error *error)
{
    ws_finish(arg, p ? sig_push_json(p) : NULL, error, NULL);
}

static const struct sig_error *start(const struct ws_request *q, struct sig_member *me)
{
    struct sig_live_wish wish;
    const char *why = NULL;
    const struct sig_error *error = sig_live_wish_read(&wish, me->room, q->data, &why);
    if (error) {
        ws_refuse(q->client, q->action, q->id, error, why);
        return NULL;
    }
    struct ws_pending *p = ws_pending_create(q, me);
    if (!p)
        return sig_error("too_busy");
    error = sig_live_start(me->room, me->user, &wish, on_started, p);
    if (error)
        ws_pending_free(p);
    return error;
}

static const struct sig_error *stop(const struct ws_request *q, const struct sig_member *me)
{
    char id[65];
    if (mcu_json_string(q->data, "id", MCU_JSON_REQUIRED, 1, id, sizeof(id)))
        return sig_error("bad_request");
    struct sig_push *p = sig_live_find(me->room, id);
    if (!p)
        return sig_error("no_such_push");
    sig_live_stop(p);
    ws_answer(q->client, q->action, q->id, sig_push_json(p), NULL, NULL);
    return NULL;
}

const struct sig_error *ws_on_live(const struct ws_request *q)
{
    struct sig_member *me = q->client->member;
    bool active = false;
    if (!me)
        return sig_error("not_joined");
    const struct sig_error *refusal = sig_may(me, SIG_MAY_LIVE);
    if (refusal)
        return refusal;
    if (mcu_json_bool(q->data, "active", MCU_JSON_OPTIONAL, &active))
        return sig_error("bad_request");
    if (json_object_get(q->data, "active"))
        return active ? start(q, me) : stop(q, me);
    ws_answer(q->client, q->action, q->id, json_pack("{s:o}", "live", sig_live_list(me->room)),
              NULL, NULL);
    return NULL;
}
