/* compositor/stream.h - one encoding of a view that all its viewers share; inside this folder only.
 *
 * Live, it has a thread with a mailbox of one picture: a tick that finds it full puts the newer
 * picture in its place, and counts. Without workers it encodes inside the tick.
 *
 *     comp_stream_create ─▶ JOIN ─▶ [tick] offers ... comp_stream_destroy: the thread ends, LEAVE
 *     ─▶ [tick] forgets it ─▶ comp_stream_free */
#ifndef COMPOSITOR_STREAM_H
#define COMPOSITOR_STREAM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "compositor/canvas.h"
#include "compositor/comp.h"
#include "compositor/encode.h"
#include "compositor/order.h"

struct comp_counters;

struct comp_stream {
    /* fixed */
    const struct comp_codec *codec;
    struct comp_stream_conf conf;
    struct comp_view *view;
    struct comp_reduction *reduction; /* to its size; NULL: the canvas as it is */
    const struct comp_sink *sink;
    struct comp_counters *counters;
    bool has_thread;
    bool is_offline;
    struct comp_order join, leave;

    /* [ctl] */
    pthread_t thread;
    bool is_running;
    bool is_leaving;
    void *impl;      /* [enc] while it runs */
    bool has_failed; /* [enc] */

    /* any thread */
    atomic_int key_wanted;         /* enum key_wish */
    atomic_uint_fast64_t new_rate; /* bps << 8 | fps, for [enc]; 0: as it is */
    atomic_uint fps;
    atomic_uint_fast64_t encoded, keys, skipped, bytes;

    /* [tick] */
    int64_t offered_us;
    int64_t keyed_us;
    bool has_offered;
    bool has_pending; /* the canvas changed since it was offered */
    uint32_t credit;  /* of frames, in 1/fps of the view */

    pthread_mutex_t lock; /* protects all below */
    pthread_cond_t changed;
    struct comp_canvas *waiting;
    int64_t waiting_pts_us;
    bool is_waiting_key;
    bool is_flushing;
    bool is_stopping;
};

/* [ctl] Makes the codec and starts the thread; conf is complete and sane. The caller owns *out.
 * Returns 0, -ENOTSUP, -EINVAL or -ENOMEM. */
int comp_stream_open(struct comp_stream **out, struct comp_view *v,
                     const struct comp_stream_conf *conf);

/* [ctl] Ends the thread and the codec; [tick] may still offer, to nobody. */
void comp_stream_stop(struct comp_stream *s);

/* [ctl] The same, and [tick] is told to forget it. */
void comp_stream_retire(struct comp_stream *s);

/* [ctl] Nobody knows it any more. NULL is fine. */
void comp_stream_free(struct comp_stream *s);

/* [tick] The canvas as it is at now_us, once in each tick of the view, whose rate is view_fps.
 * Encodes, or hands it over, when it changed and its rate allows, a key frame is due, or a second
 * has passed. */
void comp_stream_offer(struct comp_stream *s, struct comp_canvas *canvas, int64_t now_us,
                       bool has_changed, uint32_t view_fps);

/* [tick] Gives out all that is held back; waits for the thread. Nothing may be offered after. */
void comp_stream_flush(struct comp_stream *s);

#endif
