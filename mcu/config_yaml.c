/* The settings file: YAML of two levels, sections and keys, read event by event so that every error
 * can name its line.
 *
 * Only what settings need is allowed: one document, mappings, scalars, and sequences of scalars for
 * lists. Aliases, anchors and tags are refused: they serve no setting, and aliases are how YAML
 * files explode. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <yaml.h>

#include "mcu/config_internal.h"

enum { FILE_SIZE_MAX = 256 * 1024 };

struct reader {
    struct mcu_config *c;
    const char *path;
    char *error;
    yaml_parser_t parser;
    yaml_event_t event; /* the newest; deleted by the next */
    bool has_event;
    bool is_seen[CONFIG_ROWS_MAX]; /* by row: a key may stand once */
};

static size_t line_of(const struct reader *r)
{
    return r->event.start_mark.line + 1;
}

static int fail(const struct reader *r, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(const struct reader *r, size_t line, const char *format, ...)
{
    char what[MCU_CONFIG_ERROR_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    snprintf(r->error, MCU_CONFIG_ERROR_MAX, "%.150s:%zu: %.340s", r->path, line, what);
    config_one_line(r->error);
    return -EINVAL;
}

static int next(struct reader *r)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = yaml_parser_parse(&r->parser, &r->event) == 1;
    if (!r->has_event)
        return fail(r, r->parser.problem_mark.line + 1, "not YAML: %s",
                    r->parser.problem ? r->parser.problem : "it cannot be read");
    if (r->event.type == YAML_ALIAS_EVENT)
        return fail(r, line_of(r), "aliases (*name) are not allowed here");
    return 0;
}

/* The event as a plain string in out, or an error that says what was wanted. */
static int scalar(const struct reader *r, char *out, size_t size, const char *wanted)
{
    const char *value = (const char *)r->event.data.scalar.value;
    if (r->event.type != YAML_SCALAR_EVENT)
        return fail(r, line_of(r), "%s is wanted here", wanted);
    if (r->event.data.scalar.tag || r->event.data.scalar.anchor)
        return fail(r, line_of(r), "tags (!name) and anchors (&name) are not allowed here");
    const size_t length = r->event.data.scalar.length;
    if (length >= size || memchr(value, 0, length))
        return fail(r, line_of(r), "%s is wanted here, of at most %zu bytes", wanted, size - 1);
    memcpy(out, value, length);
    out[length] = '\0';
    return 0;
}

static int unknown(const struct reader *r, const char *section, const char *key)
{
    char nearest[128];
    config_nearest(section, key, nearest, sizeof(nearest));
    const char *dot = key ? "." : "";
    const char *what = key ? "key" : "section";
    if (nearest[0])
        return fail(r, line_of(r), "unknown %s %.64s%s%.64s; did you mean %s?", what, section, dot,
                    key ? key : "", nearest);
    return fail(r, line_of(r), "unknown %s %.64s%s%.64s; `mixdown config doc` lists what there is",
                what, section, dot, key ? key : "");
}

/* The items of a list, up to its end. */
static int read_sequence(struct reader *r, const struct config_row *row)
{
    struct mcu_config_list *list = config_field(r->c, row);
    list->count = 0;
    for (;;) {
        char item[MCU_CONFIG_TEXT], why[MCU_CONFIG_ERROR_MAX];
        int err = next(r);
        if (err)
            return err;
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            return 0;
        err = scalar(r, item, sizeof(item), "a plain value");
        if (err)
            return err;
        if (config_add(r->c, row, item, why))
            return fail(r, line_of(r), "%s.%s %s", row->section, row->key, why);
    }
}

static int read_value(struct reader *r, const struct config_row *row)
{
    char text[4 * MCU_CONFIG_TEXT], why[MCU_CONFIG_ERROR_MAX];
    int err = next(r);
    if (err)
        return err;
    if (row->type == CONFIG_LIST && r->event.type == YAML_SEQUENCE_START_EVENT)
        return read_sequence(r, row);
    err = scalar(r, text, sizeof(text), row->type == CONFIG_LIST ? "a list" : "a plain value");
    if (err)
        return err;
    if (config_set(r->c, row, text, why))
        return fail(r, line_of(r), "%s.%s: %s", row->section, row->key, why);
    return 0;
}

static int read_key(struct reader *r, const char *section)
{
    char key[MCU_CONFIG_TEXT];
    const int err = scalar(r, key, sizeof(key), "the name of a setting");
    if (err)
        return err;
    const struct config_row *row = config_find(section, key);
    if (!row)
        return unknown(r, section, key);
    bool *is_seen = &r->is_seen[row - config_rows];
    if (*is_seen)
        return fail(r, line_of(r), "%s.%s stands here a second time: keep one", section, key);
    *is_seen = true;
    return read_value(r, row);
}

static int read_section(struct reader *r)
{
    char section[MCU_CONFIG_TEXT];
    int err = scalar(r, section, sizeof(section), "the name of a section");
    if (err)
        return err;
    if (!config_has_section(section))
        return unknown(r, section, NULL);
    err = next(r);
    if (err)
        return err;
    if (r->event.type == YAML_SCALAR_EVENT && r->event.data.scalar.length == 0)
        return 0; /* "log:" with all its keys commented out */
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return fail(r, line_of(r), "section %s needs its settings below it, as \"key: value\"",
                    section);
    for (;;) {
        err = next(r);
        if (err || r->event.type == YAML_MAPPING_END_EVENT)
            return err;
        err = read_key(r, section);
        if (err)
            return err;
    }
}

/* Begins at the event that should be the top mapping, ends behind it. */
static int read_top(struct reader *r)
{
    if (r->event.type == YAML_SCALAR_EVENT && r->event.data.scalar.length == 0)
        return 0; /* nothing but comments */
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return fail(r, line_of(r), "sections are wanted here, as \"http:\"");
    for (;;) {
        int err = next(r);
        if (err || r->event.type == YAML_MAPPING_END_EVENT)
            return err;
        err = read_section(r);
        if (err)
            return err;
    }
}

static int read_stream(struct reader *r)
{
    int err = next(r); /* stream start */
    if (!err)
        err = next(r); /* document start, or the end of an empty file */
    if (err || r->event.type == YAML_STREAM_END_EVENT)
        return err;
    err = next(r);
    if (!err)
        err = read_top(r);
    if (!err)
        err = next(r); /* document end */
    if (!err)
        err = next(r);
    if (!err && r->event.type != YAML_STREAM_END_EVENT)
        err = fail(r, line_of(r), "a second document (---) is not allowed here");
    return err;
}

int config_parse_yaml(struct mcu_config *c, const char *path, const char *text, size_t size,
                      char *error)
{
    struct reader r = {.c = c, .path = path, .error = error};
    if (!yaml_parser_initialize(&r.parser)) {
        snprintf(error, MCU_CONFIG_ERROR_MAX, "%.150s: no memory", path);
        return -ENOMEM;
    }
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, size);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    const int err = read_stream(&r);
    if (r.has_event)
        yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return err;
}

int config_read_yaml(struct mcu_config *c, const char *path, char *error)
{
    static const char advice[] = "give the path of a readable file";
    FILE *file = fopen(path, "re");
    if (!file) {
        const int err = -errno;
        snprintf(error, MCU_CONFIG_ERROR_MAX, "%.200s: %s: %s", path, strerror(-err), advice);
        return err;
    }
    int err = -ENOMEM;
    char *text = malloc(FILE_SIZE_MAX + 1);
    if (!text)
        goto done;
    const size_t size = fread(text, 1, FILE_SIZE_MAX + 1, file);
    if (ferror(file))
        err = -EIO;
    else if (size > FILE_SIZE_MAX)
        err = -EFBIG;
    else
        err = config_parse_yaml(c, path, text, size, error);
    if (err == -EIO || err == -EFBIG)
        snprintf(error, MCU_CONFIG_ERROR_MAX, "%.200s: %s: %s", path, strerror(-err), advice);
done:
    if (err == -ENOMEM)
        snprintf(error, MCU_CONFIG_ERROR_MAX, "%.200s: no memory", path);
    free(text);
    fclose(file);
    return err;
}
