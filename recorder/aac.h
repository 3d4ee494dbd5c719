/* recorder/aac.h - the one AAC encode of a room, shared by all its recordings and pushes; and, while
 * somebody wants that, the one of Opus beside it.
 *
 * Threads: [tick] pushes PCM and never waits, [aac] the encoder's own thread makes packets. With
 * conf.is_inline there is no thread: packets come out inside the push. */
#ifndef RECORDER_AAC_H
#define RECORDER_AAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/packet.h"

struct rec_aac;

struct rec_aac_conf {
    uint32_t channels;    /* 1 or 2 */
    uint32_t bitrate_bps;
    bool is_inline;
    void *ctx;
    /* [aac] One AAC frame of 1024 samples, or one Opus packet of 960, as its codec says; pts_us is
     * exact: the encoder's delay is taken off. Borrowed: take a reference to keep it. */
    void (*on_packet)(void *ctx, struct mcu_packet *packet);
};

/* [ctl] The caller owns *out. Returns 0, -EINVAL, -ENOTSUP or -ENOMEM. */
int rec_aac_create(struct rec_aac **out, const struct rec_aac_conf *conf);

/* [ctl] Gives out what is held back, ends the thread, frees. NULL is fine. */
void rec_aac_destroy(struct rec_aac *a);

/* [any] The AudioSpecificConfig; valid as long as the encoder. */
const uint8_t *rec_aac_config(const struct rec_aac *a, size_t *size);

/* [any] One more wants Opus, or one less: as often as it was said. */
void rec_aac_want_opus(struct rec_aac *a, bool is_wanted);

/* [tick] frames samples per channel of interleaved float at 48 kHz that begin at pts_us. Copies.
 * Returns 0 or -ENOBUFS (dropped, counted; the gap is filled with silence so that time stays
 * right). */
int rec_aac_push(struct rec_aac *a, const float *pcm, size_t frames, int64_t pts_us);

/* [ctl] Gives out what is held back (inline: inside the call), ends the stream. */
void rec_aac_flush(struct rec_aac *a);

#endif
