/* recorder/push.h - one live push: encoded video and audio in, RTMP, RTMPS or SRT out.
 *
 * It connects, and whenever the far side goes, stalls or refuses, it connects again, with back-off,
 * and goes on with the newest key frame. What waits is bounded (recorder/backlog.h), so a pusher
 * never waits and nobody else notices.
 *
 *     CONNECTING ─▶ ON ⇄ RETRYING ─▶ FAILED (given up)      stop: any ─▶ ENDED
 *
 * Threads: [ctl] the room's control thread, [any] pushes from any one thread per kind, [push] one
 * thread per push, which makes every connection inside guard_enter(). The URL may hold a key: it is
 * never logged, and nothing gives it back. */
#ifndef RECORDER_PUSH_H
#define RECORDER_PUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/packet.h"
#include "recorder/guard.h"

struct rec_live; /* opaque */

enum {
    REC_LIVE_BYTES_MAX = 16 * 1024 * 1024, /* that wait */
};

enum rec_live_state {
    REC_LIVE_CONNECTING,
    REC_LIVE_ON,
    REC_LIVE_RETRYING,
    REC_LIVE_FAILED,
    REC_LIVE_ENDED,
};

struct rec_live_conf {
    const char *name; /* for logs; copied */
    const char *url;  /* copied */
    struct guard_policy policy;
    const char *ca_file; /* of certificates to trust beside the system's; "": none; copied */
    uint32_t width;      /* of the H264 video */
    uint32_t height;
    uint32_t channels;           /* of the AAC audio, 48 kHz */
    const uint8_t *audio_config; /* AudioSpecificConfig (ISO 14496-3); copied */
    size_t audio_config_size;
    uint32_t fill_bps;  /* the video's rate is filled up to this; 0: it is not */
    int64_t connect_us; /* a connection has to stand within that */
    int64_t stall_us;   /* nothing gone out or answered for so long: the far side is lost */
    int64_t give_up_us; /* retrying for so long ends it; 0: never */
    void *ctx;
    void (*on_state)(void *ctx); /* [push] the state is another; may be NULL. Quick work only */
};

struct rec_live_status {
    enum rec_live_state state;
    int64_t since_us; /* room clock */
    int error;        /* the last one, a negative errno; 0: none yet */
    uint64_t bytes;   /* that went out, over all connections */
    uint64_t retries;
    uint64_t dropped; /* packets, to keep up */
};

/* [ctl] Starts connecting. The caller owns *out. Returns 0, -EINVAL (the URL, sizes) or -ENOMEM. */
int rec_live_start(struct rec_live **out, const struct rec_live_conf *conf);

/* [any] As a tap's sink (mcu/tap.h): 0, or -ENOBUFS until a key frame comes. */
int rec_live_push_video(struct rec_live *l, struct mcu_packet *packet);
int rec_live_push_audio(struct rec_live *l, struct mcu_packet *packet);

/* [any] */
void rec_live_read(struct rec_live *l, struct rec_live_status *out);

/* [ctl] Ends it politely, and by force after half a second; ENDED follows (also after FAILED).
 * Returns at once. */
void rec_live_stop(struct rec_live *l);

/* [ctl] Stops it, waits for its thread and frees. Quick once ENDED was told. NULL is fine. */
void rec_live_destroy(struct rec_live *l);

/* [any] "connecting" "live" "retrying" "failed" "ended". */
const char *rec_live_state_name(enum rec_live_state state);

/* [any] What happened, for people; never anything of the URL. Static or thread-local. */
const char *rec_live_error_text(int error);

#endif
