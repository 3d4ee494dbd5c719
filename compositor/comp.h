/* compositor/comp.h - many pictures in, composited and encoded pictures out.
 *
 *     comp_source ─┬─▶ comp_view: layout, canvas ─┬─▶ comp_stream: codec, size, rate ─▶ sink
 *     comp_source ─┤                              └─▶ comp_stream
 *     comp_source ─┴─▶ comp_view ...
 *
 * Threads: [ctl] the room's control thread, [net] a transport thread (one per source at a time),
 * [dec] decoder workers, [tick] the room's video thread, [enc] one thread per stream. With
 * conf.workers == 0 there are no threads: packets are decoded inside comp_source_push() or
 * comp_tick() and encoded inside comp_tick(), as `mixdown mix` wants.
 *
 * Time: no clock of its own. comp_tick(now) shows of each source the newest frame with
 * pts <= now - the source's delay. Pictures are I420, limited range; a canvas persists, and a
 * tile is drawn only when its source has a new frame or its rectangle changed. A view without
 * streams is not drawn, and a source that no drawn view shows is not decoded. */
#ifndef COMPOSITOR_COMP_H
#define COMPOSITOR_COMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compositor/engine.h"
#include "mcu/base/codec.h"
#include "mcu/base/packet.h"

enum {
    COMP_SOURCES_MAX = 128,
    COMP_NAME_BYTES = 260, /* 64 characters of UTF-8, and a NUL */
    COMP_BARS_MAX = 5,
    COMP_BARS_UNKNOWN = -1,
    COMP_VIEWS_MAX = 64,
    COMP_STREAMS_MAX = 16, /* of one view */
};

struct AVFrame;
struct layout;
struct comp;
struct comp_source;
struct comp_stream;
struct comp_view;

struct comp_conf {
    uint32_t fps;     /* ticks a second, 1..60 */
    uint32_t workers; /* decoder threads; 0: all inside the caller */
    /* false: live. Constant rate, no B-frames, no look-ahead, a key frame only when asked.
     * true: a file. B-frames and look-ahead, a key frame every 2 s. */
    bool is_offline;
    /* Live: a camera that brings nothing new for so long is dimmed, and after five times that it
     * has no picture any more. 0: never. Screens may stand still. */
    int64_t freeze_us;
};

struct comp_sink {
    void *ctx;
    /* [enc] (offline: inside comp_tick() and comp_flush()) One encoded frame of the stream with
     * this stream_ctx. Borrowed: take a reference to keep it. pts_us is the tick's now_us. */
    void (*on_packet)(void *ctx, void *stream_ctx, struct mcu_packet *packet);
    /* [dec] The decoder of a source needs a key frame to go on; at most once in 500 ms. source_ctx
     * is from comp_source_conf. */
    void (*on_need_key)(void *ctx, void *source_ctx);
};

/* One composed picture. */
struct comp_view_conf {
    uint32_t width, height;      /* of the canvas, even, 16..4096 */
    uint32_t fps;                /* at most the compositor's; 0: the same */
    uint32_t background;         /* 0xRRGGBB, when the layout names none */
    const struct layout *layout; /* borrowed until the next comp_view_set_layout() or destroy */
    bool has_labels;             /* names, signs and the ring of who speaks are on the tiles */
    bool has_avatars;            /* who is there without a picture (yet, or hidden) has a tile with
                                    his initials */
    int64_t transition_us;       /* of moving and fading to new places; 0: at once */
    int64_t wall_offset_us;      /* Unix time when now_us is 0, for clocks on the picture */
    const char *without_user;    /* copied: he is not on it, nor his screen; NULL: nobody */
    void *view_ctx;
};

/* Signs that a view may show. */
enum {
    COMP_SIGN_REC = 1,
    COMP_SIGN_LIVE = 2,
};

/* One encoding of a view. */
struct comp_stream_conf {
    enum mcu_codec codec;
    enum comp_engine engine;
    uint32_t width, height;  /* even; 0: the view's. The canvas is scaled to it */
    uint32_t fps;            /* 1..the view's; 0: the view's */
    uint32_t bitrate_bps;    /* 0, of files only: constant quality */
    char preset[16];         /* of x264: "superfast" */
    int speed;               /* cpu-used of libvpx, -16..-1 */
    uint32_t threads;        /* 0..16; 0: one */
    uint8_t temporal_layers; /* 1..3 (0: one); mcu_packet.temporal_id says which */
    uint8_t b_frames;        /* of x264, 0..3: for files; with look-ahead, packets come 400 ms late in
                                decoding order, and a still is encoded at the full rate, too */
    bool is_screen;          /* text and lines rather than faces */
    int64_t key_every_us;    /* at most one requested key frame in so long */
    void *stream_ctx;
};

/* One placed picture, in pixels of the canvas. */
struct comp_tile {
    char user[COMP_NAME_BYTES];
    void *source_ctx;
    bool is_screen;
    uint32_t x, y, width, height;
    int z;         /* higher ones lie above */
    uint32_t more; /* so many people beside him have no tile ("+N") */
};

/* The largest size and rate at which anything that is encoded now shows a source. */
struct comp_need {
    uint32_t width, height, fps;
};

struct comp_source_conf {
    /* H264 (Annex B, or length-prefixed with avcC extradata), VP8, VP9, AV1; MCU_CODEC_NONE:
     * somebody without a picture, who has a tile only where avatars are on. */
    enum mcu_codec codec;
    const uint8_t *extradata; /* copied; may be NULL */
    size_t extradata_size;
    const char *user; /* who it is, for layouts; copied */
    uint32_t order;   /* tiles stand in rising order, equal ones as they were added */
    void *source_ctx;
    bool is_screen; /* a shared screen, not a camera */
    /* Live, but pictures may come in another order than they are shown (B-frames): the decoder holds
     * back as many as that needs. */
    bool is_reordered;
};

/* What is known of a participant beside the picture: layouts choose by some of it, the rest is
 * written on the tile. */
struct comp_look {
    const char *name; /* NULL: the user; up to COMP_NAME_BYTES are kept */
    const char *role; /* NULL: none */
    uint32_t seat;    /* pinned to "pin:N"; 0: to none */
    int32_t rank;     /* lower ones stand first, before joining decides */
    /* Without a picture there is no tile, also where avatars are on. */
    bool has_no_avatar;
    bool is_muted;
    bool has_hand_up;
    int bars; /* of his network, 0..COMP_BARS_MAX or COMP_BARS_UNKNOWN */
};

struct comp_source_stats {
    uint64_t packets;
    uint64_t dropped; /* because the queue was full */
    uint64_t undecodable;
    uint64_t decoded;
    uint64_t shown; /* frames that came onto the canvas */
    uint32_t width; /* of the newest frame; 0 before the first */
    uint32_t height;
    int64_t lateness_us; /* how long after pts frames are ready, a high percentile; for lips */
};

struct comp_stats {
    uint64_t ticks;
    uint64_t composed; /* times that a canvas changed */
    uint64_t tiles_drawn;
    uint64_t encoded; /* frames, over all streams */
    uint64_t skipped; /* encodes skipped because the encoder was still busy */
    uint64_t reduced; /* canvases scaled for smaller streams */
};

struct comp_stream_stats {
    uint64_t encoded;
    uint64_t keys;    /* of them */
    uint64_t skipped; /* pictures that came while one still waited for the encoder */
    uint64_t bytes;
};

/* [ctl] The caller owns *out and frees it with comp_destroy(); untouched on error. The sink is
 * copied. Returns 0, -EINVAL or -ENOMEM. */
int comp_create(struct comp **out, const struct comp_conf *conf, const struct comp_sink *sink);

/* [ctl] Stops its threads and frees all that is left, views and streams too. No tick may run. NULL
 * is fine. */
void comp_destroy(struct comp *c);

/* [ctl] A new source; it has a tile from its first due frame on. *out is the compositor's, valid
 * until comp_source_remove(). Returns 0, -EINVAL, -ENOTSUP (no decoder), -ENOSPC or -ENOMEM. */
int comp_source_add(struct comp *c, struct comp_source **out, const struct comp_source_conf *conf);

/* [ctl] Its tile is gone at the next tick. No push may run now or later. NULL is fine. */
void comp_source_remove(struct comp *c, struct comp_source *s);

/* [net] One access unit; takes its own reference. What a live decoder cannot use (before the first
 * key frame, after a broken frame or a full queue) is dropped until a key frame, which is asked
 * for; a file goes on with what comes. Returns 0, or -ENOBUFS when the source's queue is full: the
 * packet is dropped and counted. The queue holds 64 packets with workers, 1024 without. */
int comp_source_push(struct comp_source *s, struct mcu_packet *packet);

/* [net] No packets follow: what the decoder still holds back comes out, each frame at its time. */
void comp_source_drain(struct comp_source *s);

/* [any] Playout delay: the tick shows the frame due at now - delay. */
void comp_source_set_delay_us(struct comp_source *s, int64_t delay_us);

/* [ctl] All of it is copied. Before the first call the name is the user. */
void comp_source_set_look(struct comp_source *s, const struct comp_look *look);

/* [any] Draws the ring, and says who has the `speaker` cell; hold is the caller's matter. */
void comp_source_set_speaking(struct comp_source *s, bool is_speaking);
void comp_source_set_floor(struct comp_source *s, bool has_floor);

/* [any] A hidden source (camera off) has no tile, or one with an avatar. */
void comp_source_set_hidden(struct comp_source *s, bool is_hidden);

/* [any] How loud his voice is, 0 to 1: the ring around his avatar in layouts of avatars. */
void comp_source_set_level(struct comp_source *s, float level);

/* [any] Where the middle of its tile is in the first view: -1 at the left edge of the picture .. 1
 * at the right; 0 while it has none. */
float comp_source_centre(const struct comp_source *s);

/* [any] */
void comp_source_read_stats(const struct comp_source *s, struct comp_source_stats *stats);

/* [any] False: no encoded view shows it; *need is untouched. */
bool comp_source_read_need(const struct comp_source *s, struct comp_need *need);

/* [ctl] *out is the compositor's, valid until comp_view_destroy(). Returns 0, -EINVAL, -ENOSPC
 * (COMP_VIEWS_MAX, those included that the next tick gives back) or -ENOMEM. */
int comp_view_create(struct comp *c, struct comp_view **out, const struct comp_view_conf *conf);

/* [ctl] Its streams end with it. On return its layout is not used any more. NULL is fine. */
void comp_view_destroy(struct comp_view *v);

/* [ctl] Another layout, whole, from the next tick on. Returns 0 or -EINVAL. */
int comp_view_set_layout(struct comp_view *v, const struct layout *layout);

/* [any] Which of COMP_SIGN_* are lit on this view, where its layout has them or in the upper right
 * corner; a view without signs is what a recording may have. */
void comp_view_set_signs(struct comp_view *v, uint32_t signs);

/* [ctl] The picture (PNG or JPEG, up to 4 MiB, 4096 pixels a side and 8.3 million in all) that
 * layouts name so, in all views; NULL bytes take it away. Returns 0, -EINVAL (not such a picture,
 * or no name), -EFBIG, -ENOSPC (16 are there), -ENOENT (none to take away) or -ENOMEM. */
int comp_set_image(struct comp *c, const char *name, const uint8_t *bytes, size_t size);

/* [ctl] Asks for the canvas as it is after the next tick (without workers: now). A view without
 * streams is drawn for it, and its sources are decoded: for a second at most. */
void comp_view_ask_snapshot(struct comp_view *v);

/* [ctl] What was asked for, I420 in BT.601 and limited range; the caller frees *out with
 * av_frame_free(). Returns 0, -EAGAIN (not yet; or nobody has asked) or -ENOMEM. */
int comp_view_take_snapshot(struct comp_view *v, struct AVFrame **out);

/* [ctl] Both, and waits for it. Returns 0, -ETIMEDOUT (nothing within two seconds) or -ENOMEM. */
int comp_view_snapshot(struct comp_view *v, struct AVFrame **out);

/* [any] Who is where: writes at most max tiles in rising z, returns how many there are. *serial
 * (may be NULL) rises with every change. */
size_t comp_view_read_tiles(struct comp_view *v, struct comp_tile *tiles, size_t max,
                            uint32_t *serial);

/* [ctl] *out is the compositor's, valid until comp_stream_destroy() or the view's end. Its first
 * frame is a key frame. Returns 0, -EINVAL, -ENOTSUP (codec, engine), -ENOSPC (COMP_STREAMS_MAX) or
 * -ENOMEM. */
int comp_stream_create(struct comp_view *v, struct comp_stream **out,
                       const struct comp_stream_conf *conf);

/* [ctl] On return on_packet() does not name it any more, and never will. NULL is fine. */
void comp_stream_destroy(struct comp_stream *s);

/* [any] The next frame is a key frame: at once when is_urgent (a recording starts), else at the
 * earliest conf.key_every_us after the last one. */
void comp_stream_request_key(struct comp_stream *s, bool is_urgent);

/* [any] From the next frame on, without a key frame. fps above the view's means the view's, 0: as
 * it is. */
void comp_stream_set_rate(struct comp_stream *s, uint32_t bitrate_bps, uint32_t fps);

/* [any] */
void comp_stream_read_stats(const struct comp_stream *s, struct comp_stream_stats *stats);

/* [tick] One tick: compose what changed, hand it to the streams. A picture without any change is
 * encoded again at least once a second, and at once for a key frame that was asked for. */
void comp_tick(struct comp *c, int64_t now_us);

/* [tick] Offline: the streams give out what they hold back. */
void comp_flush(struct comp *c);

/* [any] */
void comp_read_stats(const struct comp *c, struct comp_stats *stats);

#endif
