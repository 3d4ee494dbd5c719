/* mixer/clip_priv.h - inside a clip: for clip.c, which keeps it, and clip_load.c, which fills it.
 */
#ifndef MIXER_CLIP_PRIV_H
#define MIXER_CLIP_PRIV_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "mixer/clip.h"

struct mix_clip {
    atomic_uint refs;
    uint32_t channels;
    size_t frames;
    size_t room; /* frames that pcm has room for */
    int16_t *pcm;
};

/* [any] An empty clip, not yet shared. NULL: no memory. */
struct mix_clip *mix_clip_new(uint32_t channels);

/* [any] Makes room for `more` frames behind those that are there. Returns 0 or -ENOMEM. */
int mix_clip_reserve(struct mix_clip *clip, size_t more);

/* [any] Gives back the room that is not used. */
void mix_clip_trim(struct mix_clip *clip);

#endif
