/* Synthetic peers; the room's transport code is at both ends, so only what is measured or compared
 * beyond it is worth trusting. */
#include "tests/lib/synth_peer.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/control.h"

struct synth_peer {
    struct synth_peer_conf conf;
    char id[64];
    struct rtc_peer *rtc;
    struct rtc_feed *audio_feed;
    struct rtc_feed *video_feed;
    atomic_int state;
};

static void on_state(void *ctx, enum rtc_state state, const char *reason)
{
    struct synth_peer *p = ctx;
    (void)reason;
    atomic_store(&p->state, (int)state);
}

static void on_candidate(void *ctx, const char *candidate)
{
    (void)ctx; /* the room finds us by our checks */
    (void)candidate;
}

static void on_audio(void *ctx, const struct rtc_audio *audio)
{
    struct synth_peer *p = ctx;
    if (p->conf.on_audio)
        p->conf.on_audio(p->conf.ctx, audio);
}

static void on_video(void *ctx, enum rtc_picture picture, struct mcu_packet *frame)
{
    (void)picture;
    struct synth_peer *p = ctx;
    if (p->conf.on_video)
        p->conf.on_video(p->conf.ctx, frame);
}

static void on_need_key(void *ctx, enum mcu_codec codec)
{
    struct synth_peer *p = ctx;
    (void)codec;
    if (p->conf.on_need_key)
        p->conf.on_need_key(p->conf.ctx);
}

static int open_rtc(struct synth_peer *p)
{
    const struct rtc_peer_sink sink = {
        .ctx = p,
        .on_state = on_state,
        .on_candidate = on_candidate,
        .on_audio = on_audio,
        .on_video = on_video,
        .on_need_key = on_need_key,
    };
    int err = rtc_peer_create(p->conf.rtc, &p->rtc, &sink);
    if (!err)
        err = rtc_feed_create(p->conf.rtc, &p->audio_feed, MCU_CODEC_OPUS);
    if (!err)
        err = rtc_feed_create(p->conf.rtc, &p->video_feed, p->conf.video_codec);
    return err;
}

static int negotiate(struct synth_peer *p)
{
    struct mcu_desc *desc = calloc(1, sizeof(*desc));
    if (!desc)
        return -ENOMEM;
    int err = rtc_peer_offer(p->rtc, p->conf.audio, p->conf.video, p->conf.video_codec, desc);
    json_t *reply = NULL;
    if (!err) {
        reply = room_client_call(p->conf.room, json_pack("{s:s,s:s,s:o}", "cmd", "peer_offer", "peer",
                                                         p->id, "desc", mcu_desc_to_json(desc)));
        err = reply ? mcu_desc_from_json(desc, json_object_get(reply, "desc")) : -EPIPE;
    }
    if (!err)
        err = rtc_peer_answered(p->rtc, desc);
    json_decref(reply);
    free(desc);
    return err;
}

int synth_peer_join(struct synth_peer **out, const struct synth_peer_conf *conf)
{
    struct synth_peer *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->conf = *conf;
    snprintf(p->id, sizeof(p->id), "%s", conf->id);
    int err = open_rtc(p);
    if (!err) {
        json_t *reply = room_client_call(
            conf->room, json_pack("{s:s,s:s,s:s,s:s,s:s}", "cmd", "peer_add", "peer", p->id, "user",
                                  p->id, "name", p->id, "role", "publisher"));
        err = json_is_true(json_object_get(reply, "ok")) ? negotiate(p) : -EPROTO;
        json_decref(reply);
    }
    if (err) {
        synth_peer_leave(p);
        return err;
    }
    if (rtc_peer_send_codec(p->rtc, MCU_AUDIO) != MCU_CODEC_NONE)
        rtc_peer_tune(p->rtc, MCU_AUDIO, p->audio_feed);
    if (rtc_peer_send_codec(p->rtc, MCU_VIDEO) != MCU_CODEC_NONE)
        rtc_peer_tune(p->rtc, MCU_VIDEO, p->video_feed);
    *out = p;
    return 0;
}

void synth_peer_leave(struct synth_peer *p)
{
    if (!p)
        return;
    rtc_peer_destroy(p->rtc);
    rtc_feed_destroy(p->audio_feed);
    rtc_feed_destroy(p->video_feed);
    json_decref(room_client_call(p->conf.room,
                                 json_pack("{s:s,s:s}", "cmd", "peer_remove", "peer", p->id)));
    free(p);
}

bool synth_peer_is_connected(const struct synth_peer *p)
{
    return atomic_load(&p->state) == RTC_CONNECTED;
}

void synth_peer_take_event(struct synth_peer *p, const json_t *event)
{
    const char *name = json_string_value(json_object_get(event, "event"));
    const char *peer = json_string_value(json_object_get(event, "peer"));
    if (name && peer && strcmp(name, "candidate") == 0 && strcmp(peer, p->id) == 0)
        rtc_peer_add_candidate(p->rtc, json_string_value(json_object_get(event, "candidate")));
}

void synth_peer_send(struct synth_peer *p, struct mcu_packet *packet)
{
    rtc_feed_push(mcu_codec_kind(packet->codec) == MCU_AUDIO ? p->audio_feed : p->video_feed, packet);
}

struct rtc_peer *synth_peer_rtc(struct synth_peer *p)
{
    return p->rtc;
}
