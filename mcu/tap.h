/* mcu/tap.h - who takes a studio's encoded picture and sound: recordings, pushes, HLS.
 *
 * A tap is handed H264 and AAC from start_us on: of the room's own stream, which all such taps and
 * the viewers of that size share, or of another view by an encoder of its own. There is one AAC
 * encode for all, and one of Opus for those that want that instead. A sink that says -ENOBUFS has
 * lost pictures: a key frame is asked for, and goes on being asked for until one comes.
 *
 * Threads: [ctl] adds, changes and removes; [enc] pushes pictures, [aac] sound. The lock covers the
 * taps: it is held to walk them and to call sinks, which only put references into queues. */
#ifndef MCU_TAP_H
#define MCU_TAP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "compositor/comp.h"
#include "mcu/base/packet.h"

enum { MCU_TAPS_MAX = 32 };

struct mcu_studio;
struct mcu_tap;

/* Quick work only, and no call of this header from inside. The packet is borrowed: who keeps it
 * takes a reference. Returns 0, -ENOBUFS (no room; pictures are of no use before the next key
 * frame) or another negative errno (it has failed and needs nothing more). */
struct mcu_tap_sink {
    void *ctx;
    int (*push_video)(void *ctx, struct mcu_packet *packet); /* [enc]; NULL: sound alone */
    int (*push_audio)(void *ctx, struct mcu_packet *packet); /* [aac]; NULL: pictures alone */
};

struct mcu_tap_conf {
    struct mcu_tap_sink sink;
    int64_t start_us; /* the first picture it needs is a key frame from here on */
    struct comp_view
        *view; /* another than the one that all see, outlives the tap; NULL: that one */
    const struct comp_stream_conf *video; /* of such a view: sizes and rates, all of them said */
    int64_t
        key_every_us; /* a key frame at least so often, if the stream may; 0: only when needed */
    bool wants_opus; /* its sound is Opus instead of AAC */
};

struct mcu_taps {
    pthread_mutex_t lock;
    struct mcu_tap *slots; /* MCU_TAPS_MAX; an own stream has its slot as its context */
};

/* [ctl] *out is the studio's, until mcu_tap_remove(). Returns 0, -ENOSPC, or what
 * comp_stream_create() does. */
int mcu_tap_add(struct mcu_studio *s, struct mcu_tap **out, const struct mcu_tap_conf *conf);

/* [ctl] On return the sink is not called any more. NULL is fine. */
void mcu_tap_remove(struct mcu_tap *tap);

/* [ctl] Nothing from end_us on is given to it. */
void mcu_tap_end_at(struct mcu_tap *tap, int64_t end_us);

/* [ctl] It needs a key frame from from_us on, at once; is asked for until it comes. */
void mcu_tap_request_key(struct mcu_tap *tap, int64_t from_us);

/* [ctl] Another rate of its own encoder; nothing where it has none. */
void mcu_tap_set_rate(struct mcu_tap *tap, uint32_t bitrate_bps, uint32_t fps);

/* --- the studio's part ------------------------------------------------------------------------ */

/* [ctl] Returns 0 or -ENOMEM. */
int mcu_taps_init(struct mcu_taps *t);
/* [ctl] Removes all; encoders may run on. Streams end with their views, which may be gone already.
 */
void mcu_taps_close(struct mcu_taps *t);
/* [ctl] Nothing encodes any more. */
void mcu_taps_finish(struct mcu_taps *t);
/* [enc] A picture to the taps of the stream with that context; NULL: of the room's. */
void mcu_taps_push_video(struct mcu_taps *t, const void *stream_ctx, struct mcu_packet *packet);
/* [aac] */
void mcu_taps_push_audio(struct mcu_taps *t, struct mcu_packet *packet);
/* [any] Whether that stream is a tap's own. */
bool mcu_taps_own(const struct mcu_taps *t, const void *stream_ctx);
/* [ctl] Whether one of them takes the stream of the room. */
bool mcu_taps_share(const struct mcu_taps *t);

#endif
