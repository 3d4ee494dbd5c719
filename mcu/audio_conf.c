/* Settings to mixer; see audio_conf.h. */
#include "mcu/audio_conf.h"

#include "mcu/base/clock.h"

void mcu_audio_mix_conf(struct mix_conf *out, const struct mcu_config *c)
{
    uint32_t kbps = c->audio.bitrate_kbps;
    if (c->audio.original && kbps < MCU_ORIGINAL_KBPS)
        kbps = MCU_ORIGINAL_KBPS;
    *out = (struct mix_conf){
        .channels = c->audio.original ? 2 : c->audio.channels,
        .bitrate_bps = kbps * 1000,
        .low_bitrate_bps = c->audio.low_bitrate_kbps * 1000,
        .complexity = (int)c->audio.complexity,
        .speakers = c->audio.speakers,
        .min_delay_us = c->audio.playout_min_ms * MCU_US_PER_MS,
        .max_delay_us = c->audio.playout_max_ms * MCU_US_PER_MS,
    };
}

void mcu_audio_treatment(struct mix_treatment *out, const struct mcu_config *c)
{
    *out = (struct mix_treatment){
        .is_levelled = c->audio.levelling,
        .is_denoised = c->audio.noise_suppression,
        .is_original = c->audio.original,
    };
}
