/* mixer/process.h - what is done to one decoded voice before it is mixed. [tick], save init/finish.
 *
 *     pcm ─▶ noise suppression (SpeexDSP) ─▶ levelling (as EBU R 128) ─▶ gain, pan
 *
 * Every change glides over a tick at most 10 ms long or slower; nothing clicks. Original sound goes
 * through gain and pan alone. Noise
 * suppression comes with 10 ms of delay. */
#ifndef MIXER_PROCESS_H
#define MIXER_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mixer/mix.h"

struct mix_process; /* opaque; one per voice */

/* What is wanted of it at this tick. */
struct mix_process_want {
    struct mix_treatment treatment;
    float gain; /* 0..MIX_GAIN_MAX */
    float pan;  /* -1..1 */
};

/* [ctl] channels: of the mix, 1 or 2. Returns 0 or -ENOMEM. */
int mix_process_create(struct mix_process **out, uint32_t channels);
void mix_process_destroy(struct mix_process *p); /* NULL is fine */

/* [any, not tick] Takes the memory that this treatment needs (noise suppression: 70 KB a channel,
 * so not for a thousand voices that never want it). Without it the treatment goes without. Call it
 * before [tick] is told of the treatment. Returns 0 or -ENOMEM. */
int mix_process_prepare(struct mix_process *p, const struct mix_treatment *treatment);

/* One tick in place, MIX_TICK_FRAMES frames. is_speech: levelling learns only from speech. */
void mix_process_run(struct mix_process *p, float *pcm, const struct mix_process_want *want,
                     bool is_speech);

/* [any] Frames by which this treatment delays the sound. */
int64_t mix_process_delay(const struct mix_process *p, const struct mix_treatment *treatment);

/* The voice was away: its noise estimate is stale, its loudness gain is kept. */
void mix_process_rest(struct mix_process *p);

/* The levelling gain that was learned, dB. */
float mix_process_gain_db(const struct mix_process *p);

#endif
