/* mixer/mix.h - many voices in; out, one mix for each distinct thing that somebody hears.
 *
 *     packets ─▶ input: jitter buffer, levels ─┐
 *                                              ├─▶ speakers: the K loudest ─▶ decode, process
 *     RFC 6464 levels ─────────────────────────┘                                  │
 *     clips ─▶ sounds ────────────────────────────────────────────────────────────┤
 *                                                                                 ▼
 *     listener = profile (buses, gains, sounds) less his own voice ─▶ mix ─▶ limiter ─▶ Opus
 *
 * Who hears the same thing at the same quality shares one output: with K speakers at most K + 1
 * mixes in each quality, plus what somebody asked to hear in his own way. A listener moves between
 * outputs without a click (docs/decisions.md, "Switching mixes").
 *
 * Threads: [ctl] the room's control thread, [net] a transport thread (one per input at a time),
 * [tick] the room's audio thread. All may be one thread, as in `mixdown mix`. [tick] does not
 * block, allocate or log.
 *
 * Time: the mix has no clock of its own. mix_tick(now) mixes the sound that is due in
 * [now, now + tick): the sound captured at pts plays at pts + the input's playout delay.
 * Samples: 48 kHz, interleaved float, full scale +-1.0. Gains are factors: 1 is as it was. */
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
#define MIX_GAIN_MAX    2.0f

enum {
    MIX_INPUTS_MAX = 1280,
    MIX_OUTPUTS_MAX = 512,  /* in all qualities, those that are being warmed up included */
    MIX_SPEAKERS_MAX = 32,  /* K */
    MIX_SOUNDS_MAX = 16,    /* playing at once */
    MIX_BUSES_MAX = 16,     /* submixes; bus 0 is the floor that everyone starts with */
    MIX_NOTHING = -1,       /* an output that is none: silence, and no packets */
};

enum mix_quality {
    MIX_CLEAN, /* at the mix's bit rate, without redundancy */
    MIX_FEC,   /* with in-band FEC */
    MIX_LOW,   /* at the low bit rate, mono, with FEC */
    MIX_QUALITIES,
};

struct mix;          /* one per room */
struct mix_input;    /* one voice */
struct mix_listener; /* one who hears */
struct mix_clip;     /* mixer/clip.h: sound in memory */
struct mix_sound;    /* a clip that plays */

struct mix_conf {
    uint32_t channels;        /* of the mix: 1 or 2 */
    uint32_t bitrate_bps;     /* of MIX_CLEAN and MIX_FEC, 6000..256000 */
    uint32_t low_bitrate_bps; /* of MIX_LOW, 6000..64000; 0: 24000 */
    int complexity;           /* of Opus, 0..10 */
    uint32_t speakers;        /* K: voices mixed at once, 1..MIX_SPEAKERS_MAX; 0: 5 */
    /* Playout delay that the jitter buffer may choose. Equal values pin it: `mixdown mix` has 0
     * and 0, a live room 20 and 300 ms. */
    int64_t min_delay_us;
    int64_t max_delay_us;
};

/* What the mixer calls, on [tick]. Quick work only: hand on and return. Any may be NULL. */
struct mix_sink {
    void *ctx;
    /* One Opus packet of 20 ms of an output (0 .. MIX_OUTPUTS_MAX - 1); pts_us is the tick's
     * now_us. Borrowed: take a reference to keep it. */
    void (*on_packet)(void *ctx, uint32_t output, struct mcu_packet *packet);
    /* The listener hears this output, or MIX_NOTHING, from the next packet on. listener_ctx is
     * the one given to mix_listener_add(). */
    void (*on_assign)(void *ctx, void *listener_ctx, int32_t output);
    /* The mix of everyone (bus 0, and sounds for the room), MIX_TICK_FRAMES frames, at each tick,
     * while wanted with mix_want_pcm(). Borrowed. */
    void (*on_pcm)(void *ctx, const float *pcm, size_t frames, int64_t pts_us);
    /* A sound has played to its end, or was stopped and has faded. */
    void (*on_sound_end)(void *ctx, void *sound_ctx);
};

/* --- voices -------------------------------------------------------------------------------------- */

/* What is done to a voice before it is mixed. */
struct mix_treatment {
    bool is_levelled; /* loudness brought to that of the others */
    bool is_denoised; /* noise suppression */
    bool is_original; /* music: neither of the two, whatever they say, and it is never gated */
};

struct mix_input_conf {
    enum mcu_codec codec;     /* MCU_CODEC_OPUS, _AAC, _VORBIS or _PCM */
    uint32_t channels;        /* of the source; Opus decodes to the mix's own number */
    uint32_t rate_hz;         /* of the source; resampled when it is not 48000 */
    const uint8_t *extradata; /* codec set-up as FFmpeg names it; copied; NULL for Opus in RTP */
    size_t extradata_size;
    struct mix_treatment treatment;
    uint32_t buses;           /* bits: where it is heard; 0 means bus 0 */
};

struct mix_packet {
    const uint8_t *data; /* one codec frame; copied */
    size_t size;
    uint64_t sequence;   /* extended RTP sequence number (or a count): a gap is a loss */
    int64_t pts_us;      /* capture time on the room clock */
    int64_t arrival_us;  /* when it arrived, on the room clock */
    /* RFC 6464, authenticated: -127 (silence) .. 0 (loudest); 1: not said. An input whose packets
     * say it is decoded only while it is, or may become, one of the K. */
    int level_dbov;
    bool is_repair;      /* a RED copy or a retransmission: its lateness says nothing of jitter */
};

struct mix_input_stats {
    uint64_t packets;        /* pushed */
    uint64_t late;           /* came after their time, dropped */
    uint64_t lost;           /* never came */
    uint64_t overrun;        /* dropped because the input was full */
    uint64_t undecodable;    /* refused by the decoder */
    uint64_t frames;         /* samples per channel played */
    uint64_t concealed;      /* of those, made up by loss concealment */
    uint64_t recovered_fec;  /* of those, from in-band FEC (not in concealed) */
    uint64_t gated;          /* samples per channel not decoded because nobody would hear them */
    int64_t delay_us;        /* playout delay now */
    int32_t drift_ppm;       /* of the sender's clock against ours, positive: his is fast */
    uint64_t stretched;      /* times a few ms were left out or repeated to correct the delay */
};

/* [ctl] A new voice. *out is the mixer's, valid until mix_input_remove(). Returns 0, -EINVAL,
 * -ENOSPC (MIX_INPUTS_MAX) or -ENOMEM. */
int mix_input_add(struct mix *m, struct mix_input **out, const struct mix_input_conf *conf);

/* [ctl] Its sound fades out at the next tick. No push may run now or later. NULL is fine. Listeners
 * that named it as their own, or gave it a gain, lose that. */
void mix_input_remove(struct mix *m, struct mix_input *in);

/* [net] Queues a packet. Returns 0, -EINVAL (empty, or over 8192 bytes; Opus with a delay that is
 * not pinned: over 1500, more than a datagram carries) or -ENOBUFS when the input is full: nothing is queued
 * and stats.overrun rises. */
int mix_input_push(struct mix_input *in, const struct mix_packet *packet);

/* [any] Silence it, or not, with a fade of 10 ms. */
void mix_input_set_muted(struct mix_input *in, bool is_muted);

/* [any] For everyone: 0..MIX_GAIN_MAX, reached within a tick. */
void mix_input_set_gain(struct mix_input *in, float gain);

/* [any] Where it is in the stereo picture: -1 left .. 0 .. 1 right; no effect in a mono mix. */
void mix_input_set_pan(struct mix_input *in, float pan);

/* [any] */
void mix_input_set_treatment(struct mix_input *in, const struct mix_treatment *treatment);

/* [any] The buses it speaks into, bits; none: it is heard by nobody. */
void mix_input_set_buses(struct mix_input *in, uint32_t buses);

/* [any] A floor under the playout delay of this input, from the lateness of its picture: lips. */
void mix_input_set_min_delay_us(struct mix_input *in, int64_t delay_us);

/* [any] The playout delay in force. */
int64_t mix_input_delay_us(const struct mix_input *in);

/* [any] From a sound's capture to the time of the tick in whose mix it leaves: the playout delay and
 * what the way through the mix holds back (limiter, noise suppression, and live the look-ahead of
 * the sender's Opus encoder). A picture shown so long after its capture is together with it. */
int64_t mix_input_latency_us(const struct mix_input *in);

/* [any] Smoothed level as it comes in (of packets, or of samples before any gain), in dBov (0
 * loudest, -127 silence), whether it is taken for speech (with hysteresis; never while muted), and
 * whether it is one of the K now. */
float mix_input_level_dbov(const struct mix_input *in);
bool mix_input_is_speaking(const struct mix_input *in);
bool mix_input_is_mixed(const struct mix_input *in);

/* [any] A snapshot of the counters. */
void mix_input_read_stats(const struct mix_input *in, struct mix_input_stats *stats);

/* --- listeners ----------------------------------------------------------------------------------- */

/* [ctl] A new listener on bus 0; own is the voice that it must not hear, or NULL. on_assign() tells
 * its output at the next tick, and again whenever that changes. Returns 0 or -ENOMEM. */
int mix_listener_add(struct mix *m, struct mix_listener **out, struct mix_input *own,
                     void *listener_ctx);

/* [ctl] After this no on_assign() names it: on return, or when the tick that runs has ended. An
 * output that nobody hears is no longer encoded. NULL is fine. */
void mix_listener_remove(struct mix *m, struct mix_listener *l);

/* [ctl] Another voice is its own from the next tick on, or none. If that one is heard by the listener
 * already it is faded out until he no longer does. Returns 0 or -ENOMEM: then nothing changed. */
int mix_listener_set_own(struct mix *m, struct mix_listener *l, struct mix_input *own);

/* [any] The audio quality that its network needs. */
void mix_listener_set_quality(struct mix_listener *l, enum mix_quality quality);

/* [ctl] Deaf hears nothing at all. Returns 0 or -ENOMEM: then nothing changed. */
int mix_listener_set_deaf(struct mix *m, struct mix_listener *l, bool is_deaf);

/* [ctl] What it hears: the gain of each bus, 0: not that bus. A voice on several of them is heard
 * at the highest of their gains. Listeners with equal buses share. Returns 0, -EINVAL or -ENOMEM:
 * then nothing changed. */
int mix_listener_set_buses(struct mix *m, struct mix_listener *l, const float gains[MIX_BUSES_MAX]);

/* [ctl] The gain of one voice for this listener alone, 0..MIX_GAIN_MAX; 1 is as for all. Any other
 * makes the mix his own whenever that voice is in it. Returns 0, -EINVAL, -ENOSPC (over 64 such
 * gains) or -ENOMEM. */
int mix_listener_set_gain(struct mix *m, struct mix_listener *l, struct mix_input *in, float gain);

/* --- sounds -------------------------------------------------------------------------------------- */

struct mix_sound_conf {
    struct mix_clip *clip;      /* a reference is taken */
    struct mix_listener *to;    /* the only one who hears it; NULL: everyone on `buses` */
    uint32_t buses;             /* bits; 0 means bus 0 */
    float gain;                 /* 0..MIX_GAIN_MAX */
    float duck_gain;            /* of the voices while it plays, for who hears it: 1 leaves them */
    bool is_looped;
    void *sound_ctx;            /* for on_sound_end() */
};

/* [ctl] Plays a clip from the next tick on. *out is the mixer's; after on_sound_end() the only thing
 * left to do with it is mix_sound_stop(). Returns 0, -EINVAL, -ENOSPC (MIX_SOUNDS_MAX) or -ENOMEM. */
int mix_sound_play(struct mix *m, struct mix_sound **out, const struct mix_sound_conf *conf);

/* [ctl] Fades it out over 10 ms if it still plays, and gives it up. NULL is fine. A sound to a
 * listener that is removed ends by itself. */
void mix_sound_stop(struct mix *m, struct mix_sound *s);

/* --- the mix ------------------------------------------------------------------------------------- */

struct mix_stats {
    uint64_t ticks;
    uint64_t encodes;     /* Opus packets made */
    uint64_t decodes;     /* Opus packets decoded */
    uint64_t switches;    /* listeners moved from one output to another */
    uint32_t outputs;     /* encoded at the last tick */
    uint32_t mixes;       /* distinct sounds among them */
    uint32_t speakers;    /* voices in the mix at the last tick */
    uint64_t pool_misses; /* packets made by malloc, as 64 of an output were still held */
    uint64_t starved;     /* ticks in which a listener had to wait, as all outputs were in use */
};

/* [ctl] The caller owns *out and frees it with mix_destroy(); untouched on error. The sink is
 * copied. Returns 0, -EINVAL (conf out of range) or -ENOMEM. */
int mix_create(struct mix **out, const struct mix_conf *conf, const struct mix_sink *sink);

/* [ctl] Frees the mix with the inputs, listeners and sounds that are left. No tick may run. NULL is
 * fine. */
void mix_destroy(struct mix *m);

/* [ctl] Whether on_pcm() is called. Counted: each true needs its false. */
void mix_want_pcm(struct mix *m, bool is_wanted);

/* [tick] One tick. now_us advances by MIX_TICK_US each time. */
void mix_tick(struct mix *m, int64_t now_us);

/* [any] */
void mix_read_stats(const struct mix *m, struct mix_stats *stats);

#endif
