/* signaling/ws_internal.h - what the files of WebSocket requests share. Front thread. */
#ifndef SIGNALING_WS_INTERNAL_H
#define SIGNALING_WS_INTERNAL_H

#include "signaling/ws.h"

struct ws_request {
    struct sig_client *client;
    const char *action;
    const json_t *id;   /* NULL: no answer is wanted */
    const json_t *data; /* an object, may be empty */
};

/* A request whose answer is still to come. */
struct ws_pending {
    struct sig_client *client; /* referenced */
    struct sig_member *member; /* referenced; may be NULL */
    json_t *id;
    char action[16];
};

/* Answers a request, or tells that it is refused. Steals data. */
void ws_answer(struct sig_client *c, const char *action, const json_t *id, json_t *data,
               const struct sig_error *error, const char *detail);
void ws_refuse(struct sig_client *c, const char *action, const json_t *id,
               const struct sig_error *error, const char *detail);

/* NULL: no memory. finish answers and frees; steals data. */
struct ws_pending *ws_pending_create(const struct ws_request *q, struct sig_member *m);
void ws_pending_free(struct ws_pending *p);
void ws_finish(struct ws_pending *p, json_t *data, const struct sig_error *error,
               const char *detail);

/* ws_seat.c */
const struct sig_error *ws_on_join(const struct ws_request *q);
const struct sig_error *ws_on_resume(const struct ws_request *q);
const struct sig_error *ws_on_leave(const struct ws_request *q);

/* ws_host.c */
const struct sig_error *ws_on_role(const struct ws_request *q);
const struct sig_error *ws_on_kick(const struct ws_request *q);
const struct sig_error *ws_on_room(const struct ws_request *q);
const struct sig_error *ws_on_lock(const struct ws_request *q);
const struct sig_error *ws_on_end(const struct ws_request *q);
const struct sig_error *ws_on_waiting(const struct ws_request *q);
const struct sig_error *ws_on_admit(const struct ws_request *q);
const struct sig_error *ws_on_refuse(const struct ws_request *q);

/* ws_audio.c: each returns NULL when it has answered or will, or the error to answer with. */
const struct sig_error *ws_on_mute(const struct ws_request *q);
const struct sig_error *ws_on_volume(const struct ws_request *q);
const struct sig_error *ws_on_deaf(const struct ws_request *q);
const struct sig_error *ws_on_hear(const struct ws_request *q);
const struct sig_error *ws_on_speak(const struct ws_request *q);
const struct sig_error *ws_on_original(const struct ws_request *q);
const struct sig_error *ws_on_sound(const struct ws_request *q);

/* ws_layout.c */
const struct sig_error *ws_on_layout(const struct ws_request *q);
/* ws_watch.c */
const struct sig_error *ws_on_quality(const struct ws_request *q);

const struct sig_error *ws_on_pin(const struct ws_request *q);
const struct sig_error *ws_on_hand(const struct ws_request *q);

#endif
