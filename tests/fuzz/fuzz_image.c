/* Uploaded pictures: headers and whole files. What is taken can be drawn at any size. */
#include <stdlib.h>

#include <libavutil/log.h>

#include "compositor/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static void draw(const struct comp_image *image, uint32_t width, uint32_t height,
                 enum layout_fit fit)
{
    struct comp_overlay *o;
    check(comp_image_render(&o, image, width, height, fit, 200, NULL) == 0);
    check(comp_overlay_width(o) == width && comp_overlay_height(o) == height);
    comp_overlay_unref(o);
    const uint32_t high = comp_image_height_for(image, width, height);
    check(high >= 2 && high <= height && !(high & 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    av_log_set_level(AV_LOG_QUIET);
    enum comp_image_kind kind;
    uint32_t width = 0, height = 0;
    const int err = comp_image_probe(data, size, &kind, &width, &height);
    /* large ones take long and say nothing more */
    if (err || (uint64_t)width * height > 512 * 512)
        return 0;
    struct comp_image *image;
    if (comp_image_create(&image, data, size))
        return 0;
    check(comp_image_width(image) == width && comp_image_height(image) == height);
    draw(image, 64, 36, LAYOUT_COVER);
    draw(image, 18, 90, LAYOUT_CONTAIN);
    comp_image_unref(image);
    return 0;
}
