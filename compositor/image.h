/* compositor/image.h - pictures that people upload: logos and backgrounds; inside this folder only
 * but for comp_image_probe().
 *
 * The bytes are hostile: only PNG and JPEG are looked at, sizes are bounded before anything is
 * decoded, and a picture that is broken anywhere is refused as a whole. All [any], never on
 * [tick]. */
#ifndef COMPOSITOR_IMAGE_H
#define COMPOSITOR_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "compositor/overlay.h"
#include "layouts/layout.h"

enum {
    COMP_IMAGE_BYTES_MAX = 4 * 1024 * 1024,
    COMP_IMAGE_SIDE_MAX = 4096,
    COMP_IMAGE_PIXELS_MAX = 3840 * 2160,
};

enum comp_image_kind {
    COMP_IMAGE_PNG,
    COMP_IMAGE_JPEG,
};

struct comp_image; /* opaque; read-only, shared by reference */

/* Reads the header alone: what it is and how large it says it is. Returns 0, -EINVAL (neither PNG
 * nor JPEG) or -EFBIG (more bytes, or longer sides, than are taken). */
int comp_image_probe(const uint8_t *bytes, size_t size, enum comp_image_kind *kind, uint32_t *width,
                     uint32_t *height);

/* Decodes. The caller owns a reference. Returns as comp_image_probe(), or -ENOMEM. */
int comp_image_create(struct comp_image **out, const uint8_t *bytes, size_t size);
struct comp_image *comp_image_ref(struct comp_image *image);
void comp_image_unref(struct comp_image *image); /* NULL is fine */

uint32_t comp_image_width(const struct comp_image *image);
uint32_t comp_image_height(const struct comp_image *image);

/* How high the image is in a box of this width when nothing else says so; even, at most max. */
uint32_t comp_image_height_for(const struct comp_image *image, uint32_t width, uint32_t max);

/* Draws it as large as a box of width x height (even): cropped, whole in the middle, or stretched,
 * with alpha (0..255) on top of its own. ground: NULL, or the colour (0xRRGGBB) of what it leaves
 * free. The caller owns *out. Returns 0, -EINVAL or -ENOMEM. */
int comp_image_render(struct comp_overlay **out, const struct comp_image *image, uint32_t width,
                      uint32_t height, enum layout_fit fit, uint8_t alpha, const uint32_t *ground);

#endif
