/* SDP text as lines and words. This is the only place that walks raw bytes: behind it every line
 * has a type, no control characters, and a number for errors. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "signaling/sdp_internal.h"

int sdp_fail(char *error, const struct sdp_line *line, const char *format, ...)
{
    char what[SIG_SDP_ERROR_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    if (line)
        snprintf(error, SIG_SDP_ERROR_MAX, "line %u: %.140s", line->number, what);
    else
        snprintf(error, SIG_SDP_ERROR_MAX, "%s", what);
    return -EBADMSG;
}

static bool has_control(struct sdp_span s)
{
    for (size_t i = 0; i < s.size; i++) {
        const unsigned char c = (unsigned char)s.at[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

static int read_line(struct sdp_line *line, struct sdp_span text, char *error)
{
    if (text.size > 0 && text.at[text.size - 1] == '\r')
        text.size--;
    if (text.size < 2 || text.at[0] < 'a' || text.at[0] > 'z' || text.at[1] != '=')
        return sdp_fail(error, line, "not of the form x=value");
    if (has_control(text))
        return sdp_fail(error, line, "has control characters");
    line->type = text.at[0];
    line->value = (struct sdp_span){text.at + 2, text.size - 2};
    line->name = (struct sdp_span){line->value.at, 0};
    if (line->type == 'a')
        line->name = sdp_cut(&line->value, ':');
    return 0;
}

/* Bytes of the text without the line ends behind its last line. */
static size_t trimmed(const char *text, size_t size)
{
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        size--;
    return size;
}

int sdp_split(struct sdp_lines *out, const char *text, size_t size, char *error)
{
    if (size > SIG_SDP_SIZE_MAX) {
        sdp_fail(error, NULL, "the description is longer than %d bytes", SIG_SDP_SIZE_MAX);
        return -EMSGSIZE;
    }
    struct sdp_span rest = {text, trimmed(text, size)};
    struct sdp_lines lines = {.line = calloc(SIG_SDP_LINES_MAX, sizeof(*lines.line))};
    if (!lines.line) {
        sdp_fail(error, NULL, "no memory");
        return -ENOMEM;
    }
    int err = 0;
    while (!err && rest.size > 0) {
        if (lines.count == SIG_SDP_LINES_MAX) {
            sdp_fail(error, NULL, "the description has more than %d lines", SIG_SDP_LINES_MAX);
            err = -EMSGSIZE;
            break;
        }
        struct sdp_line *line = &lines.line[lines.count++];
        line->number = (uint32_t)lines.count;
        err = read_line(line, sdp_cut(&rest, '\n'), error);
    }
    if (err) {
        free(lines.line);
        return err;
    }
    *out = lines;
    return 0;
}

struct sdp_span sdp_word(struct sdp_span *rest)
{
    while (rest->size > 0 && rest->at[0] == ' ') {
        rest->at++;
        rest->size--;
    }
    return sdp_cut(rest, ' ');
}

struct sdp_span sdp_cut(struct sdp_span *rest, char c)
{
    const char *found = rest->size ? memchr(rest->at, c, rest->size) : NULL;
    const size_t size = found ? (size_t)(found - rest->at) : rest->size;
    const struct sdp_span word = {rest->at, size};
    const size_t gone = size + (found ? 1 : 0);
    rest->at += gone;
    rest->size -= gone;
    return word;
}

bool sdp_is(struct sdp_span s, const char *text)
{
    return s.size == strlen(text) && memcmp(s.at, text, s.size) == 0;
}

bool sdp_is_nocase(struct sdp_span s, const char *text)
{
    return s.size == strlen(text) && strncasecmp(s.at, text, s.size) == 0;
}

bool sdp_number(struct sdp_span s, uint32_t max, uint32_t *out)
{
    uint64_t n = 0;
    if (s.size == 0 || s.size > 10)
        return false;
    for (size_t i = 0; i < s.size; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(s.at[i] - '0');
    }
    if (n > max)
        return false;
    *out = (uint32_t)n;
    return true;
}

bool sdp_copy(char *out, size_t size, struct sdp_span s)
{
    if (s.size >= size)
        return false;
    for (size_t i = 0; i < s.size; i++) {
        if (s.at[i] <= ' ' || s.at[i] > '~')
            return false;
    }
    memcpy(out, s.at, s.size);
    out[s.size] = '\0';
    return true;
}

int sdp_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    const int lower = tolower((unsigned char)c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}
