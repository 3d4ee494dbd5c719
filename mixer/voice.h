/* mixer/voice.h - the [tick] side of an input: which packet plays when, and what fills its gaps.
 *
 * Positions are frames on the mix's axis. A packet captured at `source` plays at source + delay.
 * Packets whose sequence numbers follow each other are contiguous, whatever small jitter their
 * times have; a hole in time alone is a pause (silence), a hole in the sequence is a loss
 * (concealed). The delay in force follows the target: at pauses for free, in sound by leaving out
 * or repeating a few milliseconds.
 *
 * With a pinned delay only what is due by its time before the end of the tick is looked at, so the
 * sound does not depend on how far ahead packets were pushed. */
#ifndef MIXER_VOICE_H
#define MIXER_VOICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mixer/inbox.h"
#include "mixer/line.h"
#include "mixer/playout.h"

struct OpusDecoder;

enum { MIX_LATE_RUN_MAX = 50 }; /* late packets in a row, after which their times are taken anew */

struct mix_counters { /* [any] reads */
    atomic_uint_least64_t packets, late, lost, overrun, undecodable, frames, concealed, stretched;
};

struct mix_voice {
    struct mix_inbox *inbox;
    struct mix_counters *counters;
    struct OpusDecoder *opus; /* NULL: slots hold PCM */
    bool is_pinned;
    struct mix_playout playout;
    struct mix_line line;
    struct mix_slot *waiting[MIX_SLOTS]; /* by sequence */
    size_t waiting_count;
    int64_t tick; /* where the tick in hand begins */
    int64_t target; /* playout delay wanted, frames */
    int64_t delay;  /* playout delay in force */
    int64_t shift;  /* added to packet times that make no sense as they are */
    /* Where the sound decoded last ended. */
    bool is_anchored;
    uint64_t next_sequence;
    uint64_t sequence_shift; /* added to numbers, after a sender started again */
    int64_t next_source;
    uint32_t last_frames; /* length of that packet */
    uint64_t seen;        /* which of the 64 numbers before next_sequence came */
    /* Since then. */
    uint32_t concealed_run; /* frames made up */
    bool is_cut;            /* the last of them were left out */
    uint32_t pending;       /* of those, not yet known to stand for a loss */
    uint32_t refused;       /* packets that the decoder refused */
    uint32_t late_run;      /* late packets in a row */
    /* Delay correction in sound. */
    bool is_correcting;
    uint32_t ticks_since_stretch;
};

/* [ctl] min_us equal to max_us pins the delay. Returns 0 or -ENOMEM. */
int mix_voice_init(struct mix_voice *v, struct mix_inbox *inbox, struct mix_counters *counters,
                   struct OpusDecoder *opus, uint32_t channels, int64_t min_us, int64_t max_us);
void mix_voice_finish(struct mix_voice *v);

/* [tick] The sound of the tick that begins at frame `tick`, or NULL when it is silent. */
const float *mix_voice_render(struct mix_voice *v, int64_t tick, int64_t floor_us);

/* [tick] Takes what came and sorts it; part of render (voice_queue.c). */
void mix_voice_collect(struct mix_voice *v);

/* [tick] The first waiting packet if it may be looked at now, or NULL. */
struct mix_slot *mix_voice_peek(const struct mix_voice *v);

/* [tick] The first waiting packet is done with. */
void mix_voice_pop(struct mix_voice *v);

/* [tick] Marks packets up to and including this one as past. */
void mix_voice_pass(struct mix_voice *v, uint64_t sequence);

static inline void mix_count(atomic_uint_least64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

#endif
