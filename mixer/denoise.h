/* mixer/denoise.h - noise suppression of one voice, by SpeexDSP. The sound comes 10 ms later.
 *
 * Each channel has a state of its own; while both channels are the same (nearly always, as
 * microphones are mono) only one of them works. */
#ifndef MIXER_DENOISE_H
#define MIXER_DENOISE_H

#include <stdint.h>

enum { MIX_DENOISE_FRAMES = 480 }; /* its step and its delay: 10 ms */

struct mix_denoise; /* 70 KB a channel */

/* [any, not tick] Returns NULL when there is no memory. */
struct mix_denoise *mix_denoise_create(uint32_t channels);
void mix_denoise_destroy(struct mix_denoise *d); /* NULL is fine */

/* [tick] Begins anew: what it still holds of an older sound is not heard. */
void mix_denoise_restart(struct mix_denoise *d);

/* [tick] MIX_TICK_FRAMES frames in place. */
void mix_denoise_run(struct mix_denoise *d, float *pcm);

#endif
