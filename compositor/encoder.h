/* compositor/encoder.h - one encoder that all its viewers share; inside this folder only.
 *
 * A room has two for good, H264 and VP8; each costs nothing until it is started. Live, it has a
 * thread with a mailbox of one picture: a tick that finds it full puts the newer picture in its
 * place, and counts. Without workers it encodes inside the tick. */
#ifndef COMPOSITOR_ENCODER_H
#define COMPOSITOR_ENCODER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "compositor/canvas.h"
#include "compositor/comp.h"
#include "compositor/encode.h"

struct comp_encoder {
    /* fixed */
    const struct comp_codec *codec;
    const struct comp_conf *conf;
    const struct comp_sink *sink;

    /* [ctl] */
    uint32_t users;
    pthread_t thread;
    void *impl;      /* [enc] while it runs */
    bool has_failed; /* [enc] */

    /* any thread */
    atomic_bool is_on;
    atomic_bool is_fresh;  /* started since the last tick */
    atomic_int key_wanted; /* enum key_wish */
    atomic_uint_fast64_t encoded, skipped;

    /* [tick] */
    int64_t offered_us;
    int64_t keyed_us;
    bool has_offered;

    pthread_mutex_t lock; /* protects all below */
    pthread_cond_t changed;
    struct comp_canvas *waiting;
    int64_t waiting_pts_us;
    bool is_waiting_key;
    bool is_flushing;
    bool is_stopping;
};

/* [ctl] conf and sink outlive it. */
void comp_encoder_init(struct comp_encoder *e, const struct comp_codec *codec,
                       const struct comp_conf *conf, const struct comp_sink *sink);
void comp_encoder_finish(struct comp_encoder *e);

/* [ctl] One more user, one less; the first starts it, the last stops it. Returns 0 or a negative
 * errno. */
int comp_encoder_enter(struct comp_encoder *e);
void comp_encoder_leave(struct comp_encoder *e);

/* [any] */
void comp_encoder_want_key(struct comp_encoder *e, bool is_urgent);

/* [tick] The canvas as it is at now_us. Encodes, or hands it over, when it changed, a key frame is
 * due, or a second has passed. */
void comp_encoder_offer(struct comp_encoder *e, struct comp_canvas *canvas, int64_t now_us,
                        bool has_changed);

/* [tick] Gives out all that is held back; waits for the thread. Nothing may be offered after. */
void comp_encoder_flush(struct comp_encoder *e);

#endif
