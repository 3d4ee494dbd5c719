/* recorder/rec.h - one recording: encoded video and audio in, an MP4 on disk; or Opus in OGG.
 *
 * While it runs the file is fragmented MP4, cut and flushed every 500 ms, so that a kill costs at
 * most the last second. A clean stop rewrites it as a plain fast-start MP4 beside it and renames it
 * over the first. rec_recover() does the same for a file that was left behind. An OGG file is written
 * page by page of 500 ms and is whole up to each: nothing is rewritten.
 *
 * Threads: [ctl] the room's control thread, [any] pushes from any one thread per kind, [rec] one
 * writer thread per recording. A slow disk never blocks a pusher: the queue is bounded, what does
 * not fit is dropped up to the next key frame, and counted (unless conf.may_block). */
#ifndef RECORDER_REC_H
#define RECORDER_REC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/packet.h"

struct rec;

struct rec_conf {
    const char *path;     /* absolute; must not exist; copied */
    uint32_t width;       /* of the H264 video; 0: no video */
    uint32_t height;
    uint32_t fps;         /* nominal */
    uint32_t channels;    /* of the AAC audio, 48 kHz; 0: no audio */
    const uint8_t *audio_config; /* AudioSpecificConfig of the AAC (ISO 14496-3); copied */
    size_t audio_config_size;
    uint32_t fragment_ms; /* 500 */
    bool is_ogg;          /* sound alone, Opus; audio_config is not looked at */
    const char *title;    /* of such a file; copied; NULL: none. Others get it of what lies beside */
    int64_t start_us;     /* room clock of the file's zero; earlier packets are not written */
    bool starts_at_key;   /* the file's zero is the first key frame at or after start_us */
    bool is_reordered;    /* the video has B-frames: it is cut at key frames only, so that each end
                             and pause has to be followed by one */
    bool may_block;       /* offline: wait for room in the queue instead of dropping */
    bool opens_later;     /* [rec] opens the file, so that rec_start() never waits for a disk; what
                             is wrong with it is an error of the status and the result */
    int64_t min_free_bytes; /* less on the disk ends it with -ENOSPC; 0: it may be filled. With
                               opens_later it only begins when there is a quarter more */
};

/* What is known of one that runs. */
struct rec_status {
    int error;           /* what has ended it: stop it; 0 */
    int64_t bytes;       /* flushed */
    int64_t duration_ms; /* flushed */
    int64_t stuck_us;    /* for so long the disk has not taken what it was given; 0 */
};

struct rec_result {
    int error;            /* 0, or the negative errno that ended it; the file so far is kept */
    int64_t duration_ms;
    int64_t bytes;
    uint64_t video_frames;
    uint64_t audio_frames; /* of AAC, or packets of Opus */
    uint64_t dropped;
};

/* [ctl] Opens the file and starts the writer. The caller owns *out. Returns 0, -EEXIST, -EINVAL,
 * -ENOMEM, -ENOSPC or the errno of open(2). */
int rec_start(struct rec **out, const struct rec_conf *conf);

/* [any] H264 Annex B access units (the first must be a key frame; until then they are ignored), and
 * AAC frames or Opus packets. Takes its own reference. Returns 0, -ENOBUFS (dropped) or -EIO (the writer has
 * failed: see the result). */
int rec_push_video(struct rec *r, struct mcu_packet *packet);
int rec_push_audio(struct rec *r, struct mcu_packet *packet);

/* [ctl] Leaves out what comes from at_us on; and goes on with the first key frame at or after at_us,
 * for which the caller asks the encoder. On the file's time line one follows the other: no gap, and
 * sound and picture as far apart as before, but for half an AAC frame. Returns 0, -EALREADY (it is
 * paused; it is not; it is stopped) or -EAGAIN (more pauses in a moment than anybody means). */
int rec_pause(struct rec *r, int64_t at_us);
int rec_resume(struct rec *r, int64_t at_us);

/* [ctl] Ends the recording at end_us (room clock; packets at or after it are left out, unless they
 * were pushed so long before this call that they are written already): the writer
 * drains, finishes the file and calls on_done(ctx, result) once, on [rec]. Returns at once. Packets
 * from before end_us that are still inside an encoder may be pushed for 500 ms more; the writer
 * ends sooner when one at or past end_us has come for each kind. With conf.may_block, or with
 * INT64_MAX for "all of it", it only drains what was pushed. */
void rec_stop(struct rec *r, int64_t end_us, void (*on_done)(void *ctx, const struct rec_result *),
              void *ctx);

/* [any] */
void rec_read_status(const struct rec *r, struct rec_status *status);

/* [ctl] Waits for the writer and frees. Without rec_stop() before, ends the file cleanly first. NULL
 * is fine. */
void rec_destroy(struct rec *r);

/* [any] Finishes a file that a dead process left: trims the broken tail, rewrites it as a fast-start
 * MP4, atomically; an OGG loses its last page, if that is not whole. A file that is finished already
 * is left alone. Nothing is ever deleted: what cannot be read stays. Returns 0 with the result filled, or a negative errno (-ENODATA: not even
 * one fragment). */
int rec_recover(const char *path, struct rec_result *result);

#endif
