/* recorder/input_demux.h - an outside source opened by libavformat: packets in, nothing else let
 * in.
 *
 * All on one thread, which is guarded (recorder/guard.h) from opening to closing. Protocols and
 * formats are pinned by the scheme, analysis and packets are bounded, and nothing waits longer than
 * the time-outs of input_demux.c or `is_stopped`. */
#ifndef RECORDER_INPUT_DEMUX_H
#define RECORDER_INPUT_DEMUX_H

#include <stdbool.h>

#include "recorder/guard.h"
#include "recorder/pace.h"
#include "recorder/source.h"

struct AVCodecParameters;
struct AVPacket;
struct rec_demux;

struct rec_demux_conf {
    const char *url; /* that guard_parse_url() took; NULL: the file */
    int fd;          /* of the file; stays the caller's, is read from its beginning */
    struct guard_policy policy;
    bool (*is_stopped)(void *ctx); /* [any] */
    void *ctx;
};

/* The caller owns *out. Returns 0, or a negative errno and *why, a code of docs/protocol.md
 * (static): "refused", "unreachable", "timeout", "not_media". */
int rec_demux_open(struct rec_demux **out, const struct rec_demux_conf *conf, const char **why);

/* NULL is fine. */
void rec_demux_close(struct rec_demux *d);

/* What there is; of sound only that it is there (codec MCU_CODEC_PCM), and its parameters. */
const struct rec_source_info *rec_demux_info(const struct rec_demux *d);
const struct AVCodecParameters *rec_demux_sound(const struct rec_demux *d);
enum rec_pace_kind rec_demux_pace(const struct rec_demux *d);

/* The next packet that is wanted, in d's own memory until the next call; times in microseconds from
 * the beginning. Returns 0, 1 at the end, -ETIMEDOUT, -EACCES (refused) or -EIO. */
struct rec_demux_packet {
    const struct AVPacket *packet;
    bool is_sound;
    bool is_key;
    int64_t pts_us, dts_us, duration_us;
};
int rec_demux_read(struct rec_demux *d, struct rec_demux_packet *out);

/* To the key frame at or before that time; files only. Returns 0 or -EIO. */
int rec_demux_seek(struct rec_demux *d, int64_t position_us);

#endif
