/* recorder/input.h - an outside source that plays into a room: a file, RTMP, RTSP, SRT or HLS.
 *
 *     [input] opens, reads, decodes sound ──▶ two queues ──▶ [feed] waits until each is due ──▶
 * sink
 *
 * Two threads, for reading may wait long and what was read must go on. A live source that ends or
 * stalls is opened again, with back-off, for ever; a file ends, or begins anew when it is looped.
 * The queues are bounded: a file and HLS are read no further then, of live sources the oldest is
 * dropped.
 *
 * Sound leaves as MCU_CODEC_PCM (recorder/input_sound.h), pictures as they are, in the order of
 * decoding, both with times of the room's clock. [ctl] one control thread. */
#ifndef RECORDER_INPUT_H
#define RECORDER_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "recorder/guard.h"
#include "recorder/source.h"

struct rec_input;

enum rec_input_state {
    REC_INPUT_CONNECTING,
    REC_INPUT_PLAYING,
    REC_INPUT_PAUSED,
    REC_INPUT_WAITING, /* to be opened again */
    REC_INPUT_ENDED,   /* a file, to its end; seeking or resuming begins it again */
    REC_INPUT_FAILED,  /* for good */
};

/* All are called on [feed]. Quick work only. */
struct rec_input_sink {
    void *ctx;
    /* It was opened, perhaps again: call rec_input_info() and, when its packets may come,
     * rec_input_wired(), from any thread. */
    void (*on_opened)(void *ctx);
    /* State or error have changed. */
    void (*on_state)(void *ctx);
    /* Borrowed. */
    void (*push_audio)(void *ctx, struct mcu_packet *piece);
    void (*push_video)(void *ctx, struct mcu_packet *packet);
};

struct rec_input_conf {
    const char *url; /* checked by guard_parse_url(); NULL: fd. Copied */
    int fd;          /* of a file, from guard_open_file(); the input's own then, also on error */
    struct guard_policy policy;
    bool is_looped; /* files */
    bool is_paused;
    int64_t position_us; /* files: where to begin */
    struct rec_input_sink sink;
};

struct rec_input_status {
    enum rec_input_state state;
    const char
        *error; /* static: a code as rec_demux_open() has them, "ended", "stalled"; "" none */
    int64_t position_us; /* of a file */
    int64_t duration_us; /* of a file; 0: not known */
    uint32_t retries;    /* connections that failed or ended */
    uint32_t resyncs;     /* since it was opened: how often its time began anew, for it came late */
    bool has_audio, has_video;
    bool is_looped;
};

/* [ctl] Starts both threads. The caller owns *out. Returns 0, -ENOMEM or the errno of a thread. */
int rec_input_start(struct rec_input **out, const struct rec_input_conf *conf);

/* [ctl] On return nothing of the sink is called any more; [input] may still wait for a name server.
 */
void rec_input_stop(struct rec_input *in);

/* [ctl] After rec_input_stop(): whether rec_input_destroy() will not wait. */
bool rec_input_is_over(struct rec_input *in);

/* [ctl] Stops, waits and frees. NULL is fine. */
void rec_input_destroy(struct rec_input *in);

/* [any] Only between on_opened() and rec_input_wired(): what it has; extradata is the source's. */
const struct rec_source_info *rec_input_info(struct rec_input *in);
void rec_input_wired(struct rec_input *in);

/* [any] A live source that is paused stays connected, and goes on with what is new then. */
void rec_input_set_paused(struct rec_input *in, bool is_paused);
void rec_input_set_looped(struct rec_input *in, bool is_looped);
/* [any] Files only; behind the end is the end. */
void rec_input_seek(struct rec_input *in, int64_t position_us);

/* [any] */
void rec_input_read_status(struct rec_input *in, struct rec_input_status *out);

#endif
