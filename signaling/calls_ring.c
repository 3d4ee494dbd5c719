/* What users ask of calls: to ring, answer, refuse, call off, hang up, and to pass things on. Front
 * thread.
 *
 *     A: call ---> B: call (all devices)      A calls B and B calls A at once: the second `call`
 *     A: ringing <--- B: ringing              is taken as the answer to the first.
 *     A: accept  <--- B: accept   ---> B's other devices: cancel (answered_elsewhere) */
#include "signaling/calls_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"

/* --- ringing ---------------------------------------------------------------------------------- */

void party_ring(struct party *p, struct sig_device *only)
{
    struct call *call = p->call;
    struct sig_calls *c = call->calls;
    json_t *data = call_json(call, p);
    const int64_t left_us = p->since_us + c->conf.ring_us - c->conf.now_us();
    json_object_set_new(data, "ringMs", json_integer(left_us / MCU_US_PER_MS));
    const uint32_t told =
        only ? sig_device_tell(only, "rtc", "call", data)
             : sig_user_tell(sig_users_find(c->conf.users, p->user), NULL, "rtc", "call", data);
    p->has_rung = p->has_rung || told > 0;
}

void party_hush(const struct party *p, const struct sig_device *but, const char *reason)
{
    sig_user_tell(sig_users_find(p->call->calls->conf.users, p->user), but, "rtc", "cancel",
                  json_pack("{s:s, s:s, s:s}", "callId", p->call->id, "userId", p->call->caller,
                            "reason", reason));
}

static const char *default_role(const struct call *call)
{
    return strcmp(call->type, "broadcast") == 0 ? "subscriber" : "publisher";
}

/* A row for one who is called, whatever comes of it. */
static int64_t store_row(struct call *call, const char *user)
{
    struct sig_calls *c = call->calls;
    const int64_t row = ++c->next_row;
    if (c->conf.store)
        sig_store_call_started(c->conf.store, row, call->room, call->caller, user, call->media,
                               mcu_wall_ms());
    return row;
}

/* Calls one of them. Returns his state: "ringing", "offline" or "busy". */
static const char *ring_one(struct call *call, const char *user, const char *role)
{
    struct sig_calls *c = call->calls;
    const int64_t row = store_row(call, user);
    call_hook(call, "call.started", user, NULL);
    struct party *p = party_of(c, user) ? NULL : party_add(call, user, role);
    if (!p) {
        if (c->conf.store)
            sig_store_call_ended(c->conf.store, row, "busy", mcu_wall_ms(), false);
        c->stats.busy++;
        call_hook(call, "call.ended", user, "busy");
        return "busy";
    }
    p->row = row;
    party_ring(p, NULL);
    if (p->has_rung)
        return "ringing";
    call_hook(call, "call.offline", user, NULL);
    return "offline";
}

static bool is_listed_before(const json_t *users, size_t index)
{
    const char *user = json_string_value(json_array_get(users, index));
    for (size_t i = 0; i < index; i++) {
        if (strcmp(json_string_value(json_array_get(users, i)), user) == 0)
            return true;
    }
    return false;
}

/* [{userId, state}] */
static json_t *ring_all(struct call *call, const struct sig_device *by,
                        const struct sig_call_wish *wish)
{
    json_t *states = json_array();
    for (size_t i = 0; i < json_array_size(wish->users); i++) {
        const char *user = json_string_value(json_array_get(wish->users, i));
        if (is_listed_before(wish->users, i) || strcmp(user, by->user->id) == 0)
            continue;
        const char *state = ring_one(call, user, wish->role[0] ? wish->role : default_role(call));
        json_array_append_new(states, json_pack("{s:s, s:s}", "userId", user, "state", state));
    }
    return states;
}

static json_t *start_answer(const struct call *call, const struct party *me, json_t *states)
{
    json_t *answer = call_json(call, me);
    json_object_set_new(answer, "state", json_string(call_is_over(call) ? "busy" : "calling"));
    json_object_set_new(answer, "users", states);
    return answer;
}

/* --- starting --------------------------------------------------------------------------------- */

/* Both call each other at once: the call that is there, or NULL. */
static struct party *find_glare(const struct sig_calls *c, const struct sig_device *by,
                                const struct sig_call_wish *wish)
{
    struct party *p = party_of(c, by->user->id);
    if (!p || p->is_in || json_array_size(wish->users) != 1)
        return NULL;
    const char *user = json_string_value(json_array_get(wish->users, 0));
    return strcmp(p->call->caller, user) == 0 ? p : NULL;
}

static const struct sig_error *check_wish(const struct sig_calls *c, const struct sig_device *by,
                                          const struct sig_call_wish *wish)
{
    const size_t n = json_array_size(wish->users);
    const bool is_pair = strcmp(wish->type, "p2p") == 0 || strcmp(wish->type, "1v1") == 0;
    if (n == 0 || n > SIG_CALL_TARGETS_MAX || (is_pair && n != 1))
        return sig_error("bad_request");
    if (n == 1 && strcmp(json_string_value(json_array_get(wish->users, 0)), by->user->id) == 0)
        return sig_error("bad_request"); /* oneself */
    if (strcmp(wish->type, "p2p") == 0 && wish->room[0])
        return sig_error("bad_request");
    if (party_of(c, by->user->id))
        return sig_error("in_call");
    return g_hash_table_size(c->by_id) < SIG_CALLS_MAX ? NULL : sig_error("too_busy");
}

static const char *own_role(const struct call *call, const struct sig_call_wish *wish)
{
    return call->has_room ? "host" : wish->own ? wish->own : "publisher";
}

const struct sig_error *sig_call_start(struct sig_calls *c, struct sig_device *by,
                                       const struct sig_call_wish *wish, json_t **answer)
{
    struct party *waiting = find_glare(c, by, wish);
    if (waiting) {
        party_accept(waiting, by);
        *answer = call_json(waiting->call, waiting);
        json_object_set_new(*answer, "state", json_string("accepted"));
        return NULL;
    }
    const struct sig_error *error = check_wish(c, by, wish);
    if (error)
        return error;
    struct call *call = call_create(c, by, wish);
    struct party *me =
        call ? party_add(call, by->user->id, own_role(call, wish)) : NULL;
    if (!me) {
        if (call)
            call_free(call);
        return sig_error("too_busy");
    }
    me->is_in = true;
    me->device = by;
    json_t *states = ring_all(call, by, wish);
    log_info("call=%s user=%s calls %zu (%s, %s)", call->id, by->user->id, json_array_size(states),
             call->type, call->media);
    *answer = start_answer(call, me, states);
    call_settle(call, "busy");
    return NULL;
}

/* Into the call that he is in, or the room that he sits in. */
const struct sig_error *sig_call_invite(struct sig_calls *c, struct sig_device *by,
                                        const struct sig_call_wish *wish, json_t **answer)
{
    struct party *me = party_of(c, by->user->id);
    const size_t n = json_array_size(wish->users);
    const bool is_mine =
        me && me->is_in && (!wish->call[0] || strcmp(wish->call, me->call->id) == 0);
    if (n == 0 || n > SIG_CALL_TARGETS_MAX)
        return sig_error("bad_request");
    if (!is_mine && (wish->call[0] || !wish->seat[0]))
        return sig_error("no_such_call");
    struct call *call = is_mine ? me->call : NULL;
    if (call && (call_is_p2p(call) || strcmp(call->type, "1v1") == 0))
        return sig_error("call_of_two");
    if (call && call->party_count + n > SIG_CALL_TARGETS_MAX)
        return sig_error("bad_request");
    if (!call) {
        struct sig_call_wish into = *wish;
        into.room = wish->seat;
        const bool is_full = g_hash_table_size(c->by_id) >= SIG_CALLS_MAX;
        call = is_full ? NULL : call_create(c, by, &into);
        if (!call)
            return sig_error("too_busy");
        call->is_of_meeting = true;
    }
    *answer = start_answer(call, is_mine ? me : NULL, ring_all(call, by, wish));
    call_settle(call, "busy");
    return NULL;
}

/* --- answering -------------------------------------------------------------------------------- */

/* His party in that call, ringing or in it. */
static const struct sig_error *find_mine(const struct sig_calls *c, const struct sig_device *by,
                                         const char *call, struct party **out)
{
    struct party *p = party_of(c, by->user->id);
    if (!p || (call[0] && strcmp(p->call->id, call) != 0))
        return sig_error("no_such_call");
    *out = p;
    return NULL;
}

static const struct sig_error *find_ringing(const struct sig_calls *c, const struct sig_device *by,
                                            const char *call, struct party **out)
{
    const struct sig_error *error = find_mine(c, by, call, out);
    if (error)
        return error;
    return (*out)->is_in ? sig_error("already_answered") : NULL;
}

const struct sig_error *sig_call_ringing(struct sig_calls *c, struct sig_device *by,
                                         const char *call)
{
    struct party *p = NULL;
    const struct sig_error *error = find_ringing(c, by, call, &p);
    if (!error)
        call_tell(p->call, NULL, "ringing", json_pack("{s:s}", "userId", p->user));
    return error;
}

void party_accept(struct party *p, struct sig_device *by)
{
    struct call *call = p->call;
    struct sig_calls *c = call->calls;
    p->is_in = true;
    p->device = by;
    p->since_us = c->conf.now_us();
    if (c->conf.store)
        sig_store_call_answered(c->conf.store, p->row, mcu_wall_ms());
    log_info("call=%s user=%s answers", call->id, p->user);
    party_hush(p, by, "answered_elsewhere");
    call_tell(call, p, "accept", json_pack("{s:s}", "userId", p->user));
    call_hook(call, "call.answered", p->user, NULL);
    /* A viewer who is asked up sits there already. */
    if (call->is_of_meeting && c->conf.has_seat(c->conf.ctx, call->room, p->user))
        c->conf.ask_up(c->conf.ctx, call->room, p->user, p->role, call->caller);
}

const struct sig_error *sig_call_accept(struct sig_calls *c, struct sig_device *by,
                                        const char *call, json_t **answer)
{
    struct party *p = NULL;
    const struct sig_error *error = find_ringing(c, by, call, &p);
    if (error)
        return error;
    party_accept(p, by);
    *answer = call_json(p->call, p);
    return NULL;
}

const struct sig_error *sig_call_reject(struct sig_calls *c, struct sig_device *by, const char *id,
                                        const char *reason)
{
    struct party *p = NULL;
    const struct sig_error *error = find_ringing(c, by, id, &p);
    if (error)
        return error;
    struct call *call = p->call;
    const bool is_busy = strcmp(reason, "busy") == 0;
    json_t *data =
        json_pack("{s:s, s:s}", "userId", p->user, "reason", reason[0] ? reason : "rejected");
    party_hush(p, by, "rejected_elsewhere");
    party_drop(p, is_busy ? "busy" : "rejected");
    json_object_set_new(data, "ended", json_boolean(call_is_over(call)));
    call_tell(call, NULL, "reject", data);
    call_settle(call, "cancelled");
    return NULL;
}

/* --- ending ----------------------------------------------------------------------------------- */

static struct party *find_called(struct call *call, const char *user)
{
    for (struct party *p = call->parties; p; p = p->next) {
        if (!p->is_in && (!user[0] || strcmp(p->user, user) == 0))
            return p;
    }
    return NULL;
}

/* The call that he may call off: the one that he made, or invited to. */
static struct call *find_own(const struct sig_calls *c, const struct sig_device *by, const char *id)
{
    const struct party *p = party_of(c, by->user->id);
    struct call *call = id[0] ? g_hash_table_lookup(c->by_id, id) : p && p->is_in ? p->call : NULL;
    return call && strcmp(call->caller, by->user->id) == 0 ? call : NULL;
}

/* He who called it off is not told: he is out before the others hear of it. */
static void leave(struct sig_calls *c, struct party *me, struct sig_device *by)
{
    struct call *call = me->call;
    const bool is_seated = !call->has_room;
    char room[sizeof(call->room)];
    snprintf(room, sizeof(room), "%s", call->room);
    json_t *data = json_pack("{s:s, s:s}", "userId", me->user, "reason", "hangup");
    if (me->device && me->device != by) /* from another of his devices */
        sig_device_tell(me->device, "rtc", "hangup",
                        json_pack("{s:s, s:s, s:s, s:b}", "callId", call->id, "userId", me->user,
                                  "reason", "hangup", "ended", 1));
    party_drop(me, "answered");
    json_object_set_new(data, "ended", json_boolean(call_is_over(call)));
    call_tell(call, NULL, "hangup", data);
    call_settle(call, "cancelled");
    if (is_seated)
        c->conf.unseat(c->conf.ctx, room, by->user->id);
}

const struct sig_error *sig_call_cancel(struct sig_calls *c, struct sig_device *by, const char *id,
                                        const char *user)
{
    struct call *call = find_own(c, by, id);
    struct party *p = call ? find_called(call, user) : NULL;
    if (!call)
        return sig_error("no_such_call");
    if (!p)
        return sig_error(user[0] ? "no_such_member" : "already_answered");
    for (; p; p = user[0] ? NULL : find_called(call, "")) {
        party_hush(p, NULL, "cancelled");
        party_drop(p, "cancelled");
    }
    struct party *me = party_of(c, by->user->id);
    const bool is_mine = me && me->call == call && call_is_over(call);
    if (is_mine) /* nobody had answered */
        party_drop(me, "");
    call_settle(call, "cancelled");
    return NULL;
}

const struct sig_error *sig_call_hangup(struct sig_calls *c, struct sig_device *by, const char *id)
{
    struct party *p = NULL;
    const struct sig_error *error = find_mine(c, by, id, &p);
    if (error)
        return error;
    if (!p->is_in) /* clients that know one word for both */
        return sig_call_reject(c, by, id, "");
    leave(c, p, by);
    return NULL;
}

/* --- passing on ------------------------------------------------------------------------------- */

const struct sig_error *sig_call_relay(struct sig_calls *c, struct sig_device *by, const char *id,
                                       const char *action, const json_t *data)
{
    struct party *me = NULL;
    const struct sig_error *error = find_mine(c, by, id, &me);
    if (error)
        return error;
    if (!call_is_p2p(me->call) || me->device != by)
        return sig_error(me->is_in ? "no_such_call" : "call_not_answered");
    struct party *other = me->call->parties == me ? me->next : me->call->parties;
    if (!other || !other->is_in)
        return sig_error("call_not_answered");
    if (!other->device || !other->device->client)
        return sig_error("peer_away");
    json_t *copy = json_copy((json_t *)data); /* shallow: what is in it is passed on as it is */
    json_object_set_new(copy, "callId", json_string(me->call->id));
    json_object_set_new(copy, "userId", json_string(me->user));
    sig_device_tell(other->device, "rtc", action, copy);
    return NULL;
}
