/* signaling/store_upload.h - uploads in the store: each file of a recording that goes to storage
 * elsewhere, and of one that goes in parts those that are there. They go with their recording.
 *
 * Status of a file: "waiting", "uploading" (begun, also when nobody is at it now), "done", "failed".
 * Threads: [any]; writes are posted as all others (signaling/store.h). */
#ifndef SIGNALING_STORE_UPLOAD_H
#define SIGNALING_STORE_UPLOAD_H

#include "signaling/s3.h"
#include "signaling/store.h"

struct sig_store_upload {
    char recording[65];
    char name[257];      /* in the folder of the recording's file */
    char file[1024];     /* the recording's */
    char status[16];
    char upload_id[S3_UPLOAD_ID_SIZE]; /* "": it goes in one, or has not begun */
    char error[S3_ERROR_SIZE];
    int64_t bytes;
    int64_t sent;
};

struct sig_store_upload_sum {
    char status[16]; /* "none", or that of the whole: all done, any failed, any begun, or waiting */
    char error[S3_ERROR_SIZE];
    int64_t bytes;
    int64_t sent;
    uint32_t files;
    uint32_t open; /* of these: neither there nor failed */
};

/* Writes; 0 or a negative errno. One that is there already is left alone. */
int sig_store_upload_added(struct sig_store *s, const char *recording, const char *name,
                           int64_t bytes);
/* It begins (anew): it has no parts yet. */
int sig_store_upload_begun(struct sig_store *s, const struct sig_store_upload *u);
int sig_store_upload_part(struct sig_store *s, const struct sig_store_upload *u,
                          const struct s3_part *part, int64_t bytes);
/* It will be tried again. */
int sig_store_upload_trouble(struct sig_store *s, const struct sig_store_upload *u,
                             const char *error);
int sig_store_upload_ended(struct sig_store *s, const struct sig_store_upload *u,
                           const char *status, const char *error);
/* Those that failed wait again; recording "": all. */
int sig_store_uploads_again(struct sig_store *s, const char *recording);

/* Reads. 1 with the next one that is to be worked at (begun ones first), 0: none, or a negative errno. */
int sig_store_upload_next(struct sig_store *s, struct sig_store_upload *out);
/* The parts that are there, by number; at most max. Returns how many, or a negative errno. */
int sig_store_upload_parts(struct sig_store *s, const struct sig_store_upload *u,
                           struct s3_part *out, int max);
int sig_store_upload_sum(struct sig_store *s, const char *recording,
                         struct sig_store_upload_sum *out);
/* How many files wait or are under way. */
int sig_store_uploads_waiting(struct sig_store *s);

#endif
