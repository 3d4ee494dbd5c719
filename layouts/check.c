/* Strict reading of JSON values; see check.h. Layout files come from users and are hostile: every
 * number has a range, every string a length, and what is refused is named by its path. */
#include "layouts/check.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* snprintf that goes on after what is there, and stops at the end. */
static void append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void append(char *text, size_t size, const char *format, ...)
{
    const size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

static void append_path(char *text, size_t size, const struct place *at)
{
    if (!at) {
        append(text, size, "$");
        return;
    }
    append_path(text, size, at->up);
    if (at->key)
        append(text, size, ".%.40s", at->key);
    else
        append(text, size, "[%zu]", at->index);
}

int layout_check_refuse(struct checker *c, const struct place *at, const char *format, ...)
{
    if (!c->error)
        return -EINVAL;
    c->error[0] = '\0';
    append(c->error, LAYOUT_ERROR_MAX, "%.100s: ", c->origin);
    append_path(c->error, LAYOUT_ERROR_MAX, at);
    append(c->error, LAYOUT_ERROR_MAX, ": ");
    const size_t used = strlen(c->error);
    va_list args;
    va_start(args, format);
    vsnprintf(c->error + used, LAYOUT_ERROR_MAX - used, format, args);
    va_end(args);
    return -EINVAL;
}

int layout_check_keys(struct checker *c, const struct place *at, const json_t *value,
                      const char *const *keys)
{
    if (!json_is_object(value))
        return layout_check_refuse(c, at, "must be an object");
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)value, key, item)
    {
        const char *const *known = keys;
        while (*known && strcmp(*known, key) != 0)
            known++;
        if (!*known) {
            const struct place here = {.up = at, .key = key};
            return layout_check_refuse(c, &here, "unknown key");
        }
    }
    return 0;
}

int layout_check_text(struct checker *c, const struct place *at, const json_t *value, size_t max,
                      const char **out)
{
    if (!json_is_string(value))
        return layout_check_refuse(c, at, "must be a string");
    const char *text = json_string_value(value);
    const size_t length = json_string_length(value);
    if (length == 0 || length > max)
        return layout_check_refuse(c, at, "must have 1 to %zu bytes", max);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return layout_check_refuse(c, at, "has a control character");
    }
    *out = text;
    return 0;
}

/* Up to six digits; returns the first character after them, or NULL. */
static const char *read_digits(const char *text, int64_t *out)
{
    int64_t value = 0;
    int digits = 0;
    for (; isdigit((unsigned char)*text) && digits < 7; text++, digits++)
        value = value * 10 + (*text - '0');
    if (digits == 0 || digits > 6)
        return NULL;
    *out = value;
    return text;
}

int layout_check_ratio(struct checker *c, const struct place *at, const json_t *value,
                       struct ratio *out)
{
    struct ratio r = {.num = -1, .den = 1};
    if (json_is_number(value)) {
        const double number = json_number_value(value);
        if (!isfinite(number) || number < 0 || number > 1)
            return layout_check_refuse(c, at, "must be from 0 to 1");
        r.den = DENOMINATOR_MAX;
        r.num = llround(number * DENOMINATOR_MAX);
        *out = r;
        return 0;
    }
    if (!json_is_string(value))
        return layout_check_refuse(c, at, "must be a number or a fraction like \"2/3\"");

    const char *end = read_digits(json_string_value(value), &r.num);
    if (end && *end == '/')
        end = read_digits(end + 1, &r.den);
    if (!end || *end != '\0' || r.den == 0)
        return layout_check_refuse(c, at, "must be a number or a fraction like \"2/3\"");
    if (r.num > r.den)
        return layout_check_refuse(c, at, "must be from 0 to 1");
    *out = r;
    return 0;
}

int layout_check_range(struct checker *c, const struct place *at, const json_t *value, uint32_t max,
                       struct range *out)
{
    int64_t low = 0, high = 0;
    if (json_is_integer(value)) {
        low = high = json_integer_value(value);
    } else if (json_is_string(value)) {
        const char *end = read_digits(json_string_value(value), &low);
        high = low;
        if (end && *end == '-') {
            high = max;
            end++;
            if (*end != '\0')
                end = read_digits(end, &high);
        }
        if (!end || *end != '\0')
            return layout_check_refuse(c, at, "must be a count or a range like \"2-8\" or \"2-\"");
    } else {
        return layout_check_refuse(c, at, "must be a count or a range like \"2-8\" or \"2-\"");
    }
    if (low < 1 || high > max || low > high)
        return layout_check_refuse(c, at, "must rise within 1 to %u", max);
    *out = (struct range){.min = (uint32_t)low, .max = (uint32_t)high};
    return 0;
}

int layout_check_int(struct checker *c, const struct place *at, const json_t *value, int min,
                     int max, int *out)
{
    if (!json_is_integer(value))
        return layout_check_refuse(c, at, "must be a whole number");
    const json_int_t number = json_integer_value(value);
    if (number < min || number > max)
        return layout_check_refuse(c, at, "must be from %d to %d", min, max);
    *out = (int)number;
    return 0;
}

int layout_check_word(struct checker *c, const struct place *at, const json_t *value,
                      const char *const *words, int *out)
{
    const char *word = json_string_value(value);
    for (int i = 0; word && words[i]; i++) {
        if (strcmp(words[i], word) == 0) {
            *out = i;
            return 0;
        }
    }
    char known[128] = "";
    for (int i = 0; words[i]; i++)
        append(known, sizeof(known), "%s\"%s\"", i ? ", " : "", words[i]);
    return layout_check_refuse(c, at, "must be one of %s", known);
}

int layout_check_bool(struct checker *c, const struct place *at, const json_t *value, bool *out)
{
    if (!json_is_boolean(value))
        return layout_check_refuse(c, at, "must be true or false");
    *out = json_is_true(value);
    return 0;
}

int layout_check_alpha(struct checker *c, const struct place *at, const json_t *value, uint8_t *out)
{
    struct ratio r;
    const int err = layout_check_ratio(c, at, value, &r);
    if (err)
        return err;
    if (r.num == 0)
        return layout_check_refuse(c, at, "must be above 0");
    const int64_t level = (r.num * 255 + r.den / 2) / r.den;
    *out = (uint8_t)(level ? level : 1);
    return 0;
}

int layout_check_name(struct checker *c, const struct place *at, const json_t *value, char *out)
{
    const char *text;
    const int err = layout_check_text(c, at, value, NAME_MAX_CHARS, &text);
    if (err)
        return err;
    for (size_t i = 0; text[i]; i++) {
        if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) && text[i] != '-')
            return layout_check_refuse(c, at, "may have a-z, 0-9 and - only");
    }
    snprintf(out, NAME_MAX_CHARS + 1, "%s", text);
    return 0;
}

int layout_check_side(struct checker *c, const struct place *at, const json_t *object,
                      const char *start_key, const char *size_key, struct ratio *start,
                      struct ratio *size)
{
    const struct place start_at = {.up = at, .key = start_key},
                       size_at = {.up = at, .key = size_key};
    const json_t *start_value = json_object_get(object, start_key);
    const json_t *size_value = json_object_get(object, size_key);
    if (!start_value)
        return layout_check_refuse(c, &start_at, "is missing");
    if (!size_value)
        return layout_check_refuse(c, &size_at, "is missing");
    int err = layout_check_ratio(c, &start_at, start_value, start);
    if (!err)
        err = layout_check_ratio(c, &size_at, size_value, size);
    if (err)
        return err;
    if (size->num == 0)
        return layout_check_refuse(c, &size_at, "must be above 0");
    if (start->num * size->den + size->num * start->den > start->den * size->den)
        return layout_check_refuse(c, at, "%s + %s is off the canvas", start_key, size_key);
    return 0;
}

int layout_check_colour(struct checker *c, const struct place *at, const json_t *value,
                        uint32_t *out)
{
    const char *text = json_string_value(value);
    if (!text || text[0] != '#' || strlen(text) != 7)
        return layout_check_refuse(c, at, "must be a colour like \"#101418\"");
    uint32_t colour = 0;
    for (int i = 1; i < 7; i++) {
        if (!isxdigit((unsigned char)text[i]))
            return layout_check_refuse(c, at, "must be a colour like \"#101418\"");
        const int digit = isdigit((unsigned char)text[i])
                              ? text[i] - '0'
                              : tolower((unsigned char)text[i]) - 'a' + 10;
        colour = colour << 4 | (uint32_t)digit;
    }
    *out = colour;
    return 0;
}

int layout_check_depth(struct checker *c, const char *json, size_t size, int max)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        if (in_string) {
            if (json[i] == '\\')
                i++;
            else if (json[i] == '"')
                in_string = false;
            continue;
        }
        if (json[i] == '"')
            in_string = true;
        else if (json[i] == '{' || json[i] == '[')
            depth++;
        else if (json[i] == '}' || json[i] == ']')
            depth--;
        if (depth > max)
            return layout_check_refuse(c, NULL, "nested deeper than %d, at byte %zu", max, i);
    }
    return 0;
}
