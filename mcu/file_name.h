/* mcu/file_name.h - names of recordings, made from a template that the settings have.
 *
 * A template is letters, digits, `-`, `_` and {room} {id} {date} {time} {ms}. What comes out is one
 * name without a dot or a slash: it can neither leave its folder nor be hidden in it. Pure. */
#ifndef MCU_FILE_NAME_H
#define MCU_FILE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MCU_FILE_NAME_MAX = 200 }; /* bytes, as file systems have 255 and parts and ends are added */

struct mcu_file_name {
    const char *room; /* bytes that a name may not have become `_` */
    const char *id;
    int64_t at_ms; /* {date} {time} {ms} of this, in UTC */
};

bool mcu_file_template_is_valid(const char *template);

/* Fills out, which has MCU_FILE_NAME_MAX + 1 bytes. Returns 0, -EINVAL (not a template) or
 * -ENAMETOOLONG. */
int mcu_file_name(char *out, const char *template, const struct mcu_file_name *values);

#endif
