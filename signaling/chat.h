/* signaling/chat.h - text between users and in rooms: stored, delivered, told again to who was
 * away.
 *
 * A message to a user goes to all his devices and to the sender's others; when none of his is
 * connected it waits in the store until he signs in. One to a room goes to everybody who has a
 * seat there. What waits for a user (messages, and calls that he missed) is read from the store
 * when he comes, and once more when writes of before had not reached it. Front thread. */
#ifndef SIGNALING_CHAT_H
#define SIGNALING_CHAT_H

#include <jansson.h>

#include "signaling/errors.h"
#include "signaling/rooms.h"
#include "signaling/store.h"
#include "signaling/users.h"

enum {
    SIG_CHAT_BYTES_MAX = 16 * 1024, /* of one message */
    SIG_CHAT_PAGE = 50,
    SIG_CHAT_PAGE_MAX = 200,
};

struct sig_chat;

struct sig_chat_conf {
    struct sig_users *users;
    struct sig_store *store; /* NULL: nothing is kept */
};

struct sig_chat_stats {
    uint64_t sent, delivered, waited;
};

int sig_chat_create(struct sig_chat **out, const struct sig_chat_conf *conf);
void sig_chat_destroy(struct sig_chat *c);

/* Sends. Returns NULL and *answer ({messageId, sentAt, delivered}), the caller's, or an error. */
const struct sig_error *sig_chat_to_user(struct sig_chat *c, struct sig_device *by, const char *to,
                                         const char *content, json_t **answer);
const struct sig_error *sig_chat_to_room(struct sig_chat *c, struct sig_member *by,
                                         const char *content, json_t **answer);

/* {messages, more}: newest last; which->limit as SIG_CHAT_PAGE_MAX at most. NULL or an error. */
const struct sig_error *sig_chat_history(struct sig_chat *c, const struct sig_store_talk *which,
                                         json_t **answer);

/* About once a second. */
void sig_chat_tick(struct sig_chat *c);

void sig_chat_stats(const struct sig_chat *c, struct sig_chat_stats *out);

#endif
