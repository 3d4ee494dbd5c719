/* EBML (RFC 8794) as far as the size of the first segment, and MP4's boxes by boxes.h. */
#include "recorder/cut.h"

#include <errno.h>
#include <unistd.h>

#include "mcu/base/bytes.h"

#define ID_EBML 0x1a45dfa3u

/* An element's size (RFC 8794, section 4); false for "unknown", all ones. */
static bool take_size(struct mcu_reader *r, uint64_t *size)
{
    const uint8_t first = mcu_take_u8(r);
    size_t length = 1;
    while (length <= 8 && !(first & (0x80 >> (length - 1))))
        length++;
    if (length > 8) {
        r->failed = true;
        return false;
    }
    const uint64_t rest = mcu_take_be(r, length - 1);
    const uint64_t head = first & (0xffu >> length);
    *size = head << (8 * (length - 1)) | rest;
    return *size != (UINT64_C(1) << (7 * length)) - 1;
}

/* A Matroska file whose segment says more than there is. */
static int matroska_is_cut(const struct rec_boxes_reader *reader, bool *is_cut)
{
    uint8_t bytes[12];
    uint64_t at = 0;
    *is_cut = false;
    for (int i = 0; i < 16 && reader->size - at >= sizeof(bytes); i++) {
        const int err = reader->read_at(reader->ctx, bytes, sizeof(bytes), at);
        if (err)
            return err;
        struct mcu_reader r = mcu_reader(bytes, sizeof(bytes));
        const uint32_t id = mcu_take_u32(&r);
        uint64_t size = 0;
        if (!take_size(&r, &size) || r.failed)
            return 0;
        const uint64_t left = reader->size - at - (sizeof(bytes) - mcu_left(&r));
        *is_cut = size > left;
        if (id != ID_EBML || *is_cut)
            return 0;
        at = reader->size - left + size;
    }
    return 0;
}

int rec_is_cut_reader(const struct rec_boxes_reader *reader, bool *is_cut)
{
    uint8_t bytes[8];
    *is_cut = false;
    if (reader->size < sizeof(bytes))
        return 0;
    int err = reader->read_at(reader->ctx, bytes, sizeof(bytes), 0);
    if (err)
        return err;
    struct mcu_reader r = mcu_reader(bytes, sizeof(bytes));
    const uint32_t first = mcu_take_u32(&r);
    if (first == ID_EBML)
        return matroska_is_cut(reader, is_cut);
    struct rec_boxes boxes;
    err = rec_boxes_scan(reader, &boxes);
    if (!err)
        *is_cut = boxes.has_ftyp && boxes.is_cut;
    return err;
}

int rec_read_fd(void *ctx, void *to, size_t n, uint64_t at)
{
    const int fd = *(const int *)ctx;
    for (size_t done = 0; done < n;) {
        const ssize_t got = pread(fd, (char *)to + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        done += (size_t)got;
    }
    return 0;
}

int rec_is_cut(int fd, uint64_t size, bool *is_cut)
{
    const struct rec_boxes_reader reader = {.ctx = &fd, .read_at = rec_read_fd, .size = size};
    return rec_is_cut_reader(&reader, is_cut);
}
