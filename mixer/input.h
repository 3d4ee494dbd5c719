/* mixer/input.h - one voice of a mix: what each thread owns of it.
 *
 * mix_input_*() of mix.h that belong to [net] and [any] are in input.c; the [tick] side decides in
 * voice.c what plays when, and here how loud. */
#ifndef MIXER_INPUT_H
#define MIXER_INPUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mixer/inbox.h"
#include "mixer/level.h"
#include "mixer/mix.h"
#include "mixer/post.h"
#include "mixer/voice.h"

struct mix_av;
struct mix_output;

struct mix_input {
    /* fixed */
    uint32_t slot; /* its place in the mix; its own output is slot + 1 */
    uint32_t channels;
    struct mix_node add, remove, retired;
    /* [ctl] */
    struct mix_output *output; /* the mix without this voice, once somebody needed it */
    bool is_removed;
    /* [any] */
    atomic_bool is_muted;
    atomic_bool is_speaking;
    atomic_int_least64_t floor_us;
    atomic_int_least64_t delay_us;
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
    float gain; /* in force; negative before the first tick */
    bool is_leaving;
    float *faded;        /* a tick, when the gain is not 1 */
    const float *played; /* what the mix takes this tick; NULL: silence */
};

/* [ctl] A new input. Returns 0, -EINVAL or -ENOMEM. */
int mix_input_create(struct mix_input **out, const struct mix_conf *mix,
                     const struct mix_input_conf *conf);
/* [ctl] Frees it with its output. NULL is fine. */
void mix_input_destroy(struct mix_input *in);

/* [tick] Sets in->played to the sound of the tick that begins at frame `tick`. */
void mix_input_render(struct mix_input *in, int64_t tick);

/* [tick] A leaving input has faded. */
bool mix_input_is_gone(const struct mix_input *in);

#endif
