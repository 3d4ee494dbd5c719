/* compositor/encode.h - one interface to the video encoder libraries; inside this folder only.
 *
 * create, destroy are [ctl]; encode, flush and set_rate are [enc], one thread at a time. Live
 * encoders hold nothing back, reorder nothing and give key frames only when asked. */
#ifndef COMPOSITOR_ENCODE_H
#define COMPOSITOR_ENCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "compositor/canvas.h"
#include "mcu/base/codec.h"
#include "mcu/base/packet.h"

enum {
    COMP_TEMPORAL_LAYERS_MAX = 3,
    COMP_BITRATE_MIN_BPS = 1000,
    COMP_BITRATE_MAX_BPS = 100000000,
};

struct comp_codec_conf {
    uint32_t width, height;  /* even; every canvas has this size */
    uint32_t fps;            /* frames a second that will come, 1..60 */
    uint32_t bitrate_bps;    /* all layers together; 0, of files only: constant quality */
    char preset[16];         /* of x264 */
    int speed;               /* of libvpx, -16..-1: cpu-used of VP8; VP9's is 5..9 of its size */
    uint32_t threads;        /* 0: one */
    uint8_t temporal_layers; /* 1..COMP_TEMPORAL_LAYERS_MAX; x264 has one */
    uint8_t b_frames;        /* live, of x264: high profile and 400 ms of look-ahead; 0: none */
    bool is_offline;         /* B-frames and look-ahead, a key frame every 2 s */
    bool is_screen;          /* text and lines rather than faces */
};

/* One codec library. emit() is called from encode() and flush() with packets whose references go
 * to it. */
struct comp_codec {
    enum mcu_codec codec;
    const char *thread_name;

    /* *out goes to destroy(). Returns 0, -EINVAL, -ENOTSUP or -ENOMEM. */
    int (*create)(void **out, const struct comp_codec_conf *conf);
    void (*destroy)(void *impl);

    /* From the next frame on, without a key frame. Returns 0, -EINVAL or -ENOTSUP: all is as it
     * was. */
    int (*set_rate)(void *impl, uint32_t bitrate_bps, uint32_t fps);

    int (*encode)(void *impl, const struct comp_canvas *canvas, int64_t pts_us, bool is_key,
                  void (*emit)(void *ctx, struct mcu_packet *packet), void *ctx);
    int (*flush)(void *impl, void (*emit)(void *ctx, struct mcu_packet *packet), void *ctx);
};

extern const struct comp_codec comp_codec_h264; /* x264 */
extern const struct comp_codec comp_codec_openh264;
extern const struct comp_codec comp_codec_vp8;
extern const struct comp_codec comp_codec_vp9;

/* [any] All of it in range; create() asks. */
bool comp_codec_conf_is_good(const struct comp_codec_conf *conf);

#endif
