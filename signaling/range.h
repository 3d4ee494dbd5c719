/* signaling/range.h - the Range header (RFC 9110, section 14), one range of bytes.
 *
 * Threads: pure, [any]. */
#ifndef SIGNALING_RANGE_H
#define SIGNALING_RANGE_H

#include <stdint.h>

struct sig_range {
    uint64_t first;
    uint64_t last; /* of the same file, inclusive */
};

enum sig_range_answer {
    SIG_RANGE_WHOLE,         /* 200: none asked, several asked, or words that are not a range */
    SIG_RANGE_PART,          /* 206: *out is set */
    SIG_RANGE_NOT_SATISFIED, /* 416 */
};

/* What to answer to a Range header ("" or NULL: none) for a file of size bytes. */
enum sig_range_answer sig_range_parse(struct sig_range *out, const char *header, uint64_t size);

#endif
