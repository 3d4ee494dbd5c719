/* mcu/base/desc.h - a session description as plain data: what SDP says, without its text.
 *
 * The front parses SDP into this (signaling/sdp.h), it crosses to the room as JSON
 * (mcu/control.h), the room's transport negotiates on it (transport/negotiate.h). Strings are
 * NUL-terminated and were bounded when they were parsed. Directions are those of whoever made
 * the description. */
#ifndef MCU_BASE_DESC_H
#define MCU_BASE_DESC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/codec.h"

enum {
    MCU_DESC_MEDIA_MAX = 16,
    MCU_DESC_CODECS_MAX = 24,
    MCU_DESC_CANDIDATES_MAX = 32,
    MCU_DESC_TOKEN_MAX = 256, /* ICE ufrag and password (RFC 8839, section 5.4) */
    MCU_DESC_RIDS_MAX = 3,    /* layers of simulcast */
    MCU_DESC_RID_BYTES = 17,  /* a one-byte header extension holds 16 */
};

enum mcu_dtls_setup { /* RFC 8842, section 5.3 */
    MCU_SETUP_ACTPASS,
    MCU_SETUP_ACTIVE,
    MCU_SETUP_PASSIVE,
};

enum mcu_direction { /* bits */
    MCU_INACTIVE = 0,
    MCU_SENDONLY = 1,
    MCU_RECVONLY = 2,
    MCU_SENDRECV = 3,
};

/* One RTP payload type. */
struct mcu_desc_codec {
    enum mcu_codec codec;
    uint8_t pt;         /* 0..127 */
    uint8_t rtx_pt;     /* the RTX payload type that repairs it (RFC 4588), 0: none */
    uint8_t red_pt;     /* audio: the RED payload type that carries it (RFC 2198), 0: none; in SDP it
                         * stands before pt, since browsers send RED only then */
    uint8_t channels;   /* audio */
    uint32_t clock_hz;
    bool has_nack;      /* a=rtcp-fb: nack */
    bool has_pli;       /* nack pli */
    bool has_fir;       /* ccm fir */
    bool has_transport_cc;
    bool has_remb;
    /* H264 (RFC 6184, section 8.1) */
    uint8_t h264_profile[3];        /* profile-level-id: 42 e0 1f */
    uint8_t packetization_mode;     /* 0 or 1 */
    bool level_asymmetry_allowed;
    /* Opus (RFC 7587, section 6.1) */
    bool opus_stereo;
    bool opus_inband_fec;
    bool opus_dtx;
    uint32_t opus_bitrate_bps;      /* maxaveragebitrate, 6000..510000; 0: not said */
};

/* Header extension ids of RFC 8285, 1..14; 0: not in use. */
struct mcu_desc_extensions {
    uint8_t audio_level;   /* RFC 6464 */
    uint8_t abs_send_time;
    uint8_t transport_cc;  /* draft-holmer-rmcat-transport-wide-cc-extensions-01 */
    uint8_t mid;           /* RFC 8843 */
    uint8_t rid;           /* RFC 8852 */
    uint8_t repaired_rid;
    uint8_t color_space;   /* http://www.webrtc.org/experiments/rtp-hdrext/color-space */
};

/* One m-line. */
struct mcu_desc_media {
    enum mcu_kind kind;        /* meaningful unless is_rejected */
    char type[16];             /* "audio", "video", "application", as in the m-line */
    char proto[32];            /* "UDP/TLS/RTP/SAVPF" */
    char format[32];           /* the first format of an m-line that is not ours, to echo it */
    char mid[32];
    bool is_rejected;          /* port 0, or a type or proto that is not ours */
    enum mcu_direction direction;
    bool is_slides;            /* a=content:slides (RFC 4796): a shared screen */
    bool rtcp_rsize;
    struct mcu_desc_codec codecs[MCU_DESC_CODECS_MAX]; /* in order of preference */
    size_t codec_count;
    struct mcu_desc_extensions ext;
    uint32_t ssrc;             /* what the describer sends with; 0: not said */
    uint32_t rtx_ssrc;
    uint8_t fec_pt;            /* video: FlexFEC (flexfec-03), 0: none */
    uint32_t fec_ssrc;
    /* Simulcast (RFC 8853): what an offer sends and an answer takes; none: one stream. */
    char rids[MCU_DESC_RIDS_MAX][MCU_DESC_RID_BYTES];
    size_t rid_count;
    char cname[64];
    char stream_id[64];        /* msid: stream and track */
    char track_id[64];
};

struct mcu_desc {
    char ice_ufrag[MCU_DESC_TOKEN_MAX + 1];
    char ice_pwd[MCU_DESC_TOKEN_MAX + 1];
    bool ice_lite;
    uint8_t fingerprint[32];   /* SHA-256 of the certificate (RFC 8122) */
    enum mcu_dtls_setup setup;
    struct mcu_desc_media media[MCU_DESC_MEDIA_MAX];
    size_t media_count;        /* all in one BUNDLE group, save the rejected ones */
    char candidates[MCU_DESC_CANDIDATES_MAX][256]; /* "candidate:..." without "a=" */
    size_t candidate_count;
    bool end_of_candidates;
};

#endif
