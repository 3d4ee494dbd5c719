/* What a dead process left: find the whole part of the file and rewrite that. The file itself is only
 * read; the new one replaces it by rename(2), so it may be killed and repeated at any moment. An OGG is
 * whole as it is, but for a page that was being written: that is cut off. */
#include "recorder/rec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mcu/base/clock.h"
#include "recorder/boxes.h"
#include "recorder/cut.h"
#include "recorder/meta.h"
#include "recorder/ogg_pages.h"
#include "recorder/remux.h"

/* A regular file, without waiting for a pipe's other end. */
static int open_regular(const char *path, uint64_t *size)
{
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct stat st;
    int err = fstat(fd, &st) < 0 ? -errno : 0;
    if (!err && !S_ISREG(st.st_mode))
        err = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    if (err) {
        close(fd);
        return err;
    }
    *size = (uint64_t)st.st_size;
    return fd;
}

/* A rewrite that was interrupted: never the only copy, since PATH is there and whole. */
static void remove_leftover(const char *path)
{
    char *tmp = rec_tmp_path(path);
    if (tmp)
        unlink(tmp);
    free(tmp);
}

static int recover(const char *path, int fd, uint64_t size, struct rec_result *result)
{
    struct rec_boxes boxes;
    const struct rec_boxes_reader reader = {.ctx = &fd, .read_at = rec_read_fd, .size = size};
    int err = rec_boxes_scan(&reader, &boxes);
    if (err)
        return err;
    if (size > 0 && !boxes.has_ftyp && size >= 8)
        return -EBADMSG;
    if (boxes.fragments > 0)
        return rec_remux(path, fd, (int64_t)boxes.good_bytes, -1, result);
    if (!boxes.has_moov || boxes.is_fragmented)
        return -ENODATA;
    if (boxes.is_cut || !boxes.has_mdat)
        return -EBADMSG;
    err = rec_measure(fd, (int64_t)size, result);
    if (!err)
        remove_leftover(path);
    return err;
}

static bool begins_with(int fd, uint64_t size, const char *magic)
{
    char bytes[4];
    int ctx = fd;
    return size >= sizeof(bytes) && rec_read_fd(&ctx, bytes, sizeof(bytes), 0) == 0 &&
           memcmp(bytes, magic, sizeof(bytes)) == 0;
}

/* What is behind the whole part and more than a page is not ours to cut: somebody else's stream. */
static int recover_ogg(const char *path, int fd, uint64_t size, struct rec_result *result)
{
    struct rec_ogg_pages pages;
    const struct rec_boxes_reader reader = {.ctx = &fd, .read_at = rec_read_fd, .size = size};
    const int err = rec_ogg_pages_scan(&reader, &pages);
    if (err)
        return err;
    if (!pages.is_opus)
        return -EBADMSG;
    if (pages.duration_us == 0)
        return -ENODATA;
    const uint64_t tail = size - pages.good_bytes;
    if (tail > 0 && tail <= REC_OGG_PAGE_MAX && !pages.has_end) {
        if (truncate(path, (off_t)pages.good_bytes) < 0)
            return -errno;
        size = pages.good_bytes;
    }
    result->duration_ms = pages.duration_us / MCU_US_PER_MS;
    result->bytes = (int64_t)size;
    return 0;
}

int rec_recover(const char *path, struct rec_result *result)
{
    uint64_t size = 0;
    const int fd = open_regular(path, &size);
    if (fd < 0)
        return fd;
    struct rec_result found = {0};
    const int err = begins_with(fd, size, "OggS") ? recover_ogg(path, fd, size, &found)
                                                   : recover(path, fd, size, &found);
    close(fd);
    if (err)
        return err;
    rec_meta_finish(path, found.duration_ms);
    *result = found;
    return 0;
}
