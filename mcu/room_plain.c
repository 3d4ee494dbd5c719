/* Plain RTP participants of a room: from JSON to a peer of the transport. [ctl]. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "mcu/base/log.h"
#include "mcu/control_rtp.h"
#include "mcu/room_internal.h"
#include "transport/srtp.h"

/* The participant's direction is the other way round for us. */
static enum mcu_direction ours(enum mcu_direction theirs)
{
    return (enum mcu_direction)((theirs & MCU_SENDONLY ? MCU_RECVONLY : 0) |
                                (theirs & MCU_RECVONLY ? MCU_SENDONLY : 0));
}

static void fill_media(struct rtc_plain_media *out, const struct mcu_rtp_media *m)
{
    *out = (struct rtc_plain_media){
        .direction = ours(m->direction),
        .codec = m->codec,
        .pt = m->pt,
        .red_pt = m->red_pt,
        .rtx_pt = m->rtx_pt,
        .audio_level_ext = m->level_ext,
        .remote_ssrc = m->ssrc,
        .has_nack = m->has_nack,
    };
}

static void fill_conf(struct rtc_plain_conf *out, const struct mcu_rtp *rtp)
{
    *out = (struct rtc_plain_conf){
        .remote_host = rtp->host[0] ? rtp->host : NULL,
        .remote_port = rtp->port,
        .is_srtp = rtp->is_srtp,
        .profile = rtp->is_gcm ? RTC_SRTP_AEAD_AES_128_GCM : RTC_SRTP_AES128_CM_SHA1_80,
        .key_in = rtp->key_in,
        .key_out = rtp->key_out,
        .key_bytes = rtp->key_bytes,
    };
    for (int kind = 0; kind < 2; kind++)
        fill_media(&out->media[kind], &rtp->media[kind]);
}

/* Where to send to: not "every address of mine", when we were told the one from outside. */
static const char *told_host(const struct mcu_room *r, const char *host)
{
    const bool is_any = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    return is_any && r->config.rtc.announced.count ? r->config.rtc.announced.item[0] : host;
}

static json_t *describe(const struct mcu_room *r, const struct mcu_rtp *rtp,
                        const struct rtc_plain_local *local)
{
    static const char *const names[] = {[MCU_AUDIO] = "audio", [MCU_VIDEO] = "video"};
    json_t *json = json_pack("{s:s,s:i,s:b}", "host", told_host(r, local->host), "port",
                             (int)local->port, "srtp", rtp->is_srtp);
    for (int kind = 0; json && kind < 2; kind++) {
        if (rtp->media[kind].direction)
            json_object_set_new(json, names[kind],
                                json_pack("{s:I,s:i}", "ssrc", (json_int_t)local->ssrc[kind], "pt",
                                          (int)rtp->media[kind].pt));
    }
    return json;
}

static const char *code_of(int err)
{
    switch (err) {
    case -EADDRINUSE:
        return "address_in_use";
    case -ENOSPC:
        return "room_full";
    case -EIO:
        return "no_port";
    case -EINVAL:
        return "bad_message";
    default:
        return "internal";
    }
}

const char *room_make_plain(struct room_peer *p, const json_t *json)
{
    char why[MCU_RTP_WHY_MAX];
    struct mcu_rtp rtp;
    if (mcu_rtp_read(&rtp, json, why)) {
        log_warn("peer=%s: %s", p->id, why);
        return "bad_message";
    }
    struct rtc_plain_conf conf;
    struct rtc_plain_local local;
    struct rtc_peer_sink sink;
    fill_conf(&conf, &rtp);
    room_peer_sink(p, &sink);
    const int err = rtc_peer_create_plain(p->room->rtc, &p->rtc, &conf, &sink, &local);
    if (!err)
        p->plain = describe(p->room, &rtp, &local);
    else
        log_warn("peer=%s: no plain RTP: %s", p->id, strerror(-err));
    mcu_rtp_forget(&rtp);
    return err ? code_of(err) : p->plain ? NULL : "internal";
}
