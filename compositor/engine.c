/* The choice of encoder libraries; see engine.h. */
#include "compositor/engine.h"

#include <stddef.h>

#include "compositor/encode.h"

enum {
    SIDE_MIN = 16,
    SIDE_MAX = 4096,
    FPS_MAX = 60,
    SMALL_PIXELS = 640 * 360,
};

/* In this order, each by its reason:
 * a file keeps what x264 makes of it, for good;
 * layers only OpenH264 has, and screens are sharper at a third of the rate;
 * one viewer alone, and hard times, are worth 0.3 dB less for a quarter of the time saved and more;
 * from 360p down the two are equally good, and OpenH264 is cheaper. */
enum comp_engine comp_engine_for(const struct comp_engine_need *need)
{
    if (need->is_recorded)
        return COMP_ENGINE_X264;
    if (need->temporal_layers > 1 || need->is_screen)
        return COMP_ENGINE_OPENH264;
    if (need->is_personal || need->is_overloaded)
        return COMP_ENGINE_OPENH264;
    const bool is_small = (uint64_t)need->width * need->height <= SMALL_PIXELS;
    return is_small ? COMP_ENGINE_OPENH264 : COMP_ENGINE_X264;
}

const struct comp_codec *comp_codec_find(enum mcu_codec codec, enum comp_engine engine)
{
    switch (codec) {
    case MCU_CODEC_H264:
        return engine == COMP_ENGINE_OPENH264 ? &comp_codec_openh264 : &comp_codec_h264;
    case MCU_CODEC_VP8:
        return &comp_codec_vp8;
    case MCU_CODEC_VP9:
        return &comp_codec_vp9;
    default:
        return NULL;
    }
}

static bool is_side(uint32_t side)
{
    return side >= SIDE_MIN && side <= SIDE_MAX && side % 2 == 0;
}

bool comp_codec_conf_is_good(const struct comp_codec_conf *conf)
{
    return is_side(conf->width) && is_side(conf->height) && conf->fps >= 1 &&
           conf->fps <= FPS_MAX && conf->temporal_layers >= 1 &&
           conf->temporal_layers <= COMP_TEMPORAL_LAYERS_MAX &&
           (conf->is_offline || conf->bitrate_bps >= COMP_BITRATE_MIN_BPS) &&
           conf->bitrate_bps <= COMP_BITRATE_MAX_BPS;
}
