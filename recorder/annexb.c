/* Annex B: NAL units between start codes 00 00 01, of which a zero byte before belongs to the code. */
#include "recorder/annexb.h"

#include <errno.h>
#include <stdbool.h>

#include "mcu/base/bytes.h"

enum { NAL_SPS = 7, NAL_PPS = 8 };

struct nal {
    const uint8_t *data;
    size_t size;
};

/* The offset just after the next start code at or past `at`, or size when there is none. */
static size_t after_start_code(const uint8_t *data, size_t size, size_t at)
{
    for (; at + 3 <= size; at++) {
        if (data[at] == 0 && data[at + 1] == 0 && data[at + 2] == 1)
            return at + 3;
    }
    return size;
}

/* The NAL unit after the start code that ends at *at, and moves *at past the next one. */
static bool next_nal(const uint8_t *data, size_t size, size_t *at, struct nal *out)
{
    if (*at >= size)
        return false;
    const size_t next = after_start_code(data, size, *at);
    size_t end = next;
    if (next < size || (size >= 3 && data[size - 3] == 0 && data[size - 2] == 0 &&
                        data[size - 1] == 1 && next - *at >= 3))
        end = next - 3;
    while (end > *at && data[end - 1] == 0)
        end--;
    *out = (struct nal){.data = data + *at, .size = end - *at};
    *at = next;
    return true;
}

int rec_annexb_parameters(const uint8_t *data, size_t data_size, uint8_t *out, size_t capacity,
                          size_t *size)
{
    struct mcu_writer w = mcu_writer(out, capacity);
    bool has_sps = false;
    bool has_pps = false;
    size_t at = after_start_code(data, data_size, 0);
    for (struct nal nal; next_nal(data, data_size, &at, &nal);) {
        const int type = nal.size ? nal.data[0] & 0x1f : 0;
        /* libav reads the profile out of the first four bytes of an SPS. */
        if (type != NAL_PPS && (type != NAL_SPS || nal.size < 4))
            continue;
        has_sps |= type == NAL_SPS;
        has_pps |= type == NAL_PPS;
        mcu_put_u32(&w, 1);
        mcu_put(&w, nal.data, nal.size);
    }
    if (w.failed)
        return -EMSGSIZE;
    if (!has_sps || !has_pps)
        return -ENODATA;
    *size = mcu_written(&w);
    return 0;
}
