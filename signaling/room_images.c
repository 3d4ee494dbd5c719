/* Uploaded pictures on their way to rooms; see room_images.h. A room is given a file's path, never
 * bytes; what it has is noted by name with the serial of the upload. */
#include "signaling/room_images.h"

#include <string.h>

#include "mcu/base/log.h"
#include "mcu/control_picture.h"
#include "signaling/images.h"
#include "signaling/layouts.h"
#include "signaling/room_picture.h"
#include "signaling/rooms_internal.h"
#include "signaling/watch.h"

static const struct sig_images *images_of(const struct sig_room *room)
{
    return room->rooms->conf.images;
}

/* --- who names what --------------------------------------------------------------------------- */

/* The n-th picture of a layout's file: its background is the first, whatever it is. NULL: it has no
 * more; "": that one is no picture. */
static const char *named(const json_t *file, size_t n)
{
    const json_t *overlays = json_object_get(file, "overlays");
    if (n > json_array_size(overlays))
        return NULL;
    const json_t *overlay = n ? json_array_get(overlays, n - 1) : NULL;
    const char *kind = json_string_value(json_object_get(overlay, "kind"));
    const json_t *value = overlay && kind && strcmp(kind, "image") == 0
                              ? json_object_get(overlay, "name")
                          : n ? NULL
                              : json_object_get(file, "background");
    const char *name = json_string_value(value);
    return name && mcu_layout_name_is_valid(name) ? name : "";
}

static bool names(const json_t *file, const char *image)
{
    const char *name;
    for (size_t n = 0; file && (name = named(file, n)); n++) {
        if (strcmp(name, image) == 0)
            return true;
    }
    return false;
}

static bool is_wanted(const struct sig_room *room, const char *image)
{
    const char *layout;
    const json_t *file;
    for (size_t i = 0; (file = sig_layouts_stored_at(room->rooms->conf.layouts, i, &layout)); i++) {
        if (names(file, image) && (sig_room_uses_layout(room, layout) ||
                                   sig_room_views_use(room, layout) ||
                                   sig_room_is_wished(room, layout)))
            return true;
    }
    return false;
}

/* --- giving and taking ------------------------------------------------------------------------ */

static void take(struct sig_room *room, const char *name)
{
    sig_room_command(room, json_pack("{s:s, s:s}", "cmd", "image_set", "name", name), NULL, NULL);
    json_object_del(room->images, name);
}

/* file: what is about to be sent names pictures that no layout in use does yet. */
static void make_place(struct sig_room *room, const json_t *file)
{
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(room->images, next, name, value)
    {
        if (!names(file, name) && !is_wanted(room, name))
            take(room, name);
    }
}

static void give(struct sig_room *room, const char *name, const json_t *file)
{
    char path[SIG_IMAGE_PATH_MAX];
    const uint64_t serial = sig_image_serial(images_of(room), name);
    const json_t *has = json_object_get(room->images, name);
    if (!serial || (has && (uint64_t)json_integer_value(has) == serial))
        return;
    if (!has && json_object_size(room->images) >= SIG_ROOM_IMAGES_MAX)
        make_place(room, file);
    if (!has && json_object_size(room->images) >= SIG_ROOM_IMAGES_MAX) {
        log_warn("room=%s picture %s: its layouts name more than %d", room->id, name,
                 SIG_ROOM_IMAGES_MAX);
        return;
    }
    sig_image_path(images_of(room), name, path);
    json_t *command = json_pack("{s:s, s:s, s:s}", "cmd", "image_set", "name", name, "file", path);
    if (sig_room_command(room, command, NULL, NULL) == 0)
        json_object_set_new(room->images, name, json_integer((json_int_t)serial));
}

void sig_room_give_images(struct sig_room *room, const json_t *file)
{
    const char *name;
    for (size_t n = 0; file && images_of(room) && (name = named(file, n)); n++)
        give(room, name, file);
}

void sig_rooms_image_changed(void *ctx, const char *name)
{
    struct sig_rooms *r = ctx;
    for (struct sig_room *room = r->first; room; room = room->next) {
        const bool has = json_object_get(room->images, name);
        if (room->is_closing)
            continue;
        if (has && !sig_image_serial(images_of(room), name))
            take(room, name);
        else if (has || is_wanted(room, name))
            give(room, name, NULL);
    }
}

void sig_room_forget_images(struct sig_room *room)
{
    json_object_clear(room->images);
}

void sig_room_adopt_images(struct sig_room *room, const json_t *answer)
{
    const json_t *list = json_object_get(answer, "images");
    for (size_t i = 0; i < json_array_size(list) && i < SIG_ROOM_IMAGES_MAX; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name || !mcu_layout_name_is_valid(name))
            continue;
        json_object_set_new(room->images, name, json_integer(0)); /* none that we know */
        if (sig_image_serial(images_of(room), name))
            give(room, name, NULL);
        else
            take(room, name);
    }
}
