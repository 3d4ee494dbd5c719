/* recorder/source.h - a media file as a source of encoded packets.
 *
 * WebM, MKV or MP4 with one video stream (VP8, VP9, H264, AV1) and one audio stream (Opus, AAC,
 * Vorbis), the first of each; others are ignored. One thread at a time. */
#ifndef RECORDER_SOURCE_H
#define RECORDER_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/packet.h"

struct rec_source;

struct rec_source_stream {
    enum mcu_codec codec;     /* MCU_CODEC_NONE: the file has no such stream that we can use */
    const uint8_t *extradata; /* the source's, valid as long as it */
    size_t extradata_size;
    uint32_t channels;        /* audio */
    uint32_t rate_hz;
    uint32_t width;           /* video */
    uint32_t height;
};

struct rec_source_info {
    struct rec_source_stream audio;
    struct rec_source_stream video;
    int64_t duration_us;      /* 0: not known */
};

/* Opens a file (protocol "file" only). The caller owns *out. Returns 0, -ENOENT, -EINVAL (not a
 * media file, or nothing in it that we can use), -ENOMEM or another errno. */
int rec_source_open(struct rec_source **out, const char *path);

/* NULL is fine. */
void rec_source_close(struct rec_source *s);

const struct rec_source_info *rec_source_info(const struct rec_source *s);

/* The next packet in the order of the file, which is that of decoding; dts_us never falls within a
 * stream. pts_us counts from the file's first moment that is seen or heard: the priming of an audio
 * codec (Opus pre-skip, AAC) comes before it, with pts_us down to -6.5 or -21 ms, and is to be
 * decoded and dropped. The caller owns the reference. Returns 0, 1 at the end, -EBADMSG when the file is broken or cut here, or
 * another negative errno. */
int rec_source_read(struct rec_source *s, struct mcu_packet **out);

#endif
