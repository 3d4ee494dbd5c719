/* recorder/remux.h - a recording rewritten as a plain fast-start MP4.
 *
 * The new file grows beside the old one as PATH.tmp; only when it is whole and on disk it takes the
 * old one's name. At every moment PATH is a file that plays. */
#ifndef RECORDER_REMUX_H
#define RECORDER_REMUX_H

#include <stdint.h>

#include "recorder/rec.h"

/* [rec] Copies the first `bytes` bytes of the MP4 open as fd (which is PATH) into the new file, and
 * renames it over PATH. The last picture lasts to video_end_us of the file's time (negative: as long
 * as the one before; a fragmented file does not tell its readers). Fills duration_ms, bytes, video_frames and audio_frames of *result. Returns 0
 * or a negative errno; PATH is untouched then, and PATH.tmp is gone. */
int rec_remux(const char *path, int fd, int64_t bytes, int64_t video_end_us,
              struct rec_result *result);

/* [any] The same figures of a finished file, from its index alone. */
int rec_measure(int fd, int64_t bytes, struct rec_result *result);

/* [any] PATH.tmp, allocated; the caller frees it. NULL: no memory. */
char *rec_tmp_path(const char *path);

#endif
