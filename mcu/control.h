/* mcu/control.h - control messages: the one boundary between the front and a room process.
 *
 * JSON objects, one a line (LF), at most MCU_CONTROL_LINE_MAX bytes, over a UNIX stream socket on
 * which the room listens; the newest connection is the front. docs/control.md lists the messages.
 * This header has the codec of lines and of session descriptions; both sides share it. */
#ifndef MCU_CONTROL_H
#define MCU_CONTROL_H

#include <jansson.h>
#include <stddef.h>

#include "mcu/base/desc.h"

enum { MCU_CONTROL_LINE_MAX = 1024 * 1024 };

/* Splits a byte stream into lines and parses each. Zero-initialised is ready; finish frees. */
struct mcu_control_reader {
    char *data;
    size_t size;
    size_t capacity;
    size_t start; /* of the first line not yet taken */
};

/* Adds bytes read from the socket. Returns 0, -EMSGSIZE (a line is too long: close the connection)
 * or -ENOMEM. */
int mcu_control_feed(struct mcu_control_reader *r, const void *data, size_t size);

/* The next whole message: 1 with *out (caller owns), 0 when there is none, -EBADMSG when a line is
 * not a JSON object: close the connection. */
int mcu_control_next(struct mcu_control_reader *r, json_t **out);

void mcu_control_reader_finish(struct mcu_control_reader *r);

/* A message as one line with its LF; the caller frees it. NULL: no memory. Steals nothing. */
char *mcu_control_line(const json_t *message, size_t *size);

/* A description as JSON (caller owns), and back. from_json is strict: bounds, types, ranges; returns
 * 0 or -EINVAL. */
json_t *mcu_desc_to_json(const struct mcu_desc *desc);
int mcu_desc_from_json(struct mcu_desc *desc, const json_t *json);

#endif
