/* H264 by OpenH264: cheaper than x264 and with temporal layers, for streams of few viewers, small
 * sizes and hard times (engine.h). Live only. [enc]
 *
 * Constrained baseline with the flags of 42e0 and a level, SPS and PPS before each key frame, every
 * picture a frame. Layers: the top one is never referred to, so it can be left out without a trace;
 * leaving out the middle one of three leaves gaps in frame_num, which the SPS allows. */
#include "compositor/encode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <wels/codec_api.h>

#include "compositor/h264.h"
#include "mcu/base/clock.h"

enum {
    QUANTIZER_MIN = 12, /* of 51 */
    QUANTIZER_MAX = 51,
    RATE_MARGIN_PERCENT = 150, /* a second may take so much of the rate */
};

struct openh264 {
    ISVCEncoder *encoder;
    bool is_ready;
    int64_t frame_us;
};

static void set_colours(SSpatialLayerConfig *layer)
{
    layer->bVideoSignalTypePresent = true;
    layer->uiVideoFormat = VF_UNDEF;
    layer->bColorDescriptionPresent = true;
    layer->uiColorPrimaries = CP_SMPTE170M;
    layer->uiTransferCharacteristics = TRC_SMPTE170M;
    layer->uiColorMatrix = CM_SMPTE170M;
}

static void set_size(SEncParamExt *p, const struct comp_codec_conf *conf)
{
    const struct comp_h264_level *level = comp_h264_level(conf->width, conf->height, conf->fps);
    p->iPicWidth = (int)conf->width;
    p->iPicHeight = (int)conf->height;
    p->fMaxFrameRate = (float)conf->fps;
    SSpatialLayerConfig *layer = &p->sSpatialLayers[0];
    layer->iVideoWidth = p->iPicWidth;
    layer->iVideoHeight = p->iPicHeight;
    layer->fFrameRate = p->fMaxFrameRate;
    layer->uiProfileIdc = PRO_BASELINE;
    layer->uiLevelIdc = (ELevelIdc)level->idc;
    layer->sSliceArgument.uiSliceMode = conf->threads > 1 ? SM_FIXEDSLCNUM_SLICE : SM_SINGLE_SLICE;
    layer->sSliceArgument.uiSliceNum = conf->threads > 1 ? conf->threads : 1;
    set_colours(layer);
}

static void set_rate_control(SEncParamExt *p, const struct comp_codec_conf *conf)
{
    p->iRCMode = RC_BITRATE_MODE;
    p->bEnableFrameSkip = false; /* every picture goes out, coarser if need be */
    p->iMinQp = QUANTIZER_MIN;
    p->iMaxQp = QUANTIZER_MAX;
    p->iTargetBitrate = (int)conf->bitrate_bps;
    p->iMaxBitrate = UNSPECIFIED_BIT_RATE;
    p->sSpatialLayers[0].iSpatialBitrate = p->iTargetBitrate;
    p->sSpatialLayers[0].iMaxSpatialBitrate = UNSPECIFIED_BIT_RATE;
}

static void set_params(SEncParamExt *p, const struct comp_codec_conf *conf)
{
    p->iUsageType = conf->is_screen ? SCREEN_CONTENT_REAL_TIME : CAMERA_VIDEO_REAL_TIME;
    p->iSpatialLayerNum = 1;
    p->iTemporalLayerNum = conf->temporal_layers;
    p->uiIntraPeriod = 0; /* only when asked */
    p->iComplexityMode = LOW_COMPLEXITY;
    p->eSpsPpsIdStrategy = CONSTANT_ID;
    p->iMultipleThreadIdc = (unsigned short)(conf->threads > 1 ? conf->threads : 1);
    p->bEnableDenoise = false;
    p->bEnableSceneChangeDetect = false; /* it would make key frames */
    set_size(p, conf);
    set_rate_control(p, conf);
}

static int open_encoder(struct openh264 *o, const struct comp_codec_conf *conf)
{
    if (WelsCreateSVCEncoder(&o->encoder))
        return -ENOMEM;
    int quiet = WELS_LOG_QUIET;
    (*o->encoder)->SetOption(o->encoder, ENCODER_OPTION_TRACE_LEVEL, &quiet);
    SEncParamExt params;
    if ((*o->encoder)->GetDefaultParams(o->encoder, &params))
        return -ENOTSUP;
    set_params(&params, conf);
    if ((*o->encoder)->InitializeExt(o->encoder, &params))
        return -EINVAL;
    o->is_ready = true;
    int format = videoFormatI420;
    return (*o->encoder)->SetOption(o->encoder, ENCODER_OPTION_DATAFORMAT, &format) ? -EINVAL : 0;
}

static void destroy(void *impl)
{
    struct openh264 *o = impl;
    if (!o)
        return;
    if (o->is_ready)
        (*o->encoder)->Uninitialize(o->encoder);
    if (o->encoder)
        WelsDestroySVCEncoder(o->encoder);
    free(o);
}

static int create(void **out, const struct comp_codec_conf *conf)
{
    if (!comp_codec_conf_is_good(conf))
        return -EINVAL;
    if (conf->is_offline)
        return -ENOTSUP;
    struct openh264 *o = calloc(1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    o->frame_us = MCU_US_PER_S / conf->fps;
    const int err = open_encoder(o, conf);
    if (err) {
        destroy(o);
        return err;
    }
    *out = o;
    return 0;
}

static int set_rate(void *impl, uint32_t bitrate_bps, uint32_t fps)
{
    struct openh264 *o = impl;
    if (bitrate_bps < COMP_BITRATE_MIN_BPS || bitrate_bps > COMP_BITRATE_MAX_BPS || fps < 1)
        return -EINVAL;
    float rate_hz = (float)fps;
    SBitrateInfo rate = {.iLayer = SPATIAL_LAYER_ALL, .iBitrate = (int)bitrate_bps};
    if ((*o->encoder)->SetOption(o->encoder, ENCODER_OPTION_FRAME_RATE, &rate_hz) ||
        (*o->encoder)->SetOption(o->encoder, ENCODER_OPTION_BITRATE, &rate))
        return -EINVAL;
    o->frame_us = MCU_US_PER_S / fps;
    return 0;
}

/* Parameter sets come as a layer of their own, without a temporal id. */
static void append_layer(struct mcu_packet *packet, const SLayerBSInfo *layer)
{
    const uint8_t *from = layer->pBsBuf;
    for (int i = 0; i < layer->iNalCount; i++) {
        const size_t size = (size_t)layer->pNalLengthInByte[i];
        memcpy(packet->data + packet->size, from, size);
        comp_h264_set_constraints(packet->data + packet->size, size);
        packet->size += size;
        from += size;
    }
    if (layer->uiLayerType == VIDEO_CODING_LAYER)
        packet->temporal_id = layer->uiTemporalId;
}

static int give_out(const struct openh264 *o, const SFrameBSInfo *info, int64_t pts_us,
                    void (*emit)(void *, struct mcu_packet *), void *ctx)
{
    struct mcu_packet *packet = mcu_packet_create((size_t)info->iFrameSizeInBytes);
    if (!packet)
        return -ENOMEM;
    for (int i = 0; i < info->iLayerNum; i++)
        append_layer(packet, &info->sLayerInfo[i]);
    packet->codec = MCU_CODEC_H264;
    packet->pts_us = pts_us;
    packet->dts_us = pts_us;
    packet->duration_us = o->frame_us;
    packet->is_key = info->eFrameType == videoFrameTypeIDR;
    emit(ctx, packet);
    return 0;
}

static int encode(void *impl, const struct comp_canvas *canvas, int64_t pts_us, bool is_key,
                  void (*emit)(void *, struct mcu_packet *), void *ctx)
{
    struct openh264 *o = impl;
    SSourcePicture picture = {
        .iColorFormat = videoFormatI420,
        .iPicWidth = (int)canvas->width,
        .iPicHeight = (int)canvas->height,
        .uiTimeStamp = pts_us / MCU_US_PER_MS,
    };
    for (int p = 0; p < COMP_PLANES; p++) {
        picture.pData[p] = canvas->plane[p]; /* copied inside */
        picture.iStride[p] = canvas->stride[p];
    }
    if (is_key && (*o->encoder)->ForceIntraFrame(o->encoder, true))
        return -EIO;
    SFrameBSInfo info = {0};
    if ((*o->encoder)->EncodeFrame(o->encoder, &picture, &info))
        return -EIO;
    if (info.eFrameType == videoFrameTypeSkip || info.iFrameSizeInBytes <= 0)
        return 0;
    return give_out(o, &info, pts_us, emit, ctx);
}

/* Nothing is held back. */
static int flush(void *impl, void (*emit)(void *, struct mcu_packet *), void *ctx)
{
    (void)impl;
    (void)emit;
    (void)ctx;
    return 0;
}

const struct comp_codec comp_codec_openh264 = {
    .codec = MCU_CODEC_H264,
    .thread_name = "enc-openh264",
    .create = create,
    .destroy = destroy,
    .set_rate = set_rate,
    .encode = encode,
    .flush = flush,
};
