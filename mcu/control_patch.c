/* Patches by a table; see control_patch.h. */
#include "mcu/control_patch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mcu/base/json.h"

static const struct mcu_patch_rule *find_rule(const struct mcu_patch_rule *rules, size_t count,
                                              const char *key)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rules[i].key, key) == 0)
            return &rules[i];
    }
    return NULL;
}

int mcu_patch_check(const struct mcu_patch_rule *rules, size_t count, const json_t *patch,
                    char *why)
{
    const char *key;
    json_t *value;
    snprintf(why, MCU_WHY_MAX, "an object is needed");
    if (!json_is_object(patch))
        return -EINVAL;
    json_object_foreach((json_t *)patch, key, value)
    {
        const struct mcu_patch_rule *rule = find_rule(rules, count, key);
        if (!rule) {
            snprintf(why, MCU_WHY_MAX, "there is no such setting: %.*s",
                     mcu_text_head(key, MCU_NAMED_BYTES_MAX), key);
            return -EINVAL;
        }
        if (!json_is_null(value) && !rule->is_valid(value)) {
            snprintf(why, MCU_WHY_MAX, "%s: must be %s", key, rule->form);
            return -EINVAL;
        }
    }
    why[0] = '\0';
    return 0;
}
