/* mcu/base/codec.h - names for the codecs and kinds of media that cross folders. */
#ifndef MCU_BASE_CODEC_H
#define MCU_BASE_CODEC_H

enum mcu_kind {
    MCU_AUDIO = 0,
    MCU_VIDEO = 1,
};

/* The pictures that a participant may send. */
enum mcu_picture {
    MCU_CAMERA = 0,
    MCU_SCREEN = 1,
    MCU_PICTURES,
};

enum mcu_codec {
    MCU_CODEC_NONE = 0,
    MCU_CODEC_OPUS,
    MCU_CODEC_AAC,
    MCU_CODEC_VORBIS,
    MCU_CODEC_H264,
    MCU_CODEC_VP8,
    MCU_CODEC_VP9,
    MCU_CODEC_AV1,
    MCU_CODEC_PCM, /* 16 bits, native order, interleaved: inside a room only */
};

/* [any] The codec's name as SDP spells it ("opus", "H264", "VP8"); static storage. */
const char *mcu_codec_name(enum mcu_codec codec);

/* [any] The reverse, ignoring case (RFC 4855); MCU_CODEC_NONE for names that are not ours. */
enum mcu_codec mcu_codec_from_name(const char *name);

/* [any] Audio or video; MCU_CODEC_NONE counts as video. */
enum mcu_kind mcu_codec_kind(enum mcu_codec codec);

#endif
