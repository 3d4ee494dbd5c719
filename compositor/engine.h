/* compositor/engine.h - which library encodes H264.
 *
 * x264 makes the better picture at equal rate; OpenH264 is cheaper and has temporal layers. The
 * measured figures are in docs/operations.md (`make bench`, codec_rate). */
#ifndef COMPOSITOR_ENGINE_H
#define COMPOSITOR_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "mcu/base/codec.h"

enum comp_engine {
    COMP_ENGINE_DEFAULT, /* x264 */
    COMP_ENGINE_X264,
    COMP_ENGINE_OPENH264,
};

struct comp_codec;

/* [any] Static storage; NULL when there is no encoder for the codec. The engine says something of
 * H264 only. */
const struct comp_codec *comp_codec_find(enum mcu_codec codec, enum comp_engine engine);

#endif
