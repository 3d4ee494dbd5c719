/* mcu/audio_conf.h - the settings under `audio` as the mixer takes them, for rooms and `mixdown mix`.
 *
 * Threads: pure, [any]. */
#ifndef MCU_AUDIO_CONF_H
#define MCU_AUDIO_CONF_H

#include "mcu/config.h"
#include "mixer/mix.h"

/* audio.original asks for at least this of the mix. */
enum { MCU_ORIGINAL_KBPS = 128 };

/* The mix of a live room. audio.original makes it stereo, at MCU_ORIGINAL_KBPS or more. */
void mcu_audio_mix_conf(struct mix_conf *out, const struct mcu_config *c);

/* What is done to a voice about which nothing else was said. */
void mcu_audio_treatment(struct mix_treatment *out, const struct mcu_config *c);

#endif
