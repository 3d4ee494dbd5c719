/* signaling/images.h - pictures that people upload for layouts to name: backgrounds and logos.
 * Front thread.
 *
 * They lie in a folder of their own, one file each under its name, and are read once, at the start.
 * Only PNG and JPEG are taken; their headers are looked at here, and their pixels by rooms alone. */
#ifndef SIGNALING_IMAGES_H
#define SIGNALING_IMAGES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "signaling/errors.h"

enum {
    SIG_IMAGES_MAX = 64,
    SIG_IMAGE_BYTES_MAX = 4 * 1024 * 1024,
    SIG_IMAGE_PATH_MAX = 1024,
};

struct sig_images;

/* dir: absolute and there. Returns 0 or -ENOMEM. */
int sig_images_create(struct sig_images **out, const char *dir);
void sig_images_destroy(struct sig_images *l); /* NULL is fine */

/* Whom to tell that a picture came, is another, or went. Must not call back. */
void sig_images_listen(struct sig_images *l, void (*changed)(void *ctx, const char *name),
                       void *ctx);

/* --- reading; l may be NULL: there are none --------------------------------------------------- */

/* [{name, type, width, height, bytes}] by name, and one of them; new. */
json_t *sig_images_json(const struct sig_images *l);
json_t *sig_image_json(const struct sig_images *l, const char *name); /* NULL: there is none */

/* Its media type and where it lies; NULL: there is none. */
const char *sig_image_type(const struct sig_images *l, const char *name);
void sig_image_path(const struct sig_images *l, const char *name, char path[SIG_IMAGE_PATH_MAX]);

/* A number that is another with each upload of that name, 0: there is none; and one that is another
 * with each change of any. */
uint64_t sig_image_serial(const struct sig_images *l, const char *name);
uint64_t sig_images_serial(const struct sig_images *l);

/* --- changing --------------------------------------------------------------------------------- */

/* Returns NULL, or bad_picture, too_large, too_many_pictures, internal. */
const struct sig_error *sig_image_put(struct sig_images *l, const char *name, const void *bytes,
                                      size_t size);

/* Returns NULL, or no_such_picture, internal. */
const struct sig_error *sig_image_delete(struct sig_images *l, const char *name);

#endif
