/* Layouts of rooms; see layouts.h. A change is kept when the room has agreed, so that what is told to
 * clients and to a new process is what is seen. */
#include "signaling/layouts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/embed.h"
#include "signaling/ids.h"
#include "signaling/rooms_internal.h"

enum { NAME_SIZE = 65 };

static bool is_called(const struct mcu_embedded *file, const char *name)
{
    const size_t length = strlen(name);
    return strncmp(file->name, name, length) == 0 && strcmp(file->name + length, ".json") == 0;
}

static const struct mcu_embedded *find(const char *name)
{
    for (const struct mcu_embedded *f = mcu_layout_files; f->name; f++) {
        if (is_called(f, name))
            return f;
    }
    return NULL;
}

json_t *sig_layout_file(const char *name)
{
    const struct mcu_embedded *f = find(name);
    return f ? json_loadb((const char *)f->data, (size_t)(f->end - f->data), 0, NULL) : NULL;
}

json_t *sig_layouts_json(void)
{
    json_t *list = json_array();
    for (const struct mcu_embedded *f = mcu_layout_files; f->name; f++) {
        char name[NAME_SIZE] = "";
        snprintf(name, sizeof(name), "%.*s", (int)(strlen(f->name) - strlen(".json")), f->name);
        char picture[NAME_SIZE + 32];
        snprintf(picture, sizeof(picture), "/layouts/%s.png", name);
        json_t *file = sig_layout_file(name);
        json_array_append_new(list, json_pack("{s:s, s:O?, s:s}", "name", name, "title",
                                              json_object_get(file, "title"), "picture", picture));
        json_decref(file);
    }
    return list;
}

/* --- of a room -------------------------------------------------------------------------------- */

/* One change under way. The room is found again by its id: it may be over when the answer comes. */
struct change {
    struct sig_rooms *rooms;
    char room_id[65];
    char name[NAME_SIZE];
    char by[129];
    sig_layout_fn *done;
    void *arg;
};

static void on_reply(void *arg, const json_t *reply)
{
    struct change *c = arg;
    const struct sig_error *error = sig_error_of_reply(reply);
    struct sig_room *room = sig_rooms_find(c->rooms, c->room_id);
    if (!error && room) {
        snprintf(room->layout, sizeof(room->layout), "%s", c->name);
        sig_room_tell(room, NULL, "layout",
                      json_pack("{s:s, s:s}", "layout", c->name, "by", c->by));
    }
    if (c->done)
        c->done(c->arg, error);
    free(c);
}

static json_t *command(const char *name)
{
    return json_pack("{s:s, s:s}", "cmd", "layout_set", "layout", name);
}

const struct sig_error *sig_room_set_layout(struct sig_room *room, const char *name, const char *by,
                                            sig_layout_fn *done, void *arg)
{
    if (!find(name))
        return sig_error("no_such_layout");
    struct change *c = calloc(1, sizeof(*c));
    if (!c)
        return sig_error("too_busy");
    c->rooms = room->rooms;
    snprintf(c->room_id, sizeof(c->room_id), "%s", room->id);
    snprintf(c->name, sizeof(c->name), "%s", name);
    snprintf(c->by, sizeof(c->by), "%s", by);
    c->done = done;
    c->arg = arg;
    if (sig_room_command(room, command(name), on_reply, c) == 0)
        return NULL;
    free(c);
    return sig_error("room_restarted");
}

void sig_room_restore_layout(struct sig_room *room)
{
    if (room->layout[0])
        sig_room_command(room, command(room->layout), NULL, NULL);
}

const char *sig_room_layout(const struct sig_room *room)
{
    return room->layout[0] ? room->layout : room->rooms->conf.config->video.layout;
}
