/* Settings as JSON, for room processes: {section: {key: value}}. Secrets stay with the
 * front, save those that rooms need. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "mcu/config_internal.h"

static json_t *list_to_json(const struct mcu_config_list *list)
{
    json_t *array = json_array();
    for (uint32_t i = 0; array && i < list->count; i++) {
        if (json_array_append_new(array, json_string(list->item[i]))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *value_to_json(const struct mcu_config *c, const struct config_row *row)
{
    const void *value = config_value(c, row);
    switch (row->type) {
    case CONFIG_INT:
        return json_integer(*(const uint32_t *)value);
    case CONFIG_BOOL:
        return json_boolean(*(const bool *)value);
    case CONFIG_TEXT:
        return json_string(value);
    case CONFIG_LIST:
        return list_to_json(value);
    }
    return NULL;
}

static json_t *section_of(json_t *root, const char *name)
{
    json_t *section = json_object_get(root, name);
    if (section)
        return section;
    section = json_object();
    return json_object_set_new(root, name, section) ? NULL : section;
}

json_t *mcu_config_to_json(const struct mcu_config *c)
{
    json_t *root = json_object();
    for (size_t i = 0; root && i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        if (row->is_secret && !row->is_for_rooms)
            continue;
        json_t *section = section_of(root, row->section);
        if (!section || json_object_set_new(section, row->key, value_to_json(c, row))) {
            json_decref(root);
            return NULL;
        }
    }
    return root;
}

static int set_list(struct mcu_config *c, const struct config_row *row, const json_t *value,
                    char *why)
{
    struct mcu_config_list *list = config_field(c, row);
    list->count = 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *item = json_string_value(json_array_get(value, i));
        if (!item) {
            snprintf(why, MCU_CONFIG_ERROR_MAX, "needs strings");
            return -EINVAL;
        }
        const int err = config_add(c, row, item, why);
        if (err)
            return err;
    }
    return 0;
}

static int set_value(struct mcu_config *c, const struct config_row *row, const json_t *value,
                     char *why)
{
    char text[32];
    if (row->type == CONFIG_INT && json_is_integer(value)) {
        snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return config_set(c, row, text, why);
    }
    if (row->type == CONFIG_BOOL && json_is_boolean(value))
        return config_set(c, row, json_is_true(value) ? "true" : "false", why);
    if (row->type == CONFIG_TEXT && json_is_string(value))
        return config_set(c, row, json_string_value(value), why);
    if (row->type == CONFIG_LIST && json_is_array(value))
        return set_list(c, row, value, why);
    snprintf(why, MCU_CONFIG_ERROR_MAX, "has the wrong type");
    return -EINVAL;
}

static int set_section(struct mcu_config *c, const char *name, json_t *section, char *error)
{
    const char *key;
    json_t *value;
    if (!json_is_object(section)) {
        snprintf(error, MCU_CONFIG_ERROR_MAX, "%.64s: not an object of settings", name);
        config_one_line(error);
        return -EINVAL;
    }
    json_object_foreach(section, key, value)
    {
        char why[MCU_CONFIG_ERROR_MAX];
        const struct config_row *row = config_find(name, key);
        if (!row || (row->is_secret && !row->is_for_rooms)) {
            snprintf(error, MCU_CONFIG_ERROR_MAX, "%.64s.%.64s: unknown setting", name, key);
            config_one_line(error);
            return -EINVAL;
        }
        const int err = set_value(c, row, value, why);
        if (err) {
            snprintf(error, MCU_CONFIG_ERROR_MAX, "%s.%s: %.360s", name, key, why);
            return err;
        }
    }
    return 0;
}

int mcu_config_from_json(struct mcu_config *c, const json_t *json, char *error)
{
    struct mcu_config copy = *c;
    const char *name;
    json_t *section;
    if (!json_is_object(json)) {
        snprintf(error, MCU_CONFIG_ERROR_MAX, "settings: not an object of sections");
        return -EINVAL;
    }
    /* jansson's foreach wants a json_t that is not const; it changes nothing. */
    json_object_foreach((json_t *)(uintptr_t)json, name, section)
    {
        const int err = set_section(&copy, name, section, error);
        if (err)
            return err;
    }
    const int err = config_check(&copy, error);
    if (err)
        return err;
    *c = copy;
    return 0;
}
