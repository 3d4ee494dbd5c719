/* Parsing Range; see range.h. Words that are not a range are ignored, as RFC 9110 asks. */
#include "signaling/range.h"

#include <stdbool.h>
#include <stddef.h>
#include <strings.h>

/* Digits to a number that saturates; true when there was at least one. */
static bool take_number(const char **at, uint64_t *out)
{
    const char *p = *at;
    uint64_t n = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        const uint64_t digit = (uint64_t)(*p - '0');
        n = n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : n * 10 + digit;
    }
    const bool some = p != *at;
    *at = p;
    *out = n;
    return some;
}

static void skip_spaces(const char **at)
{
    while (**at == ' ' || **at == '\t')
        (*at)++;
}

static enum sig_range_answer last_bytes(struct sig_range *out, uint64_t n, uint64_t size)
{
    if (n == 0 || size == 0)
        return SIG_RANGE_NOT_SATISFIED;
    out->first = n < size ? size - n : 0;
    out->last = size - 1;
    return SIG_RANGE_PART;
}

enum sig_range_answer sig_range_parse(struct sig_range *out, const char *header, uint64_t size)
{
    if (!header || strncasecmp(header, "bytes=", 6) != 0)
        return SIG_RANGE_WHOLE;
    const char *at = header + 6;
    uint64_t first = 0;
    uint64_t last = UINT64_MAX;
    skip_spaces(&at);
    const bool has_first = take_number(&at, &first);
    if (*at++ != '-')
        return SIG_RANGE_WHOLE;
    const bool has_last = take_number(&at, &last);
    skip_spaces(&at);
    if (*at != '\0' || (!has_first && !has_last) || (has_first && has_last && last < first))
        return SIG_RANGE_WHOLE;
    if (!has_first)
        return last_bytes(out, last, size);
    if (first >= size)
        return SIG_RANGE_NOT_SATISFIED;
    out->first = first;
    out->last = has_last && last < size ? last : size - 1;
    return SIG_RANGE_PART;
}
