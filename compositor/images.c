/* Uploaded pictures by name; see images.h. */
#include "compositor/images.h"

#include <errno.h>
#include <string.h>

void comp_images_init(struct comp_images *images)
{
    memset(images, 0, sizeof(*images));
    pthread_mutex_init(&images->lock, NULL);
}

void comp_images_finish(struct comp_images *images)
{
    for (size_t i = 0; i < images->count; i++)
        comp_image_unref(images->list[i].image);
    images->count = 0;
    pthread_mutex_destroy(&images->lock);
}

static size_t index_of(const struct comp_images *images, const char *name)
{
    size_t i = 0;
    while (i < images->count && strcmp(images->list[i].name, name) != 0)
        i++;
    return i;
}

/* Leaves what was there before, or what finds no room, in *image. */
static int change(struct comp_images *images, const char *name, struct comp_image **image)
{
    const size_t i = index_of(images, name);
    const bool is_there = i < images->count;
    if (!is_there && !*image)
        return -ENOENT;
    if (!is_there && images->count == COMP_IMAGES_MAX)
        return -ENOSPC;
    struct comp_image *old = is_there ? images->list[i].image : NULL;
    if (*image) {
        memcpy(images->list[i].name, name, strlen(name) + 1);
        images->list[i].image = *image;
        images->count += !is_there;
    } else {
        images->list[i] = images->list[--images->count];
    }
    *image = old;
    return 0;
}

int comp_images_put(struct comp_images *images, const char *name, struct comp_image *image)
{
    const size_t length = strnlen(name, COMP_IMAGE_NAME_BYTES);
    int err = length == 0 || length == COMP_IMAGE_NAME_BYTES ? -EINVAL : 0;
    pthread_mutex_lock(&images->lock);
    if (!err)
        err = change(images, name, &image);
    pthread_mutex_unlock(&images->lock);
    comp_image_unref(image);
    if (!err)
        atomic_fetch_add_explicit(&images->generation, 1, memory_order_release);
    return err;
}

struct comp_image *comp_images_find(struct comp_images *images, const char *name)
{
    pthread_mutex_lock(&images->lock);
    const size_t i = index_of(images, name);
    struct comp_image *image = i < images->count ? comp_image_ref(images->list[i].image) : NULL;
    pthread_mutex_unlock(&images->lock);
    return image;
}

uint32_t comp_images_generation(const struct comp_images *images)
{
    return atomic_load_explicit(&images->generation, memory_order_acquire);
}
