/* signaling/http_once.h - a POST that is sent twice is carried out once.
 *
 * A client that got no answer cannot know whether the room was opened or the recording started.
 * With a header `Idempotency-Key` of its own making it may ask again: the first answer is kept for
 * ten minutes and given again (`Idempotency-Replayed: true`), to the same token, path and body
 * only. Answers of success are kept, at most SIG_ONCE_MAX of at most SIG_ONCE_BODY_MAX bytes: what
 * failed is tried again. Front thread. */
#ifndef SIGNALING_HTTP_ONCE_H
#define SIGNALING_HTTP_ONCE_H

#include <stdbool.h>
#include <stddef.h>

struct sig_http;
struct sig_once;

enum {
    SIG_ONCE_MAX = 256,
    SIG_ONCE_KEY_MAX = 128,
    SIG_ONCE_BODY_MAX = 64 * 1024,
    SIG_ONCE_S = 600,
};

/* Whether the request has been answered here: with what was kept, or with bad_request,
 * idempotency_mismatch (the key was used for something else) or in_progress. */
bool sig_once_answer(struct sig_http *req);

/* Its reply, also one that nobody is there to hear. */
void sig_once_keep(struct sig_http *req, int status, const char *type, const void *data,
                   size_t size);

/* It ends without a reply. */
void sig_once_forget(struct sig_http *req);

void sig_once_destroy(struct sig_once *o); /* NULL is fine */

#endif
