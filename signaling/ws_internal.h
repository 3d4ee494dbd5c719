/* signaling/ws_internal.h - what the files of WebSocket requests share. Front thread. */
#ifndef SIGNALING_WS_INTERNAL_H
#define SIGNALING_WS_INTERNAL_H

#include "mcu/base/json.h"
#include "signaling/calls.h"
#include "signaling/ws.h"

struct ws_request {
    struct sig_client *client;
    const char *type;
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

/* Answers a request that has an id, of whatever type. Steals data. */
void ws_reply(const struct ws_request *q, json_t *data);

struct ws_row {
    const char *name;
    const struct sig_error *(*handle)(const struct ws_request *q);
};

/* Each type's requests, up to a row without a name. */
extern const struct ws_row ws_call_rows[], ws_message_rows[], ws_state_rows[];

/* ws_presence.c: the device of the one who asks; a client that is somebody but not signed in is
 * now. Returns NULL, or not_online, too_many_devices. */
const struct sig_error *ws_need_device(const struct ws_request *q, struct sig_device **out);
/* data's user of that key, up to 128 bytes. 0, -ENOENT or -EINVAL, as mcu_json_text(). */
int ws_read_user(const json_t *data, const char *key, enum mcu_json_presence presence,
                 char out[SIG_USER_SIZE]);

/* ws_calls.c: whether offer, answer, candidate are of a call between two, not of the seat. */
bool ws_is_of_call(const struct ws_request *q);
const struct sig_error *ws_on_relay(const struct ws_request *q);
/* What calls ask of rooms; ctx is the front. */
void ws_calls_conf(struct sig_calls_conf *conf, struct sig_front *front);

/* ws_seat.c: for RTCPeerConnection; caller owns. */
json_t *ws_ice_servers(const struct mcu_config *config, const char *user);

/* ws_actions.c: carries a message out, whatever the rate. */
void sig_client_request(struct sig_client *c, json_t *message);

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

/* ws_live.c */
const struct sig_error *ws_on_live(const struct ws_request *q);

/* ws_layout.c */
const struct sig_error *ws_on_layout(const struct ws_request *q);
/* ws_watch.c */
const struct sig_error *ws_on_quality(const struct ws_request *q);

const struct sig_error *ws_on_pin(const struct ws_request *q);
const struct sig_error *ws_on_hand(const struct ws_request *q);

#endif
