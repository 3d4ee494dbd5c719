/* signaling/calls_internal.h - what the files of calls share. Front thread. */
#ifndef SIGNALING_CALLS_INTERNAL_H
#define SIGNALING_CALLS_INTERNAL_H

#include <glib.h>

#include "signaling/calls.h"
#include "signaling/ids.h"

struct party {
    struct party *next;
    struct call *call;
    char user[SIG_USER_SIZE];
    char role[16];
    struct sig_device *device; /* that he is in it with; NULL while he rings */
    bool is_in;                /* else he rings */
    bool has_rung;             /* some device of his was told */
    bool was_seated;
    int64_t since_us; /* rings, or is in */
    int64_t row;      /* in the store; 0: the caller has none */
};

struct call {
    struct sig_calls *calls;
    char id[SIG_ID_SIZE];
    char room[65]; /* p2p: its id */
    char type[16];
    char media[8];
    char caller[SIG_USER_SIZE];
    char caller_name[257];
    int64_t started_at_ms;
    bool is_of_meeting; /* an invitation into a room: the caller is no party, who comes is none soon
                         */
    bool has_room;      /* that is its own, and ends with it */
    struct party *parties; /* in the order of their coming */
    uint32_t party_count;
};

struct sig_calls {
    struct sig_calls_conf conf;
    GHashTable *by_id;   /* of struct call */
    GHashTable *by_user; /* user -> struct party */
    int64_t next_row;
    struct sig_calls_stats stats;
};

/* calls.c */
struct party *party_of(const struct sig_calls *c, const char *user);
struct party *party_add(struct call *call, const char *user, const char *role);
bool call_is_p2p(const struct call *call);
/* Tells everybody that is in it but one. Steals data, adds callId. */
void call_tell(struct call *call, const struct party *but, const char *action, json_t *data);
/* He is out, for `outcome` as it is stored ("": of a caller). Tells nobody; frees p. */
void party_drop(struct party *p, const char *outcome);
/* Whether nobody is left to talk to. */
bool call_is_over(const struct call *call);
/* Ends it when it is over: who still rings or talks is let go. Returns whether it was. */
bool call_settle(struct call *call, const char *outcome);
void call_hook(const struct call *call, const char *event, const char *user, const char *outcome);
struct call *call_create(struct sig_calls *c, const struct sig_device *by,
                         const struct sig_call_wish *wish);
void call_free(struct call *call);
json_t *call_json(const struct call *call, const struct party *p);

/* calls_ring.c */
/* Lets p's devices ring, or one of them. */
void party_ring(struct party *p, struct sig_device *only);
/* All his devices but one stop ringing. */
void party_hush(const struct party *p, const struct sig_device *but, const char *reason);
void party_accept(struct party *p, struct sig_device *by);

#endif
