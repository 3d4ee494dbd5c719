/* Outside sources; see control_input.h. Everything is checked by the front, which tells the caller
 * what is wrong, and again by the room. */
#include "mcu/control_input.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "mcu/base/clock.h"
#include "mcu/base/json.h"

static int fail(char *why, const char *words)
{
    snprintf(why, MCU_INPUT_WHY_MAX, "%s", words);
    return -EINVAL;
}

static int read_flag(const json_t *json, const char *key, bool *has, bool *value, char *why)
{
    *has = json_object_get(json, key) != NULL;
    if (!mcu_json_bool(json, key, MCU_JSON_OPTIONAL, value))
        return 0;
    snprintf(why, MCU_INPUT_WHY_MAX, "%s: must be true or false", key);
    return -EINVAL;
}

int mcu_input_change_read(struct mcu_input_change *out, const json_t *json, char *why)
{
    struct mcu_input_change c = {0};
    const json_t *position = json_object_get(json, "position");
    if (read_flag(json, "loop", &c.has_loop, &c.is_looped, why) ||
        read_flag(json, "paused", &c.has_paused, &c.is_paused, why))
        return -EINVAL;
    if (position) {
        const double s = json_is_number(position) ? json_number_value(position) : -1.0;
        if (!isfinite(s) || s < 0.0 || s > MCU_INPUT_POSITION_MAX_S)
            return fail(why, "position: must be seconds from the beginning");
        c.has_position = true;
        c.position_us = (int64_t)(s * (double)MCU_US_PER_S);
    }
    *out = c;
    return 0;
}

static int read_source(struct mcu_input *out, const json_t *json, char *why)
{
    const bool has_url = json_object_get(json, "url"), has_file = json_object_get(json, "file");
    const char *wrong = NULL;
    if (has_url == has_file)
        return fail(why, "url or file: one of them is needed");
    if (has_file) {
        if (mcu_json_string(json, "file", MCU_JSON_REQUIRED, 1, out->file, sizeof(out->file)))
            return fail(why, "file: must be a name of 1 to 511 bytes");
        snprintf(out->masked, sizeof(out->masked), "%.*s", GUARD_MASKED_MAX - 1, out->file);
        return guard_check_file(out->file, &wrong) ? fail(why, wrong) : 0;
    }
    struct guard_url url;
    if (mcu_json_string(json, "url", MCU_JSON_REQUIRED, 1, out->url, sizeof(out->url)))
        return fail(why, "url: must be a text of 1 to 2047 bytes");
    if (guard_parse_url(&url, out->url, GUARD_INPUT, &wrong))
        return fail(why, wrong);
    memcpy(out->masked, url.masked, sizeof(out->masked));
    return 0;
}

static int check_keys(const json_t *json, char *why)
{
    static const char *const names[] = {"url", "file", "loop", "paused", "position"};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)json, key, value)
    {
        size_t i = 0;
        while (i < sizeof(names) / sizeof(names[0]) && strcmp(names[i], key) != 0)
            i++;
        if (i == sizeof(names) / sizeof(names[0])) {
            snprintf(why, MCU_INPUT_WHY_MAX, "there is no such field: %.*s",
                     mcu_text_head(key, MCU_NAMED_BYTES_MAX), key);
            return -EINVAL;
        }
    }
    return 0;
}

int mcu_input_read(struct mcu_input *out, const json_t *json, char *why)
{
    struct mcu_input in = {.url = ""};
    struct mcu_input_change how;
    why[0] = '\0';
    if (!json_is_object(json))
        return fail(why, "an object is needed");
    if (check_keys(json, why) || read_source(&in, json, why) ||
        mcu_input_change_read(&how, json, why))
        return -EINVAL;
    if (in.url[0] && (how.has_loop || how.has_position))
        return fail(why, "loop, position: only of files");
    in.is_looped = how.is_looped;
    in.is_paused = how.is_paused;
    in.position_us = how.position_us;
    *out = in;
    return 0;
}
