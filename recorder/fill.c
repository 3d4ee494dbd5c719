#include "recorder/fill.h"

#include <string.h>

#include "mcu/base/clock.h"

enum { BUFFER_MS = 600, NAL_FILLER = 12, PAYLOAD = 0xff, TRAILING = 0x80 };

void rec_fill_init(struct rec_fill *f, uint64_t rate_bps)
{
    *f = (struct rec_fill){.rate_bps = rate_bps, .last_us = INT64_MIN};
}

static int64_t bytes_of(const struct rec_fill *f, int64_t us)
{
    return (int64_t)f->rate_bps / 8 * us / MCU_US_PER_S;
}

size_t rec_fill_next(struct rec_fill *f, int64_t dts_us, size_t size)
{
    const int64_t second = bytes_of(f, MCU_US_PER_S);
    const int64_t buffer = bytes_of(f, BUFFER_MS * MCU_US_PER_MS);
    int64_t gap_us = f->last_us == INT64_MIN ? 0 : dts_us - f->last_us;
    if (gap_us < 0 || gap_us > 2 * MCU_US_PER_S) /* pictures were dropped: nothing to make up for */
        gap_us = 0;
    f->last_us = dts_us;
    f->credit += bytes_of(f, gap_us) - (int64_t)size;
    if (f->credit < -2 * buffer)
        f->credit = -2 * buffer;
    int64_t fill = f->credit - buffer;
    if (fill < REC_FILL_MIN)
        return 0;
    if (fill > second)
        fill = second;
    f->credit -= fill;
    return (size_t)fill;
}

/* 7.3.2.7 and 7.4.2.7 of ITU-T H.264. */
void rec_fill_write(uint8_t *out, size_t n)
{
    static const uint8_t head[] = {0, 0, 0, 1, NAL_FILLER};
    memcpy(out, head, sizeof(head));
    memset(out + sizeof(head), PAYLOAD, n - sizeof(head) - 1);
    out[n - 1] = TRAILING;
}
