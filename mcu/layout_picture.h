/* mcu/layout_picture.h - what a layout looks like, with people who are not there. */
#ifndef MCU_LAYOUT_PICTURE_H
#define MCU_LAYOUT_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "compositor/picture.h"
#include "layouts/layout.h"

/* [any, blocks] Draws the layout with `people` avatars (at most COMP_SOURCES_MAX are there) by the
 * compositor itself; the first is the host and speaks. The caller frees *data with free(). Returns
 * 0, -EINVAL, -ENOMEM or -EIO. */
int mcu_layout_picture(const struct layout *layout, unsigned people, uint32_t width,
                       uint32_t height, enum comp_picture_format format, uint8_t **data,
                       size_t *size);

#endif
