/* mcu/config_internal.h - the settings table and what works on one of its rows. Only mcu/config*.c
 * include this. Everything here is pure; `why` buffers hold MCU_CONFIG_ERROR_MAX bytes. */
#ifndef MCU_CONFIG_INTERNAL_H
#define MCU_CONFIG_INTERNAL_H

#include <stddef.h>

#include "mcu/config.h"

enum { CONFIG_ROWS_MAX = 128 };

enum config_type {
    CONFIG_INT,  /* uint32_t */
    CONFIG_BOOL,
    CONFIG_TEXT, /* char[size] */
    CONFIG_LIST, /* struct mcu_config_list */
};

struct config_row {
    const char *section;
    const char *key;
    enum config_type type;
    size_t offset;              /* in struct mcu_config */
    size_t size;                /* of the field */
    uint32_t min, max;          /* CONFIG_INT */
    const char *default_value;  /* as in the file; lists with commas */
    const char *choices;        /* CONFIG_TEXT: "a b c", or NULL */
    bool (*is_valid)(const char *text); /* a text that is not empty, each item of a list */
    const char *form;           /* what is_valid wants, in words */
    const char *sentence;
    bool is_secret;    /* never shown, and not told to rooms, unless */
    bool is_for_rooms; /* they cannot do without it */
    bool is_required;           /* CONFIG_TEXT that may not be empty */
};

extern const struct config_row config_rows[];
extern const size_t config_row_count;

/* The row, or NULL. */
const struct config_row *config_find(const char *section, const char *key);
bool config_has_section(const char *section);

/* The known "section.key" (or section alone, when key is NULL) that is nearest in spelling to what
 * was given; "" when nothing is near. */
void config_nearest(const char *section, const char *key, char *out, size_t size);

/* Control characters become "?": what strangers wrote is quoted in errors of one line. */
void config_one_line(char *text);

/* Puts a value given as text (lists: items with commas between) into c. 0, or -EINVAL and why. */
int config_set(struct mcu_config *c, const struct config_row *row, const char *text, char *why);

/* Adds one item to a list. */
int config_add(struct mcu_config *c, const struct config_row *row, const char *item, char *why);

/* What has to hold between settings. */
int config_check(const struct mcu_config *c, char *why);

/* Reads a file over c. error is the whole line, with file and line number. */
int config_read_yaml(struct mcu_config *c, const char *path, char *error);
int config_parse_yaml(struct mcu_config *c, const char *path, const char *text, size_t size,
                      char *error);

/* Reads environment variables over c. */
int config_read_environment(struct mcu_config *c, char *const *environment, char *error);

/* What a row's number may be, or the form of its text, in words: "16 to 256". */
void config_values(const struct config_row *row, char *out, size_t size);

/* "MIXDOWN_HTTP_LISTEN" */
void config_variable(const struct config_row *row, char *out, size_t size);

static inline void *config_field(struct mcu_config *c, const struct config_row *row)
{
    return (char *)c + row->offset;
}

static inline const void *config_value(const struct mcu_config *c, const struct config_row *row)
{
    return (const char *)c + row->offset;
}

#endif
