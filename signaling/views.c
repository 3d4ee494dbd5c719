/* Further pictures of a room; see watch.h. The room is asked first; what it has agreed to is kept,
 * told, and given to the next process if this one dies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/control_picture.h"
#include "signaling/layouts.h"
#include "signaling/room_images.h"
#include "signaling/rooms_internal.h"
#include "signaling/watch.h"

enum { SIDE_MIN = 64, SIDE_MAX = 4096, FPS_MAX = 60 };

enum verb { ADD, SET, REMOVE };

/* One change under way. The room is found again by its id: it may be over when the answer comes. */
struct change {
    struct sig_rooms *rooms;
    char room_id[65];
    char name[SIG_VIEW_NAME_MAX + 1];
    enum verb verb;
    sig_view_fn *done;
    void *arg;
};

bool sig_view_name_is_valid(const char *name)
{
    static const char fit[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const size_t size = strlen(name);
    return size >= 1 && size <= SIG_VIEW_NAME_MAX && strspn(name, fit) == size &&
           strcmp(name, "main") != 0 && strcmp(name, "own") != 0;
}

static bool is_side(const json_t *value)
{
    const json_int_t n = json_integer_value(value);
    return json_is_integer(value) && n >= SIDE_MIN && n <= SIDE_MAX && n % 2 == 0;
}

const struct sig_error *sig_view_check(const struct sig_room *room, const json_t *patch,
                                       bool is_new, char *why)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)patch, key, value)
    {
        const char *layout = json_string_value(value);
        const json_int_t n = json_integer_value(value);
        const char *needs = "cannot be set here";
        bool is_fit = false;
        if (strcmp(key, "layout") == 0) {
            needs = "must be the name of a layout";
            is_fit = layout && mcu_layout_name_is_valid(layout);
            if (is_fit && !sig_layout_exists(room->rooms->conf.layouts, layout))
                return sig_error("no_such_layout");
        } else if (is_new && (strcmp(key, "width") == 0 || strcmp(key, "height") == 0)) {
            needs = "must be an even number of 64 to 4096";
            is_fit = is_side(value);
        } else if (is_new && strcmp(key, "fps") == 0) {
            needs = "must be a whole number of 1 to 60";
            is_fit = json_is_integer(value) && n >= 1 && n <= FPS_MAX;
        }
        if (!is_fit) {
            snprintf(why, MCU_WHY_MAX, "%.*s: %s", mcu_text_head(key, MCU_NAMED_BYTES_MAX), key,
                     needs);
            return sig_error("bad_request");
        }
    }
    return NULL;
}

/* --- what is kept ----------------------------------------------------------------------------- */

json_t *sig_views_json(const struct sig_room *room)
{
    json_t *list = json_array();
    const char *name;
    json_t *view;
    json_object_foreach(room->views, name, view) json_array_append(list, view);
    return list;
}

/* {view, layout, width, height, fps} of what the room says of one; new. */
static json_t *read_view(const char *name, const json_t *said)
{
    char layout[MCU_LAYOUT_NAME_MAX + 1];
    int64_t width = 0, height = 0, fps = 0;
    if (mcu_json_string(said, "layout", MCU_JSON_REQUIRED, 1, layout, sizeof(layout)) ||
        mcu_json_int(said, "width", MCU_JSON_REQUIRED, 1, SIDE_MAX, &width) ||
        mcu_json_int(said, "height", MCU_JSON_REQUIRED, 1, SIDE_MAX, &height) ||
        mcu_json_int(said, "fps", MCU_JSON_REQUIRED, 1, FPS_MAX, &fps))
        return NULL;
    return json_pack("{s:s, s:s, s:I, s:I, s:I}", "view", name, "layout", layout, "width",
                     (json_int_t)width, "height", (json_int_t)height, "fps", (json_int_t)fps);
}

static void note(struct sig_room *room, const struct change *c, const json_t *reply)
{
    json_t *view = read_view(c->name, json_object_get(reply, "view"));
    if (c->verb == REMOVE)
        json_object_del(room->views, c->name);
    else if (view)
        json_object_set(room->views, c->name, view);
    json_decref(view);
    sig_room_tell(room, NULL, "views", json_pack("{s:o}", "views", sig_views_json(room)));
}

/* --- asking ----------------------------------------------------------------------------------- */

static json_t *command_of(struct sig_room *room, const char *cmd, const char *name,
                          const json_t *patch)
{
    json_t *command = patch ? json_copy((json_t *)patch) : json_object();
    const char *layout = json_string_value(json_object_get(patch, "layout"));
    json_t *file = layout ? sig_layout_stored(room->rooms->conf.layouts, layout) : NULL;
    sig_room_give_images(room, file);
    if (file)
        json_object_set_new(command, "file", file);
    json_object_set_new(command, "cmd", json_string(cmd));
    json_object_set_new(command, "view", json_string(name));
    return command;
}

static void on_reply(void *arg, const json_t *reply)
{
    struct change *c = arg;
    const struct sig_error *error = sig_error_of_reply(reply);
    struct sig_room *room = sig_rooms_find(c->rooms, c->room_id);
    if (!error && !room)
        error = sig_error("no_such_room");
    if (!error)
        note(room, c, reply);
    if (c->done)
        c->done(c->arg, reply, error);
    free(c);
}

static const struct sig_error *ask(struct sig_room *room, enum verb verb, const char *name,
                                   const json_t *patch, sig_view_fn *done, void *arg)
{
    static const char *const commands[] = {"view_add", "view_set", "view_remove"};
    struct change *c = calloc(1, sizeof(*c));
    if (!c)
        return sig_error("too_busy");
    *c = (struct change){.rooms = room->rooms, .verb = verb, .done = done, .arg = arg};
    snprintf(c->room_id, sizeof(c->room_id), "%s", room->id);
    snprintf(c->name, sizeof(c->name), "%s", name);
    if (sig_room_command(room, command_of(room, commands[verb], name, patch), on_reply, c) == 0)
        return NULL;
    free(c);
    return sig_error("room_restarted");
}

const struct sig_error *sig_view_add(struct sig_room *room, const char *name, json_t *patch,
                                     sig_view_fn *done, void *arg)
{
    if (json_object_get(room->views, name))
        return sig_error("view_exists");
    if (json_object_size(room->views) >= SIG_VIEWS_MAX)
        return sig_error("too_many_views");
    return ask(room, ADD, name, patch, done, arg);
}

const struct sig_error *sig_view_set(struct sig_room *room, const char *name, json_t *patch,
                                     sig_view_fn *done, void *arg)
{
    if (!json_object_get(room->views, name))
        return sig_error("no_such_view");
    return ask(room, SET, name, patch, done, arg);
}

const struct sig_error *sig_view_remove(struct sig_room *room, const char *name, sig_view_fn *done,
                                        void *arg)
{
    if (!json_object_get(room->views, name))
        return sig_error("no_such_view");
    return ask(room, REMOVE, name, NULL, done, arg);
}

/* --- a new process, a new file ---------------------------------------------------------------- */

void sig_room_restore_views(struct sig_room *room)
{
    const char *name;
    json_t *view;
    json_object_clear(room->tiles);
    json_object_foreach(room->views, name, view)
        sig_room_command(room, command_of(room, "view_add", name, view), NULL, NULL);
}

/* Those of the room that an earlier front added. */
static void on_list(void *arg, const json_t *reply)
{
    struct change *c = arg;
    struct sig_room *room = sig_rooms_find(c->rooms, c->room_id);
    const json_t *list = json_object_get(reply, "views");
    for (size_t i = 0; room && i < json_array_size(list); i++) {
        const json_t *said = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(said, "view"));
        const bool is_named = json_is_true(json_object_get(said, "named"));
        json_t *view =
            name && is_named && sig_view_name_is_valid(name) ? read_view(name, said) : NULL;
        if (view)
            json_object_set_new(room->views, name, view);
    }
    free(c);
}

void sig_room_adopt_views(struct sig_room *room)
{
    struct change *c = calloc(1, sizeof(*c));
    if (!c)
        return;
    c->rooms = room->rooms;
    snprintf(c->room_id, sizeof(c->room_id), "%s", room->id);
    if (sig_room_command(room, json_pack("{s:s}", "cmd", "view_list"), on_list, c) != 0)
        free(c);
}

static bool has_layout(const json_t *view, const char *layout)
{
    const char *name = json_string_value(json_object_get(view, "layout"));
    return name && strcmp(name, layout) == 0;
}

bool sig_room_is_wished(const struct sig_room *room, const char *layout)
{
    for (const struct sig_member *m = room->members; m; m = m->next) {
        if (has_layout(m->wish, layout))
            return true;
    }
    return false;
}

void sig_room_reload_views(struct sig_room *room, const char *layout)
{
    if (!sig_room_views_use(room, layout) && !sig_room_is_wished(room, layout) &&
        !(room->active && strcmp(room->active->wish.layout, layout) == 0))
        return;
    json_t *file = sig_layout_stored(room->rooms->conf.layouts, layout);
    sig_room_give_images(room, file);
    if (file)
        sig_room_command(room, json_pack("{s:s, s:s, s:o}", "cmd", "layout_file", "layout", layout,
                                         "file", file), NULL, NULL);
}

bool sig_room_views_use(const struct sig_room *room, const char *layout)
{
    const char *name;
    json_t *view;
    json_object_foreach(room->views, name, view)
    {
        if (has_layout(view, layout))
            return true;
    }
    return false;
}
