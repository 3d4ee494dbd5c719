/* mixer/output.h - one stream of Opus packets: its sound (blend.h), its encoder, its packets.
 *
 * Outputs are made ahead on [ctl] and kept in a pool: [tick] takes one, uses it in any quality and
 * gives it back. One that is being warmed up encodes the sound of another (docs/decisions.md,
 * "Switching mixes").
 *
 * Packets come from a ring of 64 made beforehand, in which the output keeps one reference each; a
 * packet whose other references are all gone is used again. When the one that is next is still
 * held by somebody (1.3 s later), a new one is made by malloc instead, and counted. */
#ifndef MIXER_OUTPUT_H
#define MIXER_OUTPUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mixer/blend.h"
#include "mixer/mix.h"
#include "mixer/post.h"

enum { MIX_OUTPUT_POOL = 64 };

struct OpusEncoder;

struct mix_output {
    /* fixed */
    uint32_t number; /* as the sink knows it */
    struct mix_node add;
    struct OpusEncoder *opus;
    struct mcu_packet *pool[MIX_OUTPUT_POOL];
    /* [tick] */
    uint32_t pool_next;
    bool is_fresh; /* nothing was encoded since the last reset */
    enum mix_quality quality;
    struct mix_blend blend;
    bool is_used; /* not in the pool */
    uint32_t listeners;
    uint16_t wish;           /* of those who stay (switch.c) */
    uint16_t first_group;    /* of its listeners, in the review that runs */
    struct mix_output *from; /* warming up on its sound; NULL: on its own */
    struct mix_output *into; /* on the same sound, to which the listeners move */
    uint32_t same_ticks;     /* encoded on the same sound as from or into, in a row */
    uint32_t silent_ticks;
    bool is_first_after; /* this packet is the first that somebody hears after another's */
    bool is_kept;        /* found in use by the review that runs */
};

/* [ctl] Returns 0 or -ENOMEM. */
int mix_output_create(struct mix_output **out, uint32_t number, const struct mix_conf *conf);
/* [ctl] NULL is fine. */
void mix_output_destroy(struct mix_output *o);

/* [tick] In force from the next packet on. */
void mix_output_set_quality(struct mix_output *o, enum mix_quality quality,
                            const struct mix_conf *conf);

/* [tick] Encodes the blend's sound. Returns a packet with a reference for the caller, or NULL (no
 * memory). *misses rises when the pool had none. */
struct mcu_packet *mix_output_encode(struct mix_output *o, int64_t now_us,
                                     const struct mix_conf *conf, atomic_uint_least64_t *misses);

/* [tick] Nobody listens any more: the next packet begins without a past. */
void mix_output_rest(struct mix_output *o, size_t channels);

#endif
