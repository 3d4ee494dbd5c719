/* compositor/images.h - the uploaded pictures that layouts may name; inside this folder only.
 *
 * One per compositor. [ctl] puts pictures in and takes them out, [decor] looks them up; a picture
 * that is being drawn stays alive by its reference. */
#ifndef COMPOSITOR_IMAGES_H
#define COMPOSITOR_IMAGES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "compositor/image.h"

enum { COMP_IMAGES_MAX = 16, COMP_IMAGE_NAME_BYTES = 65 };

struct comp_images {
    atomic_uint generation; /* rises with every change */

    pthread_mutex_t lock; /* protects all below */
    struct {
        char name[COMP_IMAGE_NAME_BYTES];
        struct comp_image *image;
    } list[COMP_IMAGES_MAX];
    size_t count;
};

/* [ctl] */
void comp_images_init(struct comp_images *images);
void comp_images_finish(struct comp_images *images);

/* [ctl] Takes the reference; an image of NULL takes the name away. Returns 0, -ENOSPC, -ENOENT
 * (nothing to take away) or -EINVAL (the name is empty or too long). */
int comp_images_put(struct comp_images *images, const char *name, struct comp_image *image);

/* [any] A reference of the caller's, or NULL. */
struct comp_image *comp_images_find(struct comp_images *images, const char *name);

/* [any] */
uint32_t comp_images_generation(const struct comp_images *images);

#endif
