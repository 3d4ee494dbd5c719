/* recorder/cut.h - whether a media file is shorter than its container says. */
#ifndef RECORDER_CUT_H
#define RECORDER_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recorder/boxes.h"

/* [any] Of a Matroska file or WebM: the segment's size runs past the end of the file; of an MP4: a
 * top-level box does. A file that does not say how long it is counts as whole, and so does one of
 * another kind. Returns 0 or the errno of pread(2). */
int rec_is_cut(int fd, uint64_t size, bool *is_cut);

/* [any] The same for any reader: the part without I/O. */
int rec_is_cut_reader(const struct rec_boxes_reader *reader, bool *is_cut);

/* [any] For rec_boxes_reader: exactly n bytes of the file whose descriptor *ctx is (an int). */
int rec_read_fd(void *ctx, void *to, size_t n, uint64_t at);

#endif
