/* mcu/control_patch.h - patches in JSON: objects of which each key is known and each value has its
 * form. What they are of is said in a table; control_audio.h and control_picture.h have one each.
 *
 * Threads: pure, [any]. */
#ifndef MCU_CONTROL_PATCH_H
#define MCU_CONTROL_PATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { MCU_WHY_MAX = 128 }; /* of a sentence that says what is wrong */

struct mcu_patch_rule {
    const char *key;
    bool (*is_valid)(const json_t *value);
    const char *form;  /* "must be ..." */
    const char *plain; /* JSON of what holds without it; NULL: that is the room's matter */
};

/* Whether patch has only known keys, each with a valid value or null. Returns 0, or -EINVAL with what
 * is wrong in why (MCU_WHY_MAX bytes). */
int mcu_patch_check(const struct mcu_patch_rule *rules, size_t count, const json_t *patch,
                    char *why);

#endif
