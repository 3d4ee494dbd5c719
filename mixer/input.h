/* mixer/input.h - one voice of a mix: what each thread owns of it.
 *
 * mix_input_*() of mix.h that belong to [net] and [any] are in input.c; the [tick] side decides in
 * voice.c what plays when, and here how loud.
 *
 * A tick is, for each input: observe; then the core chooses speakers; then render or skip. */
#ifndef MIXER_INPUT_H
#define MIXER_INPUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mixer/inbox.h"
#include "mixer/level.h"
#include "mixer/mix.h"
#include "mixer/post.h"
#include "mixer/speakers.h"
#include "mixer/voice.h"

struct mix_av;
struct mix_listener;
struct mix_process;

#define MIX_NO_PLACE UINT32_MAX

struct mix_input {
    /* fixed */
    uint32_t slot; /* its place among those that [ctl] knows */
    uint32_t channels;
    uint64_t id; /* no other input of this mix ever has it */
    struct mix_node add, remove, retired;
    /* [ctl] */
    bool is_removed;
    /* [any] */
    atomic_bool is_muted;
    atomic_bool is_speaking;
    atomic_bool is_mixed; /* one of the K */
    atomic_uint buses;
    _Atomic float wanted_gain;
    _Atomic float pan;
    atomic_bool is_levelled, is_denoised, is_original;
    atomic_int_least64_t floor_us;
    atomic_int_least64_t delay_us;
    atomic_int_least64_t latency_us;
    _Atomic float dbov;
    struct mix_counters counters;
    /* [net] to [tick] */
    struct mix_inbox inbox;
    /* [net]: the decoder for codecs that are decoded when pushed, else NULL */
    struct mix_av *av;
    uint64_t av_sequence;  /* of the last packet */
    uint64_t pcm_sequence; /* of the last piece of PCM */
    bool has_pushed;
    /* [tick] */
    struct OpusDecoder *opus;
    struct mix_voice voice;
    struct mix_level level;
    struct mix_speaker speaker; /* filled by observe */
    float gain;                 /* of fades, in force; negative before the first tick */
    bool is_leaving;
    struct mix_process *process;
    bool has_tail;       /* it was played last tick */
    float *sound;        /* a tick */
    const float *played; /* what the mix takes this tick; NULL: silence */
    /* [tick] the core's own (mix.c) */
    struct {
        uint32_t index;            /* among the inputs of the tick */
        uint32_t place;            /* among the sources that are summed, or MIX_NO_PLACE */
        uint32_t buses;            /* as the wishes of the listeners know them */
        struct mix_listener *ears; /* who must not hear it */
    } core;
};

/* [ctl] A new input. Returns 0, -EINVAL or -ENOMEM. */
int mix_input_create(struct mix_input **out, const struct mix_conf *mix,
                     const struct mix_input_conf *conf);
/* [ctl] Frees it with its output. NULL is fine. */
void mix_input_destroy(struct mix_input *in);

/* [tick] Every tick, first: takes in packets, playout delay and packet levels; fills in->speaker.
 */
void mix_input_observe(struct mix_input *in, int64_t tick);

/* [any] Frames by which its sound is delayed besides the playout delay and the resampler. */
int64_t mix_input_held_frames(const struct mix_input *in);

/* [tick] Its level is known only by decoding, or it is original sound. */
bool mix_input_must_decode(const struct mix_input *in);

/* [tick] Decodes the tick that begins at frame `tick` and sets in->played to its sound: the mix's
 * channels, processed, with gain and pan, and faded over 10 ms where it comes in or leaves; NULL is
 * silence. !is_mixed: it fades out within this tick, or is out and only measured. */
void mix_input_render(struct mix_input *in, int64_t tick, bool is_mixed);

/* [tick] Instead of render when nobody would hear it: what is due is left out; in->played = NULL.
 */
void mix_input_skip(struct mix_input *in, int64_t tick);

/* [tick] A leaving input has faded. */
bool mix_input_is_gone(const struct mix_input *in);

#endif
