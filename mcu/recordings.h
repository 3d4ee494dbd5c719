/* mcu/recordings.h - the recordings of a studio, each a row of files ("parts").
 *
 * A recording has a tap (mcu/tap.h) and hands what comes to the writers of its parts. A part that
 * is told to follow begins with a key frame, and the one before it ends right there, so nothing is
 * lost between two files. When the disk fails, the part is broken off and one that follows later
 * takes up again; the room never waits for a disk.
 *
 * [ctl], but on_recording() of the sink, which comes on [rec]. Part of mcu/studio.h. */
#ifndef MCU_RECORDINGS_H
#define MCU_RECORDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compositor/comp.h"

enum {
    MCU_RECORDINGS_MAX = 8,
    MCU_RECORDING_ID_MAX = 64,
    MCU_PARTS_MAX = 4, /* of one recording, that are not reaped yet */
};

struct mcu_studio;

struct mcu_record_conf {
    const char *id;
    const char *path; /* of the first part: a new MP4 */
    int64_t start_us;
    bool is_sound_only;     /* an M4A: neither view nor video is looked at */
    bool is_ogg;            /* the same as Opus in OGG */
    const char *title;      /* that such a file says it has; NULL: none */
    struct comp_view *view; /* which outlives the recording, taken by an encoder of its own; NULL:
                               the room's own stream */
    const struct comp_stream_conf *video; /* of that encoder, with all sizes and rates; codec and
                                             stream_ctx are not looked at */
    int64_t min_free_bytes;               /* as rec_conf */
};

/* Starts part 1. Returns 0, -EEXIST (id or file), -ENOSPC (MCU_RECORDINGS_MAX), -EINVAL, or what
 * rec_start() and mcu_tap_add() do. */
int mcu_studio_record(struct mcu_studio *s, const struct mcu_record_conf *conf);

/* Another rate of its own encoder; nothing where the recording has none. */
void mcu_studio_record_set_rate(struct mcu_studio *s, const char *id, uint32_t bitrate_bps,
                                uint32_t fps);

/* Says ahead of time where it will end: nothing from there on is written, however far ticks and
 * encoders run before mcu_studio_record_stop(). Returns 0 or -ENOENT. */
int mcu_studio_record_end_at(struct mcu_studio *s, const char *id, int64_t end_us);

/* As rec_pause() and rec_resume(); asks for the key frame. Returns -ENOENT, too. */
int mcu_studio_record_pause(struct mcu_studio *s, const char *id, int64_t at_us);
int mcu_studio_record_resume(struct mcu_studio *s, const char *id, int64_t at_us);

/* Another part at that path takes over with the next key frame from at_us on; part says its number.
 * Nothing is opened in this call: a file that cannot be written is an error of the status. Returns
 * 0, -ENOENT, -EBUSY (one follows already, or MCU_PARTS_MAX) or -ENOMEM. */
int mcu_studio_record_next(struct mcu_studio *s, const char *id, const char *path, int64_t at_us,
                           uint32_t *part);

struct mcu_record_status {
    uint32_t part; /* that is being written; 0: none is */
    int error;     /* of that part: break it off; 0 */
    int64_t bytes; /* of that part */
    int64_t duration_ms;
    int64_t stuck_us;   /* the disk has not taken anything of it for so long; 0 */
    uint32_t next;      /* the part that is to follow; 0: none */
    int next_error;     /* it cannot: break it off; 0 */
    int64_t part_at_us; /* room clock: when the part began */
};

/* Returns 0 or -ENOENT. */
int mcu_studio_record_status(struct mcu_studio *s, const char *id,
                             struct mcu_record_status *status);

/* The number of the newest part, also of one that came to nothing; 0 when there is no such
 * recording. */
uint32_t mcu_studio_record_last_part(struct mcu_studio *s, const char *id);

/* Ends what has an error: the part that is written, or the one that was to follow. on_recording()
 * follows for it. The recording goes on, without a file until the next part. */
void mcu_studio_record_break(struct mcu_studio *s, const char *id);

/* Ends it at end_us; on_recording() follows for each part that is not reaped. Returns 0, -ENOENT or
 * -EALREADY. */
int mcu_studio_record_stop(struct mcu_studio *s, const char *id, int64_t end_us);

/* Frees a part that has ended; with the last one of a recording that was stopped, all it held.
 * Returns whether the recording is over, also when it was before. part 0: only looks. */
bool mcu_studio_record_reap(struct mcu_studio *s, const char *id, uint32_t part);

/* Recordings that are not over yet. */
size_t mcu_studio_recording_count(const struct mcu_studio *s);

#endif
