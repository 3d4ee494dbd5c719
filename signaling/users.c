/* Users and their devices. Front thread.
 *
 * A user is kept while he has a device or a watcher. Listeners are told before a device is freed
 * and after one is whole, so that they find a consistent list. */
#include "signaling/users.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "signaling/ids.h"

enum { LISTENERS_MAX = 4, MADE_NAME_SIZE = 13 };

struct sig_users {
    struct sig_users_conf conf;
    GHashTable *by_id; /* of struct sig_user, which owns its key */
    struct sig_users_listener listeners[LISTENERS_MAX];
    uint32_t listener_count;
    uint32_t device_count;
    bool is_ticking; /* users are kept until its end */
};

/* --- users ------------------------------------------------------------------------------------ */

static void user_free(void *arg)
{
    struct sig_user *user = arg;
    g_hash_table_destroy(user->watchers);
    free(user);
}

struct sig_user *sig_users_find(const struct sig_users *u, const char *user)
{
    return g_hash_table_lookup(u->by_id, user);
}

static struct sig_user *need_user(struct sig_users *u, const char *id)
{
    struct sig_user *user = sig_users_find(u, id);
    if (user)
        return user;
    user = calloc(1, sizeof(*user));
    if (!user)
        return NULL;
    snprintf(user->id, sizeof(user->id), "%s", id);
    user->users = u;
    user->watchers = g_hash_table_new(NULL, NULL);
    g_hash_table_insert(u->by_id, user->id, user);
    return user;
}

static void drop_unused(struct sig_user *user)
{
    if (!user->users->is_ticking && !user->devices && g_hash_table_size(user->watchers) == 0)
        g_hash_table_remove(user->users->by_id, user->id);
}

static bool is_online(const struct sig_user *user)
{
    for (const struct sig_device *d = user->devices; d; d = d->next) {
        if (d->client)
            return true;
    }
    return false;
}

const char *sig_user_state(const struct sig_user *user)
{
    if (!user || !user->devices)
        return "offline";
    return is_online(user) ? "online" : "suspended";
}

/* --- telling ---------------------------------------------------------------------------------- */

static json_t *make_event(const char *type, const char *action, json_t *data)
{
    return json_pack("{s:s, s:s, s:o}", "type", type, "action", action, "data",
                     data ? data : json_object());
}

static bool send_to(struct sig_device *d, const json_t *event)
{
    if (!d->client || !event)
        return false;
    d->user->users->conf.send(d->client, event);
    return true;
}

uint32_t sig_device_tell(struct sig_device *d, const char *type, const char *action, json_t *data)
{
    json_t *event = make_event(type, action, data);
    const bool is_sent = send_to(d, event);
    json_decref(event);
    return is_sent;
}

uint32_t sig_user_tell(struct sig_user *user, const struct sig_device *but, const char *type,
                       const char *action, json_t *data)
{
    uint32_t sent = 0;
    json_t *event = make_event(type, action, data);
    for (struct sig_device *d = user ? user->devices : NULL; d; d = d->next)
        sent += d != but && send_to(d, event) ? 1 : 0;
    json_decref(event);
    return sent;
}

/* --- presence --------------------------------------------------------------------------------- */

json_t *sig_presence_json(const struct sig_users *u, const char *id)
{
    const struct sig_user *user = sig_users_find(u, id);
    json_t *json = json_pack("{s:s, s:s, s:i}", "userId", id, "state", sig_user_state(user),
                             "devices", user ? (int)user->device_count : 0);
    if (user && !is_online(user) && user->seen_at_ms)
        json_object_set_new(json, "lastSeen", json_integer(user->seen_at_ms));
    return json;
}

/* He is offline only when his grace is over, so a short gap is not seen. */
static void tell_watchers(struct sig_user *user)
{
    const bool is_there = user->devices != NULL;
    if (is_there == user->was_online)
        return;
    user->was_online = is_there;
    json_t *event = make_event("state", is_there ? "online" : "offline",
                               sig_presence_json(user->users, user->id));
    GHashTableIter iter;
    void *watcher = NULL;
    g_hash_table_iter_init(&iter, user->watchers);
    while (g_hash_table_iter_next(&iter, &watcher, NULL))
        send_to(watcher, event);
    json_decref(event);
}

static void unwatch(struct sig_device *d, struct sig_user *user)
{
    g_hash_table_remove(user->watchers, d);
    drop_unused(user);
}

const struct sig_error *sig_device_watch(struct sig_device *d, const char *id, bool active)
{
    struct sig_user *user = sig_users_find(d->user->users, id);
    if (!active) {
        if (user && g_hash_table_remove(d->watches, user))
            unwatch(d, user);
        return NULL;
    }
    if (user && g_hash_table_contains(d->watches, user))
        return NULL;
    if (g_hash_table_size(d->watches) >= SIG_WATCHES_MAX)
        return sig_error("too_many_watched");
    user = need_user(d->user->users, id);
    if (!user)
        return sig_error("too_busy");
    g_hash_table_add(d->watches, user);
    g_hash_table_add(user->watchers, d);
    return NULL;
}

static void unwatch_all(struct sig_device *d)
{
    GHashTableIter iter;
    void *user = NULL;
    g_hash_table_iter_init(&iter, d->watches);
    while (g_hash_table_iter_next(&iter, &user, NULL))
        unwatch(d, user);
    g_hash_table_destroy(d->watches);
}

/* --- devices ---------------------------------------------------------------------------------- */

static struct sig_device *find_device(const struct sig_user *user, const char *id)
{
    struct sig_device *d = user->devices;
    while (d && strcmp(d->id, id) != 0)
        d = d->next;
    return d;
}

/* A user who watches himself is dropped by the last of both. */
static void remove_device(struct sig_device *d)
{
    struct sig_user *user = d->user;
    struct sig_users *u = user->users;
    if (d->client)
        user->seen_at_ms = mcu_wall_ms();
    d->client = NULL;
    for (uint32_t i = 0; i < u->listener_count; i++)
        u->listeners[i].gone(u->listeners[i].ctx, d);
    struct sig_device **at = &user->devices;
    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    user->device_count--;
    u->device_count--;
    g_hash_table_add(user->watchers, user); /* keeps him until below */
    unwatch_all(d);
    g_hash_table_remove(user->watchers, user);
    tell_watchers(user);
    free(d);
    drop_unused(user);
}

static struct sig_device *make_device(struct sig_user *user, const char *id)
{
    struct sig_device *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    if (id[0])
        snprintf(d->id, sizeof(d->id), "%s", id);
    else
        sig_id_make(d->id, MADE_NAME_SIZE);
    d->user = user;
    d->watches = g_hash_table_new(NULL, NULL);
    d->next = user->devices;
    user->devices = d;
    user->device_count++;
    user->users->device_count++;
    return d;
}

/* One that is lost gives way to one that is there. */
static bool make_room(struct sig_user *user)
{
    if (user->device_count < SIG_DEVICES_MAX)
        return true;
    for (struct sig_device *d = user->devices; d; d = d->next) {
        if (!d->client) {
            remove_device(d); /* the user has others, so he stays */
            return true;
        }
    }
    return false;
}

const struct sig_error *sig_users_sign_in(struct sig_users *u, struct sig_client *client,
                                          const char *id, const char *device, const char *name,
                                          struct sig_device **out, bool *is_back)
{
    struct sig_user *user = need_user(u, id);
    struct sig_device *d = user && device[0] ? find_device(user, device) : NULL;
    *is_back = d != NULL;
    if (user && !d) {
        if (!make_room(user))
            return sig_error("too_many_devices");
        d = make_device(user, device);
    }
    if (!d)
        return sig_error("too_busy");
    struct sig_client *older = d->client;
    d->client = client;
    if (name[0])
        snprintf(d->name, sizeof(d->name), "%s", name);
    if (older && older != client)
        u->conf.replaced(older);
    *out = d;
    tell_watchers(user);
    for (uint32_t i = 0; i < u->listener_count; i++)
        u->listeners[i].came(u->listeners[i].ctx, d, *is_back);
    return NULL;
}

void sig_device_sign_out(struct sig_device *d)
{
    remove_device(d);
}

void sig_device_lost(struct sig_device *d, int64_t now_us)
{
    d->client = NULL;
    d->lost_at_us = now_us;
    d->user->seen_at_ms = mcu_wall_ms();
}

/* --- all -------------------------------------------------------------------------------------- */

static struct sig_device *find_overdue(const struct sig_user *user, int64_t before_us)
{
    struct sig_device *d = user->devices;
    while (d && (d->client || d->lost_at_us > before_us))
        d = d->next;
    return d;
}

static gboolean is_unused(void *key, void *value, void *arg)
{
    const struct sig_user *user = value;
    (void)key;
    (void)arg;
    return !user->devices && g_hash_table_size(user->watchers) == 0;
}

void sig_users_tick(struct sig_users *u, int64_t now_us)
{
    GHashTableIter iter;
    void *user = NULL;
    u->is_ticking = true; /* listeners may not sign in, so the table stays as it is */
    g_hash_table_iter_init(&iter, u->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &user)) {
        for (struct sig_device *d; (d = find_overdue(user, now_us - u->conf.grace_us));)
            remove_device(d);
    }
    u->is_ticking = false;
    g_hash_table_foreach_remove(u->by_id, is_unused, NULL);
}

void sig_users_each(struct sig_users *u, void (*visit)(void *, struct sig_user *), void *arg)
{
    GHashTableIter iter;
    void *user = NULL;
    g_hash_table_iter_init(&iter, u->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &user)) {
        if (((struct sig_user *)user)->devices)
            visit(arg, user);
    }
}

void sig_users_stats(const struct sig_users *u, struct sig_users_stats *out)
{
    GHashTableIter iter;
    void *at = NULL;
    *out = (struct sig_users_stats){.devices = u->device_count};
    g_hash_table_iter_init(&iter, u->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &at)) {
        const struct sig_user *user = at;
        out->users += user->devices ? 1 : 0;
        out->online += is_online(user) ? 1 : 0;
    }
}

void sig_users_listen(struct sig_users *u, const struct sig_users_listener *listener)
{
    if (u->listener_count < LISTENERS_MAX)
        u->listeners[u->listener_count++] = *listener;
}

int sig_users_create(struct sig_users **out, const struct sig_users_conf *conf)
{
    struct sig_users *u = calloc(1, sizeof(*u));
    if (!u)
        return -ENOMEM;
    u->conf = *conf;
    u->by_id = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, user_free);
    *out = u;
    return 0;
}

static struct sig_device *any_device(GHashTable *users)
{
    GHashTableIter iter;
    void *user = NULL;
    g_hash_table_iter_init(&iter, users);
    while (g_hash_table_iter_next(&iter, NULL, &user)) {
        if (((struct sig_user *)user)->devices)
            return ((struct sig_user *)user)->devices;
    }
    return NULL;
}

void sig_users_destroy(struct sig_users *u)
{
    if (!u)
        return;
    u->listener_count = 0;
    u->is_ticking = true; /* others' devices watch users that have none any more */
    for (struct sig_device *d; (d = any_device(u->by_id));) {
        g_hash_table_remove_all(d->user->watchers);
        remove_device(d);
    }
    g_hash_table_destroy(u->by_id);
    free(u);
}
