/* Uploaded pictures that layouts name: the front says where they lie, the compositor has them.
 * [ctl]: reading and decoding one takes some tens of milliseconds, sound goes on meanwhile. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/control_picture.h"
#include "mcu/image_file.h"
#include "mcu/room_internal.h"

enum { PATH_BYTES = 1024 };

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
    int err = mcu_image_read(path, &bytes, &size);
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
