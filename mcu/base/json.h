/* mcu/base/json.h - reading JSON from strangers: strict getters over jansson.
 *
 * Every getter looks up key in object and writes *out only when the value is there, has the right
 * type and is within bounds. Presence says what a missing (or null) member means: REQUIRED makes it
 * -ENOENT, OPTIONAL leaves *out as it was and returns 0. A value of the wrong type or out of bounds
 * is -EINVAL, and so is an object that is not an object. jansson has checked the UTF-8.
 *
 * Threads: pure functions, [any]. */
#ifndef MCU_BASE_JSON_H
#define MCU_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MCU_NAMED_BYTES_MAX = 40 }; /* of a key that nobody knows, in the error that names it */

enum mcu_json_presence {
    MCU_JSON_REQUIRED,
    MCU_JSON_OPTIONAL,
};

/* Parses one JSON object: no duplicate keys, no NUL, nothing after it. The caller owns *out.
 * Returns 0, -EBADMSG or -ENOMEM. */
int mcu_json_parse(json_t **out, const char *text, size_t size);

/* The value's bytes (a view, NUL-terminated, that lives as long as object), max_bytes at most. May
 * hold line ends: for SDP and the like. size may be NULL. */
int mcu_json_view(const json_t *object, const char *key, enum mcu_json_presence presence,
                  size_t max_bytes, const char **out, size_t *size);

/* A copy of a string of min_bytes to size - 1 bytes into out. */
int mcu_json_string(const json_t *object, const char *key, enum mcu_json_presence presence,
                    size_t min_bytes, char *out, size_t size);

/* A copy of words for people: min_chars to max_chars Unicode characters without control characters
 * (C0, DEL, C1) and without line separators or direction overrides, and not only spaces when
 * min_chars is not 0. out needs 4 * max_chars + 1 bytes. */
int mcu_json_text(const json_t *object, const char *key, enum mcu_json_presence presence,
                  size_t min_chars, size_t max_chars, char *out, size_t size);

/* A JSON integer (not 1.0) of min to max. */
int mcu_json_int(const json_t *object, const char *key, enum mcu_json_presence presence,
                 int64_t min, int64_t max, int64_t *out);

/* A number, whole or not, of min to max. */
int mcu_json_number(const json_t *object, const char *key, enum mcu_json_presence presence,
                    double min, double max, double *out);

int mcu_json_bool(const json_t *object, const char *key, enum mcu_json_presence presence,
                  bool *out);

/* Borrowed: lives as long as object. */
int mcu_json_object(const json_t *object, const char *key, enum mcu_json_presence presence,
                    json_t **out);
int mcu_json_array(const json_t *object, const char *key, enum mcu_json_presence presence,
                   size_t max_items, json_t **out);

/* How many bytes of text, most at most, are whole characters: for "%.*s" of a stranger's words that
 * go back to him as JSON, which has no place for half of one. */
int mcu_text_head(const char *text, int most);

/* A text already in hand, by the rule of mcu_json_text. */
bool mcu_text_is_fit(const char *text, size_t size, size_t min_chars, size_t max_chars);

#endif
