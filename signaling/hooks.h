/* signaling/hooks.h - events to the application's own server, and questions that it may say no to.
 *
 * An event is POSTed to hooks.url as JSON, {event, id, at, roomId, data}, signed with hooks.secret
 * (X-Mixdown-Signature: sha256=HEX of an HMAC over the body). What is not answered with 2xx is sent
 * again with a growing pause, up to hooks.attempts times; events of one room arrive one after the
 * other in the order of their posting, those of different rooms beside each other. A receiver may
 * see one twice (its answer was lost): `id` is the same then.
 *
 * A question (on_publish, on_play, ...) is sent once, beside the events, and answered by {"code":
 * 0} or by another code with `msg`; HTTP 401 and 403 are a no, too. Without a usable answer within
 * hooks.ask_timeout_ms it is hooks.on_error that counts.
 *
 * Threads: all functions are for the front's thread and never wait; the thread "hooks" does the
 * transfers (libcurl's multi interface). Memory is bounded: SIG_HOOKS_WAITING_MAX events, beyond
 * which new ones are dropped and counted. */
#ifndef SIGNALING_HOOKS_H
#define SIGNALING_HOOKS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "mcu/config.h"

struct sig_hooks; /* opaque; NULL: there are no hooks, and every call is fine with that */

enum {
    SIG_HOOKS_WAITING_MAX = 4096, /* events, those on their way included */
    SIG_HOOKS_ASKS_MAX = 1024,    /* questions, likewise */
    SIG_HOOKS_BODY_MAX = 64 * 1024,
    SIG_HOOKS_MSG_MAX = 200,
};

/* What the application's server says. */
struct sig_hook_answer {
    bool is_answered; /* usable, and in time; else hooks.on_error made the rest */
    bool is_allowed;
    bool wants_close;            /* {"close": true}, of on_stream_none_reader */
    char msg[SIG_HOOKS_MSG_MAX]; /* UTF-8 without control characters; "": none */
};

/* answer is borrowed. */
typedef void sig_hook_fn(void *arg, const struct sig_hook_answer *answer);

struct sig_hooks_stats {
    uint64_t posted, delivered; /* events */
    uint64_t retries;           /* attempts that failed and were put off */
    uint64_t failed;            /* given up */
    uint64_t dropped;           /* too many waited, or too large, or waiting at the end */
    uint64_t asked, refused;    /* questions, and those answered with no */
    uint64_t unanswered;        /* hooks.on_error counted */
    uint32_t waiting;           /* events now */
};

/* Starts the thread. hooks.url "" gives *out NULL. Returns 0, -ENOMEM or an errno of threads and
 * descriptors. The caller owns *out. */
int sig_hooks_create(struct sig_hooks **out, const struct mcu_config *config);

/* Sends what waits, once and for at most 3 s, and answers every question that is open with no. */
void sig_hooks_destroy(struct sig_hooks *h);

/* An event of that room ("": of none). Steals data. */
void sig_hooks_post(struct sig_hooks *h, const char *event, const char *room_id, json_t *data);

/* A question. Steals data. Returns 1 and done follows exactly once, from sig_hooks_service() or
 * sig_hooks_destroy(); 0: nobody is to be asked (no hooks, or hooks.ask is off), so it is allowed;
 * -ENOMEM. Then done is not called. */
int sig_hooks_ask(struct sig_hooks *h, const char *event, const char *room_id, json_t *data,
                   sig_hook_fn *done, void *arg);

/* Readable when there are answers; then call service, which calls their done. -1 for NULL. */
int sig_hooks_fd(const struct sig_hooks *h);
void sig_hooks_service(struct sig_hooks *h);

void sig_hooks_stats(struct sig_hooks *h, struct sig_hooks_stats *out);

/* --- pure, [any] ------------------------------------------------------------------------------ */

/* Reads a reply to a question: its HTTP status and body. false: it is no answer, *out untouched. */
bool sig_hook_answer_read(struct sig_hook_answer *out, long status, const char *body, size_t size);

/* "sha256=" and 64 hex digits of HMAC-SHA256; out gets SIG_HOOK_SIGNATURE_SIZE bytes. 0 or -ENOMEM. */
enum { SIG_HOOK_SIGNATURE_SIZE = 7 + 64 + 1 };
int sig_hook_sign(char *out, const char *secret, const void *body, size_t size);

/* The pause after that many failed attempts (1..): 0.5 s, doubled each time, at most 60 s. */
int64_t sig_hook_pause_us(uint32_t attempts);

#endif
