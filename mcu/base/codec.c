/* The one table of codec names. */
#include "mcu/base/codec.h"

#include <stddef.h>
#include <strings.h>

static const char *const names[] = {
    [MCU_CODEC_NONE] = "none", [MCU_CODEC_OPUS] = "opus", [MCU_CODEC_AAC] = "AAC",
    [MCU_CODEC_VORBIS] = "vorbis", [MCU_CODEC_H264] = "H264", [MCU_CODEC_VP8] = "VP8",
    [MCU_CODEC_VP9] = "VP9", [MCU_CODEC_AV1] = "AV1",
    [MCU_CODEC_PCM] = "PCM",
};

enum { CODEC_COUNT = sizeof(names) / sizeof(names[0]) };

const char *mcu_codec_name(enum mcu_codec codec)
{
    return (unsigned)codec < CODEC_COUNT ? names[codec] : names[MCU_CODEC_NONE];
}

enum mcu_codec mcu_codec_from_name(const char *name)
{
    for (int i = 1; name && i < MCU_CODEC_PCM; i++) { /* which no peer may name */
        if (strcasecmp(name, names[i]) == 0)
            return (enum mcu_codec)i;
    }
    return MCU_CODEC_NONE;
}

enum mcu_kind mcu_codec_kind(enum mcu_codec codec)
{
    switch (codec) {
    case MCU_CODEC_OPUS:
    case MCU_CODEC_AAC:
    case MCU_CODEC_VORBIS:
    case MCU_CODEC_PCM:
        return MCU_AUDIO;
    default:
        return MCU_VIDEO;
    }
}
