/* Settings from defaults, file, environment and JSON, in that order of strength. Everything is
 * built in a copy, so a bad file leaves the caller's settings as they were. */
#include "mcu/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mcu/config_internal.h"

enum { PREFIX_CHARS = 8 }; /* "MIXDOWN_" */

static int fail(char *error, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(char *error, int err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, MCU_CONFIG_ERROR_MAX, format, args);
    va_end(args);
    return err;
}

void mcu_config_init(struct mcu_config *c)
{
    char why[MCU_CONFIG_ERROR_MAX];
    memset(c, 0, sizeof(*c));
    for (size_t i = 0; i < config_row_count; i++) {
        if (config_set(c, &config_rows[i], config_rows[i].default_value, why))
            abort(); /* the table contradicts itself: a test would have told */
    }
}

int config_check(const struct mcu_config *c, char *why)
{
    if (c->rtc.port_min > c->rtc.port_max)
        return fail(why, -EINVAL, "rtc.port_min (%u) is above rtc.port_max (%u): swap them",
                    c->rtc.port_min, c->rtc.port_max);
    if (c->audio.playout_min_ms > c->audio.playout_max_ms)
        return fail(why, -EINVAL,
                    "audio.playout_min_ms (%u) is above audio.playout_max_ms (%u): swap them",
                    c->audio.playout_min_ms, c->audio.playout_max_ms);
    if (c->video.width % 2 || c->video.height % 2)
        return fail(why, -EINVAL, "video.width and video.height (%ux%u) must be even",
                    c->video.width, c->video.height);
    if (!c->http.tls_cert[0] != !c->http.tls_key[0])
        return fail(why, -EINVAL,
                    "http.tls_cert and http.tls_key need each other: give both or none");
    return 0;
}

/* --- environment ----------------------------------------------------------------------------- */

static const struct config_row *find_variable(const char *name, size_t size)
{
    for (size_t i = 0; i < config_row_count; i++) {
        char variable[128];
        config_variable(&config_rows[i], variable, sizeof(variable));
        if (strlen(variable) == size && memcmp(variable, name, size) == 0)
            return &config_rows[i];
    }
    return NULL;
}

/* A name that begins with MIXDOWN_ but is no setting. Only a section that we know makes it a
 * mistake: orchestrators put variables such as MIXDOWN_SERVICE_HOST there themselves. */
static int unknown_variable(const char *name, size_t size, char *error)
{
    char section[64] = "", key[64] = "", nearest[128];
    const char *rest = name + PREFIX_CHARS;
    const size_t rest_size = size - PREFIX_CHARS;
    const char *underscore = memchr(rest, '_', rest_size);
    const size_t section_size = underscore ? (size_t)(underscore - rest) : rest_size;
    if (section_size >= sizeof(section) || rest_size - section_size > sizeof(key))
        return 0;
    for (size_t i = 0; i < section_size; i++)
        section[i] = (char)(rest[i] >= 'A' && rest[i] <= 'Z' ? rest[i] + 32 : rest[i]);
    if (!config_has_section(section))
        return 0;
    if (underscore)
        memcpy(key, underscore + 1, rest_size - section_size - 1);
    config_nearest(section, key, nearest, sizeof(nearest));
    const char *dot = strchr(nearest, '.');
    char variable[128] = "";
    const struct config_row *row = NULL;
    if (dot) {
        *strchr(nearest, '.') = '\0';
        row = config_find(nearest, dot + 1);
    }
    if (!row)
        return fail(error, -EINVAL, "%.*s: unknown setting; see `mixdown config doc`",
                    (int)(size < 120 ? size : 120), name);
    config_variable(row, variable, sizeof(variable));
    return fail(error, -EINVAL, "%.*s: unknown setting; did you mean %s?",
                (int)(size < 120 ? size : 120), name, variable);
}

static int read_variable(struct mcu_config *c, const char *variable, char *error)
{
    const char *equals = strchr(variable, '=');
    if (!equals || strncmp(variable, "MIXDOWN_", PREFIX_CHARS) != 0)
        return 0;
    const size_t size = (size_t)(equals - variable);
    const struct config_row *row = find_variable(variable, size);
    if (!row)
        return unknown_variable(variable, size, error);
    char why[MCU_CONFIG_ERROR_MAX];
    const int err = config_set(c, row, equals + 1, why);
    if (err)
        return fail(error, err, "environment: %.*s: %.400s", (int)size, variable, why);
    return 0;
}

int config_read_environment(struct mcu_config *c, char *const *environment, char *error)
{
    for (char *const *p = environment; p && *p; p++) {
        const int err = read_variable(c, *p, error);
        if (err)
            return err;
    }
    return 0;
}

/* --- all together ---------------------------------------------------------------------------- */

int mcu_config_load(struct mcu_config *c, const char *path, char *error)
{
    struct mcu_config copy = *c;
    int err = path ? config_read_yaml(&copy, path, error) : 0;
    if (!err)
        err = config_read_environment(&copy, environ, error);
    if (err)
        return err;
    char why[MCU_CONFIG_ERROR_MAX];
    err = config_check(&copy, why);
    if (err)
        return fail(error, err, "%.100s: %.400s", path ? path : "environment", why);
    *c = copy;
    return 0;
}
