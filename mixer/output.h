/* mixer/output.h - one distinct mix: its sound in the tick, its Opus encoder and its packets.
 *
 * Packets come from a ring of 64 made beforehand, in which the output keeps one reference each; a
 * packet whose other references are all gone is used again. When the one that is next is still
 * held by somebody (1.3 s later), a new one is made by malloc instead, and counted. */
#ifndef MIXER_OUTPUT_H
#define MIXER_OUTPUT_H

#include <stdint.h>

#include "mixer/mix.h"

enum { MIX_OUTPUT_POOL = 64 };

struct OpusEncoder;

struct mix_output {
    uint32_t number; /* 0: everyone; n: everyone but input n - 1 */
    struct OpusEncoder *opus;
    struct mcu_packet *pool[MIX_OUTPUT_POOL];
    uint32_t pool_next;
    uint32_t listeners; /* [tick] */
    bool is_fresh;      /* [tick] nothing was encoded since the last reset */
    float *pcm;         /* [tick] the last tick's sound, as it was encoded */
};

/* [ctl] Returns 0 or -ENOMEM. */
int mix_output_create(struct mix_output **out, uint32_t number, const struct mix_conf *conf);
/* [ctl] NULL is fine. */
void mix_output_destroy(struct mix_output *o);

/* [tick] Encodes o->pcm. Returns a packet with a reference for the caller, or NULL (no memory).
 * *misses rises when the pool had none. */
struct mcu_packet *mix_output_encode(struct mix_output *o, int64_t now_us,
                                     atomic_uint_least64_t *misses);

/* [tick] Nobody listens any more: the next packet begins without a past. */
void mix_output_rest(struct mix_output *o);

#endif
