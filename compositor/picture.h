/* compositor/picture.h - one still picture: the canvas at a moment, written as JPEG or PNG. */
#ifndef COMPOSITOR_PICTURE_H
#define COMPOSITOR_PICTURE_H

#include <stddef.h>
#include <stdint.h>

struct AVFrame;

enum comp_picture_format {
    COMP_JPEG, /* 4:2:0, full range, as JPEG means it */
    COMP_PNG,
};

/* [any] Encodes a picture from comp_view_snapshot() at max_width or its own width, whichever is
 * smaller (0: its own). The caller frees *data with free(). Returns 0, -EINVAL, -ENOMEM or -EIO. */
int comp_picture_encode(const struct AVFrame *picture, enum comp_picture_format format,
                        uint32_t max_width, uint8_t **data, size_t *size);

#endif
