/* VP8 by libvpx, for peers without H264. [enc]
 *
 * Always as for a call: constant rate, one pass, no look-ahead, no alternate reference, key frames
 * only when asked. A negative cpu-used fixes the speed; the positive ones adapt to a clock. VP8 is
 * BT.601 by definition (RFC 6386, section 9.2), as the canvas is. */
#include "compositor/encode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>

#include "mcu/base/clock.h"

enum {
    QUANTIZER_MIN = 2, /* of 63, as in WebRTC */
    QUANTIZER_MAX = 56,
    BUFFER_MS = 600,
    KEY_PERCENT_MIN = 300,
    BITRATE_MIN_BPS = 1000,
};

struct vp8 {
    vpx_codec_ctx_t codec;
    vpx_codec_enc_cfg_t cfg;
    bool is_open;
    vpx_image_t image; /* its planes are set to the canvas at each frame */
    int64_t frame_us;
};

static void set_rate_control(vpx_codec_enc_cfg_t *cfg)
{
    cfg->rc_end_usage = VPX_CBR;
    cfg->rc_min_quantizer = QUANTIZER_MIN;
    cfg->rc_max_quantizer = QUANTIZER_MAX;
    cfg->rc_undershoot_pct = 100;
    cfg->rc_overshoot_pct = 15;
    cfg->rc_buf_sz = BUFFER_MS;
    cfg->rc_buf_initial_sz = BUFFER_MS / 2;
    cfg->rc_buf_optimal_sz = BUFFER_MS / 2;
    cfg->rc_dropframe_thresh = 0;
}

/* A key frame takes at most half of the buffer, told in percent of an average frame. */
static int limit_keys(struct vp8 *v, uint32_t fps)
{
    const unsigned half_buffer = fps * BUFFER_MS / 2 / 10;
    const unsigned percent = half_buffer > KEY_PERCENT_MIN ? half_buffer : KEY_PERCENT_MIN;
    return vpx_codec_control(&v->codec, VP8E_SET_MAX_INTRA_BITRATE_PCT, percent) ? -EINVAL : 0;
}

static int open_codec(struct vp8 *v, const struct comp_codec_conf *conf)
{
    vpx_codec_enc_cfg_t *cfg = &v->cfg;
    if (conf->bitrate_bps < BITRATE_MIN_BPS)
        return -EINVAL; /* no constant quality here */
    if (vpx_codec_enc_config_default(vpx_codec_vp8_cx(), cfg, 0))
        return -ENOTSUP;
    cfg->g_w = conf->width;
    cfg->g_h = conf->height;
    cfg->g_timebase.num = 1;
    cfg->g_timebase.den = MCU_US_PER_S;
    cfg->g_threads = conf->threads > 0 ? conf->threads : 1;
    cfg->g_lag_in_frames = 0;
    cfg->g_error_resilient = 0;
    cfg->kf_mode = VPX_KF_DISABLED;
    cfg->rc_target_bitrate = conf->bitrate_bps / 1000;
    set_rate_control(cfg);
    if (vpx_codec_enc_init(&v->codec, vpx_codec_vp8_cx(), cfg, 0))
        return -ENOMEM;
    v->is_open = true;
    if (vpx_codec_control(&v->codec, VP8E_SET_CPUUSED, conf->speed) ||
        vpx_codec_control(&v->codec, VP8E_SET_STATIC_THRESHOLD, 1u))
        return -EINVAL;
    return limit_keys(v, conf->fps);
}

static int set_rate(void *impl, uint32_t bitrate_bps, uint32_t fps)
{
    struct vp8 *v = impl;
    if (bitrate_bps < BITRATE_MIN_BPS || fps < 1)
        return -EINVAL;
    vpx_codec_enc_cfg_t cfg = v->cfg;
    cfg.rc_target_bitrate = bitrate_bps / 1000;
    if (vpx_codec_enc_config_set(&v->codec, &cfg))
        return -EINVAL;
    v->cfg = cfg;
    v->frame_us = MCU_US_PER_S / fps;
    return limit_keys(v, fps);
}

static void destroy(void *impl)
{
    struct vp8 *v = impl;
    if (!v)
        return;
    if (v->is_open)
        vpx_codec_destroy(&v->codec);
    free(v);
}

static int create(void **out, const struct comp_codec_conf *conf)
{
    struct vp8 *v = calloc(1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    v->frame_us = MCU_US_PER_S / conf->fps;
    const int err = open_codec(v, conf);
    if (err) {
        destroy(v);
        return err;
    }
    *out = v;
    return 0;
}

static void wrap(struct vp8 *v, const struct comp_canvas *canvas)
{
    /* libvpx only fills in the struct; the planes are not behind each other, so they are set after.
     */
    vpx_img_wrap(&v->image, VPX_IMG_FMT_I420, canvas->width, canvas->height, 1, canvas->plane[0]);
    for (int p = 0; p < COMP_PLANES; p++) {
        v->image.planes[p] = canvas->plane[p];
        v->image.stride[p] = canvas->stride[p];
    }
}

static int give_out(struct vp8 *v, void (*emit)(void *, struct mcu_packet *), void *ctx)
{
    vpx_codec_iter_t at = NULL;
    for (const vpx_codec_cx_pkt_t *p; (p = vpx_codec_get_cx_data(&v->codec, &at));) {
        if (p->kind != VPX_CODEC_CX_FRAME_PKT)
            continue;
        struct mcu_packet *packet = mcu_packet_copy(p->data.frame.buf, p->data.frame.sz);
        if (!packet)
            return -ENOMEM;
        packet->codec = MCU_CODEC_VP8;
        packet->pts_us = p->data.frame.pts;
        packet->dts_us = p->data.frame.pts;
        packet->duration_us = v->frame_us;
        packet->is_key = (p->data.frame.flags & VPX_FRAME_IS_KEY) != 0;
        emit(ctx, packet);
    }
    return 0;
}

static int encode(void *impl, const struct comp_canvas *canvas, int64_t pts_us, bool is_key,
                  void (*emit)(void *, struct mcu_packet *), void *ctx)
{
    struct vp8 *v = impl;
    wrap(v, canvas);
    if (vpx_codec_encode(&v->codec, &v->image, pts_us, (unsigned long)v->frame_us,
                         is_key ? VPX_EFLAG_FORCE_KF : 0, VPX_DL_REALTIME))
        return -EIO;
    return give_out(v, emit, ctx);
}

/* Nothing is held back; asking libvpx again would give the last frame twice. */
static int flush(void *impl, void (*emit)(void *, struct mcu_packet *), void *ctx)
{
    (void)impl;
    (void)emit;
    (void)ctx;
    return 0;
}

const struct comp_codec comp_codec_vp8 = {
    .codec = MCU_CODEC_VP8,
    .thread_name = "enc-vp8",
    .create = create,
    .destroy = destroy,
    .set_rate = set_rate,
    .encode = encode,
    .flush = flush,
};
