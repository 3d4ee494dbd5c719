/* signaling/users.h - who can be reached: users, the devices they are signed in with, and who
 * watches whom come and go.
 *
 * A device is signed in over a connection (struct sig_client) and outlives it by `grace_us`: one
 * that comes back in that time, by the same name, is the same device, with its calls and what it
 * watches. A user is online while one of his devices has a connection, suspended while one may
 * come back, offline else. Everything is on the front's thread. */
#ifndef SIGNALING_USERS_H
#define SIGNALING_USERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "signaling/errors.h"

enum {
    SIG_USER_SIZE = 129,
    SIG_DEVICE_SIZE = 65,
    SIG_DEVICES_MAX = 16,   /* of one user */
    SIG_WATCHES_MAX = 1000, /* users that one device watches */
};

struct sig_users;
struct sig_client;
struct _GHashTable;

struct sig_user {
    char id[SIG_USER_SIZE];
    struct sig_users *users;
    struct sig_device *devices;
    uint32_t device_count;
    struct _GHashTable *watchers; /* set of struct sig_device */
    bool was_online;              /* as watchers were told */
    int64_t seen_at_ms;           /* when the last connection went; 0: never */
    int64_t inbox_to;  /* newest message taken from the store for him (signaling/chat.h) */
    int64_t missed_to; /* newest missed call that he was told of */
    bool is_inbox_due;
};

struct sig_device {
    struct sig_device *next;
    struct sig_user *user;
    struct sig_client *client; /* NULL: lost */
    char id[SIG_DEVICE_SIZE];
    char name[257]; /* of the user, as this device shows it */
    int64_t lost_at_us;
    struct _GHashTable *watches; /* set of struct sig_user */
};

struct sig_users_listener {
    void *ctx;
    /* Signed in, anew or again. */
    void (*came)(void *ctx, struct sig_device *d, bool is_back);
    /* Signed out, or its grace is over: d is about to be freed. */
    void (*gone)(void *ctx, struct sig_device *d);
};

struct sig_users_conf {
    int64_t grace_us;
    void (*send)(struct sig_client *client, const json_t *event);
    /* The client's device is taken over by another connection. */
    void (*replaced)(struct sig_client *client);
};

struct sig_users_stats {
    uint32_t users, devices, online;
};

int sig_users_create(struct sig_users **out, const struct sig_users_conf *conf);
void sig_users_destroy(struct sig_users *u);

/* At most 4, at the start. Copied. */
void sig_users_listen(struct sig_users *u, const struct sig_users_listener *listener);

/* Signs a device of that user in. device "": a name is made. Returns NULL and *out, or
 * too_many_devices, and *is_back says whether it was only lost. */
const struct sig_error *sig_users_sign_in(struct sig_users *u, struct sig_client *client,
                                          const char *user, const char *device, const char *name,
                                          struct sig_device **out, bool *is_back);
void sig_device_sign_out(struct sig_device *d);
/* Its connection is gone. */
void sig_device_lost(struct sig_device *d, int64_t now_us);
void sig_users_tick(struct sig_users *u, int64_t now_us);

/* NULL: nobody of that name is signed in or watched. */
struct sig_user *sig_users_find(const struct sig_users *u, const char *user);
/* "online", "suspended", "offline"; user may be NULL. */
const char *sig_user_state(const struct sig_user *user);

/* Events; data is stolen. To a device, or to all that are connected but one (NULL: to all).
 * Returns how many it was sent to. */
uint32_t sig_device_tell(struct sig_device *d, const char *type, const char *action, json_t *data);
uint32_t sig_user_tell(struct sig_user *user, const struct sig_device *but, const char *type,
                       const char *action, json_t *data);

/* {userId, state, devices, lastSeen} of anybody; caller owns. */
json_t *sig_presence_json(const struct sig_users *u, const char *user);
/* From now on (or no longer) d hears of that user. Returns NULL or too_many_watched. */
const struct sig_error *sig_device_watch(struct sig_device *d, const char *user, bool active);

void sig_users_stats(const struct sig_users *u, struct sig_users_stats *out);
/* Calls visit for every user with devices; it may not sign out. */
void sig_users_each(struct sig_users *u, void (*visit)(void *arg, struct sig_user *user),
                    void *arg);

#endif
