/* signaling/uploads.h - finished recordings, with all that lies beside them, to S3-compatible storage.
 *
 * What is to be done is in the store (signaling/store_upload.h), so that it goes on after a restart:
 * files of more than one part where they stopped. A file counts as there when the storage tells its
 * size. Until then the local file stays, and after that too unless storage.s3_keep_local is off.
 *
 * What cannot succeed (refused three times: keys, bucket) is "failed" and tried again at the next
 * start or when sig_uploads_again() says so; everything else is tried for ever, with pauses of up to
 * a minute.
 *
 * Threads: [front] adds and asks; [upload] one thread, one request at a time. */
#ifndef SIGNALING_UPLOADS_H
#define SIGNALING_UPLOADS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "mcu/config.h"
#include "signaling/store.h"

struct sig_uploads; /* opaque */

struct sig_uploads_conf {
    const struct mcu_config *config; /* storage.s3_*; borrowed */
    struct sig_store *store;         /* borrowed */
    /* [front] In sig_uploads_service(): no file of the recording waits any more. All of them are
     * there, or some failed. May be NULL. */
    void (*on_end)(void *ctx, const char *recording, bool is_done);
    void *ctx;
};

struct sig_uploads_stats {
    uint64_t done, failed, retries; /* files; tries that came to nothing */
    uint64_t bytes;                 /* of files that are there */
};

/* [front] Starts at once with what the store has. *out is NULL when no endpoint is set. Returns 0,
 * -EINVAL (an endpoint, but not all that belongs to it) or -ENOMEM. */
int sig_uploads_create(struct sig_uploads **out, const struct sig_uploads_conf *conf);

/* [front] Breaks off what runs; it goes on at the next start. NULL is fine here and below. */
void sig_uploads_destroy(struct sig_uploads *u);

/* [front] A recording is whole; its row is posted. */
void sig_uploads_add(struct sig_uploads *u, const char *recording, const char *file);

/* [front] What failed of this recording ("": of all) is tried again. */
void sig_uploads_again(struct sig_uploads *u, const char *recording);

/* [front] Readable when something has ended; then call service, which calls on_end. -1 for NULL. */
int sig_uploads_fd(const struct sig_uploads *u);
void sig_uploads_service(struct sig_uploads *u);

/* [any] */
void sig_uploads_stats(struct sig_uploads *u, struct sig_uploads_stats *out);

/* [front] {status, bytes, sent, error?} for a row; status "none" when nothing of it is uploaded. */
json_t *sig_upload_json(struct sig_store *store, const char *recording);

#endif
