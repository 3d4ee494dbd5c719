/* layouts/check.h - strict reading of JSON values, with the path of each in errors; inside this
 * folder only. Every function returns 0 or -EINVAL after it has filled the checker's error. */
#ifndef LAYOUTS_CHECK_H
#define LAYOUTS_CHECK_H

#include <jansson.h>
#include <stdint.h>

#include "layouts/model.h"

struct checker {
    const char *origin;
    char *error; /* LAYOUT_ERROR_MAX bytes or NULL */
};

/* A place in the document: a chain on the stack, from the value up to the root (NULL). */
struct place {
    const struct place *up;
    const char *key; /* NULL: it is an element, see index */
    size_t index;
};

/* Fills the error with origin, path and reason. Always -EINVAL. */
int layout_check_refuse(struct checker *c, const struct place *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* value is an object and has only keys of the NULL-ended list. */
int layout_check_keys(struct checker *c, const struct place *at, const json_t *value,
                      const char *const *keys);

/* A string of 1..max bytes without control characters; *out points into the document. */
int layout_check_text(struct checker *c, const struct place *at, const json_t *value, size_t max,
                      const char **out);

/* "2/3", "1", 0.25: a fraction of 0..1. */
int layout_check_ratio(struct checker *c, const struct place *at, const json_t *value,
                       struct ratio *out);

/* 3, "3", "3-8", "3-": whole numbers from 1; an open end becomes max. */
int layout_check_range(struct checker *c, const struct place *at, const json_t *value, uint32_t max,
                       struct range *out);

int layout_check_int(struct checker *c, const struct place *at, const json_t *value, int min,
                     int max, int *out);

/* One of the words of a NULL-ended list; *out is its place in it. */
int layout_check_word(struct checker *c, const struct place *at, const json_t *value,
                      const char *const *words, int *out);

int layout_check_bool(struct checker *c, const struct place *at, const json_t *value, bool *out);

/* A number above 0, to 1, as 1..255. */
int layout_check_alpha(struct checker *c, const struct place *at, const json_t *value,
                       uint8_t *out);

/* The name of a layout or a picture, which is safe as a file's: a-z 0-9 and -. Copies up to
 * NAME_MAX_CHARS. */
int layout_check_name(struct checker *c, const struct place *at, const json_t *value, char *out);

/* x and w, or y and h: both there, an area, and not past the edge. */
int layout_check_side(struct checker *c, const struct place *at, const json_t *object,
                      const char *start_key, const char *size_key, struct ratio *start,
                      struct ratio *size);

/* "#RRGGBB" */
int layout_check_colour(struct checker *c, const struct place *at, const json_t *value,
                        uint32_t *out);

/* The text nests no deeper than max; looked at before parsing, so that parsing is bounded too. */
int layout_check_depth(struct checker *c, const char *json, size_t size, int max);

#endif
