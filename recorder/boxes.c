/* The walk over top-level boxes. A size of 1 puts a 64-bit one behind the type, 0 means "to the end
 * of the file", which a recording of ours never says and a media file of others may. */
#include "recorder/boxes.h"

#include <errno.h>

#include "mcu/base/bytes.h"

#define TYPE(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

enum { BOXES_MAX = 4 * 1000 * 1000 }; /* a week of fragments; bounds the work on a hostile file */

struct box {
    uint32_t type;
    uint64_t start;
    uint64_t body; /* where its content starts */
    uint64_t end;
};

static bool is_type(uint32_t type)
{
    for (int shift = 0; shift < 32; shift += 8) {
        const uint32_t c = type >> shift & 0xff;
        if ((c < 0x20 || c > 0x7e) && c != 0xa9)
            return false;
    }
    return true;
}

/* The box at an offset, which must end at `limit` or before. Returns 1, 0 when there is no whole box,
 * or a negative errno. */
static int read_box(const struct rec_boxes_reader *reader, uint64_t at, uint64_t limit,
                    struct box *out)
{
    uint8_t bytes[16] = {0};
    if (limit - at < 8)
        return 0;
    const size_t n = limit - at < sizeof(bytes) ? 8 : sizeof(bytes);
    const int err = reader->read_at(reader->ctx, bytes, n, at);
    if (err)
        return err;
    struct mcu_reader r = mcu_reader(bytes, n);
    uint64_t size = mcu_take_u32(&r);
    out->type = mcu_take_u32(&r);
    out->start = at;
    out->body = at + 8;
    if (size == 1) {
        size = mcu_take_u64(&r);
        out->body = at + 16;
    } else if (size == 0) {
        size = limit - at;
    }
    if (r.failed || !is_type(out->type) || size < out->body - at || size > limit - at)
        return 0;
    out->end = at + size;
    return 1;
}

/* Whether the children of a box fill it exactly; *has_child tells whether one is of a type. */
static int walk_children(const struct rec_boxes_reader *reader, const struct box *parent,
                         uint32_t child, bool *has_child)
{
    uint64_t at = parent->body;
    for (uint32_t n = 0; at < parent->end; n++) {
        struct box box;
        const int got = n < BOXES_MAX ? read_box(reader, at, parent->end, &box) : 0;
        if (got <= 0)
            return got;
        if (box.type == child)
            *has_child = true;
        at = box.end;
    }
    return 1;
}

/* What one whole box means for the picture so far. Returns 1 to go on, 0 when it is wrong here. */
static int take_box(const struct rec_boxes_reader *reader, const struct box *box, bool *in_fragment,
                    struct rec_boxes *out)
{
    bool ignored = false;
    if (*in_fragment && box->type != TYPE('m', 'd', 'a', 't'))
        return 0;
    switch (box->type) {
    case TYPE('f', 't', 'y', 'p'):
        out->has_ftyp |= box->start == 0;
        return 1;
    case TYPE('m', 'o', 'o', 'v'):
        out->has_moov = true;
        return walk_children(reader, box, TYPE('m', 'v', 'e', 'x'), &out->is_fragmented);
    case TYPE('m', 'o', 'o', 'f'):
        *in_fragment = true;
        return out->has_moov ? walk_children(reader, box, 0, &ignored) : 0;
    case TYPE('m', 'd', 'a', 't'):
        if (*in_fragment)
            out->fragments++;
        else
            out->has_mdat = true;
        *in_fragment = false;
        return 1;
    default:
        return 1;
    }
}

int rec_boxes_scan(const struct rec_boxes_reader *reader, struct rec_boxes *out)
{
    struct rec_boxes found = {0};
    bool in_fragment = false;
    uint64_t at = 0;
    for (uint32_t n = 0; at < reader->size; n++) {
        struct box box;
        int got = n < BOXES_MAX ? read_box(reader, at, reader->size, &box) : 0;
        if (got > 0)
            got = take_box(reader, &box, &in_fragment, &found);
        if (got < 0)
            return got;
        if (got == 0)
            break;
        at = box.end;
        if (!in_fragment)
            found.good_bytes = at;
    }
    found.is_cut = found.good_bytes < reader->size;
    *out = found;
    return 0;
}
