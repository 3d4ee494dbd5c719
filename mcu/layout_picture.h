/* mcu/layout_picture.h - what a layout looks like, with people who are not there. */
#ifndef MCU_LAYOUT_PICTURE_H
#define MCU_LAYOUT_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compositor/picture.h"
#include "layouts/layout.h"

struct mcu_layout_scene {
    unsigned people; /* at most COMP_SOURCES_MAX are there; the first is the host and speaks */
    uint32_t width, height;
    uint32_t max_width; /* scaled down to it; 0: as it is */
    bool has_cameras;   /* two of three have pictures; else all are avatars */
    bool has_screen;    /* the first shares a slide */
    const char *pictures_dir; /* of those that layouts name, under their names; NULL: none */
};

/* [any, blocks] Draws the layout by the compositor itself. The caller frees *data with free().
 * Returns 0, -EINVAL, -ENOMEM or -EIO. */
int mcu_layout_picture(const struct layout *layout, const struct mcu_layout_scene *scene,
                       enum comp_picture_format format, uint8_t **data, size_t *size);

#endif
