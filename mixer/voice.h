/* mixer/voice.h - the [tick] side of an input: which packet plays when, and what fills its gaps.
 *
 * Positions are frames on the mix's axis. A packet captured at `source` plays at source + delay.
 * Packets whose sequence numbers follow each other are contiguous, whatever small jitter their
 * times have; a hole in time alone is a pause, a hole in the sequence is a loss (concealed). The
 * delay in force follows the target: at pauses for free, in sound by leaving out or repeating a few
 * milliseconds. A sender's clock that drifts is followed by resampling (drift.h, resample.h).
 *
 *     voice_queue.c  packets in order, levels, lateness     voice.c          what plays when
 *     voice_sound.c  decoding, concealing, comfort noise    voice_stretch.c  the delay in sound
 *     voice_rest.c   a voice that nobody would hear is not decoded, and begins again cleanly
 *
 * Each tick: observe, then either render or skip. With a pinned delay only what is due by its time
 * before the end of the tick is looked at, so the sound does not depend on how far ahead packets
 * were pushed; nothing is resampled and no comfort noise is made. */
#ifndef MIXER_VOICE_H
#define MIXER_VOICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mixer/drift.h"
#include "mixer/inbox.h"
#include "mixer/level.h"
#include "mixer/line.h"
#include "mixer/playout.h"
#include "mixer/resample.h"

struct OpusDecoder;

enum {
    MIX_LATE_RUN_MAX = 50, /* late packets in a row, after which their times are taken anew */
    MIX_HELD = 2,          /* packets kept of those that were not decoded */
};

struct mix_counters { /* [any] reads */
    atomic_uint_least64_t packets, late, lost, overrun, undecodable, frames, concealed, stretched;
    atomic_uint_least64_t recovered_fec, gated, decodes;
    atomic_int drift_ppm;
};

struct mix_voice {
    struct mix_inbox *inbox;
    struct mix_counters *counters;
    struct mix_level *level;  /* takes what packets say */
    struct OpusDecoder *opus; /* NULL: slots hold PCM */
    bool is_pinned;
    struct mix_playout playout;
    struct mix_line line;
    struct mix_slot *waiting[MIX_SLOTS]; /* by sequence */
    size_t waiting_count;
    int64_t tick;   /* where the tick in hand begins */
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
    bool is_dtx;          /* that packet said that the sender is silent from here on */
    bool was_celt;        /* it had no SILK part: the decoder cannot use in-band FEC after it */
    /* Since then. */
    uint32_t concealed_run; /* frames made up */
    bool is_cut;            /* the last of them were left out */
    uint32_t pending;       /* of those, not yet known to stand for a loss */
    uint32_t pending_quiet; /* the same, of silence that was left in place of sound */
    uint32_t refused;       /* packets that the decoder refused */
    uint32_t late_run;      /* late packets in a row */
    /* Delay correction in sound. */
    bool is_correcting;
    uint32_t ticks_since_stretch;
    /* Clock drift. */
    struct mix_drift drift;
    struct mix_resample resample;
    bool is_resampling;
    bool is_making_room; /* it begins */
    /* Comfort noise. */
    float background; /* mean square of the quietest sound of late */
    bool is_noise;    /* it is what was put last */
    uint32_t noise;   /* state of its generator */
    /* Not decoded. */
    bool is_resting;
    bool is_resuming;                /* nothing was decoded since */
    uint32_t silent_frames;          /* of sound in a row whose packets said they are silent */
    struct mix_slot *held[MIX_HELD]; /* the newest that were left out, oldest first */
    size_t held_count;
};

/* Where a packet goes. */
enum mix_kind { MIX_FIRST, MIX_NEXT, MIX_LOSS, MIX_PAUSE, MIX_JUMP };

struct mix_place {
    enum mix_kind kind;
    int64_t source;
    int64_t delay;
};

struct mix_voice_conf {
    struct mix_inbox *inbox;
    struct mix_counters *counters;
    struct mix_level *level;
    struct OpusDecoder *opus; /* NULL: slots hold PCM */
    uint32_t channels;
    int64_t min_us, max_us; /* equal: the delay is pinned */
};

/* [ctl] Returns 0 or -ENOMEM; finish takes a half-made one. */
int mix_voice_init(struct mix_voice *v, const struct mix_voice_conf *conf);
void mix_voice_finish(struct mix_voice *v);

/* [tick] First: takes what came; the tick begins at frame `tick`. */
void mix_voice_observe(struct mix_voice *v, int64_t tick, int64_t floor_us);

/* [tick] The sound of the tick, or NULL when it is silent. */
const float *mix_voice_render(struct mix_voice *v);

/* [tick] Or leaves out what is due. */
void mix_voice_skip(struct mix_voice *v);

/* [tick] What was due lately was silence by what its packets said, and so is what waits. */
bool mix_voice_is_silent(const struct mix_voice *v);

/* --- between the files of a voice, all [tick] ----------------------------------------------------
 */

/* Takes what came and sorts it. */
void mix_voice_collect(struct mix_voice *v);

/* The first waiting packet if it may be looked at now, or NULL. */
struct mix_slot *mix_voice_peek(const struct mix_voice *v);

/* The first waiting packet is done with. take: the caller keeps it and gives it back. */
void mix_voice_pop(struct mix_voice *v);
struct mix_slot *mix_voice_take(struct mix_voice *v);

/* Marks packets up to and including this one as past. */
void mix_voice_pass(struct mix_voice *v, uint64_t sequence);

/* Where a packet goes. */
struct mix_place mix_voice_place(const struct mix_voice *v, const struct mix_slot *p);

/* The anchor moves past this packet, whose sound is `frames` long: what was missing before it is
 * settled. */
void mix_voice_settle(struct mix_voice *v, const struct mix_slot *p, const struct mix_place *place,
                      uint32_t frames);

/* The first waiting packet comes too late, or cannot be decoded. */
void mix_voice_drop_late(struct mix_voice *v, const struct mix_slot *p,
                         const struct mix_place *place);
void mix_voice_refuse(struct mix_voice *v);

/* Decodes into the fifo. Returns frames there (0: the resampler keeps them), or -EBADMSG. */
int mix_voice_decode(struct mix_voice *v, const struct mix_slot *p);

/* Made-up sound for `gap` frames before the packet `next`, of which it uses the copy (in-band FEC)
 * if it has one; NULL: none is there. */
void mix_voice_conceal(struct mix_voice *v, const struct mix_slot *next, int64_t gap);

/* The same for what this tick lacks, in whole steps, at most `most`. */
void mix_voice_conceal_tick(struct mix_voice *v, int64_t most);

/* Whether the sound before the packet `next` can be had from it. */
bool mix_voice_has_copy(const struct mix_voice *v, const struct mix_slot *next);

/* How much may still be made up: only in continuation of sound, and not for long. */
int64_t mix_voice_conceal_budget(const struct mix_voice *v);

/* Puts silence, or low noise where sound was a moment ago, into the tick. */
void mix_voice_quiet(struct mix_voice *v, int64_t frames, bool is_gap);

/* So much silence stands where sound may be missing: known when the next packet comes. */
void mix_voice_miss(struct mix_voice *v, int64_t frames);

/* Before a packet is decoded: starts to resample if that is worth it, or ends it where the
 * sound does not go on. */
void mix_voice_follow_drift(struct mix_voice *v, bool goes_on);

/* Moves the delay in force towards the target by at most one small piece. */
void mix_voice_stretch(struct mix_voice *v);

/* The voice is decoded again after a rest. */
void mix_voice_resume(struct mix_voice *v);

static inline void mix_count(atomic_uint_least64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline int64_t mix_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#endif
