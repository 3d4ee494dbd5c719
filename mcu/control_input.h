/* mcu/control_input.h - an outside source as JSON: what REST takes and the room gets.
 *
 *   {url: "rtmp://..."} or {file: "clips/a.mp4"}, and loop?, paused?, position? (seconds; files)
 *
 * Threads: pure, [any]. */
#ifndef MCU_CONTROL_INPUT_H
#define MCU_CONTROL_INPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "recorder/guard.h"

enum { MCU_INPUT_WHY_MAX = 160 };

#define MCU_INPUT_POSITION_MAX_S 1e6

struct mcu_input {
    char url[GUARD_URL_MAX];       /* "": the file */
    char file[GUARD_FILE_MAX];     /* "": the URL */
    char masked[GUARD_MASKED_MAX]; /* what may be told of it */
    bool is_looped;
    bool is_paused;
    int64_t position_us;
};

/* Playback controls; what is not said stays. */
struct mcu_input_change {
    bool has_loop, has_paused, has_position;
    bool is_looped, is_paused;
    int64_t position_us;
};

/* Reads one, strictly. Returns 0, or -EINVAL with what is wrong in why (MCU_INPUT_WHY_MAX bytes;
 * never a part of a URL). */
int mcu_input_read(struct mcu_input *out, const json_t *json, char *why);

/* Reads {loop?, paused?, position?}, other fields are not looked at. */
int mcu_input_change_read(struct mcu_input_change *out, const json_t *json, char *why);

#endif
