/* recorder/fill.h - filler that makes a stream's rate constant (H264, NAL unit type 12).
 *
 * The encoder never sends more than its rate over its buffer, but a calm picture takes less, and
 * live platforms take a stream whose rate falls for one that breaks. A bucket as large as the
 * encoder's buffer collects what was not used; what would run over is filled.
 *
 *     rate ──▶ | credit, to -2 ... 1 buffer | ──▶ pictures, and filler for what overflows
 *
 * Pure: no threads, no I/O, no allocation. */
#ifndef RECORDER_FILL_H
#define RECORDER_FILL_H

#include <stddef.h>
#include <stdint.h>

struct rec_fill {
    uint64_t rate_bps; /* 0: no filler */
    int64_t credit;    /* bytes */
    int64_t last_us;   /* INT64_MIN: no picture yet */
};

void rec_fill_init(struct rec_fill *f, uint64_t rate_bps);

/* Bytes of filler to put behind a picture of so many bytes at that time: 0, or REC_FILL_MIN to a
 * second's worth. */
size_t rec_fill_next(struct rec_fill *f, int64_t dts_us, size_t size);

enum { REC_FILL_MIN = 6 }; /* start code, type, trailing bits */

/* n >= REC_FILL_MIN bytes of one NAL unit with its start code. */
void rec_fill_write(uint8_t *out, size_t n);

#endif
