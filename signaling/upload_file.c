/* One file: small ones in one request, others in parts, each noted in the store when it is there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mcu/base/log.h"
#include "signaling/recording_files.h"
#include "signaling/uploads_internal.h"

enum { FLUSH_MS = 5000, MIB = 1024 * 1024 };

struct file {
    int fd;
    int64_t size;
    int64_t part;
    const char *type;
    char key[MCU_CONFIG_TEXT + 257];
};

int64_t upload_part_bytes(int64_t size, int64_t least_bytes)
{
    const int64_t share = (size + S3_PARTS_MAX - 1) / S3_PARTS_MAX;
    const int64_t whole = (share + MIB - 1) / MIB * MIB;
    return whole > least_bytes ? whole : least_bytes;
}

static void make_key(const struct sig_uploads *u, const struct sig_store_upload *job,
                     struct file *f)
{
    struct sig_recording_file known = {.type = "application/octet-stream"};
    sig_recording_file_is(job->file, job->name, &known);
    f->type = known.type;
    snprintf(f->key, sizeof(f->key), "%s%s", u->conf.config->storage.s3_prefix, job->name);
}

static bool say(struct upload_result *r, const struct s3_answer *a)
{
    memcpy(r->error, a->error, sizeof(r->error));
    r->is_final = a->is_final && !a->is_unknown_upload;
    r->must_restart = a->is_unknown_upload;
    return false;
}

static bool say_words(struct upload_result *r, const char *words)
{
    snprintf(r->error, sizeof(r->error), "%s", words);
    return false;
}

/* n bytes from there on into u->buffer. */
static bool read_part(struct sig_uploads *u, const struct file *f, int64_t at, size_t n,
                      struct upload_result *r)
{
    if (u->buffer_size < n) {
        uint8_t *grown = realloc(u->buffer, n);
        if (!grown)
            return say_words(r, "no memory");
        u->buffer = grown;
        u->buffer_size = n;
    }
    for (size_t have = 0; have < n;) {
        const ssize_t got = pread(f->fd, u->buffer + have, n - have, at + (int64_t)have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return say_words(r, got < 0 ? strerror(errno) : "the file became shorter");
        have += (size_t)got;
    }
    return true;
}

/* It is there when the storage says so itself. */
static bool look(struct sig_uploads *u, const struct file *f, struct upload_result *r)
{
    struct s3_answer a;
    if (!s3_head(u->s3, f->key, &a))
        return say(r, &a);
    if (a.bytes == f->size)
        return true;
    snprintf(r->error, sizeof(r->error), "%lld bytes are there of %lld", (long long)a.bytes,
             (long long)f->size);
    r->must_restart = true;
    return false;
}

static bool put_whole(struct sig_uploads *u, const struct file *f, struct upload_result *r)
{
    struct s3_answer a;
    if (!read_part(u, f, 0, (size_t)f->size, r))
        return false;
    const struct s3_body body = {.bytes = u->buffer, .size = (size_t)f->size, .type = f->type};
    return s3_put(u->s3, f->key, &body, &a) ? look(u, f, r) : say(r, &a);
}

/* --- parts --------------------------------------------------------------------------------------- */

static bool begin(struct sig_uploads *u, struct sig_store_upload *job, const struct file *f,
                  struct upload_result *r)
{
    struct s3_answer a;
    upload_forget(u, job); /* the file is another than it was */
    if (!s3_begin(u->s3, f->key, f->type, job->upload_id, &a))
        return say(r, &a);
    job->bytes = f->size;
    if (sig_store_upload_begun(u->conf.store, job) != 0)
        return say_words(r, "the store does not take it");
    sig_store_flush(u->conf.store, FLUSH_MS);
    return true;
}

static bool put_part(struct sig_uploads *u, const struct sig_store_upload *job,
                     const struct file *f, struct s3_part *part, struct upload_result *r)
{
    struct s3_answer a;
    const int64_t at = (part->number - 1) * f->part;
    const int64_t n = f->size - at < f->part ? f->size - at : f->part;
    if (!read_part(u, f, at, (size_t)n, r))
        return false;
    const struct s3_body body = {.bytes = u->buffer, .size = (size_t)n};
    if (!s3_put_part(u->s3, f->key, job->upload_id, part->number, &body, part->etag, &a))
        return say(r, &a);
    r->has_progress = true;
    sig_store_upload_part(u->conf.store, job, part, n);
    return true;
}

/* parts: those that are there, by number, with room for all. */
static bool put_missing(struct sig_uploads *u, const struct sig_store_upload *job,
                        const struct file *f, struct s3_part *parts, size_t count,
                        struct upload_result *r)
{
    for (size_t i = 0; i < count; i++) {
        if (parts[i].number == i + 1)
            continue;
        parts[i].number = (uint32_t)i + 1;
        if (!put_part(u, job, f, &parts[i], r))
            return false;
    }
    return true;
}

/* An upload that is not known any more may have been completed before we died. */
static bool complete(struct sig_uploads *u, const struct sig_store_upload *job,
                     const struct file *f, const struct s3_part *parts, size_t count,
                     struct upload_result *r)
{
    struct s3_answer a;
    if (s3_complete(u->s3, f->key, job->upload_id, parts, count, &a))
        return look(u, f, r);
    if (a.is_unknown_upload && look(u, f, r))
        return true;
    say(r, &a);
    r->must_restart = r->must_restart || a.is_final; /* a part that it does not know, say */
    return false;
}

/* Places by number: those of the store that are this file's. */
static int read_parts(struct sig_uploads *u, const struct sig_store_upload *job,
                      struct s3_part *parts, size_t count)
{
    struct s3_part *known = calloc(count, sizeof(*known));
    if (!known)
        return -ENOMEM;
    const int found = sig_store_upload_parts(u->conf.store, job, known, (int)count);
    for (int i = 0; i < found; i++) {
        if (known[i].number >= 1 && known[i].number <= count)
            parts[known[i].number - 1] = known[i];
    }
    free(known);
    return found < 0 ? found : 0;
}

static bool put_parts(struct sig_uploads *u, struct sig_store_upload *job, const struct file *f,
                      struct upload_result *r)
{
    const size_t count = (size_t)((f->size + f->part - 1) / f->part);
    struct s3_part *parts = calloc(count, sizeof(*parts));
    if (!parts)
        return say_words(r, "no memory");
    const bool goes_on = job->upload_id[0] && job->bytes == f->size;
    bool is_done = goes_on ? read_parts(u, job, parts, count) == 0 || say_words(r, "the store")
                           : begin(u, job, f, r);
    if (goes_on && is_done)
        log_info("upload of %s goes on", job->name);
    if (is_done)
        is_done = put_missing(u, job, f, parts, count, r) && complete(u, job, f, parts, count, r);
    free(parts);
    return is_done;
}

bool upload_file(struct sig_uploads *u, struct sig_store_upload *job, int fd, int64_t size,
                 struct upload_result *result)
{
    struct file f = {.fd = fd, .size = size, .part = upload_part_bytes(size, u->part_bytes)};
    make_key(u, job, &f);
    if (size > f.part)
        return put_parts(u, job, &f, result);
    if (!put_whole(u, &f, result))
        return false;
    job->bytes = size;
    return true;
}

void upload_forget(struct sig_uploads *u, const struct sig_store_upload *job)
{
    struct file f;
    struct s3_answer a;
    if (!job->upload_id[0])
        return;
    make_key(u, job, &f);
    if (!s3_abort(u->s3, f.key, job->upload_id, &a) && !a.is_unknown_upload)
        log_warn("upload of %s: its parts are not given up: %s", job->name, a.error);
}
