/* recorder/thumbnail.h - one picture that stands for a recording. */
#ifndef RECORDER_THUMBNAIL_H
#define RECORDER_THUMBNAIL_H

#include <stddef.h>
#include <stdint.h>

enum { REC_THUMBNAIL_WIDTH = 640 };

/* [any] A key frame of a finished MP4 as JPEG, at most REC_THUMBNAIL_WIDTH wide: from some seconds in,
 * or from elsewhere when there is nothing to be seen there. *jpeg is allocated. Returns 0, -ENODATA (no
 * video), -ENOMEM, or the errno of reading. */
int rec_thumbnail_make(const char *path, int64_t duration_us, uint8_t **jpeg, size_t *size);

#endif
