/* The picture of a room as its hosts want it; see room_picture.h. A change is kept when the room
 * has agreed, so that what is told to clients and to a new process is what is seen. */
#include "signaling/room_picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/control_picture.h"
#include "signaling/layouts.h"
#include "signaling/room_images.h"
#include "signaling/rooms_internal.h"
#include "signaling/watch.h"

/* One change under way. The room is found again by its id: it may be over when the answer comes. */
struct change {
    struct sig_rooms *rooms;
    char room_id[65];
    json_t *patch;
    char by[129];
    sig_picture_fn *done;
    void *arg;
};

/* --- what is so ------------------------------------------------------------------------------- */

const char *sig_room_layout(const struct sig_room *room)
{
    const char *chosen = mcu_picture_layout(room->picture);
    if (room->layout[0])
        return room->layout;
    return chosen ? chosen : room->rooms->conf.config->video.layout;
}

static const char *sharing_user(const struct sig_room *room)
{
    const struct sig_member *m = room->sharing[0] ? member_find(room, room->sharing) : NULL;
    return m ? m->user : NULL;
}

json_t *sig_room_picture_json(const struct sig_room *room)
{
    json_t *order = json_object_get(room->picture, "order");
    return json_pack("{s:s, s:o, s:s?, s:b, s:s?}", "layout", sig_room_layout(room), "order",
                     order ? json_incref(order) : json_array(), "spotlight",
                     mcu_picture_spotlight(room->picture), "hideWithoutVideo",
                     mcu_picture_hides(room->picture), "sharing", sharing_user(room));
}

static void tell(struct sig_room *room, const char *by)
{
    json_t *data = sig_room_picture_json(room);
    json_object_set_new(data, "by", json_string(by));
    sig_room_tell(room, NULL, "layout", data);
}

/* What the room says is in force, in a reply or an event. */
static void read_in_force(struct sig_room *room, const json_t *said)
{
    mcu_json_string(said, "layout", MCU_JSON_OPTIONAL, 1, room->layout, sizeof(room->layout));
    if (!json_object_get(said, "sharing"))
        return;
    room->sharing[0] = '\0';
    mcu_json_string(said, "sharing", MCU_JSON_OPTIONAL, 1, room->sharing, sizeof(room->sharing));
}

void sig_room_picture_event(struct sig_room *room, const json_t *event)
{
    read_in_force(room, event);
    tell(room, "");
}

void sig_room_adopt_picture(struct sig_room *room, const json_t *answer)
{
    char why[MCU_WHY_MAX];
    const json_t *picture = json_object_get(answer, "picture");
    if (picture && mcu_picture_check(picture, why) == 0)
        mcu_picture_merge(room->picture, picture);
    read_in_force(room, answer);
}

/* --- asking ----------------------------------------------------------------------------------- */

static void free_change(struct change *c)
{
    json_decref(c->patch);
    free(c);
}

static void on_reply(void *arg, const json_t *reply)
{
    struct change *c = arg;
    const struct sig_error *error = sig_error_of_reply(reply);
    struct sig_room *room = sig_rooms_find(c->rooms, c->room_id);
    if (!error && room) {
        mcu_picture_merge(room->picture, c->patch);
        read_in_force(room, reply);
        tell(room, c->by);
    }
    if (c->done)
        c->done(c->arg, error);
    free_change(c);
}

/* The layout that hosts have chosen, or the settings. */
static const char *chosen_layout(const struct sig_room *room, const json_t *picture)
{
    const char *name = mcu_picture_layout(picture);
    return name ? name : room->rooms->conf.config->video.layout;
}

/* Steals value; NULL adds nothing. */
static void add(json_t *object, const char *key, json_t *value)
{
    if (value)
        json_object_set_new(object, key, value);
}

/* The name of the layout for shared screens, into out; "" when it names none. */
static void read_screenshare(const struct sig_layouts *layouts, const char *name, char *out,
                             size_t size)
{
    json_t *file = sig_layout_file(layouts, name);
    const char *said = json_string_value(json_object_get(file, "screenshare"));
    snprintf(out, size, "%s", said ? said : "");
    json_decref(file);
}

/* Rooms know the built-in layouts; others go with the command. */
static json_t *command_of(struct sig_room *room, const json_t *patch)
{
    const struct sig_layouts *layouts = room->rooms->conf.layouts;
    json_t *command = json_copy((json_t *)patch);
    if (!command)
        return NULL;
    json_object_set_new(command, "cmd", json_string("layout_set"));
    if (json_object_get(patch, "layout")) {
        const char *name = chosen_layout(room, patch);
        char screenshare[65];
        read_screenshare(layouts, name, screenshare, sizeof(screenshare));
        json_t *file = sig_layout_stored(layouts, name);
        json_t *screenshare_file = sig_layout_stored(layouts, screenshare);
        sig_room_give_images(room, file);
        sig_room_give_images(room, screenshare_file);
        add(command, "file", file);
        add(command, "screenshare_file", screenshare_file);
    }
    return command;
}

const struct sig_error *sig_room_change_picture(struct sig_room *room, json_t *patch,
                                                const char *by, sig_picture_fn *done, void *arg)
{
    const char *layout = mcu_picture_layout(patch);
    if (layout && !sig_layout_exists(room->rooms->conf.layouts, layout))
        return sig_error("no_such_layout");
    struct change *c = calloc(1, sizeof(*c));
    if (!c)
        return sig_error("too_busy");
    c->rooms = room->rooms;
    snprintf(c->room_id, sizeof(c->room_id), "%s", room->id);
    c->patch = json_incref(patch);
    snprintf(c->by, sizeof(c->by), "%s", by);
    c->done = done;
    c->arg = arg;
    if (sig_room_command(room, command_of(room, patch), on_reply, c) == 0)
        return NULL;
    free_change(c);
    return sig_error("room_restarted");
}

/* Rooms begin with the layout of the settings, when they know it. */
static bool is_configured_stored(const struct sig_room *room)
{
    json_t *file =
        sig_layout_stored(room->rooms->conf.layouts, room->rooms->conf.config->video.layout);
    const bool is_stored = file != NULL;
    json_decref(file);
    return is_stored;
}

void sig_room_restore_picture(struct sig_room *room)
{
    room->layout[0] = '\0'; /* nobody shares a screen with the new process yet */
    room->sharing[0] = '\0';
    json_t *patch = json_copy(room->picture);
    if (!mcu_picture_layout(patch))
        add(patch, "layout", is_configured_stored(room) ? json_null() : NULL);
    if (json_object_size(patch))
        sig_room_command(room, command_of(room, patch), NULL, NULL);
    json_decref(patch);
}

/* --- files that change ------------------------------------------------------------------------ */

bool sig_room_uses_layout(const struct sig_room *room, const char *name)
{
    const char *chosen = chosen_layout(room, room->picture);
    char screenshare[65];
    read_screenshare(room->rooms->conf.layouts, chosen, screenshare, sizeof(screenshare));
    return strcmp(chosen, name) == 0 || strcmp(screenshare, name) == 0;
}

void sig_rooms_layout_changed(void *ctx, const char *name)
{
    struct sig_rooms *r = ctx;
    for (struct sig_room *room = r->first; room; room = room->next) {
        if (room->is_closing)
            continue;
        sig_room_reload_views(room, name);
        if (!sig_room_uses_layout(room, name))
            continue;
        const char *chosen = mcu_picture_layout(room->picture);
        json_t *patch = json_pack("{s:s?}", "layout", chosen);
        json_t *command = command_of(room, patch);
        add(command, "reload", json_true());
        sig_room_command(room, command, NULL, NULL);
        json_decref(patch);
        log_info("room=%s layout %s was changed", room->id, name);
    }
}

bool sig_rooms_use_layout(const struct sig_rooms *r, const char *name)
{
    if (strcmp(r->conf.config->video.layout, name) == 0)
        return true; /* the next room begins with it */
    for (const struct sig_room *room = r->first; room; room = room->next) {
        if (!room->is_closing && (sig_room_uses_layout(room, name) || sig_room_views_use(room, name)))
            return true;
    }
    return false;
}
