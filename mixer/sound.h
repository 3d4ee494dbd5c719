/* mixer/sound.h - a clip that plays: where it is, and the fades at both ends.
 *
 * mix_sound_play() and mix_sound_stop() of mix.h are the mix's ([ctl]); here is what [tick] does
 * with one. Begin, end and stop are faded over 10 ms; a loop has no fade at its seam. */
#ifndef MIXER_SOUND_H
#define MIXER_SOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mixer/mix.h"
#include "mixer/post.h"

enum { MIX_SOUND_FADE_FRAMES = MIX_RATE_HZ / 100 };

struct mix_sound {
    /* fixed */
    struct mix_sound_conf conf; /* with a reference to the clip */
    /* [ctl] and [tick], as the mix says */
    struct mix_node add, remove, retired;
    /* [tick] */
    size_t at;      /* the frame of the clip that is next */
    uint32_t faded; /* 0 silent .. MIX_SOUND_FADE_FRAMES full */
    bool is_stopping;
    bool is_over;
    bool is_given_up; /* [ctl] stopped it */
};

/* [ctl] Takes a reference to the clip, which has the mix's channels; conf is copied, its gain held
 * in 0..MIX_GAIN_MAX. */
void mix_sound_init(struct mix_sound *s, const struct mix_sound_conf *conf);

/* [ctl] Gives the reference back. */
void mix_sound_finish(struct mix_sound *s);

/* [tick] It fades out from the next frame on, whatever is left. */
void mix_sound_fade_out(struct mix_sound *s);

/* [tick] The next MIX_TICK_FRAMES frames, overwriting pcm; silence once it is over. */
void mix_sound_render(struct mix_sound *s, float *pcm);

/* [tick] Nothing more comes. */
bool mix_sound_is_over(const struct mix_sound *s);

#endif
