/* Uploaded pictures that layouts name: the front says where they lie, the compositor has them.
 * [ctl]: reading and decoding one takes some tens of milliseconds, sound goes on meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compositor/image.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/control_picture.h"
#include "mcu/room_internal.h"

enum { PATH_BYTES = 1024 };

/* The caller frees *bytes. Returns 0 or a negative errno. */
static int read_file(const char *path, uint8_t **bytes, size_t *size)
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

static const char *code_of(int err)
{
    switch (err) {
    case 0:
        return NULL;
    case -EINVAL:
    case -EFBIG:
        return "bad_picture";
    case -ENOSPC:
        return "too_many_pictures";
    default:
        return "internal";
    }
}

/* What it was before stays when this one cannot be used. */
static const char *put(struct mcu_room *r, const char *name, const char *path)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    int err = read_file(path, &bytes, &size);
    if (err) {
        log_error("picture %s: %s: %s", name, path, strerror(-err));
        return "file_error";
    }
    err = comp_set_image(mcu_studio_comp(r->studio), name, bytes, size);
    free(bytes);
    if (err)
        log_error("picture %s cannot be used: %s", name, strerror(-err));
    else
        json_object_set_new(r->images, name, json_true());
    return code_of(err);
}

const char *room_image_set(struct mcu_room *r, const json_t *message, json_t *reply)
{
    char name[MCU_LAYOUT_NAME_MAX + 1];
    char path[PATH_BYTES] = "";
    (void)reply;
    if (mcu_json_string(message, "name", MCU_JSON_REQUIRED, 1, name, sizeof(name)) ||
        mcu_json_string(message, "file", MCU_JSON_OPTIONAL, 1, path, sizeof(path)) ||
        !mcu_layout_name_is_valid(name) || (path[0] && path[0] != '/'))
        return "bad_message";
    if (path[0])
        return put(r, name, path);
    json_object_del(r->images, name);
    const int err = comp_set_image(mcu_studio_comp(r->studio), name, NULL, 0);
    return err == -ENOENT ? NULL : code_of(err);
}

json_t *room_image_list(const struct mcu_room *r)
{
    json_t *list = json_array();
    const char *name;
    json_t *value;
    json_object_foreach(r->images, name, value) json_array_append_new(list, json_string(name));
    return list;
}
