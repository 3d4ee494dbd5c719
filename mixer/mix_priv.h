/* mixer/mix_priv.h - the inside of a mix, for mix.c and its tests. */
#ifndef MIXER_MIX_PRIV_H
#define MIXER_MIX_PRIV_H

#include "mixer/input.h"
#include "mixer/mix.h"
#include "mixer/output.h"
#include "mixer/post.h"

struct mix_listener {
    struct mix_node add, remove, retired;
    void *ctx;
    /* [ctl] */
    struct mix_listener *prev_known, *next_known;
    bool is_removed;
    /* [tick], from its add message on */
    struct mix_listener *prev, *next;
    struct mix_input *own;     /* NULL: hears everyone */
    struct mix_output *output; /* the output of own, made for it on [ctl] */
    struct mix_output *hears;  /* NULL: not told yet */
};

struct mix {
    struct mix_conf conf;
    struct mix_sink sink;
    /* [ctl] everything there is, until it is freed */
    struct mix_input *known_inputs[MIX_INPUTS_MAX];
    struct mix_output *own_outputs[MIX_INPUTS_MAX];
    struct mix_listener *known_listeners;
    /* crossings */
    struct mix_post to_tick;
    struct mix_post to_ctl;
    atomic_int pcm_wanted;
    atomic_uint_least64_t ticks, encodes, pool_misses;
    atomic_uint outputs_used;
    /* [tick] */
    struct mix_input *inputs[MIX_INPUTS_MAX];
    struct mix_output *outputs[MIX_INPUTS_MAX + 1]; /* the first is the mix's own */
    struct mix_listener *listeners;
    bool must_assign;
    float *total;
};

#endif
