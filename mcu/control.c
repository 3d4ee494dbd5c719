/* Control messages as lines: splits the stream, parses each line, writes lines. Both ends of the
 * socket use it from their own loop; nothing here is shared between threads.
 *
 * A reader holds one buffer. Bytes are added at its end, lines are taken from its start, and the
 * unfinished rest moves to the front when more room is needed. */
#include "mcu/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcu/base/json.h"

enum { GROW_MIN = 16 * 1024 };

/* Makes room for size more bytes behind r->size. */
static int reserve(struct mcu_control_reader *r, size_t size)
{
    if (r->start > 0) {
        memmove(r->data, r->data + r->start, r->size - r->start);
        r->size -= r->start;
        r->start = 0;
    }
    if (size > SIZE_MAX / 2 - r->size)
        return -EMSGSIZE;
    const size_t needed = r->size + size;
    if (needed <= r->capacity)
        return 0;
    size_t capacity = r->capacity ? r->capacity : GROW_MIN;
    while (capacity < needed)
        capacity *= 2;
    char *data = realloc(r->data, capacity);
    if (!data)
        return -ENOMEM;
    r->data = data;
    r->capacity = capacity;
    return 0;
}

/* Bytes at the end of what is held that no LF has ended yet. */
static size_t unfinished(const struct mcu_control_reader *r)
{
    if (r->size == r->start)
        return 0;
    const char *rest = r->data + r->start;
    const char *lf = memrchr(rest, '\n', r->size - r->start);
    return lf ? (size_t)(r->data + r->size - (lf + 1)) : r->size - r->start;
}

/* Whether any line, with the new bytes behind the old ones, would be too long. Looked at before
 * anything is stored, so a peer cannot make us hold more than one line and one read. */
static bool is_too_long(const struct mcu_control_reader *r, const char *data, size_t size)
{
    size_t length = unfinished(r);
    while (size > 0) {
        const char *lf = memchr(data, '\n', size);
        const size_t step = lf ? (size_t)(lf - data) + 1 : size;
        length += step;
        if (length > MCU_CONTROL_LINE_MAX)
            return true;
        length = 0; /* no LF left: the loop ends */
        data += step;
        size -= step;
    }
    return false;
}

int mcu_control_feed(struct mcu_control_reader *r, const void *data, size_t size)
{
    if (size == 0)
        return 0;
    if (is_too_long(r, data, size))
        return -EMSGSIZE;
    const int err = reserve(r, size);
    if (err)
        return err;
    memcpy(r->data + r->size, data, size);
    r->size += size;
    return 0;
}

int mcu_control_next(struct mcu_control_reader *r, json_t **out)
{
    const size_t left = r->size - r->start;
    const char *line = left ? r->data + r->start : NULL;
    const char *lf = left ? memchr(line, '\n', left) : NULL;
    if (!lf)
        return 0;
    const size_t length = (size_t)(lf - line);
    r->start += length + 1;
    const int err = mcu_json_parse(out, line, length);
    if (err)
        return err;
    return 1;
}

void mcu_control_reader_finish(struct mcu_control_reader *r)
{
    free(r->data);
    *r = (struct mcu_control_reader){0};
}

char *mcu_control_line(const json_t *message, size_t *size)
{
    /* JSON text escapes control characters, so the only LF is the one put here. */
    const size_t length = json_dumpb(message, NULL, 0, JSON_COMPACT);
    if (length == 0)
        return NULL;
    char *line = malloc(length + 2);
    if (!line)
        return NULL;
    if (json_dumpb(message, line, length, JSON_COMPACT) != length) {
        free(line);
        return NULL;
    }
    line[length] = '\n';
    line[length + 1] = '\0';
    if (size)
        *size = length + 1;
    return line;
}
