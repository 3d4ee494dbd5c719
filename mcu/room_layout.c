/* What hosts choose about the room's picture: the layout, who is pinned where, who is in the
 * spotlight, in which order people stand; and the layout to which the room goes while somebody
 * shares a screen. [ctl].
 *
 *     first  shared screens, the newest before others
 *            who is pinned, by seat: he has the cell `pin:N` where the layout has one
 *            who is in the spotlight: he has the `speaker` cell where the layout has one
 *            who is named in `order`
 *     last   the others, as they joined */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/control_picture.h"
#include "mcu/room_internal.h"

enum {
    RANK_SCREENS = -4 * 1024,
    RANK_PINNED = -3 * 1024,
    RANK_SPOTLIGHT = -2 * 1024,
    RANK_ORDER = -1024,
};

/* --- standing --------------------------------------------------------------------------------- */

static bool is_in_spotlight(const struct room_peer *p)
{
    const char *user = mcu_picture_spotlight(p->room->picture);
    return user && strcmp(user, p->user) == 0;
}

static int32_t rank_of(const struct room_peer *p)
{
    if (p->pin)
        return RANK_PINNED + (int32_t)p->pin;
    if (is_in_spotlight(p))
        return RANK_SPOTLIGHT;
    const int place = mcu_picture_place(p->room->picture, p->user);
    return place < 0 ? 0 : RANK_ORDER + place;
}

void room_layout_place(struct room_peer *p)
{
    const struct mcu_standing standing = {
        .rank = rank_of(p),
        .screen_rank = RANK_SCREENS - (int32_t)p->share_serial,
        .pin = p->pin,
        .has_hand_up = p->has_hand_up,
        .has_no_avatar = mcu_picture_hides(p->room->picture),
    };
    mcu_seat_set_standing(p->seat, &standing);
}

static void place_all(struct mcu_room *r)
{
    for (size_t i = 0; i < r->peer_count; i++)
        room_layout_place(r->peers[i]);
}

void room_layout_pin(struct room_peer *p, uint32_t pin)
{
    struct mcu_room *r = p->room;
    for (size_t i = 0; pin && i < r->peer_count; i++) {
        if (r->peers[i] == p || r->peers[i]->pin != pin)
            continue;
        r->peers[i]->pin = 0; /* one person a seat */
        room_layout_place(r->peers[i]);
    }
    p->pin = pin;
}

uint32_t room_layout_floor(const struct mcu_room *r, uint32_t floor)
{
    for (size_t i = 0; mcu_picture_spotlight(r->picture) && i < r->peer_count; i++) {
        if (is_in_spotlight(r->peers[i]))
            return mcu_seat_id(r->peers[i]->seat);
    }
    return floor;
}

/* --- the layout ------------------------------------------------------------------------------- */

const char *room_layout_load(struct layout **out, const char *name, const json_t *file)
{
    if (!file) {
        const int err = layout_builtin(out, name);
        return err == -ENOENT ? "no_such_layout" : err ? "internal" : NULL;
    }
    char error[LAYOUT_ERROR_MAX];
    char *text = json_dumps(file, JSON_COMPACT);
    const int err = text ? layout_parse(out, text, strlen(text), name, error) : -ENOMEM;
    free(text);
    if (err == -EINVAL)
        log_error("layout: %s", error); /* the front has checked it: they differ */
    return err == -EINVAL ? "bad_message" : err ? "internal" : NULL;
}

/* The layout to go to while a screen is shared; NULL: the room stays as it is. */
static struct layout *load_screenshare(const struct layout *chosen, const json_t *file)
{
    const char *name = layout_screenshare(chosen);
    struct layout *l = NULL;
    if (name && room_layout_load(&l, name, file) != NULL)
        log_warn("layout %s: %s, to share screens with, cannot be used", layout_name(chosen), name);
    return l;
}

static struct layout *wanted(const struct mcu_room *r)
{
    const bool is_automatic = r->sharing_count > 0 && !r->is_layout_manual && r->screenshare;
    return is_automatic ? r->screenshare : r->chosen;
}

/* Puts into force what is wanted now. */
static void show(struct mcu_room *r)
{
    struct layout *next = wanted(r);
    if (next == r->layout)
        return;
    r->layout = next;
    room_views_follow(r);
    log_info("layout: %s", layout_name(next));
}

int room_layout_open(struct mcu_room *r)
{
    const char *name = r->config.video.layout;
    r->picture = json_object();
    r->images = json_object();
    int err = r->picture && r->images ? layout_builtin(&r->chosen, name) : -ENOMEM;
    if (err == -ENOENT) /* the front has it, and is about to send it */
        err = layout_builtin(&r->chosen, "grid");
    if (err)
        return err;
    r->screenshare = load_screenshare(r->chosen, NULL);
    r->layout = r->chosen;
    return 0;
}

void room_layout_finish(struct mcu_room *r)
{
    layout_destroy(r->chosen);
    layout_destroy(r->screenshare);
    json_decref(r->picture);
    json_decref(r->images);
    r->layout = r->chosen = r->screenshare = NULL;
    r->picture = r->images = NULL;
}

/* The old ones are used until the new one is in force. */
static void choose(struct mcu_room *r, struct layout *chosen, const json_t *screenshare_file,
                   bool is_reload)
{
    struct layout *old[] = {r->chosen, r->screenshare};
    r->chosen = chosen;
    r->screenshare = load_screenshare(chosen, screenshare_file);
    if (!is_reload)
        r->is_layout_manual = r->sharing_count > 0;
    show(r);
    layout_destroy(old[0]);
    layout_destroy(old[1]);
}

static json_t *patch_of(const json_t *message)
{
    static const char *const keys[] = {"layout", "order", "spotlight", "hideWithoutVideo"};
    json_t *patch = json_object();
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        json_t *value = json_object_get(message, keys[i]);
        if (value)
            json_object_set(patch, keys[i], value);
    }
    return patch;
}

static const char *change(struct mcu_room *r, const json_t *patch, const json_t *message)
{
    char why[MCU_WHY_MAX];
    struct layout *chosen = NULL;
    json_t *file = NULL;
    json_t *screenshare = NULL;
    bool is_reload = false; /* of what was chosen before */
    if (!patch || mcu_picture_check(patch, why) ||
        mcu_json_bool(message, "reload", MCU_JSON_OPTIONAL, &is_reload) ||
        mcu_json_object(message, "file", MCU_JSON_OPTIONAL, &file) ||
        mcu_json_object(message, "screenshare_file", MCU_JSON_OPTIONAL, &screenshare))
        return "bad_message";
    if (json_object_get(patch, "layout")) {
        const char *name = mcu_picture_layout(patch);
        const char *code = room_layout_load(&chosen, name ? name : r->config.video.layout, file);
        if (code)
            return code;
    }
    if (mcu_picture_merge(r->picture, patch)) {
        layout_destroy(chosen);
        return "internal";
    }
    if (chosen)
        choose(r, chosen, screenshare, is_reload);
    place_all(r);
    return NULL;
}

const char *room_layout_set(struct mcu_room *r, const json_t *message, json_t *reply)
{
    json_t *patch = patch_of(message);
    const char *code = change(r, patch, message);
    json_decref(patch);
    if (!code)
        json_object_set_new(reply, "layout", json_string(layout_name(r->layout)));
    return code;
}

/* --- sharing ---------------------------------------------------------------------------------- */

static const struct room_peer *newest_share(const struct mcu_room *r)
{
    const struct room_peer *newest = NULL;
    for (size_t i = 0; i < r->peer_count; i++) {
        const struct room_peer *p = r->peers[i];
        if (p->share_serial && (!newest || p->share_serial > newest->share_serial))
            newest = p;
    }
    return newest;
}

json_t *room_layout_sharing(const struct mcu_room *r)
{
    const struct room_peer *p = newest_share(r);
    return p ? json_string(p->id) : json_null();
}

void room_layout_shares(struct room_peer *p, bool is_sharing)
{
    struct mcu_room *r = p->room;
    if (is_sharing == (p->share_serial != 0))
        return;
    p->share_serial = is_sharing ? ++r->last_share_serial : 0;
    room_layout_place(p);
    if (is_sharing)
        r->sharing_count++;
    else if (--r->sharing_count == 0)
        r->is_layout_manual = false; /* that choice stays; the next share is automatic again */
    show(r);
    room_send_event(r, "layout",
                    json_pack("{s:s,s:o}", "layout", layout_name(r->layout), "sharing",
                              room_layout_sharing(r)));
}
