/* WebSocket requests about the picture: the layout of the room, who is pinned and who raises a
 * hand. Front thread. docs/protocol.md says who may what. */
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/control_picture.h"
#include "signaling/room_picture.h"
#include "signaling/ws_internal.h"

static void on_picture(void *arg, const struct sig_error *error)
{
    ws_finish(arg, NULL, error, NULL);
}

const struct sig_error *ws_on_layout(const struct ws_request *q)
{
    struct sig_member *me = q->client->member;
    char why[MCU_WHY_MAX];
    if (!me)
        return sig_error("not_joined");
    if (sig_may(me, SIG_MAY_LAYOUT))
        return sig_error("forbidden");
    if (json_object_size(q->data) == 0)
        return sig_error("bad_request");
    if (mcu_picture_check(q->data, why) != 0) {
        ws_refuse(q->client, q->action, q->id, sig_error("bad_request"), why);
        return NULL;
    }
    struct ws_pending *p = ws_pending_create(q, me);
    if (!p)
        return sig_error("too_busy");
    const struct sig_error *error =
        sig_room_change_picture(me->room, (json_t *)q->data, me->user, on_picture, p);
    if (error)
        ws_pending_free(p);
    return error;
}

static void on_member(void *arg, struct sig_member *m, const struct sig_error *error)
{
    (void)m;
    ws_finish(arg, NULL, error, NULL);
}

static const struct sig_error *change(const struct ws_request *q, struct sig_member *target,
                                      const uint32_t *pin, const bool *hand)
{
    struct ws_pending *p = ws_pending_create(q, q->client->member);
    if (!p)
        return sig_error("too_busy");
    const struct sig_change c = {
        .pin = pin, .hand = hand, .by = q->client->member->user, .done = on_member, .arg = p};
    const struct sig_error *error = sig_member_change(target, &c);
    if (error)
        ws_pending_free(p);
    return error;
}

/* {userId, seat: 1..100 or null} */
const struct sig_error *ws_on_pin(const struct ws_request *q)
{
    struct sig_member *me = q->client->member;
    char user[129];
    int64_t seat = 0;
    if (!me)
        return sig_error("not_joined");
    if (sig_may(me, SIG_MAY_LAYOUT))
        return sig_error("forbidden");
    if (mcu_json_string(q->data, "userId", MCU_JSON_REQUIRED, 1, user, sizeof(user)) ||
        !json_object_get(q->data, "seat") ||
        mcu_json_int(q->data, "seat", MCU_JSON_OPTIONAL, 1, MCU_PIN_MAX, &seat))
        return sig_error("bad_request");
    struct sig_member *target = sig_room_find_user(me->room, user);
    if (!target)
        return sig_error("no_such_member");
    const uint32_t pin = (uint32_t)seat;
    return change(q, target, &pin, NULL);
}

/* {raised}; hosts lower others' hands with {userId, raised: false}. */
const struct sig_error *ws_on_hand(const struct ws_request *q)
{
    struct sig_member *me = q->client->member;
    char user[129] = "";
    bool is_raised = false;
    if (!me)
        return sig_error("not_joined");
    if (mcu_json_bool(q->data, "raised", MCU_JSON_REQUIRED, &is_raised) ||
        mcu_json_string(q->data, "userId", MCU_JSON_OPTIONAL, 1, user, sizeof(user)))
        return sig_error("bad_request");
    if (!user[0] || strcmp(user, me->user) == 0)
        return change(q, me, NULL, &is_raised);
    if (sig_may(me, SIG_MAY_MODERATE) || is_raised)
        return sig_error("forbidden");
    struct sig_member *target = sig_room_find_user(me->room, user);
    return target ? change(q, target, NULL, &is_raised) : sig_error("no_such_member");
}
