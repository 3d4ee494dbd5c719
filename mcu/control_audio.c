/* Patches of a member's sound; see control_audio.h. */
#include "mcu/control_audio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mcu/base/json.h"

enum { USER_BYTES_MAX = 256 };

bool mcu_submix_name_is_valid(const char *name)
{
    return mcu_text_is_fit(name, strlen(name), 1, MCU_SUBMIX_CHARS_MAX);
}

/* --- what a value may be ---------------------------------------------------------------------- */

static bool is_percent(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 0 &&
           json_integer_value(value) <= MCU_VOLUME_MAX;
}

static bool is_flag(const json_t *value)
{
    return json_is_boolean(value);
}

static bool is_pan(const json_t *value)
{
    return json_is_number(value) && json_number_value(value) >= -1 && json_number_value(value) <= 1;
}

static bool are_volumes(const json_t *value)
{
    const char *user;
    json_t *percent;
    if (!json_is_object(value) || json_object_size(value) > MCU_VOLUMES_MAX)
        return false;
    json_object_foreach((json_t *)value, user, percent)
    {
        const size_t size = strlen(user);
        if (size > USER_BYTES_MAX || !mcu_text_is_fit(user, size, 1, size) || !is_percent(percent))
            return false;
    }
    return true;
}

static bool are_heard(const json_t *value)
{
    const char *name;
    json_t *percent;
    if (!json_is_object(value) || json_object_size(value) > MCU_SUBMIXES_MAX)
        return false;
    json_object_foreach((json_t *)value, name, percent)
    {
        if (!mcu_submix_name_is_valid(name) || !is_percent(percent))
            return false;
    }
    return true;
}

static bool is_twice(const json_t *list, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (json_equal(json_array_get(list, i), json_array_get(list, j)))
            return true;
    }
    return false;
}

bool mcu_submix_list_is_valid(const json_t *list)
{
    size_t i;
    json_t *name;
    if (!json_is_array(list) || json_array_size(list) > MCU_SUBMIXES_MAX)
        return false;
    json_array_foreach((json_t *)list, i, name)
    {
        const char *text = json_string_value(name);
        if (!text || strlen(text) != json_string_length(name) || !mcu_submix_name_is_valid(text) ||
            is_twice(list, i))
            return false;
    }
    return true;
}

static const struct mcu_patch_rule settings[] = {
    {"volume", is_percent, "a whole number of 0 to 200", "100"},
    {"deaf", is_flag, "true or false", "false"},
    {"original", is_flag, "true or false", NULL},
    {"levelling", is_flag, "true or false", NULL},
    {"noiseSuppression", is_flag, "true or false", NULL},
    {"pan", is_pan, "a number of -1 to 1", NULL},
    {"volumes", are_volumes, "at most 64 users, each with a whole number of 0 to 200", "{}"},
    {"hears", are_heard, "at most 16 submixes, each with a whole number of 0 to 200",
     "{\"" MCU_FLOOR "\":100}"},
    {"speaksTo", mcu_submix_list_is_valid, "at most 16 different names of submixes",
     "[\"" MCU_FLOOR "\"]"},
};

enum { SETTINGS = sizeof(settings) / sizeof(settings[0]) };

int mcu_audio_check(const json_t *patch, char *why)
{
    return mcu_patch_check(settings, SETTINGS, patch, why);
}

/* --- merging ---------------------------------------------------------------------------------- */

/* Volumes of 100 are as if nobody had said anything. */
static int merge_volumes(json_t *state, const json_t *patch)
{
    json_t *volumes = json_object_get(state, "volumes");
    volumes = volumes ? json_copy(volumes) : json_object();
    const char *user;
    json_t *percent;
    json_object_foreach((json_t *)patch, user, percent)
    {
        if (json_integer_value(percent) == 100)
            json_object_del(volumes, user);
        else
            json_object_set(volumes, user, percent);
    }
    const int err = json_object_size(volumes) > MCU_VOLUMES_MAX ? -ENOSPC : 0;
    if (!err)
        json_object_set(state, "volumes", volumes);
    json_decref(volumes);
    return err;
}

static int merge_one(json_t *state, const char *key, json_t *value)
{
    if (json_is_null(value)) {
        json_object_del(state, key);
        return 0;
    }
    if (strcmp(key, "volumes") == 0)
        return merge_volumes(state, value);
    return json_object_set(state, key, value) ? -ENOMEM : 0;
}

static void drop_plain(json_t *state)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        json_t *value = json_object_get(state, settings[i].key);
        json_t *plain = value && settings[i].plain
                            ? json_loads(settings[i].plain, JSON_DECODE_ANY, NULL)
                            : NULL;
        if (plain && json_equal(value, plain))
            json_object_del(state, settings[i].key);
        json_decref(plain);
    }
}

int mcu_audio_merge(json_t *state, const json_t *patch)
{
    json_t *next = json_copy(state); /* shallow: values are replaced, never changed */
    const char *key;
    json_t *value;
    int err = next ? 0 : -ENOMEM;
    if (!err) {
        json_object_foreach((json_t *)patch, key, value)
        {
            if (!err)
                err = merge_one(next, key, value);
        }
    }
    if (!err) {
        drop_plain(next);
        json_object_clear(state);
        json_object_update(state, next);
    }
    json_decref(next);
    return err;
}
