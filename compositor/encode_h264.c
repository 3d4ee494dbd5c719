/* H264 by libx264, driven directly. [enc]
 *
 * Live: constrained baseline that SDP knows as 42e01f, no reordering, key frames only when asked,
 * SPS and PPS before each, a rate that no second exceeds by much. Live for a file (b_frames): high
 * profile, reordered, with as much look-ahead as LATE_MS has room for. Offline: what the preset has.
 * Times are microseconds throughout, so pts and dts come back exact. It has no temporal layers. */
#include "compositor/encode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <x264.h>

#include "compositor/h264.h"
#include "mcu/base/clock.h"

enum {
    CRF_DEFAULT = 23,
    COLOUR_BT601 = 6, /* SMPTE 170M: primaries, transfer and matrix (table E-3 to E-5) */
    FILE_KEY_S = 2,
    SCREEN_MOTION_PX = 48,
    SCREEN_SUBPEL = 2,
    BUFFER_MS = 600,
    MS_PER_S = 1000,
    LATE_MS = 400, /* what B-frames and look-ahead may hold back */
};

struct h264 {
    x264_t *encoder;
    bool is_offline;
    bool is_baseline;
    uint32_t fps; /* what x264 was opened with, and counts by */
    int64_t frame_us;
};

/* Slow presets take more reference pictures than the level has room for. */
static void fit_level(x264_param_t *p, const struct comp_codec_conf *conf)
{
    const struct comp_h264_level *level = comp_h264_level(conf->width, conf->height, conf->fps);
    const int most = (int)comp_h264_references(level, conf->width, conf->height);
    p->i_level_idc = level->idc;
    if (p->i_frame_reference > most)
        p->i_frame_reference = most;
}

/* x264 shares the rate out by frames, as many a second as it was opened with. Other numbers of
 * frames are other rates to it; only the buffer stays what it is in time. */
static void set_constant_rate(x264_param_t *p, uint32_t bitrate_bps, uint32_t fps,
                              uint32_t opened_fps)
{
    p->rc.i_bitrate = (int)((uint64_t)bitrate_bps * opened_fps / fps / 1000);
    p->rc.i_vbv_max_bitrate = p->rc.i_bitrate;
    p->rc.i_vbv_buffer_size = (int)((uint64_t)bitrate_bps * BUFFER_MS / MS_PER_S / 1000);
}

static void set_live(x264_param_t *p, const struct comp_codec_conf *conf)
{
    p->b_sliced_threads = conf->threads > 1;
    p->i_keyint_max = X264_KEYINT_MAX_INFINITE;
    p->i_scenecut_threshold = 0;
    p->rc.i_rc_method = X264_RC_ABR;
    set_constant_rate(p, conf->bitrate_bps, conf->fps, conf->fps);
    fit_level(p, conf);
}

/* More threads would each hold back a frame more. */
static void set_reordered(x264_param_t *p, const struct comp_codec_conf *conf)
{
    const int most = (int)(conf->fps * LATE_MS / MS_PER_S);
    p->i_bframe = conf->b_frames < most ? conf->b_frames : most;
    p->rc.i_lookahead = most - 1 > p->i_bframe ? most - 1 : p->i_bframe;
    p->i_sync_lookahead = 0;
    p->i_threads = 1;
    p->b_sliced_threads = 0;
    if (p->i_bframe == 0)
        p->rc.i_lookahead = p->rc.b_mb_tree = 0;
}

static void set_offline(x264_param_t *p, const struct comp_codec_conf *conf)
{
    p->i_keyint_max = FILE_KEY_S * (int)conf->fps;
    if (conf->bitrate_bps > 0) {
        p->rc.i_rc_method = X264_RC_ABR;
        p->rc.i_bitrate = (int)(conf->bitrate_bps / 1000);
    } else {
        p->rc.i_rc_method = X264_RC_CRF;
        p->rc.f_rf_constant = CRF_DEFAULT;
    }
}

/* Pages scroll by many pixels at once, and what moved is found again only by a wide search: worth
 * 20 dB when they do. Without adaptive quantisation the flat parts of a page cost less than its
 * letters. Takes 40 % more time. */
static void set_screen(x264_param_t *p)
{
    p->analyse.i_me_method = X264_ME_UMH;
    p->analyse.i_me_range = SCREEN_MOTION_PX;
    if (p->analyse.i_subpel_refine < SCREEN_SUBPEL)
        p->analyse.i_subpel_refine = SCREEN_SUBPEL;
    p->analyse.inter |= X264_ANALYSE_I4x4 | X264_ANALYSE_PSUB16x16 | X264_ANALYSE_PSUB8x8;
    p->analyse.intra |= X264_ANALYSE_I4x4;
    p->rc.i_aq_mode = X264_AQ_NONE;
}

static int set_params(x264_param_t *p, const struct comp_codec_conf *conf)
{
    const bool is_reordered = conf->is_offline || conf->b_frames > 0;
    if (x264_param_default_preset(p, conf->preset, is_reordered ? NULL : "zerolatency"))
        return -EINVAL;
    p->i_log_level = X264_LOG_NONE;
    p->i_width = (int)conf->width;
    p->i_height = (int)conf->height;
    p->i_csp = X264_CSP_I420;
    p->i_threads = conf->threads > 0 ? (int)conf->threads : 1;
    p->i_fps_num = conf->fps;
    p->i_fps_den = 1;
    p->i_timebase_num = 1;
    p->i_timebase_den = MCU_US_PER_S;
    p->b_vfr_input = conf->is_offline;
    p->b_repeat_headers = 1;
    p->b_annexb = 1;
    p->vui.b_fullrange = 0;
    p->vui.i_colorprim = COLOUR_BT601;
    p->vui.i_transfer = COLOUR_BT601;
    p->vui.i_colmatrix = COLOUR_BT601;
    if (conf->is_screen)
        set_screen(p);
    if (conf->is_offline)
        set_offline(p, conf);
    else
        set_live(p, conf);
    if (is_reordered && !conf->is_offline)
        set_reordered(p, conf);
    return x264_param_apply_profile(p, is_reordered ? "high" : "baseline") ? -EINVAL : 0;
}

static void destroy(void *impl)
{
    struct h264 *h = impl;
    if (!h)
        return;
    if (h->encoder)
        x264_encoder_close(h->encoder);
    free(h);
}

static int create(void **out, const struct comp_codec_conf *conf)
{
    if (!comp_codec_conf_is_good(conf))
        return -EINVAL;
    x264_param_t params;
    const int err = set_params(&params, conf);
    if (err)
        return err;
    struct h264 *h = calloc(1, sizeof(*h));
    if (!h)
        return -ENOMEM;
    h->is_offline = conf->is_offline;
    h->is_baseline = !conf->is_offline && conf->b_frames == 0;
    h->fps = conf->fps;
    h->frame_us = MCU_US_PER_S / conf->fps;
    h->encoder = x264_encoder_open(&params);
    x264_param_cleanup(&params);
    if (!h->encoder) {
        destroy(h);
        return -ENOMEM;
    }
    *out = h;
    return 0;
}

static int set_rate(void *impl, uint32_t bitrate_bps, uint32_t fps)
{
    struct h264 *h = impl;
    if (h->is_offline)
        return -ENOTSUP;
    if (bitrate_bps < COMP_BITRATE_MIN_BPS || bitrate_bps > COMP_BITRATE_MAX_BPS || fps < 1)
        return -EINVAL;
    x264_param_t params;
    x264_encoder_parameters(h->encoder, &params);
    set_constant_rate(&params, bitrate_bps, fps, h->fps);
    if (x264_encoder_reconfig(h->encoder, &params))
        return -EINVAL;
    h->frame_us = MCU_US_PER_S / fps;
    return 0;
}

static int give_out(struct h264 *h, const x264_nal_t *nals, int count, int size,
                    const x264_picture_t *picture, void (*emit)(void *, struct mcu_packet *),
                    void *ctx)
{
    struct mcu_packet *packet = mcu_packet_copy(nals[0].p_payload, (size_t)size);
    if (!packet)
        return -ENOMEM;
    for (int i = 0; i < count && h->is_baseline; i++)
        comp_h264_set_constraints(packet->data + (nals[i].p_payload - nals[0].p_payload),
                                  (size_t)nals[i].i_payload);
    packet->codec = MCU_CODEC_H264;
    packet->pts_us = picture->i_pts;
    packet->dts_us = picture->i_dts;
    packet->duration_us = h->frame_us;
    packet->is_key = picture->b_keyframe;
    emit(ctx, packet);
    return 0;
}

static int encode(void *impl, const struct comp_canvas *canvas, int64_t pts_us, bool is_key,
                  void (*emit)(void *, struct mcu_packet *), void *ctx)
{
    struct h264 *h = impl;
    x264_picture_t in, out;
    x264_picture_init(&in);
    in.img.i_csp = X264_CSP_I420;
    in.img.i_plane = COMP_PLANES;
    for (int p = 0; p < COMP_PLANES; p++) {
        in.img.plane[p] = canvas->plane[p]; /* copied inside */
        in.img.i_stride[p] = canvas->stride[p];
    }
    in.i_pts = pts_us;
    in.i_type = is_key ? X264_TYPE_IDR : X264_TYPE_AUTO;
    x264_nal_t *nals;
    int count;
    const int size = x264_encoder_encode(h->encoder, &nals, &count, &in, &out);
    if (size <= 0)
        return size < 0 ? -EIO : 0;
    return give_out(h, nals, count, size, &out, emit, ctx);
}

static int flush(void *impl, void (*emit)(void *, struct mcu_packet *), void *ctx)
{
    struct h264 *h = impl;
    while (x264_encoder_delayed_frames(h->encoder) > 0) {
        x264_picture_t out;
        x264_nal_t *nals;
        int count;
        const int size = x264_encoder_encode(h->encoder, &nals, &count, NULL, &out);
        if (size < 0)
            return -EIO;
        const int err = size ? give_out(h, nals, count, size, &out, emit, ctx) : 0;
        if (err)
            return err;
    }
    return 0;
}

const struct comp_codec comp_codec_h264 = {
    .codec = MCU_CODEC_H264,
    .thread_name = "enc-h264",
    .create = create,
    .destroy = destroy,
    .set_rate = set_rate,
    .encode = encode,
    .flush = flush,
};
