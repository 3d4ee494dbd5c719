/* Fuzzes the walk over a recording's boxes, that over an OGG's pages, and the look whether a media file is cut off. Aborts when
 * the walk reads outside of the file or answers something that cannot be. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/boxes.h"
#include "recorder/cut.h"
#include "recorder/ogg_pages.h"

struct memory {
    const uint8_t *data;
    size_t size;
};

static int read_memory(void *ctx, void *to, size_t n, uint64_t at)
{
    const struct memory *m = ctx;
    if (at > m->size || n > m->size - at)
        abort();
    memcpy(to, m->data + at, n);
    return 0;
}

static void walk_pages(const struct rec_boxes_reader *of)
{
    struct rec_boxes_reader reader = *of;
    struct rec_ogg_pages whole, again;
    if (rec_ogg_pages_scan(&reader, &whole) != 0 || whole.good_bytes > reader.size)
        abort();
    if (whole.is_opus != (whole.good_bytes > 0) || (whole.duration_us && !whole.is_opus))
        abort();
    reader.size = whole.good_bytes;
    if (rec_ogg_pages_scan(&reader, &again) != 0 || again.good_bytes != whole.good_bytes ||
        again.duration_us != whole.duration_us || again.has_end != whole.has_end)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory m = {data, size};
    struct rec_boxes_reader reader = {&m, read_memory, size};
    struct rec_boxes whole;
    if (rec_boxes_scan(&reader, &whole) != 0)
        abort();
    if (whole.good_bytes > size || whole.is_cut != (whole.good_bytes < size))
        abort();
    /* What it calls whole is whole: a walk over that part alone says the same. */
    reader.size = whole.good_bytes;
    struct rec_boxes again;
    if (rec_boxes_scan(&reader, &again) != 0 || again.is_cut)
        abort();
    if (again.fragments != whole.fragments || again.good_bytes != whole.good_bytes)
        abort();
    bool is_cut;
    reader.size = size;
    walk_pages(&reader);
    if (rec_is_cut_reader(&reader, &is_cut) != 0)
        abort();
    return 0;
}
