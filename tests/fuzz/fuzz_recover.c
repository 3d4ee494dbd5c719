/* Fuzzes the walk over a recording's boxes, and the look whether a media file is cut off. Aborts when
 * the walk reads outside of the file or answers something that cannot be. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/boxes.h"
#include "recorder/cut.h"

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
    if (rec_is_cut_reader(&reader, &is_cut) != 0)
        abort();
    return 0;
}
