/* recorder/gate.h - which packets of a room are in a recording, and where on its time line.
 *
 * A recording is a list of stretches of room time, laid end to end: a pause ends one, a resume
 * begins the next. What was wished for is made exact by the pictures, because a stretch can only
 * begin with a key frame, and, where pictures are reordered, can only end before one; sound then is
 * cut at the same moments. Until the pictures have told, sound near a wished moment has to wait.
 *
 *     room   ---[== 1 ==]------[K= 2 ===]---      K: the first key frame after the resume
 *     file      [== 1 ==][K= 2 ===]               2 begins where 1 ends
 *
 * Pure: no threads, no allocation. */
#ifndef RECORDER_GATE_H
#define RECORDER_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/codec.h"

enum { REC_GATE_SPANS = 32 }; /* stretches that are not settled for both kinds yet */

enum rec_verdict { REC_TAKE, REC_LEAVE, REC_WAIT };

struct rec_gate_conf {
    bool has_video;
    bool has_audio;
    int64_t start_us;
    bool starts_at_key; /* the first stretch, too, begins with the key frame, not at start_us */
    bool cuts_at_key;   /* pictures are reordered */
};

struct rec_gate_span {
    int64_t begin_us; /* as wished, until has_begun */
    int64_t end_us;   /* as wished, until has_ended; INT64_MAX: open */
    bool has_begun;
    bool has_ended;
    int64_t base_us; /* where it begins on the file's time line; when has_begun */
};

struct rec_gate {
    struct rec_gate_conf conf;
    struct rec_gate_span spans[REC_GATE_SPANS];
    size_t count;
    size_t at[2];         /* by enum mcu_kind: the stretch it is in; count: past all */
    bool is_first;        /* spans[0] is the recording's first */
    bool is_final;        /* nothing follows */
    int64_t file_end_us;  /* of the stretches that have ended */
    int64_t audio_end_us; /* of the sound that was taken, on the file's time line */
};

struct rec_gate_packet {
    enum mcu_kind kind;
    bool is_key;
    int64_t pts_us;
    int64_t duration_us; /* sound: of one packet */
};

void rec_gate_init(struct rec_gate *g, const struct rec_gate_conf *conf);

/* A stretch begins, when none is open; or the open one ends. Returns 0, -EALREADY or -EAGAIN (too
 * many pauses at once). */
int rec_gate_open(struct rec_gate *g, int64_t at_us);
int rec_gate_close(struct rec_gate *g, int64_t at_us);

/* Ends it for good: as close, or where it was paused. */
void rec_gate_end(struct rec_gate *g, int64_t at_us);

/* The verdict about a packet. With REC_TAKE *origin_us is the room time of the file's zero for it.
 * Sound that has to wait is asked for again, in order, after the next picture. */
enum rec_verdict rec_gate_ask(struct rec_gate *g, const struct rec_gate_packet *p,
                              int64_t *origin_us);

/* No picture will come, or none that counts: all is as wished from now on. */
void rec_gate_forget_video(struct rec_gate *g);

/* A packet from past the end has come for each kind. */
bool rec_gate_is_complete(const struct rec_gate *g);

/* End of the last stretch that has begun, on the file's time line; INT64_MAX while that is open. */
int64_t rec_gate_file_end_us(const struct rec_gate *g);

#endif
