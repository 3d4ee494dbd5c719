/* compositor/picture.h - one still picture: the canvas at a moment, written as JPEG or PNG. */
#ifndef COMPOSITOR_PICTURE_H
#define COMPOSITOR_PICTURE_H

#include <stddef.h>
#include <stdint.h>

struct comp;
struct AVFrame;

enum comp_picture_format {
    COMP_JPEG, /* 4:2:0, full range, as JPEG means it */
    COMP_PNG,
};

/* [ctl] The canvas as it is after the next tick (offline: now), I420 in BT.601 and limited range.
 * The caller frees *out with av_frame_free(). Returns 0, -ETIMEDOUT (no tick within a second) or
 * -ENOMEM. */
int comp_snapshot(struct comp *c, struct AVFrame **out);

/* [any] Encodes a picture from comp_snapshot() at max_width or its own width, whichever is smaller
 * (0: its own). The caller frees *data with free(). Returns 0, -EINVAL, -ENOMEM or -EIO. */
int comp_picture_encode(const struct AVFrame *picture, enum comp_picture_format format,
                        uint32_t max_width, uint8_t **data, size_t *size);

#endif
