/* recorder/push_mux.h - one connection of a push: FLV over RTMP(S), or MPEG-TS over SRT; inside
 * this folder only. [push] alone. */
#ifndef RECORDER_PUSH_MUX_H
#define RECORDER_PUSH_MUX_H

#include "mcu/base/packet.h"
#include "recorder/push.h"
#include "recorder/push_io.h"

struct push_mux; /* opaque */

struct push_mux_conf {
    const struct rec_live_conf *conf; /* all borrowed, outlive the connection */
    const struct guard_url *parts;
    struct push_deadline *deadline;
};

/* Connects and shakes hands, within the deadline. Returns 0 or a negative errno. */
int push_mux_open(struct push_mux **out, const struct push_mux_conf *conf);

/* The first packet is a key frame (or, of a push of sound, any); times begin with it, and sound
 * from before it is left out. Returns 0 or a negative errno. */
int push_mux_write(struct push_mux *m, const struct mcu_packet *packet, enum mcu_kind kind);

/* Bytes that went out on this connection. */
uint64_t push_mux_bytes(const struct push_mux *m);

/* Says goodbye, within the deadline, unless it has failed. NULL is fine. */
void push_mux_close(struct push_mux *m);

#endif
