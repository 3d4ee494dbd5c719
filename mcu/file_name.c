/* Templates of file names: every byte of the result is one that was let in. */
#include "mcu/file_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { VALUE_MAX = 129, MS_PER_S = 1000 };

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* Room ids have dots, too; in the middle of a name they are harmless, in front they would hide it.
 */
static void clean(char *out, const char *text)
{
    size_t n = 0;
    for (; text[n] && n < VALUE_MAX - 1; n++)
        out[n] = is_plain(text[n]) || (text[n] == '.' && n > 0) ? text[n] : '_';
    out[n] = '\0';
}

static void in_utc(char *out, bool is_date, int64_t at_ms)
{
    const time_t at_s = (time_t)(at_ms / MS_PER_S);
    struct tm tm;
    gmtime_r(&at_s, &tm);
    if (is_date)
        strftime(out, VALUE_MAX, "%Y%m%d", &tm);
    else
        strftime(out, VALUE_MAX, "%H%M%S", &tm);
}

/* values NULL: only whether there is such a field. */
static bool fill(char *out, const char *field, size_t size, const struct mcu_file_name *values)
{
    static const char *const fields[] = {"room", "id", "date", "time", "ms"};
    size_t i = 0;
    while (i < 5 && (strlen(fields[i]) != size || memcmp(fields[i], field, size) != 0))
        i++;
    out[0] = '\0';
    if (i == 5 || !values)
        return i < 5;
    if (i < 2)
        clean(out, i == 0 ? values->room : values->id);
    else if (i < 4)
        in_utc(out, i == 2, values->at_ms);
    else
        snprintf(out, VALUE_MAX, "%03d", (int)(values->at_ms % MS_PER_S));
    return true;
}

/* One field or one plain byte from *at on; -EINVAL when it is neither. */
static int take(char *out, const char **at, const struct mcu_file_name *values)
{
    const char *c = *at;
    if (*c != '{') {
        out[0] = *c;
        out[1] = '\0';
        *at = c + 1;
        return is_plain(*c) ? 0 : -EINVAL;
    }
    const char *end = strchr(c, '}');
    if (!end || !fill(out, c + 1, (size_t)(end - c) - 1, values))
        return -EINVAL;
    *at = end + 1;
    return 0;
}

bool mcu_file_template_is_valid(const char *template)
{
    char value[VALUE_MAX];
    const char *at = template;
    bool is_valid = *template && strlen(template) <= MCU_FILE_NAME_MAX;
    while (is_valid && *at)
        is_valid = take(value, &at, NULL) == 0;
    return is_valid;
}

int mcu_file_name(char *out, const char *template, const struct mcu_file_name *values)
{
    char name[MCU_FILE_NAME_MAX + 1] = "";
    size_t size = 0;
    const char *at = template;
    while (*at) {
        char value[VALUE_MAX];
        const int err = take(value, &at, values);
        if (err)
            return err;
        const size_t n = strlen(value);
        if (n > MCU_FILE_NAME_MAX - size)
            return -ENAMETOOLONG;
        memcpy(name + size, value, n + 1);
        size += n;
    }
    if (!size)
        return -EINVAL;
    memcpy(out, name, size + 1);
    return 0;
}
