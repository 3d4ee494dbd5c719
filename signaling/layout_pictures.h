/* signaling/layout_pictures.h - what layouts look like: drawn by the host when somebody asks, and
 * kept for who asks next. Front thread. */
#ifndef SIGNALING_LAYOUT_PICTURES_H
#define SIGNALING_LAYOUT_PICTURES_H

#include "signaling/host.h"

struct sig_images;
struct sig_layouts;
struct sig_pictures;

struct sig_picture_wish {
    const char *name;
    uint32_t people;        /* 1 to 100 */
    uint32_t width, height; /* even, 64 to 960 */
    const struct sig_images *images; /* that it may name; NULL: there are none */
};

/* host is copied. Returns 0 or -ENOMEM. */
int sig_pictures_create(struct sig_pictures **out, const struct sig_host *host);
/* Nobody may wait any more. NULL is fine. */
void sig_pictures_destroy(struct sig_pictures *p);

/* The picture if it was drawn before, as it is now; else NULL. Borrowed until the next call. */
const uint8_t *sig_picture_find(const struct sig_pictures *p, const struct sig_layouts *layouts,
                                const struct sig_picture_wish *wish, size_t *size);

/* Draws it: done(arg, png, size) follows, png NULL when it could not. Returns 0, -ENOENT (no such
 * layout), -EBUSY or -ENOMEM, and done is not called. */
int sig_picture_draw(struct sig_pictures *p, const struct sig_layouts *layouts,
                     const struct sig_picture_wish *wish, sig_rendered_fn *done, void *arg);

#endif
