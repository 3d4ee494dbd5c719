/* Strict getters over jansson; see json.h. Each one finds the member, then its type, then its
 * bounds, and writes last. */
#include "mcu/base/json.h"

#include <errno.h>
#include <string.h>

int mcu_json_parse(json_t **out, const char *text, size_t size)
{
    json_error_t error;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EBADMSG;
    if (!json_is_object(root)) {
        json_decref(root);
        return -EBADMSG;
    }
    *out = root;
    return 0;
}

/* 1 with *out, or what the getter is to return: 0, -ENOENT or -EINVAL. */
static int find(const json_t *object, const char *key, enum mcu_json_presence presence,
                json_t **out)
{
    if (!json_is_object(object))
        return -EINVAL;
    json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return presence == MCU_JSON_OPTIONAL ? 0 : -ENOENT;
    *out = value;
    return 1;
}

int mcu_json_view(const json_t *object, const char *key, enum mcu_json_presence presence,
                  size_t max_bytes, const char **out, size_t *size)
{
    json_t *value = NULL;
    const int found = find(object, key, presence, &value);
    if (found <= 0)
        return found;
    if (!json_is_string(value) || json_string_length(value) > max_bytes)
        return -EINVAL;
    const char *text = json_string_value(value);
    if (strlen(text) != json_string_length(value))
        return -EINVAL; /* a NUL inside: made by json_stringn, the parser refuses it */
    *out = text;
    if (size)
        *size = json_string_length(value);
    return 0;
}

int mcu_json_string(const json_t *object, const char *key, enum mcu_json_presence presence,
                    size_t min_bytes, char *out, size_t size)
{
    const char *text = NULL;
    size_t length = 0;
    const int err = mcu_json_view(object, key, presence, size - 1, &text, &length);
    if (err || !text)
        return err;
    if (length < min_bytes)
        return -EINVAL;
    memcpy(out, text, length + 1);
    return 0;
}

int mcu_json_text(const json_t *object, const char *key, enum mcu_json_presence presence,
                  size_t min_chars, size_t max_chars, char *out, size_t size)
{
    const char *text = NULL;
    size_t length = 0;
    const int err = mcu_json_view(object, key, presence, size - 1, &text, &length);
    if (err || !text)
        return err;
    if (!mcu_text_is_fit(text, length, min_chars, max_chars))
        return -EINVAL;
    memcpy(out, text, length + 1);
    return 0;
}

int mcu_json_int(const json_t *object, const char *key, enum mcu_json_presence presence,
                 int64_t min, int64_t max, int64_t *out)
{
    json_t *value = NULL;
    const int found = find(object, key, presence, &value);
    if (found <= 0)
        return found;
    if (!json_is_integer(value))
        return -EINVAL;
    const json_int_t n = json_integer_value(value);
    if (n < min || n > max)
        return -EINVAL;
    *out = n;
    return 0;
}

int mcu_json_number(const json_t *object, const char *key, enum mcu_json_presence presence,
                    double min, double max, double *out)
{
    json_t *value = NULL;
    const int found = find(object, key, presence, &value);
    if (found <= 0)
        return found;
    if (!json_is_number(value))
        return -EINVAL;
    const double n = json_number_value(value);
    if (!(n >= min && n <= max)) /* NaN too */
        return -EINVAL;
    *out = n;
    return 0;
}

int mcu_json_bool(const json_t *object, const char *key, enum mcu_json_presence presence, bool *out)
{
    json_t *value = NULL;
    const int found = find(object, key, presence, &value);
    if (found <= 0)
        return found;
    if (!json_is_boolean(value))
        return -EINVAL;
    *out = json_is_true(value);
    return 0;
}

int mcu_json_object(const json_t *object, const char *key, enum mcu_json_presence presence,
                    json_t **out)
{
    json_t *value = NULL;
    const int found = find(object, key, presence, &value);
    if (found <= 0)
        return found;
    if (!json_is_object(value))
        return -EINVAL;
    *out = value;
    return 0;
}

int mcu_json_array(const json_t *object, const char *key, enum mcu_json_presence presence,
                   size_t max_items, json_t **out)
{
    json_t *value = NULL;
    const int found = find(object, key, presence, &value);
    if (found <= 0)
        return found;
    if (!json_is_array(value) || json_array_size(value) > max_items)
        return -EINVAL;
    *out = value;
    return 0;
}

/* The code point at text[*at] and *at behind it; -1 where the bytes are no UTF-8 (RFC 3629). */
static int32_t next_char(const unsigned char *text, size_t size, size_t *at)
{
    const unsigned char first = text[(*at)++];
    if (first < 0x80)
        return first;
    const size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || size - *at < more)
        return -1;
    int32_t c = first & (0x3f >> more);
    for (size_t i = 0; i < more; i++) {
        const unsigned char b = text[(*at)++];
        if ((b & 0xc0) != 0x80)
            return -1;
        c = c << 6 | (b & 0x3f);
    }
    static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
    const bool is_surrogate = c >= 0xd800 && c <= 0xdfff;
    return c < least[more] || c > 0x10ffff || is_surrogate ? -1 : c;
}

int mcu_text_head(const char *text, int most)
{
    int n = 0;
    while (n < most && text[n])
        n++;
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

/* Characters that would break a log line, a label or the order of the words around them. */
static bool is_unfit(int32_t c)
{
    const bool is_control = c < 0x20 || (c >= 0x7f && c < 0xa0);
    const bool is_separator = c == 0x2028 || c == 0x2029;
    const bool is_direction = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
    return is_control || is_separator || is_direction;
}

static bool is_space(int32_t c)
{
    return c == ' ' || c == 0xa0 || c == 0x3000 || (c >= 0x2000 && c <= 0x200b) || c == 0x202f;
}

bool mcu_text_is_fit(const char *text, size_t size, size_t min_chars, size_t max_chars)
{
    size_t chars = 0, spaces = 0;
    for (size_t at = 0; at < size; chars++) {
        const int32_t c = next_char((const unsigned char *)text, size, &at);
        if (is_unfit(c) || chars == max_chars)
            return false;
        spaces += is_space(c);
    }
    return chars >= min_chars && (min_chars == 0 || spaces < chars);
}
