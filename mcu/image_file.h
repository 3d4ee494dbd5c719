/* mcu/image_file.h - uploaded pictures, from files to a compositor. */
#ifndef MCU_IMAGE_FILE_H
#define MCU_IMAGE_FILE_H

#include <stddef.h>
#include <stdint.h>

struct comp;
struct layout;

/* [any, blocks] The caller frees *bytes. Returns 0, -EFBIG (empty, or more than is taken), -EINVAL
 * (no regular file), -ENOMEM or what open() does. */
int mcu_image_read(const char *path, uint8_t **bytes, size_t *size);

/* [ctl] Gives the compositor the pictures that the layout names, DIR/NAME each. What is not there
 * or cannot be used is left out. */
void mcu_images_give(struct comp *c, const struct layout *layout, const char *dir);

#endif
