/* tests/lib/synth_peer.h - a participant without a browser: a real WebRTC peer that sends prepared
 * packets into a room and hands out what it gets. For tests and benches. */
#ifndef TESTS_LIB_SYNTH_PEER_H
#define TESTS_LIB_SYNTH_PEER_H

#include "tests/lib/room_client.h"
#include "transport/rtc.h"

struct synth_peer;

struct synth_peer_conf {
    struct rtc *rtc;
    struct room_client *room;
    const char *id;             /* copied */
    enum mcu_direction audio;
    enum mcu_direction video;
    enum mcu_codec video_codec; /* the only one it speaks */
    void *ctx;
    /* [net] of this peer's rtc; may be NULL. Borrowed. */
    void (*on_audio)(void *ctx, const struct rtc_audio *audio);
    void (*on_video)(void *ctx, struct mcu_packet *frame);
    void (*on_need_key)(void *ctx);
};

/* Joins and negotiates; the connection comes up meanwhile: synth_peer_is_connected(). Returns 0 or a
 * negative errno. */
int synth_peer_join(struct synth_peer **out, const struct synth_peer_conf *conf);

/* Leaves the room and frees. NULL is fine. */
void synth_peer_leave(struct synth_peer *p);

bool synth_peer_is_connected(const struct synth_peer *p);

/* Hands the room's `candidate` events on; call it from the room client's on_event. */
void synth_peer_take_event(struct synth_peer *p, const json_t *event);

/* [one thread] Sends one packet; takes its own reference. */
void synth_peer_send(struct synth_peer *p, struct mcu_packet *packet);

struct rtc_peer *synth_peer_rtc(struct synth_peer *p);

#endif
