/* signaling/uploads_internal.h - what uploads.c and upload_file.c share. Nobody else includes it. */
#ifndef SIGNALING_UPLOADS_INTERNAL_H
#define SIGNALING_UPLOADS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "signaling/s3.h"
#include "signaling/store_upload.h"
#include "signaling/uploads.h"

/* One that on_end has yet to hear of. */
struct upload_end {
    struct upload_end *next;
    char recording[sizeof(((struct sig_store_upload *)0)->recording)];
    bool is_done;
};

struct sig_uploads {
    struct sig_uploads_conf conf;
    pthread_t thread;
    bool has_thread;
    int fd; /* an eventfd: ends wait */
    atomic_bool stop;

    /* [upload] */
    struct s3 *s3;
    int64_t part_bytes;
    uint8_t *buffer; /* of a part; NULL until one is read */
    size_t buffer_size;
    int64_t pause_ms; /* before the next try */
    int refusals;     /* of the file that is next, in a row */

    pthread_mutex_t lock; /* protects all below */
    pthread_cond_t changed;
    bool is_woken;
    struct upload_end *ends, **last_end; /* the oldest first */
    struct sig_uploads_stats stats;
};

struct upload_result {
    char error[S3_ERROR_SIZE];
    bool is_final;     /* the storage refuses it */
    bool must_restart; /* its parts are of no use any more */
    bool has_progress; /* a part came there */
};

/* [upload] Brings the file to the storage; size is that of fd. False: *result says why not. */
bool upload_file(struct sig_uploads *u, struct sig_store_upload *job, int fd, int64_t size,
                 struct upload_result *result);

/* [upload] The parts that are there of a file that is gone are given up. */
void upload_forget(struct sig_uploads *u, const struct sig_store_upload *job);

/* How large the parts of such a file are: at least least_bytes, and no more than S3_PARTS_MAX. Pure. */
int64_t upload_part_bytes(int64_t size, int64_t least_bytes);

#endif
