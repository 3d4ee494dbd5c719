/* VP8 and VP9 by libvpx. [enc]
 *
 * Always as for a call: constant rate, one pass, no look-ahead, no alternate reference, key frames
 * only when asked. A negative cpu-used fixes VP8's speed; the positive ones adapt to a clock. VP9's
 * positive ones are fixed. VP8 is BT.601 by definition (RFC 6386, section 9.2), as the canvas is.
 *
 * Temporal layers are ours: which pictures each frame may look at and change is told frame by
 * frame. The arrows point at what a frame is predicted from; nothing points into a higher layer, so
 * those can be left out at any time, and are joined again at any time:
 *
 *     2 layers       1    1        3 layers      2     2     2
 *                   /    /                      /  1 _/     /
 *                  /    /                      /  /        /
 *                 0 ── 0 ── 0                 0 ──────── 0 ──── */
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
    VP9_SPEED_MIN = 5, /* the real-time ones */
    VP9_SPEED_MAX = 9,
    VP9_CYCLIC_REFRESH = 3, /* aq_mode: still parts grow sharp bit by bit */
    VP9_TILE_MIN_WIDTH = 256,
    CYCLE_MAX = 4,
};

enum {
    LAST_ONLY = VP8_EFLAG_NO_REF_GF | VP8_EFLAG_NO_REF_ARF,
    KEEP_OTHERS = VP8_EFLAG_NO_UPD_GF | VP8_EFLAG_NO_UPD_ARF,
    KEEP_LAST = VP8_EFLAG_NO_UPD_LAST | VP8_EFLAG_NO_UPD_ENTROPY,
    BASE = LAST_ONLY | KEEP_OTHERS,
    TOP = LAST_ONLY | KEEP_OTHERS | KEEP_LAST,
    MIDDLE = LAST_ONLY | VP8_EFLAG_NO_UPD_ARF | KEEP_LAST, /* kept as golden */
    TOP_AFTER_MIDDLE = VP8_EFLAG_NO_REF_ARF | KEEP_OTHERS | KEEP_LAST,
};

struct cycle {
    unsigned length;
    struct {
        unsigned layer;
        vpx_enc_frame_flags_t flags;
    } step[CYCLE_MAX];
    unsigned decimator[COMP_TEMPORAL_LAYERS_MAX];
    unsigned percent[COMP_TEMPORAL_LAYERS_MAX]; /* of the rate, of a layer and all below it */
};

static const struct cycle cycles[COMP_TEMPORAL_LAYERS_MAX] = {
    {1, {{0, 0}}, {1}, {100}},
    {2, {{0, BASE}, {1, TOP}}, {2, 1}, {60, 100}},
    {4, {{0, BASE}, {2, TOP}, {1, MIDDLE}, {2, TOP_AFTER_MIDDLE}}, {4, 2, 1}, {40, 60, 100}},
};

struct vpx {
    vpx_codec_ctx_t codec;
    vpx_codec_enc_cfg_t cfg;
    bool is_open;
    bool is_vp9;
    const struct cycle *cycle;
    unsigned at;       /* the next frame's step in it */
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

static void share_rate(const struct vpx *v, vpx_codec_enc_cfg_t *cfg, uint32_t bitrate_bps)
{
    const unsigned kbps = bitrate_bps / 1000;
    cfg->rc_target_bitrate = kbps;
    for (unsigned i = 0; i < cfg->ts_number_layers; i++) {
        cfg->ts_target_bitrate[i] = kbps * v->cycle->percent[i] / 100;
        cfg->layer_target_bitrate[i] = cfg->ts_target_bitrate[i]; /* where VP9 looks */
    }
}

static void set_layers(const struct vpx *v, vpx_codec_enc_cfg_t *cfg, unsigned layers)
{
    cfg->ts_number_layers = layers;
    cfg->ts_periodicity = v->cycle->length;
    for (unsigned i = 0; i < layers; i++)
        cfg->ts_rate_decimator[i] = v->cycle->decimator[i];
    for (unsigned i = 0; i < v->cycle->length; i++)
        cfg->ts_layer_id[i] = v->cycle->step[i].layer;
    cfg->temporal_layering_mode = VP9E_TEMPORAL_LAYERING_MODE_BYPASS;
    /* VP9 predicts motion and probabilities from the frame before, which may be left out; VP8 only
     * from what TOP and MIDDLE keep. */
    cfg->g_error_resilient = v->is_vp9 && layers > 1 ? VPX_ERROR_RESILIENT_DEFAULT : 0;
}

static int set_config(struct vpx *v, vpx_codec_iface_t *iface, const struct comp_codec_conf *conf)
{
    vpx_codec_enc_cfg_t *cfg = &v->cfg;
    if (vpx_codec_enc_config_default(iface, cfg, 0))
        return -ENOTSUP;
    cfg->g_w = conf->width;
    cfg->g_h = conf->height;
    cfg->g_timebase.num = 1;
    cfg->g_timebase.den = MCU_US_PER_S;
    cfg->g_threads = conf->threads > 0 ? conf->threads : 1;
    cfg->g_lag_in_frames = 0;
    cfg->kf_mode = VPX_KF_DISABLED;
    set_rate_control(cfg);
    if (conf->temporal_layers > 1)
        set_layers(v, cfg, conf->temporal_layers);
    share_rate(v, cfg, conf->bitrate_bps);
    return 0;
}

/* A key frame takes at most half of the buffer, told in percent of an average frame. */
static int limit_keys(struct vpx *v, uint32_t fps)
{
    const unsigned half_buffer = fps * BUFFER_MS / 2 / 10;
    const unsigned percent = half_buffer > KEY_PERCENT_MIN ? half_buffer : KEY_PERCENT_MIN;
    return vpx_codec_control(&v->codec, VP8E_SET_MAX_INTRA_BITRATE_PCT, percent) ? -EINVAL : 0;
}

static bool tune_vp8(struct vpx *v, const struct comp_codec_conf *conf)
{
    return !vpx_codec_control(&v->codec, VP8E_SET_CPUUSED, conf->speed) &&
           !vpx_codec_control(&v->codec, VP8E_SET_STATIC_THRESHOLD, 1u) &&
           !vpx_codec_control(&v->codec, VP8E_SET_SCREEN_CONTENT_MODE, conf->is_screen ? 1u : 0u);
}

static int vp9_speed(int speed)
{
    const int size = abs(speed);
    return size < VP9_SPEED_MIN ? VP9_SPEED_MIN : size > VP9_SPEED_MAX ? VP9_SPEED_MAX : size;
}

/* Tiles are what its threads work on; told as a power of two. */
static int vp9_tile_columns(const struct comp_codec_conf *conf)
{
    int columns = 0;
    while (2u << columns <= conf->threads && conf->width >> (columns + 1) >= VP9_TILE_MIN_WIDTH)
        columns++;
    return columns;
}

static bool tune_vp9(struct vpx *v, const struct comp_codec_conf *conf)
{
    const int content = conf->is_screen ? VP9E_CONTENT_SCREEN : VP9E_CONTENT_DEFAULT;
    vpx_svc_extra_cfg_t svc = {.scaling_factor_num = {1}, .scaling_factor_den = {1}};
    svc.max_quantizers[0] = QUANTIZER_MAX;
    svc.min_quantizers[0] = QUANTIZER_MIN;
    return !vpx_codec_control(&v->codec, VP8E_SET_CPUUSED, vp9_speed(conf->speed)) &&
           !vpx_codec_control(&v->codec, VP8E_SET_ENABLEAUTOALTREF, 0u) &&
           !vpx_codec_control(&v->codec, VP9E_SET_AQ_MODE, (unsigned)VP9_CYCLIC_REFRESH) &&
           !vpx_codec_control(&v->codec, VP9E_SET_TUNE_CONTENT, content) &&
           !vpx_codec_control(&v->codec, VP9E_SET_COLOR_SPACE, (int)VPX_CS_BT_601) &&
           !vpx_codec_control(&v->codec, VP9E_SET_COLOR_RANGE, (int)VPX_CR_STUDIO_RANGE) &&
           !vpx_codec_control(&v->codec, VP9E_SET_TILE_COLUMNS, vp9_tile_columns(conf)) &&
           !vpx_codec_control(&v->codec, VP9E_SET_ROW_MT, conf->threads > 1 ? 1u : 0u) &&
           (conf->temporal_layers == 1 ||
            (!vpx_codec_control(&v->codec, VP9E_SET_SVC, 1) &&
             !vpx_codec_control(&v->codec, VP9E_SET_SVC_PARAMETERS, &svc)));
}

static int open_codec(struct vpx *v, const struct comp_codec_conf *conf)
{
    vpx_codec_iface_t *iface = v->is_vp9 ? vpx_codec_vp9_cx() : vpx_codec_vp8_cx();
    const int err = set_config(v, iface, conf);
    if (err)
        return err;
    if (vpx_codec_enc_init(&v->codec, iface, &v->cfg, 0))
        return -ENOMEM;
    v->is_open = true;
    if (!(v->is_vp9 ? tune_vp9(v, conf) : tune_vp8(v, conf)))
        return -EINVAL;
    return limit_keys(v, conf->fps);
}

static void destroy(void *impl)
{
    struct vpx *v = impl;
    if (!v)
        return;
    if (v->is_open)
        vpx_codec_destroy(&v->codec);
    free(v);
}

static int create(void **out, const struct comp_codec_conf *conf, bool is_vp9)
{
    if (!comp_codec_conf_is_good(conf) || conf->bitrate_bps < COMP_BITRATE_MIN_BPS)
        return -EINVAL; /* no constant quality here */
    struct vpx *v = calloc(1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    v->is_vp9 = is_vp9;
    v->cycle = &cycles[conf->temporal_layers - 1];
    v->frame_us = MCU_US_PER_S / conf->fps;
    const int err = open_codec(v, conf);
    if (err) {
        destroy(v);
        return err;
    }
    *out = v;
    return 0;
}

static int create_vp8(void **out, const struct comp_codec_conf *conf)
{
    return create(out, conf, false);
}

static int create_vp9(void **out, const struct comp_codec_conf *conf)
{
    return create(out, conf, true);
}

static int set_rate(void *impl, uint32_t bitrate_bps, uint32_t fps)
{
    struct vpx *v = impl;
    if (bitrate_bps < COMP_BITRATE_MIN_BPS || bitrate_bps > COMP_BITRATE_MAX_BPS || fps < 1)
        return -EINVAL;
    vpx_codec_enc_cfg_t cfg = v->cfg;
    share_rate(v, &cfg, bitrate_bps);
    if (vpx_codec_enc_config_set(&v->codec, &cfg))
        return -EINVAL;
    v->cfg = cfg;
    v->frame_us = MCU_US_PER_S / fps;
    return limit_keys(v, fps);
}

static void wrap(struct vpx *v, const struct comp_canvas *canvas)
{
    /* libvpx only fills in the struct; the planes are not behind each other, so they are set after.
     */
    vpx_img_wrap(&v->image, VPX_IMG_FMT_I420, canvas->width, canvas->height, 1, canvas->plane[0]);
    for (int p = 0; p < COMP_PLANES; p++) {
        v->image.planes[p] = canvas->plane[p];
        v->image.stride[p] = canvas->stride[p];
    }
}

/* Tells libvpx the next frame's layer, and returns the flags that make it one. */
static int begin_layer(struct vpx *v, vpx_enc_frame_flags_t *flags)
{
    const unsigned layer = v->cycle->step[v->at].layer;
    *flags |= v->cycle->step[v->at].flags;
    if (v->cfg.ts_number_layers <= 1)
        return 0;
    if (!v->is_vp9)
        return vpx_codec_control(&v->codec, VP8E_SET_TEMPORAL_LAYER_ID, (int)layer) ? -EIO : 0;
    vpx_svc_layer_id_t id = {.temporal_layer_id = (int)layer};
    id.temporal_layer_id_per_spatial[0] = (int)layer;
    return vpx_codec_control(&v->codec, VP9E_SET_SVC_LAYER_ID, &id) ? -EIO : 0;
}

static int give_out(struct vpx *v, void (*emit)(void *, struct mcu_packet *), void *ctx)
{
    vpx_codec_iter_t at = NULL;
    for (const vpx_codec_cx_pkt_t *p; (p = vpx_codec_get_cx_data(&v->codec, &at));) {
        if (p->kind != VPX_CODEC_CX_FRAME_PKT)
            continue;
        struct mcu_packet *packet = mcu_packet_copy(p->data.frame.buf, p->data.frame.sz);
        if (!packet)
            return -ENOMEM;
        packet->codec = v->is_vp9 ? MCU_CODEC_VP9 : MCU_CODEC_VP8;
        packet->pts_us = p->data.frame.pts;
        packet->dts_us = p->data.frame.pts;
        packet->duration_us = v->frame_us;
        packet->is_key = (p->data.frame.flags & VPX_FRAME_IS_KEY) != 0;
        packet->temporal_id = (uint8_t)v->cycle->step[v->at].layer;
        emit(ctx, packet);
    }
    return 0;
}

static int encode(void *impl, const struct comp_canvas *canvas, int64_t pts_us, bool is_key,
                  void (*emit)(void *, struct mcu_packet *), void *ctx)
{
    struct vpx *v = impl;
    wrap(v, canvas);
    vpx_enc_frame_flags_t flags = 0;
    if (is_key)
        v->at = 0;
    const int err = begin_layer(v, &flags);
    if (err)
        return err;
    if (is_key)
        flags = VPX_EFLAG_FORCE_KF; /* changes all pictures */
    if (vpx_codec_encode(&v->codec, &v->image, pts_us, (unsigned long)v->frame_us, flags,
                         VPX_DL_REALTIME))
        return -EIO;
    const int given = give_out(v, emit, ctx);
    v->at = (v->at + 1) % v->cycle->length;
    return given;
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
    .create = create_vp8,
    .destroy = destroy,
    .set_rate = set_rate,
    .encode = encode,
    .flush = flush,
};

const struct comp_codec comp_codec_vp9 = {
    .codec = MCU_CODEC_VP9,
    .thread_name = "enc-vp9",
    .create = create_vp9,
    .destroy = destroy,
    .set_rate = set_rate,
    .encode = encode,
    .flush = flush,
};
