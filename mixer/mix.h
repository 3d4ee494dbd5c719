/* mixer/mix.h - many voices in, one N-1 mix out for each who speaks, one for all who only listen.
 *
 * Threads: [ctl] the room's control thread, [net] a transport thread (one per input at a time),
 * [tick] the room's audio thread. All may be one thread, as in `mixdown mix`. [tick] does not
 * block, allocate or log.
 *
 * Time: the mix has no clock of its own. mix_tick(now) mixes the sound that is due in
 * [now, now + tick): the sound captured at pts plays at pts + the input's playout delay.
 * Samples: 48 kHz, interleaved float, full scale +-1.0. */
#ifndef MIXER_MIX_H
#define MIXER_MIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/codec.h"
#include "mcu/base/packet.h"

#define MIX_RATE_HZ     48000
#define MIX_TICK_US     INT64_C(20000)
#define MIX_TICK_FRAMES 960 /* samples per channel in one tick */

enum {
    MIX_INPUTS_MAX = 128,
    MIX_OUTPUTS_MAX = MIX_INPUTS_MAX + 1, /* output 0 is the mix of everyone */
};

struct mix;          /* one per room */
struct mix_input;    /* one voice */
struct mix_listener; /* one who hears */

struct mix_conf {
    uint32_t channels;    /* of the mix: 1 or 2 */
    uint32_t bitrate_bps; /* of each Opus output, 6000..256000 */
    int complexity;       /* of Opus, 0..10 */
    /* Playout delay that the jitter buffer may choose. Equal values pin it: `mixdown mix` has 0
     * and 0, a live room 20 and 300 ms. */
    int64_t min_delay_us;
    int64_t max_delay_us;
};

/* What the mixer calls, on [tick]. Quick work only: hand on and return. */
struct mix_sink {
    void *ctx;
    /* One Opus packet of 20 ms of an output; pts_us is the tick's now_us. Borrowed: take a
     * reference to keep it. */
    void (*on_packet)(void *ctx, uint32_t output, struct mcu_packet *packet);
    /* The listener hears this output from the next packet on. listener_ctx is the one given to
     * mix_listener_add(). */
    void (*on_assign)(void *ctx, void *listener_ctx, uint32_t output);
    /* The mix of everyone, MIX_TICK_FRAMES frames, at each tick, while wanted with
     * mix_want_pcm(). Borrowed. */
    void (*on_pcm)(void *ctx, const float *pcm, size_t frames, int64_t pts_us);
};

struct mix_input_conf {
    enum mcu_codec codec;     /* MCU_CODEC_OPUS, _AAC or _VORBIS */
    uint32_t channels;        /* of the source; Opus decodes to the mix's own number */
    uint32_t rate_hz;         /* of the source; resampled when it is not 48000 */
    const uint8_t *extradata; /* codec set-up as FFmpeg names it; copied; NULL for Opus in RTP */
    size_t extradata_size;
};

struct mix_packet {
    const uint8_t *data; /* one codec frame; copied */
    size_t size;
    uint64_t sequence;   /* extended RTP sequence number (or a count): a gap is a loss */
    int64_t pts_us;      /* capture time on the room clock */
    int64_t arrival_us;  /* when it arrived, on the room clock */
};

struct mix_input_stats {
    uint64_t packets;        /* pushed */
    uint64_t late;           /* came after their time, dropped */
    uint64_t lost;           /* never came */
    uint64_t overrun;        /* dropped because the input was full */
    uint64_t undecodable;    /* refused by the decoder */
    uint64_t frames;         /* samples per channel played */
    uint64_t concealed;      /* of those, made up by loss concealment */
    int64_t delay_us;        /* playout delay now */
    uint64_t stretched;      /* times a few ms were left out or repeated to correct the delay */
};

struct mix_stats {
    uint64_t ticks;
    uint64_t encodes;        /* Opus packets made */
    uint32_t outputs;        /* distinct mixes at the last tick */
    uint64_t pool_misses;    /* packets made by malloc, as 64 of an output were still held */
};

/* [ctl] The caller owns *out and frees it with mix_destroy(); untouched on error. The sink is
 * copied. Returns 0, -EINVAL (conf out of range) or -ENOMEM. */
int mix_create(struct mix **out, const struct mix_conf *conf, const struct mix_sink *sink);

/* [ctl] Frees the mix with the inputs and listeners that are left. No tick may run. NULL is fine. */
void mix_destroy(struct mix *m);

/* [ctl] A new voice. *out is the mixer's, valid until mix_input_remove(). Returns 0, -EINVAL,
 * -ENOSPC (MIX_INPUTS_MAX) or -ENOMEM. */
int mix_input_add(struct mix *m, struct mix_input **out, const struct mix_input_conf *conf);

/* [ctl] Its sound fades out at the next tick. No push may run now or later. NULL is fine. Listeners
 * that named it as their own lose that. */
void mix_input_remove(struct mix *m, struct mix_input *in);

/* [net] Queues a packet. Returns 0, -EINVAL (empty, or over 8192 bytes) or
 * -ENOBUFS when the input is full: nothing is queued and stats.overrun rises. */
int mix_input_push(struct mix_input *in, const struct mix_packet *packet);

/* [any] Silence it, or not, with a fade of 10 ms. */
void mix_input_set_muted(struct mix_input *in, bool is_muted);

/* [any] A floor under the playout delay of this input, from the lateness of its picture: lips. */
void mix_input_set_min_delay_us(struct mix_input *in, int64_t delay_us);

/* [any] The playout delay in force. */
int64_t mix_input_delay_us(const struct mix_input *in);

/* [any] Smoothed level of what was played, in dBov (0 loudest, -127 silence), and whether it is
 * taken for speech (with hysteresis). */
float mix_input_level_dbov(const struct mix_input *in);
bool mix_input_is_speaking(const struct mix_input *in);

/* [any] A snapshot of the counters. */
void mix_input_read_stats(const struct mix_input *in, struct mix_input_stats *stats);

/* [ctl] A new listener; own is the voice that it must not hear, or NULL. on_assign() tells its
 * output at the next tick, and again whenever that changes. Returns 0 or -ENOMEM. */
int mix_listener_add(struct mix *m, struct mix_listener **out, struct mix_input *own,
                     void *listener_ctx);

/* [ctl] After this no on_assign() names it: on return, or when the tick that runs has ended. An
 * output that nobody hears is no longer encoded. NULL is fine. */
void mix_listener_remove(struct mix *m, struct mix_listener *l);

/* [ctl] Whether on_pcm() is called. Counted: each true needs its false. */
void mix_want_pcm(struct mix *m, bool is_wanted);

/* [tick] One tick. now_us advances by MIX_TICK_US each time. */
void mix_tick(struct mix *m, int64_t now_us);

/* [any] */
void mix_read_stats(const struct mix *m, struct mix_stats *stats);

#endif
