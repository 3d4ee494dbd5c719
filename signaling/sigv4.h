/* signaling/sigv4.h - AWS Signature Version 4: what signs requests to S3 and to storage that speaks like
 * it. Pure.
 *
 * Of libcurl 7.88 (Debian 12) we cannot take it: there the query is signed as it was typed, so that
 * "?uploads" and unsorted names are refused. */
#ifndef SIGNALING_SIGV4_H
#define SIGNALING_SIGV4_H

#include <stddef.h>
#include <stdint.h>

enum {
    SIGV4_HEADERS_MAX = 8,
    SIGV4_DATE_SIZE = 17, /* "20130524T000000Z" */
    SIGV4_HASH_SIZE = 65, /* SHA-256 in hex */
    SIGV4_SIZE_MAX = 1024,
};

struct sigv4_header {
    const char *name; /* in small letters */
    const char *value;
};

struct sigv4_request {
    const char *method;
    const char *path;  /* as it is sent: sigv4_encode() */
    const char *query; /* as it is sent: encoded "name=value", sorted by name, joined by '&'; "" */
    const char *date;  /* that of the x-amz-date header, too */
    const char *region;
    const char *service;                            /* "s3" */
    const char *payload_hash;                       /* of the body; x-amz-content-sha256, too */
    struct sigv4_header headers[SIGV4_HEADERS_MAX]; /* that are signed, sorted by name; host too */
    size_t header_count;
};

/* [any] Percent-encodes all but A-Z a-z 0-9 - . _ ~ and, in a path, the slash. Returns 0, or
 * -EMSGSIZE when out is too small. */
int sigv4_encode(char *out, size_t size, const char *text, int is_path);

/* [any] SHA-256 of the bytes, in hex. */
void sigv4_hash(char out[SIGV4_HASH_SIZE], const void *bytes, size_t size);

/* [any] The Unix time as SigV4 has it. */
void sigv4_date(char out[SIGV4_DATE_SIZE], int64_t unix_s);

/* [any] The value of the Authorization header. Returns 0, -EMSGSIZE or -EINVAL. */
int sigv4_sign(char out[SIGV4_SIZE_MAX], const struct sigv4_request *request,
               const char *access_key, const char *secret_key);

#endif
