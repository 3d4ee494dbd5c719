/* Sounds that are played into a room: asked for, loaded by the clip loader, played by the mixer.
 * [ctl].
 *
 *     start ──▶ loader ──▶ ROOM_EVENT_CLIP ──▶ mixer ──▶ on_sound_end ──▶ housekeep ──▶ `sound`
 * event
 *
 * A place in r->sounds is known to [tick] by a serial that is never used again: serial modulo the
 * number of places is the place, so what ends late ends nothing that came after it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mcu/base/json.h"
#include "mcu/base/log.h"
#include "mcu/room_internal.h"

enum { FILE_MAX = 256, NAME_MAX_BYTES = 64 };

static struct room_sound *find(struct mcu_room *r, const char *id)
{
    for (size_t i = 0; *id && i < MIX_SOUNDS_MAX; i++) {
        if (strcmp(r->sounds[i].id, id) == 0)
            return &r->sounds[i];
    }
    return NULL;
}

/* The next free place; its serial leads to it. */
static struct room_sound *take_place(struct mcu_room *r)
{
    for (size_t i = 0; i < MIX_SOUNDS_MAX; i++) {
        const uint32_t serial = ++r->last_sound;
        struct room_sound *s = &r->sounds[serial % MIX_SOUNDS_MAX];
        if (s->id[0])
            continue;
        s->serial = serial;
        return s;
    }
    return NULL;
}

static void give_up(struct mcu_room *r, struct room_sound *s)
{
    mcu_studio_stop_sound(r->studio, s->sound);
    json_decref(s->about);
    *s = (struct room_sound){.id = ""};
}

static void over(struct mcu_room *r, struct room_sound *s, const char *state)
{
    room_send_event(r, "sound", json_pack("{s:s,s:s}", "id", s->id, "state", state));
    give_up(r, s);
}

/* --- loading --- */

static void on_loaded(void *ctx, const char *id, struct mix_clip *clip, int err)
{
    const struct room_event event = {.kind = ROOM_EVENT_CLIP, .clip = clip, .error = err};
    if (!room_post(ctx, &event, id))
        mix_clip_unref(clip);
}

static bool is_builtin(const char *name)
{
    char known[NAME_MAX_BYTES];
    for (size_t i = 0; mix_clip_builtin_name(i, known, sizeof(known)); i++) {
        if (strcmp(known, name) == 0)
            return true;
    }
    return false;
}

/* Asks the loader for the clip. Returns a code, or NULL. */
static const char *ask(struct mcu_room *r, const char *id, const char *name, const char *file)
{
    const uint32_t channels = r->config.audio.original ? 2 : r->config.audio.channels;
    if (!r->loader && mcu_clip_loader_create(&r->loader, channels, on_loaded, r) < 0)
        return "internal";
    if (name[0] && !is_builtin(name))
        return "no_such_sound";
    if (!name[0] && !r->config.audio.sounds_dir[0])
        return "no_such_file";
    const int fd = name[0] ? -1 : mcu_clip_open_below(r->config.audio.sounds_dir, file);
    if (!name[0] && fd < 0) {
        log_warn("sound %s cannot be opened: %s", file, strerror(-fd));
        return "no_such_file";
    }
    if (mcu_clip_loader_ask(r->loader, id, name[0] ? name : NULL, fd) == 0)
        return NULL;
    if (fd >= 0)
        close(fd);
    return "too_many_sounds";
}

/* --- starting and stopping --- */

struct wish {
    char id[ROOM_SOUND_ID_MAX];
    char name[NAME_MAX_BYTES];
    char file[FILE_MAX];
    char to[ROOM_TEXT_MAX];
    bool is_looped;
    int64_t volume, duck;
    json_t *submixes; /* borrowed; NULL: the floor */
};

static int read_wish(struct wish *w, const json_t *m)
{
    w->volume = w->duck = 100;
    w->submixes = json_object_get(m, "submixes");
    if (mcu_json_string(m, "id", MCU_JSON_REQUIRED, 1, w->id, sizeof(w->id)) ||
        mcu_json_string(m, "name", MCU_JSON_OPTIONAL, 1, w->name, sizeof(w->name)) ||
        mcu_json_string(m, "file", MCU_JSON_OPTIONAL, 1, w->file, sizeof(w->file)) ||
        mcu_json_string(m, "to", MCU_JSON_OPTIONAL, 1, w->to, sizeof(w->to)) ||
        mcu_json_bool(m, "loop", MCU_JSON_OPTIONAL, &w->is_looped) ||
        mcu_json_int(m, "volume", MCU_JSON_OPTIONAL, 0, MCU_VOLUME_MAX, &w->volume) ||
        mcu_json_int(m, "duck", MCU_JSON_OPTIONAL, 0, 100, &w->duck))
        return -EINVAL;
    if (!w->name[0] == !w->file[0] || (w->submixes && !mcu_submix_list_is_valid(w->submixes)))
        return -EINVAL;
    return 0;
}

static int find_buses(struct mcu_room *r, const json_t *submixes, uint32_t *buses)
{
    size_t i;
    json_t *name;
    *buses = submixes ? 0 : 1;
    json_array_foreach((json_t *)submixes, i, name)
    {
        const int bus = room_submix_bus(r, json_string_value(name), NULL, NULL);
        if (bus < 0)
            return bus;
        *buses |= 1u << bus;
    }
    return 0;
}

static json_t *describe(struct mcu_room *r, const struct wish *w)
{
    const struct room_peer *to = w->to[0] ? room_find_peer(r, w->to) : NULL;
    const bool is_named = w->name[0];
    json_t *floor = json_pack("[s]", MCU_FLOOR);
    json_t *about =
        json_pack("{s:s,s:s,s:s?,s:b,s:I,s:I,s:O}", "id", w->id, is_named ? "name" : "file",
                  is_named ? w->name : w->file, "to", to ? to->user : NULL, "loop", w->is_looped,
                  "volume", (json_int_t)w->volume, "duck", (json_int_t)w->duck, "submixes",
                  w->submixes ? w->submixes : floor);
    json_decref(floor);
    return about;
}

static const char *start(struct mcu_room *r, const struct wish *w)
{
    if (find(r, w->id))
        return "bad_message";
    if (w->to[0] && !room_find_peer(r, w->to))
        return "no_such_peer";
    struct room_sound *s = take_place(r);
    if (!s)
        return "too_many_sounds";
    snprintf(s->id, sizeof(s->id), "%s", w->id);
    snprintf(s->to, sizeof(s->to), "%s", w->to);
    s->about = describe(r, w); /* from here on its submixes are in use */
    const char *code = find_buses(r, w->submixes, &s->buses) < 0 ? "too_many_submixes" : NULL;
    if (!code)
        code = ask(r, w->id, w->name, w->file);
    if (code)
        give_up(r, s);
    return code;
}

const char *room_sound_start(struct mcu_room *r, const json_t *message)
{
    struct wish w = {.id = ""};
    if (read_wish(&w, message) < 0)
        return "bad_message";
    return start(r, &w);
}

void room_sound_play_own(struct mcu_room *r, const char *name, uint32_t volume)
{
    for (size_t i = 0; i < MIX_SOUNDS_MAX; i++) {
        const char *other = json_string_value(json_object_get(r->sounds[i].about, "name"));
        if (other && strcmp(other, name) == 0)
            return;
    }
    struct wish w = {.volume = volume, .duck = 100};
    snprintf(w.id, sizeof(w.id), "room-%u", r->last_sound + 1);
    snprintf(w.name, sizeof(w.name), "%s", name);
    const char *code = start(r, &w);
    if (code)
        log_warn("the sound %s is not played: %s", name, code);
}

static float factor(const struct room_sound *s, const char *key)
{
    return (float)json_integer_value(json_object_get(s->about, key)) / 100.0f;
}

static int play(struct mcu_room *r, struct room_sound *s, struct mix_clip *clip)
{
    const struct room_peer *to = s->to[0] ? room_find_peer(r, s->to) : NULL;
    if (s->to[0] && !to)
        return -ENODEV; /* left meanwhile */
    const struct mcu_sound_conf conf = {
        .clip = clip,
        .to = to ? to->seat : NULL,
        .buses = s->buses,
        .gain = factor(s, "volume"),
        .duck_gain = factor(s, "duck"),
        .is_looped = json_is_true(json_object_get(s->about, "loop")),
        .sound_ctx = (void *)(uintptr_t)s->serial,
    };
    return mcu_studio_play_sound(r->studio, &s->sound, &conf);
}

void room_sound_loaded(struct mcu_room *r, const struct room_event *e)
{
    struct room_sound *s = find(r, e->text);
    if (s && !s->sound) {
        const int err = e->clip ? play(r, s, e->clip) : e->error;
        if (err) {
            log_warn("sound %s cannot be played: %s", s->id, strerror(-err));
            over(r, s, "failed");
        }
    }
    mix_clip_unref(e->clip);
}

const char *room_sound_stop(struct mcu_room *r, const char *id)
{
    struct room_sound *s = find(r, id);
    if (!s)
        return "no_such_sound";
    over(r, s, "ended");
    return NULL;
}

json_t *room_sound_list(const struct mcu_room *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < MIX_SOUNDS_MAX; i++) {
        const struct room_sound *s = &r->sounds[i];
        if (!s->id[0])
            continue;
        json_t *one = json_copy(s->about);
        json_object_set_new(one, "state", json_string(s->sound ? "playing" : "loading"));
        json_array_append_new(list, one);
    }
    return list;
}

void room_sounds_housekeep(struct mcu_room *r)
{
    for (size_t i = 0; i < MIX_SOUNDS_MAX; i++) {
        struct room_sound *s = &r->sounds[i];
        if (s->id[0] && s->sound && atomic_load(&r->ended_sounds[i]) == s->serial)
            over(r, s, "ended");
    }
}

void room_sounds_finish(struct mcu_room *r)
{
    mcu_clip_loader_destroy(r->loader);
    r->loader = NULL;
    for (size_t i = 0; i < MIX_SOUNDS_MAX; i++) {
        if (r->sounds[i].id[0])
            give_up(r, &r->sounds[i]);
    }
}
