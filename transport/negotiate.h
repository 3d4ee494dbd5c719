/* transport/negotiate.h - offer and answer (RFC 3264, RFC 8829) over descriptions, as a pure function.
 *
 * At most one audio m-line (Opus) and two video m-lines (H264, VP8, VP9; AV1 only from the
 * far side) are taken; all others are answered
 * as rejected, in their place and with their mid. The first usable audio and video m-lines are the
 * voice, the camera and the mix. The screen is only received: it is the first further video m-line
 * that says a=content:slides (RFC 4796; it may then stand before the camera's, too), else the first
 * that sends, else the first. All functions are [any]: they touch nothing but their arguments. */
#ifndef TRANSPORT_NEGOTIATE_H
#define TRANSPORT_NEGOTIATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/desc.h"

enum {
    RTC_PT_COUNT = 128,
    RTC_LINE_SCREEN = 2, /* MCU_VIDEO + RTC_SCREEN; only ever received */
    RTC_LINES = 3,
};

/* What we bring; stays the same over all offers of one peer. */
struct rtc_local {
    char ice_ufrag[MCU_DESC_TOKEN_MAX + 1];
    char ice_pwd[MCU_DESC_TOKEN_MAX + 1];
    uint8_t fingerprint[32];
    bool has_role;             /* DTLS has begun: setup is fixed */
    enum mcu_dtls_setup setup; /* MCU_SETUP_ACTIVE or _PASSIVE, if has_role */
    uint32_t ssrc[2];          /* by enum mcu_kind */
    uint32_t rtx_ssrc[2];
    uint32_t fec_ssrc;         /* video */
    char cname[64];
    char stream_id[64];
    char track_id[2][64];
    uint8_t audio_channels;    /* of what we send and like to get: 1, 2; 0: as the far side says */
    uint32_t audio_bitrate_bps; /* Opus that we like to get; 0: as the far side sees fit */
    uint8_t red_copies_max;    /* 0: no copies are sent */
};

/* One m-line that both sides agreed on; codecs as answered, the first is the one to send. */
struct rtc_line {
    bool is_used;
    size_t index;                 /* in mcu_desc.media */
    char mid[32];
    enum mcu_direction direction; /* ours */
    struct mcu_desc_codec codecs[MCU_DESC_CODECS_MAX];
    size_t codec_count;
    struct mcu_desc_extensions ext;
    bool rtcp_rsize;
    uint8_t fec_pt;               /* FlexFEC of what we send; 0: none */
    uint8_t remote_level;         /* H264: what the far side can decode of codecs[0] */
    uint32_t remote_ssrc;         /* 0: not said */
    uint32_t remote_rtx_ssrc;
    char rids[MCU_DESC_RIDS_MAX][MCU_DESC_RID_BYTES]; /* simulcast: the layers that are taken */
    size_t rid_count;
};

/* What a payload type means on the bundled transport (RFC 8843, section 9.2). */
struct rtc_pt {
    enum mcu_codec codec; /* MCU_CODEC_NONE: not negotiated */
    enum mcu_kind kind;
    uint8_t lines;        /* bits of those that may use it: 1 << index in rtc_session.lines */
    bool is_rtx;
    bool is_red;
    uint8_t media_pt;     /* of an RTX type: what it repairs; of a RED type: what it carries */
};

struct rtc_session {
    struct rtc_line lines[RTC_LINES]; /* by enum mcu_kind, and RTC_LINE_SCREEN */
    struct rtc_pt pts[RTC_PT_COUNT]; /* of what the far side sends */
    bool is_dtls_client;             /* our part */
};

/* The lines of a picture that may be sent on it, as rtc_peer_send_height_max(). */
uint32_t rtc_line_height_max(const struct rtc_line *line);

/* The answer to an offer, without candidates, and what it means for us. prefer is the video codec put
 * first. Both are written only on success. Returns 0, -EINVAL (no ICE credentials, or no m-line that
 * we can do) or -EPROTO (setup contradicts the role that DTLS already has). */
int rtc_negotiate_answer(const struct mcu_desc *offer, const struct rtc_local *local,
                         enum mcu_codec prefer, struct mcu_desc *answer,
                         struct rtc_session *session);

/* An offer of our own with audio and video in these directions (MCU_INACTIVE: no such m-line) and
 * this video codec only. Returns 0 or -EINVAL (no m-line, or not a codec we send). */
int rtc_negotiate_offer(const struct rtc_local *local, enum mcu_direction audio,
                        enum mcu_direction video, enum mcu_codec codec, struct mcu_desc *offer);

/* An offer that sends the mix and takes nothing: prefer first, then the other codecs that we send.
 * Errors as above. */
int rtc_negotiate_mix(const struct rtc_local *local, enum mcu_codec prefer, struct mcu_desc *offer);

/* Whether anything could be sent to who offers this: a line that receives, with a codec that we send. */
bool rtc_negotiate_can_send(const struct mcu_desc *offer);

/* What the answer to our own offer means for us; it may not widen what was offered. Returns 0, -EINVAL (not an answer to it) or -EPROTO
 * (as above). */
int rtc_negotiate_answered(const struct mcu_desc *offer, const struct rtc_local *local,
                           const struct mcu_desc *answer, struct rtc_session *session);

#endif
