/* The trunk; see trunk.h. Front thread.
 *
 * What is outside of `data` is the app's server's word and is believed: `user`, `device`, `name`,
 * and `role`, `record`, `live`, the most that the user may. `data` is its user's, passed on as it
 * came, and is treated as any stranger's. */
#include "signaling/trunk.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "signaling/ws_internal.h"

struct sig_trunk {
    struct sig_client *client;
    GHashTable *clients; /* "user\ndevice" -> struct sig_client, one reference each */
};

enum { KEY_SIZE = SIG_USER_SIZE + SIG_DEVICE_SIZE };

/* --- sending ---------------------------------------------------------------------------------- */

void sig_trunk_send(struct sig_client *c, const json_t *message)
{
    json_t *envelope = json_pack("{s:s, s:s}", "user", c->user, "device", c->via_device);
    if (envelope && json_object_update(envelope, (json_t *)message) == 0)
        sig_client_send(c->via, envelope);
    json_decref(envelope);
}

/* About an envelope that is nobody's. */
static void refuse(struct sig_trunk *t, const json_t *message, const char *code)
{
    json_t *data = sig_error_json(sig_error(code), NULL);
    json_t *event = json_pack("{s:s, s:s, s:o}", "type", "rtc", "action", "error", "data", data);
    const json_t *user = json_object_get(message, "user");
    if (json_is_string(user) && json_string_length(user) < SIG_USER_SIZE)
        json_object_set(event, "user", (json_t *)user);
    sig_client_send(t->client, event);
    json_decref(event);
}

/* --- clients ---------------------------------------------------------------------------------- */

struct fields {
    char key[KEY_SIZE];
    char user[SIG_USER_SIZE];
    char device[SIG_DEVICE_SIZE];
    char name[257];
    char role[16];
    bool may_record, may_live;
};

static bool read_fields(struct fields *f, const json_t *message)
{
    *f = (struct fields){.role = ""};
    if (ws_read_user(message, "user", MCU_JSON_REQUIRED, f->user) ||
        mcu_json_string(message, "device", MCU_JSON_OPTIONAL, 0, f->device, sizeof(f->device)) ||
        mcu_json_text(message, "name", MCU_JSON_OPTIONAL, 0, 64, f->name, sizeof(f->name)) ||
        mcu_json_string(message, "role", MCU_JSON_OPTIONAL, 1, f->role, sizeof(f->role)) ||
        mcu_json_bool(message, "record", MCU_JSON_OPTIONAL, &f->may_record) ||
        mcu_json_bool(message, "live", MCU_JSON_OPTIONAL, &f->may_live) ||
        (f->device[0] && !sig_room_id_is_valid(f->device)) ||
        (f->role[0] && !sig_role_is_valid(f->role)))
        return false;
    snprintf(f->key, sizeof(f->key), "%s\n%s", f->user, f->device);
    return true;
}

/* Said again it counts from then on, for requests that come. */
static void take_rights(struct sig_client *c, const struct fields *f, const json_t *message)
{
    if (f->role[0])
        strcpy(c->token.role, f->role);
    if (f->name[0])
        strcpy(c->token.name, f->name);
    if (json_is_boolean(json_object_get(message, "record")))
        c->token.may_record = f->may_record;
    if (json_is_boolean(json_object_get(message, "live")))
        c->token.may_live = f->may_live;
}

static struct sig_client *make_client(struct sig_trunk *t, const struct fields *f)
{
    struct sig_client *c = sig_client_create(t->client->front);
    if (!c)
        return NULL;
    c->via = t->client;
    strcpy(c->token.role, "publisher");
    strcpy(c->token.sub, f->user);
    strcpy(c->user, f->user);
    strcpy(c->via_device, f->device);
    g_hash_table_insert(t->clients, g_strdup(f->key), c);
    return c;
}

static void end_client(void *arg)
{
    sig_client_end(arg);
}

static gboolean is_idle(void *key, void *value, void *arg)
{
    const struct sig_client *c = value;
    (void)key;
    (void)arg;
    return !c->member && !c->device && !c->is_joining && !c->waiting;
}

void sig_trunk_tick(struct sig_trunk *t)
{
    g_hash_table_foreach_remove(t->clients, is_idle, NULL);
}

size_t sig_trunk_count(const struct sig_trunk *t)
{
    return t ? g_hash_table_size(t->clients) : 0;
}

/* --- envelopes -------------------------------------------------------------------------------- */

static bool is_gone(const json_t *message)
{
    const char *type = json_string_value(json_object_get(message, "type"));
    const char *action = json_string_value(json_object_get(message, "action"));
    return type && action && strcmp(type, "state") == 0 && strcmp(action, "gone") == 0;
}

static void take_of(struct sig_trunk *t, const struct fields *f, json_t *message)
{
    struct sig_client *c = g_hash_table_lookup(t->clients, f->key);
    if (is_gone(message)) {
        g_hash_table_remove(t->clients, f->key);
        return;
    }
    if (!c && sig_trunk_count(t) >= SIG_TRUNK_CLIENTS_MAX) {
        refuse(t, message, "too_busy");
        return;
    }
    if (!c)
        c = make_client(t, f);
    if (!c)
        return;
    take_rights(c, f, message);
    sig_client_ref(c);
    c->heard_us = mcu_now_us();
    sig_client_take(c, message);
    sig_client_unref(c);
}

void sig_trunk_take(struct sig_trunk *t, json_t *message)
{
    struct fields f;
    if (!json_object_get(message, "user")) { /* the trunk itself: ping */
        sig_client_take(t->client, message);
        return;
    }
    if (!read_fields(&f, message)) {
        refuse(t, message, "bad_message");
        return;
    }
    take_of(t, &f, message);
}

struct sig_trunk *sig_trunk_create(struct sig_client *c)
{
    struct sig_trunk *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->client = c;
    t->clients = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, end_client);
    return t;
}

void sig_trunk_destroy(struct sig_trunk *t)
{
    if (!t)
        return;
    g_hash_table_destroy(t->clients);
    free(t);
}
