/* compositor/source.h - one participant's video on its way to a tile; inside this folder only.
 *
 *     push ──▶ packets ──▶ decoder ──▶ frames ──▶ shown ──▶ tile
 *     [net]    64          [dec]       8          [tick]
 *
 * Both queues are under the source's lock, which is held to move pointers only. When the frames are
 * full because the playout delay is long, decoding waits and packets queue. The ten AVFrames
 * are made at the start and go round: spare, decoding, queued, shown, spare. */
#ifndef COMPOSITOR_SOURCE_H
#define COMPOSITOR_SOURCE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <libavutil/frame.h>

#include "compositor/comp.h"
#include "compositor/decoder.h"
#include "compositor/decor.h"
#include "compositor/order.h"
#include "compositor/share.h"

struct comp_worker;

enum {
    SOURCE_FRAMES = 8,
    SOURCE_AVFRAMES = SOURCE_FRAMES + 2,
    SOURCE_LATENESS = 100,
};

struct comp_source_item {
    struct mcu_packet *packet;
    int64_t arrival_us;
    bool is_after_gap; /* packets before it were dropped */
};

struct comp_source {
    /* fixed */
    const struct comp_sink *sink;
    struct comp_worker *worker; /* NULL: decoded by whoever pushes and ticks */
    bool is_offline;            /* broken frames are shown as well as may be */
    uint32_t order;
    bool is_screen;
    void *source_ctx;
    enum mcu_codec codec;
    size_t item_capacity;
    size_t slot; /* which spot of each view is its own */
    struct comp_person person;
    struct comp_order join, leave;

    /* any thread */
    atomic_int_fast64_t delay_us;
    atomic_bool is_hidden;
    _Atomic float centre; /* of its tile, as comp_source_centre() tells */
    atomic_bool has_floor;
    atomic_bool has_pushed;    /* a packet, ever */
    atomic_bool is_wanted;     /* [tick]: it has a tile or may get one; else it is not decoded */
    atomic_uint_fast64_t need; /* [tick]: comp_need, packed; 0: none */

    /* [dec] */
    struct comp_decoder *decoder;
    AVFrame *work;
    bool needs_key;
    bool is_drain_sent;
    bool is_behind;       /* frames wait for their time, so "now" says nothing about lateness */
    int64_t pts_us;       /* of the packet fed last */
    int64_t arrival_us;   /* and when it was pushed */
    int64_t fed_us;       /* and when the decoder got it */
    int64_t requested_us; /* when a key frame was asked for last */

    pthread_mutex_t lock; /* protects all down to the blank line */
    struct comp_source_item *items;
    size_t item_first, item_count;
    bool has_gap;                   /* the next packet comes after dropped ones */
    bool is_drained;                /* no packets follow */
    AVFrame *frames[SOURCE_FRAMES]; /* in order of pts, as decoders give them out */
    size_t frame_count;
    AVFrame *spare[SOURCE_AVFRAMES]; /* may still refer to pictures: [dec] frees those */
    size_t spare_count;
    struct comp_source_stats stats;
    int64_t lateness_us[SOURCE_LATENESS];
    size_t lateness_count;

    /* [tick] */
    AVFrame *shown;    /* NULL: has no picture */
    uint64_t picture;  /* number of shown; rises with every new one */
    uint64_t counted;  /* the last one that came onto a canvas */
    int64_t fresh_us;  /* when it last was new */
    int64_t wanted_us; /* since when it is decoded */
    bool was_wanted;
    bool has_video;           /* somebody sends it, for layouts: also while it is not decoded */
    bool is_dim;              /* it froze */
    uint32_t seen_generation; /* of its look, and the rest, when layouts were asked last */
    bool had_floor;
    bool was_hidden;
    struct comp_shares shares;
    int32_t rank; /* of that look */
    bool is_bare; /* and its has_no_avatar */
};

/* [ctl] Returns 0, -EINVAL, -ENOTSUP or -ENOMEM. The caller owns *out. */
int comp_source_create(struct comp_source **out, const struct comp_source_conf *conf,
                       const struct comp_sink *sink, bool is_inline, bool is_offline);

/* [ctl] Nobody else may know it any more. NULL is fine. */
void comp_source_destroy(struct comp_source *s);

/* [ctl] Frees what decoding needed, after its worker has let go of it. */
void comp_source_stop(struct comp_source *s);

/* [dec] One step: a frame out of the decoder, or a packet into it. False: nothing to do now. */
bool comp_source_turn(struct comp_source *s);

/* [tick] Takes the newest frame with pts <= until_us to be shown; without a worker it decodes as
 * far as that needs. Frames that were due before it are never drawn. */
void comp_source_advance(struct comp_source *s, int64_t until_us);

/* [tick] Forgets its picture: a hidden source comes back with a new one. */
void comp_source_blank(struct comp_source *s);

/* [tick] Its picture came onto a canvas: counts it once. */
void comp_source_count_shown(struct comp_source *s);

/* [any] */
bool comp_source_is_hidden(const struct comp_source *s);

/* [tick] What comp_source_read_need() tells; NULL: nothing. */
void comp_source_set_need(struct comp_source *s, const struct comp_need *need);

#endif
