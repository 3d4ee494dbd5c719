/* compositor/engine.h - which library encodes H264. [any]
 *
 * x264 makes the better moving picture at equal rate and keeps to a buffer, so its key frames are
 * small and no second exceeds the rate by much. OpenH264 is cheaper, has temporal layers and is
 * far ahead in text. The measured figures are in docs/operations.md (bench/codec_rate). */
#ifndef COMPOSITOR_ENGINE_H
#define COMPOSITOR_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "mcu/base/codec.h"

enum comp_engine {
    COMP_ENGINE_DEFAULT, /* x264, unless comp_engine_for() says better */
    COMP_ENGINE_X264,
    COMP_ENGINE_OPENH264,
};

/* What a stream is for. */
struct comp_engine_need {
    uint32_t width, height;
    uint8_t temporal_layers;
    bool is_recorded;   /* also written to a file */
    bool is_screen;     /* text */
    bool is_personal;   /* for one viewer alone */
    bool is_overloaded; /* the machine is short of time */
};

/* COMP_ENGINE_X264 or COMP_ENGINE_OPENH264, never the default. */
enum comp_engine comp_engine_for(const struct comp_engine_need *need);

struct comp_codec;

/* Static storage; NULL when there is no encoder for the codec. The engine says something of
 * H264 only. */
const struct comp_codec *comp_codec_find(enum mcu_codec codec, enum comp_engine engine);

#endif
