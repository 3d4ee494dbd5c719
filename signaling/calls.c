/* Calls: their life, their parties and their rows. What users ask is in calls_ring.c. Front
 * thread.
 *
 * Who leaves is told of with the word whether the call is over by it, so nobody has to count. */
#include "signaling/calls_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/log.h"

/* --- parties ---------------------------------------------------------------------------------- */

struct party *party_of(const struct sig_calls *c, const char *user)
{
    return g_hash_table_lookup(c->by_user, user);
}

bool call_is_p2p(const struct call *call)
{
    return strcmp(call->type, "p2p") == 0;
}

struct party *party_add(struct call *call, const char *user, const char *role)
{
    struct party *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->call = call;
    p->since_us = call->calls->conf.now_us();
    snprintf(p->user, sizeof(p->user), "%s", user);
    snprintf(p->role, sizeof(p->role), "%s", role);
    struct party **end = &call->parties;
    while (*end)
        end = &(*end)->next;
    *end = p;
    call->party_count++;
    g_hash_table_insert(call->calls->by_user, p->user, p);
    return p;
}

static void count_outcome(struct sig_calls_stats *s, const char *outcome)
{
    const struct {
        const char *name;
        uint64_t *count;
    } all[] = {
        {"answered", &s->answered}, {"no_answer", &s->missed}, {"offline", &s->missed},
        {"rejected", &s->rejected}, {"busy", &s->busy},        {"cancelled", &s->cancelled},
        {"lost", &s->lost},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        *all[i].count += strcmp(all[i].name, outcome) == 0 ? 1 : 0;
}

static bool is_missed(const char *outcome)
{
    return strcmp(outcome, "no_answer") == 0 || strcmp(outcome, "offline") == 0 ||
           strcmp(outcome, "cancelled") == 0;
}

void party_drop(struct party *p, const char *outcome)
{
    struct call *call = p->call;
    struct sig_calls *c = call->calls;
    struct party **at = &call->parties;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    call->party_count--;
    if (party_of(c, p->user) == p)
        g_hash_table_remove(c->by_user, p->user);
    if (p->row) {
        /* What he missed he is told when he is back, if nothing rang. */
        if (c->conf.store)
            sig_store_call_ended(c->conf.store, p->row, outcome, mcu_wall_ms(),
                                 p->has_rung || !is_missed(outcome));
        count_outcome(&c->stats, outcome);
        call_hook(call, "call.ended", p->user, outcome);
    }
    if (p->is_in && call->has_room && !call_is_p2p(call))
        c->conf.unseat(c->conf.ctx, call->room, p->user);
    free(p);
}

/* --- calls ------------------------------------------------------------------------------------ */

static void choose_type(struct call *call, const struct sig_call_wish *wish)
{
    const char *type = wish->type;
    if (!type[0])
        type = wish->room[0] || json_array_size(wish->users) > 1 ? "mcu" : "p2p";
    snprintf(call->type, sizeof(call->type), "%s", type);
}

struct call *call_create(struct sig_calls *c, const struct sig_device *by,
                         const struct sig_call_wish *wish)
{
    struct call *call = calloc(1, sizeof(*call));
    if (!call)
        return NULL;
    call->calls = c;
    call->started_at_ms = mcu_wall_ms();
    call->has_room = !wish->room[0];
    sig_id_make(call->id, sizeof(call->id));
    choose_type(call, wish);
    snprintf(call->room, sizeof(call->room), "%s", wish->room[0] ? wish->room : call->id);
    snprintf(call->media, sizeof(call->media), "%s", wish->media);
    snprintf(call->caller, sizeof(call->caller), "%s", by->user->id);
    snprintf(call->caller_name, sizeof(call->caller_name), "%s", by->name);
    g_hash_table_insert(c->by_id, call->id, call);
    c->stats.started++;
    return call;
}

void call_free(struct call *call)
{
    g_hash_table_remove(call->calls->by_id, call->id);
    free(call);
}

json_t *call_json(const struct call *call, const struct party *p)
{
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:I}", "callId", call->id, "userId",
                             call->caller, "roomType", call->type, "media", call->media,
                             "startedAt", (json_int_t)call->started_at_ms);
    if (call->caller_name[0])
        json_object_set_new(json, "name", json_string(call->caller_name));
    if (!call_is_p2p(call)) {
        json_object_set_new(json, "roomId", json_string(call->room));
        json_object_set_new(json, "role", json_string(p ? p->role : "publisher"));
    }
    return json;
}

void call_hook(const struct call *call, const char *event, const char *user, const char *outcome)
{
    const struct sig_calls_conf *conf = &call->calls->conf;
    if (!conf->hook)
        return;
    json_t *data = call_json(call, NULL);
    json_object_del(data, "role");
    json_object_set_new(data, "targetUser", json_string(user));
    if (outcome)
        json_object_set_new(data, "outcome", json_string(outcome));
    conf->hook(conf->ctx, event, call->room, data);
}

void call_tell(struct call *call, const struct party *but, const char *action, json_t *data)
{
    json_object_set_new(data, "callId", json_string(call->id));
    for (struct party *p = call->parties; p; p = p->next) {
        if (p != but && p->is_in && p->device)
            sig_device_tell(p->device, "rtc", action, json_incref(data));
    }
    /* Who asked others into a meeting is no party, but wants to know. */
    if (call->is_of_meeting)
        sig_user_tell(sig_users_find(call->calls->conf.users, call->caller), NULL, "rtc", action,
                      json_incref(data));
    json_decref(data);
}

bool call_is_over(const struct call *call)
{
    uint32_t in = 0;
    for (const struct party *p = call->parties; p; p = p->next)
        in += p->is_in ? 1 : 0;
    const uint32_t ringing = call->party_count - in;
    return call->is_of_meeting ? call->party_count == 0 : in == 0 || (in == 1 && ringing == 0);
}

bool call_settle(struct call *call, const char *outcome)
{
    if (!call_is_over(call))
        return false;
    struct sig_calls *c = call->calls;
    while (call->parties) {
        struct party *p = call->parties;
        if (!p->is_in)
            party_hush(p, NULL, outcome);
        party_drop(p, p->is_in ? "answered" : outcome);
    }
    if (call->has_room && !call_is_p2p(call))
        c->conf.close_room(c->conf.ctx, call->room);
    log_info("call=%s is over", call->id);
    call_free(call);
    return true;
}

/* --- who comes and goes ----------------------------------------------------------------------- */

static void on_came(void *ctx, struct sig_device *d, bool is_back)
{
    struct sig_calls *c = ctx;
    struct party *p = party_of(c, d->user->id);
    (void)is_back;
    if (p && !p->is_in)
        party_ring(p, d);
}

static void on_gone(void *ctx, struct sig_device *d)
{
    struct sig_calls *c = ctx;
    struct party *p = party_of(c, d->user->id);
    if (!p || p->device != d)
        return;
    struct call *call = p->call;
    json_t *data = json_pack("{s:s, s:s}", "userId", p->user, "reason", "lost");
    party_drop(p, "lost");
    json_object_set_new(data, "ended", json_boolean(call_is_over(call)));
    call_tell(call, NULL, "hangup", data);
    call_settle(call, "cancelled");
}

/* --- time ------------------------------------------------------------------------------------- */

static void give_up(struct party *p)
{
    struct call *call = p->call;
    const char *why = p->has_rung ? "no_answer" : "offline";
    json_t *data = json_pack("{s:s, s:s}", "userId", p->user, "reason", why);
    party_hush(p, NULL, "no_answer");
    party_drop(p, why);
    json_object_set_new(data, "ended", json_boolean(call_is_over(call)));
    call_tell(call, NULL, "reject", data);
}

/* In, but without the seat: it was given up, or is not taken in time. */
static void leave_by_seat(struct party *p)
{
    struct call *call = p->call;
    json_t *data =
        json_pack("{s:s, s:s}", "userId", p->user, "reason", p->was_seated ? "hangup" : "lost");
    if (p->device)
        sig_device_tell(p->device, "rtc", "hangup",
                        json_pack("{s:s, s:s, s:s, s:b}", "callId", call->id, "userId", p->user,
                                  "reason", "no_seat", "ended", 1));
    party_drop(p, p->was_seated ? "answered" : "lost");
    json_object_set_new(data, "ended", json_boolean(call_is_over(call)));
    call_tell(call, NULL, "hangup", data);
}

static void tick_party(struct party *p, int64_t now_us)
{
    const struct sig_calls_conf *conf = &p->call->calls->conf;
    const bool is_meeting = p->call->is_of_meeting;
    if (!p->is_in) {
        if (now_us - p->since_us >= conf->ring_us)
            give_up(p);
        return;
    }
    if (call_is_p2p(p->call))
        return;
    const bool has_seat = conf->has_seat(conf->ctx, p->call->room, p->user);
    if (has_seat && is_meeting)
        party_drop(p, "answered"); /* he is one of the meeting now */
    else if (has_seat)
        p->was_seated = true;
    else if (p->was_seated || (p->row && now_us - p->since_us >= SIG_CALL_SEAT_US))
        leave_by_seat(p);
}

static void tick_call(struct call *call, int64_t now_us)
{
    for (struct party *p = call->parties, *next; p; p = next) {
        next = p->next;
        tick_party(p, now_us);
    }
    call_settle(call, "cancelled");
}

void sig_calls_tick(struct sig_calls *c)
{
    const int64_t now_us = c->conf.now_us();
    GList *calls = g_hash_table_get_values(c->by_id);
    for (GList *at = calls; at; at = at->next)
        tick_call(at->data, now_us);
    g_list_free(calls);
}

/* --- what others ask -------------------------------------------------------------------------- */

const char *sig_calls_into(const struct sig_calls *c, const char *user, const char *call,
                           const char **role)
{
    const struct party *p = party_of(c, user);
    if (!p || !p->is_in || (call[0] && strcmp(p->call->id, call) != 0))
        return NULL;
    *role = p->role;
    return p->call->room;
}

const char *sig_calls_role(const struct sig_calls *c, const char *room, const char *user)
{
    const struct party *p = party_of(c, user);
    return p && p->is_in && strcmp(p->call->room, room) == 0 ? p->role : NULL;
}

void sig_calls_seated(struct sig_calls *c, const char *room, const char *user)
{
    struct party *p = party_of(c, user);
    if (p && p->is_in && strcmp(p->call->room, room) == 0)
        p->was_seated = true;
}

const char *sig_calls_room_type(const struct sig_calls *c, const char *room)
{
    const struct call *call = g_hash_table_lookup(c->by_id, room);
    return call && call->has_room && !call_is_p2p(call) ? call->type : NULL;
}

bool sig_calls_is_p2p(const struct sig_calls *c, const char *user)
{
    const struct party *p = party_of(c, user);
    return p && p->is_in && call_is_p2p(p->call);
}

json_t *sig_calls_json(const struct sig_calls *c, const struct sig_device *d)
{
    const struct party *p = party_of(c, d->user->id);
    return p && p->device == d ? call_json(p->call, p) : json_null();
}

void sig_calls_stats(const struct sig_calls *c, struct sig_calls_stats *out)
{
    GHashTableIter iter;
    void *p = NULL;
    *out = c->stats;
    out->calls = g_hash_table_size(c->by_id);
    out->ringing = 0;
    g_hash_table_iter_init(&iter, c->by_user);
    while (g_hash_table_iter_next(&iter, NULL, &p))
        out->ringing += ((struct party *)p)->is_in ? 0 : 1;
}

int sig_calls_create(struct sig_calls **out, const struct sig_calls_conf *conf)
{
    struct sig_calls *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->conf = *conf;
    c->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    c->by_user = g_hash_table_new(g_str_hash, g_str_equal);
    /* Rows of a front before have lower numbers; those that it left open are over. */
    int64_t calls = 0;
    int64_t messages = 0;
    if (conf->store && sig_store_talk_rows(conf->store, &calls, &messages) != 0)
        log_warn("calls: the newest row cannot be read; numbers begin at the clock");
    c->next_row = mcu_wall_ms() * 1000;
    if (calls > c->next_row)
        c->next_row = calls;
    if (conf->store)
        sig_store_calls_cut_off(conf->store, mcu_wall_ms());
    sig_users_listen(conf->users,
                     &(struct sig_users_listener){.ctx = c, .came = on_came, .gone = on_gone});
    *out = c;
    return 0;
}

void sig_calls_destroy(struct sig_calls *c)
{
    if (!c)
        return;
    GList *calls = g_hash_table_get_values(c->by_id);
    for (GList *at = calls; at; at = at->next) {
        struct call *call = at->data;
        while (call->parties) {
            struct party *p = call->parties;
            call->parties = p->next;
            free(p);
        }
        free(call);
    }
    g_list_free(calls);
    g_hash_table_destroy(c->by_id);
    g_hash_table_destroy(c->by_user);
    free(c);
}
