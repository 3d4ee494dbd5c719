/* Views: the canvases of a room. [ctl]. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/room_internal.h"

#define LINGER_US      (5 * MCU_US_PER_S)    /* of a view that nobody watches any more */
#define TILES_EVERY_US (200 * MCU_US_PER_MS) /* one view's are told at most so often */

enum {
    SIDE_MIN = 64,
    SIDE_MAX = 4096,
    TILES_MAX = COMP_SOURCES_MAX,
};

/* --- making and ending ------------------------------------------------------------------------ */

uint32_t room_views_count(const struct mcu_room *r)
{
    uint32_t count = 0;
    for (const struct room_view *v = r->views.first; v; v = v->next)
        count++;
    return count;
}

struct room_view *room_view_find(const struct mcu_room *r, const char *name)
{
    struct room_view *v = r->views.first;
    while (v && strcmp(v->name, name) != 0)
        v = v->next;
    return v;
}

static const struct layout *layout_of(const struct room_view *v)
{
    return v->layout ? v->layout : v->room->layout;
}

/* Like the room's own, until something else is said. */
static struct room_view *new_view(struct mcu_room *r, enum room_view_kind kind, const char *name)
{
    struct room_view *v = calloc(1, sizeof(*v));
    if (!v)
        return NULL;
    v->room = r;
    v->kind = kind;
    snprintf(v->name, sizeof(v->name), "%s", name);
    v->width = r->config.video.width;
    v->height = r->config.video.height;
    v->fps = r->config.video.fps;
    v->bitrate_bps = r->config.video.bitrate_kbps * 1000;
    v->unused_us = mcu_now_us();
    return v;
}

static void free_view(struct room_view *v)
{
    if (!v)
        return;
    if (v->kind != ROOM_VIEW_MAIN)
        comp_view_destroy(v->view);
    layout_destroy(v->layout);
    free(v);
}

/* The list keeps main first. */
static void list_view(struct room_view *v)
{
    struct room_view **at = &v->room->views.first;
    while (*at)
        at = &(*at)->next;
    *at = v;
    room_view_make_ladders(v);
}

/* The rate of a canvas that is not the room's own size, by its area. */
static uint32_t scaled_rate(const struct room_view *v)
{
    const struct mcu_config *c = &v->room->config;
    const uint64_t area = (uint64_t)v->width * v->height;
    const uint64_t own = (uint64_t)c->video.width * c->video.height;
    const uint64_t bps = (uint64_t)c->video.bitrate_kbps * 1000 * area / own;
    return bps < 100000 ? 100000 : bps > 20000000 ? 20000000 : (uint32_t)bps;
}

/* Steals v. Returns a code, or NULL. */
static const char *open_view(struct room_view *v, const char *without_user)
{
    struct mcu_room *r = v->room;
    const struct mcu_config *c = &r->config;
    const struct comp_view_conf conf = {
        .width = v->width,
        .height = v->height,
        .fps = v->fps,
        .background = room_background(r),
        .layout = layout_of(v),
        .has_labels = c->video.labels,
        .has_avatars = c->video.avatars,
        .transition_us = c->video.transition_ms * MCU_US_PER_MS,
        .wall_offset_us = mcu_wall_ms() * MCU_US_PER_MS - mcu_now_us(),
        .without_user = without_user,
        .view_ctx = v,
    };
    if (room_views_count(r) >= c->video.views_max) {
        free_view(v);
        return "too_many_views";
    }
    const int err = comp_view_create(mcu_studio_comp(r->studio), &v->view, &conf);
    if (err) {
        log_error("view %s: %s", v->name, strerror(-err));
        free_view(v);
        return err == -ENOSPC ? "too_many_views" : "internal";
    }
    list_view(v);
    log_info("view %s: %ux%u at %u, layout %s", v->name, v->width, v->height, v->fps,
             layout_name(layout_of(v)));
    return NULL;
}

static void end_view(struct room_view *v)
{
    struct room_view **at = &v->room->views.first;
    while (*at != v)
        at = &(*at)->next;
    *at = v->next;
    log_info("view %s ends", v->name);
    free_view(v);
}

int room_views_open(struct mcu_room *r)
{
    r->views.tiles = calloc(TILES_MAX, sizeof(*r->views.tiles));
    struct room_view *v = new_view(r, ROOM_VIEW_MAIN, "main");
    if (!r->views.tiles || !v) {
        free(v);
        return -ENOMEM;
    }
    v->view = mcu_studio_view(r->studio);
    list_view(v);
    return rtc_feed_create(r->rtc, &r->views.recorded_feed, MCU_CODEC_H264);
}

void room_views_finish(struct mcu_room *r)
{
    while (r->views.first)
        end_view(r->views.first);
    free(r->views.tiles);
    r->views.tiles = NULL;
}

void room_views_follow(struct mcu_room *r)
{
    for (const struct room_view *v = r->views.first; v; v = v->next) {
        if (!v->layout)
            comp_view_set_layout(v->view, r->layout);
    }
}

void room_view_enter(struct room_view *v)
{
    v->watchers++;
    v->unused_us = 0;
}

void room_view_leave(struct room_view *v)
{
    if (--v->watchers == 0)
        v->unused_us = mcu_now_us();
}

/* --- for watchers ----------------------------------------------------------------------------- */

/* Takes over a layout that was loaded; NULL: the room's. */
static void give_layout(struct room_view *v, struct layout *layout, const char *name)
{
    struct layout *old = v->layout;
    v->layout = layout;
    snprintf(v->layout_name, sizeof(v->layout_name), "%s", layout ? name : "");
    if (v->view)
        comp_view_set_layout(v->view, layout_of(v));
    layout_destroy(old);
}

static const char *own_view(struct room_peer *p, struct layout *layout, const char *name,
                            bool is_without_self, struct room_view **out)
{
    char own[ROOM_VIEW_NAME];
    snprintf(own, sizeof(own), "own:%s%s", p->id, is_without_self ? "" : ":all");
    struct room_view *v = room_view_find(p->room, own);
    if (!v) {
        v = new_view(p->room, ROOM_VIEW_OWN, own);
        if (!v) {
            layout_destroy(layout);
            return "internal";
        }
        give_layout(v, layout, name);
        const char *code = open_view(v, is_without_self ? p->user : NULL);
        *out = v;
        return code;
    }
    give_layout(v, layout, name);
    *out = v;
    return NULL;
}

/* Takes the layout over. */
static const char *shared_view(struct mcu_room *r, struct layout *layout, const char *name,
                               struct room_view **out)
{
    char shared[ROOM_VIEW_NAME];
    snprintf(shared, sizeof(shared), "layout:%s", name);
    struct room_view *v = room_view_find(r, shared);
    if (v) { /* the file of that name may have changed */
        give_layout(v, layout, name);
        *out = v;
        return NULL;
    }
    v = new_view(r, ROOM_VIEW_LAYOUT, shared);
    if (!v) {
        layout_destroy(layout);
        return "internal";
    }
    give_layout(v, layout, name);
    const char *code = open_view(v, NULL);
    *out = v;
    return code;
}

const char *room_view_for(struct room_peer *p, bool is_own, const char *name, const json_t *file,
                          bool is_without_self, struct room_view **out)
{
    struct layout *layout = NULL;
    const char *code = name ? room_layout_load(&layout, name, file) : NULL;
    if (code)
        return code;
    return is_own ? own_view(p, layout, name, is_without_self, out)
                  : shared_view(p->room, layout, name, out);
}

/* --- for recordings --------------------------------------------------------------------------- */

static void hold(struct room_view *v, struct room_view **out)
{
    v->recordings++;
    *out = v;
}

const char *room_view_hold(struct mcu_room *r, const char *name, struct room_view **out)
{
    struct room_view *v = room_view_find(r, name);
    if (!v || v->kind == ROOM_VIEW_OWN || v->kind == ROOM_VIEW_RECORD)
        return "no_such_view";
    hold(v, out);
    return NULL;
}

const char *room_view_hold_layout(struct mcu_room *r, const char *name, const json_t *file,
                                  struct room_view **out)
{
    struct layout *layout = NULL;
    struct room_view *v = NULL;
    const char *code = room_layout_load(&layout, name, file);
    if (!code)
        code = shared_view(r, layout, name, &v);
    if (!code)
        hold(v, out);
    return code;
}

const char *room_view_hold_unsigned(struct mcu_room *r, const char *id, struct room_view **out)
{
    char name[ROOM_VIEW_NAME];
    snprintf(name, sizeof(name), "record:%s", id);
    struct room_view *v = new_view(r, ROOM_VIEW_RECORD, name);
    const char *code = v ? open_view(v, NULL) : "internal";
    if (!code)
        hold(v, out);
    return code;
}

void room_view_drop(struct room_view *v)
{
    if (--v->recordings > 0)
        return;
    if (v->kind == ROOM_VIEW_RECORD)
        end_view(v);
    else if (v->watchers == 0)
        v->unused_us = mcu_now_us();
}

/* --- the commands ----------------------------------------------------------------------------- */

static bool is_name(const char *name)
{
    static const char fit[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    return name[0] && !name[strspn(name, fit)] && strcmp(name, "main") != 0 &&
           strcmp(name, "own") != 0;
}

/* What a message says of a view, over what v has. Returns a code, or NULL and *layout, which is
 * NULL when no layout is named. */
static const char *read_view(struct room_view *v, const json_t *m, struct layout **layout,
                             char name[ROOM_LAYOUT_NAME])
{
    int64_t width = v->width, height = v->height, fps = v->fps;
    json_t *file = NULL;
    name[0] = '\0';
    if (mcu_json_string(m, "layout", MCU_JSON_OPTIONAL, 0, name, ROOM_LAYOUT_NAME) ||
        mcu_json_object(m, "file", MCU_JSON_OPTIONAL, &file) ||
        mcu_json_int(m, "width", MCU_JSON_OPTIONAL, SIDE_MIN, SIDE_MAX, &width) ||
        mcu_json_int(m, "height", MCU_JSON_OPTIONAL, SIDE_MIN, SIDE_MAX, &height) ||
        mcu_json_int(m, "fps", MCU_JSON_OPTIONAL, 1, v->room->config.video.fps, &fps) ||
        width % 2 || height % 2)
        return "bad_message";
    *layout = NULL;
    const char *code = name[0] ? room_layout_load(layout, name, file) : NULL;
    if (code)
        return code;
    v->width = (uint32_t)width;
    v->height = (uint32_t)height;
    v->fps = (uint32_t)fps;
    v->bitrate_bps = scaled_rate(v);
    return NULL;
}

static json_t *view_json(const struct room_view *v)
{
    return json_pack("{s:s,s:s,s:b,s:i,s:i,s:i,s:i}", "view", v->name, "layout",
                     layout_name(layout_of(v)), "named", v->kind == ROOM_VIEW_NAMED, "width",
                     (int)v->width, "height", (int)v->height, "fps", (int)v->fps, "watchers",
                     (int)v->watchers);
}

const char *room_view_add(struct mcu_room *r, const json_t *m, json_t *reply)
{
    char name[65];
    char layout[ROOM_LAYOUT_NAME];
    struct layout *loaded = NULL;
    if (mcu_json_string(m, "view", MCU_JSON_REQUIRED, 1, name, sizeof(name)) || !is_name(name))
        return "bad_message";
    if (room_view_find(r, name))
        return "view_exists";
    struct room_view *v = new_view(r, ROOM_VIEW_NAMED, name);
    if (!v)
        return "internal";
    const char *code = read_view(v, m, &loaded, layout);
    if (code) {
        free_view(v);
        return code;
    }
    if (loaded)
        give_layout(v, loaded, layout);
    code = open_view(v, NULL);
    if (!code)
        json_object_set_new(reply, "view", view_json(v));
    return code;
}

static struct room_view *named(const struct mcu_room *r, const json_t *m)
{
    char name[65] = "";
    mcu_json_string(m, "view", MCU_JSON_REQUIRED, 1, name, sizeof(name));
    struct room_view *v = room_view_find(r, name);
    return v && v->kind == ROOM_VIEW_NAMED ? v : NULL;
}

/* Another layout comes at a tick. Another size is another canvas, so it cannot be set. */
const char *room_view_set(struct mcu_room *r, const json_t *m, json_t *reply)
{
    struct room_view *v = named(r, m);
    if (!v)
        return "no_such_view";
    char name[ROOM_LAYOUT_NAME];
    struct layout *loaded = NULL;
    struct room_view wish = *v;
    const char *code = read_view(&wish, m, &loaded, name);
    if (code)
        return code;
    if (wish.width != v->width || wish.height != v->height || wish.fps != v->fps) {
        layout_destroy(loaded);
        return "bad_message";
    }
    if (loaded)
        give_layout(v, loaded, name);
    json_object_set_new(reply, "view", view_json(v));
    return NULL;
}

const char *room_view_remove(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)reply;
    struct room_view *v = named(r, m);
    if (!v)
        return "no_such_view";
    if (v->recordings > 0)
        return "view_busy";
    room_watch_leave_view(v);
    end_view(v);
    return NULL;
}

const char *room_view_reload(struct mcu_room *r, const json_t *m, json_t *reply)
{
    (void)reply;
    char name[ROOM_LAYOUT_NAME];
    json_t *file = NULL;
    if (mcu_json_string(m, "layout", MCU_JSON_REQUIRED, 1, name, sizeof(name)) ||
        mcu_json_object(m, "file", MCU_JSON_REQUIRED, &file))
        return "bad_message";
    for (struct room_view *v = r->views.first; v; v = v->next) {
        if (strcmp(v->layout_name, name) != 0)
            continue;
        struct layout *layout = NULL;
        const char *code = room_layout_load(&layout, name, file);
        if (code) /* it would be the same with the next one */
            return code;
        give_layout(v, layout, name);
    }
    return NULL;
}

json_t *room_view_list(const struct mcu_room *r)
{
    json_t *list = json_array();
    for (const struct room_view *v = r->views.first; v; v = v->next)
        json_array_append_new(list, view_json(v));
    return list;
}

/* --- by time ---------------------------------------------------------------------------------- */

static json_t *tile_json(struct mcu_room *r, const struct comp_tile *t)
{
    const struct room_peer *p = room_find_seat(r, mcu_tile_seat_id(t));
    return json_pack("{s:s*,s:s,s:b,s:i,s:i,s:i,s:i,s:i}", "peer", p ? p->id : NULL, "user",
                     t->user, "screen", t->is_screen, "x", (int)t->x, "y", (int)t->y, "w",
                     (int)t->width, "h", (int)t->height, "more", (int)t->more);
}

static void tell_tiles(struct room_view *v, int64_t now_us)
{
    struct mcu_room *r = v->room;
    if (now_us - v->tiles_told_us < TILES_EVERY_US)
        return;
    uint32_t serial = 0;
    size_t count = comp_view_read_tiles(v->view, r->views.tiles, TILES_MAX, &serial);
    if (serial == v->tiles_serial)
        return;
    v->tiles_serial = serial;
    v->tiles_told_us = now_us;
    json_t *tiles = json_array();
    for (size_t i = 0; i < count && i < TILES_MAX; i++)
        json_array_append_new(tiles, tile_json(r, &r->views.tiles[i]));
    room_send_event(r, "tiles",
                    json_pack("{s:s,s:i,s:i,s:o}", "view", v->name, "width", (int)v->width,
                              "height", (int)v->height, "tiles", tiles));
}

void room_views_tell_again(struct mcu_room *r)
{
    for (struct room_view *v = r->views.first; v; v = v->next) {
        v->tiles_serial = 0;
        v->tiles_told_us = 0;
    }
}

/* Who left it still holds its stream until the next one begins, which a silent network puts off. */
static bool is_over(const struct room_view *v, int64_t now_us)
{
    const bool is_for_watchers = v->kind == ROOM_VIEW_LAYOUT || v->kind == ROOM_VIEW_OWN;
    return is_for_watchers && v->unused_us && !v->streams && !v->recordings &&
           now_us - v->unused_us >= LINGER_US;
}

void room_views_housekeep(struct mcu_room *r, int64_t now_us)
{
    for (struct room_view *v = r->views.first, *next; v; v = next) {
        next = v->next;
        if (is_over(v, now_us))
            end_view(v);
        else if (v->kind != ROOM_VIEW_RECORD) /* nobody watches that */
            tell_tiles(v, now_us);
    }
}
