/* mcu/control_rtp.h - a plain RTP participant as JSON: what REST takes and the room gets.
 *
 *   {remote?: {host, port},
 *    audio?: {pt, codec: "opus", direction?, redPt?, levelExt?, ssrc?, nack?},
 *    video?: {pt, codec: "h264"|"vp8", direction?, rtxPt?, ssrc?, nack?},
 *    srtp?: {suite, keyIn, keyOut}}
 *
 * Directions are the participant's own: "sendonly" sends to us. keyIn is the key of what comes to
 * us, keyOut of what we send: base64 of master key and salt. Threads: pure, [any]. */
#ifndef MCU_CONTROL_RTP_H
#define MCU_CONTROL_RTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "mcu/base/codec.h"
#include "mcu/base/desc.h"

enum {
    MCU_RTP_KEY_MAX = 30,
    MCU_RTP_WHY_MAX = 128,
};

struct mcu_rtp_media {
    enum mcu_direction direction; /* the participant's; MCU_INACTIVE: no such medium */
    enum mcu_codec codec;
    uint8_t pt;
    uint8_t red_pt;    /* 0: none */
    uint8_t rtx_pt;    /* 0: none */
    uint8_t level_ext; /* 0: none */
    uint32_t ssrc;     /* 0: any */
    bool has_nack;
};

struct mcu_rtp {
    char host[64]; /* "": learnt from the first packet */
    uint16_t port;
    struct mcu_rtp_media media[2]; /* by enum mcu_kind */
    bool is_srtp;
    bool is_gcm; /* AEAD_AES_128_GCM, else AES_CM_128_HMAC_SHA1_80 */
    uint8_t key_in[MCU_RTP_KEY_MAX];
    uint8_t key_out[MCU_RTP_KEY_MAX];
    uint32_t key_bytes; /* of each */
};

/* Reads one, strictly. Returns 0, or -EINVAL with what is wrong in why (MCU_RTP_WHY_MAX bytes;
 * never a part of a key). */
int mcu_rtp_read(struct mcu_rtp *out, const json_t *json, char *why);

/* Wipes the keys. */
void mcu_rtp_forget(struct mcu_rtp *rtp);

#endif
