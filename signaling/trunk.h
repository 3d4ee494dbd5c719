/* signaling/trunk.h - one WebSocket of an app's own server that carries many users' envelopes.
 *
 * Each envelope names its `user` and `device`; each pair is a client of its own (struct sig_client,
 * whose `via` is the trunk's), with its own rate, seat and device, made by its first envelope and
 * ended by `state` `gone` (its connection broke: its seat and calls wait), when nothing is left of
 * it, or with the trunk. What is sent to it goes out with `user` and `device`. Front thread. */
#ifndef SIGNALING_TRUNK_H
#define SIGNALING_TRUNK_H

#include <jansson.h>

#include "signaling/ws.h"

enum { SIG_TRUNK_CLIENTS_MAX = 20000 };

struct sig_trunk;

/* For the connection c. NULL: no memory. */
struct sig_trunk *sig_trunk_create(struct sig_client *c);
/* Its connection is gone: so are all its clients'. NULL is fine. */
void sig_trunk_destroy(struct sig_trunk *t);

/* One envelope, parsed. */
void sig_trunk_take(struct sig_trunk *t, json_t *message);

/* Puts a message for a client of a trunk into the trunk's queue. */
void sig_trunk_send(struct sig_client *c, const json_t *message);

/* About once a second: clients that nothing is left of. */
void sig_trunk_tick(struct sig_trunk *t);

size_t sig_trunk_count(const struct sig_trunk *t);

#endif
