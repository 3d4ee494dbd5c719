/* signaling/s3.h - the few requests to S3-compatible storage that an upload is made of.
 *
 * Path style (ENDPOINT/BUCKET/KEY), signed with SigV4 (signaling/sigv4.h), by libcurl. One thread at a
 * time; each call blocks until it is answered, at most some minutes, or until the stop flag is set.
 * Neither keys nor signatures are logged. */
#ifndef SIGNALING_S3_H
#define SIGNALING_S3_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    S3_UPLOAD_ID_SIZE = 1024,
    S3_ETAG_SIZE = 129,
    S3_PARTS_MAX = 10000,
    S3_ERROR_SIZE = 128,
};

struct s3; /* opaque */

struct s3_conf {
    const char *endpoint;   /* "https://HOST[:PORT][/PATH]"; http:// too */
    const char *bucket;
    const char *region;
    const char *access_key;
    const char *secret_key;
    uint32_t timeout_s;     /* without any progress */
    atomic_bool *stop;      /* ends what runs; not owned */
};

struct s3_body {
    const void *bytes;
    size_t size;
    const char *type; /* Content-Type; NULL: none */
};

struct s3_part {
    uint32_t number; /* from 1 */
    char etag[S3_ETAG_SIZE];
};

/* What became of a request. */
struct s3_answer {
    int http;                  /* status; 0: there was no answer */
    char error[S3_ERROR_SIZE]; /* for people: "" when it was done */
    bool is_final;             /* trying the same again is of no use */
    bool is_unknown_upload;    /* the storage knows no such multipart upload */
    int64_t bytes;             /* of s3_head() */
};

/* [ctl] All of conf is copied but stop. Returns 0, -EINVAL (endpoint) or -ENOMEM. */
int s3_create(struct s3 **out, const struct s3_conf *conf);
void s3_destroy(struct s3 *s); /* NULL is fine */

/* [upload] Each returns true when it was done, and tells in *answer what was not. Keys are not encoded. */
bool s3_put(struct s3 *s, const char *key, const struct s3_body *body, struct s3_answer *answer);
bool s3_head(struct s3 *s, const char *key, struct s3_answer *answer);
bool s3_begin(struct s3 *s, const char *key, const char *type, char upload_id[S3_UPLOAD_ID_SIZE],
              struct s3_answer *answer);
bool s3_put_part(struct s3 *s, const char *key, const char *upload_id, uint32_t number,
                 const struct s3_body *body, char etag[S3_ETAG_SIZE], struct s3_answer *answer);
bool s3_complete(struct s3 *s, const char *key, const char *upload_id, const struct s3_part *parts,
                 size_t count, struct s3_answer *answer);
bool s3_abort(struct s3 *s, const char *key, const char *upload_id, struct s3_answer *answer);

/* [any] The text of the first <tag> of an answer, with its entities decoded. Returns 0, -ENOENT,
 * -EBADMSG, or -EMSGSIZE when it does not fit. Pure. */
int s3_xml_text(const char *xml, size_t size, const char *tag, char *out, size_t out_size);

/* [any] Whether the endpoint is one: http or https, a host, no user, query or fragment. */
bool s3_endpoint_is_valid(const char *endpoint);

#endif
