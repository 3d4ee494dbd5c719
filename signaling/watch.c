/* Who watches what; see watch.h. */
#include "signaling/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/control_picture.h"
#include "signaling/admission.h"
#include "signaling/layouts.h"
#include "signaling/room_images.h"
#include "signaling/rooms_internal.h"

struct watch {
    struct sig_member *member; /* referenced */
    json_t *wish;
    sig_watch_fn *done;
    void *arg;
};

static bool is_quality(const char *text)
{
    static const char *const all[] = {"auto", "1080p", "720p", "360p", "180p", "slides", "audio"};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        if (strcmp(all[i], text) == 0)
            return true;
    }
    return false;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct fields {
    char quality[16], view[SIG_VIEW_NAME_MAX + 1], layout[MCU_LAYOUT_NAME_MAX + 1];
    bool has_without_self, is_without_self;
};

static int read_fields(struct fields *f, const json_t *data, const char *without_self)
{
    f->has_without_self = json_object_get(data, without_self) != NULL;
    if (mcu_json_string(data, "quality", MCU_JSON_OPTIONAL, 1, f->quality, sizeof(f->quality)) ||
        mcu_json_string(data, "view", MCU_JSON_OPTIONAL, 1, f->view, sizeof(f->view)) ||
        mcu_json_string(data, "layout", MCU_JSON_OPTIONAL, 1, f->layout, sizeof(f->layout)) ||
        mcu_json_bool(data, without_self, MCU_JSON_OPTIONAL, &f->is_without_self) ||
        (f->quality[0] && !is_quality(f->quality)) ||
        (f->layout[0] && !mcu_layout_name_is_valid(f->layout)))
        return -1;
    return 0;
}

/* Another view, layout or self is another picture: what was wished of the one before is gone. */
static json_t *make_wish(const struct fields *f, const json_t *before)
{
    const bool is_other = f->view[0] || f->layout[0] || f->has_without_self;
    json_t *wish = json_object();
    json_t *quality = json_object_get(before, "quality");
    if (!is_other && before)
        json_object_update(wish, (json_t *)before);
    if (f->quality[0])
        json_object_set_new(wish, "quality", json_string(f->quality));
    else if (quality)
        json_object_set(wish, "quality", quality);
    if (f->view[0])
        json_object_set_new(wish, "view", json_string(f->view));
    else if (f->has_without_self)
        json_object_set_new(wish, "view", json_string("own"));
    if (f->layout[0])
        json_object_set_new(wish, "layout", json_string(f->layout));
    if (f->has_without_self)
        json_object_set_new(wish, "without_self", json_boolean(f->is_without_self));
    return wish;
}

const struct sig_error *sig_wish_read(json_t **wish, const struct sig_room *room,
                                      const json_t *data, const json_t *before)
{
    struct fields f = {0};
    if (read_fields(&f, data, "withoutSelf") ||
        (!f.quality[0] && !f.view[0] && !f.layout[0] && !f.has_without_self) ||
        (f.has_without_self && f.view[0] && strcmp(f.view, "own") != 0))
        return sig_error("bad_request");
    if (f.layout[0] && !sig_layout_exists(room->rooms->conf.layouts, f.layout))
        return sig_error("no_such_layout");
    const bool is_own = strcmp(f.view, "own") == 0, is_main = strcmp(f.view, "main") == 0;
    if (f.view[0] && !is_own && !is_main && !json_object_get(room->views, f.view))
        return sig_error("no_such_view");
    *wish = make_wish(&f, before);
    return *wish ? NULL : sig_error("too_busy");
}

json_t *sig_wish_from_session(const json_t *session)
{
    struct fields f = {0};
    const json_t *watch = json_object_get(session, "watch");
    return json_is_object(watch) && read_fields(&f, watch, "without_self") == 0
               ? make_wish(&f, NULL)
               : NULL;
}

/* Whether the room will compose a picture that nobody watches so far. */
static bool makes_view(const struct sig_member *m, const json_t *wish)
{
    const char *view = json_string_value(json_object_get(wish, "view"));
    const char *layout = json_string_value(json_object_get(wish, "layout"));
    if (view && strcmp(view, "own") == 0)
        return strncmp(m->view, "own:", 4) != 0;
    if (!layout)
        return false;
    char name[sizeof(m->view)];
    snprintf(name, sizeof(name), "layout:%s", layout);
    for (const struct sig_member *other = m->room->members; other; other = other->next) {
        if (strcmp(other->view, name) == 0)
            return false;
    }
    return true;
}

const struct sig_error *sig_wish_admit(const struct sig_member *m, const json_t *wish)
{
    return makes_view(m, wish) ? sig_admit(m->room->rooms, m->room, MCU_LOAD_VIEW) : NULL;
}

/* --- asking ----------------------------------------------------------------------------------- */

static json_t *command_of(const struct sig_member *m, const json_t *wish)
{
    json_t *command = json_copy((json_t *)wish);
    const char *layout = json_string_value(json_object_get(wish, "layout"));
    if (!command)
        return NULL;
    json_object_set_new(command, "cmd", json_string("peer_watch"));
    json_t *file = layout ? sig_layout_stored(m->room->rooms->conf.layouts, layout) : NULL;
    sig_room_give_images(m->room, file);
    if (file)
        json_object_set_new(command, "file", file);
    return command;
}

/* Steals wish. The session holds it for a front that comes after us. */
static void keep(struct sig_member *m, json_t *wish)
{
    json_decref(m->wish);
    m->wish = wish;
    sig_member_save(m);
}

static bool take_watching(struct sig_member *m, const json_t *said);

static void on_reply(void *arg, const json_t *reply)
{
    struct watch *w = arg;
    const struct sig_error *error = sig_error_of_reply(reply);
    /* Before there is a picture a wish is only kept. */
    if (error && strcmp(error->code, "no_picture") == 0)
        error = NULL;
    if (!error && !w->member->room)
        error = sig_error("no_such_member");
    if (!error) {
        keep(w->member, json_incref(w->wish));
        take_watching(w->member, json_object_get(reply, "watching"));
    }
    if (w->done)
        w->done(w->arg, error ? NULL : w->member, error);
    json_decref(w->wish);
    sig_member_unref(w->member);
    free(w);
}

const struct sig_error *sig_member_watch(struct sig_member *m, json_t *wish, sig_watch_fn *done,
                                         void *arg)
{
    const struct sig_error *refused = sig_wish_admit(m, wish);
    struct watch *w = refused ? NULL : malloc(sizeof(*w));
    if (!w) {
        json_decref(wish);
        return refused ? refused : sig_error("too_busy");
    }
    *w = (struct watch){.member = sig_member_ref(m), .wish = wish, .done = done, .arg = arg};
    if (sig_member_command(m, command_of(m, wish), on_reply, w) == 0)
        return NULL;
    json_decref(wish);
    sig_member_unref(m);
    free(w);
    return sig_error("room_restarted");
}

static void on_watched_again(void *arg, const json_t *reply)
{
    struct sig_member *m = arg;
    if (m->room)
        take_watching(m, json_object_get(reply, "watching"));
    sig_member_unref(m);
}

void sig_member_watch_again(struct sig_member *m)
{
    if (!m->room || !json_object_size(m->wish))
        return;
    if (sig_member_command(m, command_of(m, m->wish), on_watched_again, sig_member_ref(m)) != 0)
        sig_member_unref(m);
}

/* --- events ----------------------------------------------------------------------------------- */

/* A view for one alone goes by one name to all clients. */
static const char *shown_name(const char *view)
{
    return strncmp(view, "own:", 4) == 0 ? "own" : view;
}

json_t *sig_member_watching_json(const struct sig_member *m)
{
    if (!m->view[0])
        return json_null();
    return json_pack("{s:s, s:s, s:i, s:i}", "view", shown_name(m->view), "quality", m->tier,
                     "width", (int)m->view_width, "height", (int)m->view_height);
}

/* What the room says it is sent; false: that makes no sense. */
static bool take_watching(struct sig_member *m, const json_t *said)
{
    char view[sizeof(m->view)], tier[sizeof(m->tier)];
    int64_t width = 0, height = 0;
    if (mcu_json_string(said, "view", MCU_JSON_REQUIRED, 1, view, sizeof(view)) ||
        mcu_json_string(said, "tier", MCU_JSON_REQUIRED, 1, tier, sizeof(tier)) ||
        mcu_json_int(said, "width", MCU_JSON_OPTIONAL, 0, 4096, &width) ||
        mcu_json_int(said, "height", MCU_JSON_OPTIONAL, 0, 4096, &height))
        return false;
    const bool is_other_view = strcmp(m->view, view) != 0;
    snprintf(m->view, sizeof(m->view), "%s", view);
    snprintf(m->tier, sizeof(m->tier), "%s", tier);
    m->view_width = (uint32_t)width;
    m->view_height = (uint32_t)height;
    json_t *tiles = json_object_get(m->room->tiles, view);
    if (is_other_view && tiles)
        member_tell(m, "tiles", json_incref(tiles));
    return true;
}

void sig_member_adopt_watching(struct sig_member *m, const json_t *said)
{
    if (json_is_object(said))
        take_watching(m, said);
}

void sig_member_tell_watching(struct sig_member *m)
{
    if (!m->view[0])
        return;
    json_t *tiles = json_object_get(m->room->tiles, m->view);
    member_tell(m, "watching", sig_member_watching_json(m));
    if (tiles)
        member_tell(m, "tiles", json_incref(tiles));
}

void sig_watching_event(struct sig_room *room, const json_t *event)
{
    struct sig_member *m = member_of_event(room, event);
    if (m && take_watching(m, event))
        member_tell(m, "watching", sig_member_watching_json(m));
}

static json_t *read_tile(const json_t *said)
{
    static const char *const numbers[] = {"x", "y", "w", "h"};
    char user[129];
    bool is_screen = false;
    if (mcu_json_string(said, "user", MCU_JSON_REQUIRED, 1, user, sizeof(user)) ||
        mcu_json_bool(said, "screen", MCU_JSON_REQUIRED, &is_screen))
        return NULL;
    json_t *tile = json_pack("{s:s, s:b}", "userId", user, "screen", is_screen);
    for (size_t i = 0; tile && i < sizeof(numbers) / sizeof(*numbers); i++) {
        int64_t n = 0;
        if (mcu_json_int(said, numbers[i], MCU_JSON_REQUIRED, 0, 4096, &n)) {
            json_decref(tile);
            return NULL;
        }
        json_object_set_new(tile, numbers[i], json_integer(n));
    }
    return tile;
}

/* Of views that ended without a word (of those who watched alone) the oldest tiles go. */
static void keep_tiles(struct sig_room *room, const char *view, json_t *data)
{
    enum { KEPT_MAX = 256 };
    if (json_object_size(room->tiles) >= KEPT_MAX && !json_object_get(room->tiles, view))
        json_object_del(room->tiles, json_object_iter_key(json_object_iter(room->tiles)));
    json_object_set(room->tiles, view, data);
}

void sig_tiles_event(struct sig_room *room, const json_t *event)
{
    char view[sizeof(((struct sig_member *)0)->view)];
    int64_t width = 0, height = 0;
    json_t *said = NULL;
    if (mcu_json_string(event, "view", MCU_JSON_REQUIRED, 1, view, sizeof(view)) ||
        mcu_json_int(event, "width", MCU_JSON_REQUIRED, 1, 4096, &width) ||
        mcu_json_int(event, "height", MCU_JSON_REQUIRED, 1, 4096, &height) ||
        mcu_json_array(event, "tiles", MCU_JSON_REQUIRED, 256, &said))
        return;
    json_t *tiles = json_array();
    for (size_t i = 0; i < json_array_size(said); i++)
        json_array_append_new(tiles, read_tile(json_array_get(said, i))); /* NULL adds nothing */
    json_t *data = json_pack("{s:s, s:I, s:I, s:o}", "view", shown_name(view), "width",
                             (json_int_t)width, "height", (json_int_t)height, "tiles", tiles);
    keep_tiles(room, view, data);
    for (struct sig_member *m = room->members; m; m = m->next) {
        if (strcmp(m->view, view) == 0)
            member_tell(m, "tiles", json_incref(data));
    }
    json_decref(data);
}

static json_t *read_limit(const json_t *said)
{
    static const char *const keys[] = {"width", "height", "fps", "bitrate"};
    json_t *limit = json_is_object(said) ? json_object() : NULL;
    for (size_t i = 0; limit && i < sizeof(keys) / sizeof(*keys); i++) {
        int64_t n = 0;
        if (mcu_json_int(said, keys[i], MCU_JSON_REQUIRED, 0, UINT32_MAX, &n)) {
            json_decref(limit);
            return NULL;
        }
        json_object_set_new(limit, keys[i], json_integer(n));
    }
    return limit;
}

void sig_uplink_event(struct sig_room *room, const json_t *event)
{
    struct sig_member *m = member_of_event(room, event);
    json_t *camera = read_limit(json_object_get(event, "camera"));
    json_t *screen = read_limit(json_object_get(event, "screen"));
    if (m && (camera || screen))
        member_tell(m, "uplink", json_pack("{s:O*, s:O*}", "camera", camera, "screen", screen));
    json_decref(camera);
    json_decref(screen);
}

void sig_overload_event(struct sig_room *room, const json_t *event)
{
    char step[32], reason[32] = "";
    int64_t level = 0;
    if (mcu_json_string(event, "step", MCU_JSON_REQUIRED, 1, step, sizeof(step)) ||
        mcu_json_string(event, "reason", MCU_JSON_OPTIONAL, 0, reason, sizeof(reason)) ||
        mcu_json_int(event, "level", MCU_JSON_OPTIONAL, 0, 16, &level))
        return;
    sig_room_tell(room, NULL, "overload",
                  json_pack("{s:s, s:I, s:s*}", "step", step, "level", (json_int_t)level, "reason",
                            reason[0] ? reason : NULL));
}
