/* Files with byte ranges (RFC 9110, section 14): what a <video> needs to seek. Front thread.
 *
 * The size is what the file has now: a recording that runs may be watched up to here. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signaling/http.h"
#include "signaling/range.h"

static const char caching[] = "private, no-cache";

static void make_etag(char *out, size_t size, const struct stat *st)
{
    snprintf(out, size, "\"%llx-%llx-%llx\"", (unsigned long long)st->st_ino,
             (unsigned long long)st->st_size,
             (unsigned long long)st->st_mtim.tv_sec * 1000000000ULL +
                 (unsigned long long)st->st_mtim.tv_nsec);
}

static void reply_range(struct sig_http *req, int fd, uint64_t size, const char *type,
                        const char *etag)
{
    struct sig_range range = {0};
    char text[80];
    const bool same = !req->fields.if_range[0] || strcmp(req->fields.if_range, etag) == 0;
    switch (sig_range_parse(&range, same ? req->fields.range : "", size)) {
    case SIG_RANGE_PART:
        snprintf(text, sizeof(text), "bytes %llu-%llu/%llu", (unsigned long long)range.first,
                 (unsigned long long)range.last, (unsigned long long)size);
        sig_http_header(req, "Content-Range", text);
        sig_http_header(req, "Cache-Control", caching);
        sig_http_reply_file(req, 206, type, fd, range.first, range.last - range.first + 1);
        return;
    case SIG_RANGE_NOT_SATISFIED:
        snprintf(text, sizeof(text), "bytes */%llu", (unsigned long long)size);
        sig_http_header(req, "Content-Range", text);
        close(fd);
        sig_http_error(req, sig_error("range_not_satisfiable"), NULL);
        return;
    case SIG_RANGE_WHOLE:
        sig_http_header(req, "Cache-Control", caching);
        sig_http_reply_file(req, 200, type, fd, 0, size);
        return;
    }
}

void sig_http_serve_file(struct sig_http *req, const char *path, const char *type)
{
    struct stat st;
    char etag[80];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            close(fd);
        sig_http_error(req, sig_error("no_such_file"), NULL);
        return;
    }
    make_etag(etag, sizeof(etag), &st);
    sig_http_header(req, "ETag", etag);
    sig_http_header(req, "Accept-Ranges", "bytes");
    if (strcmp(req->fields.if_none_match, etag) == 0) {
        close(fd);
        sig_http_header(req, "Cache-Control", caching);
        sig_http_reply(req, 304, NULL, NULL, 0);
        return;
    }
    reply_range(req, fd, (uint64_t)st.st_size, type, etag);
}
