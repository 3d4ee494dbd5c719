/* mcu/base/embed.h - files compiled into the program by tools/embed.sh: layouts, web page, sounds. */
#ifndef MCU_BASE_EMBED_H
#define MCU_BASE_EMBED_H

#include <stddef.h>

struct mcu_embedded {
    const char *name; /* path below its folder, "grid.json"; NULL ends a table */
    const unsigned char *data; /* a zero byte follows it */
    const unsigned char *end;
};

extern const struct mcu_embedded mcu_layout_files[]; /* layouts/NAME.json */
extern const struct mcu_embedded mcu_web_files[];    /* web/dist/... */
extern const struct mcu_embedded mix_sound_files[];  /* mixer/sounds/NAME.opus */

#endif
