/* Uploaded files; see store_file.h. */
#include "signaling/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int write_all(const char *path, const void *bytes, size_t size, struct stat *st)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return -errno;
    int err = write(fd, bytes, size) == (ssize_t)size ? 0 : -EIO;
    if (!err && (fsync(fd) < 0 || fstat(fd, st) < 0))
        err = -errno;
    if (close(fd) < 0 && !err)
        err = -errno;
    return err;
}

int sig_file_replace(const char *path, const char *temporary, const void *bytes, size_t size,
                     struct stat *st)
{
    struct stat written;
    int err = write_all(temporary, bytes, size, &written);
    if (!err && rename(temporary, path) < 0)
        err = -errno;
    if (err)
        unlink(temporary);
    else if (st)
        *st = written;
    return err;
}
