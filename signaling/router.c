/* Matching paths to handlers; see router.h. */
#include "signaling/router.h"

#include <stdio.h>
#include <string.h>

static const struct {
    enum sig_method method;
    const char *name;
} method_names[] = {
    {SIG_GET, "GET"},     {SIG_HEAD, "HEAD"},     {SIG_POST, "POST"},       {SIG_PUT, "PUT"},
    {SIG_PATCH, "PATCH"}, {SIG_DELETE, "DELETE"}, {SIG_OPTIONS, "OPTIONS"},
};

static size_t segment_size(const char *path)
{
    return strcspn(path, "/");
}

/* One segment of the path against one of the pattern. */
static bool segment_fits(struct sig_match *m, uint32_t *param, const char *pattern,
                         size_t pattern_n, const char *path, size_t n)
{
    if (pattern_n < 2 || pattern[0] != '{')
        return n == pattern_n && memcmp(pattern, path, n) == 0;
    if (n == 0 || n >= SIG_ROUTE_PARAM_MAX || *param >= SIG_ROUTE_PARAMS)
        return false;
    memcpy(m->params[*param], path, n);
    m->params[(*param)++][n] = '\0';
    return true;
}

static bool path_fits(struct sig_match *m, const char *pattern, const char *path)
{
    uint32_t param = 0;
    memset(m->params, 0, sizeof(m->params));
    while (*pattern == '/' && *path == '/') {
        pattern++;
        path++;
        if (strcmp(pattern, "*") == 0)
            return *path != '\0';
        const size_t pattern_n = segment_size(pattern);
        const size_t n = segment_size(path);
        if (!segment_fits(m, &param, pattern, pattern_n, path, n))
            return false;
        pattern += pattern_n;
        path += n;
    }
    return *pattern == '\0' && *path == '\0';
}

static bool is_catch_all(const char *pattern)
{
    return pattern[strlen(pattern) - 1] == '*';
}

void sig_route_find(struct sig_match *out, const struct sig_route *table, enum sig_method method,
                    const char *path)
{
    struct sig_match m = {0};
    *out = (struct sig_match){0};
    for (const struct sig_route *r = table; r->pattern; r++) {
        if (!path_fits(&m, r->pattern, path))
            continue;
        const uint32_t takes = r->method == SIG_GET ? SIG_GET | SIG_HEAD : r->method;
        const bool is_rest = is_catch_all(r->pattern);
        const bool is_known = out->allowed != 0; /* then it is no part of the rest */
        if (!is_rest)
            out->allowed |= takes | SIG_OPTIONS;
        if (!out->route && (takes & method) && !(is_rest && is_known)) {
            memcpy(out->params, m.params, sizeof(m.params));
            out->route = r;
        }
    }
}

void sig_route_allow(char *out, size_t size, uint32_t allowed)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof(method_names) / sizeof(*method_names); i++) {
        if (!(allowed & method_names[i].method) || n >= size)
            continue;
        const int wrote = snprintf(out + n, size - n, "%s%s", n ? ", " : "", method_names[i].name);
        n += wrote > 0 ? (size_t)wrote : 0;
    }
}
