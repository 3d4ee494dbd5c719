/* Uploaded pictures; see image_file.h. Their bytes are hostile: compositor/image.h looks at them. */
#include "mcu/image_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compositor/comp.h"
#include "compositor/image.h"
#include "layouts/layout.h"
#include "mcu/base/log.h"

enum { PATH_BYTES = 1024, ANY_WIDTH = 1280, ANY_HEIGHT = 720 };

int mcu_image_read(const char *path, uint8_t **bytes, size_t *size)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int err = fstat(fd, &st) < 0 ? -errno : !S_ISREG(st.st_mode) ? -EINVAL : 0;
    if (!err && (st.st_size < 1 || st.st_size > COMP_IMAGE_BYTES_MAX))
        err = -EFBIG;
    uint8_t *read_in = err ? NULL : malloc((size_t)st.st_size);
    if (!err && !read_in)
        err = -ENOMEM;
    if (!err && read(fd, read_in, (size_t)st.st_size) != (ssize_t)st.st_size)
        err = -EIO;
    close(fd);
    if (err) {
        free(read_in);
        return err;
    }
    *bytes = read_in;
    *size = (size_t)st.st_size;
    return 0;
}

static void give(struct comp *c, const char *name, const char *dir)
{
    char path[PATH_BYTES];
    uint8_t *bytes = NULL;
    size_t size = 0;
    const int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
    int err = n < (int)sizeof(path) ? mcu_image_read(path, &bytes, &size) : -ENAMETOOLONG;
    if (!err)
        err = comp_set_image(c, name, bytes, size);
    free(bytes);
    if (err && err != -ENOENT)
        log_warn("picture %s: %s", path, strerror(-err));
}

void mcu_images_give(struct comp *c, const struct layout *layout, const char *dir)
{
    struct layout_overlay overlays[LAYOUT_OVERLAYS_MAX];
    const char *background = layout_background_image(layout);
    const size_t count =
        layout_overlays(layout, ANY_WIDTH, ANY_HEIGHT, overlays, LAYOUT_OVERLAYS_MAX);
    if (background)
        give(c, background, dir);
    for (size_t i = 0; i < count && i < LAYOUT_OVERLAYS_MAX; i++) {
        if (overlays[i].kind == LAYOUT_IMAGE)
            give(c, overlays[i].text, dir);
    }
}
