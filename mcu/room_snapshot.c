/* One still picture of what the room shows, into a file that the front serves. [ctl]: it waits for
 * the next picture, a thirtieth of a second, and encodes it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavutil/frame.h>

#include "compositor/picture.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/room_internal.h"

enum { WIDTH_MAX = 4096, PATH_BYTES = 1024 };

static int write_new(const char *path, const uint8_t *data, size_t size)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return -errno;
    int err = write(fd, data, size) == (ssize_t)size ? 0 : -EIO;
    if (close(fd) < 0 && !err)
        err = -errno;
    if (err)
        unlink(path);
    return err;
}

static int encode_into(const AVFrame *picture, uint32_t width, const char *path)
{
    uint8_t *data = NULL;
    size_t size = 0;
    int err = comp_picture_encode(picture, COMP_JPEG, width, &data, &size);
    if (!err)
        err = write_new(path, data, size);
    free(data);
    return err;
}

const char *room_snapshot(struct mcu_room *r, const json_t *message)
{
    char file[PATH_BYTES];
    char view[ROOM_TEXT_MAX + 8] = "main";
    int64_t width = 0;
    if (mcu_json_string(message, "file", MCU_JSON_REQUIRED, 1, file, sizeof(file)) ||
        mcu_json_string(message, "view", MCU_JSON_OPTIONAL, 1, view, sizeof(view)) ||
        mcu_json_int(message, "width", MCU_JSON_OPTIONAL, 0, WIDTH_MAX, &width) || file[0] != '/')
        return "bad_message";
    const struct room_view *v = room_view_find(r, view);
    if (!v)
        return "no_such_view";
    AVFrame *picture = NULL;
    int err = comp_view_snapshot(v->view, &picture);
    if (err)
        return err == -ETIMEDOUT ? "too_busy" : "internal";
    err = encode_into(picture, (uint32_t)width, file);
    av_frame_free(&picture);
    if (err)
        log_error("snapshot: %s: %s", file, strerror(-err));
    return err ? "file_error" : NULL;
}
