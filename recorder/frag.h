/* recorder/frag.h - fragmented MP4 onto an open file: samples in, whole fragments on disk.
 *
 * One thread at a time ([rec]). Samples stay in memory until rec_frag_flush() writes them as one
 * moof and mdat pair; a write that fails cuts the file back to its last whole pair. */
#ifndef RECORDER_FRAG_H
#define RECORDER_FRAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcu/base/codec.h"
#include "recorder/track.h"

enum {
    REC_VIDEO_HZ = 90000, /* time scales of the tracks */
    REC_AUDIO_HZ = 48000,
    REC_AAC_SAMPLES = 1024,
    REC_OPUS_SAMPLES = 960,
};

struct rec_frag; /* opaque */

struct rec_frag_conf {
    bool has_video;                  /* H264 */
    uint32_t width;
    uint32_t height;
    const uint8_t *parameters;       /* SPS and PPS with start codes; copied */
    size_t parameters_size;
    bool has_audio;                  /* AAC, 48 kHz */
    uint32_t channels;
    const uint8_t *audio_config;     /* AudioSpecificConfig; copied */
    size_t audio_config_size;
    bool writes_back;                /* start each fragment's way to the disk at once */
};

/* fd is empty, open for writing, and stays the caller's. Writes nothing yet. The caller owns *out.
 * Returns 0, -ENOMEM, -ENOTSUP or -EINVAL. */
int rec_frag_open(struct rec_frag **out, int fd, const struct rec_frag_conf *conf);

/* NULL is fine. What was not flushed is lost. */
void rec_frag_close(struct rec_frag *f);

/* Adds a sample; its packet stays the caller's. H264 is Annex B. Returns 0 or a negative errno. */
int rec_frag_write(struct rec_frag *f, enum mcu_kind kind, const struct rec_sample *sample);

/* The next fragment's samples keep their own times, though the last ones of this one lasted shorter or
 * longer than was said. */
void rec_frag_break(struct rec_frag *f);

/* Writes what came since the last flush as one fragment. Returns 0 or the errno of write(2);
 * every call after that fails with the same. */
int rec_frag_flush(struct rec_frag *f);

/* Bytes of the file up to the end of the last whole fragment. */
int64_t rec_frag_bytes(const struct rec_frag *f);

#endif
