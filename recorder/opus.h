/* recorder/opus.h - a room's sound as Opus packets of 20 ms.
 *
 * One thread at a time ([aac]). Samples are given in one row, without gaps. */
#ifndef RECORDER_OPUS_H
#define RECORDER_OPUS_H

#include <stddef.h>
#include <stdint.h>

#include "mcu/base/packet.h"

struct rec_opus; /* opaque */

struct rec_opus_conf {
    uint32_t channels;    /* 1 or 2 */
    uint32_t bitrate_bps; /* Opus takes 510000 at most: more is that */
    void *ctx;
    /* One packet; pts_us is when its first sample was heard. Borrowed. */
    void (*on_packet)(void *ctx, struct mcu_packet *packet);
};

/* The caller owns *out. Returns 0, -EINVAL or -ENOMEM. */
int rec_opus_create(struct rec_opus **out, const struct rec_opus_conf *conf);

/* What is held back is lost. NULL is fine. */
void rec_opus_destroy(struct rec_opus *o);

/* Samples per channel, interleaved, at 48 kHz, of which the first was heard at at_us. pcm NULL:
 * silence. */
void rec_opus_put(struct rec_opus *o, const float *pcm, size_t samples, int64_t at_us);

/* Gives out what is held back, with silence behind it. */
void rec_opus_flush(struct rec_opus *o);

#endif
