/* Patches of a room's picture; see control_picture.h. */
#include "mcu/control_picture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mcu/base/json.h"

enum { USER_BYTES_MAX = 256 };

bool mcu_layout_name_is_valid(const char *name)
{
    const size_t size = strlen(name);
    return size >= 1 && size <= MCU_LAYOUT_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

/* --- what a value may be ---------------------------------------------------------------------- */

static bool is_layout(const json_t *value)
{
    const char *name = json_string_value(value);
    return name && strlen(name) == json_string_length(value) && mcu_layout_name_is_valid(name);
}

static bool is_user(const json_t *value)
{
    const char *user = json_string_value(value);
    const size_t size = json_string_length(value);
    return user && size <= USER_BYTES_MAX && strlen(user) == size &&
           mcu_text_is_fit(user, size, 1, size);
}

static bool is_order(const json_t *value)
{
    if (!json_is_array(value) || json_array_size(value) > MCU_ORDER_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!is_user(json_array_get(value, i)))
            return false;
        for (size_t j = 0; j < i; j++) {
            if (json_equal(json_array_get(value, i), json_array_get(value, j)))
                return false;
        }
    }
    return true;
}

static bool is_flag(const json_t *value)
{
    return json_is_boolean(value);
}

static const struct mcu_patch_rule choices[] = {
    {"layout", is_layout, "a name of 1 to 64 of a-z 0-9 -", NULL},
    {"order", is_order, "at most 200 different users", NULL},
    {"spotlight", is_user, "a user, or null", NULL},
    {"hideWithoutVideo", is_flag, "true or false", NULL},
};

enum { CHOICES = sizeof(choices) / sizeof(choices[0]) };

int mcu_picture_check(const json_t *patch, char *why)
{
    return mcu_patch_check(choices, CHOICES, patch, why);
}

/* --- merging and reading ---------------------------------------------------------------------- */

/* As if nobody had said anything. */
static bool is_plain(const json_t *value)
{
    return json_is_null(value) || json_is_false(value) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

int mcu_picture_merge(json_t *state, const json_t *patch)
{
    json_t *next = json_copy(state); /* shallow: values are replaced, never changed */
    const char *key;
    json_t *value;
    int err = next ? 0 : -ENOMEM;
    if (!err) {
        json_object_foreach((json_t *)patch, key, value)
        {
            if (is_plain(value))
                json_object_del(next, key);
            else if (json_object_set(next, key, value))
                err = -ENOMEM;
        }
    }
    if (!err) {
        json_object_clear(state);
        json_object_update(state, next);
    }
    json_decref(next);
    return err;
}

const char *mcu_picture_layout(const json_t *state)
{
    return json_string_value(json_object_get(state, "layout"));
}

const char *mcu_picture_spotlight(const json_t *state)
{
    return json_string_value(json_object_get(state, "spotlight"));
}

bool mcu_picture_hides(const json_t *state)
{
    return json_is_true(json_object_get(state, "hideWithoutVideo"));
}

int mcu_picture_place(const json_t *state, const char *user)
{
    const json_t *order = json_object_get(state, "order");
    for (size_t i = 0; i < json_array_size(order); i++) {
        if (strcmp(json_string_value(json_array_get(order, i)), user) == 0)
            return (int)i;
    }
    return -1;
}
