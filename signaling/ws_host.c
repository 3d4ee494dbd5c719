/* WebSocket requests of hosts: roles, sending away, the room's rules, the lobby, its end. Front
 * thread. docs/protocol.md says who may what. */
#include <stdio.h>
#include <string.h>

#include "mcu/base/json.h"
#include "signaling/lobby.h"
#include "signaling/ws_internal.h"

enum { USER_SIZE = 129 };

/* The caller's seat, if it has that right. */
static const struct sig_error *find_caller(const struct ws_request *q, enum sig_right right,
                                           struct sig_member **out)
{
    *out = q->client->member;
    return *out ? sig_may(*out, right) : sig_error("not_joined");
}

/* And whom data's userId names. */
static const struct sig_error *find_other(const struct ws_request *q, const struct sig_member *me,
                                          struct sig_member **out)
{
    char user[USER_SIZE];
    if (mcu_json_string(q->data, "userId", MCU_JSON_REQUIRED, 1, user, sizeof(user)))
        return sig_error("bad_request");
    *out = sig_room_find_user(me->room, user);
    return *out ? NULL : sig_error("no_such_member");
}

/* --- roles and sending away ------------------------------------------------------------------- */

static void on_changed(void *arg, struct sig_member *m, const struct sig_error *error)
{
    (void)m;
    ws_finish(arg, NULL, error, NULL);
}

const struct sig_error *ws_on_role(const struct ws_request *q)
{
    struct sig_member *me = NULL;
    struct sig_member *other = NULL;
    char role[16];
    const struct sig_error *error = find_caller(q, SIG_MAY_MANAGE, &me);
    if (!error && (mcu_json_string(q->data, "role", MCU_JSON_REQUIRED, 1, role, sizeof(role)) ||
                   !sig_role_is_valid(role)))
        error = sig_error("bad_request");
    if (!error)
        error = find_other(q, me, &other);
    if (!error)
        error = sig_member_may_become(other, role);
    if (error)
        return error;
    struct ws_pending *p = ws_pending_create(q, me);
    if (!p)
        return sig_error("too_busy");
    const struct sig_change c = {.role = role, .by = me->user, .done = on_changed, .arg = p};
    error = sig_member_change(other, &c);
    if (error)
        ws_pending_free(p);
    return error;
}

/* {userId, keepOut: true} */
const struct sig_error *ws_on_kick(const struct ws_request *q)
{
    struct sig_member *me = NULL;
    struct sig_member *other = NULL;
    bool keeps_out = true;
    const struct sig_error *error = find_caller(q, SIG_MAY_MODERATE, &me);
    if (!error && mcu_json_bool(q->data, "keepOut", MCU_JSON_OPTIONAL, &keeps_out))
        error = sig_error("bad_request");
    if (!error)
        error = find_other(q, me, &other);
    if (!error && other == me) /* who wants to go leaves */
        error = sig_error("bad_request");
    if (error)
        return error;
    sig_member_kick(other, me->user, keeps_out);
    ws_answer(q->client, q->action, q->id, NULL, NULL, NULL);
    return NULL;
}

/* --- the room --------------------------------------------------------------------------------- */

static const struct sig_error *change_rules(const struct ws_request *q, struct sig_member *me,
                                            json_t *patch)
{
    char why[MCU_WHY_MAX];
    if (sig_rules_check(patch, why) != 0) {
        ws_refuse(q->client, q->action, q->id, sig_error("bad_request"), why);
        return NULL;
    }
    sig_member_ref(me); /* a ban may be of oneself */
    if (json_object_size(patch))
        sig_rules_apply(me->room, patch, me->user);
    ws_answer(q->client, q->action, q->id, me->room ? sig_rules_whole_json(me->room) : NULL, NULL,
              NULL);
    sig_member_unref(me);
    return NULL;
}

/* What PATCH of a room takes, without the picture; nothing: only answers what is so. */
const struct sig_error *ws_on_room(const struct ws_request *q)
{
    struct sig_member *me = NULL;
    const struct sig_error *error = find_caller(q, SIG_MAY_MANAGE, &me);
    return error ? error : change_rules(q, me, (json_t *)q->data);
}

/* {locked} */
const struct sig_error *ws_on_lock(const struct ws_request *q)
{
    struct sig_member *me = NULL;
    bool is_locked = false;
    const struct sig_error *error = find_caller(q, SIG_MAY_MODERATE, &me);
    if (!error && mcu_json_bool(q->data, "locked", MCU_JSON_REQUIRED, &is_locked))
        error = sig_error("bad_request");
    if (error)
        return error;
    json_t *patch = json_pack("{s:b}", "locked", is_locked);
    sig_rules_apply(me->room, patch, me->user);
    json_decref(patch);
    ws_answer(q->client, q->action, q->id, NULL, NULL, NULL);
    return NULL;
}

const struct sig_error *ws_on_end(const struct ws_request *q)
{
    struct sig_member *me = NULL;
    const struct sig_error *error = find_caller(q, SIG_MAY_MANAGE, &me);
    if (error)
        return error;
    ws_answer(q->client, q->action, q->id, NULL, NULL, NULL); /* before it hears `ended` */
    sig_room_close(me->room, "ended");
    return NULL;
}

/* --- the lobby -------------------------------------------------------------------------------- */

const struct sig_error *ws_on_waiting(const struct ws_request *q)
{
    struct sig_member *me = NULL;
    const struct sig_error *error = find_caller(q, SIG_MAY_MODERATE, &me);
    if (!error)
        ws_answer(q->client, q->action, q->id,
                  json_pack("{s:o}", "waiting", sig_lobby_json(me->room)), NULL, NULL);
    return error;
}

/* {userId} or {all: true} */
static const struct sig_error *decide(const struct ws_request *q, bool is_admitted)
{
    struct sig_member *me = NULL;
    char user[USER_SIZE] = "";
    bool is_all = false;
    const struct sig_error *error = find_caller(q, SIG_MAY_MODERATE, &me);
    if (error)
        return error;
    if (mcu_json_string(q->data, "userId", MCU_JSON_OPTIONAL, 1, user, sizeof(user)) ||
        mcu_json_bool(q->data, "all", MCU_JSON_OPTIONAL, &is_all) || is_all == (user[0] != '\0'))
        return sig_error("bad_request");
    const uint32_t count = sig_lobby_decide(me->room, is_all ? NULL : user, is_admitted);
    if (!count && !is_all)
        return sig_error("no_such_member");
    ws_answer(q->client, q->action, q->id, json_pack("{s:i}", "count", (int)count), NULL, NULL);
    return NULL;
}

const struct sig_error *ws_on_admit(const struct ws_request *q)
{
    return decide(q, true);
}

const struct sig_error *ws_on_refuse(const struct ws_request *q)
{
    return decide(q, false);
}
