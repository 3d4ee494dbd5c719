/* Sounds: from what strangers ask to a command of the room. Front thread. */
#include "signaling/sounds.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "mcu/base/json.h"
#include "mcu/control_audio.h"

enum { FILE_BYTES_MAX = 255, NAME_BYTES_MAX = 64 };

struct pending_sound {
    sig_sound_fn *done;
    void *arg;
    char id[SIG_ID_SIZE];
};

bool sig_sound_file_is_valid(const char *file)
{
    const size_t size = strlen(file);
    if (size == 0 || size > FILE_BYTES_MAX || file[0] == '/' ||
        !mcu_text_is_fit(file, size, 1, size))
        return false;
    for (const char *part = file; part; part = strchr(part, '/')) {
        part += *part == '/';
        const size_t n = strcspn(part, "/");
        if (n == 0 || part[0] == '.') /* empty, ".", "..", hidden */
            return false;
    }
    return true;
}

static bool keys_are_known(const json_t *asked, char *why)
{
    static const char *const known[] = {"name", "file", "to", "loop", "volume", "duck", "submixes"};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)asked, key, value)
    {
        size_t i = 0;
        while (i < sizeof(known) / sizeof(*known) && strcmp(known[i], key) != 0)
            i++;
        if (i == sizeof(known) / sizeof(*known)) {
            snprintf(why, MCU_WHY_MAX, "there is no such field: %.*s",
                     mcu_text_head(key, MCU_NAMED_BYTES_MAX), key);
            return false;
        }
    }
    return true;
}

/* Either a name or a file. */
static int read_what(json_t *command, const json_t *asked, char *why)
{
    char name[NAME_BYTES_MAX + 1] = "";
    char file[FILE_BYTES_MAX + 1] = "";
    if (mcu_json_string(asked, "name", MCU_JSON_OPTIONAL, 1, name, sizeof(name)) ||
        mcu_json_string(asked, "file", MCU_JSON_OPTIONAL, 1, file, sizeof(file)) ||
        !name[0] == !file[0]) {
        snprintf(why, MCU_WHY_MAX, "either name or file is needed");
        return -1;
    }
    if (file[0] && !sig_sound_file_is_valid(file)) {
        snprintf(why, MCU_WHY_MAX, "file: must be a path below audio.sounds_dir");
        return -1;
    }
    return json_object_set_new(command, name[0] ? "name" : "file",
                               json_string(name[0] ? name : file));
}

static int read_how(json_t *command, const json_t *asked, char *why)
{
    bool is_looped = false;
    int64_t volume = 100;
    int64_t duck = 100;
    json_t *submixes = json_object_get(asked, "submixes");
    if (mcu_json_bool(asked, "loop", MCU_JSON_OPTIONAL, &is_looped)) {
        snprintf(why, MCU_WHY_MAX, "loop: must be true or false");
    } else if (mcu_json_int(asked, "volume", MCU_JSON_OPTIONAL, 0, MCU_VOLUME_MAX, &volume)) {
        snprintf(why, MCU_WHY_MAX, "volume: must be a whole number of 0 to 200");
    } else if (mcu_json_int(asked, "duck", MCU_JSON_OPTIONAL, 0, 100, &duck)) {
        snprintf(why, MCU_WHY_MAX, "duck: must be a whole number of 0 to 100");
    } else if (submixes && (!mcu_submix_list_is_valid(submixes) || !json_array_size(submixes))) {
        snprintf(why, MCU_WHY_MAX, "submixes: must be 1 to 16 different names");
    } else {
        json_object_set_new(command, "loop", json_boolean(is_looped));
        json_object_set_new(command, "volume", json_integer(volume));
        json_object_set_new(command, "duck", json_integer(duck));
        if (submixes)
            json_object_set(command, "submixes", submixes);
        return 0;
    }
    return -1;
}

static const struct sig_error *read_whom(json_t *command, const struct sig_room *room,
                                         const json_t *asked)
{
    char user[129] = "";
    if (mcu_json_string(asked, "to", MCU_JSON_OPTIONAL, 1, user, sizeof(user)))
        return sig_error("bad_request");
    const struct sig_member *m = user[0] ? sig_room_find_user(room, user) : NULL;
    if (user[0] && !m)
        return sig_error("no_such_member");
    if (m)
        json_object_set_new(command, "to", json_string(m->peer));
    return NULL;
}

const struct sig_error *sig_sound_read(json_t **out, const struct sig_room *room,
                                       const json_t *asked, char *why)
{
    why[0] = '\0';
    json_t *command = json_pack("{s:s}", "cmd", "sound_start");
    const struct sig_error *error = sig_error("bad_request");
    if (keys_are_known(asked, why) && read_what(command, asked, why) == 0 &&
        read_how(command, asked, why) == 0)
        error = read_whom(command, room, asked);
    if (error)
        json_decref(command);
    else
        *out = command;
    return error;
}

static void on_reply(void *arg, const json_t *reply)
{
    struct pending_sound *p = arg;
    const struct sig_error *error = sig_error_of_reply(reply);
    p->done(p->arg, error ? NULL : p->id, error);
    free(p);
}

/* Steals command. */
static const struct sig_error *send(struct sig_room *room, json_t *command, const char *id,
                                    sig_sound_fn *done, void *arg)
{
    struct pending_sound *p = calloc(1, sizeof(*p));
    if (!p) {
        json_decref(command);
        return sig_error("too_busy");
    }
    p->done = done;
    p->arg = arg;
    snprintf(p->id, sizeof(p->id), "%s", id);
    json_object_set_new(command, "id", json_string(id));
    if (sig_room_command(room, command, on_reply, p) == 0)
        return NULL;
    free(p);
    return sig_error("room_restarted");
}

const struct sig_error *sig_sound_start(struct sig_room *room, json_t *command, sig_sound_fn *done,
                                        void *arg)
{
    char id[SIG_ID_SIZE];
    sig_id_make(id, sizeof(id));
    return send(room, command, id, done, arg);
}

const struct sig_error *sig_sound_stop(struct sig_room *room, const char *id, sig_sound_fn *done,
                                       void *arg)
{
    return send(room, json_pack("{s:s}", "cmd", "sound_stop"), id, done, arg);
}
