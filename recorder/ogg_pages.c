/* The walk over pages: 27 bytes, the sizes of up to 255 pieces, the pieces. */
#include "recorder/ogg_pages.h"

#include <string.h>

#include <libavutil/crc.h>
#include <libavutil/intreadwrite.h>

#include "mcu/base/clock.h"

enum {
    RATE_HZ = 48000,
    FIXED = 27,
    CRC_AT = 22,
    FLAG_BEGIN = 2,
    FLAG_END = 4,
    HEAD_SIZE = 19,
    DURATION_MAX_S = 366 * 86400, /* longer is no time: a file may say anything */
};

struct page {
    uint8_t bytes[REC_OGG_PAGE_MAX];
    size_t size;
    const uint8_t *body;
    size_t body_size;
    uint8_t flags;
    int64_t granule; /* samples up to its end; -1: none ends here */
    uint32_t serial, number;
};

/* RFC 3533, section 6: over the whole page with the checksum as 0. */
static bool is_intact(struct page *p)
{
    const uint32_t said = AV_RL32(p->bytes + CRC_AT);
    AV_WL32(p->bytes + CRC_AT, 0);
    const uint32_t is = av_bswap32(av_crc(av_crc_get_table(AV_CRC_32_IEEE), 0, p->bytes, p->size));
    return is == said;
}

/* Returns 1, 0 when there is no whole page, or a negative errno. */
static int read_page(const struct rec_boxes_reader *reader, uint64_t at, struct page *p)
{
    if (reader->size - at < FIXED)
        return 0;
    int err = reader->read_at(reader->ctx, p->bytes, FIXED, at);
    if (err)
        return err;
    const size_t pieces = p->bytes[26];
    if (memcmp(p->bytes, "OggS", 5) != 0 || reader->size - at - FIXED < pieces)
        return 0;
    err = reader->read_at(reader->ctx, p->bytes + FIXED, pieces, at + FIXED);
    p->body_size = 0;
    for (size_t i = 0; i < pieces; i++)
        p->body_size += p->bytes[FIXED + i];
    if (err || reader->size - at - FIXED - pieces < p->body_size)
        return err;
    p->body = p->bytes + FIXED + pieces;
    p->size = FIXED + pieces + p->body_size;
    err =
        reader->read_at(reader->ctx, p->bytes + FIXED + pieces, p->body_size, at + FIXED + pieces);
    if (err || !is_intact(p))
        return err;
    p->flags = p->bytes[5];
    p->granule = (int64_t)AV_RL64(p->bytes + 6);
    p->serial = AV_RL32(p->bytes + 14);
    p->number = AV_RL32(p->bytes + 18);
    return 1;
}

/* RFC 7845, section 5.1; version 0 to 15 are read alike. */
static bool is_head(const struct page *p)
{
    return (p->flags & FLAG_BEGIN) && p->body_size >= HEAD_SIZE &&
           memcmp(p->body, "OpusHead", 8) == 0 && p->body[8] < 16;
}

static int64_t duration_of(int64_t granule, uint16_t skip)
{
    const int64_t samples = granule - skip;
    if (samples <= 0 || samples > (int64_t)DURATION_MAX_S * RATE_HZ)
        return 0;
    return samples * MCU_US_PER_S / RATE_HZ;
}

int rec_ogg_pages_scan(const struct rec_boxes_reader *reader, struct rec_ogg_pages *out)
{
    struct rec_ogg_pages found = {0};
    struct page page;
    uint32_t serial = 0, number = 0;
    uint16_t skip = 0;
    int got;
    while ((got = read_page(reader, found.good_bytes, &page)) > 0) {
        if (!found.is_opus) {
            if (!is_head(&page))
                break;
            found.is_opus = true;
            serial = page.serial;
            number = page.number;
            skip = AV_RL16(page.body + 10);
        } else if (page.serial != serial || page.number != ++number || (page.flags & FLAG_BEGIN)) {
            break;
        }
        found.good_bytes += page.size;
        if (page.granule >= 0)
            found.duration_us = duration_of(page.granule, skip);
        found.has_end = page.flags & FLAG_END;
        if (found.has_end)
            break;
    }
    if (got < 0)
        return got;
    *out = found;
    return 0;
}
