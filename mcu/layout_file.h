/* mcu/layout_file.h - a layout by its built-in name or from a file. */
#ifndef MCU_LAYOUT_FILE_H
#define MCU_LAYOUT_FILE_H

#include "layouts/layout.h"

enum { MCU_LAYOUT_FILE_BYTES_MAX = 256 * 1024 };

/* word is a built-in name ("grid") or a path (with a '/' or ending in ".json"). The caller owns *out.
 * Returns 0, or an exit status (1 cannot be read, 2 is wrong) with the reason on standard error. */
int mcu_layout_load(struct layout **out, const char *word);

#endif
